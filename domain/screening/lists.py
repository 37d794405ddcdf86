"""Lists (名单): which of them are in force, each by version; and how far members were looked at.

    (none) ──load──▶ in force, version n ──load──▶ version n + …
                          └──reach──▶ … ──reach──▶ every member was looked at (until the next load)

One stream for all lists: there are few. A list's entries are in a blob, which the fact names by
its SHA-256: names and numbers of persons as tokens, so that nobody can read them out of history.
"""

from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream
from domain.refusals import Code, Refused

MOST_LISTS = 20


class Loaded(Fact, frozen=True):
    """`blob` is the SHA-256 (hex) of the list's content."""

    list_name: str
    version: int
    blob: str
    persons: int
    enterprises: int


class Reached(Fact, frozen=True):
    """Of the scan after the `load`-th load: members up to `after` were looked at, `looked` in all;
    `done`: every one."""

    load: int
    after: str
    looked: int
    done: bool


Event = Loaded | Reached


class State(Struct, frozen=True, gc=False):
    """`loads` counts; the scan is the last load's."""

    lists: tuple[Loaded, ...] = ()
    loads: int = 0
    after: str = ""
    looked: int = 0
    done: bool = True

    def named(self, list_name: str) -> Loaded | None:
        return next((one for one in self.lists if one.list_name == list_name), None)


STREAM: "Stream[State]" = Stream("lists-institution")


def load(state: State, wanted: Loaded) -> list[Event]:
    """The same again: []. Raises LIST_VERSION_TAKEN for another one under its version, or under an
    older one than is in force, and LIST_INVALID for one list too many."""
    before = state.named(wanted.list_name)
    if before == wanted:
        return []
    if before is not None and wanted.version <= before.version:
        detail = f"version {before.version} of {wanted.list_name} is in force"
        raise Refused(Code.LIST_VERSION_TAKEN, "version", detail)
    if before is None and len(state.lists) >= MOST_LISTS:
        raise Refused(Code.LIST_INVALID, "list_name", f"{MOST_LISTS} lists are in force")
    return [wanted]


def loaded(list_name: str, version: int, blob: str, persons: int, enterprises: int) -> Loaded:
    return Loaded(list_name, version, blob, persons, enterprises)


def reach(state: State, load: int, after: str, looked: int, *, done: bool) -> list[Event]:
    """How far a scan has come. One of an earlier load, or one that does not go on: []."""
    if load != state.loads or state.done or (not done and after <= state.after):
        return []
    return [Reached(load, after, state.looked + looked, done)]


def evolve(state: State, event: Event) -> State:
    match event:
        case Loaded(list_name=name):
            others = tuple(one for one in state.lists if one.list_name != name)
            return State((*others, event), state.loads + 1, "", 0, False)
        case Reached(after=after, looked=looked, done=done):
            return replace(state, after=after, looked=looked, done=done)
        case _:
            assert_never(event)
