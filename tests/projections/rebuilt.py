"""A program to be killed: rebuilds the example of example.py here, saying how far it is.

python -m tests.projections.rebuilt URL BATCH
"""

import sys

from projections.rebuilding.rebuild import rebuild
from tests.projections.example import BOTH, books


def main() -> None:
    with books(sys.argv[1]) as opened:

        def say(done: int, total: int) -> None:
            print(done, total, flush=True)

        rebuild(opened.recorder, opened.engine, BOTH, batch=int(sys.argv[2]), on_progress=say)
        print("swapped", flush=True)


if __name__ == "__main__":
    main()
