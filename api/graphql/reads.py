"""What one request reads with: its caller, one view of the books, and no write anywhere."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import anyio
from graphql import DocumentNode
from sqlalchemy import CompoundSelect, Connection, Engine, Row
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from strawberry import Info as StrawberryInfo
from strawberry.dataloader import DataLoader

from api.graphql.scope import Scope
from api.graphql.view import View
from api.http.keys import Caller
from api.operations.personal import Personal
from api.operations.watching import Watch
from domain.channel.health import Summary
from domain.refusals import Code, Refused
from projections.engine import checkpoints
from projections.engine.arrivals import Arrivals
from projections.models import (
    authority_orders,
    channels,
    contradictions,
    instruction_attempts,
    instructions,
    orders,
    payment_legs,
    payments,
    refunds,
    settlement_items,
    suspense_items,
)
from projections.models.journal import JournalLine, entries_of_all
from projections.models.orders import OrderLine
from projections.models.payments import PaymentLine
from projections.models.settlement_items import SettlementItem
from projections.models.settlement_payouts import Payout, payouts
from projections.tables.paging import Page

THREADS = 10  # Requests that read at once in a process; the engine's pool has room for them.
WAIT_MS = 5_000
WALL = Watch()
MOST_STREAMS = 200  # Of one look-up of entries or payouts.

ResultT = TypeVar("ResultT")
_log = logging.getLogger("zhangfang.api")


class Reads(Scope):
    """The context of one GraphQL request."""

    __slots__ = (
        "_arrivals",
        "_view",
        "_wait_ms",
        "attempts",
        "channel_choices",
        "channel_health",
        "channel_times",
        "contradictions_of",
        "deductions_of",
        "document",
        "entries",
        "instructions_of",
        "order_lines",
        "order_shares",
        "payment_legs",
        "payment_lines",
        "payment_steps",
        "payouts",
        "personal",
        "refund_parts",
        "settlement_items",
        "suspense_items_of",
    )

    def __init__(
        self,
        caller: Caller,
        engine: Engine,
        limiter: anyio.CapacityLimiter,
        document: DocumentNode,
        arrivals: Arrivals,
        wait_ms: int = WAIT_MS,
        watch: Watch = WALL,
        personal: Personal | None = None,
    ) -> None:
        super().__init__(caller, watch)
        self.personal = personal
        self.document = document
        self._arrivals = arrivals
        self._view = View(engine, limiter)
        self._wait_ms = wait_ms
        # What the nodes of a page ask for one by one is looked up in one query for all of them.
        self.entries = DataLoader(self._load_entries, max_batch_size=MOST_STREAMS)
        self.payouts = DataLoader(self._load_payouts, max_batch_size=MOST_STREAMS)
        self.order_lines = DataLoader(self._load_order_lines, max_batch_size=MOST_STREAMS)
        self.payment_lines = DataLoader(self._load_payment_lines, max_batch_size=MOST_STREAMS)
        self.payment_legs = self._loader(payment_legs.legs)
        self.payment_steps = self._loader(payment_legs.steps)
        self.refund_parts = self._loader(refunds.parts)
        self.instructions_of = self._loader(instructions.instructions_of)
        self.attempts = self._loader(instructions.attempts_of)
        self.contradictions_of = self._loader(contradictions.contradictions_of)
        self.order_shares = self._loader(authority_orders.shares)
        self.deductions_of = self._loader(authority_orders.deductions_by)
        self.suspense_items_of = self._loader(suspense_items.items_of)
        self.channel_health = self._loader(self._channel_health)
        self.channel_times = self._loader(
            lambda books, _: channels.maintenance_of(_all(books, channels.maintenance_query()))
        )
        self.channel_choices = DataLoader(self._load_choices, max_batch_size=MOST_STREAMS)
        self.settlement_items = DataLoader(self._load_items, max_batch_size=MOST_STREAMS)

    async def read(self, query: Callable[[Connection], ResultT]) -> ResultT:
        """Run a query in the request's view. Raises Refused(BUSY) without a database."""
        try:
            return await self._view.read(query)
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            if getattr(getattr(error, "orig", None), "sqlite_errorname", "") == "SQLITE_ERROR":
                raise  # SQLite's word for a wrong statement, which no trying again puts right.
            _log.warning("the database does not answer: %s", error)
            raise Refused(Code.BUSY, "database", "the database does not answer") from error

    async def wait_for(self, position: int, names: Sequence[str]) -> None:
        """Wait until the read models hold every fact up to a position, 5 seconds at most; what is
        read afterwards is read there or later.

        Raises Refused(BUSY, "atLeast") when they do not get there, or one of them is paused.
        """

        async def look() -> list[checkpoints.Checkpoint]:
            states = await self.read(lambda connection: checkpoints.load(connection, names))
            late = checkpoints.behind(states, names, position)
            if late:  # The next look has to see what is committed by then.
                await self._view.close()
            return late

        late = await self._arrivals.until(look, names, position, self._wait_ms)
        if late:
            where = ", ".join(f"{state.name} is at {state.position}" for state in late)
            raise Refused(Code.BUSY, "atLeast", f"not yet at {position}: {where}")

    async def close(self) -> None:
        """At the end of the request."""
        await self._view.end()

    def _loader(
        self, query: Callable[[Connection, Sequence[str]], dict[str, list[ResultT]]]
    ) -> DataLoader[str, list[ResultT]]:
        """What a query finds for many keys at once, by key."""

        async def load(keys: list[str]) -> list[list[ResultT]]:
            found = await self.read(lambda connection: query(connection, keys))
            return [found.get(key, []) for key in keys]

        return DataLoader(load, max_batch_size=MOST_STREAMS)

    def _channel_health(
        self, connection: Connection, names: Sequence[str]
    ) -> dict[str, list[Summary]]:
        query = instruction_attempts.lately_query()
        rows = connection.execute(query, self.watch.values()).all()
        found = self.watch.summaries(rows)
        return {name: [found[name]] for name in names}

    async def _load_choices(self, wanted: list[tuple[str, int]]) -> list[list[channels.Decision]]:
        """By channel, and how many of them."""

        def read(connection: Connection) -> dict[int, dict[str, list[channels.Decision]]]:
            query = channels.decisions_query()
            return {
                first: channels.decisions_of(connection.execute(query, {"first": first}).all())
                for first in {first for _, first in wanted}
            }

        found = await self.read(read)
        return [found[first].get(name, []) for name, first in wanted]

    async def _load_entries(self, streams: list[str]) -> list[list[JournalLine]]:
        found = await self.read(lambda connection: entries_of_all(connection, streams))
        return [found.get(stream, []) for stream in streams]

    async def _load_payouts(self, batch_ids: list[str]) -> list[list[Payout]]:
        found = await self.read(lambda connection: payouts(connection, batch_ids))
        return [found.get(batch_id, []) for batch_id in batch_ids]

    async def _load_order_lines(self, order_nos: list[str]) -> list[list[OrderLine]]:
        found = await self.read(lambda connection: orders.lines(connection, order_nos))
        return [found.get(order_no, []) for order_no in order_nos]

    async def _load_payment_lines(self, payment_nos: list[str]) -> list[list[PaymentLine]]:
        found = await self.read(lambda connection: payments.lines(connection, payment_nos))
        return [found.get(payment_no, []) for payment_no in payment_nos]

    async def _load_items(
        self, wanted: list[settlement_items.Wanted]
    ) -> list[Page[SettlementItem]]:
        return await self.read(lambda connection: settlement_items.items(connection, wanted))


def _all(connection: Connection, query: CompoundSelect[Any]) -> Sequence[Row[Any]]:
    return connection.execute(query).all()


Info = StrawberryInfo[Reads, None]
