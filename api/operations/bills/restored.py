"""A channel's own fund bill, beside its trade bill: what it says it owes for a day, and refunds of
earlier days that it had taken off and gave up, which its trade bill never says."""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct
from sqlalchemy import Engine

from api.operations.bills.reading import lines_of
from domain.ledger.ledger import Ledger
from domain.money import fen_of_milli
from domain.payment import instruction
from domain.reconciliation import bill
from domain.reconciliation.bills.line import Line
from domain.reconciliation.funding import CLEARING, Restored, channels_of, expected
from domain.reconciliation.placing import session_of
from domain.reconciliation.session import Expected


class FundBill(Struct, frozen=True):
    """`net_fen`: what the day brought on the account there, without what left it for a session."""

    channel: str
    net_fen: int
    restored: Restored | None


def fund_bill(ledger: Ledger, engine: Engine, channel: str, day: date) -> FundBill | None:
    """What the newest version says; None if there is none. Raises BillChanged."""
    newest = ledger.state(bill.stream(channel, "fund", day)).newest
    if newest is None or newest.read is None:
        return None
    net_fen = back_fen = fees_milli = 0
    restored: set[str] = set()
    for line in lines_of(engine, newest.read, day):
        if not isinstance(line, Line):
            continue
        if line.kind == "fee":
            net_fen -= fen_of_milli(line.fee_milli_fen)
            if line.number in restored and line.fee_milli_fen > 0:
                fees_milli += line.fee_milli_fen
        elif line.kind == "in":
            net_fen += line.amount_fen
            if _is_refund(ledger, line.number):
                restored.add(line.number)
                back_fen += line.amount_fen
        elif session_of(line.number, CLEARING) is None:
            net_fen -= line.amount_fen
    given_up = Restored(channel, back_fen, fen_of_milli(fees_milli)) if back_fen else None
    return FundBill(channel, net_fen, given_up)


def owed(ledger: Ledger, engine: Engine, clearing: str, day: date) -> tuple[Expected, ...]:
    """What each channel of a clearing network owes for a day, by the newest versions of its trade
    bill and its fund bill. Raises BillChanged."""
    channels = channels_of(clearing, ledger.state)
    bills = [fund_bill(ledger, engine, channel, day) for channel in channels]
    return expected(ledger.state, channels, day, given_up(bills))


def given_up(bills: Iterable[FundBill | None]) -> tuple[Restored, ...]:
    """What the fund bills of channels say that they gave up."""
    return tuple(one.restored for one in bills if one is not None and one.restored is not None)


def _is_refund(ledger: Ledger, number: str) -> bool:
    """Money that comes in under the number of a refund: as payments come under theirs, most are
    told by how the number begins."""
    if number.startswith("pay") or not number:
        return False
    asked = ledger.state(instruction.stream(number)).asked
    return asked is not None and asked.purpose == "refund"
