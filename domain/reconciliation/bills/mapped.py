"""Reading a bill by a mapping: CSV or fixed width, one line at a time.

A row is a function from a field's name to its text; everything after that is the same for both.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from typing import NamedTuple, cast

from domain.kernel import SHANGHAI, to_us
from domain.reconciliation.bills.chain import Chain
from domain.reconciliation.bills.fault import Fault, FaultCode
from domain.reconciliation.bills.line import MILLI, BillKind, Item, Kind, Line, State
from domain.reconciliation.bills.mapped_totals import Figures, Finder, money
from domain.reconciliation.bills.mapping import FIELDS, Mapping, Place
from domain.reconciliation.bills.text import (
    SHOWN,
    above_zero,
    columns_in,
    currency,
    decoded,
    lines_of,
    loose_reference,
    one_of,
    reference,
    title,
    yuan_only,
)
from domain.texts import quoted

MOST_LINES = 50  # Of one row, where a quoted cell has ends of lines in it.


class Row(NamedTuple):
    """`texts` by the field's name."""

    number: int
    texts: dict[str, str]

    def told(self, field: str) -> str:
        """The text of a field; "" where the file has none."""
        return self.texts.get(field, "")


def reader(mapping: Mapping) -> Callable[[Iterable[bytes], date], Iterator[Item]]:
    """The parser that a mapping is."""

    def read(chunks: Iterable[bytes], _day: date) -> Iterator[Item]:
        """The lines, in the file's order; at the end its totals are compared. Raises Fault."""
        figures = Figures(mapping)
        finder, chain = Finder(mapping, figures), Chain()
        rows = _fixed if mapping.layout == "fixed" else _csv
        for row, cells in rows(mapping, lines_of(chunks), finder):
            line = _line(mapping, row)
            figures.add(line, cells)
            yield line
            if mapping.columns.balance is not None:
                _follow(chain, mapping, row, line)
        finder.end()
        yield from chain.ends()

    return read


def _csv(
    mapping: Mapping, raw: Iterator[tuple[int, bytes]], finder: Finder
) -> Iterator[tuple[Row, dict[str, str]]]:
    """Rows by their header's titles. Cells lose the spaces and tabs around them."""
    lines = finder.rows(decoded(raw, mapping.encoding))
    wanted = {
        name: title(cast(str, column))
        for name in mapping.columns.__struct_fields__
        if (column := getattr(mapping.columns, name)) is not None
    }
    needed = (*wanted.values(), *finder.columns)
    at = [0]
    records = _records(mapping, lines, at)
    places: dict[str, int] | None = None
    width = 0
    for cells in records:
        if places is None:
            titles = list(map(title, cells))
            if all(one in titles for one in needed):
                places, width = columns_in(at[0], cells, needed), len(cells)
                finder.begin()
            elif at[0] >= mapping.header_within:
                break
            continue
        if len(cells) != width:
            detail = f"{len(cells)} cells where the header has {width}"
            raise Fault(at[0], FaultCode.CELLS_WRONG, detail)
        texts = {name: cells[places[column]].strip(" \t`") for name, column in wanted.items()}
        sums = {column: cells[places[column]].strip(" \t`") for column in finder.columns}
        yield Row(at[0], texts), sums
    if places is None:
        detail = f"no header with {', '.join(needed)} in the first {mapping.header_within} lines"
        raise Fault(1, FaultCode.HEADER_MISSING, detail)


def _records(
    mapping: Mapping, lines: Iterator[tuple[int, str]], at: list[int]
) -> Iterator[list[str]]:
    """Cells; `at[0]` is the line where they end. A quoted cell may run over lines."""

    begun = 0  # The first line of the record at hand.

    def fed() -> Iterator[str]:
        for number, text in lines:
            at[0] = number
            if "\0" in text:
                raise Fault(number, FaultCode.CELLS_WRONG, "a NUL character")
            if begun and number - begun > MOST_LINES:
                detail = f"a row of more than {MOST_LINES} lines: a quotation mark is left open"
                raise Fault(number, FaultCode.LINE_TOO_LONG, detail)
            yield text + "\n"

    rows = csv.reader(
        fed(),
        delimiter=mapping.separator,
        quotechar=mapping.quote or None,
        quoting=csv.QUOTE_MINIMAL if mapping.quote else csv.QUOTE_NONE,
        strict=True,
    )
    while True:
        begun = at[0] + 1
        try:
            cells = next(rows, None)
        except csv.Error as error:
            raise Fault(at[0], FaultCode.CELLS_WRONG, f"no CSV: {error}") from None
        if cells is None:
            return
        if cells:
            yield cells


def _fixed(
    mapping: Mapping, raw: Iterator[tuple[int, bytes]], finder: Finder
) -> Iterator[tuple[Row, dict[str, str]]]:
    """Rows cut by bytes; the spaces around a field are not its own."""
    assert mapping.width is not None
    columns = mapping.columns
    places = {
        name: place
        for name in columns.__struct_fields__
        if isinstance(place := getattr(columns, name), Place)
    }
    width, encoding = mapping.width, mapping.encoding
    wanted = ((number, line) for number, line in raw if number > mapping.preamble)
    finder.begin()
    for number, line in finder.raw_rows(wanted):
        if len(line) != width:
            detail = f"{len(line)} bytes where {width} are needed"
            raise Fault(number, FaultCode.LENGTH_WRONG, detail)
        texts = {}
        try:
            for name, place in places.items():
                field = line[place.at - 1 : place.at - 1 + place.width]
                texts[name] = field.decode(encoding).strip(" \t")
        except UnicodeDecodeError:
            detail = f"{name}: its bytes are not {encoding}"
            raise Fault(number, FaultCode.ENCODING_INVALID, detail) from None
        yield Row(number, texts), {}


def _line(mapping: Mapping, row: Row) -> Line:
    number, told = row.number, row.told
    kind, amount, came = _kind_and_amount(mapping, row)
    state: State = "succeeded"
    if mapping.columns.state is not None:
        known = one_of(number, told("state"), "state", mapping.states, FaultCode.STATE_UNKNOWN)
        state = cast(State, known)
    money: str = mapping.currency
    if mapping.columns.currency is not None:
        read_money = currency if mapping.kind == "trade" else yuan_only
        money = read_money(number, told("currency"), "currency")
    ours, original = _numbers(mapping, row, kind)
    fee = _fee(mapping, row, kind)
    if kind == "fee":  # What the channel takes for itself; what came is given back.
        fee = -amount * MILLI if came else amount * MILLI
    return Line(
        number,
        kind,
        ours,
        reference(number, told("serial"), "serial", needed=False),
        above_zero(number, amount, "amount"),
        fee,
        state,
        money,
        _moment(mapping, row),
        original,
    )


def _numbers(mapping: Mapping, row: Row, kind: Kind) -> tuple[str, str]:
    """Ours, and on a refund the payment's."""
    number, told = row.number, row.told
    if mapping.kind != "trade":
        return loose_reference(told("number")), ""
    payment = reference(number, told("number"), "number", needed=kind == "payment")
    if kind != "refund" or mapping.columns.refund_number is None:
        return reference(number, payment, "number"), ""
    return reference(number, told("refund_number"), "refund_number"), payment


def _kind_and_amount(mapping: Mapping, row: Row) -> tuple[Kind, int, bool | None]:
    """The kind, the amount in fen, and whether it came, as `_moved` says."""
    number = row.number
    came, milli = _moved(mapping, row)
    into, out = KINDS[mapping.kind]
    signed = into if came else out
    kind = signed
    if mapping.columns.kind is not None:
        word = row.told("kind")
        kind = cast(Kind, one_of(number, word, "kind", mapping.kinds, FaultCode.KIND_UNKNOWN))
    if came is not None and kind not in (signed, "fee"):
        detail = f"amount: it is one of {signed}, and the kind says {kind}"
        raise Fault(number, FaultCode.AMOUNT_INVALID, detail)
    if milli % MILLI:
        raise Fault(number, FaultCode.AMOUNT_INVALID, "amount: it has parts of a fen")
    return kind, milli // MILLI, came


def _moved(mapping: Mapping, row: Row) -> tuple[bool | None, int]:
    """Whether money came, None where neither sign nor column says; and how much, in milli-fen."""
    number, told = row.number, row.told
    if mapping.columns.amount is None:
        into = money(mapping, number, told("money_in") or "0", "money_in")
        out = abs(money(mapping, number, told("money_out") or "0", "money_out"))
        if (into == 0) == (out == 0):
            detail = "one of money_in and money_out is needed, and not both"
            raise Fault(number, FaultCode.AMOUNT_INVALID, detail)
        return into != 0, into or out
    milli = money(mapping, number, told("amount"), "amount")
    if mapping.amount_sign in ("direction", "by_kind"):
        return milli > 0, abs(milli)
    return None, abs(milli) if mapping.amount_sign == "absolute" else milli


KINDS: dict[BillKind, tuple[Kind, Kind]] = {
    "trade": ("payment", "refund"),
    "fund": ("in", "out"),
    "bank": ("in", "out"),
}


def _fee(mapping: Mapping, row: Row, kind: Kind) -> int:
    text = row.told("fee")
    if not text:
        return 0
    milli = money(mapping, row.number, text, "fee")
    if mapping.fee_sign == "charged_negative":
        return -milli
    if mapping.fee_sign == "by_kind":
        return -abs(milli) if kind == "refund" else abs(milli)
    return milli


def _follow(chain: Chain, mapping: Mapping, row: Row, line: Line) -> None:
    milli = money(mapping, row.number, row.told("balance"), "balance", most=False)
    if milli % MILLI:
        raise Fault(row.number, FaultCode.AMOUNT_INVALID, "balance: it has parts of a fen")
    came = line.kind == "in" or (line.kind == "fee" and line.fee_milli_fen < 0)
    signed = line.amount_fen if came else -line.amount_fen
    chain.take(row.number, line.at_us or 0, milli // MILLI, signed)


def _moment(mapping: Mapping, row: Row) -> int | None:
    text = row.told("time")
    if mapping.columns.time is None:
        return None
    found = mapping.time_pattern.fullmatch(text)
    if found is not None:
        parts = found.groupdict()
        try:
            local = datetime(*(int(parts.get(name) or 0) for name in FIELDS), tzinfo=SHANGHAI)  # type: ignore[misc,arg-type]
            return to_us(local)
        except ValueError:
            pass
    detail = f"time: {quoted(text[:SHOWN])} is no time {mapping.time_format}"
    raise Fault(row.number, FaultCode.TIME_INVALID, detail)
