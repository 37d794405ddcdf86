"""Commands of lists: one is loaded, members are looked at, matches are confirmed or cleared.

Who is on a list is found beside the books, where names and numbers are in clear for a moment
(`api/operations/screening.py`); what was found is recorded here, and stops the money in the same
commit: no person is asked first.
"""

from domain.accounting import account
from domain.accounting.chart import STOPPABLE_ACCOUNTS, account_id
from domain.fields import checked_member_id, checked_number, checked_reason
from domain.kernel import Command, Stream, Unit
from domain.member import member, persons
from domain.member.particulars import checked_document
from domain.refusals import Code, Refused
from domain.screening import lists, match
from domain.screening.entries import MOST_ENTRIES, Hit

ORDER = ":lists"  # What money is stopped for; no authority's order has such a number.


class LoadList(Command, frozen=True):
    """`blob`: the SHA-256 (hex) of its content, which is in the blob store."""

    list_name: str
    version: int
    blob: str
    persons: int
    enterprises: int


class ReachScan(Command, frozen=True):
    """After a load: members up to `after` were looked at, `looked` more; `done`: every one."""

    load: int
    after: str
    looked: int
    done: bool


class RecordMatches(Command, frozen=True):
    """What a look at a member has found."""

    member_id: str
    hits: tuple[Hit, ...]


class ConfirmMatch(Command, frozen=True):
    """It is who the list means: the money stays stopped, or is from now on."""

    member_id: str
    list_name: str
    entry_no: str
    reason: str


class ClearMatch(Command, frozen=True):
    """It is somebody else. Two persons."""

    member_id: str
    list_name: str
    entry_no: str
    reason: str


def load_list(unit: Unit, command: LoadList) -> dict[str, object]:
    """Raises LIST_INVALID, LIST_VERSION_TAKEN."""
    name = checked_number(command.list_name, "list_name", longest=32)
    counts = (command.persons, command.enterprises)
    if not 1 <= command.version < 2**31 or not 0 < sum(counts) <= MOST_ENTRIES or min(counts) < 0:
        detail = f"a version from 1 on, and 1 to {MOST_ENTRIES} entries"
        raise Refused(Code.LIST_INVALID, "version", detail)
    if len(command.blob) != 64:
        raise Refused(Code.LIST_INVALID, "blob", "a SHA-256 in hex is needed")
    wanted = lists.loaded(name, command.version, command.blob, *counts)
    unit.record(lists.STREAM, lists.load(unit.load(lists.STREAM), wanted))
    return {"list_name": name, "version": command.version, "entries": sum(counts)}


def reach_scan(unit: Unit, command: ReachScan) -> dict[str, object]:
    state = unit.load(lists.STREAM)
    facts = lists.reach(state, command.load, command.after, command.looked, done=command.done)
    unit.record(lists.STREAM, facts)
    after = unit.load(lists.STREAM)
    return {"load": after.loads, "looked": after.looked, "done": after.done}


def record_matches(unit: Unit, command: RecordMatches) -> dict[str, object]:
    """Raises MEMBER_NOT_FOUND."""
    if unit.load(member.stream(checked_member_id(command.member_id))).kind is None:
        raise Refused(Code.MEMBER_NOT_FOUND, "member_id", command.member_id)
    stream = match.stream(command.member_id)
    unit.record(stream, match.match(unit.load(stream), command.hits))
    return _applied(unit, command.member_id)


def confirm_match(unit: Unit, command: ConfirmMatch) -> dict[str, object]:
    """Raises LIST_MATCH_NOT_FOUND, LIST_MATCH_STATE_WRONG, PERSON_UNKNOWN."""
    persons.refuse_unnamed(unit.actor)
    stream, reason = _about(command)
    state = unit.load(stream)
    facts = match.confirm(state, command.list_name, command.entry_no, unit.actor, reason)
    unit.record(stream, facts)
    return _applied(unit, command.member_id)


def clear_match(unit: Unit, command: ClearMatch) -> dict[str, object]:
    """Raises LIST_MATCH_NOT_FOUND."""
    stream, reason = _about(command)
    state = unit.load(stream)
    facts = match.clear(state, command.list_name, command.entry_no, unit.actor, reason)
    unit.record(stream, facts)
    return _applied(unit, command.member_id)


def _about(command: ConfirmMatch | ClearMatch) -> "tuple[Stream[match.State], str]":
    checked_number(command.list_name, "list_name", longest=32)
    checked_document(command.entry_no, "entry_no")
    stream = match.stream(checked_member_id(command.member_id))
    return stream, checked_reason(command.reason)


def _applied(unit: Unit, member_id: str) -> dict[str, object]:
    """The member's money is stopped as long as a match says so, behind what authorities ordered
    before."""
    stops = unit.load(match.stream(member_id)).stops
    for code in STOPPABLE_ACCOUNTS:
        stream = account.stream(account_id(code, member_id))
        state = unit.load(stream)
        if state.status == "open":
            facts = account.detach(state, ORDER)
            if stops:
                facts = account.attach(state, ORDER, None, always=True)
            unit.record(stream, facts)
    return {"member_id": member_id, "stopped": stops}
