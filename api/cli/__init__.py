"""The command line: `zhangfang`, one small file per group of commands.

app.py      the table of commands          output.py   options, answers, errors, progress
opening.py  opening a ledger               demo.py     the story, printed
"""

from api.cli.app import app, main

__all__ = ["app", "main"]
