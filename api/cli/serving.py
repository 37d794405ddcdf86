"""`zhangfang serve` and `run`: REST, GraphQL, worker and projections, in one process unless more
are asked for."""

import errno
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api import logs
from api.cli import demo
from api.cli.opening import development_key, open_desk, open_serving, vault_keys
from api.cli.output import DatabaseOption, JsonOption, Say, answering
from api.cli.outside import (
    NoSimulatorOption,
    SimulatorOption,
    described,
    now_there,
    outside,
    standing,
    wanted,
)
from api.cli.shopping import NoShopOption, is_for_this_machine, shopping
from api.cli.vault import add_key
from api.context import AppContext
from api.http import keys
from api.http.counting import CountedTogether
from api.http.shared import Figures, Place
from api.operations.outside import Outside
from api.operations.shop import DemoShop
from api.operations.story import MERCHANT
from api.operations.upgrade import bring_up_to_date
from api.operations.worker import FEW_DAYS
from api.settings import Settings, load_settings
from domain.ledger.ledger import utc_us
from domain.member import member
from domain.refusals import Code, Refused

if TYPE_CHECKING:
    from api.http.connections import Limits

STOPPED = "Stopped. The ledger is complete; `zhangfang serve` goes on with it."
RUN_STOPPED = "Stopped. The ledger is complete; the same command goes on with it."
GRACE_S = 5  # How long requests under way may still take when the server is told to stop.
BACKLOG = 256  # Below what is kept back of the descriptors: a rush takes none of those.
KEY_NOTE = "made by run"
EVER = 1_000_000

HostOption = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Else $ZHANGFANG_HOST, else 127.0.0.1.")
]
PortOption = Annotated[
    int | None,
    typer.Option(min=0, max=65_535, help="Else $ZHANGFANG_PORT, else 8000; 0: any free one."),
]
NoAutoDayOption = Annotated[
    bool, typer.Option("--no-auto-day", help="Leave opening and ending days to the operator.")
]
RollDaysOption = Annotated[
    bool,
    typer.Option(
        "--roll-days",
        help="End every day up to today, however far back the books are; without it more than "
        "a week is left to operators.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=64,
        metavar="N",
        help="Processes that serve; else $ZHANGFANG_WORKERS, else 1. The first has the worker and "
        "the read models.",
    ),
]
NoWorkerOption = Annotated[
    bool, typer.Option("--no-worker", help="Carry nothing out here: another process does.")
]


def serve(
    host: HostOption = None,
    port: PortOption = None,
    no_auto_day: NoAutoDayOption = False,
    roll_days: RollDaysOption = False,
    no_worker: NoWorkerOption = False,
    workers: WorkersOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    with answering(database, as_json, interrupted=STOPPED) as say:
        settings = settings_for(say, host, port, workers)

        def opened(*, first: bool = True) -> AppContext:
            return open_serving(
                say.database_url,
                auto_day=not no_auto_day,
                days_behind=EVER if roll_days else FEW_DAYS,
                worker=not no_worker,
                background=first and settings.background,
                settings=settings,
            )

        _check_documents(settings)  # Before anything is said to be served.
        with listening(settings) as listener:
            if settings.workers > 1:
                _serve_with_others(say, listener, settings, opened, worker=not no_worker)
                return
            with closing(opened()) as context:
                say_urls(say, listener)
                serve_on(context, listener, settings)


def _check_documents(settings: Settings) -> None:
    """Raises Refused(REQUEST_INVALID, "ZHANGFANG_DOCUMENTS") for a folder with a bad document."""
    from api.graphql.registered import read_folder
    from api.graphql.schema import graphql_schema

    if settings.documents:
        read_folder(graphql_schema(), settings.documents, settings.query_cost)


def _serve_with_others(
    say: Say,
    listener: socket.socket,
    settings: Settings,
    opened: Callable[..., AppContext],
    *,
    worker: bool,
) -> None:
    """Serve in several processes until told to stop; this one only watches them."""
    import api.app  # noqa: F401  # Loaded once, for all of them.
    from api.cli.workers import Workers
    from api.http.passing import pair

    figures, counted = Figures(settings.workers), CountedTogether(settings.workers)
    pairs = [pair() for _ in range(settings.workers - 1)]  # Of the first with each other one.

    def work(number: int, well: Callable[[], None]) -> None:
        with (
            answering(say.database_url, say.as_json, interrupted=STOPPED),
            closing(opened(first=number == 0)) as context,
        ):
            well()
            ends = [first for first, _ in pairs] if number == 0 else [pairs[number - 1][1]]
            serve_on(context, listener, settings, Place(figures, number, counted, ends))

    background = ("read models", "worker")[: 1 + worker] if settings.background else ()
    logs.configure(settings.log, settings.log_level, process=0)
    workers = Workers(settings.workers, work, figures.gone)
    workers.run(lambda: say_urls(say, listener, processes=_processes(workers.pids, background)))


def run(
    host: HostOption = None,
    port: PortOption = None,
    simulator: SimulatorOption = None,
    no_simulator: NoSimulatorOption = False,
    no_shop: NoShopOption = False,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Everything at once: create the database, play the story, print keys and URLs, serve.

    A simulator of banks, networks and WeChat Pay runs along: payments go to it over HTTP, and wait
    there until the payer acts (docs/simulator.md). So does a shop that buys through the cashier
    (docs/merchants.md). They end with the server.
    """
    with answering(database, as_json, interrupted=RUN_STOPPED) as say, ExitStack() as ends:
        settings = settings_for(say, host, port)
        over_http = wanted(simulator, no_simulator, settings.channels)
        listener = ends.enter_context(listening(settings))
        bring_up_to_date(say.database_url)
        far = standing(say.database_url)
        running = ends.enter_context(outside(say, simulator, far)) if over_http else None
        days_behind = EVER  # The story plays in the past; its books go on today.
        if far == "foreign":
            say.line("The story is not played: this ledger has books of its own.")
            days_behind = FEW_DAYS
        else:
            demo.tell(say, running if far != "told" else None)
        channels = settings.channels
        if running is not None:
            now_there(running)
            channels = str(running.channels(f"{_called_at(listener)}/callbacks"))
        made = _make_keys(say)
        update = {"channels": channels, **_developing(say, settings)}
        settings, shop = settings.model_copy(update=update), None
        if not no_shop and _sells(listener, settings, far):
            settings = settings.model_copy(update={"webhooks": "local"})  # The shop is near.
            there, at = running.url if running is not None else "", _called_at(listener)
            beside_it = shopping(say, at, KEY_NOTE, there, fresh=far == "empty")
            shop = ends.enter_context(beside_it)
        context = open_serving(
            say.database_url,
            days_behind=days_behind,
            background=settings.background,
            settings=settings,
        )
        with closing(context):
            say_urls(say, listener, made, simulator=running, shop=shop)
            serve_on(context, listener, settings)


def _sells(listener: socket.socket, settings: Settings, far: str) -> bool:
    """Whether there can be a shop: with the story's merchants, a vault (the cashier's links are
    made by its key), and a server for this machine alone."""
    here = is_for_this_machine(listener.getsockname()[0])
    return here and far != "foreign" and bool(vault_keys(settings))


def _developing(say: Say, settings: Settings) -> dict[str, str]:
    """A key of the vault for development, beside a ledger in a file, where none is configured."""
    path = development_key(say.database_url)
    if vault_keys(settings) or path is None:
        return {}
    if not path.exists():
        add_key(path)
        say.line(f"Vault      a key for development is in {path}; for real, make one elsewhere.")
    return {"vault_key_file": str(path)}


def _called_at(listener: socket.socket) -> str:
    """Where a process on this machine finds the server."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _make_keys(say: Say) -> dict[str, str]:
    """A key per role; those that earlier runs printed stop working. No merchant, no such key."""
    with open_desk(say.database_url) as context:
        for old in keys.list_keys(context.engine):
            if old.note == KEY_NOTE and old.revoked_at_us is None:
                keys.revoke_key(context.writes, old.id, utc_us)
        merchant = context.ledger.state(member.stream(MERCHANT)).kind == "enterprise"
        wanted = [("merchant", MERCHANT)] if merchant else []
        return {
            role: keys.create_key(context.writes, role, owner, utc_us, KEY_NOTE)
            for role, owner in [*wanted, ("auditor", None), ("operator", None)]
        }


def settings_for(
    say: Say, host: str | None, port: int | None, workers: int | None = None
) -> Settings:
    """The environment's settings, but for what the command line says. Raises Refused."""
    given = {"database": say.database_url, "host": host, "port": port, "workers": workers}
    named = {name: value for name, value in given.items() if value is not None}
    return Settings(**(load_settings().model_dump() | named))


def limits_of(settings: Settings) -> "Limits":
    """What may come in, by the settings and by the descriptors that the process may have."""
    from api.http.connections import Limits, affordable

    return Limits(
        connections=affordable(settings.connections),
        head_seconds=settings.head_seconds,
        body_seconds=settings.body_seconds,
        idle_seconds=settings.idle_seconds,
    )


def listening(settings: Settings) -> socket.socket:
    """A socket at the address, taken before anything is said or started.

    Raises Refused(REQUEST_INVALID), on "host" when there is no such address, else on "port".
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        nowhere = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        detail = f"{settings.host}:{settings.port}: {error.strerror or error}"
        field = "host" if nowhere else "port"
        raise Refused(Code.REQUEST_INVALID, field, detail) from None
    return listener


def base_url(listener: socket.socket) -> str:
    """`http://127.0.0.1:8000`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def say_urls(
    say: Say,
    listener: socket.socket,
    made: Mapping[str, str] | None = None,
    processes: Sequence[dict[str, Any]] = (),
    simulator: Outside | None = None,
    shop: DemoShop | None = None,
) -> None:
    """Where it is served, keys by role, and the processes if there are several, or what runs
    along; with --json as the one answer of the command."""
    base = base_url(listener)
    urls = {"graphql": f"{base}/graphql", "openapi": f"{base}/docs", "health": f"{base}/health"}
    if say.as_json:
        several = {"workers": len(processes), "processes": processes} if processes else {}
        along = {"simulator": described(simulator)} if simulator else {}
        first = {"shop": {"url": shop.url, "directory": str(shop.directory)}} if shop else {}
        say.json({**first, "urls": urls, **({"keys": made} if made else {}), **several, **along})
    if shop:
        say.line(f"Shop       {shop.url}  (buy something; in {shop.directory}/)")
    say.line(f"GraphiQL   {urls['graphql']}")
    say.line(f"OpenAPI    {urls['openapi']}")
    say.line(f"Health     {urls['health']}")
    if simulator:
        say.line(f"Simulator  {simulator.url}  (see /sandbox; in {simulator.directory}/)")
    for one in processes:
        say.line(f"Process {one['process']}  pid {one['pid']}: {', '.join(one['does'])}")
    for role, key in (made or {}).items():
        whose = f"{role} {MERCHANT}" if role == "merchant" else role
        say.line(f"Key        {key}  ({whose})")
    if made:
        say.line("Send one as `Authorization: Bearer <key>`. They work until the next `run`.")
    sys.stdout.flush()


def _processes(pids: Sequence[int], background: Sequence[str]) -> list[dict[str, Any]]:
    """Number, pid and work of each; the first has what runs in the background."""
    doors = ["commands", "queries"]
    return [
        {"process": number, "pid": pid, "does": [*doors, *background] if number == 1 else doors}
        for number, pid in enumerate(pids, 1)
    ]


def serve_on(
    context: AppContext, listener: socket.socket, settings: Settings, place: Place | None = None
) -> None:
    """Serve on a socket until told to stop, in this process alone unless it has a place among
    others. A SIGTERM ends with exit code 0."""
    import uvicorn  # Here and not above: the other commands start faster without them.

    from api.app import create_app
    from api.http.accepting import SharingServer
    from api.http.connections import Crowd, GuardedProtocol

    process = None if place is None else place.process + 1
    logs.configure(settings.log, settings.log_level, process=process)
    crowd = Crowd(limits_of(settings), place)
    config = uvicorn.Config(
        create_app(context, settings, crowd, place),
        http=partial(GuardedProtocol, crowd),  # type: ignore[arg-type]  # Called as a class is.
        ws="none",
        backlog=BACKLOG,
        timeout_keep_alive=settings.idle_seconds,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        lifespan="on",
    )
    # The server handles signals while it runs, and raises them again once everything is closed.
    before = signal.signal(signal.SIGTERM, _end)
    try:
        server = uvicorn.Server(config) if place is None else SharingServer(config, crowd, place)
        server.run(sockets=[listener])
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(_number: int, _frame: FrameType | None) -> None:
    raise typer.Exit(0)
