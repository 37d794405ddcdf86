"""JD Pay's bill (京东支付): CSV in GBK, four lines before the header, newest first, a total line.

Amounts are above zero, the kind says which way; fees are below zero where they are given back.
"""

from collections.abc import Iterable, Iterator

from simulator.bills.days import spelled
from simulator.bills.head import Head, joined, yuan
from simulator.bills.lines import BillLine

COLUMNS = "交易时间,商户订单号,商户退款单号,交易类型,交易状态,金额(元),手续费(元),平台流水号"


def write(head: Head, lines: Iterable[BillLine]) -> Iterator[bytes]:
    """The file, in pieces. The lines come newest first."""
    return joined(_rows(head, lines), "gbk")


def _rows(head: Head, lines: Iterable[BillLine]) -> Iterator[str]:
    yield "京东支付商户对账单"
    yield f"商户号：{head.merchant}"
    yield f"账单日期：{head.day}"
    yield "单位：元"
    yield COLUMNS
    count = net = fees = 0
    for line in lines:
        yield ",".join(_cells(line))
        count, fees, net = count + 1, fees + line.fee, net + line.net
    yield f"合计,{count},,,,{yuan(net + head.wrong_fen)},{yuan(fees)},"


def _cells(line: BillLine) -> tuple[str, ...]:
    return (
        spelled(line.at_us),
        line.original if line.refund else line.number,
        line.number if line.refund else "",
        "退款" if line.refund else "支付",
        "成功",
        yuan(line.amount),
        yuan(line.fee),
        line.serial,
    )
