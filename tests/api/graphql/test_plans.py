"""Plans: that they answer, that they see one state of the books, and that nothing breaks them."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import psycopg
import pytest

from api.graphql import app as endpoint
from api.graphql.plan.books import Books as PlanBooks
from api.graphql.plan.books import PostgresBooks, Readers, SqliteBooks
from domain.clearing.commands import OpenBooks
from domain.member.commands import RegisterMember
from projections.rebuilding.rebuild import rebuild
from projections.registry import READ_MODELS
from projections.tables.listing import Rendered
from tests.api.graphql.conftest import TEA_ORDERS, Books
from tests.examples import BATCH_ID, BUYER, BUYER_NAME, MERCHANT, PAY_DAY

MEMBERS = "{ members(first: 100) { edges { node { id kind operators { id } } } } }"
OTHERS = f"""{{ a: account(id: "2241.02.{MERCHANT}") {{ balance {{ minor }} }}
  o: orders {{ totalCount edges {{ node {{ no total {{ minor }} lines {{ merchantId }} }} }} }}
  s: merchantStatement(merchantId: "{MERCHANT}") {{ closing {{ minor }}
    lines {{ edges {{ node {{ at amount {{ minor }} }} }} }} }}
  t: trialBalance {{ balanced rows {{ code }} }} l: ledger {{ position hash }} }}"""


@pytest.fixture
def no_stock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked must be answered by a plan."""

    async def refused(*_given: Any, **_how: Any) -> None:
        raise AssertionError("the stock executor was asked")

    monkeypatch.setattr(endpoint.SCHEMA, "execute", refused)
    monkeypatch.setattr(Books, "check_stock", lambda *_given, **_how: None)


def ids(answer: dict[str, Any]) -> list[str]:
    return [edge["node"]["id"] for edge in answer["members"]["edges"]]


@pytest.mark.usefixtures("no_stock")
@pytest.mark.parametrize("role", ["auditor", "operator"])
def test_plans_answer_what_they_are_for(books: Books, role: str) -> None:
    assert MERCHANT in ids(books.read(MEMBERS, role))
    answer = books.read(OTHERS, role)
    assert answer["t"]["balanced"] and answer["o"]["totalCount"] == str(TEA_ORDERS + 2)


@pytest.mark.usefixtures("no_stock")
def test_a_merchants_plan_is_its_own(books: Books) -> None:
    query = "{ orders { edges { node { no total { minor } lines { merchantId } } } } }"
    for role in ("auditor", "merchant", "stranger"):
        nodes = [edge["node"] for edge in books.read(query, role)["orders"]["edges"]]
        shared = next(node for node in nodes if node["no"] == "JD1001")
        assert (shared["total"] is None) is (role != "auditor")
        assert len(shared["lines"]) == (2 if role == "auditor" else 1)


@pytest.mark.usefixtures("no_stock")
def test_a_rebuild_that_swaps_tables_is_not_noticed(own_books: Books) -> None:
    """Statements that are prepared by then, too."""
    own_books.do(OpenBooks(PAY_DAY), RegisterMember(BUYER, "personal", BUYER_NAME))
    own_books.catch_up()
    for _ in range(10):
        assert ids(own_books.read(MEMBERS)) == [BUYER]
    context = own_books.context
    assert all(
        one.swapped
        for one in rebuild(context.ledger.recorder, context.writes, list(READ_MODELS.values()))
    )
    own_books.do(RegisterMember("LATER", "personal", BUYER_NAME))
    own_books.catch_up()
    for _ in range(10):
        assert ids(own_books.read(MEMBERS)) == sorted([BUYER, "LATER"])


def test_lost_connections_are_made_again(own_books: Books) -> None:
    own_books.do(OpenBooks(PAY_DAY), RegisterMember(BUYER, "personal", BUYER_NAME))
    own_books.catch_up()
    assert ids(own_books.read(MEMBERS)) == [BUYER]
    database = own_books.context.ledger.database
    if database.dialect == "postgresql":
        with psycopg.connect(**database.connection_arguments, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND query LIKE '%members%' AND state = 'idle'"
            )
    for _ in range(3):
        assert ids(own_books.read(MEMBERS)) == [BUYER]


@pytest.mark.usefixtures("no_stock")
def test_a_view_is_one_state_whatever_is_written(own_books: Books) -> None:
    own_books.do(OpenBooks(PAY_DAY), RegisterMember(BUYER, "personal", BUYER_NAME))
    own_books.catch_up()
    with _plan_books(own_books) as reading, reading.view(["members", "balances"]):
        before = _count(reading)
        own_books.do(RegisterMember("LATER", "personal", BUYER_NAME))
        own_books.catch_up()
        assert _count(reading) == before == 1
    with _plan_books(own_books) as reading:
        assert _count(reading) == 2


def test_nothing_can_be_written_there(own_books: Books) -> None:
    with _plan_books(own_books) as reading, pytest.raises(Exception, match=r"read.?only"):
        reading.rows(Rendered("DELETE FROM members", (), {}), {})


@pytest.mark.usefixtures("no_stock")
def test_a_page_in_an_object_needs_nothing_of_it_to_be_selected(books: Books) -> None:
    query = f'{{ settlementBatch(id: "{BATCH_ID}") {{ items {{ totalCount }} }} }}'
    assert books.read(query)["settlementBatch"]["items"]["totalCount"] != "0"


@pytest.mark.usefixtures("no_stock")
def test_a_node_may_have_several_names(books: Books) -> None:
    query = """{ orders { edges { a: node { no lines { merchantId } } b: node { state } }
      more: edges { node { lines { amount { minor } } } } } }"""
    found = books.read(query)["orders"]
    assert found["edges"][0]["a"]["no"] == "JD1001" and found["edges"][0]["b"]["state"]
    assert len(found["more"][0]["node"]["lines"]) == len(found["edges"][0]["a"]["lines"]) == 2


@pytest.mark.usefixtures("no_stock")
def test_fields_that_no_rebuild_swaps_are_read_together(books: Books) -> None:
    found = books.read("{ a: ledger { position } b: ledger { hash } c: ledger { __typename } }")
    assert found["a"]["position"] and found["b"]["hash"]


@pytest.mark.parametrize("flag", [None, True, False, "absent"])
def test_a_flag_that_is_null_is_no_value(books: Books, flag: object) -> None:
    """Both executors are asked by `post`."""
    query = """query($f: Boolean = true) { ledger { position hash @include(if: $f) }
      orders(first: 1) { edges @skip(if: $f) { node { no } } } }"""
    books.ask(query, **({} if flag == "absent" else {"f": flag}))


def test_threads_compile_one_plan_at_once(books: Books) -> None:
    """The same document for the first time from many sides: one answer."""
    for number in range(5):
        query = OTHERS.replace(
            "trialBalance", f"x{number}: trialBalance {{ balanced }} trialBalance"
        )
        with ThreadPoolExecutor(8) as pool:
            answers = set(pool.map(lambda _: str(books.ask(query)), range(16)))  # noqa: B023
        assert len(answers) == 1


def test_readers_wait_for_nobody_and_end(books: Books) -> None:
    readers = Readers(books.context.ledger.database, 2)
    go_on = threading.Event()

    def slow(_reading: PlanBooks) -> str:
        go_on.wait(5)
        return "slow"

    async def work() -> list[str]:
        found: list[str] = []

        async def ask(read: Callable[[PlanBooks], str]) -> None:
            found.append(await readers.run(read))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, slow)
            await anyio.sleep(0.05)
            with anyio.move_on_after(0.05):  # Given up: its thread goes on to the next.
                await readers.run(slow)
            go_on.set()
            tasks.start_soon(ask, lambda _reading: "quick")
        return found

    assert sorted(anyio.run(work)) == ["quick", "slow"]
    readers.close()
    readers.close()


def test_what_a_reader_raises_is_raised_and_the_next_is_answered(books: Books) -> None:
    readers = Readers(books.context.ledger.database, 1)

    def broken(reading: PlanBooks) -> Any:
        return reading.rows(Rendered("SELECT 1 FROM nowhere", (), {}), {})

    async def work() -> int:
        for _ in range(2):
            with pytest.raises(Exception, match="nowhere"):
                await readers.run(broken)
        return await readers.run(_count)

    assert anyio.run(work) > 0
    readers.close()


class _plan_books:
    """A connection as plans have it."""

    def __init__(self, books: Books) -> None:
        self._database = books.context.ledger.database

    def __enter__(self) -> PlanBooks:
        of = SqliteBooks if self._database.dialect == "sqlite" else PostgresBooks
        self._open: PlanBooks = of(self._database)
        return self._open

    def __exit__(self, *_error: object) -> None:
        self._open.close()


def _count(reading: PlanBooks) -> int:
    return int(reading.rows(Rendered("SELECT count(*) FROM members", (), {}), {})[0][0])


def test_skip_is_looked_at_before_include(books: Books) -> None:
    """A null flag is an error there, whatever stands before it; found by the drill."""
    query = "query($f: Boolean = true) { ledger @include(if: false) @skip(if: $f) { hash } }"
    assert books.read(query) == {}
    assert books.refused(query, f=None) == ("request_invalid", "if")
