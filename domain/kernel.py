"""The words every subsystem shares: fact, entry, envelope, stream, unit of work; dates and times.

A *fact* is what happened, an immutable struct without position. A *stream* is the history of one
aggregate, named `<category>-<business key>`; its type says which state it has. An *entry* is a
balanced set of debits and credits that rides on the fact that moves the money. A *command* is a
wish; its handler reads states through the `Unit` and records facts into it, and nothing of it
exists until the unit commits.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from msgspec import Struct

SHANGHAI = timezone(timedelta(hours=8))  # Mainland China has had no daylight saving since 1991.
MICROSECONDS = 1_000_000
DAY_US = 24 * 3600 * MICROSECONDS
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017


class Fact(Struct, frozen=True, gc=False):
    """Base of every fact. Fields only; the stored name is given in `domain/events.py`.

    Like every immutable struct here it is not tracked by the garbage collector: what is made of
    values only can be part of no cycle, and a ledger in memory is millions of them.
    """


class Line(Struct, frozen=True, array_like=True, gc=False):
    """One side of an entry, in fen; exactly one of the two amounts is above zero."""

    account: str
    debit_fen: int
    credit_fen: int


class Entry(Struct, frozen=True, gc=False):
    """A balanced set of lines in one currency, made by the named rule for one accounting date."""

    rule: str
    date: date
    currency: str
    lines: tuple[Line, ...]


FactT = TypeVar("FactT")
StateT = TypeVar("StateT")


class Envelope(Struct, Generic[FactT], frozen=True, omit_defaults=True, gc=False):
    """What the stored bytes hold: business time (UTC µs), actor, command, causing fact, the fact.

    `cause` is the reference `<stream>#<version>` of the fact a policy reacted to.
    """

    at: int
    by: str
    fact: FactT
    cmd: str = ""
    cause: str = ""


class Recorded(Struct, frozen=True, gc=False):
    """A fact as read back: where it stands, and everything of its envelope."""

    position: int
    stream: str
    version: int
    name: str
    at_us: int
    actor: str
    command: str
    cause: str
    fact: Any

    @property
    def reference(self) -> str:
        return f"{self.stream}#{self.version}"


class Command(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Base of every command: business fields only. Who asked, when, and under what number stands in
    the `Request`."""


class Request(Struct, frozen=True, gc=False):
    """A command as submitted: its number makes it idempotent, for ever.

    `number` is unique in the ledger (a caller's own number carries the caller as a prefix);
    `at_us` is business time; `actor` who asked, for example `operator:alice`. `blobs` are bytes
    that the command names by their SHA-256: they are kept by the commit that keeps its answer.
    """

    number: str
    at_us: int
    actor: str
    command: Command
    blobs: tuple[bytes, ...] = ()


class MergeableFact(Fact, frozen=True):
    """A fact of which several of one commit become one: a thousand postings, one stored row.

    Facts of one stream with an equal `merge_key` that follow each other within a commit are stored
    as `merged` of them, and folding the merged fact must equal folding them one by one.
    """

    def merge_key(self) -> object:
        """What must be equal for two facts to become one; never None."""
        raise NotImplementedError

    @classmethod
    def merged(cls, facts: Sequence[Any]) -> Any:
        """One fact that stands for all of them, in their order."""
        raise NotImplementedError


if TYPE_CHECKING:

    class Stream(str, Generic[StateT]):
        """The id of a stream, `<category>-<business key>`, which knows its state's class.

        For the type checker alone: at run time it is a plain `str`, at full speed. So annotations
        that name it stand in quotes.
        """
else:
    Stream = str


class States(Protocol):
    """Reads the states of streams: `unit.load`, or `ledger.state`."""

    def __call__(self, stream: "Stream[StateT]") -> StateT: ...


class Unit(Protocol):
    """The unit of work a handler sees: states in, facts out, one commit for everything."""

    @property
    def at_us(self) -> int:
        """Business time of the command, UTC µs."""

    @property
    def asked_at_us(self) -> int:
        """When what is decided was asked for, UTC µs: `at_us`, or before it, when it waited for
        somebody's approval."""

    @property
    def actor(self) -> str:
        """Who asked."""

    @property
    def accounting_date(self) -> date:
        """The open business day. Raises Refused(DAY_NOT_OPEN)."""

    @property
    def health(self) -> Mapping[str, Any]:
        """What is known from outside the books about channels, a `channel.health.Summary` by name;
        empty: nothing speaks against any. The same through the whole unit."""

    def load(self, stream: "Stream[StateT]") -> StateT:
        """The state of a stream (its category names the aggregate); the initial one if empty."""

    def version(self, stream: str) -> int:
        """How many facts the stream has, those of this unit included; 0: it does not exist."""

    def record(self, stream: str, facts: Sequence[Fact]) -> None:
        """Append facts. Entries on them are posted to their accounts in the same commit; policies
        react once the handler has returned, in the order of the facts, until nothing follows."""

    def fact(self, reference: str) -> Fact | None:
        """The committed fact at `<stream>#<version>`, or None."""

    def decide_what_was_asked(self, reference: str) -> None:
        """From here on `asked_at_us` is when the committed fact at `<stream>#<version>` was
        recorded."""

    def rehearse(self, wish: "Callable[[Unit], object]") -> None:
        """Do something on a copy of this unit, with all that follows from it, and forget it: what
        would be refused is refused. Raises Refused."""


class Reaction(NamedTuple, Generic[FactT, StateT]):
    """What a policy is given: the fact it reacts to, and where it stands."""

    stream: "Stream[StateT]"
    version: int
    fact: FactT

    @property
    def reference(self) -> str:
        return f"{self.stream}#{self.version}"


def category(stream: str) -> str:
    """The aggregate's kind: what stands before the first dash of a stream id."""
    return stream.partition("-")[0]


def key(stream: str) -> str:
    """The business key: what stands after the first dash of a stream id."""
    return stream.partition("-")[2]


def split_reference(reference: str) -> tuple[str, int] | None:
    """Stream and version of a reference `<stream>#<version>`, or None when it is none.

    A version has one spelling: what is named after a fact must exist once.
    """
    stream, _, version = reference.rpartition("#")
    if not (version.isascii() and version.isdigit()) or len(version) > 15 or version[0] == "0":
        return None
    return stream, int(version)


def shanghai_date(at_us: int) -> date:
    """The calendar date in Shanghai at a UTC µs instant."""
    return (EPOCH + timedelta(microseconds=at_us)).astimezone(SHANGHAI).date()


def day_end_us(day: date) -> int:
    """24:00 in Shanghai of a date, as UTC µs: the first instant that no longer belongs to it."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + timedelta(days=1)
    return (midnight - EPOCH) // timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """UTC µs of an aware datetime."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def iso_time(at_us: int) -> str:
    """An instant as people in Shanghai write it: 2010-12-01T08:26:00+08:00."""
    return (EPOCH + timedelta(microseconds=at_us)).astimezone(SHANGHAI).isoformat()
