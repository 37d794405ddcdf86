"""What stands in the market's books beside the story: one of each thing that came after it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from domain.accounting.commands import FreezeAccount
from domain.approval.commands import proposal
from domain.authority.commands import PlaceOrder
from domain.cashier.commands import CancelSession, OpenSession
from domain.channel.commands import ReportUnknownNumber
from domain.kernel import DAY_US, Command, Request, shanghai_date
from domain.ledger.ledger import Ledger, utc_us
from domain.member.agreement import STANDARD
from domain.member.binding import BindCard
from domain.member.certifying import RegisterCertificate
from domain.member.commands import RegisterMember, SetSettlementTerms
from domain.member.hooking import AddEndpoint, PauseEndpoint
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.screening.commands import RecordMatches
from domain.screening.entries import Hit
from domain.settlement.reserving import TakeDeposit
from domain.transaction.commands import ConfirmReceipt

SHOP = "HETAO"
RESERVED_DAYS = 30
CARD, TOKEN = "ab" * 16, "cd" * 16
PROPOSED = "drill-proposed"


def lay_out(ledger: Ledger, merchant: str, person: str) -> Mapping[str, Sequence[str]]:
    """Put it into the books, after the story; `person` proposes what needs two. Gives what it is
    called, by the names that fields have."""
    today = shanghai_date(utc_us())
    for number, command in enumerate(_commands(merchant, today)):
        asked = Request(f"drill-ware-{number}", utc_us(), "system:drill", command)
        ledger.submit(asked).unwrap()
    wish = proposal(PROPOSED, FreezeAccount("2241.01.xiaoli", "out", "a complaint"), DAY_US, "")
    ledger.submit(Request(PROPOSED, utc_us(), person, wish)).unwrap()
    return {
        "session_no": ["SE1", "SE2"],
        "deposit_no": ["D1"],
        "movement_no": ["S1"],
        "endpoint_id": ["drill", "paused"],
        "list_name": ["WATCH"],
        "entry_no": ["W-1"],
        "card": [CARD],
        "certificate": ["5a" * 32],
        "approval_id": [wish.approval_id],
        "release_on": [str(today + timedelta(days=RESERVED_DAYS))],
        "withdrawal_no": ["W1"],
        "order_no": ["F1", "F2"],
    }


def _commands(merchant: str, today: date) -> Iterator[Command]:
    """In an order in which they make sense."""
    yield RegisterMember(SHOP, "enterprise", "核桃铺", FeeRule(60), agreement=STANDARD)
    yield SetSettlementTerms(
        SHOP, today, "weekly:mon", reserve_bps=1_000, reserve_days=RESERVED_DAYS
    )
    for no in ("HT1", "HT2"):
        yield Checkout(no, "xiaoming", (OrderLine(SHOP, 10_000, "核桃 1kg", 1),))
    yield PayOrder("PHT1", "HT1", "JD_PAY")
    yield RecordOutcome("pay-PHT1", succeeded="SHT1")
    yield ConfirmReceipt(f"{SHOP}-HT1", "buyer")
    yield TakeDeposit("D1", SHOP, 1_000, "statement", "agreed when it signed")
    yield OpenSession("SE1", order_no="HT2", return_url="https://hetao.example/back")
    yield OpenSession("SE2", member_id="xiaohong", amount_fen=500)
    yield CancelSession("SE2", "the payer left")
    yield RechargeWallet("PRC1", "xiaoming", "WECHAT_PAY", 100_000)
    yield RecordOutcome("pay-PRC1", succeeded="SRC1")
    ends = today + timedelta(days=100)
    for no, account, fen in (("F1", f"2241.02.{SHOP}", None), ("F2", "2241.01.xiaoming", 300)):
        yield PlaceOrder(no, "COURT", f"(2026)京0105执{no}号", account, fen, ends)
    yield AddEndpoint(merchant, "drill", "https://sanzhi.example/hooks", ("payment.succeeded",))
    yield AddEndpoint(merchant, "paused", "https://sanzhi.example/more")
    yield PauseEndpoint(merchant, "paused")
    yield RecordMatches("laowang", (Hit("WATCH", 1, "W-1", "5f" * 16, "name", "review"),))
    yield BindCard("xiaohong", CARD, TOKEN, "ef" * 16, "7894")
    yield RegisterCertificate("xiaohong", "5a" * 32, "ed25519")
    yield ReportUnknownNumber("JD_PAY", "pay-P9999", "payment", "succeeded", "S9", 700)
