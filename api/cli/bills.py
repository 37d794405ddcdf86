"""`zhangfang bill`: what a channel or a bank says moved on a day, taken in from its file."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from api.cli.asking import OperatorOption, actor_of
from api.cli.opening import bill_source, open_desk
from api.cli.output import (
    REFUSED,
    DatabaseOption,
    JsonOption,
    Say,
    answering,
    day,
    naming,
    say_error,
)
from api.operations.attention import Some
from api.operations.bills import lines
from api.operations.bills.answers import fault_json
from api.operations.bills.fetching import fetch_bill
from api.operations.bills.importing import BillRefused, Importer, Wanted
from api.settings import load_settings
from domain.channel.channels import CHANNELS, channel_named
from domain.ledger.ledger import utc_us
from domain.money import decimal_text
from domain.reconciliation.bills.formats import Format, fitting, format_for, mapped_format
from domain.reconciliation.bills.line import MILLI, BillKind
from domain.reconciliation.bills.mapping import MOST_BYTES
from domain.refusals import Code, Refused
from projections.models.bills import Awaited

app = typer.Typer(no_args_is_help=True, help="Bills of channels, statements of banks.")

ChannelOption = Annotated[str, typer.Option("--channel", help="Whose bill it is.")]
DateOption = Annotated[str, typer.Option("--date", help="Of which day, YYYY-MM-DD.")]
KindOption = Annotated[str, typer.Option("--kind", help="trade, fund or bank.")]


@app.callback()
def group() -> None:
    """Bills of channels, statements of banks."""


@app.command("import")
def import_bill(
    file: Annotated[Path, typer.Argument(help="As it came; see docs/reconciliation.md.")],
    channel: ChannelOption,
    date: DateOption,
    kind: KindOption = "trade",
    format_name: Annotated[
        str | None, typer.Option("--format", help="Else the channel's usual one.")
    ] = None,
    map_file: Annotated[
        Path | None, typer.Option("--map", help="A mapping: how this file is read.")
    ] = None,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a bill and keep it. One that cannot be read, or does not add up, is refused whole."""
    with answering(database, as_json) as say:
        actor, wanted_day, wanted_kind = _named(operator, channel, date, kind)
        format_ = _format(channel, wanted_kind, format_name, map_file)
        wanted = Wanted(channel, wanted_day, wanted_kind, format_)
        with open_desk(say.database_url) as context:
            importer = Importer(context.ledger, context.writes, actor)
            try:
                result = importer.import_file(file, wanted, utc_us())
            except BillRefused as no:
                _say_refused(say, wanted, no)
                raise typer.Exit(REFUSED) from None
            context.projector.catch_up()
        _say(say, result)


@app.command("fetch")
def fetch(
    channel: ChannelOption,
    date: DateOption,
    kind: KindOption = "trade",
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch a bill from its channel and take it in, as `import` does. ZHANGFANG_CHANNELS says where
    the channels are. That nothing moved is recorded; that a bill is not ready yet is refused."""
    with answering(database, as_json) as say:
        actor, wanted_day, wanted_kind = _named(operator, channel, date, kind)
        wanted = Wanted(channel, wanted_day, wanted_kind, format_for(channel, wanted_kind, None))
        source = bill_source(load_settings().channels, channel)
        with open_desk(say.database_url) as context:
            importer = Importer(context.ledger, context.writes, actor)
            try:
                result = fetch_bill(source, importer, wanted, utc_us)
            except BillRefused as no:
                _say_refused(say, wanted, no)
                raise typer.Exit(REFUSED) from None
            context.projector.catch_up()
        _say(say, result)


@app.command("no-trade")
def no_trade(
    channel: ChannelOption,
    date: DateOption,
    kind: KindOption = "trade",
    reason: Annotated[
        str, typer.Option(help="How that is known.")
    ] = "the channel says that it has no bill of the day",
    replaces: Annotated[
        int, typer.Option(help="The bill's newest version, where it has lines.")
    ] = 0,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record that a channel has no bill of a day because nothing moved. One that is not ready yet
    is another thing: then nothing is recorded. A version with lines is replaced only where it is
    named."""
    with answering(database, as_json) as say:
        actor, wanted_day, wanted_kind = _named(operator, channel, date, kind)
        with open_desk(say.database_url) as context:
            importer = Importer(context.ledger, context.writes, actor)
            result = importer.tell_no_trade(
                channel, wanted_kind, wanted_day, reason, utc_us(), replaces=replaces
            )
            context.projector.catch_up()
        _say(say, result)


@app.command("lines")
def fill_lines(
    again: Annotated[bool, typer.Option("--again", help="Drop what is there first.")] = False,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill the table of lines, which matching reads, from the kept files: what is missing of it."""
    with (
        answering(database, as_json, interrupted="Stopped: run it again.") as say,
        open_desk(say.database_url) as context,
        say.progress("lines") as told,
    ):
        context.projector.catch_up()
        if again:
            lines.forget(context.writes)
        for channel in CHANNELS:

            def progress(day: date, done: int, of: int, channel: str = channel) -> None:
                told(f"{channel} {day}", done, of)

            books = (context.ledger, context.engine, context.writes)
            lines.fill_all(*books, channel, progress)
        bills, count = lines.counted(context.engine)
        if say.as_json:
            say.json({"bills": bills, "lines": count})
        say.line(f"{bills} bills are in force, with {count:,} lines.")


def _named(operator: str | None, channel: str, on: str, kind: str) -> tuple[str, date, BillKind]:
    actor = actor_of(operator)
    channel_named(channel)
    wanted = day(on, "date")
    assert wanted is not None
    if kind not in get_args(BillKind):
        known = ", ".join(get_args(BillKind))
        raise Refused(Code.REQUEST_INVALID, "kind", f"{kind[:40]!r} is none of {known}")
    return actor, wanted, cast(BillKind, kind)


def _format(channel: str, kind: BillKind, name: str | None, map_file: Path | None) -> Format:
    if map_file is None:
        return format_for(channel, kind, name)
    if name is not None:
        raise Refused(Code.REQUEST_INVALID, "map", "either --format or --map, not both")
    with naming("map"), map_file.open("rb") as opened:
        raw = opened.read(MOST_BYTES + 1)
    return fitting(mapped_format(raw), kind)


def _say(say: Say, result: dict[str, Any]) -> None:
    if say.as_json:
        say.json({**result, "refused": []})
    name = f"{result['channel']} {result['kind']} {result['date']}"
    say.line(f"{name} version {result['version']}: {result['lines']} lines.")
    if replaced := result.get("replaces"):
        say.line(f"It replaces version {replaced}, which has lines.")
    came, went = decimal_text(result["paid_fen"]), decimal_text(result["refunded_fen"])
    fee = result["fee_milli_fen"]
    sign, (whole, part) = "-" if fee < 0 else "", divmod(abs(fee), 100 * MILLI)
    say.line(f"Paid {came}, given back {went}, fees {sign}{whole}.{part:05d}.")


def _say_refused(say: Say, wanted: Wanted, no: BillRefused) -> None:
    """With --json the answer says it too, in the form of every other one: version 0 is none."""
    if say.as_json:
        say.json(
            {
                "channel": wanted.channel,
                "date": wanted.date.isoformat(),
                "kind": wanted.kind,
                "version": 0,
                "sha256": no.sha256,
                "lines": 0,
                "paid_fen": 0,
                "refunded_fen": 0,
                "fee_milli_fen": 0,
                "refused": [fault_json(no.fault)],
            }
        )
    say_error(Code.BILL_INVALID.value, "file", str(no), as_json=say.as_json)


def awaited_json(one: Awaited) -> dict[str, Any]:
    return {"channel": one.channel, "kind": one.kind, "date": one.bill_date.isoformat()}


def say_awaited(say: Say, found: Some[Awaited], table: Callable[..., None]) -> None:
    rows = [(one.channel, one.kind, one.bill_date.isoformat()) for one in found.items]
    table(say, "Bills that are awaited", ("channel", "kind", "day"), rows, found.more)
