"""Merchant statements (商户对账单): each movement of a merchant's net position, with its balance.

The net position is what we owe the merchant less what it owes us: 2241.02 + 2241.03 + 2241.06 −
1122.03. Each line has a kind, a figure of the statement, and each figure is the sum of its lines:

    kind       amount                            balance   from
    sales      gross                             +         Cleared
    refunds    the refund                        −         RefundCleared
               a chargeback; minus one won back            chargeback.Received; Won
    fees       the fee; minus what is given back −         Cleared, RefundCleared
    settled    the payouts; minus what failed    −         Instructed, PayoutRetried; PayoutFailed,
               or came back to the merchant                PayoutReturned; PayoutSucceeded of one
                                                           that was declined before
               what a difference says never left           difference.Resolved; Undone
               what an authority took, likewise            deduction.Asked; Failed, Returned; and a
                                                           suspense item of one paid late
    recovered  the debt a settlement took back   0         Matured
    recovered  the debt a settlement took back   0         Matured, reserve and deposit
    withheld   what went to the reserve, less    0         Cleared, RefundCleared
               what refunds took out of it
    released   what came out of it               0         reserve Released
    deposited  the deposit; minus one returned   0         deposit Taken, Returned
    paid_in    a deposit that came from outside  +         deposit Taken

    closing = opening + sales − refunds − fees − settled + paid_in
    of which in reserve and deposits: Σ withheld − Σ released + Σ deposited

Escrow (2241.04) is the buyers' until release: it is kept apart, by accounting date. No entry of a
statement is ever reversed: ADR 0009.

A merchant's accounting dates only grow. So the figures of any dates are the difference of two rows
of `statement_days`, and their lines have the numbers between (ADR 0021).
"""

from datetime import date
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    SmallInteger,
    Table,
)

from domain.accounting import deposit, reserve
from domain.accounting.chart import (
    ESCROW,
    MERCHANT_AVAILABLE,
    MERCHANT_DEBT,
    MERCHANT_DEPOSIT,
    MERCHANT_PENDING,
    account_id,
    split_id,
)
from domain.accounting.reversal import Reversed
from domain.authority import deduction
from domain.clearing import split
from domain.kernel import Entry, Recorded
from domain.member.member import Registered
from domain.payment import suspense
from domain.reconciliation import chargeback, difference
from domain.settlement import batch
from domain.transaction import transaction
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.bulk import Lookup, insert_rows, upsert_rows

_BEFORE_ANY = date(1, 1, 1)  # The date of a merchant that has not moved yet.
FIRST_KINDS = ("sales", "refunds", "fees", "settled", "recovered")
LATER_KINDS = ("withheld", "released", "deposited", "paid_in")
KINDS = (*FIRST_KINDS, *LATER_KINDS)
_EFFECT = {"sales": 1, "refunds": -1, "fees": -1, "settled": -1, "paid_in": 1}  # Others have none.
_OWN = (MERCHANT_PENDING, MERCHANT_AVAILABLE, MERCHANT_DEBT, MERCHANT_DEPOSIT, ESCROW)

LINES = Table(
    "statement_lines",
    METADATA,
    Column("merchant", TEXT, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("line_no", SmallInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("accounting_date", Date, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("balance_fen", BigInteger, nullable=False),
)


# The number of the last line, and the sums of all lines up to it.
_FIRST = ("seq", "balance_fen", *(f"{kind}_fen" for kind in FIRST_KINDS), "in_escrow_fen")
_LATER = tuple(f"{kind}_fen" for kind in LATER_KINDS)
TOTALS = (*_FIRST, *_LATER)
_COLUMNS = [(name, name in _LATER) for name in TOTALS]  # The later ones may be empty: nothing yet.


# What a merchant had come to when an accounting date ended, for each date it moved on.
DAYS = Table(
    "statement_days",
    METADATA,
    Column("merchant", TEXT, primary_key=True),
    Column("accounting_date", Date, primary_key=True),
    *(Column(name, BigInteger, nullable=later) for name, later in _COLUMNS),
)
# One row for each enterprise member: where its next line goes on. The date is its newest in DAYS.
ENDS = Table(
    "statement_ends",
    METADATA,
    Column("merchant", TEXT, primary_key=True),
    Column("accounting_date", Date, nullable=False),
    *(Column(name, BigInteger, nullable=later) for name, later in _COLUMNS),
)


class Line(NamedTuple):
    """A statement line without the number and balance that its predecessors give it."""

    position: int
    line_no: int
    at_us: int
    accounting_date: date
    kind: str
    reference: str
    amount_fen: int


class Delta(Struct):
    """New merchants; lines by merchant in their order; what escrow changed by on each date."""

    registered: list[str]
    lines: dict[str, list[Line]]
    escrow: dict[str, dict[date, int]]


def _new_delta() -> Delta:
    return Delta([], {}, {})


def _seller(stream: str) -> str:
    """The merchant of a transaction's stream."""
    return transaction.merchant_of(transaction.id_of(stream))


def _payee(stream: str) -> str:
    """The merchant of a settlement batch's stream."""
    return split.merchant_of_batch(batch.id_of(stream))


def _add(delta: Delta, merchant: str, recorded: Recorded, *figures: tuple[str, int]) -> None:
    on, reference = recorded.fact.entry.date, f"{recorded.stream}#{recorded.version}"
    lines = delta.lines.setdefault(merchant, [])
    for line_no, (kind, amount_fen) in enumerate(figures, 1):
        if amount_fen:
            lines.append(
                Line(recorded.position, line_no, recorded.at_us, on, kind, reference, amount_fen)
            )


def _escrow(delta: Delta, merchant: str, on: date, in_fen: int) -> None:
    days = delta.escrow.setdefault(merchant, {})
    days[on] = days.get(on, 0) + in_fen


def _registered(delta: Delta, recorded: Recorded) -> None:
    if recorded.fact.kind == "enterprise":
        delta.registered.append(recorded.fact.member_id)


def _paid(delta: Delta, recorded: Recorded) -> None:
    entry: Entry = recorded.fact.entry
    amount_fen = sum(line.credit_fen for line in entry.lines)
    _escrow(delta, _seller(recorded.stream), entry.date, amount_fen)


def _cleared(delta: Delta, recorded: Recorded) -> None:
    fact: transaction.Cleared = recorded.fact
    merchant = _seller(recorded.stream)
    _escrow(delta, merchant, fact.entry.date, -fact.gross_fen)
    withheld_fen = fact.withheld.amount_fen if fact.withheld is not None else 0
    figures = (("sales", fact.gross_fen), ("fees", fact.fee_fen), ("withheld", withheld_fen))
    _add(delta, merchant, recorded, *figures)


def _refund_accepted(delta: Delta, recorded: Recorded) -> None:
    fact: transaction.RefundAccepted = recorded.fact
    if fact.entry is not None:
        _escrow(delta, _seller(recorded.stream), fact.entry.date, -fact.amount_fen)


def _refund_cleared(delta: Delta, recorded: Recorded) -> None:
    fact: transaction.RefundCleared = recorded.fact
    unheld = ("withheld", -fact.reserve_returned_fen)
    figures = (("refunds", fact.amount_fen), ("fees", -fact.fee_returned_fen), unheld)
    _add(delta, _seller(recorded.stream), recorded, *figures)


def _instructed(delta: Delta, recorded: Recorded) -> None:
    amount_fen = sum(payout.amount_fen for payout in recorded.fact.payouts)
    _add(delta, _payee(recorded.stream), recorded, ("settled", amount_fen))


def _paid_again(delta: Delta, recorded: Recorded) -> None:
    _add(delta, _payee(recorded.stream), recorded, ("settled", recorded.fact.amount_fen))


def _came_back(delta: Delta, recorded: Recorded) -> None:
    """What came back to an account that is closed is in suspense, and not the merchant's again."""
    merchant = _payee(recorded.stream)
    own = account_id(MERCHANT_AVAILABLE, merchant)
    back_fen = sum(line.credit_fen for line in recorded.fact.entry.lines if line.account == own)
    _add(delta, merchant, recorded, ("settled", -back_fen))


def _taken(delta: Delta, recorded: Recorded) -> None:
    """What an authority takes is paid out for the merchant; what comes back is its own again. So is
    what a payout takes that was paid after it was declined; others took theirs when instructed."""
    taken: dict[str, int] = {}
    entry = recorded.fact.entry
    for line in entry.lines if entry is not None else ():
        code, owner = split_id(line.account)
        if code in (MERCHANT_PENDING, MERCHANT_AVAILABLE):
            taken[owner] = taken.get(owner, 0) + line.debit_fen - line.credit_fen
    for merchant, taken_fen in taken.items():
        _add(delta, merchant, recorded, ("settled", taken_fen))


def _matured(delta: Delta, recorded: Recorded) -> None:
    recovered = ("recovered", recorded.fact.recovered_fen)
    _add(delta, _payee(recorded.stream), recorded, recovered)


def _released(delta: Delta, recorded: Recorded) -> None:
    fact: reserve.Released = recorded.fact
    merchant = split.merchant_of_batch(reserve.id_of(recorded.stream))
    figures = (("released", fact.amount_fen), ("recovered", fact.recovered_fen))
    _add(delta, merchant, recorded, *figures)


def _deposited(delta: Delta, recorded: Recorded) -> None:
    fact: deposit.Taken = recorded.fact
    paid_in_fen = fact.amount_fen if fact.source == "statement" else 0
    figures = (("deposited", fact.amount_fen), ("paid_in", paid_in_fen))
    _add(delta, fact.member_id, recorded, *figures)


def _deposit_back(delta: Delta, recorded: Recorded) -> None:
    """Whose it is says the entry: the account it leaves."""
    fact: deposit.Returned = recorded.fact
    merchant = next(
        owner
        for code, owner in (split_id(line.account) for line in fact.entry.lines)
        if code == MERCHANT_DEPOSIT
    )
    figures = (("deposited", -fact.amount_fen), ("recovered", fact.recovered_fen))
    _add(delta, merchant, recorded, *figures)


def _charged_back(delta: Delta, recorded: Recorded) -> None:
    """What is not in escrow is taken of the merchant's own; a retrieval takes nothing."""
    fact: chargeback.Received = recorded.fact
    if fact.taken is not None and fact.entry is not None:
        if fact.taken.escrow_fen:
            _escrow(delta, fact.merchant, fact.entry.date, -fact.taken.escrow_fen)
        _add(delta, fact.merchant, recorded, ("refunds", fact.taken.released_fen))


def _won_back(delta: Delta, recorded: Recorded) -> None:
    fact: chargeback.Won = recorded.fact
    if fact.given.escrow_fen:
        _escrow(delta, fact.merchant, fact.entry.date, fact.given.escrow_fen)
    recovered = ("recovered", fact.given.debt_fen)
    _add(delta, fact.merchant, recorded, ("refunds", -fact.given.released_fen), recovered)


def _reversed(_delta: Delta, recorded: Recorded) -> None:
    """Only entries on nobody's statement are turned round. Another would make every figure after
    it wrong, and nothing here says how: the read model stops at it."""
    for line in recorded.fact.entry.lines:
        if split_id(line.account)[0] in _OWN:
            raise ValueError(f"{recorded.fact.reference}: a merchant's entry was reversed")


class _End:
    """Where a merchant's statement stands; it goes on date by date."""

    def __init__(self, on: date = _BEFORE_ANY, *totals: int | None) -> None:
        self.on = on
        known = totals or [0] * len(TOTALS)
        self.totals = {name: fen or 0 for name, fen in zip(TOTALS, known, strict=True)}
        self.rows: list[tuple[Any, ...]] = []  # New lines: number, what they are, balance.
        self.days: list[tuple[Any, ...]] = []

    @property
    def stored(self) -> tuple[int | None, ...]:
        """As the columns have it: of the later ones, nothing is empty, as before there were any."""
        totals = self.totals.items()
        return tuple((fen or None) if name in _LATER else fen for name, fen in totals)

    def go_on(self, on: date, lines: list[Line], in_fen: int) -> None:
        """What one date brings. Raises ValueError when a later one has been before."""
        if on < self.on:
            raise ValueError(f"the accounting date {on} came after {self.on}")
        totals = self.totals
        for line in lines:
            totals["seq"] += 1
            totals["balance_fen"] += _EFFECT.get(line.kind, 0) * line.amount_fen
            totals[f"{line.kind}_fen"] += line.amount_fen
            self.rows.append((totals["seq"], *line, totals["balance_fen"]))
        totals["in_escrow_fen"] += in_fen
        self.on = on
        self.days.append((on, *self.stored))


def _write(connection: Connection, tables: Tables, delta: Delta) -> Writing:
    ends = {merchant: _End() for merchant in delta.registered}
    touched = delta.lines.keys() | delta.escrow.keys()
    known = [(merchant,) for merchant in sorted(touched - ends.keys())]
    (found,) = yield [Lookup(tables[ENDS.name], ("merchant",), known)]
    for merchant, *end in found:
        ends[merchant] = _End(*end)
    for merchant in touched:
        escrow = delta.escrow.get(merchant, {})
        days: dict[date, list[Line]] = {on: [] for on in escrow}
        for line in delta.lines.get(merchant, ()):
            days.setdefault(line.accounting_date, []).append(line)
        for on in sorted(days):
            ends[merchant].go_on(on, days[on], escrow.get(on, 0))
    rows = [(merchant, *row) for merchant, end in ends.items() for row in end.rows]
    insert_rows(connection, tables[LINES.name], rows)
    rows = [(merchant, *row) for merchant, end in ends.items() for row in end.days]
    upsert_rows(connection, tables[DAYS.name], rows, ("merchant", "accounting_date"), TOTALS)
    rows = [(merchant, end.on, *end.stored) for merchant, end in ends.items()]
    update = ("accounting_date", *TOTALS)
    upsert_rows(connection, tables[ENDS.name], rows, ("merchant",), update)


MODEL = ReadModel(
    name="merchant_statements",
    tables=(LINES, DAYS, ENDS),
    folds={
        Registered: _registered,
        transaction.Paid: _paid,
        transaction.Cleared: _cleared,
        transaction.RefundAccepted: _refund_accepted,
        transaction.RefundCleared: _refund_cleared,
        batch.Matured: _matured,
        batch.Instructed: _instructed,
        batch.PayoutRetried: _paid_again,
        batch.PayoutSucceeded: _taken,
        batch.PayoutFailed: _came_back,
        batch.PayoutReturned: _came_back,
        deduction.Asked: _taken,
        deduction.Failed: _taken,
        deduction.Returned: _taken,
        suspense.Opened: _taken,
        reserve.Released: _released,
        deposit.Taken: _deposited,
        deposit.Returned: _deposit_back,
        difference.Resolved: _taken,
        difference.Undone: _taken,
        chargeback.Received: _charged_back,
        chargeback.Won: _won_back,
        Reversed: _reversed,
    },
    new_delta=_new_delta,
    write=_write,
)
