"""The files of fund_oracle.py: the bank's statement in camt.053, and WeChat Pay's fund bill, as the
layouts are published. Nothing of the system is used.
"""

from datetime import date, timedelta

from tests.reconciliation.bill_oracle import Bills, Row, yuan
from tests.reconciliation.fund_oracle import Bank, fees

DAY = timedelta(days=1)

STATEMENT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>
<GrpHdr><MsgId>M{day}</MsgId><CreDtTm>{day}T23:59:59+08:00</CreDtTm></GrpHdr><Stmt>
<Id>S{day}</Id><CreDtTm>{day}T23:59:59+08:00</CreDtTm>
<Acct><Id><Othr><Id>RESERVE</Id></Othr></Id><Ccy>CNY</Ccy></Acct>
{opening}{closing}{entries}</Stmt></BkToCstmrStmt></Document>
"""
BALANCE = (
    '<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">{amount}</Amt>'
    "<CdtDbtInd>{way}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>\n"
)
ENTRY = (
    '<Ntry><Amt Ccy="CNY">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd><Sts>{status}</Sts>'
    "<BookgDt><DtTm>{day}T10:00:00+08:00</DtTm></BookgDt><AcctSvcrRef>{serial}</AcctSvcrRef>"
    "<NtryDtls><TxDtls><Refs><EndToEndId>{number}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>\n"
)


def camt(bank: Bank, day: date) -> bytes:
    """Of an odd day in the newer version."""
    deep = day.day % 2
    entries = "".join(
        ENTRY.format(
            amount=yuan(abs(one.fen)), way=_way(one.fen), day=day, serial=one.serial,
            number=one.number, status="<Cd>BOOK</Cd>" if deep else "BOOK",
        )
        for one in bank.statements[day]
    )  # fmt: skip
    said = STATEMENT.format(
        version="08" if deep else "02",
        day=day,
        opening=_balance("OPBD", bank.balance(day - DAY), day),
        closing=_balance("CLBD", bank.balance(day), day),
        entries=entries,
    )
    return said.encode()


def _balance(code: str, fen: int, day: date) -> str:
    return BALANCE.format(code=code, amount=yuan(abs(fen)), way=_way(fen), day=day)


def _way(fen: int) -> str:
    return "DBIT" if fen < 0 else "CRDT"


FUND_HEADER = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)
FUND_END = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
TAKEN, GIVEN = "扣除交易手续费", "退还交易手续费"
Moved = tuple[Row, str, int]  # Of a row of the trade bill: what kind of movement, fen, its sign.


def wechat_fund(bank: Bank, bills: Bills, day: date) -> bytes:
    """Its account there: each payment and refund and their fees, then what it had taken off for
    refunds of earlier days and gives back, with the fee again."""
    moved: list[Moved] = []
    for row in bills["WECHAT_PAY", day]:
        if row.failed or row.currency != "CNY":
            continue
        what, sign = ("退款", -1) if row.refund else ("交易", 1)
        moved += [(row, what, sign * row.fen), (row, TAKEN, -fees(row.milli))]
    for row in bank.restored[day]:
        moved += [(row, "退款退回", row.fen), (row, TAKEN, fees(row.milli))]
    out, balance = [f"`{one}" for one in FUND_HEADER.split(",")], 1_000_00
    lines = [",".join(out) if day.day % 2 else FUND_HEADER]
    counts, sums = {1: 0, -1: 0}, {1: 0, -1: 0}
    for place, (row, what, fen) in enumerate(one for one in moved if one[2]):
        balance += fen
        sign = 1 if fen > 0 else -1
        counts[sign], sums[sign] = counts[sign] + 1, sums[sign] + abs(fen)
        kind = GIVEN if what == TAKEN and fen > 0 else what
        cells = (
            f"{day} 12:00:00", row.serial, f"F{day:%Y%m%d}{place:06d}", kind, kind,
            "收入" if fen > 0 else "支出", yuan(abs(fen)), yuan(balance), "system", "", row.number,
        )  # fmt: skip
        lines.append(",".join(f"`{cell}" for cell in cells))
    lines.append(FUND_END)
    said = (sum(counts.values()), counts[1], yuan(sums[1]), counts[-1], yuan(sums[-1]))
    lines.append(",".join(f"`{one}" for one in said))
    return ("\r\n".join(lines) + "\r\n").encode()


def fund_net(bank: Bank, bills: Bills, day: date) -> int:
    """What such a bill says that the day has brought."""
    counted = [one for one in bills["WECHAT_PAY", day] if not one.failed and one.currency == "CNY"]
    came = sum((-one.fen if one.refund else one.fen) - fees(one.milli) for one in counted)
    return came + sum(one.fen + fees(one.milli) for one in bank.restored[day])
