"""What one document may cost, and that a document seen before costs nothing but its execution."""

import cProfile
import time
from typing import Any

import anyio
import pytest
from graphql import get_introspection_query, parse
from sqlalchemy import event

from api.graphql.app import GraphQLReads
from api.graphql.asked import Asked
from api.graphql.limits import MAX_ALIASES, MAX_DEPTH, MAX_REPEATS, MAX_TOKENS, refuse_large
from api.graphql.plan.books import PostgresBooks, SqliteBooks
from api.http.keys import Caller
from api.http.nesting import MAX_NESTING
from domain.refusals import Refused
from tests.api.graphql.conftest import TEA, TEA_ORDERS, Books

AUDITOR = Caller("auditor", None, "key")


def nested(depth: int) -> str:
    """A document of this depth, a leaf included; what it names need not exist."""
    return "{" + "a{" * (depth - 1) + "b" + "}" * (depth - 1) + "}"


def chain(fragments: int, spreads: int, first: str = "...f0") -> str:
    """Fragments that each spread the next one several times: exponential when written out."""
    links = "".join(
        f"fragment f{i} on Query {{ {f'...f{i + 1} ' * spreads} }}" for i in range(fragments)
    )
    return f"{{ {first} }} {links} fragment f{fragments} on Query {{ ledger {{ position }} }}"


def inline(depth: int, leaf: str = "a") -> str:
    """Selections inside each other that are no fields; one more around them."""
    return "{" + "...{" * depth + leaf + "}" * depth + "}"


def test_a_document_may_be_just_as_large_as_the_limits() -> None:
    refuse_large(parse(nested(MAX_DEPTH)))
    refuse_large(parse("{" + "".join(f"a{i}: b " for i in range(MAX_ALIASES)) + "}"))
    refuse_large(parse("{" + "a " * (MAX_REPEATS + 1) + "}"))
    refuse_large(parse(inline(MAX_NESTING - 1)))
    refuse_large(parse(chain(MAX_NESTING - 3, 1)))
    refuse_large(parse(chain(MAX_NESTING - 3, 1, "...f30 ...f0")))


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(nested(MAX_DEPTH + 1), id="depth"),
        pytest.param(
            f"{{ a {{ ...f }} }} fragment f on A {nested(MAX_DEPTH)}", id="depth in a fragment"
        ),
        pytest.param(f"{{ ... on Query {{ a {nested(MAX_DEPTH)} }} }}", id="depth inline"),
        pytest.param(
            "{" + "".join(f"a{i}: b " for i in range(MAX_ALIASES + 1)) + "}", id="aliases"
        ),
        pytest.param(
            "{" + "...f " * 16 + "} fragment f on Query { x: a y: b }", id="aliases of a fragment"
        ),
        pytest.param("{" + "a " * (MAX_REPEATS + 2) + "}", id="repeats"),
        pytest.param("{" + "...f " * 32 + "} fragment f on Query { a }", id="repeated fragment"),
        pytest.param("{" + "... on Query { a } " * 32 + "}", id="repeated inline fragment"),
        pytest.param("{ a } fragment f on Query {" + "a " * 32 + "}", id="unused fragment"),
        pytest.param(chain(5, 3), id="exponential fragments"),
        pytest.param(inline(MAX_NESTING), id="nesting"),
        pytest.param(chain(MAX_NESTING - 2, 1), id="nesting in fragments"),
        pytest.param(chain(MAX_NESTING - 2, 1, "...f30 ...f0"), id="nesting, measured in halves"),
        pytest.param(inline(40, "...f") + f" fragment f on Q {inline(40)}", id="nesting in both"),
    ],
)
def test_a_document_is_refused_beyond_a_limit(document: str) -> None:
    with pytest.raises(Refused) as refusal:
        refuse_large(parse(document))
    assert (refusal.value.code, refusal.value.field) == ("request_invalid", "query")


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("{ ...f } fragment f on Query { ...f }", id="a fragment inside itself"),
        pytest.param("{ ...f }", id="a fragment that does not exist"),
        pytest.param("{" + "ledger{position}" * 490 + "}", id="one field very often"),
        pytest.param("{" + "x " * MAX_TOKENS + "}", id="tokens"),
        pytest.param(nested(900), id="nesting"),
        pytest.param(chain(90, 2), id="exponential fragments"),
        pytest.param(chain(230, 1), id="a long chain of fragments"),
        pytest.param("{", id="syntax"),
        pytest.param("", id="nothing"),
        pytest.param("{ nothingLikeThis }", id="unknown field"),
        pytest.param("{ ledger { position { minor } } }", id="fields of a scalar"),
        pytest.param(
            "{ __schema { types " + "{ fields { type " * 6 + "{ name" + "}" * 15, id="self"
        ),
    ],
)
def test_a_hostile_document_is_refused_quickly(books: Books, document: str) -> None:
    began = time.perf_counter()
    answer = books.ask(document)
    assert time.perf_counter() - began < 2
    assert "data" not in answer
    for error in answer["errors"]:
        assert error["extensions"]["code"] == "request_invalid", error
        assert len(error["message"]) <= 501


def test_the_schema_may_be_asked_about_itself(books: Books) -> None:
    answer = books.read(get_introspection_query())
    assert answer["__schema"]["queryType"]["name"] == "Query"


def test_a_document_is_parsed_and_validated_once(books: Books) -> None:
    reads = GraphQLReads(books.context)
    asked = Asked("query($m: ID!) { merchantStatement(merchantId: $m) { sales { minor } } }")

    def functions(member: str) -> set[str]:
        """The functions of graphql-core that answering calls, by file."""
        profile = cProfile.Profile()
        request = Asked(asked.query, {"m": member})
        answer: Any = profile.runcall(anyio.run, reads.answer, AUDITOR, request)
        assert answer["data"]["merchantStatement"]["sales"]["minor"]
        codes = [entry.code for entry in profile.getstats() if not isinstance(entry.code, str)]
        return {f"{code.co_filename}:{code.co_name}" for code in codes}

    def at_work(called: set[str]) -> set[str]:
        return {one for one in called if "/graphql/validation/" in one or "parser.py:" in one}

    assert at_work(functions("SQUIRRELS"))
    assert at_work(functions(TEA)) == set()
    assert (reads.documents.misses, reads.documents.hits) == (1, 1)


def test_what_validation_refuses_is_remembered_too(books: Books) -> None:
    reads = GraphQLReads(books.context)
    asked = Asked("{ nothingLikeThis }")
    first = anyio.run(reads.answer, AUDITOR, asked)
    assert anyio.run(reads.answer, AUDITOR, asked) == first
    assert (reads.documents.misses, reads.documents.hits) == (1, 1)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('transactions(first: 100, merchantId: "TEASHOP")', 1),
        ('transactions(first: 100, merchantId: "TEASHOP", state: "paid")', 1),
    ],
)
@pytest.mark.parametrize("planning", [True, False])
def test_the_entries_of_a_page_are_one_query(
    books: Books, monkeypatch: pytest.MonkeyPatch, query: str, expected: int, planning: bool
) -> None:
    planned: list[str] = []
    stock: list[str] = []
    for kind in (SqliteBooks, PostgresBooks):
        rows = kind.rows

        def noted(self: Any, statement: Any, values: Any, rows: Any = rows) -> Any:
            planned.append(statement.text)
            return rows(self, statement, values)

        monkeypatch.setattr(kind, "rows", noted)

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        stock.append(statement)

    monkeypatch.setattr(books.graphql, "planning", planning)
    monkeypatch.setattr(books, "check_stock", lambda *_given, **_how: None)
    books.read("{ ledger { position } }")  # The key is known from here on.
    stock.clear()
    planned.clear()
    engine = books.context.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        nodes = "edges { node { id entries { lines { account } } } }"
        edges = books.read(f"{{ {query} {{ {nodes} }} }}")["transactions"]["edges"]
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len(edges) >= TEA_ORDERS and all(edge["node"]["entries"] for edge in edges)
    reads = [statement for statement in stock if statement.lstrip().startswith("SELECT")]
    assert (len(planned), len(reads)) == ((1 + expected, 0) if planning else (0, 1 + expected))


def test_many_root_fields_read_at_once(books: Books) -> None:
    one = '(merchantId: "TEASHOP") { lines(first: 1) { edges { cursor } } }'
    query = " ".join(f"s{i}: merchantStatement{one}" for i in range(MAX_ALIASES))
    answer = books.read(f"{{ {query} }}")
    assert len(answer) == MAX_ALIASES
    assert len({str(value) for value in answer.values()}) == 1


def test_a_cost_is_not_remembered_for_other_page_sizes(books: Books) -> None:
    """10.0 is a page size as 10 is; what was asked for first must not be taken for the other."""
    reads = GraphQLReads(books.context, most_cost=500)
    text = (
        "query($n: Int!) { orders(first: $n) { edges { node { no state items: lastPosition } } } }"
    )

    async def costs(size: object) -> bool:
        answer = await reads.answer(AUDITOR, Asked(text, {"n": size, "other": 1}))
        return "data" not in answer

    assert [anyio.run(costs, size) for size in (1.0, 100.0, 1, 100, 2.0)] == [
        False, True, False, True, False,
    ]  # fmt: skip
    kept = next(iter(reads.documents._kept.values()))[0].plans
    assert set(kept.costs) == {(None, 1), (None, 2), (None, 100)}
    reads.close()


def test_what_nobody_asks_for_is_not_kept_with_a_document(books: Books) -> None:
    """Variables are a caller's to name and to fill."""
    reads = GraphQLReads(books.context)
    text = """query A($f: Boolean!) { ledger { hash @include(if: $f) } }
      query B($f: ID!) { account(id: $f) { id } }"""

    async def ask(number: int) -> None:
        variables = {"f": f"1001.{number:02d}" * 9, f"x{number}": number}
        await reads.answer(AUDITOR, Asked(text, variables, "B"))
        await reads.answer(AUDITOR, Asked(text, {"f": number % 2 == 0, "y": number}, "A"))

    for number in range(30):
        anyio.run(ask, number)
    kept = next(iter(reads.documents._kept.values()))[0].plans
    assert (len(kept.known), len(kept.costs), reads.planned) == (3, 2, 60)
    reads.close()


def test_plans_count_among_the_bytes_of_documents(books: Books) -> None:
    reads = GraphQLReads(books.context)
    reads.documents._most_bytes = 1_000_000
    flags = ["a", "b", "c", "d"]

    async def ask(number: int, bits: int) -> None:
        fields = " ".join(f"id @include(if: ${flag})" for flag in flags)
        declared = ", ".join(f"${flag}: Boolean!" for flag in flags)
        text = f'query({declared}) {{ x{number}: account(id: "1001.01") {{ code {fields} }} }}'
        values = {flag: bool(bits >> place & 1) for place, flag in enumerate(flags)}
        assert "errors" not in await reads.answer(AUDITOR, Asked(text, values))

    seen = set()
    for number in range(8):
        for bits in range(16):
            anyio.run(ask, number, bits)
            documents = reads.documents
            assert documents.bytes == sum(s + m.plans.bytes for m, s in documents._kept.values())
            assert documents.bytes <= 1_000_000
            seen.add(len(documents._kept))
    assert max(seen) > 1 and reads.planned == 128
    reads.close()
