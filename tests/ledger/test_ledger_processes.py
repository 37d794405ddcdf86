"""What a process remembers and trusts, another has changed: it counts only as it is stored.

The first ledger has decided alone for a while, so that it is trusting and has everything in memory.
Then the other commits something, and the very next decision of the first depends on it.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from domain.accounting.commands import FreezeAccount, HoldMoney, UnfreezeAccount
from domain.channel.commands import RegisterChannel
from domain.clearing.commands import CloseDay, CutOffDay
from domain.kernel import Command
from domain.ledger import capacity
from domain.ledger.ledger import Ledger
from domain.ledger.proof import verify_log
from domain.member.commands import SetDebtLimit, SignAgreement
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.refusals import Code
from domain.settlement.calendar import CALENDAR_VERSION
from domain.settlement.published import YearDays
from domain.settlement.publishing import PublishCalendar
from domain.transaction.commands import RefundTransaction
from tests.examples import BUYER, FRIEND, PAY_DAY
from tests.ledger.conftest import LedgerOpener
from tests.ledger.requests import FRIENDS, WALLET, balance, confirm, request, transfer
from tests.shops import shop

SHOP = shop("SHOP", "三只松鼠", FeeRule(60), "D+0")
LINE = OrderLine("SHOP", 1_000, "每日坚果")


@pytest.fixture
def mine(ledger: Ledger) -> Ledger:
    """Trusting, with wallets, merchant, a paid order and the day in memory."""
    commands: list[Command] = [
        SHOP,
        Checkout("O1", BUYER, (LINE,)),
        PayOrder("P1", "O1", "JD_PAY"),
        RecordOutcome("pay-P1", succeeded="S1"),
    ]
    for command in commands:
        ledger.submit(request(command)).unwrap()
    for n in range(5):
        ledger.submit(transfer(f"WARM{n}", 1)).unwrap()
    assert ledger._committer._wary == 0
    assert ledger._committer._cache.holds(f"account-{WALLET}")
    return ledger


@pytest.fixture
def theirs(mine: Ledger, open_ledger: LedgerOpener) -> Ledger:
    return open_ledger()


def code(ledger: Ledger, command: Command) -> Code | None:
    refused = ledger.submit(request(command)).refused
    return None if refused is None else refused.code


def instant(order_no: str) -> Command:
    return Checkout(order_no, BUYER, (LINE,), "instant")


CHANGED: list[Any] = [
    pytest.param(
        [FreezeAccount(WALLET, "out", "court")],
        transfer("X").command,
        Code.ACCOUNT_FROZEN,
        id="a frozen account",
    ),
    pytest.param(
        [HoldMoney(WALLET, "H1", 9_990, "dispute")],
        transfer("X", 100).command,
        Code.BALANCE_INSUFFICIENT,
        id="a hold",
    ),
    pytest.param(
        [transfer("ALL", 9_995).command],
        transfer("X", 1).command,
        Code.BALANCE_INSUFFICIENT,
        id="a balance",
    ),
    pytest.param(
        [RefundTransaction("R1", "SHOP-O1", 900)],
        RefundTransaction("R2", "SHOP-O1", 200),
        Code.REFUND_EXCEEDS_PAID,
        id="a refund",
    ),
    pytest.param(
        [RechargeWallet("W7", FRIEND, "JD_PAY", 5)],
        RechargeWallet("W7", FRIEND, "JD_PAY", 6),
        Code.PAYMENT_EXISTS,
        id="a payment's number",
    ),
    pytest.param(
        [CutOffDay(PAY_DAY), CloseDay(PAY_DAY)], CutOffDay(PAY_DAY), None, id="an open day"
    ),
]


@pytest.mark.parametrize(("theirs_did", "then", "refused"), CHANGED)
def test_the_next_decision_knows_what_another_process_did(
    mine: Ledger,
    theirs: Ledger,
    theirs_did: Sequence[Command],
    then: Command,
    refused: Code | None,
) -> None:
    for command in theirs_did:
        theirs.submit(request(command)).unwrap()
    assert code(mine, then) is refused
    assert verify_log(mine.recorder) == []


def test_what_another_process_allows_is_allowed(mine: Ledger, theirs: Ledger) -> None:
    assert code(mine, instant("I1")) is Code.AGREEMENT_MISSING
    theirs.submit(request(SignAgreement("SHOP", "instant", PAY_DAY))).unwrap()
    assert code(mine, instant("I2")) is None
    mine.submit(request(FreezeAccount(WALLET, "out", "court"))).unwrap()
    assert code(mine, transfer("X1").command) is Code.ACCOUNT_FROZEN
    theirs.submit(request(UnfreezeAccount(WALLET, "court"))).unwrap()
    assert code(mine, transfer("X2").command) is None


def test_money_is_posted_on_the_day_that_another_process_opened(
    mine: Ledger, theirs: Ledger
) -> None:
    theirs.submit(request(CloseDay(PAY_DAY))).unwrap()
    mine.submit(transfer("X9", 1)).unwrap()
    posted = [f.fact for f in mine.history(f"account-{FRIENDS}") if f.name == "account.posted.1"]
    assert posted[-1].date > PAY_DAY


def test_an_answer_that_another_process_gave_is_given_again(mine: Ledger, theirs: Ledger) -> None:
    asked = transfer("X5", 7)
    first = theirs.submit(asked)
    again = mine.submit(asked)
    assert (again.result, again.position, again.replayed) == (first.result, first.position, True)
    other = mine.submit(transfer("X5", 8))
    assert other.refused is not None and other.refused.code is Code.REQUEST_CONFLICT
    assert balance(mine, FRIENDS) == 5 + 7


def test_what_another_process_promised_counts(
    mine: Ledger, theirs: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    promised_fen = mine._committer._promised.fen
    monkeypatch.setattr(capacity, "DOOR_FEN", promised_fen + 20)
    theirs.submit(request(RechargeWallet("W8", FRIEND, "JD_PAY", 10))).unwrap()
    assert code(mine, RechargeWallet("W9", FRIEND, "JD_PAY", 1)) is Code.LEDGER_FULL


def test_a_calendar_that_another_process_published_counts(mine: Ledger, theirs: Ledger) -> None:
    def published(version: int, holiday: date) -> Command:
        return PublishCalendar(version, PAY_DAY, "notice", (YearDays(2027, (holiday,), ()),))

    mine.submit(request(published(CALENDAR_VERSION + 1, date(2027, 1, 1)))).unwrap()
    theirs.submit(request(published(CALENDAR_VERSION + 2, date(2027, 1, 4)))).unwrap()
    older = published(CALENDAR_VERSION + 2, date(2027, 1, 5))
    assert code(mine, older) is Code.CALENDAR_VERSION_TAKEN


def test_a_channel_that_another_process_registered_is_there(mine: Ledger, theirs: Ledger) -> None:
    card = "BANK_CARD"
    assert code(mine, RechargeWallet("W8", FRIEND, card, 10)) is Code.CHANNEL_NOT_REGISTERED
    theirs.submit(request(RegisterChannel("UNIONPAY_CARD"))).unwrap()
    assert code(mine, RechargeWallet("W9", FRIEND, card, 10)) is None


def test_a_debt_limit_that_another_process_set_holds_a_refund_back(
    mine: Ledger, theirs: Ledger
) -> None:
    """The merchant cannot have what it sold for, so that its refund would be advanced."""
    mine.submit(request(confirm("SHOP-O1"))).unwrap()
    mine.submit(request(HoldMoney("2241.02.SHOP", "H1", 994, "dispute"))).unwrap()
    theirs.submit(request(SetDebtLimit("SHOP", PAY_DAY, 0))).unwrap()
    held = mine.submit(request(RefundTransaction("R1", "SHOP-O1", 100))).unwrap()
    assert held["state"] == "requested"
    assert verify_log(theirs.recorder) == []
