"""Fund bills and statements of banks: movements, chains of balances, and what breaks them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.reconciliation.bills.fault import FaultCode
from domain.reconciliation.bills.line import Line, totals_of
from tests.domain.reconciliation.camt import ENTRIES, NAMESPACE, Booked, balance, statement
from tests.domain.reconciliation.reading import balances, lines, read, refused
from tests.domain.reconciliation.rendering import MOVES, Move, fund_bill

SERIALS = st.text("0123456789ABC", min_size=1, max_size=20)
MOVED = st.builds(
    Move,
    SERIALS,
    st.one_of(st.integers(1, 10**11), st.integers(-(10**11), -1)),
    st.just(False),
    SERIALS,
)


def moved(line: Line) -> Move:
    fee = line.kind == "fee"
    signed = line.amount_fen if line.kind == "in" else -line.amount_fen
    return Move(line.number, signed, fee, line.serial)


@settings(max_examples=60, deadline=None)
@given(st.lists(MOVED, max_size=8), st.integers(-(10**11), 10**11), st.booleans(), st.booleans())
def test_what_a_fund_bill_says_is_read(
    moves: list[Move], opening: int, newest_first: bool, full: bool
) -> None:
    moves = [Move(one.number, one.fen, False, one.serial, place) for place, one in enumerate(moves)]
    raw = fund_bill(moves, opening, newest_first=newest_first, full_width=full)
    found = [moved(one) for one in lines("wechat_fund", raw, 61)]
    plain = [Move(one.number, one.fen, False, one.serial) for one in moves]
    assert found == (plain[::-1] if newest_first else plain)
    closing = opening + sum(one.fen for one in moves)
    assert balances("wechat_fund", raw) == (
        {"opening": opening, "closing": closing} if moves else {}
    )


def test_a_fee_of_a_fund_bill_is_a_fee_and_no_money_out() -> None:
    totals = totals_of(read("wechat_fund", fund_bill(MOVES)))
    assert (totals.lines, totals.paid_fen, totals.refunded_fen) == (3, 2_970, 970)
    assert totals.fee_milli_fen == 6_000
    assert (totals.opening_fen, totals.closing_fen) == (100_000, 101_994)


FUND = fund_bill(MOVES).decode()
FUND_FAULTS: list[tuple[str, str, FaultCode, int]] = [
    ("a balance that does not follow", FUND.replace("`1029.64", "`1029.65"),
     FaultCode.BALANCE_BROKEN, 3),
    ("rows exchanged", "\r\n".join(FUND.split("\r\n")[i] for i in (0, 1, 3, 2, 4, 5, 6)),
     FaultCode.BALANCE_BROKEN, 3),
    ("a wrong sum", FUND.replace("`1,`29.70", "`1,`29.71"), FaultCode.TOTAL_WRONG, 6),
    ("a wrong count", FUND.replace("`3,`1,", "`4,`1,"), FaultCode.TOTAL_WRONG, 6),
    ("neither in nor out", FUND.replace("`收入,", "`转入,"), FaultCode.KIND_UNKNOWN, 2),
    ("nothing moved", FUND.replace("`收入,`29.70", "`收入,`0.00"), FaultCode.AMOUNT_INVALID, 2),
    ("cut off", FUND[:230], FaultCode.CELLS_WRONG, 3),
    ("a trade bill", "交易时间,微信订单号\r\n", FaultCode.HEADER_MISSING, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "line"), [one[1:] for one in FUND_FAULTS], ids=[one[0] for one in FUND_FAULTS]
)
def test_a_fund_bill_is_refused(text: str, code: FaultCode, line: int) -> None:
    refused("wechat_fund", text.encode(), code, line)


ENTRY = st.builds(
    Booked,
    st.one_of(st.integers(1, 10**11), st.integers(-(10**11), -1)),
    SERIALS,
    st.one_of(st.just(""), SERIALS),
    st.sampled_from(("BOOK", "BOOK", "PDNG")),
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(ENTRY, max_size=6),
    st.integers(-(10**11), 10**11),
    st.sampled_from(("02", "08", "11")),
    st.sampled_from(("OPBD", "PRCD")),
    st.integers(1, 3_000),
)
def test_what_a_statement_says_is_read(
    entries: list[Booked], opening: int, version: str, code: str, size: int
) -> None:
    raw = statement(entries, opening, version=version, opening=code)
    booked = [one for one in entries if one.state == "BOOK"]
    found = [
        Booked(
            one.amount_fen if one.kind == "in" else -one.amount_fen,
            one.serial,
            one.number,
            reversal=one.reversal,
        )
        for one in lines("camt053", raw, size)
    ]
    assert found == booked
    closing = opening + sum(one.fen for one in booked)
    assert balances("camt053", raw) == {"opening": opening, "closing": closing}


def test_a_batch_of_many_is_one_line_under_the_batch() -> None:
    details = "".join(
        f"<TxDtls><Refs><EndToEndId>P{one}</EndToEndId></Refs></TxDtls>" for one in range(3)
    )
    batch = "<NtryDtls><Btch><PmtInfId>BATCH-7</PmtInfId></Btch>"
    raw = statement([Booked(-500, "B9")]).decode()
    begin = raw.index("<NtryDtls>")
    raw = raw[:begin] + batch + details + raw[raw.index("</NtryDtls>") :]
    (line,) = lines("camt053", raw.encode())
    assert (line.number, line.serial, line.original) == ("BATCH-7", "B9", "BATCH-7")


def test_entries_that_begin_in_one_line_have_numbers_of_their_own() -> None:
    raw = statement(ENTRIES)
    assert [one.line for one in lines("camt053", raw)] == [7, 8, 9]
    whole = raw.replace(b"\n", b"")
    assert [one.line for one in lines("camt053", whole)] == [1, 2, 3]
    pairs = raw.replace(b"</Ntry>\n<Ntry>", b"</Ntry><Ntry>", 1)
    assert [one.line for one in lines("camt053", pairs)] == [7, 8, 9]


CAMT = statement(ENTRIES).decode()
BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
CAMT_FAULTS: list[tuple[str, str, FaultCode]] = [
    ("no XML", "交易时间,商户号", FaultCode.XML_INVALID),
    ("empty", "", FaultCode.XML_INVALID),
    ("cut off", CAMT[:700], FaultCode.XML_INVALID),
    ("an entity that grows", CAMT.replace("?>", "?>" + BOMB, 1), FaultCode.XML_INVALID),
    ("an entity from outside", CAMT.replace("?>", "?>" + OUTSIDE, 1), FaultCode.XML_INVALID),
    ("another message", CAMT.replace("camt.053.001.02", "camt.054.001.02"),
     FaultCode.HEADER_MISSING),
    ("no namespace", CAMT.replace(f' xmlns="{NAMESPACE}02"', ""), FaultCode.HEADER_MISSING),
    ("no statement", CAMT.replace("Stmt>", "Rpt>"), FaultCode.HEADER_MISSING),
    ("two statements", CAMT.replace("</Stmt>", "</Stmt><Stmt></Stmt>"),
     FaultCode.UNEXPECTED_LINE),
    ("no balance before", CAMT.replace("OPBD", "OPAV"), FaultCode.TOTAL_MISSING),
    ("no balance after", CAMT.replace("CLBD", "CLAV"), FaultCode.TOTAL_MISSING),
    ("a balance twice, otherwise", CAMT.replace("<Ntry>", balance("OPBD", 5) + "<Ntry>", 1),
     FaultCode.BALANCE_BROKEN),
    ("an entry is lost", CAMT.replace(CAMT[CAMT.index("<Ntry>") : CAMT.index("</Ntry>") + 7], ""),
     FaultCode.BALANCE_BROKEN),
    ("another currency", CAMT.replace('<Ntry><Amt Ccy="CNY"', '<Ntry><Amt Ccy="USD"', 1),
     FaultCode.CURRENCY_UNKNOWN),
    ("another way", CAMT.replace("<CdtDbtInd>DBIT", "<CdtDbtInd>OUT", 1), FaultCode.KIND_UNKNOWN),
    ("two amounts", CAMT.replace("<Sts>", '<Amt Ccy="CNY">980.00</Amt><Sts>', 1),
     FaultCode.UNEXPECTED_LINE),
    ("two ways", CAMT.replace("<Sts>", "<CdtDbtInd>CRDT</CdtDbtInd><Sts>", 1),
     FaultCode.UNEXPECTED_LINE),
    ("another state", CAMT.replace("<Sts>BOOK", "<Sts>DONE", 1), FaultCode.STATE_UNKNOWN),
    ("an amount of letters", CAMT.replace(">980.00<", ">9B0.00<", 1), FaultCode.AMOUNT_INVALID),
    ("no date", CAMT.replace("<BookgDt><Dt>2011-01-10", "<BookgDt><Dt>2011-13-10", 1),
     FaultCode.TIME_INVALID),
    ("a wrong sum", CAMT.replace("<Sum>1069.46", "<Sum>1069.47"), FaultCode.TOTAL_WRONG),
    ("a wrong count", CAMT.replace("<NbOfNtries>3", "<NbOfNtries>4"), FaultCode.TOTAL_WRONG),
    ("an encoding that is none", CAMT.replace("UTF-8", "KLINGON"), FaultCode.ENCODING_INVALID),
    ("too deep", CAMT.replace("<GrpHdr>", "<a>" * 60), FaultCode.XML_INVALID),
    ("a text without end", CAMT.replace("<Id>S1", "<Id>" + "S" * 3_000), FaultCode.LINE_TOO_LONG),
    ("a tag without end", CAMT.replace("<Id>S1", '<Id a="' + "S" * (9 << 20)),
     FaultCode.LINE_TOO_LONG),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code"), [one[1:] for one in CAMT_FAULTS], ids=[one[0] for one in CAMT_FAULTS]
)
def test_a_statement_is_refused(text: str, code: FaultCode) -> None:
    refused("camt053", text.encode(), code)


def test_what_a_bank_adds_in_its_own_words_is_passed_over() -> None:
    inside = '<x:Ntry xmlns:x="urn:bank"><x:Amt>1</x:Amt></x:Ntry>'
    assert len(lines("camt053", statement(ENTRIES, inside=inside))) == 3
