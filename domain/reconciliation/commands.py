"""Commands of bills: what was read out of a file is recorded, or that there was no trade.

The file is read beside the books (`api/operations/bills/`): its bytes are in the blob store before
a command names them.
"""

import re
from datetime import date
from typing import cast, get_args

from domain.channel.channels import channel_named
from domain.channel.commands import is_registered
from domain.fields import checked_day, checked_reason
from domain.kernel import Command, States, Stream, Unit, shanghai_date
from domain.reconciliation import bill
from domain.reconciliation.bill import Read
from domain.reconciliation.bills.line import MILLI, BillKind
from domain.refusals import Code, Refused

MOST_SUM_FEN = 10**15  # Ten thousand billion yuan: what a bill of a day may add up to.
MOST_LINES = 10**8
_is_sha256 = re.compile(r"[0-9a-f]{64}", re.ASCII).fullmatch


class ImportBill(Command, frozen=True):
    """`read.blob`, and `read.mapping` if it is not "", are in the blob store."""

    channel: str
    kind: str
    date: date
    read: Read


class TellNoTrade(Command, frozen=True, omit_defaults=True):
    """The channel says that it has no bill of the day because nothing moved. `replaces`: the
    newest version, where it has lines; 0: there is none that has."""

    channel: str
    kind: str
    date: date
    reason: str
    replaces: int = 0


def import_bill(unit: Unit, command: ImportBill) -> dict[str, object]:
    """Raises CHANNEL_UNKNOWN, CHANNEL_NOT_REGISTERED, DATE_INVALID, DAY_NOT_BEGUN, REQUEST_INVALID,
    BILL_INVALID, AMOUNT_TOO_LARGE, BILL_LIMIT."""
    read = command.read
    stream = _stream(unit, command)
    check_read(read)
    unit.record(stream, bill.import_read(unit.load(stream), read))
    version = unit.load(stream).newest
    assert version is not None
    return {
        **_named(command, version.number),
        "sha256": read.blob,
        "lines": read.lines,
        "paid_fen": read.paid_fen,
        "refunded_fen": read.refunded_fen,
        "fee_milli_fen": read.fee_milli_fen,
    }


def tell_no_trade(unit: Unit, command: TellNoTrade) -> dict[str, object]:
    """Raises as `import_bill` does, and TEXT_INVALID, BILL_HAS_LINES."""
    stream = _stream(unit, command)
    reason = checked_reason(command.reason)
    if not 0 <= command.replaces <= bill.MOST_VERSIONS:
        detail = f"a version is needed, up to {bill.MOST_VERSIONS}; 0 for none"
        raise Refused(Code.REQUEST_INVALID, "replaces", detail)
    unit.record(stream, bill.tell_no_trade(unit.load(stream), reason, command.replaces))
    state = unit.load(stream)
    assert state.newest is not None
    nothing = {"lines": 0, "paid_fen": 0, "refunded_fen": 0, "fee_milli_fen": 0}
    named = _named(command, state.newest.number)
    return {**named, "sha256": "", **nothing, "replaces": state.replaced}


def checked_channel(name: str, load: States) -> str:
    """A channel that has accounts here. Raises CHANNEL_UNKNOWN, CHANNEL_NOT_REGISTERED."""
    found = channel_named(name).name
    if not is_registered(load, found):
        raise Refused(Code.CHANNEL_NOT_REGISTERED, "channel", found)
    return found


def begun_day(day: date, at_us: int) -> date:
    """A day that a bill can be of at a time: one that has begun. Raises DATE_INVALID,
    DAY_NOT_BEGUN."""
    if checked_day(day, "date") > shanghai_date(at_us):
        detail = f"{day} has not begun in Shanghai: no channel can have its bill"
        raise Refused(Code.DAY_NOT_BEGUN, "date", detail)
    return day


def _stream(unit: Unit, command: ImportBill | TellNoTrade) -> "Stream[bill.State]":
    name = checked_channel(command.channel, unit.load)
    if command.kind not in get_args(BillKind):
        known = ", ".join(get_args(BillKind))
        raise Refused(Code.REQUEST_INVALID, "kind", f"one of {known} is needed")
    begun_day(command.date, unit.at_us)
    return bill.stream(name, cast(BillKind, command.kind), command.date)


def check_read(read: Read) -> None:
    """Raises REQUEST_INVALID, BILL_INVALID, AMOUNT_INVALID, AMOUNT_TOO_LARGE."""
    if not _is_sha256(read.blob) or (read.mapping and not _is_sha256(read.mapping)):
        raise Refused(Code.REQUEST_INVALID, "blob", "a SHA-256 in hex is needed")
    counts = (read.paid, read.refunded, read.lines - read.paid - read.refunded)
    if min(counts) < 0 or read.lines > MOST_LINES:
        raise Refused(Code.BILL_INVALID, "lines", f"0 to {MOST_LINES} lines are needed")
    sums = (read.paid_fen, read.refunded_fen)
    if min(sums) < 0:
        raise Refused(Code.AMOUNT_INVALID, "paid_fen", "a sum of amounts is not below zero")
    balances = (abs(read.opening_fen or 0), abs(read.closing_fen or 0))
    if max(*sums, *balances, abs(read.fee_milli_fen) // MILLI) > MOST_SUM_FEN:
        raise Refused(Code.AMOUNT_TOO_LARGE, "paid_fen", f"above {MOST_SUM_FEN} fen in one bill")


def _named(command: ImportBill | TellNoTrade, version: int) -> dict[str, object]:
    return {
        "channel": command.channel,
        "date": command.date.isoformat(),
        "kind": command.kind,
        "version": version,
    }
