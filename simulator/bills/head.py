"""What a file says of itself, and how amounts are written in bills."""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct


class Head(Struct, frozen=True):
    """Whose bill of which day it is. `variant`: ALL, SUCCESS or REFUND. `style`: which of the ways
    in which real files of one layout differ; the same for all of a seed's. `wrong`: its total is to
    be wrong."""

    merchant: str
    day: date
    variant: str = ""
    style: int = 0
    wrong: bool = False

    @property
    def wrong_fen(self) -> int:
        return 1 if self.wrong else 0


def yuan(fen: int) -> str:
    """Two decimals: 29.70, -0.06."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def yuan5(fen: int) -> str:
    """Five decimals, as WeChat Pay pads its fees: 0.06000."""
    return f"{yuan(fen)}000"


def joined(lines: Iterator[str], encoding: str, end: str = "\r\n") -> Iterator[bytes]:
    """Lines as bytes, some thousand to a piece."""
    piece: list[str] = []
    for line in lines:
        piece.append(line)
        if len(piece) == 1_000:
            yield (end.join(piece) + end).encode(encoding)
            piece.clear()
    if piece:
        yield (end.join(piece) + end).encode(encoding)


def plain(text: str) -> str:
    """Words on one line: what cannot be printed is a space."""
    return "".join(one if one.isprintable() else " " for one in text)
