"""Lines of a mapped bill that are no rows: what is passed over, its end, and its totals."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TypeVar

from domain.reconciliation.bills.fault import Fault, FaultCode
from domain.reconciliation.bills.line import MILLI, Line
from domain.reconciliation.bills.mapping import FIGURE, Figure, Mapping, Total
from domain.reconciliation.bills.text import (
    SHOWN,
    milli_fen,
    milli_of_fen,
    same_rounded,
    title,
)
from domain.texts import quoted

T = TypeVar("T", str, bytes)
AROUND = " \t\x1a`\"'"
_numbers = re.compile(r"[+-]?[0-9]+(?:[.][0-9]+)?", re.ASCII).findall


class Figures:
    """What the lines so far add up to, by kind, in milli-fen; and sums of columns without signs."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.lines: dict[str, int] = {}
        self.amounts: dict[str, int] = {}
        self.moved: dict[str, int] = {}  # Amounts of lines that did not fail.
        self.fees: dict[str, int] = {}
        self.columns: dict[tuple[str, str], int] = {}

    def add(self, line: Line, cells: dict[str, str]) -> None:
        """`cells`: of the columns that totals name."""
        kind = line.kind
        self.lines[kind] = self.lines.get(kind, 0) + 1
        self.amounts[kind] = self.amounts.get(kind, 0) + line.amount_fen * MILLI
        if line.counts:
            self.moved[kind] = self.moved.get(kind, 0) + line.amount_fen * MILLI
        self.fees[kind] = self.fees.get(kind, 0) + line.fee_milli_fen
        for column, text in cells.items():
            milli = abs(money(self.mapping, line.line, text, column)) if text else 0
            for of in (kind, "lines"):
                self.columns[of, column] = self.columns.get((of, column), 0) + milli

    def of(self, figure: Figure) -> int:
        """What a figure must be: a sum without its sign, or a number of lines as of yuan or fen."""
        if figure.column is not None:
            return self.columns.get((figure.of, title(figure.column)), 0)
        counted = self.lines.get(figure.of, 0) if figure.of != "lines" else sum(self.lines.values())
        return counted * self._unit

    def counts(self) -> set[int]:
        """Every number of lines that a total may name."""
        kinds = ("payment", "refund") if self.mapping.kind == "trade" else ("in", "out", "fee")
        counted = [self.lines.get(kind, 0) for kind in kinds]
        return {count * self._unit for count in (*counted, sum(counted))}

    def sums(self) -> set[int]:
        """Every sum that a total may name, without its sign."""
        found = set[int]()
        charged = sum(self.fees.values())
        for amounts in (self.amounts, self.moved):
            came = amounts.get("payment", 0) + amounts.get("in", 0)
            went = amounts.get("refund", 0) + amounts.get("out", 0)
            found |= {came, went, came + went, came - went, came - went - charged, came - charged}
        found |= {charged, *self.fees.values(), sum(map(abs, self.fees.values()))}
        return {abs(one) for one in found}

    @property
    def _unit(self) -> int:
        return MILLI if self.mapping.amounts == "fen" else 100 * MILLI


def money(mapping: Mapping, number: int, text: str, what: str, most: bool = True) -> int:
    """An amount as the mapping writes them, in milli-fen. Raises Fault."""
    if mapping.grouping and mapping.grouping in text:
        units, _, decimals = text.partition(".")
        whole = units.lstrip("+-").split(mapping.grouping)
        wrong = not 1 <= len(whole[0]) <= 3 or any(len(one) != 3 for one in whole[1:])
        if wrong or mapping.grouping in decimals:  # 1.234,50 is no 1.2345.
            shown = quoted(text[:SHOWN])
            raise Fault(number, FaultCode.AMOUNT_INVALID, f"{what}: {shown} is no amount")
        text = text.replace(mapping.grouping, "")
    read = milli_of_fen if mapping.amounts == "fen" else milli_fen
    return read(number, text, what) if most else read(number, text, what, most=None)


class Finder:
    """Takes the lines that are no rows out of a file, and compares its totals as they come: by
    then every row before them was added to the figures."""

    def __init__(self, mapping: Mapping, figures: Figures) -> None:
        self._mapping = mapping
        self._figures = figures
        self._begun = self._ended = self._end_seen = False
        self._seen: list[Total] = []
        named = [one.column for total in mapping.totals for one in total.figures.values()]
        self.columns = tuple(dict.fromkeys(title(one) for one in named if one is not None))

    def begin(self) -> None:
        """The rows begin."""
        self._begun = True

    def rows(self, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """The lines that may be rows. Raises Fault: UNEXPECTED_LINE, TOTAL_WRONG."""
        return self._taken(lines, lambda text: text)

    def raw_rows(self, lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """The same, before they are decoded."""
        encoding = self._mapping.encoding
        return self._taken(lines, lambda raw: raw.decode(encoding, "replace"))

    def _taken(
        self, lines: Iterable[tuple[int, T]], text_of: Callable[[T], str]
    ) -> Iterator[tuple[int, T]]:
        skip = self._mapping.skip
        for number, raw in lines:
            text = text_of(raw).strip(AROUND)
            if not text:
                continue
            if self._begun and self._is_total(number, text):
                continue
            if self._mapping.end and self._mapping.end in self._first_cell(text):
                self._ended = self._end_seen = True
                continue
            if skip and text.startswith(skip):
                continue
            if self._ended:
                detail = f"no row stands after the end: {quoted(text[:SHOWN])}"
                raise Fault(number, FaultCode.UNEXPECTED_LINE, detail)
            yield number, raw

    def _first_cell(self, text: str) -> str:
        """Where the end is looked for: a row may have the same words further on, in a remark."""
        if self._mapping.layout == "fixed":
            return text
        return text.partition(self._mapping.separator)[0]

    def end(self) -> None:
        """The file has ended. Raises Fault(TOTAL_MISSING)."""
        if self._mapping.end and not self._end_seen:
            detail = f"its end is missing: no line has {quoted(self._mapping.end)}"
            raise Fault(0, FaultCode.TOTAL_MISSING, detail)
        for total in self._mapping.totals:
            if total not in self._seen:
                detail = f"no line begins with {quoted(total.starting)}"
                raise Fault(0, FaultCode.TOTAL_MISSING, detail)

    def _is_total(self, number: int, text: str) -> bool:
        total = next((one for one in self._mapping.totals if text.startswith(one.starting)), None)
        if total is None:
            return False
        if total in self._seen:
            detail = f"{quoted(total.starting)} stands there twice"
            raise Fault(number, FaultCode.UNEXPECTED_LINE, detail)
        self._seen.append(total)
        self._ended = True
        if total.text:
            self._check_named(number, text, total)
        else:
            self._check_any(number, text, total)
        return True

    def _check_named(self, number: int, text: str, total: Total) -> None:
        found = _pattern(total.text).fullmatch(text.rstrip(f"{self._mapping.separator} "))
        if found is None:
            detail = f"{quoted(text[:SHOWN])} does not read as {quoted(total.text)}"
            raise Fault(number, FaultCode.TOTAL_MISSING, detail)
        for name, figure in total.figures.items():
            said = found[name]
            given = abs(money(self._mapping, number, said, name, most=False))
            wanted = self._figures.of(figure)
            if not same_rounded(given, wanted, decimals_of(said)):
                raise self._wrong(number, name, said)

    def _check_any(self, number: int, text: str, total: Total) -> None:
        rest = text.removeprefix(total.starting)
        cells = next(csv.reader([rest], delimiter=self._mapping.separator), [])
        if self._mapping.grouping:
            cells = [cell.replace(self._mapping.grouping, "") for cell in cells]
        sums, counts = self._figures.sums(), self._figures.counts()
        said = [one for cell in cells for one in _numbers(cell)]
        if not said:
            detail = f"{quoted(text[:SHOWN])} says no figure"
            raise Fault(number, FaultCode.TOTAL_MISSING, detail)
        for one in said:
            given = abs(money(self._mapping, number, one, total.starting, most=False))
            summed = any(same_rounded(given, wanted, decimals_of(one)) for wanted in sums)
            # 2.00 is money, and no number of lines; 2 and 2.0 may be either.
            counted = given in counts and len(one.partition(".")[2]) < 2
            if not (summed or counted):
                raise self._wrong(number, total.starting, one)

    def _wrong(self, number: int, name: str, said: str) -> Fault:
        detail = f"{name}: the lines do not give {quoted(said[:SHOWN])}"
        return Fault(number, FaultCode.TOTAL_WRONG, detail)


def decimals_of(text: str) -> int:
    """How many decimals of a yuan a sum was written with: two at least."""
    return max(2, min(5, len(text.partition(".")[2])))


@cache
def _pattern(text: str) -> "re.Pattern[str]":
    pattern, at = "", 0
    for found in re.finditer(FIGURE, text):
        pattern += re.escape(text[at : found.start()])
        pattern += f"(?P<{found[1]}>[+-]?[0-9][0-9,]*(?:[.][0-9]+)?)"
        at = found.end()
    return re.compile(pattern + re.escape(text[at:]), re.ASCII)
