"""python -m ledger: the same as the command tequio."""

from ledger.cli.main import main

if __name__ == "__main__":  # Worker processes import this file again.
    main()
