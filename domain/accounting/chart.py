"""The chart of accounts (科目表): every code, what it is, who owns its leaves, and its floor.

Source: section 4 of the domain notes, after the accounts that PBoC's custody rules
(支付机构客户备付金存管办法) ask a payment institution to keep apart. An account id is
`<code>` or `<code>.<owner>`; the owner is a member or a channel.
"""

from typing import Literal

from msgspec import Struct

from domain.refusals import Code, Refused
from domain.texts import quoted

Type = Literal["asset", "liability", "equity", "income", "expense"]
Owner = Literal["none", "member", "channel"]


class ChartAccount(Struct, frozen=True):
    """One line of the chart. `floored`: its balance, on its normal side, never goes below zero."""

    code: str
    title: str
    type: Type
    owner: Owner
    floored: bool

    @property
    def debit_normal(self) -> bool:
        """Whether the balance grows with debits."""
        return self.type in ("asset", "expense")


RESERVE = "1001.01"
OWN_FUNDS = "1001.02"
CHANNEL_RECEIVABLE = "1122.01"
CHANNEL_RECONCILED = "1122.02"
MERCHANT_DEBT = "1122.03"
CHANNEL_SHORTAGE = "1122.04"
OWN_IN_RESERVE = "1122.05"
TOP_UP_IN_TRANSIT = "1122.06"
CHANNEL_PAYABLE = "2202.01"
CHANNEL_FEE_PAYABLE = "2202.02"
FEE_EARNED = "2202.09"
WALLET = "2241.01"
MERCHANT_PENDING = "2241.02"
MERCHANT_AVAILABLE = "2241.03"
ESCROW = "2241.04"
PAYOUT_IN_TRANSIT = "2241.05"
MERCHANT_DEPOSIT = "2241.06"
REFUND_IN_TRANSIT = "2241.07"
CHANNEL_SURPLUS = "2241.08"
PAYMENT_IN_TRANSIT = "2241.09"
CAPITAL = "4001"
FEE_INCOME = "6001.01"
WITHDRAWAL_FEE_INCOME = "6001.02"
INTEREST_INCOME = "6011"
CHANNEL_COST = "6401.01"
ERROR_LOSS = "6711"

CHART: dict[str, ChartAccount] = {
    account.code: account
    for account in (
        # The bank has done what a statement shows, and a session is one net entry: no floor here
        # may refuse it.
        ChartAccount(RESERVE, "备付金集中存管户", "asset", "none", False),
        # May be overdrawn here: capital comes in through bank statements, which fund
        # reconciliation brings; advances must not fail for want of that record.
        ChartAccount(OWN_FUNDS, "自有资金户", "asset", "none", False),
        ChartAccount(CHANNEL_RECEIVABLE, "应收渠道待清算-入款", "asset", "channel", False),
        ChartAccount(CHANNEL_RECONCILED, "已核应收渠道", "asset", "channel", False),
        ChartAccount(MERCHANT_DEBT, "应收商户垫付款", "asset", "member", True),
        ChartAccount(CHANNEL_SHORTAGE, "短款挂账", "asset", "channel", True),
        # The mirror of 2202.09, and always equal to it: the institution's own side of that money.
        ChartAccount(OWN_IN_RESERVE, "存放备付金的自有款", "asset", "none", False),
        # Below zero while more is on its way back to own funds than into the reserve.
        ChartAccount(TOP_UP_IN_TRANSIT, "自有资金补足在途", "asset", "none", False),
        ChartAccount(CHANNEL_PAYABLE, "应付渠道待清算-出款/退款", "liability", "channel", False),
        ChartAccount(CHANNEL_FEE_PAYABLE, "应付渠道手续费", "liability", "channel", False),
        # What is not in it any more comes out of own funds, which each rule sees to: the floor
        # has nothing to refuse.
        ChartAccount(FEE_EARNED, "应付-内部自有 (手续费待结转)", "liability", "none", False),
        ChartAccount(WALLET, "个人钱包余额", "liability", "member", True),
        ChartAccount(MERCHANT_PENDING, "商户待结算", "liability", "member", True),
        ChartAccount(MERCHANT_AVAILABLE, "商户结算户", "liability", "member", True),
        ChartAccount(ESCROW, "担保交易中间户", "liability", "member", True),
        ChartAccount(PAYOUT_IN_TRANSIT, "出款在途", "liability", "none", True),
        ChartAccount(MERCHANT_DEPOSIT, "商户保证金/滚动准备金", "liability", "member", True),
        ChartAccount(REFUND_IN_TRANSIT, "待退款", "liability", "none", True),
        ChartAccount(CHANNEL_SURPLUS, "长款挂账", "liability", "channel", True),
        ChartAccount(PAYMENT_IN_TRANSIT, "支付在途", "liability", "none", True),
        ChartAccount(CAPITAL, "实收资本", "equity", "none", False),
        ChartAccount(FEE_INCOME, "收单手续费收入", "income", "none", False),
        ChartAccount(WITHDRAWAL_FEE_INCOME, "提现手续费收入", "income", "none", False),
        ChartAccount(INTEREST_INCOME, "利息收入", "income", "none", False),
        ChartAccount(CHANNEL_COST, "渠道成本", "expense", "none", False),
        ChartAccount(ERROR_LOSS, "差错损失", "expense", "none", False),
    )
}

# Σ(debit − credit) over these is zero after every commit: what customers are owed is in the
# reserve or on its way there (the reserve proof).
RESERVE_IDENTITY = frozenset(
    code
    for code in CHART
    if code.startswith("2241.")
    or code
    in (
        RESERVE,
        CHANNEL_RECEIVABLE,
        CHANNEL_RECONCILED,
        CHANNEL_SHORTAGE,
        TOP_UP_IN_TRANSIT,
        CHANNEL_PAYABLE,
        FEE_EARNED,
    )
)

# Equal after every commit, each on its normal side: own money that lies in the reserve.
MIRRORED = frozenset({FEE_EARNED, OWN_IN_RESERVE})

# Opened when a member is registered, by its kind.
PERSONAL_ACCOUNTS = (WALLET,)
ENTERPRISE_ACCOUNTS = (MERCHANT_DEBT, MERCHANT_PENDING, MERCHANT_AVAILABLE, ESCROW)

# Opened when a channel is registered; for the founding channels, with the books.
CHANNEL_ACCOUNTS = tuple(code for code, line in CHART.items() if line.owner == "channel")

# What an authority or a list can stop: what a member may dispose of, now or when it is due. What is
# in escrow is still the buyer's to get back, and a deposit secures others.
STOPPABLE_ACCOUNTS = (WALLET, MERCHANT_PENDING, MERCHANT_AVAILABLE)

# Every account a member can have, of whatever kind; they are closed together.
MEMBER_ACCOUNTS = tuple(code for code, line in CHART.items() if line.owner == "member")


def account_id(code: str, owner: str = "") -> str:
    """`2241.02` + `SHOP22` -> `2241.02.SHOP22`; the owner stays away for institution accounts."""
    return f"{code}.{owner}" if owner else code


def split_id(account: str) -> tuple[str, str]:
    """The code and the owner ("" if none) of an account id; owners have no dots.

    Raises Refused(ACCOUNT_CODE_UNKNOWN).
    """
    if account in CHART:
        return account, ""
    code, _, owner = account.rpartition(".")
    if code not in CHART or not owner:
        raise Refused(Code.ACCOUNT_CODE_UNKNOWN, "account", quoted(account[:60]))
    return code, owner


def chart_account(account: str) -> ChartAccount:
    """The chart line of an account id. Raises Refused(ACCOUNT_CODE_UNKNOWN)."""
    code, owner = split_id(account)
    line = CHART[code]
    if (line.owner == "none") != (owner == ""):
        wants = "no owner" if line.owner == "none" else f"a {line.owner} as owner"
        detail = f"{quoted(account[:60])}: {code} has {wants}"
        raise Refused(Code.ACCOUNT_CODE_UNKNOWN, "account", detail)
    return line


def title_of(code: str) -> str:
    """What the chart calls a code."""
    return CHART[code].title


def title_of_account(account: str) -> str:
    """What the chart calls the code of an account, `2241.02.SHOP22`."""
    return CHART[split_id(account)[0]].title
