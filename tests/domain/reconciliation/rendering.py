"""Bills written from the published layouts, by other code than what reads them.

A `Sale` is what a test knows of a line; each `…_bill` writes the file a channel would send of some
of them, and `expected` is what must be read out of it.
"""

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from io import BytesIO


def titles(text: str) -> list[str]:
    return text.split(",")


SHANGHAI = timezone(timedelta(hours=8))
DAY = date(2011, 1, 10)
NOON = datetime(2011, 1, 10, 12, 0, 0, tzinfo=SHANGHAI)
MERCHANT = "1900000109"


@dataclass(frozen=True)
class Sale:
    """A payment, or a refund of one. `fee` in milli-fen: what the channel takes, or gives back."""

    number: str
    fen: int
    fee: int = 0
    refund_of: str = ""
    serial: str = "4200001"
    seconds: int = 0
    state: str = "succeeded"

    @property
    def at(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    @property
    def sign(self) -> int:
        return -1 if self.refund_of else 1


ONE = Sale("pay-536365", 2_970, 5_940)
BACK = Sale("refund-R000001", 970, -1_940, "pay-536365", "5000001", 60)
TWO = Sale("pay-536366", 10_000, 20_000, serial="4200002", seconds=90)
USUAL = (ONE, BACK, TWO)


def yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def yuan5(milli: int) -> str:
    return f"{'-' if milli < 0 else ''}{abs(milli) // 100_000}.{abs(milli) % 100_000:05d}"


def gross(sales: Iterable[Sale], *, refunds: bool) -> int:
    return sum(one.fen for one in sales if bool(one.refund_of) == refunds)


WECHAT_ALL = titles(
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,"
    "退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
REFUND_ONLY = ("微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态",
               "申请退款金额")  # fmt: skip
WECHAT_SUCCESS = [one for one in WECHAT_ALL if one not in REFUND_ONLY]
WECHAT_REFUND = [*WECHAT_ALL[:14], "退款申请时间", "退款成功时间", *WECHAT_ALL[14:]]
WECHAT_SUMMARY = titles(
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)
# As merchants had it before the end of 2018.
WECHAT_OLD = [
    {"应结订单金额": "总金额", "代金券金额": "企业红包金额", "充值券退款金额": "企业红包退款金额",
     "特约商户号": "子商户号"}.get(one, one)
    for one in WECHAT_ALL[:24]
]  # fmt: skip
WECHAT_OLD_SUMMARY = titles("总交易单数,总交易额,总退款金额,总企业红包退款金额,手续费总金额")
WECHAT_STATES = {"succeeded": "SUCCESS", "processing": "PROCESSING", "failed": "FAIL"}


def _wechat_cells(sale: Sale) -> dict[str, str]:
    back = bool(sale.refund_of)
    paid, refunded = ("0.00", yuan(sale.fen)) if back else (yuan(sale.fen), "0.00")
    at = sale.at.strftime("%Y-%m-%d %H:%M:%S")
    cells = {
        "交易时间": at,
        "退款申请时间": at if back else "",
        "退款成功时间": at if back else "",
        "公众账号ID": "wx2421b1c4370ec43b",
        "商户号": MERCHANT,
        "微信订单号": "4200001" if back else sale.serial,
        "商户订单号": sale.refund_of or sale.number,
        "用户标识": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
        "交易类型": "NATIVE",
        "交易状态": "REFUND" if back else "SUCCESS",
        "付款银行": "OTHERS",
        "货币种类": "CNY",
        "微信退款单号": sale.serial if back else "0",
        "商户退款单号": sale.number if back else "0",
        "退款类型": "ORIGINAL" if back else "",
        "退款状态": WECHAT_STATES[sale.state] if back else "",
        "商品名称": "三只松鼠\\ nuts =HYPERLINK(1)",
        "手续费": yuan5(sale.fee),
        "费率": "0.20%",
    }
    cells |= dict.fromkeys(("应结订单金额", "总金额", "订单金额"), paid)
    cells |= dict.fromkeys(("退款金额", "申请退款金额"), refunded)
    return cells | dict.fromkeys(
        ("代金券金额", "企业红包金额", "充值券退款金额", "企业红包退款金额"), "0.00"
    )


def wechat_bill(
    sales: Sequence[Sale],
    columns: Sequence[str] = tuple(WECHAT_ALL),
    *,
    bom: bool = False,
    ticked_headers: bool = False,
    end: str = "\r\n",
    totals: dict[str, str] | None = None,
) -> bytes:
    """A trade bill. `totals`: what the summary says otherwise than it should."""
    old = "总金额" in columns
    tick = "`" if ticked_headers else ""
    lines = [",".join(f"{tick}{one}" for one in columns)]
    for sale in sales:
        cells = _wechat_cells(sale)
        lines.append(",".join("`" + cells.get(one, "0") for one in columns))
    paid, back = yuan(gross(sales, refunds=False)), yuan(gross(sales, refunds=True))
    fee = yuan5(sum(one.fee for one in sales))
    said = {
        "总交易单数": str(len(sales)),
        **dict.fromkeys(("应结订单总金额", "订单总金额", "总交易额"), paid),
        **dict.fromkeys(("退款总金额", "申请退款总金额", "总退款金额"), back),
        **dict.fromkeys(("充值券退款总金额", "总企业红包退款金额"), "0.00"),
        "手续费总金额": fee,
    } | (totals or {})
    summary = WECHAT_OLD_SUMMARY if old else WECHAT_SUMMARY
    lines.append(",".join(f"{tick}{one}" for one in summary))
    lines.append(",".join("`" + said[one] for one in summary))
    return ("\ufeff" if bom else "").encode() + (end.join(lines) + end).encode()


WECHAT_FUND = titles(
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)


@dataclass(frozen=True)
class Move:
    """A movement of an account: above zero in, below zero out; or a fee."""

    number: str
    fen: int
    fee: bool = False
    serial: str = "F1"
    seconds: int = 0

    @property
    def at(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)


MOVES = (
    Move("pay-536365", 2_970),
    Move("pay-536365", -6, fee=True, serial="F2", seconds=1),
    Move("refund-R000001", -970, serial="F3", seconds=60),
)


def fund_bill(
    moves: Sequence[Move], opening_fen: int = 100_000, *, newest_first: bool = False,
    full_width: bool = False,
) -> bytes:  # fmt: skip
    header = ",".join(WECHAT_FUND)
    if full_width:
        header = header.replace("(", "（").replace(")", "）")
    rows, balance = [], opening_fen
    for move in moves:
        balance += move.fen
        what = "扣除交易手续费" if move.fee else "交易"
        cells = (
            move.at.strftime("%Y-%m-%d %H:%M:%S"), "4200001", move.serial, what, what,
            "收入" if move.fen > 0 else "支出", yuan(abs(move.fen)), yuan(balance), "system", "",
            move.number,
        )  # fmt: skip
        rows.append(",".join("`" + one for one in cells))
    if newest_first:
        rows.reverse()
    came = [one.fen for one in moves if one.fen > 0]
    went = [-one.fen for one in moves if one.fen < 0]
    counts = (len(moves), len(came), yuan(sum(came)), len(went), yuan(sum(went)))
    summary = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
    totals = ",".join(f"`{one}" for one in counts)
    return "\r\n".join((header, *rows, summary, totals, "")).encode()


ZM_WIDTHS = [3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32,
             1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98]  # fmt: skip


def zm_line(sale: Sale, changed: dict[int, str] | None = None) -> bytes:
    """One line of a ZM file. `changed`: fields by their number in the layout, from 1."""
    back, fee = bool(sale.refund_of), abs(sale.fee) // 1_000
    fields = {
        1: "S30" if back else "S22",
        2: "00010000",
        5: sale.at.strftime("%m%d%H%M%S"),
        6: "6226********0001",
        7: f"{sale.fen:012d}",
        10: sale.serial,
        12: sale.number,
        16: f"{'C' if back else 'D'}{fee:012d}",
        17: f"{'D' if back else 'C'}{sale.fen - fee:012d}",
        28: "777290058110048",
        31: "三只松鼠旗舰店",
        41: sale.refund_of,
    } | (changed or {})
    parts = []
    for place, width in enumerate(ZM_WIDTHS, 1):
        text = fields.get(place, "").encode("gbk")
        parts.append(text + b" " * (width - len(text)))
    return b" ".join(parts)


def zm_bill(sales: Sequence[Sale], end: bytes = b"\r\n") -> bytes:
    return b"".join(zm_line(one) + end for one in sales)


JD_COLUMNS = "交易时间,商户订单号,商户退款单号,交易类型,交易状态,金额(元),手续费(元),平台流水号"


def jd_bill(
    sales: Sequence[Sale], total: str | None = None, *, encoding: str = "gbk", end: str = "\r\n"
) -> bytes:
    """Newest first, a preamble of four lines, a total at the end."""
    rows = []
    for sale in reversed(sales):
        back = bool(sale.refund_of)
        cells = (
            sale.at.strftime("%Y-%m-%d %H:%M:%S"), sale.refund_of or sale.number,
            sale.number if back else "", "退款" if back else "支付", "成功", yuan(sale.fen),
            yuan5(sale.fee).removesuffix("000"), sale.serial,
        )  # fmt: skip
        rows.append(",".join(cells))
    if total is None:
        paid, back = gross(sales, refunds=False), gross(sales, refunds=True)
        fee = yuan5(sum(one.fee for one in sales)).removesuffix("000")
        total = f"合计,{len(sales)},,,,{yuan(paid - back)},{fee},"
    preamble = ("京东支付商户对账单", f"商户号：{MERCHANT}", f"账单日期：{DAY}", "单位：元")
    return (end.join((*preamble, JD_COLUMNS, *rows, total)) + end).encode(encoding)


ALIPAY_COLUMNS = titles(
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,"
    "对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,"
    "商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,"
    "服务费（元）,分润（元）,备注"
)


def alipay_csv(sales: Sequence[Sale], *, signed: bool = True) -> bytes:
    """Its detail file. `signed`: amounts of refunds are below zero, as in some files."""
    rows = []
    for sale in sales:
        back = bool(sale.refund_of)
        amount = yuan(-sale.fen if back and signed else sale.fen)
        at = sale.at.strftime("%Y-%m-%d %H:%M:%S")
        cells = dict.fromkeys(ALIPAY_COLUMNS, "0.00") | {
            "支付宝交易号": f"{sale.serial}\t",
            "商户订单号": f"{sale.refund_of or sale.number}\t",
            "业务类型": "退款" if back else "交易",
            "商品名称": '"nuts, roasted"',
            "创建时间": at,
            "完成时间": at,
            "对方账户": "*松鼠(138****0001)\t",
            "订单金额（元）": amount,
            "商家实收（元）": amount,
            "退款批次号/请求号": f"{sale.number if back else ''}\t",
            "服务费（元）": yuan5(-sale.fee).removesuffix("000"),
        }
        rows.append(",".join(cells[one] for one in ALIPAY_COLUMNS))
    payments = [one for one in sales if not one.refund_of]
    refunds = [one for one in sales if one.refund_of]
    dashes = "-" * 40
    lines = (
        "#支付宝业务明细查询", "#账号：[20881234567890120156]",
        "#起始日期：[2011年01月10日 00:00:00]   终止日期：[2011年01月11日 00:00:00]",
        f"#{dashes}业务明细列表{dashes}", ",".join(ALIPAY_COLUMNS), *rows,
        f"#{dashes}业务明细列表结束{dashes}",
        f"#交易合计：{len(payments)}笔，商家实收共{yuan(gross(payments, refunds=False))}元，"
        "商家优惠共0.00元",
        f"#退款合计：{len(refunds)}笔，商家实收退款共{yuan(-gross(refunds, refunds=True))}元，"
        "商家优惠退款共0.00元",
        "#导出时间：[2011年01月11日 05:46:49]",
    )  # fmt: skip
    return ("\n".join(lines) + "\n").encode("gbk")


class _OfGbk(zipfile.ZipInfo):
    """A name in GBK that is not said to be UTF-8, as Alipay's archives have it."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), 0


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    into = BytesIO()
    with zipfile.ZipFile(into, "w", compression) as zipped:
        for name, content in members.items():
            one = _OfGbk(name, (2011, 1, 11, 5, 46, 48))
            one.compress_type = compression
            zipped.writestr(one, content)
    return into.getvalue()


def alipay_bill(sales: Sequence[Sale]) -> bytes:
    name = "20881234567890120156_20110110_业务明细"
    return archive({f"{name}(汇总).csv": b"#", f"{name}.csv": alipay_csv(sales)})
