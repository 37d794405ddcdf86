"""What REST, GraphQL and the worker share: one open ledger and everything that reads beside it."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol

import msgspec
from msgspec import Struct
from sqlalchemy import Engine

from api.http.bearer import KeyRing
from api.http.passing import PassedOn
from api.http.rates import Rates
from api.operations.bills.daily import Daily, Sources
from api.operations.bindings import Binder
from api.operations.desk import Desk
from api.operations.outbox import Outbox
from api.operations.personal import Keeping, Personal
from api.operations.screening import Screening
from api.operations.watching import Watch, Watched
from api.operations.webhooks.addresses import Allow
from api.operations.webhooks.deliverer import Deliverer
from api.operations.webhooks.sending import Sender
from api.operations.webhooks.signing import Secrets
from api.operations.worker import FEW_DAYS, Worker
from domain.approval.kinds import Limits
from domain.channel.adapters.simulated_cards import SimulatedCardBank
from domain.channel.network import Adapter
from domain.channel.port import ChannelPort
from domain.eventstore.database import sqlalchemy_engine
from domain.kernel import Request
from domain.ledger.answer import Answer
from domain.ledger.ledger import Ledger, utc_us
from projections.engine import checkpoints
from projections.engine.arrivals import Arrivals, Follower, States, rows_channel
from projections.engine.engine import Projector
from projections.engine.wakeup import WakeUp
from projections.registry import READ_MODELS

NOTHING_KEPT = Keeping()


class Background(Protocol):
    """What works in threads of its own beside the server: the projections, the worker."""

    def start(self) -> None: ...

    def stop(self) -> None:
        """End what runs and wait for it; calling it again does nothing."""


class Woken(Background, Protocol):
    """What is told whenever the read models have gone on."""

    def wake(self) -> None: ...


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

    `background` is started with the server and stopped before the ledger closes, last one first.
    `writes` is the engine the projector writes read models with; `rates` says how often a key may
    ask; `arrivals` wakes who waits for the read models. `passed_on`: another process of the server
    decides commands. `callbacks` are the adapters that verify what channels tell of themselves;
    `watch` says how channels are doing; `limits` what needs two persons. `personal` has the vault,
    and the way to it; `hooks_to` says where members may want to hear; `bills` where those are
    fetched, if anywhere.
    """

    desk: Desk
    keys: KeyRing
    clock: Callable[[], int]
    writes: Engine
    personal: Personal
    background: tuple[Background, ...] = ()
    rates: Rates = msgspec.field(default_factory=Rates)
    arrivals: Arrivals = msgspec.field(default_factory=Arrivals)
    passed_on: PassedOn | None = None
    callbacks: Mapping[str, Adapter] = {}
    watch: Watch = Watch()
    limits: Limits = Limits()
    hooks_to: Allow = "public"
    bills: Sources | None = None

    async def submit(self, request: Request) -> Answer:
        """Decide one request, durably. Raises as `Ledger.submit_async` does."""
        if self.passed_on is not None:
            return await self.passed_on.submit(request)
        return await self.ledger.submit_async(request)

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
        return next((one for one in self.background if isinstance(one, Worker)), None)

    @property
    def outbox(self) -> Outbox | None:
        """The outbox that runs here, if one does."""
        return next((one for one in self.background if isinstance(one, Outbox)), None)

    @property
    def deliverer(self) -> Deliverer | None:
        """The deliverer of webhooks that runs here, if one does."""
        return next((one for one in self.background if isinstance(one, Deliverer)), None)

    @property
    def projector(self) -> Projector:
        return self.desk.projector

    def start(self) -> None:
        for one in self.background:
            one.start()

    def close(self) -> None:
        for one in reversed(self.background):
            one.stop()
        self.personal.close()
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
    auto_day: bool = True,
    days_behind: int = FEW_DAYS,
    network: Callable[[], Mapping[str, Adapter]] | None = None,
    payees: Mapping[str, str] | None = None,
    bills: Sources | None = None,
    factor: int = 1,
    keeping: Keeping = NOTHING_KEPT,
) -> AppContext:
    """Open a migrated ledger. `start()` begins what runs beside it, `close()` ends everything.

    `projections` keeps the read models up; `worker` carries operations out. With `auto_day` off the
    worker leaves business days to operators, as it does when the books are more than `days_behind`
    days back. `clock` is UTC µs, `factor` times as fast as the wall's. `network` makes adapters to
    channels over a network: then instructions go through those, from an outbox beside the worker,
    and `channel` carries nothing; `payees` are merchants' accounts at the bank, by member; `bills`
    say where those are fetched by the day. `keeping`: the vault. Raises what `open_recorder` does.
    """
    ledger, clocks = Ledger.open(database_url, clock=clock), Clocks(clock, factor)
    reads = sqlalchemy_engine(ledger.database, read_only=True)
    writes = sqlalchemy_engine(ledger.database)
    arrivals = Arrivals(told=projections)
    told: list[Callable[[States], None]] = [arrivals.reached]
    projector = Projector(
        ledger.recorder, writes, tuple(READ_MODELS.values()), on_written=partial(_tell, told)
    )
    desk = _desk(ledger, reads, projector, channel, network is not None, keeping)
    background = _reading(desk, arrivals, projections=projections)
    personal, asking = _personal(desk, writes, clocks, keeping)
    woken: list[Woken] = []
    if worker:
        working = Worker(desk, clock, auto_day=auto_day, days_behind=days_behind)
        background += [working, *_by_the_day(desk, writes, bills, clock, days_behind)]
        if network is not None:
            paying = (network(), payees, personal)
            woken.append(_outbox(desk, paying, clocks, working, days_behind))
        woken += asking
    background += woken
    told += [partial(_wake, one) for one in woken]
    seen = (tuple(background), Rates(), arrivals, None, *_heard(desk, clocks, network))
    keys = KeyRing(reads, ledger.state)
    return AppContext(desk, keys, clock, writes, personal, *seen, bills=bills)


def _by_the_day(
    desk: Desk, writes: Engine, bills: Sources | None, clock: Callable[[], int], days_behind: int
) -> list[Background]:
    """Who fetches bills and works on them, where there is somewhere to fetch them."""
    if bills is None:
        return []
    return [Daily(desk, writes, bills, clock, days_behind=days_behind)]


def _desk(
    ledger: Ledger,
    reads: Engine,
    projector: Projector,
    channel: ChannelPort,
    over_network: bool,
    keeping: Keeping,
) -> Desk:
    """With who looks members up in the lists, under a key of the vault."""
    screening = Screening(ledger, reads, keeping.vault)
    return Desk(ledger, reads, projector, channel, over_network, screening)


def _reading(desk: Desk, arrivals: Arrivals, *, projections: bool) -> list[Background]:
    """Who hears of the read models, and who keeps them up, where that is here."""
    follower = _follower(desk, arrivals, follows=not projections)
    return [follower, ProjectionThread(desk.projector, desk.ledger)] if projections else [follower]


def _follower(desk: Desk, arrivals: Arrivals, *, follows: bool) -> Follower:
    """Who hears of the read models; it `follows` those that another process writes."""
    follower = Follower(arrivals, lambda: _checkpoints(desk.engine))
    if follows:
        follower.follow(desk.ledger.database, rows_channel(desk.ledger.recorder))
    return follower


class Clocks(NamedTuple):
    """The books' clock (UTC µs), and how many times as fast as the wall's it runs."""

    books: Callable[[], int]
    factor: int


def _personal(
    desk: Desk, writes: Engine, clocks: Clocks, keeping: Keeping
) -> tuple[Personal, list[Woken]]:
    """The doors to the vault, and who needs it to ask banks and to sign what members hear; nobody
    does where there is no vault."""
    bank = keeping.bank or (lambda: SimulatedCardBank(clocks.books))
    vault, years = keeping.vault, keeping.retention_years
    personal = Personal(desk.ledger, desk.engine, vault, bank(), years, factor=clocks.factor)
    if vault is None:
        return personal, []
    books, factor = clocks
    binder = Binder(personal, bank(), desk.engine, books, factor=factor)
    secrets, sender = Secrets(personal), Sender(keeping.hooks_to)
    hooks = Deliverer(desk.ledger, desk.engine, writes, secrets, sender, books, factor=factor)
    return personal, [binder, hooks]


def _heard(
    desk: Desk, clocks: Clocks, network: Callable[[], Mapping[str, Adapter]] | None
) -> tuple[Mapping[str, Adapter], Watch]:
    """Adapters that verify what channels call us with, and how the channels do."""
    heard = network() if network is not None else {}
    return heard, _watch(desk, clocks, None if network is None else frozenset(heard))


def _watch(desk: Desk, clocks: Clocks, asked: frozenset[str] | None) -> Watch:
    """How channels are doing; where some are `asked` over a network, choices heed it."""
    watch = Watch(clocks.books, clocks.factor, asked)
    if asked is not None:
        desk.ledger.heed(Watched(desk.engine, watch))
    return watch


def _outbox(
    desk: Desk,
    paying: tuple[Mapping[str, Adapter], Mapping[str, str] | None, Personal],
    clocks: Clocks,
    worker: Worker,
    days_behind: int,
) -> Outbox:
    """The outbox beside a worker: while an import runs the operations, it begins nothing."""
    return Outbox(
        desk.ledger,
        desk.engine,
        paying[0],
        clocks.books,
        factor=clocks.factor,
        payees=paying[1],
        personal=paying[2],
        waits=lambda: worker.status.beside,
        days_behind=days_behind,
    )


def _wake(one: Woken, _states: States) -> None:
    one.wake()


def _tell(listeners: Sequence[Callable[[States], None]], states: States) -> None:
    for one in listeners:
        one(states)


def _checkpoints(engine: Engine) -> dict[str, checkpoints.Checkpoint]:
    with engine.connect() as connection:
        return checkpoints.load(connection, READ_MODELS)
