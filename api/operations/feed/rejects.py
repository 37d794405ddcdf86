"""What a feed had that was refused, posted late, or waits for an approval: the lists that say so.

A list is never overwritten: a run whose list would take the place of another one's gets a name with
its time. People open lists in other programs: the file begins with a byte order mark, without which
a spreadsheet takes it for another encoding; and a cell that a spreadsheet would compute begins with
an apostrophe.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from api.operations.feed.sorting import Sorter
from domain.kernel import iso_time
from domain.refusals import Code

HEADER = ("file", "line", "code", "field", "detail", "row")
LATE_HEADER = ("file", "line", "number", "at", "posted_on", "row")
AWAITING_HEADER = ("file", "line", "refund_no", "requested_at", "row")
# What a spreadsheet takes for the beginning of a formula, full-width forms and the apostrophe
# itself included: one at the beginning of a cell is always ours.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
MOST_NAMES = 1_000


class Reject(Struct, frozen=True, gc=False, array_like=True):
    """A refused row: its file's name, the line it begins on (the header is 1), reason, exact text.

    `field` is a column of the feed, empty when the row as a whole is wrong.
    """

    file: str
    line: int
    code: Code
    field: str
    detail: str
    row_text: str

    def cells(self) -> tuple[str, ...]:
        return (self.file, str(self.line), self.code, self.field, self.detail, self.row_text)


class Late(Struct, frozen=True, gc=False, array_like=True):
    """A row that was posted after its day was over: its number, its own time (UTC µs), and the
    business day it was posted on."""

    file: str
    line: int
    number: str
    at_us: int
    posted_on: str
    row_text: str

    def cells(self) -> tuple[str, ...]:
        at = iso_time(self.at_us)
        return (self.file, str(self.line), self.number, at, self.posted_on, self.row_text)


class Awaiting(Struct, frozen=True, gc=False, array_like=True):
    """A refund above its merchant's debt limit: it is in the books as requested, and no money has
    moved."""

    file: str
    line: int
    refund_no: str
    at_us: int
    row_text: str

    def cells(self) -> tuple[str, ...]:
        return (self.file, str(self.line), self.refund_no, iso_time(self.at_us), self.row_text)


class Rejects:
    """Refused rows by file and line, however many; counted by file and code."""

    def __init__(self) -> None:
        self._sorter: Sorter[Reject] = Sorter(Reject, lambda one: (one.file, one.line))
        self.counts: Counter[tuple[str, Code]] = Counter()

    def add(self, reject: Reject) -> None:
        self._sorter.add(reject)
        self.counts[reject.file, reject.code] += 1

    def of(self, file: str) -> int:
        """How many rows of a file were refused."""
        return sum(count for (name, _), count in self.counts.items() if name == file)

    def __len__(self) -> int:
        return len(self._sorter)

    def __iter__(self) -> Iterator[Reject]:
        return iter(self._sorter)


def free_name(path: Path, at_us: int, *, always_timed: bool = True) -> Path:
    """A name that no file has yet: one with the run's time (UTC µs) in it, or, unless it is
    `always_timed`, the path itself.

    Raises FileExistsError when a thousand of those are taken too.
    """
    time = iso_time(at_us)[:19].replace("-", "").replace(":", "")
    timed = [f"{path.stem}-{time}{ending}{path.suffix}" for ending in _endings()]
    names = timed if always_timed else [path.name, *timed]
    for name in names:
        found = path.with_name(name)
        if not os.path.lexists(found):
            return found
    raise FileExistsError(f"{path}: {MOST_NAMES} lists of this name are there")


def _endings() -> list[str]:
    return ["", *(f"-{n}" for n in range(2, MOST_NAMES))]


def write_list(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Write a list as CSV, with a byte order mark, cells safe to open in a spreadsheet.

    It is there whole or not at all. Raises OSError; FileExistsError when there is a file of this
    name by now.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with scratch.open("w", encoding="utf-8-sig", newline="") as out:
            out.write(csv_row(header))
            for cells in rows:
                out.write(csv_row(map(safe_cell, cells)))
            out.flush()
            os.fsync(out.fileno())
        _named(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def _named(scratch: Path, path: Path) -> None:
    """Give a written file its name, unless another one has it."""
    try:
        os.link(scratch, path)  # Unlike a rename it never takes the place of another file.
    except FileExistsError:
        raise
    except OSError:  # A file system without links.
        if os.path.lexists(path):
            raise FileExistsError(f"{path} is there by now") from None
        scratch.rename(path)


def safe_cell(text: str) -> str:
    """The text, after an apostrophe if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def csv_row(cells: Iterable[str]) -> str:
    """One line of CSV. Ours, because the library's quotes a lone CR in some versions only."""
    return ",".join(map(_cell, cells)) + "\n"


def _cell(text: str) -> str:
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
