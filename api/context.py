"""What REST, GraphQL and the worker share: one open ledger and everything that reads beside it."""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct
from sqlalchemy import Engine

from api.auth import KeyRing
from api.desk import Desk
from domain.channel.port import ChannelPort
from domain.eventstore.database import sqlalchemy_engine
from domain.eventstore.ledger import Ledger, utc_us
from projections.engine import Projector


class Runner(Protocol):
    """Something that works in threads of its own beside the server: projector, worker."""

    def start(self) -> None: ...

    def stop(self) -> None:
        """End what runs and wait for it; calling it again does nothing."""


class AppContext(Struct, frozen=True):
    """`desk` holds the ledger, its read side and its channels; `clock` gives UTC µs.

    `runners` are started with the server and stopped before the ledger closes, in reverse order.
    """

    desk: Desk
    keys: KeyRing
    clock: Callable[[], int]
    runners: tuple[Runner, ...] = ()

    @property
    def ledger(self) -> Ledger:
        return self.desk.ledger

    @property
    def engine(self) -> Engine:
        """For reads: the database itself refuses writes through it."""
        return self.desk.engine

    def start(self) -> None:
        for runner in self.runners:
            runner.start()

    def close(self) -> None:
        for runner in reversed(self.runners):
            runner.stop()
        self.ledger.close()
        self.engine.dispose()


def open_context(
    database_url: str, channel: ChannelPort, *, clock: Callable[[], int] = utc_us
) -> AppContext:
    """Open a migrated ledger, without runners. Raises Refused(REQUEST_INVALID, "database")."""
    ledger = Ledger.open(database_url, clock=clock)
    engine = sqlalchemy_engine(ledger.database, read_only=True)
    desk = Desk(ledger, engine, Projector(), channel)
    return AppContext(desk, KeyRing(engine), clock)
