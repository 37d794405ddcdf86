"""Bank statements in camt.053, written by hand from the message definition."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.domain.reconciliation.rendering import yuan

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001."


@dataclass(frozen=True)
class Booked:
    """An entry: above zero came in."""

    fen: int
    reference: str = "B1"
    end_to_end: str = ""
    state: str = "BOOK"
    reversal: bool = False


ENTRIES = (
    Booked(98_000, "B1"),
    Booked(-8_946, "B2", "payout-S1"),
    Booked(8_946, "B3", "payout-S1", reversal=True),
)


def way(fen: int) -> str:
    return "CRDT" if fen >= 0 else "DBIT"


def balance(code: str, fen: int, currency: str = "CNY") -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{currency}">{yuan(abs(fen))}</Amt><CdtDbtInd>{way(fen)}</CdtDbtInd>'
        "<Dt><Dt>2011-01-10</Dt></Dt></Bal>"
    )


def entry(one: Booked, version: str) -> str:
    state = one.state if version == "02" else f"<Cd>{one.state}</Cd>"
    refs = f"<Refs><EndToEndId>{one.end_to_end or 'NOTPROVIDED'}</EndToEndId></Refs>"
    reversal = "<RvslInd>true</RvslInd>" if one.reversal else ""
    return (
        f'<Ntry><Amt Ccy="CNY">{yuan(abs(one.fen))}</Amt><CdtDbtInd>{way(one.fen)}</CdtDbtInd>'
        f"{reversal}<Sts>{state}</Sts><BookgDt><Dt>2011-01-10</Dt></BookgDt>"
        f"<AcctSvcrRef>{one.reference}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls>{refs}</TxDtls></NtryDtls></Ntry>"
    )


def statement(
    entries: Sequence[Booked],
    opening_fen: int = 100_000,
    *,
    version: str = "02",
    opening: str = "OPBD",
    closing_fen: int | None = None,
    summary: bool = True,
    inside: str = "",
) -> bytes:
    """`closing_fen`: what it says, where that is not what it should."""
    booked = [one for one in entries if one.state == "BOOK"]
    after = opening_fen + sum(one.fen for one in booked)
    came = [one.fen for one in booked if one.fen >= 0]
    total = (
        f"<TxsSummry><TtlNtries><NbOfNtries>{len(booked)}</NbOfNtries>"
        f"<Sum>{yuan(sum(abs(one.fen) for one in booked))}</Sum></TtlNtries>"
        f"<TtlCdtNtries><NbOfNtries>{len(came)}</NbOfNtries><Sum>{yuan(sum(came))}</Sum>"
        "</TtlCdtNtries></TxsSummry>"
    )
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<Document xmlns="{NAMESPACE}{version}"><BkToCstmrStmt>',
        "<GrpHdr><MsgId>M1</MsgId></GrpHdr><Stmt><Id>S1</Id>",
        balance(opening, opening_fen),
        balance("CLBD", after if closing_fen is None else closing_fen),
        total if summary else "",
        *(entry(one, version) for one in entries),
        inside,
        "</Stmt></BkToCstmrStmt></Document>",
    ]
    return "\n".join(parts).encode()
