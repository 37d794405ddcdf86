"""One file of a feed: its header checked, every record a typed row or a Reject."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Generic, NamedTuple, TypeVar

from api.operations.feed.encoding import Inspected, Told, inspect, recoded
from api.operations.feed.mapping import TableMap
from api.operations.feed.opening import open_plain
from api.operations.feed.records import Record, records
from api.operations.feed.rejects import Reject
from domain.refusals import Code, Refused

RowT = TypeVar("RowT")


class Good(NamedTuple, Generic[RowT]):
    """A row that is right on its own, the line it begins on, and its exact text."""

    line: int
    row: RowT
    text: str


class Bad(NamedTuple):
    """A refused row, and what stands in its first column of ours, as far as that can be told: the
    number of the order or refund that it would have been."""

    reject: Reject
    number: str


class Table(Generic[RowT]):
    """A file and how its records become rows: `parse(line, fields in order of columns, text)`."""

    def __init__(
        self,
        path: Path,
        columns: tuple[str, ...],
        parse: Callable[[int, list[str], str], RowT],
        mapping: TableMap,
        encoding: str | None,
    ) -> None:
        self.path = path
        self.file = path.name.encode(errors="backslashreplace").decode()  # A name is any bytes.
        self._columns = columns
        self._parse = parse
        self._map = mapping
        self._encoding = mapping.encoding or encoding
        self._found: Inspected | None = None
        self._width = len(columns)  # Of the header.

    def inspect(self, told: Told = lambda _: None) -> str:
        """Read the file to its end and check its header; the encoding it is in.

        Raises Refused(REQUEST_INVALID), naming the file, for what makes all of it useless.
        """
        self._found = inspect(self.path, self._encoding, told)
        with open_plain(self.path) as plain:
            header = self._header(self._records(recoded(plain, self._found.encoding)))
        self._width = len(header[0])
        return self._found.encoding

    def read(self) -> Iterator[Good[RowT] | Bad]:
        """Every record once, in the order of the file, which was inspected before.

        Raises Refused(REQUEST_INVALID), naming the file, when it is another file since.
        """
        assert self._found is not None
        with open_plain(self.path) as plain:
            watched = _Watched(plain)
            stream = recoded(watched, self._found.encoding)  # type: ignore[arg-type]
            try:
                yield from self._rows(self._records(stream))
            except UnicodeDecodeError:
                raise self._changed() from None
            if watched.checksum != self._found.checksum:
                raise self._changed()

    def _records(self, stream: BinaryIO) -> Iterator[Record]:
        return records(stream, self._width, self._map.delimiter)

    def _rows(self, source: Iterator[Record]) -> Iterator[Good[RowT] | Bad]:
        header, places = self._header(source)
        width, first = len(header), places[0] if places else 0
        for line, fields, text, problem in source:
            if problem or len(fields) != width:
                problem = problem or f"{len(fields)} columns where the header has {width}"
                reject = Reject(self.file, line, Code.REQUEST_INVALID, "", problem, text)
                yield Bad(reject, fields[first] if len(fields) > first >= 0 else "")
                continue
            number = fields[first] if first >= 0 else ""
            try:
                wanted = self._map.converted(self._columns, fields, places) if places else fields
                row = self._parse(line, wanted, text)
            except Refused as why:
                reject = Reject(self.file, line, why.code, why.field, why.detail, text)
                yield Bad(reject, number)
                continue
            yield Good(line, row, text)

    def _header(self, source: Iterator[Record]) -> tuple[list[str], list[int]]:
        """The columns of the file, and where each of ours stands (empty if all stand as usual)."""
        header = next(source, None)
        if header is None:
            problem = "the file is empty, it has no header"
        elif header.line != 1:
            problem = "the first line is empty"
        else:
            problem = header.problem or self._map.wrong_columns(header.fields, self._columns)
        if problem:
            detail = f"the header of the file is wrong: {problem}"
            raise Refused(Code.REQUEST_INVALID, self.file, detail)
        assert header is not None
        if self._map.is_plain and tuple(header.fields) == self._columns:
            return header.fields, []
        return header.fields, self._map.places(header.fields, self._columns)

    def _changed(self) -> Refused:
        detail = "the file changed while it was being read"
        return Refused(Code.REQUEST_INVALID, self.file, detail)


class _Watched:
    """A stream whose bytes are summed up as they pass."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.checksum = 0

    def read(self, size: int) -> bytes:
        return self._summed(self._stream.read(size))

    def readline(self, size: int) -> bytes:
        return self._summed(self._stream.readline(size))

    def close(self) -> None:
        """The stream is closed by who opened it."""

    def _summed(self, piece: bytes) -> bytes:
        self.checksum = zlib.crc32(piece, self.checksum)
        return piece
