"""The desk where bills are handed out: a file is written once, when it is asked for, and kept.

It is written by a thread with its own connection, which reads line by line: a day of a million
lines is never held in memory, and nobody else waits. What is in a file depends on the book and on
the chance of its day alone, so after a kill in the middle the same bytes are written again.
"""

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from simulator.bills import camt053, wechat_fund
from simulator.bills.chance import Chance, fixed
from simulator.bills.days import day_of, parse_day, ready_us
from simulator.bills.head import Head
from simulator.bills.lines import BillLine, lines_of, misread
from simulator.bills.reserve import entries, opening
from simulator.bills.settling import Session, sessions
from simulator.bills.wechat_trade import wanted
from simulator.bills.written import TRADE
from simulator.clock import HOUR, MINUTE
from simulator.faults import Draws, record
from simulator.world import World

T = TypeVar("T")
LATEST, AGAIN = 30 * HOUR, 48 * HOUR  # The most that a late file, and a second version, take.


class NotReady(Exception):
    """The bill of that day is still to come."""


class NoTrade(Exception):
    """Nothing moved on that day: there is no file, and there will be none."""


class What(Struct, frozen=True):
    """Which file: `kind` is trade, fund or bank; `variant` a type of WeChat Pay's."""

    network: str
    kind: str
    day: date
    variant: str = ""

    @property
    def key(self) -> str:
        """What faults of the whole file are drawn by: all variants fare alike."""
        return f"{self.network}/bill/{self.kind}/{self.day}"


class Published(Struct, frozen=True):
    """A file that was handed out."""

    id: int
    network: str
    kind: str
    variant: str
    day: str
    version: int
    name: str
    file: str
    bytes: int
    lines: int
    sha1: str
    sha256: str
    published_us: int


class Desk:
    """All bills of one simulator."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._directory = world.book.directory / "bills"
        self._one = asyncio.Lock()  # One file is written at a time.

    def path(self, published: Published) -> Path:
        return self._directory / published.file

    def day(self, text: str) -> date | None:
        """A day that is over; None for any other, and for what is no day."""
        day = parse_day(text)
        over = day is not None and day < day_of(self._world.clock.now_us())
        return day if over else None

    async def publish(self, what: What) -> Published:
        """The newest version of a file that is there now. Raises NotReady, NoTrade."""
        world, now = self._world, self._world.clock.now_us()
        if now < ready_us(what.day):
            raise NotReady
        draws = await world.book.write(lambda db: fixed(db, what.day, world.draws))
        late, again = _times(draws, what)
        if now < late:
            key = what.key
            await world.book.write(lambda db: record(db, "bill_late", key, 0, now))
            raise NotReady
        version = 2 if again is not None and now >= again else 1
        async with self._one:
            found = await world.book.read(lambda db: _found(db, what, version))
            if found is not None and self.path(found).exists():
                return found
            made = await self._made(what, version)
            if made is None:
                raise NoTrade
            await world.book.write(lambda db: _put(db, what, made))
            stored = await world.book.read(lambda db: _found(db, what, version))
        assert stored is not None
        return stored

    async def found(self, bill_id: int) -> Published | None:
        """A file that was handed out, by its id."""
        sql = "SELECT * FROM bills WHERE id = ?"

        def read(db: sqlite3.Connection) -> Published | None:
            row = db.execute(sql, (bill_id,)).fetchone()
            return Published(**row) if row else None

        return await self._world.book.read(read)

    async def sessions(self, day: date) -> list[Session]:
        """The sessions that pay for a day. Raises NotReady."""
        if self._world.clock.now_us() < ready_us(day):
            raise NotReady
        async with self._one:
            return await self._reading(lambda db, chance: sessions(db, chance, day))

    async def _made(self, what: What, version: int) -> Published | None:
        world, directory = self._world, self._directory
        return await self._reading(
            lambda db, chance: _written(world, db, chance, what, version, directory)
        )

    async def _reading(self, work: Callable[[sqlite3.Connection, Chance], T]) -> T:
        """Runs a function in a thread, with a connection of its own."""
        loop, book = asyncio.get_running_loop(), self._world.book

        def write(function: Callable[[sqlite3.Connection], object]) -> object:
            return asyncio.run_coroutine_threadsafe(book.write(function), loop).result()

        draws, now = self._world.draws, self._world.clock.now_us()

        def run() -> T:
            db = book.reader()
            try:
                chance = Chance(db, write, draws, now)
                result = work(db, chance)
                chance.flush()
                return result
            finally:
                db.close()

        return await asyncio.to_thread(run)


def _times(draws: Draws, what: What) -> tuple[int, int | None]:
    """When a file is there, and when a second version replaces it, if ever."""
    key, ready = what.key, ready_us(what.day)
    if draws.hits("bill_late", key):
        ready += draws.between(HOUR, LATEST, "bill_ready", key)
    if not (_line_is_lost(draws, what) or _total_is_wrong(draws, what)):
        return ready, None
    return ready, ready + draws.between(30 * MINUTE, AGAIN, "bill_again", key)


def _line_is_lost(draws: Draws, what: What) -> bool:
    return what.kind == "trade" and draws.hits("bill_reissue", what.key)


def _total_is_wrong(draws: Draws, what: What) -> bool:
    totals = what.kind != "trade" or TRADE[what.network].totals
    return totals and draws.hits("bill_wrong_total", what.key)


def _written(
    world: World,
    db: sqlite3.Connection,
    chance: Chance,
    what: What,
    version: int,
    directory: Path,
) -> Published | None:
    """Writes a file, whole or not at all; None when there is nothing to write."""
    draws, first = chance.of(what.day), version == 1
    wrong = first and _total_is_wrong(draws, what)
    lost = first and _line_is_lost(draws, what)
    merchant = _merchant(world, what.network)
    style = draws.number("bill_style", what.network)
    head = Head(merchant, what.day, what.variant, style, wrong)
    source = Source(db, chance, head, what)
    file = "-".join(filter(None, (what.network, what.kind, what.variant, f"{what.day}-{version}")))
    directory.mkdir(mode=0o700, exist_ok=True)
    temporary = directory / f".{file}"
    sha1, sha256, size = hashlib.sha1(usedforsecurity=False), hashlib.sha256(), 0
    with temporary.open("wb") as out:
        for piece in source.pieces(version, lost=lost):
            out.write(piece)
            sha1.update(piece)
            sha256.update(piece)
            size += len(piece)
        out.flush()
        os.fsync(out.fileno())
    if not source.lines:
        temporary.unlink()
        return None
    if wrong:
        chance.strikes(what.day, "bill_wrong_total", what.key)
    if lost:
        chance.strikes(what.day, "bill_reissue", what.key)
    temporary.replace(directory / file)
    return Published(
        0, what.network, what.kind, what.variant, what.day.isoformat(), version,
        _name(what, merchant), file, size, source.lines, sha1.hexdigest(), sha256.hexdigest(),
        world.clock.now_us(),
    )  # fmt: skip


class Source:
    """A file in pieces, and how many lines the day had, once they are read."""

    def __init__(self, db: sqlite3.Connection, chance: Chance, head: Head, what: What) -> None:
        self.lines = 0
        self._db, self._chance, self._head, self._what = db, chance, head, what

    def pieces(self, version: int, *, lost: bool) -> Iterator[bytes]:
        db, chance, head, day = self._db, self._chance, self._head, self._what.day
        if self._what.kind == "fund":
            return wechat_fund.write(db, chance, head, self._count)
        if self._what.kind == "bank":
            before = opening(db, chance, day)
            self.lines = 1  # A statement without an entry is one, too.
            return camt053.write(head, before, lambda: entries(db, chance, day))
        lines = misread(chance, day, self._counted(), version, lost)
        return TRADE[self._what.network].write(head, lines)

    def _count(self) -> None:
        self.lines += 1

    def _counted(self) -> Iterator[BillLine]:
        what, newest_first = self._what, TRADE[self._what.network].newest_first
        found = lines_of(self._db, self._chance, what.network, what.day, newest_first=newest_first)
        for line in wanted(self._head, found) if what.variant else found:
            self.lines += 1
            yield line


def _merchant(world: World, network: str) -> str:
    keys = world.keys
    return keys.wechat.mchid if network == "wechat" else keys.networks[network].merchant


def _name(what: What, merchant: str) -> str:
    day = what.day.isoformat()
    compact = day.replace("-", "")
    if what.kind != "trade":
        return f"{merchant}_{what.kind}_{compact}.{'xml' if what.kind == 'bank' else 'csv'}"
    return TRADE[what.network].name.format(
        merchant=merchant, day=day, compact=compact, short=compact[2:]
    )


_COLUMNS = (
    "network", "kind", "variant", "day", "version", "name", "file", "bytes", "lines", "sha1",
    "sha256", "published_us",
)  # fmt: skip


def _put(db: sqlite3.Connection, what: What, made: Published) -> None:
    names, marks = ", ".join(_COLUMNS), ", ".join("?" for _ in _COLUMNS)
    # Columns are our own words, spelled above; values are always bound.
    sql = f"INSERT OR REPLACE INTO bills ({names}) VALUES ({marks})"  # noqa: S608
    db.execute(sql, tuple(getattr(made, name) for name in _COLUMNS))


def _found(db: sqlite3.Connection, what: What, version: int) -> Published | None:
    row = db.execute(
        "SELECT * FROM bills WHERE network = ? AND kind = ? AND variant = ? AND day = ? "
        "AND version = ?",
        (what.network, what.kind, what.variant, what.day.isoformat(), version),
    ).fetchone()
    return Published(**row) if row else None
