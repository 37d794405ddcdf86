"""What REST, GraphQL and the worker share: one open ledger and everything that reads beside it."""

import threading
from collections.abc import Callable
from typing import Protocol

import msgspec
from msgspec import Struct
from sqlalchemy import Engine

from api.http.bearer import KeyRing
from api.http.rates import Rates
from api.operations.desk import Desk
from api.operations.worker import Worker
from domain.channel.port import ChannelPort
from domain.eventstore.database import sqlalchemy_engine
from domain.ledger.ledger import Ledger, utc_us
from projections.engine.engine import Projector
from projections.engine.wakeup import WakeUp
from projections.registry import READ_MODELS


class Runner(Protocol):
    """Something that works in threads of its own beside the server: projections, worker."""

    def start(self) -> None: ...

    def stop(self) -> None:
        """End what runs and wait for it; calling it again does nothing."""


class ProjectionThread:
    """Keeps the read models up to the log, whichever process writes it."""

    def __init__(self, projector: Projector, ledger: Ledger) -> None:
        self._ledger = ledger
        self._wakeup = WakeUp()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=projector.run, args=(self._stop, self._wakeup), name="projections", daemon=True
        )

    def start(self) -> None:
        self._ledger.on_commit(self._wakeup.wake)
        channel = getattr(self._ledger.recorder, "channel", "")  # PostgreSQL's NOTIFY has one.
        self._wakeup.follow(self._ledger.database, channel)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wakeup.close()
        if self._thread.is_alive():
            self._thread.join()


class AppContext(Struct, frozen=True):
    """`desk` holds the ledger, its read side and its channels; `clock` gives UTC µs.

    `runners` are started with the server and stopped before the ledger closes, in reverse order.
    `writes` is the engine the projector writes read models with; `rates` says how often a key may
    ask.
    """

    desk: Desk
    keys: KeyRing
    clock: Callable[[], int]
    writes: Engine
    runners: tuple[Runner, ...] = ()
    rates: Rates = msgspec.field(default_factory=Rates)

    @property
    def ledger(self) -> Ledger:
        return self.desk.ledger

    @property
    def engine(self) -> Engine:
        """For reads: the database itself refuses writes through it."""
        return self.desk.engine

    @property
    def worker(self) -> Worker | None:
        """The worker that runs here, if one does."""
        return next((one for one in self.runners if isinstance(one, Worker)), None)

    @property
    def projector(self) -> Projector:
        return self.desk.projector

    def start(self) -> None:
        for runner in self.runners:
            runner.start()

    def close(self) -> None:
        for runner in reversed(self.runners):
            runner.stop()
        self.ledger.close()
        self.engine.dispose()
        self.writes.dispose()


def open_context(
    database_url: str,
    channel: ChannelPort,
    *,
    clock: Callable[[], int] = utc_us,
    projections: bool = False,
    worker: bool = False,
) -> AppContext:
    """Open a migrated ledger; `projections` and `worker` say what runs beside the server.

    Raises Refused(REQUEST_INVALID, "database").
    """
    ledger = Ledger.open(database_url, clock=clock)
    reads = sqlalchemy_engine(ledger.database, read_only=True)
    writes = sqlalchemy_engine(ledger.database)
    projector = Projector(ledger.recorder, writes, tuple(READ_MODELS.values()))
    desk = Desk(ledger, reads, projector, channel)
    runners: list[Runner] = []
    if projections:
        runners.append(ProjectionThread(projector, ledger))
    if worker:
        runners.append(Worker(desk, clock))
    return AppContext(desk, KeyRing(reads), clock, writes, tuple(runners))
