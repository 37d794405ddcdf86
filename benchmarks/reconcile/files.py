"""Bills as channels write them, of as many lines as are wanted: payment 1, 2, 3 … of a day.

Each line is a recharge that the ledger has under the same number, with the channel's fee; one in a
thousand says a fen more than ours. Written here, and not by the simulator, which is the outside.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from benchmarks.books import FIRST_DAY
from domain.channel.costs import cost_fen, terms_of

DAY = FIRST_DAY
ODD = 1_000  # One line in so many says another amount.


class Payment(NamedTuple):
    """What stands on the books. `said_fen`: what the bill says of it."""

    topup: str
    fen: int
    serial: str
    said_fen: int


def payment(number: int) -> Payment:
    """The same for a number whenever it is asked for."""
    fen = 100 + number * 37 % 90_000
    return Payment(f"B{number}", fen, f"S{number:012d}", fen + (number % ODD == 0))


def odd(lines: int) -> int:
    """How many of so many lines say another amount."""
    return lines // ODD


def write(path: Path, name: str, lines: int) -> None:
    """A bill of a format. Nothing of it is kept in memory."""
    with path.open("wb") as file:
        for piece in WRITERS[name](lines):
            file.write(piece)


def _payments(channel: str, lines: int) -> Iterator[tuple[Payment, int]]:
    """Each with its fee, in fen."""
    terms = terms_of(channel, DAY)
    for number in range(1, lines + 1):
        one = payment(number)
        yield one, cost_fen(terms, one.said_fen)


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


WECHAT = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,"
    "交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,"
    "充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,"
    "费率备注"
)
WECHAT_SUMMARY = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)


def _wechat(lines: int) -> Iterator[bytes]:
    yield f"{WECHAT}\r\n".encode()
    paid = charged = 0
    for one, fee in _payments("WECHAT_PAY", lines):
        paid, charged, said = paid + one.said_fen, charged + fee, _yuan(one.said_fen)
        yield (
            f"`{DAY} 10:00:00,`wx8888888888888888,`1900000001,`0,`,`{one.serial},`pay-{one.topup},"
            f"`oUpF8uMuAJO_M2pxb1Q9zNjWeS6o,`NATIVE,`SUCCESS,`OTHERS,`CNY,`{said},`0.00,`0,`0,"
            f"`0.00,`0.00,`,`,`recharge,`,`{_yuan(fee)}000,`0.20%,`{said},`0.00,`\r\n"
        ).encode()
    total = _yuan(paid)
    yield f"{WECHAT_SUMMARY}\r\n".encode()
    yield (f"`{lines},`{total},`0.00,`0.00,`{_yuan(charged)}000,`{total},`0.00\r\n".encode())


def _jd_pay(lines: int) -> Iterator[bytes]:
    head = (
        f"京东支付商户对账单\r\n商户号：M1\r\n账单日期：{DAY}\r\n单位：元\r\n"
        "交易时间,商户订单号,商户退款单号,交易类型,交易状态,金额(元),手续费(元),平台流水号\r\n"
    )
    yield head.encode("gbk")
    paid = charged = 0
    for one, fee in _payments("JD_PAY", lines):
        paid, charged = paid + one.said_fen, charged + fee
        yield (
            f"{DAY} 10:00:00,pay-{one.topup},,支付,成功,{_yuan(one.said_fen)},{_yuan(fee)},"
            f"{one.serial}\r\n"
        ).encode("gbk")
    yield f"合计,{lines},,,,{_yuan(paid)},{_yuan(charged)},\r\n".encode("gbk")


ZM_WIDTHS = (
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21,
    15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98,
)  # fmt: skip
ZM_CODE, ZM_TIME, ZM_FEN, ZM_SERIAL, ZM_NUMBER, ZM_FEE, ZM_SETTLED = 0, 4, 6, 9, 11, 15, 16


def _unionpay(lines: int) -> Iterator[bytes]:
    cells = [" " * width for width in ZM_WIDTHS]
    cells[ZM_CODE], cells[ZM_TIME] = "S22", DAY.strftime("%m%d100000")
    for one, fee in _payments("CLOUD_QUICKPASS", lines):
        cells[ZM_FEN] = f"{one.said_fen:012d}"
        cells[ZM_SERIAL] = one.serial.ljust(ZM_WIDTHS[ZM_SERIAL])
        cells[ZM_NUMBER] = f"pay{one.topup}".ljust(ZM_WIDTHS[ZM_NUMBER])
        cells[ZM_FEE] = f"D{fee:012d}"
        cells[ZM_SETTLED] = f"C{one.said_fen - fee:012d}"
        yield f"{' '.join(cells)}\r\n".encode("gbk")


def _balance(code: str, fen: int, day: date) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='CNY'>{_yuan(fen)}</Amt>"
        f"<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>\n"
    )


def _camt053(lines: int) -> Iterator[bytes]:
    came = sum(payment(number).fen for number in range(1, lines + 1))
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt>\n'
        + _balance("OPBD", 0, DAY - timedelta(days=1))
        + _balance("CLBD", came, DAY)
    ).encode()
    for number in range(1, lines + 1):
        one = payment(number)
        yield (
            f'<Ntry><NtryRef>{number}</NtryRef><Amt Ccy="CNY">{_yuan(one.fen)}</Amt>'
            "<CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><DtTm>"
            f"{DAY}T10:00:00+08:00</DtTm></BookgDt><ValDt><Dt>{DAY}</Dt></ValDt>"
            f"<AcctSvcrRef>{one.serial}</AcctSvcrRef><NtryDtls><TxDtls><Refs>"
            f"<AcctSvcrRef>{one.serial}</AcctSvcrRef><EndToEndId>pay-{one.topup}</EndToEndId>"
            "</Refs>"
            "<RmtInf><Ustrd>recharge</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
        ).encode()
    yield b"</Stmt></BkToCstmrStmt></Document>\n"


WRITERS: dict[str, Callable[[int], Iterator[bytes]]] = {
    "jd_pay": _jd_pay,
    "wechat_trade": _wechat,
    "unionpay_zm": _unionpay,
    "camt053": _camt053,
}
# Whose bill a format is, where it has trade that is matched line by line.
TRADE = {"jd_pay": "JD_PAY", "wechat_trade": "WECHAT_PAY", "unionpay_zm": "CLOUD_QUICKPASS"}
