"""The group committer: many requests, one database transaction, one answer each.

    receipts known? ──▶ decide over the overlay ──▶ lock ──▶ nobody else wrote? ──▶ append
                              ▲                                │ somebody did
                              └── under the lock, with what ◀──┘
                                  they wrote taken in

Deciding happens before the lock is taken, so that processes decide side by side; when another
process has written meanwhile, the batch is decided again under the lock, where nothing can change
any more. So one repetition is always enough, and nobody starves.

Requests are hardly ever repeated, and mostly one process writes. After a while without a surprise
the committer is *trusting*: neither receipts nor the streams that requests begin are looked up, and
the head is taken for the one it knows. The database refuses a number, a first fact or a commit that
is there already; then the batch is decided again, under the lock and from what is stored.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from domain.commands import COMMANDS
from domain.eventstore.recorder import (
    Append,
    CommitUnknown,
    Head,
    IntegrityError,
    InterfaceError,
    LedgerRecorder,
    OperationalError,
    Receipt,
    ReceiptRow,
    Session,
)
from domain.fields import checked_instant
from domain.hints import LONGEST_CHAIN, StateOf
from domain.kernel import Recorded, Request, split_reference
from domain.ledger import answer as answers
from domain.ledger import codec, promised
from domain.ledger.answer import Answer, Refusal
from domain.ledger.promised import NOTHING, Promised
from domain.ledger.states import CACHE_SIZE, StateCache
from domain.ledger.unit import Held, Overlay, UnitOfWork
from domain.refusals import MALFORMED, Code, Refused
from domain.texts import fault

ATTEMPTS = 3
# What was in memory was not what is stored, or the connection broke before COMMIT was sent.
PASSING = (IntegrityError, InterfaceError, OperationalError)
PATIENCE_NS = 5_000_000_000  # A database that takes longer to fail is away: no second attempt.
# When other processes wrote more facts than this, it is cheaper to forget all states.
MOST_TAKEN_IN = 20_000
NO_NAME = "1 to 300 printable characters are needed"
WARY = 20  # So many batches without a surprise: nobody repeats requests or writes besides us.


class Stale(Exception):
    """Another process has written since the head was known."""


class Kept(NamedTuple):
    """The request was decided: the receipt of its number holds the answer."""

    number: str


class Told(NamedTuple):
    """An answer of which nothing is kept: a repetition's, a conflict's, or "busy"."""

    answer: Answer


class Failed(NamedTuple):
    """The handler has a defect: nothing of the request is recorded."""

    error: BaseException


class Doubted(NamedTuple):
    """It may have relied on a stream that is not new after all: to be decided without trust."""


Verdict = Kept | Told | Failed | Doubted


class Decided:
    """Requests that are decided and not yet written.

    `trusting`: numbers and streams that should be new were taken for new.
    """

    def __init__(self, overlay: Overlay, *, trusting: bool) -> None:
        self.overlay = overlay
        self.trusting = trusting
        self.facts = 0  # How many were written.
        self.promised: Promised | None = None  # After them; None: nothing was written.
        self.receipts: dict[str, ReceiptRow] = {}
        self.blobs: list[bytes] = []
        self.verdicts: list[Kept | Told | Failed] = []
        self.results: dict[str, tuple[dict[str, Any] | None, Refusal | None]] = {}

    @property
    def all_known(self) -> bool:
        """Whether nothing is to be written."""
        return not self.receipts and not self.defect

    @property
    def defect(self) -> bool:
        """A handler that failed is not believed before the lock is held: it may have read between
        two commits of another process."""
        return any(isinstance(verdict, Failed) for verdict in self.verdicts)


class Committer:
    """Decides and writes batches of requests; used by one thread."""

    def __init__(
        self,
        recorder: LedgerRecorder,
        clock: Callable[[], int],
        *,
        cache_size: int = CACHE_SIZE,
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._cache = StateCache(recorder, cache_size)
        self._contended = False
        self._wary = WARY  # Batches that will still not be trusting.
        self.head: Head = recorder.head()
        self.health: Callable[[], Mapping[str, Any]] = dict  # Of channels: from outside the books.
        self._promised = NOTHING  # What is promised at the head, once somebody asks.
        self.commits = self.written = 0  # Commits and facts that this one has made durable.

    @property
    def cached(self) -> int:
        """How many states are in memory; never more than twice the cache's size."""
        return len(self._cache)

    def remembered(self, stream: str) -> Held | None:
        """As `StateCache.peek`."""
        return self._cache.peek(stream)

    def commit(self, requests: Sequence[Request]) -> list[Answer | BaseException]:
        """Decide and write; the answers in order, and in the place of a request whose handler
        failed unexpectedly the exception (nothing of it was recorded, the others stand).

        Raises Refused(BUSY) and database errors, after which nothing was recorded at all; and
        CommitUnknown when the database stayed away: the same requests, repeated, will tell.
        """
        unknown: CommitUnknown | None = None
        patient_until = time.monotonic_ns() + PATIENCE_NS
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._commit(requests)
            except BaseException as error:
                # Trust nothing in memory any more: the next to decide does so under the lock.
                self._cache.clear()
                self._contended = True
                self._wary = WARY
                if isinstance(error, CommitUnknown):
                    # Whoever holds the lock next knows what became of it: the receipts are there,
                    # or nothing is and all is decided anew.
                    unknown = error
                    continue
                passes = isinstance(error, PASSING) and time.monotonic_ns() < patient_until
                if attempt < ATTEMPTS and passes:
                    continue
                if unknown is None:
                    raise
                raise unknown from error
        assert unknown is not None
        raise unknown

    def _commit(self, requests: Sequence[Request]) -> list[Answer | BaseException]:
        decided = None if self._contended else self._decide(requests)
        if decided is not None and decided.all_known:
            return self._answers(decided, self.head)
        if decided is not None and decided.trusting and not decided.defect:
            try:
                return self._write_trusting(decided)
            except (IntegrityError, Stale):
                self._wary, decided = WARY, None
        with self._recorder.writing() as session:
            others_wrote = session.head.number != self.head.number
            if others_wrote:
                self._take_in(session)
                self._wary = WARY
            self._contended = others_wrote
            if decided is None or others_wrote:
                decided = self._decide(requests)
            head = self._write(session, decided)
        return self._kept(decided, head)

    def _write_trusting(self, decided: Decided) -> list[Answer | BaseException]:
        """Write what was decided as if nobody else did. Raises Stale or IntegrityError if not."""
        with self._recorder.writing(self.head) as session:
            if session.head.number != self.head.number:
                raise Stale
            head = self._write(session, decided)
        return self._kept(decided, head)

    def _write(self, session: Session, decided: Decided) -> Head:
        if not decided.receipts:
            return session.head
        rows, snapshots = decided.overlay.rows(session.head.position)
        decided.facts = len(rows)
        decided.promised = self._promised_after(session.head.position + len(rows), decided.overlay)
        if kept := promised.due(decided.promised):
            decided.promised = decided.promised._replace(kept=kept.version)
            snapshots.append(kept)
        receipts = list(decided.receipts.values())
        return session.append(Append(rows, receipts, snapshots, self._clock(), decided.blobs))

    def _promised_after(self, position: int, overlay: Overlay) -> Promised:
        return Promised(position, overlay.promised_fen, self._promised.kept)

    def _kept(self, decided: Decided, head: Head) -> list[Answer | BaseException]:
        self.head, self._promised = head, decided.promised or self._promised
        self.commits += bool(decided.receipts)
        self.written += decided.facts
        self._cache.store(decided.overlay.changed)
        return self._answers(decided, head)

    def _take_in(self, session: Session) -> None:
        if session.head.position - self.head.position > MOST_TAKEN_IN:
            self._cache.clear()
        else:
            self._cache.forget(session.streams_since(self.head.position))
        self.head = session.head

    # Deciding.

    def _decide(self, requests: Sequence[Request]) -> Decided:
        if self._promised.position != self.head.position:
            self._promised = promised.read(self._recorder, self.head.position, self._promised)
        overlay = Overlay(self._cache.fetch, self._fact_at, self._promised.fen, self.health)
        decided = Decided(overlay, trusting=not self._wary)
        digests = [_digest_or_no(request) for request in requests]
        sound = [
            request
            for request, digest in zip(requests, digests, strict=True)
            if isinstance(digest, bytes)
        ]
        kept = self._known([request.number for request in sound])
        fresh = [request for request in sound if request.number not in kept]
        self._prefetch(fresh)
        if not decided.trusting:
            self._look_up(fresh)
        for request, digest in zip(requests, digests, strict=True):
            if isinstance(digest, Refusal):
                decided.verdicts.append(Told(Answer(None, digest, self.head.position)))
                continue
            verdict = self._verdict(decided, kept, request, digest)
            if isinstance(verdict, Doubted):
                decided.trusting = False
                self._look_up(fresh)
                verdict = self._verdict(decided, kept, request, digest)
            assert not isinstance(verdict, Doubted)
            decided.verdicts.append(verdict)
        return decided

    def _prefetch(self, requests: Sequence[Request]) -> None:
        """What they are sure to need, and what that leads to, each step in one query."""
        self._cache.prefetch(stream for request in requests for stream in _needed(request))
        for _ in range(LONGEST_CHAIN):
            found = [stream for one in requests for stream in _led_to(one, self._state_of)]
            if not self._cache.prefetch(found):
                return

    def _state_of(self, stream: str) -> Any:
        held = self._cache.peek(stream)
        return held[1] if held is not None else None

    def _known(self, numbers: Sequence[str]) -> dict[str, Receipt]:
        if not self._wary:
            return {}
        kept = {receipt.number: receipt for receipt in self._recorder.read_receipts(numbers)}
        self._wary = WARY if kept else self._wary - 1
        return kept

    def _look_up(self, requests: Sequence[Request]) -> None:
        self._cache.prefetch(stream for request in requests for stream in _begun(request))

    def _verdict(
        self, decided: Decided, kept: dict[str, Receipt], request: Request, digest: bytes
    ) -> Verdict:
        number = request.number
        if number in kept:
            return Told(answers.replay(kept[number], digest))
        before = decided.receipts.get(number)
        if before is not None:  # Twice in one batch.
            if before.digest == digest:
                return Kept(number)
            return Told(answers.conflict(before.digest, digest, self.head.position))
        overlay, trusted = decided.overlay, list[str]()
        if decided.trusting:
            new, holds = _begun(request), self._cache.holds
            trusted = [s for s in new if s not in overlay.known and not holds(s)]
            overlay.assume_new(trusted)
        unit = UnitOfWork(overlay, request.at_us, request.actor, number)
        made = self._made(unit, request)
        if trusted and not (isinstance(made, dict) and all(s in unit.own for s in trusted)):
            overlay.forget(trusted)
            return Doubted()
        if isinstance(made, Failed):
            return made
        if isinstance(made, Refusal):
            if made.code is Code.BUSY or made.code in MALFORMED:
                return Told(Answer(None, made, self.head.position))
            decided.receipts[number] = ReceiptRow(number, digest, answers.refused(made))
            decided.results[number] = (None, made)
        else:
            overlay.accept(unit)
            decided.receipts[number] = ReceiptRow(number, digest, answers.accepted(made))
            decided.results[number] = (made, None)
        decided.blobs += request.blobs
        return Kept(number)

    def _made(self, unit: UnitOfWork, request: Request) -> dict[str, Any] | Refusal | Failed:
        try:
            checked_instant(request.at_us)
            result = COMMANDS[type(request.command)].handler(unit, request.command)
            unit.react()
        except Refused as no:
            return Refusal(no.code, no.field, no.detail)
        except Exception as error:  # A defect: this caller hears of it, the others go on.
            return Failed(error)
        return result

    def _fact_at(self, reference: str) -> Recorded | None:
        found = split_reference(reference)
        if found is None:
            return None
        stream, version = found
        with suppress(codec.UnknownFact):
            for row in self._recorder.read_stream(stream, version - 1, 1):
                if row.version == version:
                    return codec.decode(row)
        return None

    def _answers(self, decided: Decided, head: Head) -> list[Answer | BaseException]:
        result: list[Answer | BaseException] = []
        seen: set[str] = set()
        for verdict in decided.verdicts:
            match verdict:
                case Kept(number):
                    accepted, refused = decided.results[number]
                    result.append(Answer(accepted, refused, head.position, number in seen))
                    seen.add(number)
                case Told(answer):
                    result.append(answer)
                case Failed(error):
                    result.append(error)
        return result


def _digest_or_no(request: Request) -> bytes | Refusal:
    """The digest of a request; or why it is none at all, which is not kept: nothing could be under
    such a number, and what cannot be stored must not fail the others of its commit."""
    try:
        if not _is_name(request.number):
            return Refusal(Code.REQUEST_INVALID, "number", NO_NAME)
        if not _is_name(request.actor):
            return Refusal(Code.REQUEST_INVALID, "actor", NO_NAME)
        return answers.digest_of(request.command)
    except Refused as no:
        return Refusal(no.code, no.field, no.detail)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 300 and not fault(value)


# A malformed command needs nothing: its handler says no.


def _needed(request: Request) -> list[str]:
    try:
        return COMMANDS[type(request.command)].streams(request.command)
    except Exception:
        return []


def _led_to(request: Request, state_of: StateOf) -> list[str]:
    try:
        return COMMANDS[type(request.command)].leads_to(request.command, state_of)
    except Exception:
        return []


def _begun(request: Request) -> list[str]:
    try:
        return COMMANDS[type(request.command)].begins(request.command)
    except Exception:
        return []
