"""The table of commands, and the way in."""

import contextlib
import gc
import os
import sys

import typer

from api.cli import (
    benching,
    demo,
    events,
    feeds,
    importing,
    keys,
    projecting,
    reports,
    serving,
    setup,
    verifying,
)
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
app.command("demo")(demo.demo)
app.command("run")(serving.run)
app.command("serve")(serving.serve)
app.command("import")(importing.import_feed)
app.command("statement")(reports.statement)
app.command("trial-balance")(reports.balance)
app.command("positions")(reports.positions)
app.command("events")(events.events)
app.add_typer(projecting.app, name="projections")
app.add_typer(feeds.app, name="feed")
app.add_typer(keys.app, name="key")
app.command("verify")(verifying.verify)
app.command(
    "bench",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)(benching.bench)


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its number; it is no reason to stop.
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    # A commit keeps thousands of objects for a moment, none of them part of a cycle. Looking for
    # cycles every 700 objects, as is the default, costs a tenth of the time and the worst waits.
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    try:
        app()
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:  # The reader had enough; the interpreter's own flush must not fail.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
