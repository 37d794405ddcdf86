"""Payment protocol (支付协议): what can be bought, and with what, as data.

A *product* (产品码) says what a payment is for: which flow carries it out, whose account it takes
from and gives to, how long a payer has. A *payment code* (支付码) says where the money comes from:
the wallet, or one of several channels, in the order in which they are tried. Adding either is a
row here, its entry rule (`accounting/rules/`) and a test.
"""

from typing import Literal, NamedTuple

from domain.accounting.chart import (
    ESCROW,
    MERCHANT_AVAILABLE,
    MERCHANT_PENDING,
    PAYOUT_IN_TRANSIT,
    REFUND_IN_TRANSIT,
    WALLET,
)
from domain.kernel import MICROSECONDS
from domain.payment.plan import CARD_CODE, WALLET_CODE, LegKind
from domain.refusals import Code, Refused
from domain.texts import quoted

Flow = Literal["purchase", "recharge", "withdrawal", "transfer", "refund", "payout"]
Kind = Literal["personal", "enterprise"]
ProductCode = Literal[
    "ESCROW_PURCHASE",
    "INSTANT_PURCHASE",
    "RECHARGE",
    "WITHDRAWAL",
    "TRANSFER",
    "REFUND",
    "SETTLEMENT_PAYOUT",
    "DEDUCTION",
]
HOUR_US = 3600 * MICROSECONDS


class Product(NamedTuple):
    """`payer` and `payee` are codes of the chart, "" for a channel; `payers` the kinds of members
    that may start it; `codes` the payment codes that may fund it; `expiry_us` how long a payer has
    (None: nobody has to act); `most_legs` of its plan. Amounts are fen; `most_fen` None: whatever
    one amount may be."""

    code: ProductCode
    title: str
    flow: Flow
    payer: str
    payee: str
    payers: tuple[Kind, ...]
    codes: tuple[str, ...]
    expiry_us: int | None
    most_legs: int
    least_fen: int = 1
    most_fen: int | None = None


class PaymentCode(NamedTuple):
    """A source of money; `channels` in the order they are tried; limits of one leg in fen.
    `proved_there`: at the channel the payer proves to be its owner, so whoever has a cashier's link
    may begin it."""

    code: str
    title: str
    kind: LegKind
    channels: tuple[str, ...] = ()
    least_fen: int = 1
    most_fen: int | None = None
    proved_there: bool = False


_CHANNEL_CODES = ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS", CARD_CODE)
_ALL_CODES = (WALLET_CODE, *_CHANNEL_CODES)

PAYMENT_CODES: dict[str, PaymentCode] = {
    one.code: one
    for one in (
        PaymentCode(WALLET_CODE, "钱包余额", "wallet"),
        PaymentCode(CARD_CODE, "银行卡", "channel", ("UNIONPAY_CARD", "NETSUNION_CARD")),
        PaymentCode("WECHAT_PAY", "微信支付", "channel", ("WECHAT_PAY",), proved_there=True),
        PaymentCode("JD_PAY", "京东支付", "channel", ("JD_PAY",), proved_there=True),
        PaymentCode(
            "CLOUD_QUICKPASS", "云闪付", "channel", ("CLOUD_QUICKPASS",), proved_there=True
        ),
    )
}

PRODUCTS: dict[str, Product] = {
    one.code: one
    for one in (
        Product(
            "ESCROW_PURCHASE", "担保交易", "purchase", "", ESCROW, ("personal",), _ALL_CODES,
            2 * HOUR_US, 5,
        ),
        Product(
            "INSTANT_PURCHASE", "即时到账交易", "purchase", "", MERCHANT_PENDING, ("personal",),
            _ALL_CODES, 2 * HOUR_US, 5,
        ),
        Product(
            "RECHARGE", "充值", "recharge", "", WALLET, ("personal",), _CHANNEL_CODES,
            2 * HOUR_US, 1,
        ),
        # How much it may be stands with what it costs: withdrawal_terms.py.
        Product(
            "WITHDRAWAL", "提现", "withdrawal", WALLET, PAYOUT_IN_TRANSIT, ("personal",),
            ("BANK_TRANSFER",), None, 1,
        ),
        Product(
            "TRANSFER", "内部转账", "transfer", WALLET, WALLET, ("personal",), (WALLET_CODE,),
            None, 1,
        ),
        Product("REFUND", "退款", "refund", REFUND_IN_TRANSIT, "", (), (), None, 5),
        Product(
            "SETTLEMENT_PAYOUT", "结算出款", "payout", MERCHANT_AVAILABLE, PAYOUT_IN_TRANSIT,
            (), ("BANK_TRANSFER",), None, 1,
        ),
        # Of any account that can be stopped, by an authority's order: domain/authority/.
        Product(
            "DEDUCTION", "司法扣划", "payout", "", PAYOUT_IN_TRANSIT, (), ("BANK_TRANSFER",),
            None, 1,
        ),
    )
}  # fmt: skip

# A channel that takes one order for several merchants' transactions, each under a number of its
# own (合单支付): from, to. Source: section 8.6 of the domain notes (direct merchants).
COMBINES: dict[str, tuple[int, int]] = {"WECHAT_PAY": (2, 10)}


def payment_code(product: Product, method: object, field: str = "method") -> PaymentCode:
    """The payment code of a method that may fund this product. Raises Refused(METHOD_UNKNOWN)."""
    found = PAYMENT_CODES.get(method) if isinstance(method, str) else None
    if found is None or found.code not in product.codes:
        detail = f"{quoted(str(method)[:40])} is not one of {', '.join(product.codes)}"
        raise Refused(Code.METHOD_UNKNOWN, field, detail)
    return found


def refuse_amount(limits: Product | PaymentCode, amount_fen: int, field: str) -> None:
    """Raises Refused(AMOUNT_INVALID | AMOUNT_TOO_LARGE) outside the limits of a row."""
    if amount_fen < limits.least_fen:
        detail = f"{limits.code}: below {limits.least_fen} fen"
        raise Refused(Code.AMOUNT_INVALID, field, detail)
    if limits.most_fen is not None and amount_fen > limits.most_fen:
        detail = f"{limits.code}: above {limits.most_fen} fen"
        raise Refused(Code.AMOUNT_TOO_LARGE, field, detail)
