"""Proving the second chain: every commit's time and every change of the keys, in order."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from domain.eventstore.recorder import CommitRow, Head, LedgerRecorder
from domain.eventstore.seals import (
    NO_SEAL,
    Seal,
    SealedChange,
    TimesDigest,
    decoded,
    seal_of_change,
    seal_of_commit,
)

CHANGES_PAGE = 1_000
BEFORE_ALL = -(2**63)
CHANGE_ROW = [int, int, bytes, bytes]
CHECK = "seals"

Report = Callable[[str, str, str], None]


def _changes(recorder: LedgerRecorder) -> Iterator[SealedChange]:
    number = BEFORE_ALL
    while page := recorder.read_changes(number, CHANGES_PAGE):
        yield from page
        number = page[-1].seal_number


class SealChain:
    """The chain as far as it was walked. Give it every commit in order, then `end` it."""

    def __init__(self, recorder: LedgerRecorder, report: Report) -> None:
        self._recorder = recorder
        self._report = report
        self._changes = _changes(recorder)
        self._next = next(self._changes, None)
        self._last = NO_SEAL
        self._times = TimesDigest()
        self.sealed_after = 0  # Commits after this one have a seal each.
        self._begun = self._begin()

    def _begin(self) -> dict[str, Any] | None:
        """What the first entry says; None when there is none."""
        try:
            if self._next is not None and self._next.seal_number == 1:
                after: dict[str, Any] = decoded(self._next.entry)["sealed_after"]
                self.sealed_after = int(after["commit"])
                return after
        except (KeyError, TypeError, ValueError, msgspec.DecodeError):
            pass
        self._report(CHECK, "seal 1", "the beginning of the chain is missing or cannot be read")
        return None

    def take(self, commit: CommitRow) -> None:
        """The next commit; its row is of the right types."""
        where = f"commit {commit.number}"
        if commit.number <= self.sealed_after:
            self._times.add(commit.number, commit.recorded_at_us)
            if commit.number == self.sealed_after:
                self._compare_beginning(commit)
        if commit.seal_number or commit.seal:
            self._pass_changes(commit.seal_number, commit.number - 1)
            seal = _computed(seal_of_commit, self._last, *commit[:1], commit.hash, commit[4])
            found = Seal(commit.seal_number, commit.seal)
            self._follow(where, found, seal, "its time is not the one that was sealed")
        elif commit.number > self.sealed_after:
            self._report(CHECK, where, "has no seal: its time can be anything")

    def _compare_beginning(self, commit: CommitRow) -> None:
        begun = self._begun or {}
        if begun.get("times") != self._times.digest().hex():
            said = f"1 to {self.sealed_after}"
            self._report(CHECK, f"commits {said}", "their times are not the ones that were sealed")
        if (begun.get("hash"), begun.get("position")) != (commit.hash.hex(), commit.last_position):
            self._report(CHECK, f"commit {commit.number}", "another commit stood here when sealed")

    def _pass_changes(self, until_seal: int, commit_number: int) -> None:
        while self._next is not None and self._next.seal_number < until_seal:
            self._change(self._next, commit_number)
            self._next = next(self._changes, None)

    def _change(self, change: SealedChange, commit_number: int) -> None:
        where = f"seal {change.seal_number}"
        if [type(value) for value in change] != CHANGE_ROW:  # SQLite keeps any type anywhere.
            self._report(CHECK, where, "its row cannot be read")
            return
        if change.commit_number != commit_number:
            said = f"written after commit {change.commit_number}, but stands after {commit_number}"
            self._report(CHECK, where, said)
        seal = _computed(seal_of_change, self._last, change.commit_number, change.entry)
        found = Seal(change.seal_number, change.seal)
        self._follow(where, found, seal, "its entry is not the one that was sealed")

    def _follow(self, where: str, found: Seal, expected: Seal, otherwise: str) -> None:
        if found.number != expected.number:
            said = f"has seal {found.number} where {expected.number} is next"
            self._report(CHECK, where, said)
        elif found != expected:
            self._report(CHECK, where, f"{otherwise}, or the chain is broken before it")
        self._last = found  # Go on from what the row claims: one bad row is one finding.

    def end(self, head: Head) -> None:
        """After the last commit; what was sealed after a later one is for the next run."""
        if head.number < self.sealed_after:
            said = f"the chain began after commit {self.sealed_after}, the log ends before it"
            self._report(CHECK, f"commit {head.number}", said)
        while self._next is not None and not _beyond(self._next, head):
            self._change(self._next, head.number)
            self._next = next(self._changes, None)
        if self._next is not None and _beyond(self._next, self._recorder.head()):
            said = f"was written after commit {self._next.commit_number}, which is not there"
            self._report(CHECK, f"seal {self._next.seal_number}", said)


def _beyond(change: SealedChange, head: Head) -> bool:
    return isinstance(change.commit_number, int) and change.commit_number > head.number


def _computed(formula: Callable[..., Seal], before: Seal, *values: Any) -> Seal:
    try:
        return formula(before, *values)
    except struct.error:  # Numbers beyond 64 bits, a hash of another length: nothing fits them.
        return Seal(before.number + 1, b"")
