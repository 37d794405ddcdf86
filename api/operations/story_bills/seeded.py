"""What the bills of the story say: what stands in the books, but for one difference of each kind.

Rows are made of the instructions as they are on record, so numbers and serials are those of how the
story was played: in this process, or over a network.
"""

from datetime import date, datetime, timedelta

from msgspec.structs import replace
from sqlalchemy import Connection, select

from api.operations.script import DAY_AFTER, SETTLEMENT_DAY, TRADE_DAY, at_time
from api.operations.story_bills import files
from api.operations.story_bills.files import Booked, Row
from domain.channel.channels import PAYOUT_CHANNEL
from domain.channel.costs import cost_fen, terms_of
from domain.kernel import MICROSECONDS, SHANGHAI, day_end_us
from domain.ledger.ledger import Ledger
from domain.payment import instruction
from domain.reconciliation import bill
from domain.reconciliation.funding import CLEARING, channels_of, expected, session_id
from domain.reconciliation.ours import numbers_of
from projections.models import outgoings
from projections.models.instructions import TABLE as INSTRUCTIONS

Rows = list[Row]
WRITERS = {
    "WECHAT_PAY": files.wechat,
    "JD_PAY": files.jd_pay,
    "CLOUD_QUICKPASS": files.unionpay_zm,
}
# What is wrong, by instruction.
LOST = ("pay-PM11", "refund-R03")
IN_DOLLARS = "pay-PM06"
OTHER_AMOUNT, MORE_FEN = "pay-PM05b", 270  # 48.50 for 45.80.
OTHER_FEE, FEE_FEN = "pay-PM09", 100
TWICE = "pay-PM08"
DECLINED_HERE = "pay-PM05"
UNPAID_PAYOUT = "SHUFANG"
IN_THE_OTHER_SUM_FEN = 1_000  # NetsUnion's session is so much short, UnionPay's over.
MISBOOKED_FEN = 1_500
REFUND_OF_NOBODY_FEN = 1_200  # It is written off on that day, and own funds make it good.
TOPPED_UP = date(2025, 11, 15)


def trade_bill(ledger: Ledger, connection: Connection, channel: str, version: int) -> bytes:
    """The trade bill of the day, as it is issued the first or the second time."""
    rows = [row for one in _moved(ledger, connection, channel) for row in _seeded(one, version)]
    rows += _strangers(ledger, channel)
    rows.sort(key=lambda row: (row.at, row.number))
    return WRITERS[channel](TRADE_DAY, rows)


def statement(ledger: Ledger, connection: Connection, day: date) -> bytes:
    """The bank's statement of a day. It opens with what the day before closed with."""
    before = ledger.state(bill.stream(PAYOUT_CHANNEL, "bank", day - timedelta(days=1))).newest
    opening_fen = before.read.closing_fen if before is not None and before.read is not None else 0
    return files.camt053(day, opening_fen or 0, _booked(ledger, connection, day))


def _moved(ledger: Ledger, connection: Connection, channel: str) -> list[tuple[str, Row]]:
    """Every payment and refund of the day that has succeeded, by its instruction."""
    ended = INSTRUCTIONS.c.ended_at_us
    first_us = day_end_us(TRADE_DAY - timedelta(days=1))
    query = (
        select(INSTRUCTIONS.c.instruction_id, ended)
        .where(INSTRUCTIONS.c.channel == channel, INSTRUCTIONS.c.state == "succeeded")
        .where(ended >= first_us, ended < day_end_us(TRADE_DAY))
        .order_by(ended, INSTRUCTIONS.c.instruction_id)
    )
    return [
        (row.instruction_id, one)
        for row in connection.execute(query)
        for one in _rows(ledger, channel, row.instruction_id, row.ended_at_us)
    ]


def _rows(ledger: Ledger, channel: str, instruction_id: str, ended_us: int) -> Rows:
    """One row; of a combined order that went over a network, one for each of its transactions."""
    state = ledger.state(instruction.stream(instruction_id))
    assert state.asked is not None
    refund = state.purpose == "refund"
    original = _number(ledger, channel, state.asked.original) if refund else ""
    whole = (_number(ledger, channel, instruction_id), state.answer, state.moved_fen)
    parts = [(one.number, one.serial, one.amount_fen) for one in state.paid] or [whole]
    at = datetime.fromtimestamp(ended_us // MICROSECONDS, SHANGHAI)
    rows = []
    for number, serial, moved_fen in parts:
        fen = moved_fen or state.amount_fen
        fee_fen = cost_fen(terms_of(channel, TRADE_DAY), fen)
        rows.append(Row(number, serial, fen, -fee_fen if refund else fee_fen, at, original))
    return rows


def _number(ledger: Ledger, channel: str, instruction_id: str) -> str:
    known = ledger.state(instruction.stream(instruction_id)).number
    return known or numbers_of(channel, instruction_id)


def _seeded(one: tuple[str, Row], version: int) -> Rows:
    name, row = one
    if name in LOST:
        return []
    if name == IN_DOLLARS and version == 1:
        return [replace(row, currency="USD")]
    if name == OTHER_AMOUNT:
        fen = row.amount_fen + MORE_FEN
        fee_fen = cost_fen(terms_of("WECHAT_PAY", TRADE_DAY), fen)
        return [replace(row, amount_fen=fen, fee_fen=fee_fen)]
    if name == OTHER_FEE:
        return [replace(row, fee_fen=row.fee_fen + FEE_FEN)]
    return [row, row] if name == TWICE else [row]


def _strangers(ledger: Ledger, channel: str) -> Rows:
    """What a channel has that did not succeed here, or that nobody here knows."""
    if channel == "JD_PAY":
        return [_stranger(channel, "JDTILL0815", "5100000815", 6_600, "17:05")]
    if channel == "CLOUD_QUICKPASS":
        declined = ledger.state(instruction.stream(DECLINED_HERE)).amount_fen
        number = _number(ledger, channel, DECLINED_HERE)
        paid = _number(ledger, channel, "pay-PM02")
        return [
            _stranger(channel, number, "6100000805", declined, "12:46"),
            _stranger(channel, "refundR0990", "6100000990", REFUND_OF_NOBODY_FEN, "16:40", paid),
        ]
    return []


def _stranger(
    channel: str, number: str, serial: str, fen: int, clock: str, original: str = ""
) -> Row:
    fee_fen = cost_fen(terms_of(channel, TRADE_DAY), fen)
    fee_fen = -fee_fen if original else fee_fen
    return Row(number, serial, fen, fee_fen, at_time(TRADE_DAY, clock), original)


def _booked(ledger: Ledger, connection: Connection, day: date) -> list[Booked]:
    found = _paid_out(connection, day)
    if day == SETTLEMENT_DAY:
        found = [*_sessions(ledger), *found, Booked("", "BANK0001", -MISBOOKED_FEN)]
    elif day == DAY_AFTER:
        found.append(Booked("", "BANK0002", MISBOOKED_FEN))
    elif day == TOPPED_UP:
        found.append(Booked("TOPUP-20251115", "BANK0003", REFUND_OF_NOBODY_FEN))
    return found


def _sessions(ledger: Ledger) -> list[Booked]:
    """What networks pay for the trade day: what their channels' bills say, but for a part that is
    in the other's sum."""
    found = []
    for clearing in CLEARING:
        channels = channels_of(clearing, ledger.state)
        due_fen = sum(one.due_fen for one in expected(ledger.state, channels, TRADE_DAY))
        wrong_fen = IN_THE_OTHER_SUM_FEN * (-1 if clearing == "NETSUNION" else 1)
        named = session_id(clearing, TRADE_DAY)
        found.append(Booked(named, f"S{named}", due_fen + wrong_fen))
    return found


def _paid_out(connection: Connection, day: date) -> list[Booked]:
    ids = outgoings.paid_between(connection, day, day)
    return [
        Booked(one.number, f"B{one.number}", -one.amount_fen)
        for one in outgoings.outgoings(connection, ids)
        if UNPAID_PAYOUT not in one.number
    ]
