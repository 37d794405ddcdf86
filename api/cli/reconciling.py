"""`zhangfang reconcile`: the bills of a day, compared with the books."""

from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli.asking import OperatorOption, actor_of
from api.cli.opening import open_desk
from api.cli.output import DatabaseOption, JsonOption, Say, answering, day
from api.operations.bills.funds import Funds, reconcile_funds, statement_answer
from api.operations.bills.lines import OthersFill
from api.operations.bills.reading import BillChanged
from api.operations.reconciling.answers import answer
from api.operations.reconciling.running import Books, Reconciler, Report
from domain.channel.channels import PAYOUT_CHANNEL
from domain.ledger.ledger import utc_us
from domain.money import decimal_text
from domain.refusals import Code, Refused

SHOWN = 200  # Of a bill: a table of more takes longer than the matching.


def reconcile(
    date: Annotated[str, typer.Option("--date", help="Of which day, YYYY-MM-DD.")],
    channel: Annotated[
        str | None, typer.Option("--channel", help="One channel; else all that take payments.")
    ] = None,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Match the bills of a day with the books, and record what differs. Days before that wait for
    these bills are looked at again; so are the bank's statement and the sessions. Run again, or
    stopped and run again, it comes to the same."""
    with answering(database, as_json, interrupted="Stopped: run it again.") as say:
        actor = actor_of(operator)
        wanted = day(date, "date")
        assert wanted is not None
        with open_desk(say.database_url) as context, say.progress("lines") as told:

            def progress(at: Report) -> None:
                told(f"{at.channel} {at.day}", at.done, at.lines)

            books = Books(context.ledger, context.engine, context.writes, context.projector)
            runner = Reconciler(books, actor, utc_us, progress)
            channels = runner.channels(channel) if channel != PAYOUT_CHANNEL else []
            try:
                if channel != PAYOUT_CHANNEL:
                    runner.run(wanted, channel)
                if channel in (None, PAYOUT_CHANNEL):
                    reconcile_funds(Funds(*books, actor, utc_us()), wanted)
            except BillChanged as changed:
                raise Refused(Code.BILL_INVALID, "bill", str(changed)) from None
            except OthersFill as busy:
                raise Refused(Code.BUSY, "bill", f"{busy}: another process reads it") from None
            context.projector.catch_up()
            with context.engine.connect() as connection:
                found = answer(connection, wanted, channels)
                if channel in (None, PAYOUT_CHANNEL):
                    bank = statement_answer(context.ledger, connection, wanted)
                    found += [bank] if bank is not None else []
        if channel == PAYOUT_CHANNEL and not found and not say.as_json:
            say.line(f"{channel} {wanted}: no statement yet.")
            return
        _say(say, found)


def _say(say: Say, found: list[dict[str, Any]]) -> None:
    if say.as_json:
        say.json(found)
        return
    for one in found:
        name = f"{one['channel']} {one['date']}"
        if not one["bill_version"]:
            say.line(f"{name}: no bill yet.")
            continue
        matched = one["matched"]
        came, went = decimal_text(matched["paid_fen"]), decimal_text(matched["refunded_fen"])
        counts = f"{matched['count']} of {one['lines']} lines matched"
        say.line(f"{name} version {one['bill_version']}: {counts}, paid {came}, given back {went}.")
        if one["differences"]:
            say.table(_table(one["differences"][:SHOWN]))
        if (more := len(one["differences"]) - SHOWN) > 0:
            say.line(f"{more} more; --json lists all.")


def _table(listed: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("id", "type", "number", "state", "cause"):
        table.add_column(name)
    for name in ("ours_fen", "bill_fen"):
        table.add_column(name, justify="right")
    for one in listed:
        texts = (one[name] for name in ("id", "type", "number", "state", "cause"))
        table.add_row(*texts, str(one["ours_fen"]), str(one["bill_fen"]))
    return table
