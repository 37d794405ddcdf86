"""A line of a bill (账单明细), the same whatever the format was, and what lines add up to.

Amounts are fen, above zero; the kind says which way the money went. Fees are milli-fen (1/1000
fen), because channels write them to five decimals of a yuan: what they charge is above zero, what
they give back with a refund below.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Literal

from msgspec import Struct

from domain.kernel import shanghai_date
from domain.money import CURRENCY
from domain.reconciliation.bills.fault import Fault, FaultCode

# A trade bill has payments and refunds; of a fund bill or a statement money came in or went out,
# and a fee is what the channel took out for itself.
Kind = Literal["payment", "refund", "in", "out", "fee"]
State = Literal["succeeded", "processing", "failed"]
BillKind = Literal["trade", "fund", "bank"]

MILLI = 1_000  # Milli-fen of a fen.


class Line(Struct, frozen=True, gc=False):
    """`number` is what we called it at the channel, `serial` what the channel calls it, `original`
    the payment's number on a refund; "" where the file does not say. `at_us`: when (UTC µs), None
    where the file does not say it whole. `reversal`: it takes back an earlier one, as the bank
    says."""

    line: int
    kind: Kind
    number: str
    serial: str
    amount_fen: int
    fee_milli_fen: int = 0
    state: State = "succeeded"
    currency: str = CURRENCY
    at_us: int | None = None
    original: str = ""
    reversal: bool = False

    @property
    def counts(self) -> bool:
        """Whether its money moved, or is moving: a refund is taken when it is accepted."""
        return self.state == "succeeded" or (self.state == "processing" and self.kind == "refund")


class Balance(Struct, frozen=True, gc=False):
    """What a file says was on the account before its lines, or after them; below zero: owed."""

    line: int
    which: Literal["opening", "closing"]
    amount_fen: int
    currency: str = CURRENCY


Item = Line | Balance


class Totals(Struct, gc=False):
    """What lines add up to. `paid_fen`: of payments, and of what came in; `refunded_fen`: of
    refunds, and of what went out. Lines that failed, or are of other money than CNY, count as lines
    and with their fee only.
    `opening_fen`, `closing_fen`: of the account, None where the file does not say them."""

    lines: int = 0
    paid: int = 0
    paid_fen: int = 0
    refunded: int = 0
    refunded_fen: int = 0
    fee_milli_fen: int = 0
    opening_fen: int | None = None
    closing_fen: int | None = None

    def add(self, line: Item) -> None:
        if isinstance(line, Balance):
            if line.which == "opening":
                self.opening_fen = line.amount_fen
            else:
                self.closing_fen = line.amount_fen
            return
        self.lines += 1
        self.fee_milli_fen += line.fee_milli_fen
        if not line.counts or line.currency != CURRENCY:
            return
        if line.kind in ("payment", "in"):
            self.paid += 1
            self.paid_fen += line.amount_fen
        elif line.kind in ("refund", "out"):
            self.refunded += 1
            self.refunded_fen += line.amount_fen


def totals_of(lines: Iterable[Item]) -> Totals:
    """Raises Fault, as the lines do."""
    totals = Totals()
    for line in lines:
        totals.add(line)
    return totals


def near(lines: Iterable[Item], day: date) -> Iterator[Item]:
    """The same lines. Raises Fault(DATE_DIFFERS) at the end if times stand in them and none is of
    the day, the one before or the one after: then it is another day's bill. Refunds are not asked:
    some files say the payment's time there."""
    first: tuple[int, date] | None = None
    found = False
    for line in lines:
        if (
            not found
            and isinstance(line, Line)
            and line.kind != "refund"
            and line.at_us is not None
        ):
            at = shanghai_date(line.at_us)
            found = abs((at - day).days) <= 1
            first = first or (line.line, at)
        yield line
    if first is not None and not found:
        detail = f"it is of {first[1]}, and no line is of {day} or a day beside it"
        raise Fault(first[0], FaultCode.DATE_DIFFERS, detail)
