"""Combined orders (合单): one order at the channel, a number for each transaction."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.channel.network import PaidPart
from domain.channel.numbers import part_number
from domain.order.commands import CloseOrder, PayOrder
from domain.payment import combined, suspense
from domain.payment.asked import Part
from domain.payment.asking import RecordAnswer
from domain.payment.combined import Charged, Sold
from domain.payment.commands import LegAsked, RechargeWallet, RecordOutcome
from domain.payment.orders import network_order
from domain.payment.plan import Leg
from domain.transaction.commands import RefundTransaction
from tests.books import TEA, Books
from tests.domain.test_open_items import items_of
from tests.examples import BUYER, MERCHANT

BACK, WAITING = "2241.07", "2241.09"
WALLET = f"2241.01.{BUYER}"
SOLD = [f"{MERCHANT}-O1", f"{TEA}-O1"]
ONE, TWO = "part1-P1", "part2-P1"


@pytest.fixture
def shop(books: Books) -> Iterator[Books]:
    """An order of two merchants, 60.00 and 40.00, that is being paid by one WeChat order."""
    books.place("O1", (MERCHANT, 6_000), (TEA, 4_000))
    books.do(PayOrder("P1", "O1", "WECHAT_PAY"))
    yield books
    items = items_of(books)
    for leaf in (BACK, WAITING, "2241.08.WECHAT_PAY"):
        if f"account-{leaf}" in books.states:
            assert books.balance(leaf) == items.get(leaf, 0), leaf


def paid(books: Books, one: int, two: int, instruction_id: str = "pay-P1") -> None:
    parts = (PaidPart(ONE, "S1", one), PaidPart(TWO, "S2", two))
    said = RecordAnswer(instruction_id, "succeeded", serial="S1", amount_fen=one + two, parts=parts)
    books.do(said)


def order_of(books: Books, instruction_id: str) -> Any:
    """What the channel is asked for."""
    state = books.state(f"instruction-{instruction_id}")
    original = books.state(f"instruction-{state.asked.original}") if state.asked.original else None
    return network_order(instruction_id, state, original)


def extra(kind: Any, serial: str) -> str:
    return f"extra-{suspense.item_id('pay-P1', kind, serial)}"


def test_each_transaction_has_a_number_of_its_own(shop: Books) -> None:
    order = order_of(shop, "pay-P1")
    assert (order.number, order.amount_fen, order.merchant) == ("pay-P1", 10_000, "")
    told = [(one.number, one.merchant, one.amount_fen) for one in order.parts]
    assert told == [(ONE, MERCHANT, 6_000), (TWO, TEA, 4_000)]


def test_a_refund_is_of_one_transaction(shop: Books) -> None:
    paid(shop, 6_000, 4_000)
    assert shop.state("order-O1").status == "paid"
    shop.do(RefundTransaction("R1", SOLD[1], 1_500))
    order = order_of(shop, "refund-R1")
    named = (order.original, order.original_fen, order.amount_fen, order.merchant)
    assert named == (TWO, 4_000, 1_500, TEA)


def test_a_leg_that_pays_one_transaction_is_no_combined_order(books: Books) -> None:
    books.do(RechargeWallet("W1", BUYER, "JD_PAY", 10_000))
    books.do(RecordOutcome("pay-W1", succeeded="S"))
    books.place("O1", (MERCHANT, 6_000), (TEA, 4_000))
    legs = (LegAsked("WECHAT_PAY", 5_000), LegAsked("WALLET_BALANCE", 5_000))
    books.do(PayOrder("P1", "O1", legs=legs))
    assert order_of(books, "pay1-P1").parts == ()
    books.do(RecordOutcome("pay1-P1", succeeded="S1"))
    books.do(RefundTransaction("R1", SOLD[0], 6_000))
    assert order_of(books, "refund1-R1").original == "pay1-P1"


def test_a_leg_of_several_combines_its_shares(books: Books) -> None:
    books.place("O1", (MERCHANT, 6_000), (TEA, 4_000))
    legs = (LegAsked("JD_PAY", 5_000), LegAsked("WECHAT_PAY", 5_000))
    books.do(PayOrder("P1", "O1", legs=legs))
    told = [(one.merchant, one.amount_fen) for one in order_of(books, "pay2-P1").parts]
    assert told == [(MERCHANT, 1_000), (TEA, 4_000)]


@pytest.mark.parametrize("ends", ["succeeded", "one declined", "both declined"])
def test_what_nobody_takes_goes_back_by_transaction(shop: Books, ends: str) -> None:
    shop.do(RecordOutcome("pay-P1", declined="too slow"))
    shop.do(CloseOrder("O1", "not paid"))
    paid(shop, 6_000, 4_000)
    assert items_of(shop) == {BACK: 10_000}
    orders = [order_of(shop, f"backp{number}-P1") for number in (1, 2)]
    told = [(one.original, one.original_fen, one.amount_fen, one.merchant) for one in orders]
    assert told == [(ONE, 6_000, 6_000, MERCHANT), (TWO, 4_000, 4_000, TEA)]
    one, two = ("declined" if ends == "both declined" else "succeeded"), "succeeded"
    two = "succeeded" if ends == "succeeded" else "declined"
    for number, (name, answer) in enumerate((("backp2-P1", two), ("backp1-P1", one))):
        assert shop.state("payment-P1").status == "sending_back"
        assert shop.balance(BACK) == (10_000 if number == 0 else 6_000)
        shop.do(RecordOutcome(name, **{answer: "said"}))
        shop.do(RecordOutcome(name, **{answer: "said"}))
    kept = {"succeeded": 0, "one declined": 4_000, "both declined": 10_000}[ends]
    assert shop.balance(WALLET) == kept
    assert shop.state("payment-P1").status == ("kept" if kept else "sent_back")
    assert items_of(shop) == {}


def test_more_for_one_transaction_pays_and_goes_back_from_that(shop: Books) -> None:
    paid(shop, 6_000, 4_120)
    assert shop.state("order-O1").status == "paid"
    assert items_of(shop) == {BACK: 120}
    order = order_of(shop, extra("more", "S2"))
    told = (order.original, order.serial, order.amount_fen, order.original_fen, order.merchant)
    assert told == (TWO, "S2", 120, 4_120, TEA)
    shop.do(RefundTransaction("R1", SOLD[1], 4_000))
    assert order_of(shop, "refund-R1").original_fen == 4_120  # What was really charged.


@pytest.mark.parametrize("moved", [(6_000, 3_600), (6_400, 3_600)])
def test_less_for_one_transaction_pays_nothing(shop: Books, moved: tuple[int, int]) -> None:
    """Also when the sum is what was asked."""
    paid(shop, *moved)
    assert shop.state("order-O1").status == "placed"
    assert items_of(shop) == {BACK: sum(moved)}
    for serial, number, fen in (("S1", ONE, moved[0]), ("S2", TWO, moved[1])):
        order = order_of(shop, extra("less", serial))
        assert (order.original, order.amount_fen, order.original_fen) == (number, fen, fen)
        shop.do(RecordOutcome(order.instruction_id, succeeded="B"))
    assert items_of(shop) == {}
    stages = [one.stage for one in shop.state("contradiction-pay-P1").items]
    assert stages == ["ended"]


def test_a_late_success_of_less_for_one_goes_back(shop: Books) -> None:
    shop.do(RecordOutcome("pay-P1", declined="too slow"))
    paid(shop, 6_400, 3_600)
    assert shop.state("order-O1").status == "placed"
    assert items_of(shop) == {BACK: 10_000}
    assert order_of(shop, extra("late", "S2")).original_fen == 3_600


@pytest.mark.parametrize(
    "parts",
    [
        (PaidPart(ONE, "S1", 6_000),),
        (PaidPart(ONE, "S1", 6_000), PaidPart("part3-P1", "S2", 4_000)),
        (PaidPart(ONE, "S1", 6_000), PaidPart(ONE, "S2", 4_000)),
    ],
)
def test_other_transactions_than_asked_for_say_nothing(
    shop: Books, parts: tuple[PaidPart, ...]
) -> None:
    shop.do(RecordAnswer("pay-P1", "succeeded", serial="S1", amount_fen=10_000, parts=parts))
    assert shop.state("instruction-pay-P1").status == "issued"
    assert shop.state("order-O1").status == "paying"
    paid(shop, 6_000, 4_000)
    assert shop.state("order-O1").status == "paid"


WECHAT, JD = Leg("channel", "WECHAT_PAY", "WECHAT_PAY", 0), Leg("channel", "JD_PAY", "JD_PAY", 0)


@given(
    amounts=st.lists(st.integers(1, 9_000), min_size=1, max_size=12),
    cut=st.integers(0, 100),
    last=st.booleans(),
)
def test_parts_come_to_their_leg(amounts: list[int], cut: int, last: bool) -> None:
    sold = [Sold(f"M{place}-O1", fen) for place, fen in enumerate(amounts)]
    total = sum(amounts)
    wechat_fen = total * cut // 100
    legs = [Leg(*one[:3], fen) for one, fen in ((_row(JD), total - wechat_fen),)]
    place = len(legs) if last else 0
    legs.insert(place, Leg(*_row(WECHAT), wechat_fen))
    parts = combined.parts_of("pay-P1", place, tuple(legs), sold)
    assert not parts or sum(one.amount_fen for one in parts) == wechat_fen
    assert len(parts) == 0 or 2 <= len(parts) <= 10
    assert len({one.number for one in parts}) == len(parts)
    assert combined.parts_of("pay-P1", 1 - place, tuple(legs), sold) == ()


def _row(leg: Leg) -> tuple[Any, str, str]:
    return leg.kind, leg.code, leg.channel


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=5))
def test_each_charge_is_compared_with_what_was_asked(pairs: list[tuple[int, int]]) -> None:
    asked = tuple(
        Part(f"M{one}-O", part_number("pay-P", one + 1), fen) for one, (fen, _) in enumerate(pairs)
    )
    came = [
        PaidPart(part.number, f"S{part.transaction}", fen)
        for part, (_, fen) in zip(asked, pairs, strict=True)
    ]
    sums = sum(fen for fen, _ in pairs), sum(fen for _, fen in pairs)
    said = combined.compared(*sums, asked, came[::-1])
    less, more = any(a > b for a, b in pairs), any(a < b for a, b in pairs)
    assert said == ("less" if less else "more" if more else "")
    charges = combined.charged(sums[0], "S", sums[1], asked, came)
    assert charges == [
        Charged(f"S{part.transaction}", part.transaction, *pair)
        for part, pair in zip(asked, pairs, strict=True)
    ]
