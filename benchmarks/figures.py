"""What the benchmarks report: one struct per line, in the shape `--json` prints."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct, field

Backend = Literal["sqlite", "postgresql"]
Shape = Literal["uniform", "hot"]
BACKENDS: tuple[Backend, ...] = ("sqlite", "postgresql")


class Transfers(Struct, frozen=True):
    """Durable transfers per second, and what a caller waits for one (ms)."""

    backend: Backend
    callers: int
    shape: Shape
    per_second: int
    p50_ms: float
    p99_ms: float


class Lifecycles(Struct, frozen=True):
    """Whole lifecycles per second, as an import submits them: waves of requests, one commit each.

    `callers_per_second`: the same by that many concurrent callers who each wait for every step.
    `bytes_per_lifecycle`: what the database grew by, tables and indexes of events, receipts, commit
    log and snapshots (SQLite: the file); read models are not run and not counted.
    """

    backend: Backend
    per_second: int
    facts_per_second: int
    bytes_per_lifecycle: int
    callers: int
    callers_per_second: int


class Visible(Struct, frozen=True):
    """What a caller waits for, from the acknowledgement of its commit to reading it by GraphQL with
    `atLeast` (ms): at rest, and while that many lifecycles a second are traded in the process."""

    backend: Backend
    p50_ms: float
    p99_ms: float
    lifecycles_per_second: int
    loaded_p50_ms: float
    loaded_p99_ms: float


class Payments(Struct, frozen=True):
    """Payments a second through a channel over HTTP whose answers take so long, with so many in
    flight. `bare_per_second`: the same signed requests without a ledger. `paid`: from asking over
    REST until the callback was taken; `visible`: from the callback until GraphQL says it is paid
    (ms). CPU of a payment, of the server with its outbox and of the database (ms)."""

    backend: Backend
    answer_ms: int
    in_flight: int
    per_second: float
    bare_per_second: float
    paid_p50_ms: float
    paid_p99_ms: float
    visible_p50_ms: float
    visible_p99_ms: float
    server_cpu_ms: float
    database_cpu_ms: float


class Beside(Struct, frozen=True):
    """A fast channel alone, and while so many payments wait for a slow one."""

    backend: Backend
    per_second: float
    p99_ms: float
    beside_per_second: float
    beside_p99_ms: float
    slow_answer_ms: int
    slow_in_flight: int


class Listening(Struct, frozen=True):
    """So many subscriptions at once. `kib_each`: what the server's memory grew by for one that
    hears nothing. `cpu_ms`: what server and database take of a core in a second at rest, with one
    of them, and with all. `answered`: from sending an order until it is answered; `one`: until the
    one listener is told whom it concerns, the others silent; `all`: until the last of all is, whom
    it all concerns (ms)."""

    backend: Backend
    listeners: int
    kib_each: float
    cpu_ms: float
    listening_cpu_ms: float
    answered_p50_ms: float
    one_p50_ms: float
    one_p99_ms: float
    all_p50_ms: float
    all_p99_ms: float


class CashierPages(Struct, frozen=True):
    """So many payers at once, each from opening a session to its result. `page`: what one request
    of a page took (ms), `per_second` how many there were; `journey`: all of a payer's; CPU of a
    page (ms). `bare`: a page of as many `page_bytes` that is made of nothing, by the same server,
    for as many at once."""

    backend: Backend
    payers: int
    per_second: float
    page_p50_ms: float
    page_p99_ms: float
    journeys_per_second: float
    journey_p50_ms: float
    journey_p99_ms: float
    server_cpu_ms: float
    database_cpu_ms: float
    page_bytes: int
    bare_per_second: float
    bare_p50_ms: float
    bare_p99_ms: float


class CashierTold(Struct, frozen=True):
    """So many pages that wait and are told by streams. `kib_each`: what the server's memory grew by
    for one. From the channel's callback until a page shows the payment (ms): `alone`, and beside
    the others (`told`); `committed`: until the callback was answered, after its commit."""

    backend: Backend
    listeners: int
    kib_each: float
    alone_p50_ms: float
    alone_p99_ms: float
    told_p50_ms: float
    told_p99_ms: float
    committed_p50_ms: float


class Rebuild(Struct, frozen=True):
    """All read models built anew beside the live ones, in a process of its own.

    `rss_mib`: the process's memory when 25, 50 and 100 % of the facts were done. `live_per_second`:
    facts per second of the live catch-up of the same facts before it.
    """

    backend: Backend
    facts: int
    facts_per_second: int
    peak_rss_mib: int
    rss_mib: tuple[int, int, int]
    live_per_second: int


class Feed(Struct, frozen=True):
    """A generated feed checked whole, as a dry run does it, and then imported for a while, in a
    process of its own.

    `check_mib`: the process's memory when 25, 50 and 100 % of the rows were read;
    `checked_peak_mib` the most of it until they were compared with the books, too. `import_mib`:
    when half of the import's time was over, and all of it. `peak_mib`: the most of all.
    """

    backend: Backend
    rows: int
    checked_per_second: int
    check_mib: tuple[int, int, int]
    checked_peak_mib: int
    imported: int
    imported_per_second: int
    import_mib: tuple[int, int]
    peak_mib: int


class Floor(Struct, frozen=True):
    """The rows of 256 transfers a commit, inserted raw; and how many transfers that would be."""

    backend: Backend
    rows_per_second: int
    transfers_per_second: int


class Library(Struct, frozen=True):
    """Plain `eventsourcing`: two aggregates and one `save()` per transfer, one caller."""

    backend: Backend
    transfers_per_second: int


class GraphQL(Struct, frozen=True):
    """A query over HTTP, by one connection: CPU of a request (ms) by its plan, of the server's
    process and of its database's together and each, beside the stock executor (`stock_cpu_ms`) and
    a hand-written route of one SQL statement (`floor_cpu_ms`).

    `aim_ms`: what issue 8 wants of `cpu_ms` on PostgreSQL, measured elsewhere; None on SQLite.
    """

    backend: Backend
    name: str
    ledger: str
    rows: int
    per_second: int
    cpu_ms: float
    server_cpu_ms: float
    database_cpu_ms: float
    p50_ms: float
    p99_ms: float
    stock_cpu_ms: float
    floor_cpu_ms: float
    aim_ms: float | None


class Webhooks(Struct, frozen=True):
    """What one payment takes, three commits one after another (ms): while nobody delivers events;
    while as many as `pending` wait for an endpoint that refuses connections; and for one that never
    answers. `tried` requests were made; `waiting` were taken and have not arrived."""

    backend: Backend
    pending: int
    p50_ms: float
    p99_ms: float
    dead_p50_ms: float
    dead_p99_ms: float
    silent_p50_ms: float
    silent_p99_ms: float
    tried: int
    waiting: int


class BillRead(Struct, frozen=True):
    """A bill of so many lines read from its first byte to its last, in a process of its own; `csv`
    is the floor, Python's own reader over the mapped bill. `cpu_per_second`: lines a second of the
    processor's time, which others on the machine hardly change; `times_floor`: how many times as
    much of it as the floor in the same run. Memory (MiB) before, and at its most."""

    format: str
    lines: int
    seconds: float
    per_second: int
    cpu_per_second: int
    times_floor: float
    before_mib: int
    peak_mib: int


class BillMatched(Struct, frozen=True):
    """A bill of so many lines, and books with as many payments; seconds of each part. `import`: it
    is read, kept and recorded; `fill`: its lines into their table; `match`: the day reconciled, of
    it `cpu` of our process, and `again`, when there is nothing new. Memory of the process (MiB):
    most of import and fill together; of matching before, and at its most."""

    backend: Backend
    format: str
    lines: int
    import_seconds: float
    fill_seconds: float
    import_peak_mib: int
    match_seconds: float
    per_second: int
    cpu_seconds: float
    before_mib: int
    peak_mib: int
    again_seconds: float


class Report(Struct):
    """One run. What was not asked for is empty."""

    transfers: list[Transfers] = field(default_factory=list)
    lifecycles: list[Lifecycles] = field(default_factory=list)
    visible: list[Visible] = field(default_factory=list)
    rebuild: list[Rebuild] = field(default_factory=list)
    feed: list[Feed] = field(default_factory=list)
    floor: list[Floor] = field(default_factory=list)
    library: list[Library] = field(default_factory=list)
    queries: list[GraphQL] = field(default_factory=list)
    payments: list[Payments] = field(default_factory=list)
    beside: list[Beside] = field(default_factory=list)
    subscriptions: list[Listening] = field(default_factory=list)
    webhooks: list[Webhooks] = field(default_factory=list)
    cashier: list[CashierPages] = field(default_factory=list)
    cashier_told: list[CashierTold] = field(default_factory=list)
    bills_read: list[BillRead] = field(default_factory=list)
    bills_matched: list[BillMatched] = field(default_factory=list)


def quantiles(found_ms: Sequence[float]) -> tuple[float, float]:
    """Median and 99th percentile of waits, to a tenth of a ms."""
    found = sorted(found_ms)
    return tuple(round(found[int(len(found) * part)], 1) for part in (0.5, 0.99))  # type: ignore[return-value]
