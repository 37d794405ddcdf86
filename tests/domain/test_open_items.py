"""Open items: what waits on 2241.05, 2241.07, 2241.08 and 1122.04 is known item by item.

No item is paid with another's money. The reserve identity holds in every case here: it sees
nothing of it.
"""

from typing import Any

import pytest

from domain.accounting.chart import CHART, FEE_EARNED, RESERVE
from domain.accounting.commands import CloseAccount
from domain.accounting.open_items import CONTROLLED, is_controlled
from domain.accounting.rules import refund as refund_rules
from domain.accounting.rules import settlement as settlement_rules
from domain.kernel import Recorded, Unit, split_reference
from domain.ledger.controls import CHANGES, OPEN_ITEMS, ItemBook
from domain.ledger.position_book import PositionBook
from domain.ledger.unit import ConservationBroken
from domain.payment.commands import RecordOutcome
from domain.payment.plan import Share
from domain.refusals import Code
from domain.settlement import batch
from domain.settlement.commands import RetryPayout, ReturnPayout
from domain.transaction import refund
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books, refusal
from tests.days import Days
from tests.examples import BUYER, MERCHANT, PAY_DAY

TRANSIT, PAYOUTS = "2241.07", "2241.05"


@pytest.fixture
def refunding(books: Books) -> Books:
    """Two refunds on their way to the buyer, 30.00 and 20.00."""
    books.sell("O1", (MERCHANT, 10_000))
    books.do(RefundTransaction("R1", f"{MERCHANT}-O1", 3_000))
    books.do(RefundTransaction("R2", f"{MERCHANT}-O1", 2_000))
    assert books.balance(TRANSIT) == 5_000
    return books


@pytest.fixture
def paying(books: Books) -> Books:
    """A batch of 98.99 whose payouts are on their way: 40.00, 40.00 and 18.99."""
    books.sell("O1", (TEA, 10_004))
    books.do(ConfirmReceipt(f"{TEA}-O1", "buyer"))
    days = Days(books)
    days.end(lambda _: None)
    assert books.balance(PAYOUTS) == 9_899
    return books


def test_an_outcome_moves_its_own_item(refunding: Books) -> None:
    refunding.do(RecordOutcome("refund-R1", succeeded="S"))
    assert refunding.balance(TRANSIT) == 2_000
    assert items_of(refunding) == {TRANSIT: 2_000}


@pytest.mark.parametrize("fen", [2_999, 3_001, 5_000])
def test_a_refund_is_never_paid_with_another_ones_money(refunding: Books, fen: int) -> None:
    def pays_wrongly(unit: Unit) -> None:
        stream = refund.stream("R1")
        entry = refund_rules.refund_succeeded(unit.accounting_date, "JD_PAY", fen)
        unit.record(stream, refund.succeed(unit.load(stream), 0, entry))

    with pytest.raises(ConservationBroken, match="open items and accounts differ"):
        refunding.decide(pays_wrongly)
    assert refunding.balance(TRANSIT) == 5_000


def test_a_payout_is_never_paid_with_another_ones_money(paying: Books) -> None:
    batch_id = f"{TEA}-{PAY_DAY}"

    def pays_wrongly(unit: Unit) -> None:
        stream = batch.stream(batch_id)
        entry = settlement_rules.payout_succeeded(unit.accounting_date, "BANK_TRANSFER", 5_000)
        number = batch.payout_number(batch_id, 1)
        unit.record(stream, batch.payout_succeeded(unit.load(stream), number, entry))

    with pytest.raises(ConservationBroken, match="open items and accounts differ"):
        paying.decide(pays_wrongly)


def test_an_item_without_its_money_is_never_opened(refunding: Books) -> None:
    def asks_without_money(unit: Unit) -> None:
        stream, parts = refund.stream("R3"), (Share(0, "channel", "JD_PAY", 100),)
        wanted = refund.request(unit.load(stream), f"{MERCHANT}-O1", BUYER, 100, parts)
        unit.record(stream, wanted)

    with pytest.raises(ConservationBroken, match="open items and accounts differ"):
        refunding.decide(asks_without_money)


def test_what_lies_in_suspense_is_an_item_too(refunding: Books) -> None:
    refunding.do(CloseAccount(f"2241.01.{BUYER}"))
    refunding.do(RecordOutcome("refund-R1", declined="card closed"))
    assert items_of(refunding) == {TRANSIT: 2_000, "2241.08.JD_PAY": 3_000}


def test_a_payout_is_retried_only_once_its_money_is_known_to_be_back(paying: Books) -> None:
    batch_id = f"{TEA}-{PAY_DAY}"
    first, second, third = (batch.payout_number(batch_id, n) for n in (1, 2, 3))
    assert refusal(paying, RetryPayout(batch_id, first)) is Code.PAYOUT_NOT_FOUND  # On its way.
    paying.do(RecordOutcome(first, unknown="no answer"))
    assert refusal(paying, RetryPayout(batch_id, first)) is Code.PAYOUT_NOT_FOUND
    paying.do(RecordOutcome(first, declined="name differs"))
    paying.do(RetryPayout(batch_id, first))
    paying.do(RecordOutcome(second, succeeded="B2"))
    assert refusal(paying, RetryPayout(batch_id, second)) is Code.PAYOUT_NOT_FOUND  # It is paid.
    paying.do(ReturnPayout(batch_id, second, "account closed"))
    paying.do(RetryPayout(batch_id, second))
    paying.do(RecordOutcome(third, succeeded="B3"))
    assert items_of(paying) == {PAYOUTS: 8_000}  # The two that are tried again.


def test_no_outcome_takes_from_an_account_whose_floor_could_refuse_it(books: Books) -> None:
    """Of accounts with a floor it lowers controlled ones alone, and their items are there."""
    books.sell("O1", (MERCHANT, 10_000), (TEA, 5_000))
    books.do(RefundTransaction("R1", f"{MERCHANT}-O1", 3_000))
    books.do(RefundTransaction("R2", f"{TEA}-O1", 1_000))
    books.do(ConfirmReceipt(f"{MERCHANT}-O1", "buyer"))
    books.do(ConfirmReceipt(f"{TEA}-O1", "buyer"))
    days = Days(books)
    days.end(lambda _: None)
    days.end(lambda _: None)
    payouts = [s.removeprefix("instruction-") for s in books.states if "-payout-" in s]
    for n, instruction_id in enumerate([*payouts, "refund-R1", "refund-R2"]):
        answer = {"succeeded": "S"} if n % 2 else {"declined": "no"}
        if books.state(f"instruction-{instruction_id}").status != "issued":
            continue
        for _, fact in books.facts_of(RecordOutcome(instruction_id, **answer)):
            for line in getattr(getattr(fact, "entry", None), "lines", ()):
                leaf = CHART[line.account.rpartition(".")[0]] if line.account not in CHART else None
                leaf = leaf or CHART[line.account]
                lowers = (line.credit_fen > 0) == leaf.debit_normal
                assert not (leaf.floored and lowers) or is_controlled(line.account), line
    assert {RESERVE, FEE_EARNED}.isdisjoint(CONTROLLED)


def items_of(books: Books) -> dict[str, int]:
    """All open items by account, from the states; equal to the balances, and to what facts say."""
    found: dict[str, int] = {}
    for stream, (_, state, _) in books.states.items():
        items = OPEN_ITEMS.get(stream.partition("-")[0])
        for leaf, fen in (items(state) if items else {}).items():
            found[leaf] = found.get(leaf, 0) + fen
    for leaf, fen in found.items():
        assert books.balance(leaf) == fen
    findings: list[Any] = []
    book = ItemBook(lambda *finding: findings.append(finding))
    for one in recorded(books):
        book.take(one, one.reference)
    for leaf, fen in found.items():
        book.compare(leaf, fen, "here")
    assert findings == []
    return found


def recorded(books: Books) -> list[Recorded]:
    versions: dict[str, int] = {}
    rows = []
    for position, (stream, fact) in enumerate(books.log, 1):
        versions[stream] = versions.get(stream, 0) + 1
        rows.append(Recorded(position, stream, versions[stream], "", 0, "", "", "", fact))
    assert all(split_reference(one.reference) for one in rows)
    return rows


# What `verify` sees in the facts alone.


def findings_of(books: Books, *more: tuple[str, Any]) -> list[tuple[str, str]]:
    books.log += more
    findings: list[tuple[str, str]] = []
    items = ItemBook(lambda check, _where, detail: findings.append((check, detail)))
    positions = PositionBook(lambda check, _where, detail: findings.append((check, detail)))
    for one in recorded(books):
        items.take(one, one.reference)
        positions.take(one, one.reference)
    for leaf in (TRANSIT, PAYOUTS, "2241.08.JD_PAY"):
        items.compare(leaf, books.balance(leaf), "here")
    return findings


def test_verify_sees_an_item_that_is_closed_twice(refunding: Books) -> None:
    refunding.do(RecordOutcome("refund-R1", succeeded="S"))
    entry = refund_rules.refund_succeeded(PAY_DAY, "JD_PAY", 2_000)
    again = ("refund-R1", refund.Succeeded(entry))
    assert findings_of(refunding, again) == [
        ("open items", "refund-R1/0 is closed, and was not open")
    ]


def test_verify_sees_a_balance_that_is_not_its_items(refunding: Books) -> None:
    parts = (Share(0, "channel", "JD_PAY", 100),)
    asked = ("refund-R3", refund.Requested(f"{MERCHANT}-O1", BUYER, 100, parts))
    assert findings_of(refunding, asked) == [
        ("open items", "2241.07 is at 5000 fen, its open items are 5100")
    ]


def test_verify_compares_a_days_positions_with_its_instructions(refunding: Books) -> None:
    refunding.do(RecordOutcome("refund-R1", succeeded="S"))
    refunding.next_day()
    assert findings_of(refunding) == []
    stream, closed = next((s, f) for s, f in refunding.log if type(f).__name__ == "Closed")
    at = refunding.log.index((stream, closed))
    position = closed.positions[0]  # type: ignore[attr-defined]
    wrong = type(position)(
        position.channel, position.network, position.received_fen + 1, position.paid_fen, 0
    )
    refunding.log[at] = (stream, type(closed)(PAY_DAY, (wrong,)))  # type: ignore[call-arg]
    assert findings_of(refunding) == [
        (
            "positions",
            "JD_PAY on 2010-12-01: sealed [10001, 3000], its instructions moved [10000, 3000] fen",
        )
    ]


def test_every_aggregate_with_items_has_facts_that_open_and_close_them() -> None:
    homes = {fact.__module__.rpartition(".")[2] for fact in CHANGES}
    assert homes == {
        "payment",
        "refund",
        "batch",
        "suspense",
        "withdrawal",
        "deduction",
        "reserve",
        "deposit",
        "difference",
        "topup",
    }
    assert set(OPEN_ITEMS) == homes - {"batch"} | {"settlement"}
