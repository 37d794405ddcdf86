"""WeChat Pay's trade bill (交易账单), API v3: types ALL, SUCCESS and REFUND.

Cells stand behind a back-tick; in some files the titles too, and some begin with a byte order mark:
that is the style. A comma in a merchant's words is written as a backslash and a space.
"""

from collections.abc import Iterable, Iterator

from msgspec import json

from simulator.accounts import FEE_BPS
from simulator.bills.days import spelled
from simulator.bills.head import Head, joined, plain, yuan, yuan5
from simulator.bills.lines import BillLine

ALL = (
    "交易时间", "公众账号ID", "商户号", "特约商户号", "设备号", "微信订单号", "商户订单号",
    "用户标识", "交易类型", "交易状态", "付款银行", "货币种类", "应结订单金额", "代金券金额",
    "微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态",
    "商品名称", "商户数据包", "手续费", "费率", "订单金额", "申请退款金额", "费率备注",
)  # fmt: skip
OF_REFUNDS = (
    "微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态",
    "申请退款金额",
)  # fmt: skip
TIMES = ("退款申请时间", "退款成功时间")
COLUMNS = {
    "ALL": ALL,
    "SUCCESS": tuple(one for one in ALL if one not in OF_REFUNDS),
    "REFUND": (*ALL[:14], *TIMES, *ALL[14:]),
}
SUMMARY = (
    "总交易单数", "应结订单总金额", "退款总金额", "充值券退款总金额", "手续费总金额", "订单总金额",
    "申请退款总金额",
)  # fmt: skip
RATE = f"{yuan(FEE_BPS['wechat'])}%"


def wanted(head: Head, lines: Iterable[BillLine]) -> Iterator[BillLine]:
    """The lines of a type."""
    for line in lines:
        if head.variant == "ALL" or line.refund == (head.variant == "REFUND"):
            yield line


def write(head: Head, lines: Iterable[BillLine]) -> Iterator[bytes]:
    """The file, in pieces."""
    if head.style & 1:
        yield b"\xef\xbb\xbf"
    yield from joined(_rows(head, lines), "utf-8")


def _rows(head: Head, lines: Iterable[BillLine]) -> Iterator[str]:
    columns, tick = COLUMNS[head.variant], "`" if head.style & 2 else ""
    paid = refunded = fees = count = 0
    yield ",".join(tick + one for one in columns)
    for line in lines:
        cells = _cells(head, line)
        yield ",".join("`" + cells[one] for one in columns)
        count, fees = count + 1, fees + line.fee
        paid += 0 if line.refund else line.amount
        refunded += line.amount if line.refund else 0
    paid += head.wrong_fen
    yield ",".join(tick + one for one in SUMMARY)
    said = (str(count), yuan(paid), yuan(refunded), "0.00", yuan5(fees), yuan(paid), yuan(refunded))
    yield ",".join("`" + one for one in said)


def _cells(head: Head, line: BillLine) -> dict[str, str]:
    detail = json.decode(line.detail)
    partner = detail.get("sp_mchid")
    refund, nothing = line.refund, "0.00"
    paid, back = (nothing, yuan(line.amount)) if refund else (yuan(line.amount), nothing)
    at = line.original_us if head.variant == "REFUND" else line.at_us
    return {
        "交易时间": spelled(at),
        "公众账号ID": detail["appid"],
        "商户号": partner or head.merchant,
        "特约商户号": line.merchant if partner else "0",
        "设备号": "",
        "微信订单号": line.original_serial if refund else line.serial,
        "商户订单号": line.original if refund else line.number,
        "用户标识": detail["openid"],
        "交易类型": "NATIVE",
        "交易状态": "REFUND" if refund else "SUCCESS",
        "付款银行": "OTHERS",
        "货币种类": "CNY",
        "应结订单金额": paid,
        "代金券金额": nothing,
        "退款申请时间": spelled(line.at_us) if refund else "",
        "退款成功时间": spelled(line.ended_us) if line.ended_us is not None else "",
        "微信退款单号": line.serial if refund else "0",
        "商户退款单号": line.number if refund else "0",
        "退款金额": back,
        "充值券退款金额": nothing,
        "退款类型": "ORIGINAL" if refund else "",
        "退款状态": line.state if refund else "",
        "商品名称": _words(line.subject),
        "商户数据包": _words(detail.get("attach") or ""),
        "手续费": yuan5(line.fee),
        "费率": RATE,
        "订单金额": paid,
        "申请退款金额": back,
        "费率备注": "",
    }


def _words(text: str) -> str:
    """A merchant's own words, as the bill writes them: no comma, no end of a line."""
    return plain(text.replace("\n", "\\n")).replace(",", "\\ ")
