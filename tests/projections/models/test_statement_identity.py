"""Whatever happens to a merchant, in whatever batches: its statements add up to its accounts."""

from collections.abc import Sequence
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from domain.accounting.rules import deduction as deductions
from domain.accounting.rules import refund, release, settlement
from domain.authority import deduction
from domain.kernel import Fact
from domain.payment.asked import Destination
from domain.settlement import batch
from domain.transaction import transaction
from projections.models import statements
from projections.models.merchant_statements import KINDS, MODEL
from tests.examples import BATCH_ID, EXAMPLES, MERCHANT, PAYOUT_CHANNEL, TRANSACTION_ID, log
from tests.projections.applied import apply

FIRST = date(2010, 12, 1)
OWN = {f"{code}.{MERCHANT}" for code in ("2241.02", "2241.03", "1122.03")}
FEN = st.integers(0, 10**12)
# What happens, amounts in fen, days since.
STEP = st.tuples(st.integers(0, 13), st.tuples(FEN, FEN, FEN), st.integers(0, 2))


def money(kind: int, on: date, fen: tuple[int, int, int]) -> Fact:
    a, b, c = fen
    whole = a + b + c + 1
    match kind:
        case 0:
            entry = release.release(on, MERCHANT, whole, c)
            return transaction.Cleared(on, BATCH_ID, whole, c, whole - c, entry)
        case 1:
            entry = refund.refund_after_release(
                on,
                MERCHANT,
                from_pending_fen=a,
                from_available_fen=b,
                advanced_fen=1,
                fee_returned_fen=c,
            )
            return transaction.RefundCleared("R", on, BATCH_ID, whole, c, a, b, 1, entry)
        case 2:
            entry = settlement.matured(on, MERCHANT, whole, a)
            return batch.Matured(0, whole, a, 0, entry)
        case 3:
            payouts = (batch.Payout("p-1", a + b), batch.Payout("p-2", c + 1))
            return batch.Instructed(payouts, settlement.payout_instructed(on, MERCHANT, whole))
        case 4:
            entry = settlement.payout_failed(on, MERCHANT, whole)
            return batch.PayoutFailed("p-1", whole, "no", entry)
        case 5:
            entry = settlement.payout_returned(on, MERCHANT, whole)
            return batch.PayoutReturned("p-1", whole, "no", entry)
        case 6:
            entry = settlement.payout_failed_to_suspense(on, PAYOUT_CHANNEL, whole)
            return batch.PayoutFailed("p-1", whole, "no", entry)
        case 7:
            entry = settlement.payout_returned_to_suspense(on, PAYOUT_CHANNEL, whole)
            return batch.PayoutReturned("p-1", whole, "no", entry)
        case 8:
            entry = settlement.payout_instructed(on, MERCHANT, whole)
            return batch.PayoutRetried("p-1", "p-3", whole, entry)
        case _:
            return money_later(kind, on, whole)


def money_later(kind: int, on: date, whole: int) -> Fact:
    """What authorities take, and what payouts come to in the end."""
    match kind:
        case 9:
            entry = deductions.deduction_asked(on, f"2241.02.{MERCHANT}", whole)
            to = Destination("c0" * 16, "1c" * 16, "6677")
            account = f"2241.02.{MERCHANT}"
            return deduction.Asked("F1", "1号", account, MERCHANT, whole, to, "staff:lin", entry)
        case 10:
            entry = deductions.deduction_given_back(on, f"2241.03.{MERCHANT}", whole)
            return deduction.Failed("no", whole, entry)
        case 11:
            entry = deductions.deduction_returned_kept(on, PAYOUT_CHANNEL, whole)
            return deduction.Returned("no", whole, entry)
        case 12:
            entry = settlement.payout_succeeded_late(on, PAYOUT_CHANNEL, MERCHANT, whole)
            return batch.PayoutSucceeded("p-1", whole, entry)
        case _:
            entry = settlement.payout_succeeded(on, PAYOUT_CHANNEL, whole)
            return batch.PayoutSucceeded("p-1", whole, entry)


def history(steps: Sequence[tuple[int, tuple[int, int, int], int]]) -> list[tuple[str, Fact]]:
    facts: list[tuple[str, Fact]] = [(f"member-{MERCHANT}", EXAMPLES["member.registered.1"])]
    on = FIRST
    for kind, fen, days in steps:
        on += timedelta(days=days)
        stream = f"transaction-{TRANSACTION_ID}" if kind < 2 else f"settlement-{BATCH_ID}"
        stream = "deduction-K1" if 8 < kind < 12 else stream
        facts.append((stream, money(kind, on, fen)))
    return facts


def net_fen(facts: Sequence[tuple[str, Fact]], before: date) -> int:
    """2241.02 + 2241.03 − 1122.03, from the entries alone."""
    entries = [fact.entry for _, fact in facts[1:]]  # type: ignore[attr-defined]
    lines = [line for entry in entries if entry.date < before for line in entry.lines]
    return sum(line.credit_fen - line.debit_fen for line in lines if line.account in OWN)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, max_size=12), st.integers(1, 12), st.integers(0, 12), st.integers(0, 12))
def test_statements_add_up(
    books: Connection,
    steps: list[tuple[int, tuple[int, int, int], int]],
    size: int,
    begin: int,
    length: int,
) -> None:
    facts = history(steps)
    from_ = FIRST + timedelta(days=begin)
    to = from_ + timedelta(days=length)
    with books.begin_nested() as savepoint:
        apply(books, MODEL, log(*facts), size)
        statement = statements.statement(books, MERCHANT, from_, to)
        lines = statements.lines(books, MERCHANT, from_, to).items
        savepoint.rollback()
    assert statement is not None
    assert statement.opening_fen == net_fen(facts, from_)
    assert statement.closing_fen == net_fen(facts, to)
    for kind in KINDS:
        amounts = [line.amount_fen for line in lines if line.kind == kind]
        assert sum(amounts) == getattr(statement, f"{kind}_fen")
        assert all(amounts), "a line says something"
    assert (lines[-1].balance_fen if lines else statement.opening_fen) == statement.closing_fen
