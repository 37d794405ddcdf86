"""A bank's statement in ISO 20022 camt.053, versions .001.02 and later: one account, one day.

Booked entries count; what is pending or for information does not. The balances close: what was
there before (OPBD, or PRCD), and what came in less what went out, is what is there after (CLBD).
An entry's indicator says which way its money went, also when it takes back an earlier one.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime

from msgspec import Struct

from domain.kernel import SHANGHAI, to_us
from domain.reconciliation.bills.fault import Fault, FaultCode
from domain.reconciliation.bills.line import Balance, Item, Line
from domain.reconciliation.bills.text import SHOWN, above_zero, fen, loose_reference, yuan_only
from domain.reconciliation.bills.xml_events import Element, elements
from domain.texts import quoted

NAME, VERSION = "camt053", 1

_is_ours = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.[0-9]{2}").fullmatch
_is_date = re.compile(
    r"20[0-9]{2}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
).fullmatch
STATEMENT = "Document/BkToCstmrStmt/Stmt"
ENTRY = f"{STATEMENT}/Ntry"
BALANCE = f"{STATEMENT}/Bal"
SUMMARY = f"{STATEMENT}/TxsSummry/"
DIRECTIONS = {"CRDT": "in", "DBIT": "out"}
BALANCE_FIELDS = frozenset(("Tp/CdOrPrtry/Cd", "Amt", "CdtDbtInd"))
SUMMARY_FIELDS = frozenset(
    f"{name}/{figure}"
    for name in ("TtlCdtNtries", "TtlDbtNtries", "TtlNtries")
    for figure in ("NbOfNtries", "Sum")
)
BOOKED = "BOOK"
STATES = (BOOKED, "PDNG", "INFO", "FUTR")
NONE = ("", "NOTPROVIDED")  # What stands where a reference is required and there is none.


class _Entry(Struct, gc=False):
    line: int
    fields: dict[str, str] = {}
    currency: str = ""
    end_to_end: tuple[str, ...] = ()  # The first two: only one alone is the entry's own.
    parts: int = 0


class _Statement(Struct, gc=False):
    """What is kept while one is read: its balances, its sums."""

    line: int
    balances: dict[str, tuple[int, int]] = {}  # By code: line, fen.
    said: dict[str, tuple[int, str]] = {}  # The summary, by path.
    counted: dict[
        str, list[int]
    ] = {}  # Of in and out: booked entries and fen, all entries and fen.


def read(chunks: Iterable[bytes], _day: date) -> Iterator[Item]:
    """The booked entries, in the file's order, after the opening balance and before the closing
    one. Raises Fault with the first thing that is wrong.

    An entry's line is where it begins. Where several begin in one line, as in a file without line
    ends, each has the next number: two entries never have the same.
    """
    statement: _Statement | None = None
    entry: _Entry | None = None
    balance: dict[str, str] = {}
    last = 0
    done = False
    for one in _of_ours(elements(chunks, BEGINS, ENDS)):
        path = one.path
        if path == STATEMENT and not one.ends:
            if statement is not None:
                detail = "a second statement: one account's of one day is one bill"
                raise Fault(one.line, FaultCode.UNEXPECTED_LINE, detail)
            statement = _Statement(one.line, counted={"in": [0] * 4, "out": [0] * 4})
        elif statement is None:
            continue
        elif path == ENTRY:
            if not one.ends:
                last = max(one.line, last + 1)
                entry = _Entry(last, {})
                continue
            assert entry is not None
            if (line := _booked(statement, entry)) is not None:
                yield line
            entry = None
        elif entry is not None:
            if one.ends:
                _take(entry, one)
        elif path == BALANCE:
            if one.ends:
                _balance(statement, one.line, balance)
            balance = {}
        elif one.ends and path.removeprefix(f"{BALANCE}/") in BALANCE_FIELDS:
            balance[path.removeprefix(f"{BALANCE}/")] = one.text
            if path == f"{BALANCE}/Amt":
                balance["Ccy"] = one.attributes.get("Ccy", "")
        elif one.ends and path.removeprefix(SUMMARY) in SUMMARY_FIELDS:
            statement.said[path.removeprefix(SUMMARY)] = (one.line, one.text)
        elif path == STATEMENT:
            yield from _closed(statement, one.line)
            done = True
    if not done:
        raise Fault(1, FaultCode.HEADER_MISSING, "there is no statement in it (Stmt)")


def _of_ours(found: Iterator[Element]) -> Iterator[Element]:
    """The elements of camt.053 alone; what a bank adds in another namespace is passed over."""
    namespace = ""
    for one in found:
        if not namespace:
            if one.path != "Document" or not _is_ours(one.namespace):
                shown = quoted(f"{one.namespace} {one.path}"[:80])
                detail = f"{shown} is no Document of camt.053.001"
                raise Fault(one.line, FaultCode.HEADER_MISSING, detail)
            namespace = one.namespace
        if one.namespace == namespace:
            yield one


def _take(entry: _Entry, one: Element) -> None:
    """What has ended within an entry."""
    path = one.path.removeprefix(f"{ENTRY}/")
    if path == "Amt":
        entry.currency = one.attributes.get("Ccy", "")
    if path == PART:
        entry.parts += 1
    elif path == END_TO_END:
        if one.text not in NONE and len(entry.end_to_end) < 2:
            entry.end_to_end = (*entry.end_to_end, one.text)
    elif path in FIELDS:
        if path in entry.fields and not path.startswith("NtryDtls/"):
            raise Fault(one.line, FaultCode.UNEXPECTED_LINE, f"Ntry/{path} stands there twice")
        entry.fields[path] = one.text


FIELDS = frozenset(
    (
        "Amt",
        "CdtDbtInd",
        "RvslInd",
        "Sts",
        "Sts/Cd",
        "BookgDt/Dt",
        "BookgDt/DtTm",
        "AcctSvcrRef",
        "NtryRef",
        "NtryDtls/Btch/PmtInfId",
        "NtryDtls/Btch/MsgId",
    )
)


PART = "NtryDtls/TxDtls"
END_TO_END = f"{PART}/Refs/EndToEndId"
# What is looked at; the rest of a document is only passed over.
BEGINS = frozenset((STATEMENT, ENTRY, BALANCE))
ENDS = BEGINS.union(
    (f"{ENTRY}/{field}" for field in (*FIELDS, PART, END_TO_END)),
    (f"{BALANCE}/{field}" for field in BALANCE_FIELDS),
    (f"{SUMMARY}{field}" for field in SUMMARY_FIELDS),
)


def _booked(statement: _Statement, entry: _Entry) -> Line | None:
    """The entry as a line, None for one that is not booked."""
    number, fields = entry.line, entry.fields
    way = _way(number, fields.get("CdtDbtInd", ""))
    yuan_only(number, entry.currency, "Ntry/Amt@Ccy")
    state = fields.get("Sts/Cd") or fields.get("Sts", "")
    if state not in STATES:
        detail = f"Ntry/Sts: {quoted(state[:SHOWN])} is none of {', '.join(STATES)}"
        raise Fault(number, FaultCode.STATE_UNKNOWN, detail)
    amount = fen(number, fields.get("Amt", ""), "Ntry/Amt")
    if amount < 0:
        above_zero(number, amount, "Ntry/Amt")
    counted = statement.counted[way]
    counted[2] += 1
    counted[3] += amount
    if state != BOOKED:
        return None
    counted[0] += 1
    counted[1] += amount
    if amount == 0:
        return None  # Some banks book an entry of nothing, to say something.
    batch = fields.get("NtryDtls/Btch/PmtInfId") or fields.get("NtryDtls/Btch/MsgId", "")
    own = entry.end_to_end[0] if len(entry.end_to_end) == 1 and entry.parts <= 1 else batch
    return Line(
        number,
        "in" if way == "in" else "out",
        loose_reference(own),
        loose_reference(fields.get("AcctSvcrRef") or fields.get("NtryRef", "")),
        amount,
        at_us=_at(number, fields),
        original=loose_reference(batch),
        reversal=fields.get("RvslInd") in ("true", "1"),
    )


def _way(number: int, text: str) -> str:
    found = DIRECTIONS.get(text)
    if found is None:
        detail = f"CdtDbtInd: {quoted(text[:SHOWN])} is neither CRDT nor DBIT"
        raise Fault(number, FaultCode.KIND_UNKNOWN, detail)
    return found


def _at(number: int, fields: dict[str, str]) -> int:
    """When it was booked: the day's beginning in Shanghai where only the day is said."""
    text = fields.get("BookgDt/DtTm") or fields.get("BookgDt/Dt", "")
    if _is_date(text):
        try:
            found = datetime.fromisoformat(text[:10] + (text[10:] if "T" in text else ""))
            return to_us(found if found.tzinfo else found.replace(tzinfo=SHANGHAI))
        except ValueError:
            pass
    detail = f"BookgDt: {quoted(text[:SHOWN])} is no date"
    raise Fault(number, FaultCode.TIME_INVALID, detail)


def _balance(statement: _Statement, number: int, said: dict[str, str]) -> None:
    code = said.get("Tp/CdOrPrtry/Cd", "")
    if code not in ("OPBD", "PRCD", "CLBD"):
        return
    yuan_only(number, said.get("Ccy", ""), "Bal/Amt@Ccy")
    amount = fen(number, said.get("Amt", ""), "Bal/Amt", most=None)
    if amount < 0:
        above_zero(number, amount, "Bal/Amt")
    signed = amount if _way(number, said.get("CdtDbtInd", "")) == "in" else -amount
    before = statement.balances.setdefault(code, (number, signed))
    if before[1] != signed:
        detail = f"{code} stands there twice, with two amounts"
        raise Fault(number, FaultCode.BALANCE_BROKEN, detail)


def _closed(statement: _Statement, number: int) -> Iterator[Balance]:
    opening = statement.balances.get("OPBD") or statement.balances.get("PRCD")
    closing = statement.balances.get("CLBD")
    if opening is None or closing is None:
        detail = "a balance before (OPBD or PRCD) and one after (CLBD) are needed"
        raise Fault(number, FaultCode.TOTAL_MISSING, detail)
    moved = statement.counted["in"][1] - statement.counted["out"][1]
    if opening[1] + moved != closing[1]:
        detail = f"{opening[1]} fen and {moved} of its entries are not {closing[1]}"
        raise Fault(closing[0], FaultCode.BALANCE_BROKEN, detail)
    _check_summary(statement)
    yield Balance(opening[0], "opening", opening[1])
    yield Balance(closing[0], "closing", closing[1])


def _check_summary(statement: _Statement) -> None:
    """The statement's own counts and sums: of booked entries, or of all."""
    came, went = statement.counted["in"], statement.counted["out"]
    whole = [a + b for a, b in zip(came, went, strict=True)]
    for name, counted in (("TtlCdtNtries", came), ("TtlDbtNtries", went), ("TtlNtries", whole)):
        if (said := statement.said.get(f"{name}/NbOfNtries")) is not None:
            number, text = said
            if text not in (str(counted[0]), str(counted[2])):
                detail = f"{name}: {quoted(text[:SHOWN])} entries, {counted[0]} are there"
                raise Fault(number, FaultCode.TOTAL_WRONG, detail)
        if (said := statement.said.get(f"{name}/Sum")) is not None:
            number, text = said
            if fen(number, text, f"{name}/Sum", most=None) not in (counted[1], counted[3]):
                detail = f"{name}: {quoted(text[:SHOWN])}, the entries give {counted[1]} fen"
                raise Fault(number, FaultCode.TOTAL_WRONG, detail)
