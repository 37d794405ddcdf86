"""The bytes of a feed's file, unzipped if it is zipped; damage is a refusal that names the file."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from domain.refusals import Code, Refused

BLOCK = 1 << 16


@contextmanager
def open_plain(path: Path) -> Iterator[BinaryIO]:
    """The content of a file, unzipped when its name ends in `.gz`.

    Raises Refused(REQUEST_INVALID), naming the file, when it cannot be opened; and while it is
    read, when the compressed data are cut off or damaged.
    """
    try:
        with path.open("rb") as plain:
            if not path.name.endswith(".gz"):
                yield plain
                return
            with io.BufferedReader(_Unzipped(plain), BLOCK) as unzipped:
                yield unzipped
    except EOFError:
        raise _damaged(path, "it ends before its data do") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, str(error)) from None
    except OSError as error:
        detail = f"the file cannot be read: {error.strerror or error}"
        raise Refused(Code.REQUEST_INVALID, path.name, detail) from error


def _damaged(path: Path, why: str) -> Refused:
    return Refused(Code.REQUEST_INVALID, path.name, f"the file is damaged: {why}")


class _Unzipped(io.RawIOBase):
    """Decompressed bytes. Lines are cut by a buffered reader on top, in C; `GzipFile` does it at a
    Python call per line."""

    def __init__(self, plain: BinaryIO) -> None:
        self._zipped = gzip.GzipFile(fileobj=plain, mode="rb")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        piece = self._zipped.read1(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._zipped.close()
        super().close()
