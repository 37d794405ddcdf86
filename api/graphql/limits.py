"""What a document may cost before it is looked at: tokens, depth, aliases, repeated fields.

How deep its brackets go is looked for first, in the text, because parsing recurses; how deep it is
with its fragments spread out, before validation, which follows them.

Limits are measured once per text, between parsing and validation, because validation itself is
what a hostile document makes expensive: fields under one name are compared pairwise. Nothing of
this changes the validation rules, so that parsing, measuring and validating are remembered
together for a text, and a document seen before costs one look-up.
"""

import hashlib
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import anyio
import anyio.to_thread
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    specified_rules,
)
from strawberry.schema.schema import validate_document

from api.http.nesting import MAX_NESTING, refuse_deep_graphql
from domain.refusals import Code, Refused

MOST_ASKED = 8  # Sets of variables of one document that are remembered as arguments.
SHORT_VARIABLES = 300  # Bytes.
MAX_TOKENS = 2_000
MAX_DEPTH = 12
MAX_ALIASES = 30
MAX_REPEATS = 30  # Fields that one selection names again, under the same name.
MAX_LENGTH = 20_000  # Characters of a text: comments are no tokens, but read and kept with it.
SHORT = 1_000  # Characters that are parsed and validated in a few milliseconds.
PREPARED_AT_ONCE = 2
REMEMBERED_BYTES = 16 * 1024 * 1024  # Of documents and what is kept with them.
MOST_PLANS = 24  # Of one document.
TOKEN_BYTES = 1_200  # Measured: 500 to 1,400 of a token with its node.


class Size(NamedTuple):
    """What a selection amounts to once fragments are spread out: the depth below it, its aliases
    and repeats, and how often it names each field itself. `nesting` counts the selections inside
    each other, those of fragments too."""

    nesting: int
    depth: int
    aliases: int
    repeats: int
    names: Counter[str]


LEAF = Size(0, 0, 0, 0, Counter())


class Kept:
    """What was made of a document, and stays with it, in so many `bytes`: its plans
    (`plan/plans.py`), by operation, role and the values of the variables `flags`; what it costs,
    by operation and the values of the variables `sizes`; whether nothing but the read models
    decides its answers (`tags.py`); and the queries of its subscriptions (`listening/`)."""

    __slots__ = (
        "asked",
        "bytes",
        "costs",
        "flags",
        "known",
        "rewritten",
        "sizes",
        "steady",
        "told",
    )

    def __init__(self) -> None:
        self.flags: tuple[str, ...] | None = None
        self.sizes: tuple[str, ...] | None = None
        self.known: dict[tuple[Any, ...], Any] = {}
        self.asked: dict[tuple[Any, ...], Any] = {}  # Plans with arguments, by the variables given.
        self.costs: dict[tuple[Any, ...], int] = {}
        self.rewritten: dict[str | None, Any] = {}
        self.steady: bool | None = None
        self.bytes = 0
        self.told: Callable[[int], None] | None = None  # Of a document that is remembered.

    def remember(self, place: tuple[Any, ...], asked: Any, size: int) -> None:
        """A plan with the arguments of one set of variables, if they are short: dashboards ask the
        same again and again."""
        if size <= SHORT_VARIABLES:
            if len(self.asked) >= MOST_ASKED:
                self.asked.clear()
            self.asked[place] = asked

    def keep(self, place: tuple[Any, ...], plan: Any, size: int) -> None:
        """A plan of about so many bytes, among at most MOST_PLANS."""
        if len(self.known) >= MOST_PLANS:
            self.known.clear()
            self.asked.clear()
            self.rewritten.clear()
            size -= self.bytes
        self.known[place] = plan
        self.grew(size)

    def grew(self, size: int) -> None:
        """It takes so many bytes more."""
        self.bytes += size
        if self.told is not None:
            self.told(size)


class Prepared(NamedTuple):
    """A parsed document and what validation says of it; no errors: it may be executed.

    `operations` are the names of its operations, "" for one without a name.
    """

    document: DocumentNode
    errors: list[GraphQLError]
    operations: tuple[str, ...]
    plans: "Kept"

    def refuse_choice(self, operation: str | None) -> None:
        """Raises Refused(REQUEST_INVALID, "operationName") unless this chooses one operation."""
        if operation is None and len(self.operations) == 1:
            return
        if operation is None or operation not in self.operations:
            detail = "the document has no such operation, or several and none was chosen"
            raise Refused(Code.REQUEST_INVALID, "operationName", detail)


def refuse_large(document: DocumentNode) -> None:
    """Raises Refused(REQUEST_INVALID, "query") when a limit is passed."""
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    measure = _Measure(fragments)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            _check(measure.selection(definition.selection_set))
    for name in fragments:  # Also those that nothing uses, or that only introspection does.
        _check(measure.fragment(name)._replace(depth=0))


def _check(size: Size) -> None:
    for what, value, most in (
        ("depth", size.depth, MAX_DEPTH),
        ("number of aliases", size.aliases, MAX_ALIASES),
        ("number of repeated fields", size.repeats, MAX_REPEATS),
    ):
        if value > most:
            raise Refused(Code.REQUEST_INVALID, "query", f"the {what} is above {most}")


class _Measure:
    """Sizes of selections; each fragment is measured once, however often it is spread."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._sizes: dict[str, Size] = {}
        self._within = 0  # Selections that are being measured, each inside the one before.

    def fragment(self, name: str) -> Size:
        """The size of a fragment; nothing for one that does not exist or is inside itself, which
        validation refuses."""
        size = self._sizes.get(name)
        if size is None:
            self._sizes[name] = size = LEAF
            if name in self._fragments:
                size = self.selection(self._fragments[name].selection_set)
                self._sizes[name] = size
        return size

    def selection(self, selections: SelectionSetNode) -> Size:
        """Refused while it descends, and again where a fragment was measured higher up before."""
        self._within += 1
        _refuse_nested(self._within)
        size = self._selection(selections)
        _refuse_nested(size.nesting)
        self._within -= 1
        return size

    def _selection(self, selections: SelectionSetNode) -> Size:
        nesting = depth = aliases = repeats = 0
        names: Counter[str] = Counter()
        for node in selections.selections:
            if isinstance(node, FieldNode):
                inner = self._field(node)
                names[(node.alias or node.name).value] += 1
                aliases += node.alias is not None
            else:
                name = getattr(node, "name", None)
                spread = self.fragment(name.value) if name else self._inline(node)
                inner = spread._replace(repeats=spread.repeats - _repeats(spread.names))
                names += spread.names
            nesting = max(nesting, inner.nesting)
            depth = max(depth, inner.depth)
            aliases += inner.aliases
            repeats += inner.repeats
        return Size(nesting + 1, depth, aliases, repeats + _repeats(names), names)

    def _field(self, node: FieldNode) -> Size:
        if node.selection_set is None:
            return LEAF._replace(depth=1)
        inner = self.selection(node.selection_set)
        # How deep the schema may be asked about itself is a rule of validation already.
        introspection = node.name.value.startswith("__")
        return inner._replace(depth=1 if introspection else inner.depth + 1)

    def _inline(self, node: object) -> Size:
        selections = getattr(node, "selection_set", None)
        return self.selection(selections) if selections else LEAF


def _refuse_nested(selections: int) -> None:
    if selections > MAX_NESTING:
        raise Refused(Code.REQUEST_INVALID, "query", "it is nested too deeply")


def _repeats(names: Counter[str]) -> int:
    return sum(names.values()) - len(names)


def prepare(schema: GraphQLSchema, query: str) -> Prepared:
    """Parse, measure, validate. Raises GraphQLError (syntax, tokens), Refused (limits)."""
    refuse_deep_graphql(query)
    document = parse(query, max_tokens=MAX_TOKENS)
    refuse_large(document)
    errors = validate_document(schema, document, tuple(specified_rules))
    operations = tuple(
        definition.name.value if definition.name else ""
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
    )
    return Prepared(document, errors, operations, Kept())


def mark_of(query: str) -> bytes:
    """The digest of a text. Raises Refused(REQUEST_INVALID, "query") for one that is too long."""
    if len(query) > MAX_LENGTH:
        raise Refused(Code.REQUEST_INVALID, "query", f"above {MAX_LENGTH} characters")
    return hashlib.sha256(query.encode("utf-8", "surrogatepass")).digest()


class Documents:
    """Prepared documents by the digest of their text, the most recently used, in so many bytes.

    Used by one event loop; a long text is prepared in a thread, so that nobody waits for it.
    """

    def __init__(self, schema: GraphQLSchema, most_bytes: int = REMEMBERED_BYTES) -> None:
        self._schema = schema
        self._most_bytes = most_bytes
        self._kept: OrderedDict[bytes, tuple[Prepared, int]] = OrderedDict()
        self._limiter = anyio.CapacityLimiter(PREPARED_AT_ONCE)
        self.bytes = self.hits = self.misses = 0

    async def prepared(self, query: str, mark: bytes | None = None) -> Prepared:
        """The document of a text; `mark` is its digest, for a caller who has it.

        Raises GraphQLError (syntax, tokens), Refused (limits)."""
        mark = mark or mark_of(query)
        found = self._kept.get(mark)
        if found is not None:
            self.hits += 1
            self._kept.move_to_end(mark)
            return found[0]
        self.misses += 1
        if len(query) <= SHORT:
            made = prepare(self._schema, query)
        else:
            made = await anyio.to_thread.run_sync(
                prepare, self._schema, query, limiter=self._limiter
            )
        self._keep(mark, made, _bytes_of(query, made))
        return made

    def _keep(self, mark: bytes, made: Prepared, size: int) -> None:
        if size > self._most_bytes // 8:
            return
        if mark not in self._kept:  # It may have been prepared twice at the same time.
            self._kept[mark] = (made, size)
            made.plans.told = self._grown
            self._grown(size + made.plans.bytes)

    def _grown(self, size: int) -> None:
        self.bytes += size
        while self.bytes > self._most_bytes:
            made, taken = self._kept.popitem(last=False)[1]
            made.plans.told = None
            self.bytes -= taken + made.plans.bytes


def _bytes_of(query: str, made: Prepared) -> int:
    """About how many bytes a prepared document takes; rather too many than too few.

    Its nodes hold their tokens, and those, comments too, parts of the text.
    """
    size = 24_576 + 2 * sys.getsizeof(query)
    token = made.document.loc.start_token if made.document.loc else None
    while token is not None:
        size += TOKEN_BYTES
        token = token.next
    return size + sum(2_000 + sys.getsizeof(error.message) for error in made.errors)
