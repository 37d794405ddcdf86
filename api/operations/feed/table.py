"""One file of a feed: opened, its header checked, every record a typed row or a Reject."""

import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Generic, NamedTuple, TypeVar

from api.operations.feed.records import Record, records
from api.operations.feed.rejects import Reject
from domain.refusals import Code, Refused

RowT = TypeVar("RowT")


class Good(NamedTuple, Generic[RowT]):
    """A row that is right on its own, the line it begins on, and its exact text."""

    line: int
    row: RowT
    text: str


class Table(Generic[RowT]):
    """A file and how its records become rows: `parse(file, line, fields in order of columns)`."""

    def __init__(
        self,
        path: Path,
        columns: tuple[str, ...],
        parse: Callable[[str, int, list[str]], RowT],
        *,
        required: bool,
    ) -> None:
        self.path = path
        self.file = path.name
        self._columns = columns
        self._parse = parse
        self._required = required

    def read(self) -> Iterator[Good[RowT] | Reject]:
        """Every record once, in the order of the file; under a wrong header all are rejects.

        Raises Refused(REQUEST_INVALID) when the file cannot be opened, or when it is required and
        has no readable first line.
        """
        width, file, parse = len(self._columns), self.file, self._parse
        with self._open() as stream:
            source = records(stream, width)
            places = self._places(next(source, None))
            if isinstance(places, Reject):
                yield from _all_refused(source, places)
                return
            for line, fields, text, problem in source:
                if problem or len(fields) != width:
                    problem = problem or f"{len(fields)} columns where the header has {width}"
                    yield Reject(file, line, Code.REQUEST_INVALID, "", problem, text)
                    continue
                if places:
                    fields = [fields[place] for place in places]
                try:
                    row = parse(file, line, fields)
                except Refused as why:
                    yield Reject(file, line, why.code, why.field, why.detail, text)
                    continue
                yield Good(line, row, text)

    def _open(self) -> BinaryIO:
        try:
            plain = self.path.open("rb")
        except OSError as error:
            detail = f"the file cannot be read: {error.strerror}"
            raise Refused(Code.REQUEST_INVALID, self.file, detail) from error
        if not self.file.endswith(".gz"):
            return plain
        return io.BufferedReader(_Unzipped(plain), _CHUNK)

    def _places(self, header: Record | None) -> list[int] | Reject:
        """Where each column stands (empty if all stand as usual), or why no row can be read."""
        if header is None:
            header = Record(1, [], "", "the file is empty, it has no header")
        if self._required and header.problem and not header.text:
            raise Refused(Code.REQUEST_INVALID, self.file, header.problem)
        problem = header.problem or _wrong_columns(header.fields, self._columns)
        if not problem and header.line != 1:
            problem = "the first line is empty"
        if problem:
            why = f"the header of the file is wrong: {problem}"
            return Reject(self.file, header.line, Code.REQUEST_INVALID, "", why, header.text)
        if tuple(header.fields) == self._columns:
            return []
        return [header.fields.index(name) for name in self._columns]


def _wrong_columns(found: list[str], needed: tuple[str, ...]) -> str:
    """What is wrong with a header; columns nobody knows too, their data must not be dropped."""
    wrong = [f"column {name} is missing" for name in needed if name not in found]
    wrong += [f"column {name[:40]!r} is unknown" for name in found if name not in needed]
    wrong += [f"column {name} stands twice" for name in needed if found.count(name) > 1]
    return "; ".join(wrong[: len(needed)])


def _all_refused(source: Iterable[Record], header: Reject) -> Iterator[Reject]:
    """Every record refused for the header's sake; the header itself if nothing follows it."""
    alone = True
    for line, _, text, problem in source:
        alone = False
        yield Reject(header.file, line, header.code, "", problem or header.detail, text)
    if alone:
        yield header


_CHUNK = 1 << 14


class _Unzipped(io.RawIOBase):
    """Decompressed bytes in small pieces, so that where a file breaks little is lost before it.

    Lines are cut by a buffered reader on top, in C; `GzipFile` does it at a Python call per line.
    """

    def __init__(self, plain: BinaryIO) -> None:
        self._plain = plain
        self._zipped = gzip.GzipFile(fileobj=plain, mode="rb")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        piece = self._zipped.read1(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._zipped.close()
        self._plain.close()
        super().close()
