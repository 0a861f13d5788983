"""A process that owns an embedded PostgreSQL: owner.py ROOT [fork]. For tests that kill it.

Prints its postmaster's pid once the server answers; with `fork`, first makes a child process
that outlives it, as a pool of workers may. Ends in good order when its input is closed.
"""

import os
import sys
import time
from pathlib import Path

from ledger.pg.embedded import EmbeddedPostgres


def main() -> None:
    with EmbeddedPostgres(Path(sys.argv[1]), settings={"shared_buffers": "32MB"}) as server:
        child = 0
        if "fork" in sys.argv[2:] and (child := os.fork()) == 0:
            os.close(1)
            time.sleep(60)
            os._exit(0)
        sys.stdout.write(f"{server.pid} {child}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
