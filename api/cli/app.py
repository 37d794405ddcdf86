"""The table of commands, and the way in."""

import contextlib
import gc
import os
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Annotated, Any

import typer
import typer.core

from api.cli import (
    INTERRUPTED,
    approvals,
    benching,
    bills,
    calendars,
    chargebacks,
    demo,
    desk,
    differences,
    documents,
    drilling,
    events,
    export,
    feeds,
    funds,
    importing,
    keys,
    lists,
    membership,
    own,
    projecting,
    reconciling,
    reports,
    reserves,
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
    REFUSED,
    DatabaseOption,
    JsonOption,
    say_error,
    say_unexpected,
)
from domain.refusals import Code

PROGRAM = "zhangfang"  # In usage messages too, however it was started.


class Commands(typer.core.TyperGroup):
    """The application; with --json how it was called wrongly is said in JSON too, with the exit
    code that it has for people."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        words = list(sys.argv[1:] if args is None else args)

        def run(alone: bool) -> Any:
            return super(Commands, self).main(
                words, prog_name, complete_var, alone, windows_expand_args, **extra
            )

        if "--json" not in words or not standalone_mode:
            return run(standalone_mode)
        return sys.exit(_ended(lambda: run(False)))


def _ended(run: Callable[[], Any]) -> int:
    """The exit code."""
    try:
        return int(run() or 0)
    except typer.Abort:
        return INTERRUPTED
    except typer.TyperException as error:
        option: Any = getattr(error, "param", None)
        named = getattr(error, "option_name", None) or (option.opts[0] if option else "arguments")
        field = named.lstrip("-")
        if not field[:1].isalpha():  # `-5` is no option, and nobody meant one.
            field = "arguments"
        say_error(Code.REQUEST_INVALID.value, field, error.format_message(), as_json=True)
        return REFUSED


app = typer.Typer(
    name=PROGRAM,
    cls=Commands,
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
app.add_typer(demo.app, name="demo")
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
app.command("differences")(differences.differences)
app.add_typer(differences.app, name="difference")
app.add_typer(chargebacks.app, name="chargeback")
app.command("reconcile")(reconciling.reconcile)
app.add_typer(funds.app, name="funds")
app.command("timeline")(funds.timeline)
app.add_typer(own.app, name="own")
app.add_typer(approvals.app, name="approval")
app.add_typer(reserves.app, name="reserve")
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


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its number; it is no reason to stop.
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    as_json = "--json" in sys.argv[1:]
    # A commit keeps thousands of objects for a moment, none of them part of a cycle. Looking for
    # cycles every 700 objects, as is the default, costs a tenth of the time and the worst waits.
    # Every fifth time those that outlived the last ones are looked at: every twentieth was a wait
    # of 50 to 70 ms under load.
    gc.freeze()
    gc.set_threshold(10_000, 5, 200)
    try:
        app(prog_name=PROGRAM)
    except Exception as error:  # Commands say their own; this is for what is outside of them.
        say_unexpected(error, as_json=as_json)
        sys.exit(REFUSED)
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:  # The reader had enough; the interpreter's own flush must not fail.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
