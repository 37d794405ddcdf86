"""`zhangfang bench graphql`: what a query costs, by its plan, by the stock executor, by the floor.

Each is a server process of its own on the same ledger, asked over HTTP on the loopback, one request
after the other. They are asked in turns, and so are the ledger and its longer brother: whatever
slows the machine down for a while slows all down. Waits and rates are medians of the turns; CPU is
that of the best quarter of them, because others on the machine can only add to it.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from api.cli.opening import open_desk
from api.http.keys import create_key
from benchmarks.databases import Databases
from benchmarks.figures import Backend, GraphQL
from benchmarks.graphql.ledgers import import_into, quarter, repeat
from benchmarks.graphql.processes import PROC, PROGRAMS, Client, Server, server
from benchmarks.graphql.queries import QUERIES, Place, Query, plain
from domain.ledger.ledger import utc_us
from projections.models.merchant_statements import ENDS
from projections.models.transactions import TABLE as TRANSACTIONS

SCALE = 10
MOST_TURNS = 15
SHORTEST_S = 0.1  # Of a turn, if there is to be more than one.
WARM = 12  # Requests that are not counted: statements are prepared by then.
WARM_AGAIN = 3  # At the beginning of a turn: the key is looked up again.
Tell = Callable[[str], None]


class Ledger(Struct, frozen=True):
    """A ledger that is served, by each of the executors."""

    name: str
    place: Place
    keys: Mapping[str, str]
    servers: Mapping[str, Server]

    @contextmanager
    def client(self, kind: str, query: Query) -> Iterator[Client]:
        body = {"query": query.text, "variables": query.variables(self.place)}
        client = Client(self.servers[kind].address, self.keys[query.role], body)
        try:
            yield client
        finally:
            client.close()


class Seen:
    """What was seen of one query, on one ledger, by one executor."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.server_ms: list[float] = []
        self.database_ms: list[float] = []
        self.per_second: list[float] = []

    @property
    def cpu_ms(self) -> tuple[float, float]:
        """Of a request, of the server and of the database, in the turn that a quarter of all were
        better than."""
        turns = sorted(zip(self.server_ms, self.database_ms, strict=True), key=sum)
        return turns[len(turns) // 4]


def measure(
    made: Databases,
    backend: Backend,
    seconds: float,
    tell: Tell,
    *,
    scale: int = SCALE,
    feed: Path | None = None,
) -> list[GraphQL]:
    """Import the feed, and `scale` times as much, and measure every query for so many seconds on
    each. Raises RuntimeError where the system does not tell what a process takes."""
    if not PROC.exists():
        raise RuntimeError("bench graphql: this system does not tell a process's CPU in /proc")
    with ExitStack() as stack:
        directory = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="zhangfang-bench-"))
        )
        source, name = quarter(directory / "quarter", feed, tell)
        feeds = [(source, name)]
        if scale > 1:
            tell(f"{name}: writing {scale} times as much")
            repeat(source, directory / "longer", scale)
            feeds.append((directory / "longer", f"{name} x{scale}"))
        urls = []
        for path, called in feeds:
            url = stack.enter_context(made.empty(backend))
            import_into(url, path, f"{backend}, {called}", tell)
            urls.append((called, url))
        return measure_on(urls, backend, seconds, tell)


def measure_on(
    urls: list[tuple[str, str]], backend: Backend, seconds: float, tell: Tell
) -> list[GraphQL]:
    """Measure on ledgers that are there, each with its name."""
    with ExitStack() as stack:
        ledgers = [_served(name, url, stack) for name, url in urls]
        for ledger in ledgers:
            for query in QUERIES:
                _warm(ledger, query)
        found = []
        for number, query in enumerate(QUERIES, 1):
            load = os.getloadavg()[0]
            tell(f"{backend}, {number} of {len(QUERIES)}: {query.name} (load {load:.1f})")
            found += _measured(ledgers, backend, query, seconds)
    return sorted(found, key=lambda one: [name for name, _ in urls].index(one.ledger))


def _served(name: str, url: str, stack: ExitStack) -> Ledger:
    with open_desk(url) as context:
        with context.engine.connect() as connection:
            place = _place(connection)
        keys = {
            role: create_key(context.writes, role, member, utc_us, "bench")
            for role, member in (("merchant", place.merchant), ("auditor", None))
        }
    servers = {
        kind: stack.enter_context(server(kind, url, f"bench-{kind}-{name}"[:60]))
        for kind in PROGRAMS
    }
    return Ledger(name, place, keys, servers)


def _place(connection: Connection) -> Place:
    busiest = select(ENDS.c.merchant, ENDS.c.seq).order_by(ENDS.c.seq.desc()).limit(1)
    merchant, lines = connection.execute(busiest).one()
    columns = TRANSACTIONS.c
    mine = select(columns.created_at_us, columns.transaction_id).where(columns.merchant == merchant)
    places = connection.execute(mine.order_by(*mine.selected_columns)).all()
    return Place(merchant, lines // 2, tuple(places[len(places) // 2]))


def _warm(ledger: Ledger, query: Query) -> None:
    """Ask until everything is prepared; all executors must show the same rows."""
    shown = {}
    for kind in PROGRAMS:
        with ledger.client(kind, query) as client:
            for _ in range(WARM):
                answer = client.ask()
        decoded = msgspec.json.decode(answer)
        shown[kind] = plain(decoded) if kind == "floor" else query.rows(decoded)
    if not shown["plan"] == shown["stock"] == shown["floor"] or not shown["plan"]:
        raise RuntimeError(f"{query.name}: the executors do not show the same rows: {shown}")


def _measured(
    ledgers: list[Ledger], backend: Backend, query: Query, seconds: float
) -> list[GraphQL]:
    seen = {(ledger.name, kind): Seen() for ledger in ledgers for kind in PROGRAMS}
    each_s = seconds / len(PROGRAMS)
    turns = max(1, min(MOST_TURNS, int(each_s / SHORTEST_S)))
    for _ in range(turns):
        for kind in PROGRAMS:
            for ledger in ledgers:
                _turn(ledger, kind, query, each_s / turns, seen[ledger.name, kind])
    found = []
    for ledger in ledgers:
        with ledger.client("plan", query) as client:
            rows = _rows(query.rows(msgspec.json.decode(client.ask())))
        found.append(_figures(ledger.name, backend, query, rows, seen))
    return found


def _turn(ledger: Ledger, kind: str, query: Query, seconds: float, seen: Seen) -> None:
    asked = ledger.servers[kind]
    with ledger.client(kind, query) as client:
        for _ in range(WARM_AGAIN):
            client.ask()
        before = asked.spent()
        waits = client.ask_for(seconds)
        server_ms, database_ms = asked.spent().since(before)
    seen.waits += waits
    seen.server_ms.append(server_ms / len(waits))
    seen.database_ms.append(database_ms / len(waits))
    seen.per_second.append(len(waits) / sum(waits))


def _rows(shown: Any) -> int:
    """How many rows the answer is about: those of its page, else the one it is."""
    lists = [shown] if isinstance(shown, list) else [v for v in shown.values() if type(v) is list]
    return sum(map(len, lists)) or 1


def _figures(
    ledger: str, backend: Backend, query: Query, rows: int, seen: Mapping[tuple[str, str], Seen]
) -> GraphQL:
    plan, stock, floor = (seen[ledger, kind] for kind in PROGRAMS)
    waits = sorted(plan.waits)
    return GraphQL(
        backend,
        query.name,
        ledger,
        rows,
        int(median(plan.per_second)),
        round(sum(plan.cpu_ms), 3),
        round(plan.cpu_ms[0], 3),
        round(plan.cpu_ms[1], 3),
        round(waits[len(waits) // 2] * 1000, 3),
        round(waits[len(waits) * 99 // 100] * 1000, 3),
        round(sum(stock.cpu_ms), 3),
        round(sum(floor.cpu_ms), 3),
        query.aim_ms if backend == "postgresql" else None,
    )
