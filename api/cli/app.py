"""The table of commands, and the way in."""

import contextlib
import os
import sys

import typer

from api.cli import importing, reports, setup, verifying
from api.cli.output import GIVEN, DatabaseOption, JsonOption

app = typer.Typer(
    name="zhangfang",
    help="账房: the accounting system of a third-party payment institution.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Both options may also stand after the command."""
    GIVEN.set((database, as_json))


app.command("init")(setup.init)
app.command("import")(importing.import_feed)
app.command("statement")(reports.statement)
app.command("trial-balance")(reports.balance)
app.command("positions")(reports.positions)
app.command("verify")(verifying.verify)


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its number; it is no reason to stop.
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app()
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:  # The reader had enough; the interpreter's own flush must not fail.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
