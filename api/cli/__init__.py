"""The command line: `zhangfang`, one small file per group of commands.

app.py      the table of commands          output.py   options, answers, errors, progress
opening.py  opening a ledger               demo.py     the story, printed
"""

import sys

INTERRUPTED = 130  # 128 and the signal's number, as shells count.


def main() -> None:
    """The console script. Ctrl-C while it still loads ends it as it ends a command: with 130, and
    with nothing begun."""
    try:
        from api.cli.app import (
            main as run,  # Here: loading takes a second in which Ctrl-C may come.
        )

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
