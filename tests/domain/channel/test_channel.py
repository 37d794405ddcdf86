"""A channel that is new to a ledger: registered before it can be used, and its accounts with it."""

import pytest

from domain.channel import channel
from domain.channel.channel import ChannelRegistered, State
from domain.channel.channels import CHANNELS, FOUNDING
from domain.channel.commands import RegisterChannel
from domain.order.commands import PayOrder
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.refusals import Code
from domain.transaction.commands import RefundTransaction
from tests.books import Books, names, refusal
from tests.examples import BUYER, MERCHANT
from tests.scenario import Scenario

NEW = CHANNELS["NETSUNION_CARD"]
METHOD = "BANK_CARD"  # Tried by UnionPay first; where it has no accounts, by NetsUnion.
given = Scenario(channel.evolve, State()).given
registered = ChannelRegistered("NETSUNION_CARD", "NETSUNION", True, False)


@pytest.fixture
def new_channel() -> str:
    """A channel that came with a release: a row of the table, in no books yet."""
    return NEW.name


def test_a_channel_is_registered_once() -> None:
    given().when(channel.register, NEW).then(registered)
    given(registered).when(channel.register, NEW).then()


@pytest.mark.parametrize("name", FOUNDING)
def test_a_founding_channel_needs_no_registration(name: str) -> None:
    given().when(channel.register, CHANNELS[name]).then()


def test_every_ledger_begins_with_the_same_channels() -> None:
    """Its first commit opens their accounts; a fifth name here would be another first commit."""
    assert FOUNDING == ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS", "BANK_TRANSFER")


def test_the_first_channel_of_a_code_that_has_accounts_is_taken(books: Books) -> None:
    books.place("O1", (MERCHANT, 8_900))
    books.do(RegisterChannel("NETSUNION_CARD"))
    books.do(RegisterChannel("UNIONPAY_CARD"))
    books.do(PayOrder("P1", "O1", METHOD))
    assert books.state("instruction-pay-P1").channel == "UNIONPAY_CARD"


def test_it_takes_nobodys_money_before_it_has_accounts(books: Books) -> None:
    books.place("O1", (MERCHANT, 8_900))
    assert refusal(books, PayOrder("P1", "O1", METHOD)) is Code.CHANNEL_NOT_REGISTERED
    recharge = RechargeWallet("W1", BUYER, METHOD, 500)
    assert refusal(books, recharge) is Code.CHANNEL_NOT_REGISTERED
    assert refusal(books, RegisterChannel("NOBODY")) is Code.CHANNEL_UNKNOWN


def test_registered_on_open_books_it_is_paid_through(books: Books, new_channel: str) -> None:
    books.place("O1", (MERCHANT, 8_900))
    assert names(books, RegisterChannel(new_channel)) == [
        "channel.registered.1",
        *["account.opened.1"] * 6,
    ]
    assert names(books, RegisterChannel(new_channel)) == []
    books.do(PayOrder("P1", "O1", METHOD))
    books.do(RecordOutcome("pay-P1", succeeded="S1"))
    assert books.balance(f"1122.01.{new_channel}") == 8_900
    books.do(RefundTransaction("R1", f"{MERCHANT}-O1", 900))
    books.do(RecordOutcome("refund-R1", succeeded="S2"))
    assert books.balance(f"2202.01.{new_channel}") == 900
    books.next_day()
    closed = [fact for stream, fact in books.log if type(fact).__name__ == "Closed"][-1]
    assert [(one.channel, one.net_fen) for one in closed.positions] == [(new_channel, 8_000)]  # type: ignore[attr-defined]


def test_new_books_open_the_founding_channels_alone(new_channel: str) -> None:
    books = Books().open()
    assert books.state(f"account-1122.01.{FOUNDING[0]}").status == "open"
    assert books.state(f"account-1122.01.{new_channel}").status == "none"
