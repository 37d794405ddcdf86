"""What one request reads with: its caller, connections that close again, and no write anywhere.

Every root field takes a connection of its own, for one query, in a worker thread; so the event
loop never waits for the database, and no two fields share a connection.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import anyio
import anyio.to_thread
from graphql import DocumentNode
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from strawberry import Info as StrawberryInfo
from strawberry.dataloader import DataLoader

from api.keys import Caller
from domain.accounting.chart import CHART
from domain.refusals import Code, Refused
from projections import checkpoints
from projections.journal import JournalLine, entries_of_all
from projections.settlement_batches import Payout, payouts

THREADS = 10  # As many as a process reads with at once; the engine's pool has room for them.
WAIT_S = 5.0
POLL_S = 0.05
MOST_STREAMS = 200  # Of one look-up of entries or payouts.
NOBODY = "-"  # No member has this id: member ids have no dash.

ResultT = TypeVar("ResultT")
_log = logging.getLogger("zhangfang.api")


class Reads:
    """The context of one GraphQL request."""

    __slots__ = ("_engine", "_limiter", "caller", "document", "entries", "payouts")

    def __init__(
        self,
        caller: Caller,
        engine: Engine,
        limiter: anyio.CapacityLimiter,
        document: DocumentNode,
    ) -> None:
        self.caller = caller
        self.document = document
        self._engine = engine
        self._limiter = limiter
        # What the nodes of a page ask for one by one is looked up in one query for all of them.
        self.entries = DataLoader(self._load_entries, max_batch_size=MOST_STREAMS)
        self.payouts = DataLoader(self._load_payouts, max_batch_size=MOST_STREAMS)

    def within(self, member: str | None) -> str | None:
        """Whose rows a query may return, for its WHERE: None is everybody's.

        A merchant gets its own whether it names itself or nobody; for another's name the query
        runs for nobody, so that there is no telling who exists.
        """
        if self.caller.role != "merchant":
            return member
        own = self.caller.member or NOBODY
        return own if member is None or member == own else NOBODY

    def may_see(self, member: str) -> bool:
        """Whether rows of this member are the caller's to see."""
        return self.caller.role != "merchant" or member == self.caller.member

    def may_see_account(self, code: str, owner: str) -> bool:
        """A merchant sees its own accounts; a channel of the same name is somebody else."""
        if self.caller.role != "merchant":
            return True
        return owner == self.caller.member and code in CHART and CHART[code].owner == "member"

    async def read(self, query: Callable[[Connection], ResultT]) -> ResultT:
        """Run a query on a connection of its own. Raises Refused(BUSY) without a database."""
        try:
            return await anyio.to_thread.run_sync(self._run, query, limiter=self._limiter)
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            _log.warning("the database does not answer: %s", error)
            raise Refused(Code.BUSY, "database", "the database does not answer") from error

    async def wait_for(self, position: int, names: Sequence[str]) -> None:
        """Wait until the read models hold every fact up to a position, 5 seconds at most.

        Raises Refused(BUSY, "atLeast") when they do not get there.
        """
        deadline = time.monotonic() + WAIT_S
        while True:
            states = await self.read(lambda connection: checkpoints.load(connection, names))
            reached = [states[name].position if name in states else 0 for name in names]
            lowest = min(reached, default=position)
            if lowest >= position:
                return
            if time.monotonic() >= deadline:
                detail = f"the read models are at {lowest}, not yet at {position}"
                raise Refused(Code.BUSY, "atLeast", detail)
            await anyio.sleep(POLL_S)

    def _run(self, query: Callable[[Connection], ResultT]) -> ResultT:
        with self._engine.connect() as connection:
            return query(connection)

    async def _load_entries(self, streams: list[str]) -> list[list[JournalLine]]:
        found = await self.read(lambda connection: entries_of_all(connection, streams))
        return [found.get(stream, []) for stream in streams]

    async def _load_payouts(self, batch_ids: list[str]) -> list[list[Payout]]:
        found = await self.read(lambda connection: payouts(connection, batch_ids))
        return [found.get(batch_id, []) for batch_id in batch_ids]


Info = StrawberryInfo[Reads, None]
