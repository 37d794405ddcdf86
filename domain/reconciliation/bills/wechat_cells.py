"""What WeChat Pay's two bills share: cells behind back-ticks, a summary of one header and one row.

A cell begins with a back-tick, in some files the headers' too; commas in a merchant's texts are
escaped by the channel. The detail ends where the summary's header begins; after its row there is
nothing more.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from domain.reconciliation.bills.fault import Fault, FaultCode
from domain.reconciliation.bills.line import MILLI
from domain.reconciliation.bills.text import SHOWN, columns_in, milli_fen, same_rounded, title
from domain.texts import quoted

Numbered = Iterator[tuple[int, str]]


def cells_of(text: str) -> list[str]:
    """A row's cells, without back-ticks and the tabs that some programs put behind them."""
    if text.startswith("`"):
        return text[1:].rstrip("\t ").split(",`")
    return text.rstrip("\t ").split(",")


class Row(NamedTuple):
    """A row of the detail. Columns that a version lacks are ""."""

    number: int
    cells: Sequence[str]
    places: dict[str, int]

    def text(self, column: str) -> str:
        place = self.places.get(column)
        return "" if place is None else self.cells[place].strip()

    def milli(self, column: str) -> int:
        """Milli-fen; 0 where the cell is empty or the column is not there."""
        text = self.text(column)
        return milli_fen(self.number, text, column) if text else 0


class Sums:
    """Of some columns, in milli-fen, and of rows."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.rows = 0
        self.milli = dict.fromkeys(columns, 0)

    def add(self, row: Row) -> None:
        self.rows += 1
        for column in self.milli:
            self.milli[column] += row.milli(column)


def header(lines: Numbered, first: str, needed: Sequence[str]) -> dict[str, int]:
    """Where the columns stand, by the first line. Raises Fault."""
    number, text = next(lines, (1, ""))
    titles = cells_of(text)
    if first not in map(title, titles):
        detail = f"the first line must be the header, with {quoted(first)}"
        raise Fault(number, FaultCode.HEADER_MISSING, detail)
    return columns_in(number, titles, needed)


def rows(lines: Numbered, places: dict[str, int], end: str, check: "Ending") -> Iterator[Row]:
    """The rows of the detail; then the summary, whose header begins with `end`, is compared by
    `check`. Raises Fault."""
    width = len(places)
    number = 1
    for number, text in lines:
        found = cells_of(text)
        if title(found[0]) == end:
            _summary(lines, number, found, check)
            return
        if len(found) != width:
            detail = f"{len(found)} cells where the header has {width}"
            raise Fault(number, FaultCode.CELLS_WRONG, detail)
        yield Row(number, found, places)
    raise Fault(number, FaultCode.TOTAL_MISSING, f"the summary ({end}, …) is not there")


Ending = Callable[[int, dict[str, str]], None]


def _summary(lines: Numbered, number: int, titles: Sequence[str], check: Ending) -> None:
    names = columns_in(number, titles, ())
    number, text = next(lines, (number, ""))
    values = cells_of(text)
    if len(values) != len(names):
        detail = f"the summary has {len(values)} cells where its header has {len(names)}"
        raise Fault(number, FaultCode.TOTAL_MISSING, detail)
    check(number, {name: values[place].strip() for name, place in names.items()})
    for number, text in lines:
        if text.strip(" \t\x1a"):
            detail = f"nothing stands after the summary: {quoted(text[:SHOWN])}"
            raise Fault(number, FaultCode.UNEXPECTED_LINE, detail)


def same_count(number: int, said: dict[str, str], name: str, counted: int) -> None:
    """Raises TOTAL_MISSING, TOTAL_WRONG, AMOUNT_INVALID."""
    text = said.get(name)
    if text is None:
        raise Fault(number, FaultCode.TOTAL_MISSING, f"{name} is not in the summary")
    # Some versions write `45.0`.
    if milli_fen(number, text, name, most=None) != counted * 100 * MILLI:
        detail = f"{name}: {quoted(text[:SHOWN])}, the lines give {counted}"
        raise Fault(number, FaultCode.TOTAL_WRONG, detail)


def same_sum(number: int, said: dict[str, str], name: str, milli: int) -> None:
    """Whether a total is the sum, as far as its decimals go: `0.06` is the total of 0.05940.
    Raises TOTAL_MISSING, TOTAL_WRONG, AMOUNT_INVALID."""
    text = said.get(name)
    if text is None:
        raise Fault(number, FaultCode.TOTAL_MISSING, f"{name} is not in the summary")
    found = milli_fen(number, text, name, most=None)
    decimals = max(2, min(5, len(text.partition(".")[2])))
    if not same_rounded(found, milli, decimals):
        detail = f"{name}: {quoted(text[:SHOWN])}, the lines give {yuan_text(milli)}"
        raise Fault(number, FaultCode.TOTAL_WRONG, detail)


def yuan_text(milli: int) -> str:
    """Milli-fen as yuan with five decimals."""
    whole, part = divmod(abs(milli), 100 * MILLI)
    return f"{'-' if milli < 0 else ''}{whole}.{part:05d}"
