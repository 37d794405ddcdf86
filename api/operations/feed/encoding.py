"""In what encoding a file is, found out from all of it, before a row of it is used.

UTF-8 is taken as it is, with or without a byte order mark. What is not UTF-8 is GB18030 (which
covers GBK and GB2312) if every line of it is. Anything else is refused, and so is a file of which
some lines are in the one and some in the other: read as one of them, names would come out wrong.
"""

import codecs
import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from api.operations.feed.opening import BLOCK, open_plain
from domain.refusals import Code, Refused

UTF_8, GB18030 = "utf-8", "gb18030"
# What may be asked for: the name on the command line, and what it is called in Python.
ENCODINGS = {
    "utf-8": UTF_8,
    "gb18030": GB18030,
    "gbk": GB18030,
    "gb2312": GB18030,
    "big5": "big5",
    "utf-16": "utf-16",
}
LONGEST = 1 << 20  # Bytes of a line looked at as one.
MIXED_FROM = 20  # One line in so many that is UTF-8 beyond doubt: the file is of two encodings.

Told = Callable[[int], None]


class Inspected(NamedTuple):
    """What was found: the encoding, and a checksum of the whole content."""

    encoding: str
    checksum: int


def checked_encoding(name: str | None, field: str = "encoding") -> str | None:
    """The encoding that is asked for; None if none is. Raises Refused(REQUEST_INVALID)."""
    if name is None:
        return None
    found = ENCODINGS.get(name.lower()) if isinstance(name, str) else None
    if found is None:
        detail = f"{str(name)[:40]!r} is not one of {', '.join(ENCODINGS)}"
        raise Refused(Code.REQUEST_INVALID, field, detail)
    return found


def inspect(path: Path, wanted: str | None, told: Told = lambda _: None) -> Inspected:
    """Read a file to its end: is it whole, and in what encoding? `told` gets the bytes read.

    Raises Refused(REQUEST_INVALID), naming the file, when it cannot be read, when its compressed
    data are cut off or damaged, and when it is in no encoding that we read, or not in `wanted`.
    """
    problem, checksum, first = _scan(path, wanted or UTF_8, told)
    if not problem:
        return Inspected(wanted or UTF_8, checksum)
    if wanted is None:
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise _refused(path, "it is in UTF-16: save it as UTF-8, or give --encoding utf-16")
        _refuse_other_than_gb18030(path)
        return Inspected(GB18030, checksum)
    raise _refused(path, f"it is not in {wanted}: {problem}")


def recoded(stream: BinaryIO, encoding: str) -> BinaryIO:
    """A stream of the same text in UTF-8."""
    return stream if encoding == UTF_8 else io.BufferedReader(_Recoded(stream, encoding), BLOCK)


def _scan(path: Path, encoding: str, told: Told) -> tuple[str, int, bytes]:
    """What is wrong in this encoding ("" if nothing is), checksum, and the file's first bytes."""
    decoder = codecs.getincrementaldecoder(encoding)()
    problem, checksum, first, done, line = "", 0, b"", 0, 1
    with open_plain(path) as stream:
        while block := stream.read(BLOCK):
            first = first or block[:4]
            checksum = zlib.crc32(block, checksum)
            if not problem:
                problem = _undecodable(decoder, block, line, final=False)
                line += block.count(b"\n")
            told(done := done + len(block))
    return problem or _undecodable(decoder, b"", line, final=True), checksum, first


def _undecodable(
    decoder: codecs.IncrementalDecoder, block: bytes, line: int, *, final: bool
) -> str:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError as error:
        # What the decoder kept of the block before has no line end in it.
        return f"line {line + error.object[: error.start].count(10)} has other bytes"
    except UnicodeError as error:
        return str(error)
    return ""


def _refuse_other_than_gb18030(path: Path) -> None:
    surely_utf_8, other, line, first = 0, 0, 0, 0
    with open_plain(path) as stream:
        while raw := stream.readline(LONGEST):
            line += 1
            if raw.isascii():
                continue
            if _is_surely_utf_8(raw):
                surely_utf_8 += 1
                continue
            other += 1
            first = first or line
            try:
                raw.decode(GB18030)
            except UnicodeDecodeError as error:
                where = f"byte {error.start + 1} of line {line}"
                raise _refused(path, f"{where} is neither UTF-8 nor GB18030") from None
    if surely_utf_8 * MIXED_FROM > surely_utf_8 + other:
        detail = f"line {first} is not UTF-8 and others are: save all of it in one encoding"
        raise _refused(path, detail)


def _is_surely_utf_8(raw: bytes) -> bool:
    """Whether a line is UTF-8 with a character of three bytes, as Chinese ones are. One of two
    bytes may be a GB18030 character that happens to look so."""
    try:
        return any(character >= "\u0800" for character in raw.decode(UTF_8))
    except UnicodeDecodeError:
        return False


def _refused(path: Path, detail: str) -> Refused:
    return Refused(Code.REQUEST_INVALID, path.name, detail)


class _Recoded(io.RawIOBase):
    """The bytes of a text in another encoding, as UTF-8."""

    def __init__(self, plain: BinaryIO, encoding: str) -> None:
        self._plain = plain
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        while not self._ready:
            block = self._plain.read(BLOCK)
            self._ready = self._decoder.decode(block, not block).encode()
            if not block:
                break
        piece, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._plain.close()
        super().close()
