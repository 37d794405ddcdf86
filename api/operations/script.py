"""The script of the story: who does what, when, and what channels answer. `story.py` plays it.

三只松鼠 (SANZHI) sells nuts on JD.com: order → paid into escrow → confirmed → fee → cleared →
settled on T+1. Around it a day of trade with what goes wrong in life: a declined payment, an
outcome nobody knows for a while, refunds before and after release, a payout that the bank declines.
"""

from datetime import date, datetime

from msgspec import Struct

from domain.channel.port import Declined, Result, Unknown
from domain.clearing.commands import OpenBooks
from domain.kernel import SHANGHAI, Command
from domain.member.agreement import STANDARD
from domain.member.commands import RegisterMember, SetDebtLimit, SignAgreement
from domain.money import FeeRule, decimal_text
from domain.order.commands import Checkout, CloseOrder, PayOrder
from domain.order.order import OrderLine
from domain.payment import payment
from domain.settlement.commands import RetryPayout
from domain.settlement.payouts import payout_number
from domain.transaction import refund, transaction
from domain.transaction.commands import ConfirmReceipt, RefundTransaction

TRADE_DAY, SETTLEMENT_DAY, DAY_AFTER = date(2025, 11, 11), date(2025, 11, 12), date(2025, 11, 13)
END = date(2025, 11, 14)  # Statements of the story run up to it.
MERCHANT = "SANZHI"
OPERATOR = "operator:liaoyuan"
FIRST = "demo:books"

# Channel answers other than success, by instruction: the first time it is asked, the second, …
ANSWERS: dict[str, tuple[Result, ...]] = {
    "pay-PM05": (Declined("余额不足"),),
    "pay-PM08": (Unknown("the channel did not answer in time"), Unknown("still being processed")),
    "refund-R04": (Declined("the card was cancelled"),),
    "payout-LONGJING-2025-11-11-1": (Declined("the account's name does not match"),),
}


class Step(Struct, frozen=True):
    """Something that happens in the story."""

    says: str


class Ask(Step, frozen=True):
    """Somebody sends a command. `at` is Shanghai time, as the days of the story are."""

    at: datetime
    actor: str
    number: str
    command: Command


class Carry(Step, frozen=True):
    """The worker carries an instruction out, or asks what became of it, and records the answer."""

    at: datetime
    instruction_id: str
    query: int = 0  # 1 for the first time it is asked after, and so on.


class EndDay(Step, frozen=True):
    """The end-of-day run of a business day."""

    date: date


class Heading(Struct, frozen=True):
    """Of a chapter; `closely`: it is told with every entry, else with the first of each kind."""

    title: str
    closely: bool


class Chapter(Heading, frozen=True):
    """A heading, and its steps in their order."""

    steps: tuple[Ask | Carry | EndDay, ...]


def at_time(on: date, clock: str) -> datetime:
    """A time of the story; 24:00 is the last second of its date."""
    hour, minute = (23, 59) if clock == "24:00" else map(int, clock.split(":"))
    second = 59 if clock == "24:00" else 0
    return datetime(on.year, on.month, on.day, hour, minute, second, tzinfo=SHANGHAI)


def _asks(clock: str, actor: str, number: str, says: str, command: Command) -> Ask:
    return Ask(says, at_time(TRADE_DAY, clock), actor, f"demo:{number}", command)


def _merchant(clock: str, member_id: str, name: str, rate_bps: int, cycle: str) -> Ask:
    says = f"{name} signs up as a merchant: fee {rate_bps} basis points, settled {cycle}"
    terms = (FeeRule(rate_bps), cycle)
    command = RegisterMember(member_id, "enterprise", name, *terms, agreement=STANDARD)
    return _asks(clock, OPERATOR, f"register:{member_id}", says, command)


def _limit(clock: str, member_id: str, name: str, limit_fen: int) -> Ask:
    says = f"{name} may owe {decimal_text(limit_fen)} for refunds that are advanced; more waits"
    command = SetDebtLimit(member_id, TRADE_DAY, limit_fen)
    return _asks(clock, OPERATOR, f"limit:{member_id}", says, command)


def _agreement(clock: str, member_id: str, name: str) -> Ask:
    says = f"{name} signs for mode instant: what is paid may be released at once"
    command = SignAgreement(member_id, "instant", TRADE_DAY)
    return _asks(clock, OPERATOR, f"instant:{member_id}", says, command)


def _buyer(clock: str, member_id: str, name: str) -> Ask:
    command = RegisterMember(member_id, "personal", name)
    return _asks(clock, f"member:{member_id}", f"register:{member_id}", f"{name} signs up", command)


def _orders(clock: str, buyer: str, order_no: str, *lines: tuple[str, int, str]) -> Ask:
    wanted = tuple(OrderLine(merchant, fen, subject) for merchant, fen, subject in lines)
    bought = ", ".join(f"{what} {decimal_text(fen)} from {who}" for who, fen, what in lines)
    says = f"orders {bought} (order {order_no})"
    command = Checkout(order_no, buyer, wanted)
    return _asks(clock, f"member:{buyer}", f"checkout:{order_no}", says, command)


def _pays(clock: str, buyer: str, order_no: str, method: str, payment_no: str = "") -> Ask:
    command = PayOrder(payment_no or f"P{order_no}", order_no, method)
    says = f"pays order {order_no} through {method}: the intention is on record"
    return _asks(clock, f"member:{buyer}", f"pay:{command.payment_no}", says, command)


def _answers(clock: str, instruction_id: str, says: str, query: int = 0) -> Carry:
    return Carry(says, at_time(TRADE_DAY, clock), instruction_id, query)


def _paid(clock: str, payment_no: str) -> Carry:
    instruction_id = payment.instruction_id(payment_no)
    says = f"carries out {instruction_id}: succeeded, the money is in escrow"
    return _answers(clock, instruction_id, says)


def _confirms(clock: str, buyer: str, merchant: str, order_no: str) -> Ask:
    transaction_id = transaction.identity(merchant, order_no)
    says = f"confirms receipt: {transaction_id} is released, the fee taken, the rest cleared"
    command = ConfirmReceipt(transaction_id, "buyer")
    return _asks(clock, f"member:{buyer}", f"confirm:{transaction_id}", says, command)


def _refunds(clock: str, merchant: str, order_no: str, refund_no: str, fen: int, when: str) -> Ask:
    transaction_id = transaction.identity(merchant, order_no)
    says = f"refunds {decimal_text(fen)} of {transaction_id}, {when} release"
    command = RefundTransaction(refund_no, transaction_id, fen)
    return _asks(clock, f"merchant:{merchant}", f"refund:{refund_no}", says, command)


def _refunded(clock: str, refund_no: str) -> Carry:
    instruction_id = refund.instruction_id(refund_no)
    says = f"carries out {instruction_id}: the buyer has the money back"
    return _answers(clock, instruction_id, says)


OPENING = Chapter(
    "Singles' Day, 2025-11-11: the books are opened",
    True,
    (
        _asks("09:00", OPERATOR, "books", "opens the books", OpenBooks(TRADE_DAY)),
        _merchant("09:05", MERCHANT, "三只松鼠", 60, "T+1"),
        _merchant("09:06", "LONGJING", "龙井茶庄", 38, "T+1"),
        _limit("09:07", MERCHANT, "三只松鼠", 50_000),
        _limit("09:07", "LONGJING", "龙井茶庄", 20_000),
        _buyer("09:10", "xiaoming", "小明"),
    ),
)
PURCHASE = Chapter(
    "The nuts of 三只松鼠, bought on JD.com",
    True,
    (
        _orders(
            "09:30",
            "xiaoming",
            "NUTS1",
            (MERCHANT, 10_000, "坚果礼盒"),
            ("LONGJING", 12_800, "明前龙井"),
        ),
        _pays("09:31", "xiaoming", "NUTS1", "JD_PAY"),
        _paid("09:31", "PNUTS1"),
        _confirms("11:40", "xiaoming", MERCHANT, "NUTS1"),
    ),
)
MARKET = Chapter(
    "The market goes on",
    False,
    (
        _merchant("12:00", "SHUFANG", "随园书坊", 54, "D+1"),
        _limit("12:00", "SHUFANG", "随园书坊", 5_000),
        _agreement("12:00", "SHUFANG", "随园书坊"),
        _buyer("12:01", "xiaohong", "小红"),
        _buyer("12:02", "laowang", "老王"),
        _buyer("12:03", "xiaoli", "小李"),
        _orders("12:05", "xiaohong", "M01", (MERCHANT, 5_900, "每日坚果")),
        _pays("12:05", "xiaohong", "M01", "WECHAT_PAY"),
        _paid("12:06", "PM01"),
        _orders("12:10", "laowang", "M02", ("LONGJING", 25_600, "狮峰龙井 250g")),
        _pays("12:11", "laowang", "M02", "CLOUD_QUICKPASS"),
        _paid("12:11", "PM02"),
        _orders(
            "12:20",
            "xiaoli",
            "M03",
            (MERCHANT, 8_850, "夏威夷果"),
            ("LONGJING", 9_900, "茶叶罐"),
        ),
        _pays("12:20", "xiaoli", "M03", "WECHAT_PAY"),
        _paid("12:21", "PM03"),
        _orders("12:30", "xiaohong", "M04", ("LONGJING", 12_800, "明前龙井")),
        _pays("12:31", "xiaohong", "M04", "JD_PAY"),
        _paid("12:31", "PM04"),
        _refunds("12:40", "LONGJING", "M02", "R02", 5_600, "before"),
        _refunded("12:40", "R02"),
        _orders("12:45", "laowang", "M05", ("SHUFANG", 4_580, "《随园食单》")),
        _pays("12:45", "laowang", "M05", "CLOUD_QUICKPASS"),
        _answers("12:45", "pay-PM05", "carries out pay-PM05: DECLINED (余额不足), nothing moved"),
        _pays("12:47", "laowang", "M05", "WECHAT_PAY", "PM05b"),
        _paid("12:47", "PM05b"),
        _refunds("13:00", "LONGJING", "M04", "R03", 12_800, "before"),
        _refunded("13:00", "R03"),
        _orders("13:10", "xiaoli", "M06", (MERCHANT, 13_900, "坚果大礼包")),
        _pays("13:10", "xiaoli", "M06", "WECHAT_PAY"),
        _paid("13:11", "PM06"),
        _confirms("13:30", "xiaohong", MERCHANT, "M01"),
        _orders(
            "13:40",
            "xiaoming",
            "M07",
            ("SHUFANG", 12_000, "《红楼梦》"),
            (MERCHANT, 3_990, "碧根果"),
        ),
        _pays("13:40", "xiaoming", "M07", "JD_PAY"),
        _paid("13:41", "PM07"),
        _refunds("14:00", MERCHANT, "M01", "R01", 1_900, "after"),
        _refunded("14:00", "R01"),
        _orders("14:10", "xiaohong", "M08", (MERCHANT, 19_900, "年货礼盒")),
        _pays("14:10", "xiaohong", "M08", "JD_PAY"),
        _answers("14:10", "pay-PM08", "carries out pay-PM08: UNKNOWN, and unknown it stays"),
        _answers("14:11", "pay-PM08", "asks after pay-PM08: the channel cannot say yet", 1),
        _answers("14:20", "pay-PM08", "asks again: it went through at 14:10, now it is paid", 2),
        _orders("14:30", "laowang", "M09", ("LONGJING", 33_000, "特级龙井 500g")),
        _pays("14:30", "laowang", "M09", "WECHAT_PAY"),
        _paid("14:31", "PM09"),
        _confirms("15:00", "laowang", "LONGJING", "M02"),
        _orders("15:10", "xiaoli", "M10", ("SHUFANG", 6_700, "《茶经》")),
        _pays("15:10", "xiaoli", "M10", "CLOUD_QUICKPASS"),
        _paid("15:11", "PM10"),
        _orders("15:30", "xiaoming", "M11", ("LONGJING", 18_800, "紫砂壶")),
        _pays("15:30", "xiaoming", "M11", "WECHAT_PAY"),
        _paid("15:31", "PM11"),
        _orders("16:00", "xiaohong", "M12", ("SHUFANG", 2_990, "《笠翁对韵》")),
        _confirms("16:10", "xiaoli", MERCHANT, "M03"),
        _confirms("16:10", "xiaoli", "LONGJING", "M03"),
        _confirms("17:00", "laowang", "SHUFANG", "M05"),
        _confirms("18:00", "xiaoming", "SHUFANG", "M07"),
        _confirms("19:00", "xiaohong", MERCHANT, "M08"),
        _confirms("20:00", "xiaoli", "SHUFANG", "M10"),
        _refunds("20:10", "SHUFANG", "M10", "R04", 6_700, "after"),
        _answers("20:10", "refund-R04", "carries out refund-R04: DECLINED, so it goes to a wallet"),
        _confirms("20:30", "xiaoming", "LONGJING", "M11"),
        _asks(
            "21:00",
            OPERATOR,
            "close:M12",
            "closes order M12, which nobody paid",
            CloseOrder("M12", "not paid in time"),
        ),
    ),
)
BATCH = "LONGJING-2025-11-11"
SETTLEMENT = Chapter(
    "Settled on T+1",
    True,
    (
        EndDay("ends 2025-11-11: cut-off, positions netted, batches sealed", TRADE_DAY),
        EndDay("ends 2025-11-12: batches reviewed, settled, paid out", SETTLEMENT_DAY),
        Ask(
            f"pays {BATCH} out again, now that the account is put right",
            at_time(DAY_AFTER, "09:30"),
            OPERATOR,
            f"demo:retry:{BATCH}",
            RetryPayout(BATCH, payout_number(BATCH, 1)),
        ),
        Carry(
            f"carries out payout-{BATCH}-2: succeeded",
            at_time(DAY_AFTER, "09:31"),
            payout_number(BATCH, 2),
        ),
    ),
)
STORY = (OPENING, PURCHASE, MARKET, SETTLEMENT)
BEGINS = at_time(TRADE_DAY, "09:00")
