"""Writes one GraphQL document: what stands under which key, and which variables it declares.

What is written is valid, but for values that do not fit. Two fields under one key of an object must
be the same field, asked alike; so each place of the answer knows what stands in it, and a fragment
is spread only where it fits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLObjectType,
    Undefined,
    get_named_type,
    is_composite_type,
    is_required_argument,
)
from msgspec import Struct, field

MOST_DEPTH = 11
MOST_FIELDS = 60
MOST_FLAGS = 5
MOST_ALIASES = 24
MOST_REPEATS = 20
NAMES = ("a", "b", "c", "node", "id", "__a", "data", "rows", "r", "None", "minor", "_")
LETTERS = "aZ09 _-.%'\"\\#${}()=@/*坚果х😀é\u0301\u200b\u202e\u2028\n\t\u0001"
DEEP = frozenset({"edges", "node", "lines", "items", "entries", "payouts"})  # Drawn more often.
ABSENT = object()
Sought = Callable[[str, str], Sequence[str]]


class Query(NamedTuple):
    """`by_url`: it is sent by GET."""

    text: str
    variables: dict[str, Any]
    by_url: bool = False
    operation_name: str | None = None


class Manner(NamedTuple):
    """One in so many values is nonsense, a text that nobody knows, a position never reached."""

    nonsense: int = 10
    unknown: int = 4
    unreached: int = 0


class Entry(NamedTuple):
    """What stands under a key: which field, with what arguments, and what is selected of it."""

    name: str
    said: str
    below: Place


Place = dict[str, Entry]
Places = tuple[Place, ...]
# Variables that `@include` and `@skip` take: their types and defaults.
_FLAGS = {
    ("Boolean!", ""),
    ("Boolean!", " = true"),
    ("Boolean!", " = false"),
    ("Boolean", " = true"),
    ("Boolean", " = false"),
}


class _Fragment(Struct):
    name: str
    kind: GraphQLObjectType
    place: Place
    text: str = ""
    height: int = 0
    aliases: int = 0
    repeats: int = 0
    variables: set[str] = field(default_factory=set)


class _Variable(NamedTuple):
    kind: str
    default: str
    value: Any


class Writer:
    """Writes one document, as `random` has it: the same numbers, the same document."""

    def __init__(
        self,
        root: GraphQLObjectType,
        sought: Sought,
        nonsense: Sequence[Any],
        manner: Manner,
        random: Random,
    ) -> None:
        self._root, self._sought, self._nonsense = root, sought, nonsense
        self._manner, self._random = manner, random
        self._fragments: list[_Fragment] = []
        self._open: list[_Fragment] = []  # Those that are being written, the innermost last.
        self._variables: dict[str, _Variable] = {}
        self._operation = 0
        self._fields = self._aliases = self._repeats = self._fresh = 0

    def query(self) -> Query:
        several = self._chance(8)
        texts, given = [], []
        for number in range(2 if several else 1):
            self._operation, self._variables = number, {}
            name = f"Q{number}"
            selection = self._selection(self._root, ({},), 1)
            variables = self._variables.items()
            declared = ", ".join(f"${key}: {one.kind}{one.default}" for key, one in variables)
            head = f"query {name}{f'({declared})' if declared else ''} "
            anonymous = not declared and not several and not self._chance(3)
            texts.append(("" if anonymous else head) + selection)
            values = ((key, one.value) for key, one in self._variables.items())
            given.append({key: value for key, value in values if value is not ABSENT})
        chosen = self._between(0, len(given) - 1)
        named = f"Q{chosen}" if several or (texts[0][0] == "q" and self._chance(3)) else None
        if self._chance(60):
            named = self._pick(("Q7", "", None))
        text = "\n".join([*texts, *(one.text for one in self._fragments)])
        return Query(text, given[chosen], operation_name=named)

    def _chance(self, of: int) -> bool:
        return of > 0 and self._between(1, of) == of

    def _between(self, lowest: int, highest: int) -> int:
        return self._random.randint(lowest, highest)

    def _pick(self, choices: Sequence[Any]) -> Any:
        return self._random.choice(list(choices))

    # Selections. What is written stands in several places: those of the answer and of the fragments
    # that are being written around it.

    def _selection(self, kind: GraphQLObjectType, places: Places, depth: int) -> str:
        leaves = [name for name, one in kind.fields.items() if not _composite(one)]
        most = 3 if len(leaves) < 4 else 7
        parts = [self._part(kind, places, depth) for _ in range(self._between(1, most))]
        return "{ " + " ".join(parts) + " }"

    def _part(self, kind: GraphQLObjectType, places: Places, depth: int) -> str:
        match self._between(0, 23):
            case 19 | 20:
                return self._typename(places)
            case 21:
                condition = "" if self._chance(3) else f" on {kind.name}"
                inner = self._selection(kind, places, depth)
                return f"...{condition}{self._directives()} {inner}"
            case 22:
                return self._new_fragment(kind, places, depth)
            case 23:
                return self._known_fragment(kind, places, depth)
        full = self._fields >= MOST_FIELDS or depth >= MOST_DEPTH
        names = [name for name, one in kind.fields.items() if not (full and _composite(one))]
        names += 2 * [name for name in names if name in DEEP]
        again = [key for key, one in places[0].items() if one.name in names]
        if again and self._repeats < MOST_REPEATS and self._chance(8):
            return self._again(kind, places, self._pick(again), depth)
        return self._field(kind, places, self._pick(names), depth) if names else "__typename"

    def _new_fragment(self, kind: GraphQLObjectType, places: Places, depth: int) -> str:
        own: Place = {}
        made = _Fragment(f"F{self._operation}_{self._count()}", kind, own)
        before = self._aliases, self._repeats
        self._open.append(made)
        inner = self._selection(kind, (*places, own), depth)
        self._open.pop()
        made.text = f"fragment {made.name} on {kind.name} {inner}"
        made.height -= depth
        made.aliases, made.repeats = self._aliases - before[0], self._repeats - before[1]
        self._fragments.append(made)
        return f"...{made.name}{self._directives()}"

    def _known_fragment(self, kind: GraphQLObjectType, places: Places, depth: int) -> str:
        fitting = [
            one
            for one in self._fragments
            if one.kind is kind
            and depth + one.height <= MOST_DEPTH
            and self._aliases + one.aliases <= MOST_ALIASES
            and self._repeats + one.repeats + len(one.place) <= MOST_REPEATS
            and (not one.variables or one.name.startswith(f"F{self._operation}_"))
            and all(_fits(place, one.place) for place in places)
        ]
        if not fitting:
            return self._typename(places)
        one = self._pick(fitting)
        self._aliases += one.aliases
        self._repeats += one.repeats + len(one.place)
        for place in places:
            _join(place, one.place)
        for outer in self._open:
            outer.variables |= one.variables
            outer.height = max(outer.height, depth + one.height)
        return f"...{one.name}{self._directives()}"

    def _typename(self, places: Places) -> str:
        alias = self._aliased(f"t{self._count()}") if self._chance(4) else ""
        self._repeats += not alias and "__typename" in places[0]
        return f"{alias}__typename{self._directives()}"

    # Fields.

    def _field(self, kind: GraphQLObjectType, places: Places, name: str, depth: int) -> str:
        of = kind.fields[name]
        said = self._arguments(name, of)
        key = name
        if self._aliases < MOST_ALIASES and self._chance(3 if said or _composite(of) else 8):
            key = self._pick((*NAMES, f"{name}{self._count()}"))
        known = [place[key] for place in places if key in place]
        if any((one.name, one.said) != (name, said) for one in known):
            key = f"{name}{self._count()}"
        elif known:
            self._repeats += 1
        return self._written(of, places, key, Entry(name, said, {}), depth)

    def _again(self, kind: GraphQLObjectType, places: Places, key: str, depth: int) -> str:
        """A field that stands in these places once more, with more below it."""
        entry = places[0][key]
        same = (one[key] for one in places if key in one)
        if "$" in entry.said or any(one[:2] != entry[:2] for one in same):
            return self._typename(places)  # A variable may be another operation's.
        self._repeats += 1
        return self._written(kind.fields[entry.name], places, key, entry, depth)

    def _written(self, of: GraphQLField, places: Places, key: str, entry: Entry, depth: int) -> str:
        self._fields += 1
        for outer in self._open:
            outer.height = max(outer.height, depth)
        alias = "" if key == entry.name else self._aliased(key)
        within = tuple(
            place.setdefault(key, Entry(entry.name, entry.said, {})).below for place in places
        )
        inner, below = get_named_type(of.type), ""
        if isinstance(inner, GraphQLObjectType):
            below = " " + self._selection(inner, within, depth + 1)
        return f"{alias}{entry.name}{entry.said}{self._directives()}{below}"

    def _aliased(self, key: str) -> str:
        self._aliases += 1
        return f"{key}: "

    def _count(self) -> int:
        self._fresh += 1
        return self._fresh

    def _directives(self) -> str:
        if not self._chance(10):
            return ""
        names = ("include", "skip") if self._chance(5) else (self._pick(("include", "skip")),)
        return "".join(f" @{name}(if: {self._condition(name)})" for name in names)

    def _condition(self, name: str) -> str:
        if self._chance(2):
            return "true" if (name == "include") != self._chance(4) else "false"
        flags = [key for key, one in self._variables.items() if one[:2] in _FLAGS]
        if flags and (len(flags) >= MOST_FLAGS or not self._chance(3)):
            return self._use(self._pick(flags))
        kind, default = self._pick(sorted(_FLAGS))
        value = self._chance(2)
        given = value if not default else self._maybe(value)
        if kind == "Boolean" and self._chance(8):
            given = None
        return self._declared("f", _Variable(kind, default, given))

    # Arguments.

    def _arguments(self, of: str, asked: GraphQLField) -> str:
        said = []
        for name, argument in asked.args.items():
            if is_required_argument(argument) or self._chance(4):
                said.append(f"{name}: {self._argument(of, name, argument)}")
        return f"({', '.join(said)})" if said else ""

    def _argument(self, of: str, name: str, argument: GraphQLArgument) -> str:
        value = self._value(of, name, argument.type)
        if not self._chance(3):
            return literal(value)
        needed = isinstance(argument.type, GraphQLNonNull)
        bare = str(argument.type).rstrip("!")
        default = f" = {literal(value)}"
        kinds = [(f"{bare}!", "", value), (f"{bare}!", default, self._maybe(value))]
        if not needed or argument.default_value is not Undefined:
            kinds += [(bare, "", self._maybe(value))]
        kinds += [(bare, default, self._maybe(None if self._chance(3) else value))]
        kind, default, value = self._pick(kinds)
        if default == " = null" and kind != bare:
            default = ""
        if default == " = null" and needed:
            kind, default = f"{bare}!", ""
        same = [key for key, one in self._variables.items() if one[:2] == (kind, default)]
        if same and self._chance(4):
            return self._use(self._pick(same))
        return self._declared("v", _Variable(kind, default, value))

    def _maybe(self, value: Any) -> Any:
        return ABSENT if self._chance(3) else value

    def _declared(self, letter: str, variable: _Variable) -> str:
        """Two operations have variables of one name that are something else."""
        if self._operation:
            letter = "v" if letter == "f" else "f"
        name = f"{letter}{len(self._variables)}"
        self._variables[name] = variable
        return self._use(name)

    def _use(self, name: str) -> str:
        for outer in self._open:
            outer.variables.add(name)
        return f"${name}"

    def _value(self, of: str, name: str, kind: GraphQLInputType) -> Any:
        if self._chance(self._manner.nonsense):
            return self._pick(self._nonsense)
        if not isinstance(kind, GraphQLNonNull) and self._chance(10):
            return None
        inner = get_named_type(kind)
        if isinstance(inner, GraphQLEnumType):
            return self._pick(list(inner.values))
        match inner.name:
            case "Int":
                return self._pick((100, 101)) if self._chance(20) else self._between(1, 5)
            case "Boolean":
                return self._chance(2)
            case "BigInt":
                if self._chance(self._manner.unreached):
                    return self._pick((2**63 - 1, "1000000000", -1))
                return str(self._between(0, 50))
            case "Date":
                return self._pick(self._sought(of, name))
            case _:
                if self._chance(self._manner.unknown):
                    return "".join(self._pick(LETTERS) for _ in range(self._between(0, 30)))
                return self._pick(self._sought(of, name))


def _composite(one: GraphQLField) -> bool:
    return is_composite_type(get_named_type(one.type))


def _fits(place: Place, other: Place) -> bool:
    return all(
        key not in place
        or (
            (place[key].name, place[key].said) == (entry.name, entry.said)
            and _fits(place[key].below, entry.below)
        )
        for key, entry in other.items()
    )


def _join(place: Place, other: Place) -> None:
    for key, entry in other.items():
        if key in place:
            _join(place[key].below, entry.below)
        else:
            place[key] = entry


def literal(value: Any) -> str:
    """A value of JSON as GraphQL writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {literal(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)
