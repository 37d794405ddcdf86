"""The bank's statement of the reserve account: ISO 20022 camt.053, one account, one day.

Style: version .001.02, or .001.08, where a status stands one level deeper. Balances and the summary
come before the entries, so the entries are gone through twice.
"""

from collections.abc import Callable, Iterable, Iterator
from xml.sax.saxutils import escape

from simulator.bills.days import local, start_us
from simulator.bills.head import Head, plain, yuan
from simulator.bills.reserve import Entry

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}">
<BkToCstmrStmt>
<GrpHdr><MsgId>{id}</MsgId><CreDtTm>{made}</CreDtTm></GrpHdr>
<Stmt>
<Id>{id}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb><CreDtTm>{made}</CreDtTm>
<FrToDt><FrDtTm>{day}T00:00:00+08:00</FrDtTm><ToDtTm>{day}T23:59:59+08:00</ToDtTm></FrToDt>
<Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy><Nm>备付金集中存管账户</Nm></Acct>
"""
BALANCE = (
    "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
    '<Amt Ccy="CNY">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>\n'
)
SUMMARY = (
    "<TxsSummry><TtlNtries><NbOfNtries>{count}</NbOfNtries></TtlNtries>"
    "<TtlCdtNtries><NbOfNtries>{came}</NbOfNtries><Sum>{credit}</Sum></TtlCdtNtries>"
    "<TtlDbtNtries><NbOfNtries>{went}</NbOfNtries><Sum>{debit}</Sum></TtlDbtNtries></TxsSummry>\n"
)
ENTRY = (
    '<Ntry><NtryRef>{place}</NtryRef><Amt Ccy="CNY">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd>'
    "{reversal}<Sts>{status}</Sts><BookgDt><DtTm>{at}</DtTm></BookgDt><ValDt><Dt>{day}</Dt></ValDt>"
    "<AcctSvcrRef>{serial}</AcctSvcrRef>"
    "<BkTxCd><Prtry><Cd>{what}</Cd></Prtry></BkTxCd>"
    "<NtryDtls><TxDtls><Refs><AcctSvcrRef>{serial}</AcctSvcrRef>"
    "<EndToEndId>{reference}</EndToEndId></Refs>{party}"
    "<RmtInf><Ustrd>{what}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
)
END = "</Stmt>\n</BkToCstmrStmt>\n</Document>\n"
LONGEST = 35  # Of a reference.


def write(head: Head, opening: int, entries: Callable[[], Iterable[Entry]]) -> Iterator[bytes]:
    """The file, in pieces."""
    counts, sums = [0, 0], [0, 0]
    for entry in entries():
        counts[entry.amount < 0] += 1
        sums[entry.amount < 0] += abs(entry.amount)
    deep = bool(head.style & 1)
    day, compact = head.day.isoformat(), head.day.strftime("%Y%m%d")
    said = HEAD.format(
        version="08" if deep else "02",
        id=f"STMT{compact}",
        number=head.day.timetuple().tm_yday,
        made=_time(start_us(head.day) + 108_000_000_000),  # Six in the morning of the next day.
        day=day,
        account=head.merchant,
    )
    closing = opening + sums[0] - sums[1] + head.wrong_fen
    said += _balance("OPBD", opening, day) + _balance("CLBD", closing, day)
    yield (
        said
        + SUMMARY.format(
            count=sum(counts),
            came=counts[0],
            credit=yuan(sums[0]),
            went=counts[1],
            debit=yuan(sums[1]),
        )
    ).encode()
    for place, entry in enumerate(entries(), 1):
        yield _entry(place, entry, deep).encode()
    yield END.encode()


def _balance(code: str, fen: int, day: str) -> str:
    return BALANCE.format(code=code, amount=yuan(abs(fen)), way=_way(fen), day=day)


def _way(fen: int) -> str:
    return "CRDT" if fen >= 0 else "DBIT"


def _entry(place: int, entry: Entry, deep: bool) -> str:
    out, party = entry.amount < 0, ""
    if entry.name:
        role, name = "Cdtr" if out else "Dbtr", f"<Nm>{_words(entry.name)}</Nm>"
        inner = f"<Pty>{name}</Pty>" if deep else name
        party = f"<RltdPties><{role}>{inner}</{role}></RltdPties>"
    return ENTRY.format(
        place=place,
        amount=yuan(abs(entry.amount)),
        way=_way(entry.amount),
        reversal="<RvslInd>true</RvslInd>" if entry.reversal else "",
        status="<Cd>BOOK</Cd>" if deep else "BOOK",
        at=_time(entry.at_us),
        day=local(entry.at_us).date(),
        serial=entry.serial,
        what=_words(entry.what),
        reference=_words(entry.reference[:LONGEST]) or "NOTPROVIDED",
        party=party,
    )


def _words(text: str) -> str:
    return escape(plain(text))


def _time(at_us: int) -> str:
    return local(at_us).replace(microsecond=0).isoformat()
