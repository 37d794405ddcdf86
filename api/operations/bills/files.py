"""Files of bills, as they come: plain, gzipped, or in a ZIP archive; never more of one in memory
than a piece.

What an archive holds is counted while it is unpacked: more than `MOST_BYTES`, or far more than the
archive itself could honestly hold, and it is refused before it fills anything.
"""

import hashlib
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from domain.reconciliation.bills.fault import Fault, FaultCode

PIECE = 256 << 10
MOST_BYTES = 2 << 30  # Of a bill, unpacked. Three million lines of UnionPay's are less.
MOST_RATIO = 200  # Times an archive's own size; text of bills shrinks to a tenth or twentieth.
FREE_BYTES = 4 << 20  # So much may come out of any archive, however small.
MOST_MEMBERS = 100
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
PLAIN_ZIP = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
UTF8_FLAG = 0x800
# The end of a ZIP archive: mark, disks, members here and in all, length and place of its contents.
CONTENTS_END, CONTENTS = b"PK\x05\x06", struct.Struct("<4s4HLL")
LARGE, LARGE_SIZE = b"PK\x06\x07", 20  # What leads to the end of a ZIP64 archive, and its length.
CONTENTS_TAIL, MOST_CONTENTS = 66_000, 1 << 20


class BillFile:
    """A file's bytes, as they came: how many, and their SHA-256."""

    def __init__(self, file: IO[bytes], size: int, sha256: str) -> None:
        self._file = file
        self.size = size
        self.sha256 = sha256

    def raw(self) -> Iterator[bytes]:
        """The bytes as they came, from the beginning, in pieces."""
        self._file.seek(0)
        while piece := self._file.read(PIECE):
            yield piece

    def content(self, members: tuple[str, ...] = ()) -> Iterator[bytes]:
        """The bill's own bytes, in pieces. `members`: one of them is in the name of the file that
        is wanted out of an archive. Raises Fault: ARCHIVE_INVALID, TOO_LARGE."""
        self._file.seek(0)
        begins = self._file.read(len(ZIP))
        if begins == ZIP:
            return self._bounded(self._unzipped(members))
        if begins.startswith(GZIP):
            return self._bounded(self._gunzipped())
        return self.raw()

    def _bounded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        most = min(MOST_BYTES, max(FREE_BYTES, self.size * MOST_RATIO))
        count = 0
        for piece in pieces:
            count += len(piece)
            if count > most:
                raise _too_large()
            yield piece

    def _gunzipped(self) -> Iterator[bytes]:
        unpacking = zlib.decompressobj(wbits=31)
        try:
            for piece in self.raw():
                while piece:
                    if unpacking.eof:
                        raise _no_archive("something stands after the end of the gzip file")
                    yield unpacking.decompress(piece, PIECE)
                    piece = unpacking.unconsumed_tail or unpacking.unused_data
            yield unpacking.flush()
        except zlib.error as error:
            raise _no_archive(str(error)) from None
        if not unpacking.eof:
            raise _no_archive("the gzip file ends too early")

    def _unzipped(self, members: tuple[str, ...]) -> Iterator[bytes]:
        _refuse_crowded(self._file, self.size)
        try:
            with (
                zipfile.ZipFile(self._file) as archive,
                archive.open(_wanted(archive, members)) as inside,
            ):
                while piece := inside.read(PIECE):
                    yield piece
        except (
            zipfile.BadZipFile, zlib.error, struct.error, EOFError, LookupError,
            NotImplementedError, OverflowError, RuntimeError, ValueError,
        ) as error:  # fmt: skip
            raise _no_archive(str(error) or type(error).__name__) from None


def _refuse_crowded(file: IO[bytes], size: int) -> None:
    """An archive's table of contents is read whole: a long one is refused before. The second end
    that very large archives have (ZIP64) would be believed instead of the one that is looked at."""
    file.seek(max(0, size - CONTENTS_TAIL))
    tail = file.read(CONTENTS_TAIL)
    found = tail.rfind(CONTENTS_END)
    if found < 0 or len(tail) - found < CONTENTS.size:
        raise _no_archive("it has no table of contents: its end is missing")
    *_, members, length = CONTENTS.unpack_from(tail, found)[:6]
    if members > MOST_MEMBERS or length > MOST_CONTENTS:
        raise _no_archive(f"more than {MOST_MEMBERS} files in one archive")
    if tail[max(0, found - LARGE_SIZE) : found].startswith(LARGE):
        raise _no_archive("it is a ZIP64 archive: bills are not as large as that")
    if length > size - len(tail) + found:
        raise _no_archive("its table of contents is not there")


def _wanted(archive: zipfile.ZipFile, members: tuple[str, ...]) -> zipfile.ZipInfo:
    inside = [one for one in archive.infolist() if not one.is_dir()]
    found = [one for one in inside if any(part in _name(one) for part in members or ("",))]
    if not found and len(inside) == 1:
        found = inside  # Renamed, but there is no other it could be.
    if len(found) != 1:
        which = f" with {' or '.join(members)} in its name" if members else ""
        raise _no_archive(f"one file{which} is needed in the archive, {len(found)} are there")
    if found[0].header_offset < 0:
        raise _no_archive("its table of contents leads outside of it")
    if found[0].flag_bits & 1 or found[0].compress_type not in PLAIN_ZIP:
        raise _no_archive("it is encrypted, or packed in a way that bills are not")
    return found[0]


def _name(member: zipfile.ZipInfo) -> str:
    """A member's name: GBK where it is not said to be UTF-8, as Chinese systems write it."""
    if member.flag_bits & UTF8_FLAG:
        return member.filename
    return member.filename.encode("cp437", "replace").decode("gbk", "replace")


def _no_archive(detail: str) -> Fault:
    return Fault(0, FaultCode.ARCHIVE_INVALID, detail)


def _too_large() -> Fault:
    return Fault(0, FaultCode.TOO_LARGE, f"more than {MOST_BYTES} bytes, or packed too tightly")


class Arriving:
    """A file that comes in pieces: written aside, counted and hashed while it comes."""

    def __init__(self, aside: IO[bytes]) -> None:
        self._aside = aside
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, piece: bytes) -> None:
        """Raises Fault(TOO_LARGE)."""
        self._size += len(piece)
        if self._size > MOST_BYTES:
            raise _too_large()
        self._digest.update(piece)
        self._aside.write(piece)

    def whole(self) -> BillFile:
        """The file, once all of it has come."""
        return BillFile(self._aside, self._size, self._digest.hexdigest())


@contextmanager
def arriving() -> Iterator[Arriving]:
    """A place for a file that comes in pieces. It has no name: it is gone with the process."""
    with tempfile.TemporaryFile() as aside:
        yield Arriving(aside)


@contextmanager
def opened(path: Path) -> Iterator[BillFile]:
    """A copy of a file, or of what comes through a pipe: it is read twice, and must not change in
    between. Raises Fault(TOO_LARGE), OSError."""
    with path.open("rb") as given, arriving() as came:
        while piece := given.read(PIECE):
            came.write(piece)
        yield came.whole()
