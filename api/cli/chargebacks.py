"""`zhangfang chargeback`: payments that a payer's bank disputes, from receipt to end."""

from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.table import Table

from api.cli.asking import OperatorOption, submit_and_say
from api.cli.opening import open_desk
from api.cli.output import DatabaseOption, JsonOption, answering, day, naming
from domain.eventstore import blobs
from domain.kernel import iso_time, shanghai_date
from domain.ledger.ledger import utc_us
from domain.money import decimal_text, parse_fen
from domain.reconciliation import chargeback as facts
from domain.reconciliation.charging import (
    AcceptChargeback,
    EndChargeback,
    ReceiveChargeback,
    RepresentChargeback,
)
from domain.refusals import Code, Refused
from projections.models import chargebacks as model
from projections.tables.paging import every

STATES: tuple[facts.Status, ...] = (
    "evidence_due", "represented", "answered", "accepted", "won", "lost",
)  # fmt: skip
MOST_EVIDENCE = 16 * 1024 * 1024  # Bytes: what a bank's form takes.

app = typer.Typer(no_args_is_help=True, help="Chargebacks and retrieval requests.")

Which = Annotated[str, typer.Argument(metavar="ID", help="Channel and number: JD_PAY-C1.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept.")]


@app.command()
def receive(
    number: Annotated[str, typer.Argument(help="The channel's, of the case.")],
    channel: Annotated[str, typer.Option("--channel", help="Which channel says so.")],
    transaction: Annotated[str, typer.Option("--transaction", help="Which is disputed.")],
    amount_fen: Annotated[str, typer.Option("--amount-fen", help="How much of it.")],
    due: Annotated[str, typer.Option("--due", help="The last date for evidence, YYYY-MM-DD.")],
    serial: Annotated[str, typer.Option("--serial", help="The payment's at the channel.")] = "",
    code: Annotated[str, typer.Option("--code", help="The bank's code for its reason.")] = "",
    retrieval: Annotated[
        bool, typer.Option("--retrieval", help="Evidence is wanted, no money is taken.")
    ] = False,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """A channel disputes a payment: its money is held."""
    with answering(database, as_json) as say:
        until = day(due, "due")
        assert until is not None
        fen = parse_fen(amount_fen, "amount_fen")
        kind: facts.Kind = "retrieval" if retrieval else "chargeback"
        wanted = ReceiveChargeback(channel, number, transaction, fen, until, serial, code, kind)
        submit_and_say(say, wanted, operator, "chargeback")


@app.command()
def represent(
    which: Which,
    evidence: Annotated[Path, typer.Option("--evidence", help="The file that is handed in.")],
    reason: ReasonOption,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evidence is handed in: its bytes are kept, under their SHA-256."""
    with answering(database, as_json) as say:
        with naming("evidence"), evidence.open("rb") as opened:
            content = opened.read(MOST_EVIDENCE + 1)
        if not content or len(content) > MOST_EVIDENCE:
            detail = f"1 to {MOST_EVIDENCE} bytes are needed"
            raise Refused(Code.REQUEST_INVALID, "evidence", detail)
        with open_desk(say.database_url) as context:
            blobs.put(context.writes, [content])
        wanted = RepresentChargeback(which, blobs.name_of(content), reason)
        submit_and_say(say, wanted, operator, "chargeback")


@app.command()
def accept(
    which: Which,
    reason: ReasonOption,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """It is not disputed: the payer keeps the money."""
    with answering(database, as_json) as say:
        submit_and_say(say, AcceptChargeback(which, reason), operator, "chargeback")


@app.command()
def end(
    which: Which,
    outcome: Annotated[str, typer.Option("--as", help="won or lost, as the channel says.")],
    reason: ReasonOption,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """The channel's word."""
    with answering(database, as_json) as say:
        if outcome not in ("won", "lost"):
            raise Refused(Code.REQUEST_INVALID, "outcome", "won or lost is needed")
        submit_and_say(
            say, EndChargeback(which, cast(Any, outcome), reason), operator, "chargeback"
        )


@app.command("list")
def list_all(
    state: Annotated[str | None, typer.Option("--state", help=", ".join(STATES))] = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """All, by the date on which evidence is due."""
    with answering(database, as_json) as say:
        if state is not None and state not in STATES:
            raise Refused(Code.REQUEST_INVALID, "state", f"one of {', '.join(STATES)}")
        today = shanghai_date(utc_us())
        wanted = model.Wanted(state=state)
        with open_desk(say.database_url) as context:
            context.projector.catch_up()
            with context.engine.connect() as connection:
                found = every(lambda after: model.chargebacks(connection, wanted, after=after))
        rows = [_row(one, overdue=one.state == "evidence_due" and one.due < today) for one in found]
        if say.as_json:
            say.json(rows)
        table = Table("id", "kind", "transaction", "CNY", "state", "due", "reason", "met by")
        for one, row in zip(found, rows, strict=True):
            due = f"{one.due}{' OVERDUE' if row['overdue'] else ''}"
            money = decimal_text(one.amount_fen)
            table.add_row(
                one.chargeback_id, one.kind, one.transaction_id, money, one.state, due,
                one.reason_code, one.returned_by or one.met_by or "-",
            )  # fmt: skip
        say.table(table)


def _row(one: model.Chargeback, *, overdue: bool) -> dict[str, Any]:
    """One as `--json` shows it: fen, times in Shanghai."""
    return {
        "id": one.chargeback_id,
        "kind": one.kind,
        "channel": one.channel,
        "number": one.number,
        "serial": one.serial or None,
        "transaction_id": one.transaction_id,
        "merchant": one.merchant,
        "amount_fen": one.amount_fen,
        "reason_code": one.reason_code or None,
        "due": one.due.isoformat(),
        "overdue": overdue,
        "state": one.state,
        "evidence": one.evidence or None,
        "met_by": one.met_by,
        "returned_by": one.returned_by,
        "reason": one.reason or None,
        "received_at": iso_time(one.received_at_us),
        "changed_by": one.changed_by,
        "changed_at": iso_time(one.changed_at_us),
    }
