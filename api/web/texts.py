"""The words of the cashier's pages, in Chinese and English; every text once, in both."""

from typing import Literal

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("收银台", "Cashier"),
    "order": ("订单", "Order"),
    "recharge": ("钱包充值", "Top up your wallet"),
    "merchant": ("商户", "Shop"),
    "what": ("商品", "What"),
    "amount": ("金额", "Amount"),
    "total": ("合计", "Total"),
    "until": ("请在此时间前支付", "Please pay before"),
    "choose": ("请选择支付方式", "How would you like to pay?"),
    "how_much": ("充值金额（元）", "Amount in yuan"),
    "pay": ("确认支付", "Pay"),
    "failed": (
        "上一次支付未成功，您没有被扣款。请重新选择。",
        "The last payment did not succeed; you have not been charged. Please choose again.",
    ),
    "waiting": ("请完成支付", "Please complete the payment"),
    "waiting_why": ("完成后本页会自动更新。", "This page goes on by itself when you have."),
    "being_sent": ("正在联系支付渠道……", "The channel is being asked…"),
    "go_on": ("前往支付", "Continue to pay"),
    "scan": ("请用微信扫描二维码", "Scan this code with WeChat"),
    "unknown": ("正在向您的银行查询结果", "We are asking your bank"),
    "unknown_why": (
        "结果未明，请不要重复支付。如有重复扣款，会原路退回。",
        "It is not known yet what became of the payment. Please do not pay again; "
        "if you were charged twice, one charge goes back to you.",
    ),
    "paid": ("支付成功", "Paid"),
    "filled": ("充值成功", "Your wallet is topped up"),
    "filled_why": ("金额已存入您的钱包余额。", "The amount is in your wallet."),
    "class": ("钱包类别", "Class of the wallet"),
    "left_opening": ("开户以来还可付款", "May still pay, of all since it was opened"),
    "left_year": ("本年还可付款", "May still pay this year"),
    "left_why": (
        "限额针对用余额付款，不限制充值。",
        "This limits what is paid from the wallet, not what is paid in.",
    ),
    "over": ("本次收银已结束", "This session is over"),
    "over_why": (
        "未扣款。如需支付，请回到商户重新下单。",
        "You have not been charged. To pay, please go back to the shop.",
    ),
    "back": ("返回商户", "Back to the shop"),
    "reload": ("刷新", "Reload"),
    "old_page": (
        "页面已过期，下面是当前状态。",
        "That page was an old one. This is how things stand.",
    ),
    "slow": ("操作过于频繁，请稍候。", "That was often. Please wait a moment."),
    "refused": ("无法支付：", "It cannot be paid this way: "),
    "link_wrong": ("链接无效", "This link is not valid"),
    "link_wrong_why": (
        "请回到商户，重新打开收银台。",
        "Please go back to the shop and open the cashier again.",
    ),
    "language": ("English", "中文"),
    "WALLET_BALANCE": ("钱包余额", "Wallet"),
    "BANK_CARD": ("银行卡", "Bank card"),
    "WECHAT_PAY": ("微信支付", "WeChat Pay"),
    "JD_PAY": ("京东支付", "JD Pay"),
    "CLOUD_QUICKPASS": ("云闪付", "Cloud QuickPass"),
    "no_balance_insufficient": ("余额不足", "there is not enough money in the wallet"),
    "no_account_frozen": ("钱包已冻结", "the wallet is frozen"),
    "no_amount_invalid": ("金额不正确", "the amount is not right"),
    "no_amount_too_large": ("金额过大", "the amount is too large"),
    "no_channel_unavailable": ("该方式暂不可用", "this method is not available now"),
    "no_order_not_payable": ("订单已支付或已关闭", "the order is paid or closed"),
    "no_payment_in_progress": ("另一笔支付尚无结果", "another payment has no outcome yet"),
    "no_agreement_missing": ("商户未开通该方式", "a shop does not take this method"),
    "no_agreement_limit": ("超过商户的限额", "it is above what a shop takes by this method"),
    "no_session_over": ("本次收银已结束", "this session is over"),
    "no_other": ("请选择其他方式", "please choose another method"),
    "why_too_small": ("低于该方式的最低金额", "below what this method takes"),
    "why_too_large": ("超过该方式的限额", "above what this method takes"),
    "why_maintenance": ("维护中", "under maintenance"),
    "why_not_agreed": ("商户未开通", "a shop does not take it"),
    "why_agreed_limit": ("超过商户的限额", "above what a shop takes by it"),
}


class Words:
    """The texts of one language: `words("pay")`."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._place = LANGUAGES.index(language)

    @property
    def other(self) -> Language:
        return LANGUAGES[1 - self._place]

    def refusal(self, code: str) -> str:
        """What a payer is told of a refusal; its code comes from the address, and is looked up."""
        known = f"no_{code}"
        return self(known if known in TEXTS else "no_other")

    def __call__(self, name: str) -> str:
        return TEXTS[name][self._place]


def preferred(asked: str | None, kept: str | None, accepted: str) -> Language:
    """What the payer has asked for, or chose before, or its browser prefers; else Chinese."""
    for said in (asked, kept):
        if said in LANGUAGES:
            return "zh" if said == "zh" else "en"
    weighed: list[tuple[float, int, str]] = []
    for place, one in enumerate(accepted[:200].split(",")):
        tag, _, weight = one.strip().partition(";q=")
        try:
            weighed.append((-float(weight or "1"), place, tag.lower()[:2]))
        except ValueError:
            continue
    known = [tag for _, _, tag in sorted(weighed) if tag in LANGUAGES]
    return "en" if known[:1] == ["en"] else "zh"
