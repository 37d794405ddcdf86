"""Bill (渠道账单) of a channel for one day: what the channel says moved, as it said it.

    (none) ──import──▶ version 1 ──import──▶ version 2 ──tell_no_trade──▶ version 3 …

Its bytes lie in the blob store under the SHA-256 that the fact names; here is what they add up to,
and by which format (and mapping) they were read, so that they can be read again, for ever. The same
bytes as the newest version's, read the same way, are that version. Others are a re-issue: a version
of its own beside the old ones, which stay. A bill without lines is a bill; that the channel says
there was no trade is one too, without bytes. A bill that is not ready is neither: nothing is
recorded. No trade takes the place of a version with lines only where that version is named: what
was matched by those lines comes undone.
"""

from datetime import date
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream
from domain.reconciliation.bills.line import BillKind
from domain.refusals import Code, Refused

MOST_VERSIONS = 50


class Read(Struct, frozen=True, omit_defaults=True, gc=False):
    """What was read out of which bytes. `blob` and `mapping` are SHA-256 in hex: of the file as it
    came, and of the mapping that was given beside it ("" for a format that ships). `digest` is the
    SHA-256 of the lines as they were read; sums and balances as in `bills/line.py:Totals`."""

    blob: str
    format: str
    format_version: int
    mapping: str
    lines: int
    paid: int
    paid_fen: int
    refunded: int
    refunded_fen: int
    fee_milli_fen: int
    digest: str
    opening_fen: int | None = None
    closing_fen: int | None = None

    @property
    def reading(self) -> tuple[str, str, int, str, str]:
        """Which bytes, read how, and what they were then."""
        return (self.blob, self.format, self.format_version, self.mapping, self.digest)


class Imported(Fact, frozen=True):
    """Version `version` of the bill, and what was read."""

    version: int
    read: Read

    @property
    def blob(self) -> str:
        return self.read.blob

    @property
    def mapping(self) -> str:
        return self.read.mapping


class NoTradeTold(Fact, frozen=True):
    """The channel says that there is no bill because nothing moved: an empty version."""

    version: int
    reason: str


Event = Imported | NoTradeTold


class Version(Struct, frozen=True, gc=False):
    """`read` None: no trade was told."""

    number: int
    read: Read | None

    @property
    def lines(self) -> int:
        return self.read.lines if self.read is not None else 0


class State(Struct, frozen=True, gc=False):
    """Every version, the oldest first: at most `MOST_VERSIONS`."""

    versions: tuple[Version, ...] = ()

    @property
    def newest(self) -> Version | None:
        return self.versions[-1] if self.versions else None

    def is_newest(self, read: Read) -> bool:
        """Whether the newest version was read like this. An older one is not enough: a channel that
        issues a bill and takes it back has issued the one before once more."""
        newest = self.newest.read if self.newest is not None else None
        return newest is not None and newest.reading == read.reading

    @property
    def replaced(self) -> int:
        """The version with lines whose place the newest one took by saying no trade; 0: none."""
        *before, newest = self.versions or (None,)
        if newest is None or newest.read is not None or not before:
            return 0
        return before[-1].number if before[-1].lines else 0


def stream(channel: str, kind: BillKind, day: date) -> "Stream[State]":
    return Stream(f"bill-{channel}.{kind}.{day.isoformat()}")


def of_stream(stream: str) -> tuple[str, str, date]:
    """Channel, kind and date of a bill's stream."""
    channel, kind, day = stream.partition("-")[2].split(".")
    return channel, kind, date.fromisoformat(day)


def import_read(state: State, read: Read) -> list[Event]:
    """What was read becomes the next version; [] if the newest is that already. Raises
    BILL_LIMIT."""
    if state.is_newest(read):
        return []
    return [Imported(_next(state), read)]


def tell_no_trade(state: State, reason: str, replaces: int = 0) -> list[Event]:
    """The next version is an empty one; [] if the newest says so already. Where the newest has
    lines, `replaces` is its number. Raises BILL_LIMIT, BILL_HAS_LINES."""
    newest = state.newest
    if newest is not None and newest.read is None:
        return []
    number = _next(state)
    if newest is not None and newest.lines and newest.number != replaces:
        detail = f"version {newest.number} has {newest.lines} lines: name it to replace it"
        raise Refused(Code.BILL_HAS_LINES, "replaces", detail)
    return [NoTradeTold(number, reason)]


def _next(state: State) -> int:
    if len(state.versions) >= MOST_VERSIONS:
        raise Refused(Code.BILL_LIMIT, "date", f"it has {MOST_VERSIONS} versions")
    return len(state.versions) + 1


def evolve(state: State, event: Event) -> State:
    match event:
        case Imported(version=number, read=read):
            return replace(state, versions=(*state.versions, Version(number, read)))
        case NoTradeTold(version=number):
            return replace(state, versions=(*state.versions, Version(number, None)))
        case _:
            assert_never(event)
