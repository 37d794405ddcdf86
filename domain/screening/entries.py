"""Entries of a list, as they are kept: tokens alone. Which of them a member matches. Pure.

identity equal                                    it is that person or company
name equal, and the entry has no identity         as the entry says: stop, or review
name equal, and the member's identity is unknown  review: many people share a name
name equal, and another identity                  somebody else
"""

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import Struct

from domain.refusals import Code, Refused

Kind = Literal["person", "enterprise"]
Action = Literal["stop", "review"]
By = Literal["identity", "name"]
MOST_ENTRIES = 1_000_000


class Entry(Struct, frozen=True, gc=False):
    """`name` and `identity` are tokens under the vault's lookup key; "": the list has none. The
    `digest` changes whenever what the list says of the entry does."""

    entry_no: str
    kind: Kind
    action: Action
    name: str
    identity: str
    digest: str


class Content(Struct, frozen=True):
    """What the blob of a list holds."""

    list_name: str
    version: int
    entries: tuple[Entry, ...]


class Hit(Struct, frozen=True, gc=False):
    """An entry that a member matches, and by what."""

    list_name: str
    version: int
    entry_no: str
    digest: str
    by: By
    action: Action


class Known(Struct, frozen=True):
    """What is known of a member, as tokens: whatever it calls itself, and every identity shown."""

    kind: Kind
    names: frozenset[str]
    identities: frozenset[str]


def read_content(blob: bytes) -> Content:
    """Raises Refused(LIST_INVALID) for what is no list."""
    try:
        return msgspec.json.decode(blob, type=Content)
    except msgspec.DecodeError as error:
        raise Refused(Code.LIST_INVALID, "list", str(error)) from None


class Index:
    """The lists in force, to be looked members up in."""

    def __init__(self, contents: Iterable[Content]) -> None:
        self._by_identity: dict[str, list[tuple[Content, Entry]]] = {}
        self._by_name: dict[tuple[Kind, str], list[tuple[Content, Entry]]] = {}
        for content in contents:
            for one in content.entries:
                if one.identity:
                    self._by_identity.setdefault(one.identity, []).append((content, one))
                if one.name:
                    found = self._by_name.setdefault((one.kind, one.name), [])
                    found.append((content, one))

    def hits(self, known: Known) -> list[Hit]:
        """What a member matches, in the order of lists and entries; each entry once."""
        found: dict[tuple[str, str], Hit] = {}
        for token in sorted(known.identities):
            for content, one in self._by_identity.get(token, ()):
                found[content.list_name, one.entry_no] = _hit(content, one, "identity", one.action)
        for token in sorted(known.names):
            for content, one in self._by_name.get((known.kind, token), ()):
                place = content.list_name, one.entry_no
                if place in found or (one.identity and known.identities):
                    continue
                action: Action = "review" if one.identity else one.action
                found[place] = _hit(content, one, "name", action)
        return [found[place] for place in sorted(found)]


def _hit(content: Content, one: Entry, by: By, action: Action) -> Hit:
    return Hit(content.list_name, content.version, one.entry_no, one.digest, by, action)
