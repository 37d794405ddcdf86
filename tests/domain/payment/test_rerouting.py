"""Another channel for a leg: when, and what becomes of the money under either instruction."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from domain.channel.commands import PlanMaintenance, RegisterChannel, WithdrawMaintenance
from domain.channel.health import Summary
from domain.channel.routing import Choice, Rejected
from domain.ledger.capacity import CapacityBook
from domain.ledger.position_book import PositionBook
from domain.order.commands import PayOrder
from domain.payment import instruction
from domain.payment.asking import ClaimAttempt, ClosePayment, RecordAnswer
from domain.payment.commands import LegAsked, RechargeWallet, RecordOutcome, SendBackRecharge
from domain.payment.rhythm import HOUR, SECOND
from domain.refusals import Code
from domain.transaction.commands import RefundTransaction
from tests.books import Books, names, refusal
from tests.domain.test_open_items import items_of, recorded
from tests.examples import BUYER, MERCHANT

UNION, NETS = "UNIONPAY_CARD", "NETSUNION_CARD"
BUSY = "CHANNEL_BUSY: over its limit"
DOWN = Summary(20, 1_000, 90_000, well=False)
AWAY = Summary(0, 10_000, 0, well=True, reachable=False)


@pytest.fixture
def shop(books: Books) -> Iterator[Books]:
    """Both card channels, and an order of 100.00; afterwards everything must add up."""
    books.do(RegisterChannel(UNION))
    books.do(RegisterChannel(NETS))
    books.place("O1", (MERCHANT, 10_000))
    yield books
    items = items_of(books)
    leaves = ("2241.07", "2241.09", "2241.05", f"2241.08.{UNION}", f"2241.08.{NETS}")
    for leaf in (*leaves, f"1122.04.{UNION}"):
        if f"account-{leaf}" in books.states:
            assert books.balance(leaf) == items.get(leaf, 0), leaf
    books.next_day()
    findings: list[Any] = []
    positions = PositionBook(lambda *one: findings.append(one))
    promised = CapacityBook(lambda *one: findings.append(one), {})
    for one in recorded(books):
        positions.take(one, one.reference)
        promised.take(one)
    promised.end_commit(1, len(books.log))
    assert findings == []


def pay(books: Books, no: str = "P1") -> None:
    books.do(PayOrder(no, "O1", "BANK_CARD"))


def say(books: Books, instruction_id: str, said: Any, serial: str = "", **more: Any) -> None:
    books.do(RecordAnswer(instruction_id, said, serial=serial, **more))


def busy(books: Books, instruction_id: str) -> None:
    """The channel declines for reasons of its own."""
    say(books, instruction_id, "declined", reason=BUSY, by_channel=True)


def tried(books: Books, instruction_id: str, **answer: Any) -> None:
    """One attempt, and its answer."""
    state = books.state(f"instruction-{instruction_id}")
    books.at_us = max(books.at_us, state.due_us)
    attempt = state.tried.attempt + 1
    books.do(ClaimAttempt(instruction_id, attempt, False, "N1", "N2"))
    books.do(RecordAnswer(instruction_id, attempt=attempt, **answer))


def refused_connection(books: Books, instruction_id: str) -> None:
    tried(books, instruction_id, said="unknown", reason="no connection", unsent=True)


def choice(books: Books, instruction_id: str) -> Choice | None:
    asked: instruction.State = books.state(f"instruction-{instruction_id}")
    assert asked.asked is not None
    return asked.asked.choice


def test_a_choice_is_on_record_with_its_reason(shop: Books) -> None:
    shop.health = {UNION: DOWN}
    pay(shop)
    assert shop.state("payment-P1").started.legs[0].channel == NETS
    assert choice(shop, "pay-P1") == Choice(
        NETS,
        "the first that can and is well",
        (Rejected(UNION, "answered 1000 of 10000 requests"),),
    )


def test_where_there_is_nothing_to_choose_there_is_no_choice(shop: Books) -> None:
    shop.health = {"JD_PAY": DOWN}
    shop.do(PayOrder("P1", "O1", "JD_PAY"))
    assert choice(shop, "pay-P1") is None


def test_the_same_payment_again_is_the_same_though_another_would_be_chosen_now(
    shop: Books,
) -> None:
    pay(shop)
    shop.health = {UNION: DOWN}
    assert shop.facts_of(PayOrder("P1", "O1", "BANK_CARD")) == []
    busy(shop, "pay-P1")
    assert shop.do(PayOrder("P1", "O1", "BANK_CARD"))["instruction_id"] == "payb-P1"


def test_what_nothing_here_can_ask_is_not_chosen_nor_tried_next(shop: Books) -> None:
    shop.health = {UNION: AWAY}
    pay(shop)
    assert shop.state("payment-P1").started.legs[0].channel == NETS
    busy(shop, "pay-P1")
    assert shop.state("payment-P1").status == "declined"


def test_limits_of_a_channel_are_heeded(shop: Books) -> None:
    shop.health = {UNION: DOWN}
    shop.place("O2", (MERCHANT, 5_000_001))
    shop.do(PayOrder("P2", "O2", "BANK_CARD"))
    assert choice(shop, "pay-P2") == Choice(
        UNION,
        "none is well; it answers most",
        (Rejected(NETS, "carries no more than 5000000 fen"),),
    )


def at(hour: int) -> str:
    """On 1 December 2010, in Shanghai."""
    return f"2010-12-01T{hour:02}:00:00+08:00"


def test_under_maintenance_another_channel_is_chosen_or_the_payment_refused(shop: Books) -> None:
    window = shop.do(PlanMaintenance(UNION, at(0), at(23), "a release"))
    assert window == {"channel": UNION, "window": 1}
    pay(shop)
    found = choice(shop, "pay-P1")
    assert found is not None
    assert found.rejected == (Rejected(UNION, "is under maintenance"),)
    busy(shop, "pay-P1")
    assert shop.state("payment-P1").status == "declined"
    shop.do(PlanMaintenance(NETS, at(0), at(23), "another"))
    assert refusal(shop, PayOrder("P2", "O1", "BANK_CARD")) is Code.CHANNEL_UNAVAILABLE
    shop.do(WithdrawMaintenance(UNION, 1, "done early"))
    pay(shop, "P2")
    assert shop.state("payment-P2").started.legs[0].channel == UNION


def test_the_only_channel_of_a_code_may_be_under_maintenance(shop: Books) -> None:
    shop.do(PlanMaintenance("JD_PAY", at(0), at(23), "a release"))
    assert refusal(shop, PayOrder("P1", "O1", "JD_PAY")) is Code.CHANNEL_UNAVAILABLE
    recharge = RechargeWallet("W1", BUYER, "JD_PAY", 500)
    assert refusal(shop, recharge) is Code.CHANNEL_UNAVAILABLE
    shop.at_us += 24 * HOUR
    shop.do(PayOrder("P1", "O1", "JD_PAY"))


def test_a_decline_of_the_channels_own_makes_another_carry_the_leg(shop: Books) -> None:
    pay(shop)
    asked = shop.state("instruction-pay-P1").asked
    command = RecordAnswer("pay-P1", "declined", reason=BUSY, by_channel=True)
    assert names(shop, command) == [
        "instruction.declined.1",
        "payment.leg_rerouted.1",
        "instruction.issued.2",
    ]
    again = shop.state("instruction-payb-P1").asked
    why = Choice(NETS, "the first that can and is well", (Rejected(UNION, f"declined it: {BUSY}"),))
    assert again == replace(asked, channel=NETS, choice=why)
    assert shop.state("order-O1").status == "paying"
    say(shop, "payb-P1", "succeeded", "S1")
    assert shop.state("order-O1").status == "paid"
    assert (shop.balance(f"1122.01.{NETS}"), shop.balance(f"1122.01.{UNION}")) == (10_000, 0)
    shop.do(RefundTransaction("R1", f"{MERCHANT}-O1", 4_000))
    refund = shop.state("instruction-refund-R1").asked
    assert (refund.channel, refund.original) == (NETS, "payb-P1")
    say(shop, "refund-R1", "succeeded", "S2")
    assert shop.balance(f"2202.01.{NETS}") == 4_000


def test_a_payers_decline_ends_it(shop: Books) -> None:
    pay(shop)
    say(shop, "pay-P1", "declined", reason="PAYER_POOR: no money")
    assert shop.state("payment-P1").status == "declined"


def test_when_all_have_declined_it_is_declined(shop: Books) -> None:
    pay(shop)
    busy(shop, "pay-P1")
    busy(shop, "payb-P1")
    assert shop.state("payment-P1").status == "declined"
    assert shop.state("order-O1").status == "placed"
    assert "instruction-payc-P1" not in shop.states


def test_not_after_its_time_nor_when_closing_was_wanted(shop: Books) -> None:
    pay(shop)
    tried(shop, "pay-P1", said="awaiting_payer")
    shop.do(ClosePayment("pay-P1", "the buyer left"))
    busy(shop, "pay-P1")
    assert shop.state("payment-P1").status == "declined"
    pay(shop, "P2")
    shop.at_us += 3 * HOUR
    busy(shop, "pay-P2")
    assert shop.state("payment-P2").status == "declined"


def test_what_was_twice_not_sent_goes_through_another_channel(shop: Books) -> None:
    pay(shop)
    refused_connection(shop, "pay-P1")
    assert shop.state("payment-P1").status == "unknown"
    before_us = shop.at_us
    refused_connection(shop, "pay-P1")
    assert shop.at_us - before_us == 5 * SECOND
    assert shop.state("instruction-pay-P1").status == "declined"
    assert shop.state("payment-P1").status == "paying"
    assert shop.state("instruction-payb-P1").channel == NETS
    for _ in range(4):  # No third one is left: it goes on trying until its time is over.
        refused_connection(shop, "payb-P1")
    assert shop.state("instruction-payb-P1").status == "unknown"
    say(shop, "payb-P1", "succeeded", "S1")
    assert shop.state("order-O1").status == "paid"


def test_what_may_have_left_is_never_sent_elsewhere(shop: Books) -> None:
    pay(shop)
    tried(shop, "pay-P1", said="unknown", reason="no answer")
    for _ in range(4):
        refused_connection(shop, "pay-P1")
    assert shop.state("instruction-pay-P1").status == "unknown"
    assert "instruction-payb-P1" not in shop.states


@pytest.mark.parametrize("then", ["open", "succeeded", "declined"])
def test_a_late_success_of_the_old_instruction_goes_back(shop: Books, then: str) -> None:
    """Whatever has become of the leg since: it is another channel's now."""
    pay(shop)
    busy(shop, "pay-P1")
    if then == "succeeded":
        say(shop, "payb-P1", "succeeded", "N1")
    elif then == "declined":
        busy(shop, "payb-P1")
    say(shop, "pay-P1", "succeeded", "U1")
    (back,) = [one for one in shop.states if one.startswith("instruction-extra-")]
    asked = shop.state(back).asked
    assert (asked.channel, asked.amount_fen, asked.original, asked.serial) == (
        UNION,
        10_000,
        "pay-P1",
        "U1",
    )
    assert shop.balance(f"1122.01.{UNION}") == 10_000
    assert items_of(shop) == {"2241.07": 10_000}
    say(shop, back.removeprefix("instruction-"), "succeeded", "U2")
    assert shop.balance(f"2202.01.{UNION}") == 10_000
    assert items_of(shop) == {}
    if then == "open":
        say(shop, "payb-P1", "succeeded", "N1")
    if then != "declined":
        assert shop.state("order-O1").status == "paid"
        assert shop.balance(f"1122.01.{NETS}") == 10_000
    say(shop, "pay-P1", "succeeded", "U1")  # Said again: nothing more.
    assert shop.balance(f"1122.01.{UNION}") == 10_000


def test_a_late_success_of_the_newest_instruction_pays_after_all(shop: Books) -> None:
    pay(shop)
    busy(shop, "pay-P1")
    busy(shop, "payb-P1")
    say(shop, "payb-P1", "succeeded", "N1")
    assert shop.state("order-O1").status == "paid"
    assert shop.balance(f"1122.01.{NETS}") == 10_000


def test_more_by_the_second_channel_goes_back_through_it(shop: Books) -> None:
    pay(shop)
    busy(shop, "pay-P1")
    say(shop, "payb-P1", "succeeded", "N1", amount_fen=10_300)
    assert shop.state("order-O1").status == "paid"
    (back,) = [one for one in shop.states if one.startswith("instruction-extra-")]
    assert shop.state(back).asked.original == "payb-P1"
    assert shop.state(back).channel == NETS


def test_a_leg_of_several_is_rerouted_while_the_others_wait(shop: Books) -> None:
    legs = (LegAsked("JD_PAY", 4_000), LegAsked("BANK_CARD", 6_000))
    shop.do(PayOrder("P1", "O1", legs=legs))
    say(shop, "pay1-P1", "succeeded", "J1")
    busy(shop, "pay2-P1")
    assert items_of(shop) == {"2241.09": 4_000}
    say(shop, "payb2-P1", "succeeded", "N1")
    assert shop.state("order-O1").status == "paid"
    paid = shop.state(f"transaction-{MERCHANT}-O1")
    assert [one.channel for one in paid.legs] == ["JD_PAY", NETS]
    shop.do(RefundTransaction("R1", f"{MERCHANT}-O1", 10_000))
    assert shop.state("instruction-refund2-R1").asked.original == "payb2-P1"
    assert shop.state("instruction-refund1-R1").asked.original == "pay1-P1"
    say(shop, "refund1-R1", "succeeded", "S1")
    say(shop, "refund2-R1", "succeeded", "S2")
    assert shop.balance(f"2202.01.{NETS}") == 6_000


def test_a_plan_that_is_given_up_tries_nothing_new(shop: Books) -> None:
    legs = (LegAsked("JD_PAY", 4_000), LegAsked("BANK_CARD", 6_000))
    shop.do(PayOrder("P1", "O1", legs=legs))
    say(shop, "pay1-P1", "declined", reason="no money")
    busy(shop, "pay2-P1")
    assert shop.state("payment-P1").status == "declined"
    assert "instruction-payb2-P1" not in shop.states


def test_a_plan_given_up_later_sends_the_rerouted_leg_back_as_it_came(shop: Books) -> None:
    legs = (LegAsked("JD_PAY", 4_000), LegAsked("BANK_CARD", 6_000))
    shop.do(PayOrder("P1", "O1", legs=legs))
    busy(shop, "pay2-P1")
    say(shop, "payb2-P1", "succeeded", "N1")
    say(shop, "pay1-P1", "declined", reason="no money")
    back = shop.state("instruction-back2-P1").asked
    assert (back.channel, back.original) == (NETS, "payb2-P1")
    say(shop, "back2-P1", "succeeded", "N2")
    assert (shop.balance(f"1122.01.{NETS}"), shop.balance(f"2202.01.{NETS}")) == (6_000, 6_000)


def test_a_recharge_goes_by_the_second_channel_and_back_by_it(shop: Books) -> None:
    shop.do(RechargeWallet("W1", BUYER, "BANK_CARD", 500))
    busy(shop, "pay-W1")
    say(shop, "payb-W1", "succeeded", "N1")
    assert shop.balance(f"2241.01.{BUYER}") == 500
    shop.do(SendBackRecharge("W1", "asked for"))
    back = shop.state("instruction-back-W1").asked
    assert (back.channel, back.original) == (NETS, "payb-W1")


def test_an_operators_word_about_a_channel_in_process_reroutes_nothing(shop: Books) -> None:
    pay(shop)
    shop.do(RecordOutcome("pay-P1", declined="down"))
    assert shop.state("payment-P1").status == "declined"
