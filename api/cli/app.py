"""The table of commands, and the way in."""

import contextlib
import gc
import os
import sys
from importlib import metadata
from typing import Annotated, Any

import typer

from api.cli import (
    benching,
    bills,
    calendars,
    demo,
    desk,
    documents,
    drilling,
    events,
    export,
    feeds,
    importing,
    keys,
    lists,
    membership,
    projecting,
    reports,
    serving,
    setup,
    simulating,
    staff,
    vault,
    verifying,
    webhooks,
)
from api.cli.output import (
    GIVEN,
    INTERRUPTED,
    REFUSED,
    DatabaseOption,
    JsonOption,
    say_error,
    say_unexpected,
)
from domain.refusals import Code

PROGRAM = "zhangfang"  # In usage messages too, however it was started.

app = typer.Typer(
    name=PROGRAM,
    help="账房: the accounting system of a third-party payment institution.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"zhangfang {metadata.version('zhangfang')}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and end.")
]


@app.callback()
def options(
    database: DatabaseOption = None, as_json: JsonOption = False, version: VersionOption = False
) -> None:
    """The ledger and --json may also stand after the command."""
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
app.command("desk")(desk.desk)
app.add_typer(export.app, name="export")
app.add_typer(keys.app, name="key")
app.add_typer(staff.app, name="staff")
app.add_typer(vault.app, name="vault")
app.add_typer(membership.app, name="member")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(documents.app, name="document")
app.add_typer(calendars.app, name="calendar")
app.add_typer(lists.app, name="lists")
app.add_typer(bills.app, name="bill")
app.command("verify")(verifying.verify)
app.add_typer(drilling.app, name="drill")
app.command("head")(verifying.head)
app.command(
    "simulator",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)(simulating.simulator)
app.command(
    "bench",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)(benching.bench)


def _json_app() -> int:
    """The application for machines: how it was called wrongly is said in JSON too."""
    try:
        return int(app(prog_name=PROGRAM, standalone_mode=False) or 0)
    except typer.Abort:
        return INTERRUPTED
    except typer.TyperException as error:
        option: Any = getattr(error, "param", None)
        named = getattr(error, "option_name", None) or (option.opts[0] if option else "arguments")
        field, said = named.lstrip("-"), error.format_message()
        say_error(Code.REQUEST_INVALID.value, field, said, as_json=True)
        return REFUSED


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its number; it is no reason to stop.
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    as_json = "--json" in sys.argv[1:]
    # A commit keeps thousands of objects for a moment, none of them part of a cycle. Looking for
    # cycles every 700 objects, as is the default, costs a tenth of the time and the worst waits.
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    try:
        sys.exit(_json_app() if as_json else app(prog_name=PROGRAM))
    except Exception as error:  # Commands say their own; this is for what is outside of them.
        say_unexpected(error, as_json=as_json)
        sys.exit(REFUSED)
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:  # The reader had enough; the interpreter's own flush must not fail.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
