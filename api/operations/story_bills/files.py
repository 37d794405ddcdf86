"""Bills of the story, written as channels and banks publish them: WeChat Pay's trade bill, JD Pay's
CSV, UnionPay's detail file (ZM), a bank's camt.053. No reader knows anything of this module."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from msgspec import Struct

from domain.money import decimal_text

MERCHANT = "1900000109"  # What the channels call us.
WECHAT_COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,"
    "退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
WECHAT_SUMMARY = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)
JD_COLUMNS = "交易时间,商户订单号,商户退款单号,交易类型,交易状态,金额(元),手续费(元),平台流水号"
ZM_WIDTHS = (
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21,
    15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98,
)  # fmt: skip


class Row(Struct, frozen=True):
    """A payment or refund as a channel has it: fen, above zero; `fee_fen` is what it keeps, below
    zero what it gives back. `original`: of a refund, the number of its payment."""

    number: str
    serial: str
    amount_fen: int
    fee_fen: int
    at: datetime
    original: str = ""
    currency: str = "CNY"

    @property
    def is_refund(self) -> bool:
        return bool(self.original)


class Booked(Struct, frozen=True):
    """An entry of a statement: above zero came in."""

    number: str
    serial: str
    amount_fen: int


def wechat(_day: date, rows: Sequence[Row]) -> bytes:
    """Its trade bill: cells behind back-ticks, fees with five decimals, a summary."""
    out = [WECHAT_COLUMNS, *("`" + ",`".join(_wechat_cells(row)) for row in rows)]
    paid, back = (decimal_text(sum(_of(rows, refunds=way))) for way in (False, True))
    fees = f"{decimal_text(sum(row.fee_fen for row in rows))}000"
    totals = (str(len(rows)), paid, back, "0.00", fees, paid, back)
    out += [WECHAT_SUMMARY, "`" + ",`".join(totals)]
    return _lines(out).encode()


def _of(rows: Iterable[Row], *, refunds: bool) -> list[int]:
    return [row.amount_fen for row in rows if row.is_refund == refunds]


def _wechat_cells(row: Row) -> tuple[str, ...]:
    amount, back = decimal_text(row.amount_fen), row.is_refund
    paid, refunded = ("0.00", amount) if back else (amount, "0.00")
    return (
        _spelled(row.at), "wx2421b1c4370ec43b", MERCHANT, "0", "", row.serial,
        row.original or row.number, "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "NATIVE",
        "REFUND" if back else "SUCCESS", "OTHERS", row.currency, paid, "0.00",
        row.serial if back else "0", row.number if back else "0", refunded, "0.00",
        "ORIGINAL" if back else "", "SUCCESS" if back else "", "订单", "",
        f"{decimal_text(row.fee_fen)}000", "0.20%", paid, refunded, "",
    )  # fmt: skip


def jd_pay(day: date, rows: Sequence[Row]) -> bytes:
    """Its CSV in GBK: four lines first, then newest first, a total."""
    out = ["京东支付商户对账单", f"商户号：{MERCHANT}", f"账单日期：{day}", "单位：元", JD_COLUMNS]
    for row in reversed(rows):
        back = row.is_refund
        cells = (
            _spelled(row.at), row.original or row.number, row.number if back else "",
            "退款" if back else "支付", "成功", decimal_text(row.amount_fen),
            decimal_text(row.fee_fen), row.serial,
        )  # fmt: skip
        out.append(",".join(cells))
    net_fen = sum(_of(rows, refunds=False)) - sum(_of(rows, refunds=True))
    fees_fen = sum(row.fee_fen for row in rows)
    out.append(f"合计,{len(rows)},,,,{decimal_text(net_fen)},{decimal_text(fees_fen)},")
    return _lines(out).encode("gbk")


def unionpay_zm(_day: date, rows: Sequence[Row]) -> bytes:
    """Its detail file: 42 fields of fixed width, GBK, no header and no total."""
    return b"".join(_zm_line(row) + b"\r\n" for row in rows)


def _zm_line(row: Row) -> bytes:
    back, fee_fen = row.is_refund, abs(row.fee_fen)
    fields = {
        1: "S30" if back else "S22",
        2: "00010000",
        5: row.at.strftime("%m%d%H%M%S"),
        7: f"{row.amount_fen:012d}",
        10: row.serial,
        12: row.number,
        16: f"{'C' if back else 'D'}{fee_fen:012d}",
        17: f"{'D' if back else 'C'}{row.amount_fen - fee_fen:012d}",
        28: "777290058110048",
        41: row.original,
    }
    cells = (fields.get(place, "").encode("gbk") for place in range(1, len(ZM_WIDTHS) + 1))
    return b" ".join(cell.ljust(width) for cell, width in zip(cells, ZM_WIDTHS, strict=True))


def camt053(day: date, opening_fen: int, entries: Sequence[Booked]) -> bytes:
    """A statement of one account and day, version .001.02."""
    closing_fen = opening_fen + sum(one.amount_fen for one in entries)
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>',
        f"<GrpHdr><MsgId>STMT{day:%Y%m%d}</MsgId></GrpHdr><Stmt><Id>STMT{day:%Y%m%d}</Id>",
        _balance("OPBD", opening_fen, day),
        _balance("CLBD", closing_fen, day),
        *(_entry(one, day) for one in entries),
        "</Stmt></BkToCstmrStmt></Document>",
    ]
    return "\n".join(parts).encode()


def _balance(code: str, fen: int, day: date) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="CNY">{decimal_text(abs(fen))}</Amt><CdtDbtInd>{_way(fen)}</CdtDbtInd>'
        f"<Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def _entry(one: Booked, day: date) -> str:
    return (
        f'<Ntry><Amt Ccy="CNY">{decimal_text(abs(one.amount_fen))}</Amt>'
        f"<CdtDbtInd>{_way(one.amount_fen)}</CdtDbtInd><Sts>BOOK</Sts>"
        f"<BookgDt><Dt>{day}</Dt></BookgDt><AcctSvcrRef>{one.serial}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><Refs><EndToEndId>{one.number or 'NOTPROVIDED'}</EndToEndId></Refs>"
        "</TxDtls></NtryDtls></Ntry>"
    )


def _way(fen: int) -> str:
    return "CRDT" if fen >= 0 else "DBIT"


def _spelled(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _lines(out: Iterable[str]) -> str:
    return "".join(f"{one}\r\n" for one in out)
