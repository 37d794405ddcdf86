"""Books that are open already, a release with one more channel, and a payment through it."""

from domain.channel.commands import RegisterChannel
from domain.ledger.ledger import Ledger
from domain.ledger.proof import verify_log
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.refusals import Code
from tests.examples import BUYER
from tests.ledger.conftest import LedgerOpener
from tests.ledger.requests import WALLET, balance, request

NEW = "UNIONPAY_CARD"


def test_an_upgrade_writes_nothing_and_an_operator_registers_the_channel(
    ledger: Ledger, open_ledger: LedgerOpener
) -> None:
    head, before = ledger.head(), balance(ledger, WALLET)
    upgraded = open_ledger()
    assert upgraded.head() == head
    recharge = RechargeWallet("W9", BUYER, "BANK_CARD", 700)
    early = upgraded.submit(request(recharge))
    assert early.refused is not None
    assert early.refused.code is Code.CHANNEL_NOT_REGISTERED
    upgraded.submit(request(RegisterChannel(NEW))).unwrap()
    upgraded.submit(request(recharge)).unwrap()
    upgraded.submit(request(RecordOutcome("pay-W9", succeeded="S9"))).unwrap()
    assert balance(upgraded, WALLET) == before + 700
    assert balance(upgraded, f"1122.01.{NEW}") == 700
    assert verify_log(upgraded.recorder) == []
