"""Bills over the network: what a channel is asked for, and the four things it may answer.

*Not ready* and *no trade* are different answers: the first is asked again, the second is an end.
Whatever goes wrong on the way is *lost*, and asked again too. A bill that came is the channel's
file, byte for byte: its hash was told in an answer that the channel signed.
"""

from collections.abc import Callable
from datetime import date
from typing import Literal, Protocol

from msgspec import Struct

BillKind = Literal["trade", "fund", "bank"]
Sink = Callable[[bytes], object]  # Takes the file's bytes, piece by piece.
MOST_BYTES = 2 << 30


class BillCame(Struct, frozen=True):
    """The whole file went into the sink, and is what the channel said it would be."""

    bytes: int


class BillNotReady(Struct, frozen=True):
    """The channel is still making it, or the day is not over."""

    reason: str


class NoTrade(Struct, frozen=True):
    """The channel says that nothing moved: there is no file, and there will be none."""

    reason: str


class BillLost(Struct, frozen=True):
    """No answer that can be believed. What went into the sink is to be thrown away.
    `again` is False where asking once more cannot help."""

    reason: str
    again: bool = True


BillAnswer = BillCame | BillNotReady | NoTrade | BillLost


class BillSource(Protocol):
    """One channel's bills. `now_us` is the wall's time (UTC µs)."""

    channel: str

    async def fetch_bill(
        self, kind: BillKind, day: date, sink: Sink, now_us: Callable[[], int]
    ) -> BillAnswer:
        """Asks for the bill of a day; never raises for what the outside does."""

    async def aclose(self) -> None:
        """Close its connections."""
