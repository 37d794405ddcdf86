"""The money timeline of a sale: from the payer to the merchant's bank, step by step, each with what
shows it; what has not happened says what it waits for."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from msgspec import Struct
from sqlalchemy import Connection, select

from api.operations.bills import bank_lines
from api.operations.bills import lines as filled
from api.operations.bills.bank_lines import Row
from domain.channel.channels import network_of
from domain.channel.costs import pool_days
from domain.channel.numbers import sought_by
from domain.kernel import shanghai_date
from domain.money import CURRENCY
from domain.reconciliation import session
from domain.reconciliation.funding import session_id
from domain.reconciliation.ours import numbers_of
from domain.refusals import Code, Refused
from domain.settlement import batch as batches
from domain.settlement.calendar import is_working_day
from projections.models import (
    bills,
    clearing_sessions,
    instruction_parts,
    instructions,
    outgoings,
    payment_legs,
    settlement_batches,
    settlement_items,
    transactions,
    verdicts,
)
from projections.models.instructions import Instruction
from projections.models.settlement_batches import SettlementBatch
from projections.models.transactions import Transaction


class Step(Struct, frozen=True):
    """`what`: paid, matched, arrived, released, withheld, due, paid_out or payout_matched. Not
    `done`: `because` says what it waits for; done, why it was then. `on` is the day, in Shanghai;
    `reference` what shows it: a channel's number, a bill and its line, a session, a payout, a
    statement and its line. Fen; 0 where the amount is not the sale's own."""

    what: str
    done: bool
    on: date | None
    at_us: int | None
    amount_fen: int
    channel: str
    reference: str
    because: str


def step(
    what: str,
    because: str,
    *,
    on: date | None = None,
    at_us: int | None = None,
    amount_fen: int = 0,
    channel: str = "",
    reference: str = "",
    done: bool = True,
) -> Step:
    return Step(what, done, on, at_us, amount_fen, channel, reference, because)


def money_timeline(connection: Connection, transaction_id: str) -> tuple[Step, ...]:
    """All steps, in the order in which money takes them. The read models must be at the head.
    Raises TRANSACTION_NOT_FOUND."""
    sale = transactions.transaction(connection, transaction_id)
    if sale is None:
        raise Refused(Code.TRANSACTION_NOT_FOUND, "transaction_id", transaction_id[:80])
    return tuple(_steps(connection, sale))


def _steps(connection: Connection, sale: Transaction) -> Iterator[Step]:
    if sale.payment_no is None:
        yield step("paid", "for the payer", amount_fen=sale.amount_fen, done=False)
        return
    for leg in payment_legs.legs(connection, [sale.payment_no]).get(sale.payment_no, []):
        if not leg.instruction_id:
            yield step(
                "paid", "out of the wallet", at_us=sale.paid_at_us, amount_fen=leg.amount_fen
            )
            continue
        asked = instructions.instruction(connection, leg.instruction_id)
        if asked is not None:
            yield from _of_leg(connection, sale, asked)
    yield from _to_merchant(connection, sale)


def _of_leg(connection: Connection, sale: Transaction, asked: Instruction) -> Iterator[Step]:
    """What the payer's channel did: paid, in a bill, arrived with a session."""
    numbers = _numbers(connection, sale, asked)
    number, channel, amount_fen = numbers[0], asked.channel, asked.amount_fen
    if asked.ended_at_us is None:
        because = f"for {channel} to say what became of it"
        yield Step("paid", False, None, None, amount_fen, channel, number, because)
        return
    day = shanghai_date(asked.ended_at_us)
    yield step(
        "paid", f"{channel} says so: {asked.answer}"[:200], on=day, at_us=asked.ended_at_us,
        amount_fen=amount_fen, channel=channel, reference=number,
    )  # fmt: skip
    found = line_in_bills(connection, channel, numbers)
    if found is None:
        because = _why_unmatched(connection, channel, day)
        yield step("matched", because, channel=channel, reference=number, done=False)
        yield step(
            "arrived", "for its bill", channel=channel,
            reference=session_id(network_of(channel), day), done=False,
        )  # fmt: skip
        return
    bill_day, version, line = found
    reached = verdicts.newest(connection, bill_day, [channel])
    compared = bool(reached) and reached[0].bill_version == version
    because = "the bill has it" if compared else "for the bill, which has it, to be compared"
    yield step(
        "matched", because, done=compared, on=bill_day, amount_fen=amount_fen, channel=channel,
        reference=f"{channel}.trade.{bill_day}.{version}:{line}",
    )  # fmt: skip
    yield _arrived(connection, channel, bill_day)


def _numbers(connection: Connection, sale: Transaction, asked: Instruction) -> list[str]:
    """What the channel knows the sale's share of an instruction by, what is most its own first: its
    own number in a combined order that went over a network, and that of the whole."""
    whole = asked.number or numbers_of(asked.channel, asked.instruction_id)
    if asked.attempts is None:  # An import's: no channel was ever told of parts.
        return [whole]
    own = instruction_parts.number_of(connection, asked.instruction_id, sale.transaction_id)
    return [own, whole] if own else [whole]


def line_in_bills(
    connection: Connection, channel: str, numbers: Sequence[str]
) -> tuple[date, int, int] | None:
    """Day and version of the bill, and the line, by which a payment of the first of these numbers
    moved that has such a line; of bills that are in force. None if none has."""
    fills, lines = filled.FILLS, filled.LINES
    for number in numbers:
        query = (
            select(fills.c.bill_date, fills.c.version, lines.c.line)
            .join(fills, fills.c.bill_id == lines.c.bill_id)
            .where(lines.c.sought == sought_by(channel, number), lines.c.kind == "payment")
            .where(lines.c.state == "succeeded", lines.c.currency == CURRENCY)
            .where(fills.c.channel == channel, fills.c.kind == "trade", fills.c.live == 1)
            .order_by(fills.c.bill_date, lines.c.line)
        )
        row = connection.execute(query).first()
        if row is not None:
            return row.bill_date, row.version, row.line
    return None


def _why_unmatched(connection: Connection, channel: str, day: date) -> str:
    for away in range(pool_days(channel) + 1):
        one = day + timedelta(days=away)
        if not bills.newest_version(connection, channel, "trade", one):
            return f"for the bill of {channel} of {one}"
    return f"no bill of {channel} has it, {day} to {day + timedelta(days=pool_days(channel))}"


def _arrived(connection: Connection, channel: str, day: date) -> Step:
    clearing = network_of(channel)
    stream = session.stream(clearing, day)
    last = clearing_sessions.session(connection, clearing, day)
    shown = [one for one in bank_lines.lines_about(connection, stream) if one.what == "session"]
    if not shown or last is None:
        named = session_id(clearing, day)
        why = f"for the statement to show session {named}"
        return step("arrived", why, channel=channel, reference=named, done=False)
    final = shown[-1]
    if last.status not in ("settled", "over"):
        why = f"session {final.number}: {_sum(shown)} of {last.due_fen} fen have come"
        return step(
            "arrived", why, on=final.bill_date, channel=channel, reference=_at(final), done=False
        )
    why = f"in session {final.number}, one sum for all of {clearing}"
    return step(
        "arrived", why, on=final.bill_date, at_us=final.at_us, channel=channel,
        reference=_at(final),
    )  # fmt: skip


def _sum(rows: list[Row]) -> int:
    return sum(-one.amount_fen if one.kind == "out" else one.amount_fen for one in rows)


def _at(row: Row) -> str:
    return f"{row.channel}.bank.{row.bill_date}.{row.version}:{row.line}"


def _to_merchant(connection: Connection, sale: Transaction) -> Iterator[Step]:
    """What becomes of it at the merchant: released, due, paid out, and shown by the bank."""
    if sale.batch is None or sale.clearing_date is None:
        waits = "for the buyer to confirm, or the timer"
        yield step("released", waits, amount_fen=sale.amount_fen, done=False)
        return
    net_fen = sale.released_fen - sale.fee_fen
    yield step(
        "released", f"into batch {sale.batch}, less the fee of {sale.fee_fen} fen",
        on=sale.clearing_date, at_us=sale.completed_at_us, amount_fen=net_fen,
        reference=sale.batch,
    )  # fmt: skip
    withheld_fen = settlement_items.withheld_of(connection, sale.batch, sale.transaction_id)
    if withheld_fen:
        yield step(
            "withheld", "the merchant's reserve keeps it", on=sale.clearing_date,
            amount_fen=withheld_fen, reference=sale.batch,
        )  # fmt: skip
    batch = settlement_batches.settlement_batch(connection, sale.batch)
    if batch is None or batch.due_date is None:
        yield step("due", "for the end of the day, which seals its batch", done=False)
        return
    due = batch.state not in ("open", "closed", "reviewed")
    yield step("due", _because(batch), on=batch.due_date, reference=sale.batch, done=due)
    yield from _paid_out(connection, batch)


def _because(batch: SettlementBatch) -> str:
    """By which rule, and which days between were no working days."""
    assert batch.due_date is not None
    between = (batch.due_date - batch.clearing_date).days
    off = []
    for away in range(1, between):
        one = batch.clearing_date + timedelta(days=away)
        try:
            if not is_working_day(one):
                off.append(one.isoformat())
        except Refused:
            break  # Of a year that nobody has published.
    rule = f"{batch.cycle} after {batch.clearing_date}"
    if not off:
        return rule
    return f"{rule}; no working days: {', '.join(off)}"


def _paid_out(connection: Connection, batch: SettlementBatch) -> Iterator[Step]:
    paid = outgoings.of_reference(connection, [batches.stream(batch.batch_id)])
    if not paid:
        because = f"batch {batch.batch_id} is {batch.state}"
        if batch.state == "carried_forward":
            because = f"carried on into the next batch: {batch.carry_out_fen} fen"
        yield step("paid_out", because, reference=batch.batch_id, done=False)
        return
    for one in paid:
        if one.paid_on is None or one.state == "failed":
            because = "for the bank's answer" if one.state == "asked" else f"it is {one.state}"
            yield Step("paid_out", False, None, None, one.amount_fen, one.channel, one.number,
                       because)  # fmt: skip
            continue
        back = "; it came back" if one.state == "returned" else ""
        yield step(
            "paid_out", f"the bank has paid batch {batch.batch_id}{back}", on=one.paid_on,
            amount_fen=one.amount_fen, channel=one.channel, reference=one.number,
        )  # fmt: skip
        rows = bank_lines.lines_about(connection, one.instruction_id)
        shown = [row for row in rows if row.what == "payout"]
        if not shown:
            yield step(
                "payout_matched", "for the statement to show it", channel=one.channel,
                reference=one.number, done=False,
            )  # fmt: skip
            continue
        yield step(
            "payout_matched", "the statement shows it", on=shown[-1].bill_date,
            at_us=shown[-1].at_us, amount_fen=sum(row.amount_fen for row in shown),
            channel=one.channel, reference=_at(shown[-1]),
        )  # fmt: skip
