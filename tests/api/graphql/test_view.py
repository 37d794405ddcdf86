"""What one request reads stands at one position, whatever happens to the read models meanwhile."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from api.graphql import view as view_module
from api.graphql.lanes import AT_ONCE, LANES
from api.graphql.reads import THREADS
from api.graphql.view import View
from domain.clearing.commands import OpenBooks
from domain.member.commands import RegisterMember
from projections.rebuilding.rebuild import rebuild
from projections.registry import READ_MODELS
from tests.api.graphql.conftest import Books
from tests.examples import BUYER, BUYER_NAME, PAY_DAY


def in_view(books: Books, work: Callable[[View], Awaitable[Any]]) -> Any:
    """Run something with a view; afterwards nobody holds one."""

    async def run() -> Any:
        limiter = anyio.CapacityLimiter(THREADS)
        view = View(books.context.engine, limiter)
        try:
            return await work(view)
        finally:
            await view.close()
            assert limiter.borrowed_tokens == 0

    return anyio.run(run)


def members(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT count(*) FROM members")))


def accounts(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT count(*) FROM balances WHERE owner <> ''")))


def register(books: Books, name: str) -> None:
    books.do(RegisterMember(name, "personal", BUYER_NAME))
    books.catch_up()


def test_a_view_stays_where_it_was_opened(own_books: Books) -> None:
    own_books.do(OpenBooks(PAY_DAY))
    register(own_books, BUYER)

    async def work(view: View) -> list[int]:
        seen = [await view.read(members)]
        await anyio.to_thread.run_sync(register, own_books, "LATER")
        seen += [await view.read(members), await view.read(accounts)]
        await view.close()
        seen += [await view.read(members), await view.read(accounts)]
        return seen

    before, *rest = in_view(own_books, work)
    assert before == 1
    assert rest[0] == 1
    assert rest[2] == 2
    assert rest[3] == rest[1] + 1


def test_a_rebuild_waits_for_a_view_and_does_not_change_it(own_books: Books) -> None:
    own_books.do(OpenBooks(PAY_DAY))
    register(own_books, BUYER)
    context = own_books.context
    swapped: list[bool] = []

    def build() -> None:
        models = list(READ_MODELS.values())
        swapped.extend(
            one.swapped for one in rebuild(context.ledger.recorder, context.writes, models)
        )

    builder = threading.Thread(target=build)

    async def work(view: View) -> list[int]:
        seen = [await view.read(members), await view.read(accounts)]
        builder.start()
        with anyio.move_on_after(0.7):
            await anyio.to_thread.run_sync(builder.join, abandon_on_cancel=True)
        own_books.do(RegisterMember("LATER", "personal", BUYER_NAME))
        return [*seen, await view.read(members), await view.read(accounts)]

    try:
        one, opened, *later = in_view(own_books, work)
    finally:
        builder.join(60)
    assert (one, later) == (1, [1, opened])
    assert swapped and all(swapped)
    own_books.catch_up()
    assert in_view(own_books, lambda view: view.read(members)) == 2


def test_an_error_ends_the_view_and_not_the_request(own_books: Books) -> None:
    async def work(view: View) -> int:
        for _ in range(2):
            with pytest.raises(DBAPIError):
                await view.read(lambda connection: connection.execute(text("SELECT nothing")))
        return await view.read(members)

    own_books.catch_up()
    assert in_view(own_books, work) == 0


def test_a_query_that_is_given_up_leaves_nothing_behind(own_books: Books) -> None:
    go_on = threading.Event()

    async def work(view: View) -> int:
        with anyio.move_on_after(0.05):
            await view.read(lambda _connection: go_on.wait(0.3))
        return await view.read(members)

    own_books.catch_up()
    assert in_view(own_books, work) == 0


class Holding:
    """Keeps the thread of a view back at one step, until `go_on`, and keeps what it opened."""

    def __init__(self, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.made: list[Connection] = []
        self._when = when
        self._begun = view_module._begun
        monkeypatch.setattr(view_module, "_begun", self._opening)
        if when == "closing":
            self._close = View._close
            monkeypatch.setattr(View, "_close", lambda view: self._closing(view))

    def _at(self, step: str) -> None:
        if self._when == step:
            self.reached.set()
            self.go_on.wait(10)

    def _opening(self, engine: Engine) -> Connection:
        self._at("opening")
        self.made.append(self._begun(engine))
        return self.made[-1]

    def reading(self, connection: Connection) -> int:
        self._at("reading")
        return members(connection)

    def _closing(self, view: View) -> None:
        self._at("closing")
        self._close(view)

    @property
    def all_closed(self) -> bool:
        return bool(self.made) and all(one.closed for one in self.made)


@pytest.mark.parametrize("when", ["opening", "reading", "closing"])
def test_a_cancelled_task_leaves_no_connection_open(
    own_books: Books, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As graphql-core ends the fields of a request when one has failed: by `cancel`, which no
    shield of anyio keeps away, while the thread goes on."""
    held = Holding(when, monkeypatch)

    async def run() -> None:
        limiter = anyio.CapacityLimiter(THREADS)
        view = View(own_books.context.engine, limiter)

        async def field() -> None:
            await view.read(held.reading)
            await view.close()

        task = asyncio.ensure_future(field())
        await anyio.to_thread.run_sync(held.reached.wait, 10)
        task.cancel()
        # Soon after the cancelling has arrived: until then the task may wait for its thread.
        asyncio.get_running_loop().call_later(0.1, held.go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await task
        held.go_on.set()
        await view.end()
        with pytest.raises(asyncio.CancelledError):
            await view.read(members)
        for _ in range(500):
            if held.all_closed:
                break
            await asyncio.sleep(0.01)
        assert held.all_closed
        assert limiter.borrowed_tokens == 0

    own_books.catch_up()
    asyncio.run(run())


def test_missing_tables_are_missed_by_those_who_ask_for_them(own_books: Books) -> None:
    own_books.catch_up()
    with own_books.context.writes.begin() as connection:
        connection.execute(text("DROP TABLE statement_lines"))
    assert in_view(own_books, lambda view: view.read(members)) == 0


def test_a_field_that_is_late_holds_nothing_when_its_request_has_failed(books: Books) -> None:
    """One field is refused at once, and there is no data: another was still to begin reading."""
    query = """query($day: Date = "2010-12-08") {
      transaction(id: "x") { id } clearingPositions(date: $day) { channel } }"""
    for _ in range(THREADS + 1):
        assert books.ask(query, day=None)["data"] is None
    assert books.graphql._limiter.borrowed_tokens == 0
    many = query.replace(
        "clearing",
        "transactions(first: 100) { edges { node { id orderNo state "
        "buyerId subject items mode channel paymentNo createdAt paidAt } } } clearing",
    )
    for _ in range(LANES * AT_ONCE + 1):
        assert books.ask(many, day=None)["data"] is None
    assert books.read("{ ledger { position } }", day=None)
