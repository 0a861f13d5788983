"""./run simulate: histories of a ledger from seeds, with everything that goes wrong.

    ./run simulate --seed 17 --steps 300     one history, the same byte for byte
    ./run simulate --minutes 60              one after the other, from seed 1 or --seed on
    ./run simulate --focus limits            more of a theme than chance would have

The last line is the hash of all before it that a seed decides; times stand only on lines with
the word seconds. A history that fails says how to see it again, and the exit code is 1.
"""

import argparse
import sys
import time
import traceback
from hashlib import sha256

from tests.simulation.history import Failed, run
from tests.simulation.workload.themes import NAMES

PROGRESS_S = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run simulate", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="the history to live through (1)")
    parser.add_argument("--steps", type=int, default=300, help="how long it is (300)")
    parser.add_argument("--focus", default="", choices=NAMES, help="what it is about")
    parser.add_argument("--minutes", type=float, help="go on with the seeds after it, so long")
    asked = parser.parse_args()
    started = time.monotonic()
    try:
        if asked.minutes is None:
            history = run(asked.seed, asked.steps, asked.focus)
            sys.stdout.write("".join(f"{line}\n" for line in history.lines))
            digest = history.sha256
        else:
            digest = _many(asked.seed, asked.steps, asked.focus, started + 60 * asked.minutes)
    except Failed as failed:
        sys.stdout.write("".join(f"{line}\n" for line in failed.lines))
        sys.stdout.flush()
        traceback.print_exception(failed.__cause__)
        sys.stderr.write(f"{failed}\n")
        return 1
    sys.stdout.write(f"lived through in {time.monotonic() - started:.1f} seconds\n")
    sys.stdout.write(f"history {digest}\n")
    return 0


def _many(seed: int, steps: int, focus: str, until: float) -> str:
    """Histories one after the other, a line each, until the time is up; at least one."""
    digest = sha256()
    told = time.monotonic()
    first = seed
    while True:
        history = run(seed, steps, focus)
        line = f"seed {seed}: {history.leaves} leaves, {history.sha256}\n"
        sys.stdout.write(line)
        digest.update(line.encode())
        seed += 1
        now = time.monotonic()
        if now >= until:
            return digest.hexdigest()
        if now - told >= PROGRESS_S:
            told = now
            left = (until - now) / 60
            sys.stderr.write(f"{seed - first} histories, {left:.1f} minutes to go\n")


if __name__ == "__main__":
    sys.exit(main())
