"""`atLeast` is woken by the projections' commit, and who waits keeps nothing that others need."""

import asyncio

import anyio.to_thread

from api.graphql.app import GraphQLReads
from api.graphql.asked import Asked
from api.http.keys import Caller
from domain.clearing.commands import OpenBooks
from tests.api.graphql.conftest import Books
from tests.examples import PAY_DAY

AUDITOR = Caller("auditor", None, "key")
MANY = 300
HOUR_MS = 3_600_000
LONG_S = 120


def test_many_who_wait_hold_no_connection_and_are_woken_together(own_books: Books) -> None:
    position = own_books.do(OpenBooks(PAY_DAY))
    context = own_books.context
    reads = GraphQLReads(context, HOUR_MS)
    query = f'{{ account(id: "1001.01", atLeast: {position}) {{ code }} }}'

    async def story() -> None:
        waiting = [asyncio.create_task(reads.answer(AUDITOR, Asked(query))) for _ in range(MANY)]
        while context.arrivals.waiting < MANY:
            await asyncio.sleep(0.01)
        assert context.engine.pool.status().count("Current Checked out connections: 0") == 1
        for one in waiting[:100]:
            one.cancel()
        await anyio.to_thread.run_sync(own_books.catch_up)
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in answers[:100])
        assert answers[100:] == [{"data": {"account": {"code": "1001.01"}}}] * (MANY - 100)

    try:
        asyncio.run(asyncio.wait_for(story(), LONG_S))
    finally:
        reads.close()
    assert context.arrivals.waiting == 0
