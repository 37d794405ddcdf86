"""What channels say against what was asked, or against their own word: section 5a in money.

After each story the open items equal their accounts, from the states and from the facts alone, and
the day's sealed positions equal what the instructions moved.
"""

import pytest
from msgspec.structs import replace

from domain.accounting.commands import CloseAccount, FreezeAccount
from domain.channel.network import Charge, PaidPart
from domain.member.agreement import STANDARD, Method
from domain.member.commands import SignMerchantAgreement
from domain.order.commands import Checkout, CloseOrder, PayOrder
from domain.order.order import OrderLine
from domain.order.surplus import PlaceSurplus, payment_of
from domain.payment import suspense, turnover
from domain.payment.asking import AskChannel
from domain.payment.commands import LegAsked, RechargeWallet, RecordOutcome, TransferMoney
from domain.refusals import Code, Refused
from domain.transaction.commands import RefundTransaction
from tests.books import TEA, Books, names, refusal
from tests.domain.payment.contradicting import (
    BACK,
    SHORTAGE,
    SURPLUS,
    ask,
    extra,
    how,
    item,
    say,
    total,
)
from tests.domain.test_open_items import items_of
from tests.examples import BUYER, FRIEND, MERCHANT, PAY_DAY

WALLET = f"2241.01.{BUYER}"
ESCROW = f"2241.04.{MERCHANT}"


def test_more_than_asked_pays_the_order_and_the_excess_goes_back(shop: Books) -> None:
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=10_300)
    assert shop.state("order-O1").status == "paid"
    assert (shop.balance(ESCROW), shop.balance("1122.01.JD_PAY")) == (10_000, 10_300)
    assert items_of(shop) == {BACK: 300}
    say(shop, extra("pay-P1", "more", "S1"), "succeeded", "B1")
    assert (shop.balance(BACK), shop.balance("2202.01.JD_PAY")) == (0, 300)
    assert item(shop, "pay-P1", "more", "S1").status == "sent_back"
    assert how(shop, "pay-P1") == ["ended"]


def test_less_than_asked_pays_nothing_and_goes_back(shop: Books) -> None:
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=9_000)
    assert shop.state("order-O1").status == "placed"
    assert shop.state("payment-P1").status == "declined"
    assert items_of(shop) == {BACK: 9_000}
    say(shop, extra("pay-P1", "less", "S1"), "declined", reason="card closed")
    assert (shop.balance(BACK), shop.balance(WALLET)) == (0, 9_000)


def test_a_surplus_that_nobody_takes_waits_until_an_operator_places_it(shop: Books) -> None:
    shop.do(CloseAccount(WALLET))
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=9_000)
    say(shop, extra("pay-P1", "less", "S1"), "declined", reason="card closed")
    assert items_of(shop) == {SURPLUS: 9_000}
    wanted = PlaceSurplus(suspense.item_id("pay-P1", "less", "S1"))
    assert refusal(shop, wanted) is Code.ACCOUNT_CLOSED
    assert refusal(shop, PlaceSurplus("nothing")) is Code.SUSPENSE_NOT_FOUND


def test_an_operator_gives_a_surplus_to_the_wallet(shop: Books) -> None:
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=9_000)
    name = extra("pay-P1", "less", "S1")
    place = PlaceSurplus(name.removeprefix("extra-"))
    assert refusal(shop, place) is Code.SUSPENSE_STATE_WRONG
    say(shop, name, "succeeded", "B1")
    say(shop, name, "declined", reason="taken back")  # Asked about, and then certain.
    say(shop, name, "declined", attempt=ask(shop, name), reason="taken back")
    assert items_of(shop) == {SURPLUS: 9_000}
    again = PlaceSurplus(suspense.item_id(name, "declined", "B1"))
    shop.do(again)
    assert shop.balance(WALLET) == 9_000
    assert shop.facts_of(again) == []


@pytest.fixture
def surplus(shop: Books) -> str:
    """A second charge of 100.00 that the channel would not keep back: it lies in suspense."""
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=10_000)
    say(shop, "pay-P1", "succeeded", "S2", amount_fen=10_000)
    charges = (Charge("S1", 10_000, 1), Charge("S2", 10_000, 2))
    attempt = ask(shop, "pay-P1")
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=10_000, charges=charges, attempt=attempt)
    name = extra("pay-P1", "second", "S2")
    say(shop, name, "succeeded", "B1")
    say(shop, name, "declined", reason="taken back")
    say(shop, name, "declined", attempt=ask(shop, name), reason="taken back")
    assert items_of(shop) == {SURPLUS: 10_000}
    return suspense.item_id(name, "declined", "B1")


def test_a_surplus_pays_another_order_of_its_payer(shop: Books, surplus: str) -> None:
    shop.place("O2", (MERCHANT, 6_000), (TEA, 3_500))
    wanted = PlaceSurplus(surplus, "O2")
    assert shop.do(wanted)["payment_no"] == payment_of(surplus)
    assert shop.state("order-O2").status == "paid"
    assert shop.balance(f"2241.04.{TEA}") == 3_500
    assert shop.balance(WALLET) == 500  # What is above is the payer's.
    assert items_of(shop) == {}
    assert shop.facts_of(wanted) == []
    shop.do(RefundTransaction("R2", f"{TEA}-O2", 3_500))
    assert shop.balance(WALLET) == 4_000


def test_a_surplus_pays_a_merchant_that_has_signed_for_no_wallet(shop: Books, surplus: str) -> None:
    """The channel took the money; that it passes through the wallet is our own doing. What the
    payer pays from the wallet is refused as before, and no day's limit is used."""
    by_card = Method("JD_PAY", most_fen=20_000, day_fen=30_000)
    shop.do(SignMerchantAgreement(MERCHANT, PAY_DAY, replace(STANDARD, methods=(by_card,))))
    shop.place("O2", (MERCHANT, 6_000))
    assert refusal(shop, PayOrder("P2", "O2", "WALLET_BALANCE")) is Code.AGREEMENT_MISSING
    shop.do(PlaceSurplus(surplus, "O2"))
    assert shop.state("order-O2").status == "paid"
    assert shop.balance(WALLET) == 4_000
    assert shop.state(turnover.stream(MERCHANT)).used_fen(PAY_DAY, "WALLET_BALANCE") == 0
    shop.do(RefundTransaction("R2", f"{MERCHANT}-O2", 6_000))
    assert shop.balance(WALLET) == 10_000


def test_a_surplus_that_cannot_pay_an_order_stays_where_it_is(shop: Books, surplus: str) -> None:
    shop.place("O2", (MERCHANT, 10_001))
    shop.place("O3", (MERCHANT, 5_000))
    shop.do(CloseOrder("O3", "no longer"))
    for order_no, code in (
        ("O1", Code.ORDER_NOT_PAYABLE),
        ("O2", Code.REQUEST_INVALID),
        ("O3", Code.ORDER_NOT_PAYABLE),
        ("O4", Code.ORDER_NOT_FOUND),
        ("O 5", Code.IDENTIFIER_INVALID),
    ):
        assert refusal(shop, PlaceSurplus(surplus, order_no)) is code, order_no
    assert items_of(shop) == {SURPLUS: 10_000}
    assert shop.balance(WALLET) == 0


def test_a_surplus_pays_nobody_elses_order(shop: Books, surplus: str) -> None:
    line = OrderLine(MERCHANT, 5_000, "nuts", 1)
    shop.do(Checkout("O2", FRIEND, (line,)))
    assert refusal(shop, PlaceSurplus(surplus, "O2")) is Code.REQUEST_INVALID
    assert items_of(shop) == {SURPLUS: 10_000}


def test_a_late_success_pays_an_order_that_is_still_open(shop: Books) -> None:
    shop.do(RecordOutcome("pay-P1", declined="no money"))
    assert shop.state("order-O1").status == "placed"
    say(shop, "pay-P1", "succeeded", "S1")
    assert shop.state("order-O1").status == "paid"
    assert shop.state("payment-P1").status == "succeeded"
    assert shop.balance(ESCROW) == 10_000
    say(shop, "pay-P1", "succeeded", "S1")
    assert shop.balance(ESCROW) == 10_000
    shop.do(RefundTransaction("R1", f"{MERCHANT}-O1", 10_000))
    say(shop, "refund-R1", "succeeded", "B1")


@pytest.mark.parametrize("meanwhile", ["another payment", "paid by another", "closed"])
def test_a_late_success_that_nothing_waits_for_goes_back(shop: Books, meanwhile: str) -> None:
    shop.do(RecordOutcome("pay-P1", declined="no money"))
    if meanwhile == "closed":
        shop.do(CloseOrder("O1", "not paid"))
    else:
        shop.do(PayOrder("P2", "O1", "WECHAT_PAY"))
        if meanwhile == "paid by another":
            say(shop, "pay-P2", "succeeded", "S2")
    say(shop, "pay-P1", "succeeded", "S1")
    assert items_of(shop) == {BACK: 10_000}
    say(shop, "back-P1", "succeeded", "B1")
    assert shop.state("payment-P1").status == "sent_back"
    assert shop.balance(BACK) == 0


def test_a_late_success_of_less_goes_back(shop: Books) -> None:
    shop.do(RecordOutcome("pay-P1", declined="no money"))
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=9_000)
    assert shop.state("order-O1").status == "placed"
    assert items_of(shop) == {BACK: 9_000}


def test_a_late_success_of_more_pays_and_the_excess_goes_back(shop: Books) -> None:
    shop.do(RecordOutcome("pay-P1", declined="no money"))
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=10_300)
    assert shop.state("order-O1").status == "paid"
    assert items_of(shop) == {BACK: 300}
    shop.do(RefundTransaction("R1", f"{MERCHANT}-O1", 4_000))
    assert total(shop, "refund-R1") == 10_300, "what was paid, though less was asked"
    assert total(shop, extra("pay-P1", "late", "S1")) == 10_300


def test_what_came_late_and_goes_back_names_the_total_that_was_paid(shop: Books) -> None:
    shop.do(RecordOutcome("pay-P1", declined="no money"))
    shop.do(CloseOrder("O1", "not paid"))
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=10_300)
    assert items_of(shop) == {BACK: 10_300}
    assert total(shop, "back-P1") == total(shop, extra("pay-P1", "late", "S1")) == 10_300


def test_of_a_combined_order_that_came_late_each_transaction_names_its_own(shop: Books) -> None:
    shop.place("O2", (MERCHANT, 6_000), (TEA, 4_000))
    shop.do(PayOrder("P2", "O2", "WECHAT_PAY"))
    asked = shop.state("instruction-pay-P2").asked.parts
    shop.do(RecordOutcome("pay-P2", declined="no money"))
    paid = tuple(
        PaidPart(one.number, f"S{place}", one.amount_fen + 20 * place)
        for place, one in enumerate(asked)
    )
    say(shop, "pay-P2", "succeeded", "S0", amount_fen=10_020, parts=paid)
    assert shop.state("order-O2").status == "paid"
    shop.do(RefundTransaction("R1", f"{MERCHANT}-O2", 100))
    shop.do(RefundTransaction("R2", f"{TEA}-O2", 100))
    assert [total(shop, one) for one in ("refund-R1", "refund-R2")] == [6_000, 4_020]


def test_a_late_leg_of_a_plan_that_was_given_up_goes_back(shop: Books) -> None:
    shop.do(RecordOutcome("pay-P1", declined="no money"))
    legs = (LegAsked("JD_PAY", 4_000), LegAsked("CLOUD_QUICKPASS", 6_000))
    shop.do(PayOrder("P2", "O1", legs=legs))
    say(shop, "pay1-P2", "declined", reason="no money")
    say(shop, "pay2-P2", "declined", reason="no money")
    say(shop, "pay1-P2", "succeeded", "S1")
    assert shop.state("order-O1").status == "placed"
    assert items_of(shop) == {BACK: 4_000}
    say(shop, "back1-P2", "succeeded", "B1")
    assert shop.state("payment-P2").status == "declined"


def test_a_late_recharge_is_in_the_wallet(shop: Books) -> None:
    shop.do(RechargeWallet("W1", BUYER, "JD_PAY", 500))
    shop.do(RecordOutcome("pay-W1", declined="no money"))
    say(shop, "pay-W1", "succeeded", "S1")
    assert shop.balance(WALLET) == 500


def test_a_second_charge_goes_back_only_once_the_channel_confirms_it(shop: Books) -> None:
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=10_000)
    say(shop, "pay-P1", "succeeded", "S2", amount_fen=10_000)
    assert how(shop, "pay-P1") == ["suspected"]
    assert items_of(shop) == {}
    charges = (Charge("S1", 10_000, 1), Charge("S2", 10_000, 2))
    attempt = ask(shop, "pay-P1")
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=10_000, charges=charges, attempt=attempt)
    assert items_of(shop) == {BACK: 10_000}
    asked = shop.state(f"instruction-{extra('pay-P1', 'second', 'S2')}").asked
    assert (asked.serial, asked.original, asked.amount_fen) == ("S2", "pay-P1", 10_000)
    say(shop, extra("pay-P1", "second", "S2"), "succeeded", "B2")
    assert shop.balance(ESCROW) == 10_000
    assert items_of(shop) == {}


def test_the_money_of_a_success_by_hand_is_no_second_charge(shop: Books) -> None:
    """What an operator heard on the telephone may be the charge that the channel tells later."""
    ask(shop, "pay-P1")
    shop.do(RecordOutcome("pay-P1", succeeded="telephone"))
    charges = (Charge("S1", 10_000, 1),)
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=10_000, charges=charges)
    assert how(shop, "pay-P1") == ["suspected"]
    attempt = ask(shop, "pay-P1")
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=10_000, charges=charges, attempt=attempt)
    assert how(shop, "pay-P1") == ["waiting"]  # On the desk, and for the bill.
    assert items_of(shop) == {}
    assert (shop.balance(ESCROW), shop.balance("1122.01.JD_PAY")) == (10_000, 10_000)


def test_a_callback_alone_makes_no_charge_a_second_one(shop: Books) -> None:
    """Some channels list the one charge they call about."""
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=10_000, charges=(Charge("S1", 10_000, 1),))
    second = (Charge("S2", 10_000, 2),)
    say(shop, "pay-P1", "succeeded", "S2", amount_fen=10_000, charges=second)
    assert how(shop, "pay-P1") == ["suspected"]
    assert items_of(shop) == {}
    attempt = ask(shop, "pay-P1")  # About that serial: and it is there.
    say(shop, "pay-P1", "succeeded", "S2", amount_fen=10_000, charges=second, attempt=attempt)
    assert items_of(shop) == {BACK: 10_000}


def test_a_success_by_hand_that_the_channel_knows_nothing_of_is_listed(shop: Books) -> None:
    say(shop, "pay-P1", "succeeded", "S1")
    shop.do(RefundTransaction("R1", f"{MERCHANT}-O1", 10_000))
    ask(shop, "refund-R1")
    shop.do(RecordOutcome("refund-R1", succeeded="telephone"))
    shop.do(AskChannel("refund-R1"))
    say(shop, "refund-R1", "not_found", attempt=ask(shop, "refund-R1"), reason="NO_SUCH_ORDER")
    assert how(shop, "refund-R1") == ["waiting"]


def test_another_serial_that_a_person_records_is_on_record_and_asked_about(shop: Books) -> None:
    say(shop, "pay-P1", "awaiting_payer", url="https://pay", attempt=ask(shop, "pay-P1"))
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=10_000)
    assert shop.facts_of(RecordOutcome("pay-P1", succeeded="S1")) == []
    other = RecordOutcome("pay-P1", succeeded="S9")
    assert names(shop, other) == ["contradiction.suspected.1", "instruction.ask_wanted.1"]
    shop.do(other)
    assert names(shop, other) == [], "said twice is said once"
    assert items_of(shop) == {}, "a person's word moves no money"
    say(shop, "pay-P1", "succeeded", "S1", amount_fen=10_000, attempt=ask(shop, "pay-P1"))
    assert how(shop, "pay-P1") == ["waiting"]
    shop.do(AskChannel("pay-P1"))
    say(shop, "pay-P1", "declined", reason="reversed", attempt=ask(shop, "pay-P1"))
    again = RecordOutcome("pay-P1", succeeded="S10")
    assert refusal(shop, again) is Code.INSTRUCTION_ALREADY_ENDED


def test_where_no_channel_can_be_asked_another_serial_is_on_record_too(shop: Books) -> None:
    shop.do(RecordOutcome("pay-P1", succeeded="S1"))
    assert names(shop, RecordOutcome("pay-P1", succeeded="S9")) == ["contradiction.suspected.1"]


def test_a_success_that_is_taken_back_is_missing(shop: Books) -> None:
    say(shop, "pay-P1", "succeeded", "S1")
    say(shop, "pay-P1", "declined", reason="reversed")
    assert how(shop, "pay-P1") == ["suspected"]
    say(shop, "pay-P1", "declined", reason="reversed", attempt=ask(shop, "pay-P1"))
    assert items_of(shop) == {SHORTAGE: 10_000}
    missing = PlaceSurplus(suspense.item_id("pay-P1", "declined", "S1"))
    with pytest.raises(Refused, match=f"a shortage, on {SHORTAGE}: there is nothing to give away"):
        shop.do(missing)
    assert shop.balance("1122.01.JD_PAY") == 0
    assert shop.balance(ESCROW) == 10_000


# Refunds.


@pytest.fixture
def refunded(shop: Books) -> Books:
    """A refund of 100.00 that its channel declined: the wallet has it."""
    say(shop, "pay-P1", "succeeded", "S1")
    shop.do(RefundTransaction("R1", f"{MERCHANT}-O1", 10_000))
    say(shop, "refund-R1", "declined", reason="card closed")
    assert shop.balance(WALLET) == 10_000
    return shop


def test_a_late_refund_takes_from_the_wallet_what_is_left_there(refunded: Books) -> None:
    refunded.do(TransferMoney("X1", BUYER, FRIEND, 7_000))
    say(refunded, "refund-R1", "succeeded", "B1")
    assert refunded.balance(WALLET) == 0
    assert items_of(refunded) == {SHORTAGE: 7_000}
    assert refunded.balance("2202.01.JD_PAY") == 10_000


@pytest.mark.parametrize("wallet", ["closed", "frozen", "full"])
def test_a_late_refund_is_never_refused(refunded: Books, wallet: str) -> None:
    if wallet == "closed":
        refunded.do(TransferMoney("X1", BUYER, FRIEND, 10_000))
        refunded.do(CloseAccount(WALLET))
    elif wallet == "frozen":
        refunded.do(FreezeAccount(WALLET, "out", "court order"))
    say(refunded, "refund-R1", "succeeded", "B1")
    assert items_of(refunded) == ({} if wallet == "full" else {SHORTAGE: 10_000})


def test_a_refund_that_comes_back_is_in_the_wallet(shop: Books) -> None:
    say(shop, "pay-P1", "succeeded", "S1")
    shop.do(RefundTransaction("R1", f"{MERCHANT}-O1", 10_000))
    say(shop, "refund-R1", "succeeded", "B1")
    say(shop, "refund-R1", "returned", "B2", reason="card closed")
    assert shop.balance(WALLET) == 10_000
    say(shop, "refund-R1", "returned", "B2", reason="card closed")
    assert shop.balance(WALLET) == 10_000
    assert items_of(shop) == {}
