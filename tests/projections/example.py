"""A small read model of every column type, and a ledger filled with plain facts for it.

`tallies` counts holds by account, and keeps each as a line. A hold whose reason is in `refuses`
cannot be folded, one whose amount is in `unwritable` cannot be written: as a mistake in the code
would have it, which the next release then puts right.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    select,
    text,
)

from domain.accounting.account import Held, HoldReleased
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.eventstore.opening import open_recorder
from domain.eventstore.recorder import Append, EventRow, LedgerRecorder
from domain.kernel import EPOCH, Fact, Recorded
from domain.ledger import codec
from projections.engine import checkpoints
from projections.engine.checkpoints import Checkpoint
from projections.engine.folding import live
from projections.engine.model import TEXT, ReadModel, Tables
from projections.rebuilding.digest import digest
from projections.tables.bulk import add_rows, insert_rows, merge_rows

START_US = 1_291_200_000_000_000
POSITIVE = text("amount_fen > 0")
METADATA = MetaData()
TOTALS = Table(
    "tally_totals",
    METADATA,
    Column("account", TEXT, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("held_fen", BigInteger, nullable=False),
    Column("last_day", Date),
    Column("large", Boolean, nullable=False),
    Index("tally_totals_held", "held_fen", "account"),
)
LINES = Table(
    "tally_lines",
    METADATA,
    Column("position", BigInteger, primary_key=True),
    Column("account", TEXT, nullable=False),
    Column("reason", TEXT),
    Column("amount_fen", BigInteger, nullable=False),
    Column("mark", LargeBinary),
    Index("tally_lines_account", "account", "position"),
    Index(
        "tally_lines_positive",
        "amount_fen",
        sqlite_where=POSITIVE,
        postgresql_where=POSITIVE,
    ),
)


class Delta(Struct):
    totals: dict[str, list[Any]]
    lines: list[tuple[Any, ...]]


def tallies(refuses: str = "", unwritable: int = 0, name: str = "tallies") -> ReadModel:
    """The model, with the mistakes asked for."""

    def held(delta: Delta, recorded: Recorded) -> None:
        fact: Held = recorded.fact
        account = recorded.stream.removeprefix("account-")
        total = delta.totals.setdefault(account, [0, 0, None])
        total[0] += 1
        total[1] += fact.amount_fen
        if refuses and fact.reason == refuses:
            raise ArithmeticError(f"cannot tally {fact.reason}")
        total[2] = (EPOCH + timedelta(microseconds=recorded.at_us)).date()
        mark = fact.reason.encode() if fact.amount_fen % 2 else None
        reason = fact.reason or None
        delta.lines.append((recorded.position, account, reason, fact.amount_fen, mark))

    def write(connection: Connection, tables: Tables, delta: Delta) -> None:
        insert_rows(connection, tables["tally_lines"], delta.lines)
        # Applied after the lines were: a failure here must take them back.
        if unwritable and any(line[3] == unwritable for line in delta.lines):
            connection.execute(text("INSERT INTO no_such_table VALUES (1)"))
        rows = [(a, n, fen, day, False) for a, (n, fen, day) in sorted(delta.totals.items())]
        key, add = ("account",), ("count", "held_fen")
        merge_rows(connection, tables["tally_totals"], rows, key, replace=("last_day",), add=add)
        connection.execute(
            tables["tally_totals"].update().values(large=tables["tally_totals"].c.held_fen > 5_000)
        )

    return ReadModel(name, (TOTALS, LINES), {Held: held}, lambda: Delta({}, []), write)


TALLIES = tallies()

RELEASES = Table(
    "tally_releases",
    METADATA,
    Column("hold_id", TEXT, primary_key=True),
    Column("count", BigInteger, nullable=False),
)


def _released(delta: dict[str, int], recorded: Recorded) -> None:
    hold_id = recorded.fact.hold_id
    delta[hold_id] = delta.get(hold_id, 0) + 1


def _write_releases(connection: Connection, tables: Tables, delta: dict[str, int]) -> None:
    add_rows(connection, tables["tally_releases"], sorted(delta.items()), ("hold_id",), ("count",))


OTHER = ReadModel("releases", (RELEASES,), {HoldReleased: _released}, dict, _write_releases)
BOTH = (TALLIES, OTHER)


class Books(NamedTuple):
    """A migrated ledger with the example's tables beside its own."""

    url: str
    recorder: LedgerRecorder
    engine: Engine

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            query = select(table).order_by(*table.primary_key.columns)
            return [tuple(row) for row in connection.execute(query)]

    def checkpoint(self, name: str) -> Checkpoint:
        with self.engine.connect() as connection:
            return checkpoints.load(connection, [name])[name]

    def digest(self, model: ReadModel = TALLIES) -> str:
        with self.engine.connect() as connection:
            return digest(connection, live(model))

    def head(self) -> int:
        return self.recorder.head().position

    def reaches(self, position: int, names: Sequence[str], timeout_ms: int = 0) -> bool:
        """Wait until read models hold the facts up to a position, whoever runs them; False when
        that does not come about in time, or cannot because one is paused."""
        return reach(self.engine, position, names, timeout_ms)

    def execute(self, sql: str) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql(sql)


def reach(engine: Engine, position: int, names: Sequence[str], timeout_ms: int) -> bool:
    """Books.reaches, of any database."""
    deadline = time.monotonic() + timeout_ms / 1000
    while True:
        with engine.connect() as connection:
            states = checkpoints.load(connection, names)
        behind = checkpoints.behind(states, names, position)
        if not behind:
            return True
        if any(state.state == checkpoints.PAUSED for state in behind):
            return False
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)


@contextmanager
def books(url: str) -> Iterator[Books]:
    """Open them; the tables are made if they are missing."""
    database = parse_database_url(url)
    engine, recorder = sqlalchemy_engine(database), open_recorder(database)
    try:
        METADATA.create_all(engine)
        yield Books(url, recorder, engine)
    finally:
        recorder.close()
        engine.dispose()


def facts(count: int, start: int = 0) -> list[tuple[str, Fact]]:
    """Streams and facts, the same for the same numbers: mostly holds, a release now and then."""
    made: list[tuple[str, Fact]] = []
    for i in range(start, start + count):
        stream = f"account-2241.01.M{i * 7 % 11}"
        if i % 5 == 4:
            made.append((stream, HoldReleased(f"H{i % 3}", i)))
        else:
            made.append((stream, Held(f"H{i}", i * 37 % 1_000, f"r{i % 4}" if i % 4 else "")))
    return made


def append(recorder: LedgerRecorder, new: Iterable[tuple[str, Fact]], *, now_us: int = 0) -> int:
    """Commit facts as the ledger would; the new head's position."""
    stored = [(stream, codec.name_of(fact), codec.encode(fact, 0, "")) for stream, fact in new]
    return append_raw(recorder, stored, now_us=now_us)


def append_raw(
    recorder: LedgerRecorder, new: Sequence[tuple[str, str, bytes]], *, now_us: int = 0
) -> int:
    """The same, of stored names and bytes, which may be anything; business time is theirs."""
    with recorder.writing() as session:
        versions: dict[str, int] = {}
        rows = []
        for position, (stream, name, state) in enumerate(new, session.head.position + 1):
            if stream not in versions:
                known = recorder.read_stream(stream, 0, 1_000_000)
                versions[stream] = known[-1].version if known else 0
            versions[stream] += 1
            rows.append(EventRow(position, stream, versions[stream], name, state))
        return session.append(Append(rows, (), (), now_us or START_US)).position


def expected(recorder: LedgerRecorder) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The rows of the example's two tables, counted from the log by the simplest code there is."""
    totals: dict[str, tuple[int, int]] = {}
    lines = []
    for row in recorder.read_log(0, 1_000_000):
        fact = codec.decode(row).fact
        if isinstance(fact, Held):
            account = row.stream[len("account-") :]
            count, fen = totals.get(account, (0, 0))
            totals[account] = (count + 1, fen + fact.amount_fen)
            mark = fact.reason.encode() if fact.amount_fen % 2 else None
            lines.append((row.position, account, fact.reason or None, fact.amount_fen, mark))
    day = EPOCH.date()
    return [(a, n, fen, day, fen > 5_000) for a, (n, fen) in sorted(totals.items())], lines
