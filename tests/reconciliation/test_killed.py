"""Processes that reconcile, killed with SIGKILL before one commit or another, and started again: in
the end the books are those of a ledger on which nobody was killed, on both databases."""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from api.operations.bills import lines
from api.operations.bills.lines import FILLS
from domain.kernel import SHANGHAI, to_us
from domain.reconciliation import verdict
from tests.fresh import Write, WrittenLedgers
from tests.reconciliation.bill_oracle import CHANNELS, POOL
from tests.reconciliation.fund_oracle import standing
from tests.reconciliation.mortal import Ran, Run
from tests.reconciliation.quarter import (
    FEED,
    OF_CHANNELS,
    PASSED,
    SOURCES,
    Desk,
    Ends,
    Made,
    days_of,
    ends,
    expected,
    explained,
    found,
    made,
    opened,
    stands,
    writing,
)

pytestmark = pytest.mark.skipif(not FEED.exists(), reason="the real feed does not lie beside us")
ROOT = Path(__file__).parents[2]
ONE_DAY = timedelta(days=1)
TRADED = date(2010, 12, 1)
FIRST_DAYS = [TRADED + count * ONE_DAY for count in range(POOL + 1)]
TODAY = date(2010, 12, 10)
# Before which commits; each run begins where the last one was killed, and fills lines first.
KILLS = {TRADED: (1, 3, 6, 13, 34), TRADED + ONE_DAY: (11, 22)}
KILLED, DEATHS = -9, 6
Filled = Callable[[Write], str]


class Mortals:
    """Runs of mortal.py, one after the other."""

    def __init__(self) -> None:
        self.deaths = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reconciliation.mortal"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, run: Run) -> Ran:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(run) + b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Ran)

    def until_it_lives(self, run: Run, deaths: Iterator[int]) -> Ran:
        """Killed again and again, and then let live: the last run."""
        for at in deaths:
            ran = self.run(replace(run, dies_at=at))
            if ran.code != KILLED:
                break
            assert ran.commits == at - 1
            self.deaths += 1
        else:
            ran = self.run(run)
        assert ran.code == 0, (ran.code, ran.err)
        return ran

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    made = Mortals()
    yield made
    made.close()


@pytest.fixture(scope="module")
def one(feeds: Callable[[date], Path]) -> Made:
    """A day of trade, and the bills and statements of the days until its merchants are paid."""
    return made(feeds(TRADED), TODAY - ONE_DAY, 5, 0.3)


@pytest.fixture(scope="module")
def write(one: Made) -> Write:
    """Books of it that stand on the second day."""
    return writing(one.feed)


@pytest.fixture(scope="module")
def alone(
    tmp_path_factory: pytest.TempPathFactory, written: WrittenLedgers, write: Write
) -> Callable[[], str]:
    """Another copy of the books, on SQLite, where nobody is killed."""

    def copied() -> str:
        path = tmp_path_factory.mktemp("alone") / "ledger.db"
        written.copy(write, path)
        return f"sqlite:///{path}"

    return copied


@pytest.fixture(scope="module")
def told_at_once(one: Made, alone: Callable[[], str], tmp_path_factory: Any) -> Ends:
    """What the first days come to in one process."""
    with opened(alone(), tmp_path_factory.mktemp("bills")) as desk:
        for day in FIRST_DAYS:
            bring(desk, one, day)
        for day in FIRST_DAYS:
            desk.compare(day)
        explained(desk)
        return ends(desk, FIRST_DAYS)


@pytest.fixture(scope="module")
def published(one: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("published")
    for day in days_of(one.bills):
        for name, content in files(one, day).items():
            (directory / name).write_bytes(content)
    return directory


@pytest.fixture(scope="module")
def served(one: Made, published: Path) -> Run:
    """A server on the morning of TODAY, with bills of all days before."""
    at_us = to_us(datetime(TODAY.year, TODAY.month, TODAY.day, 10, 30, tzinfo=SHANGHAI))
    return Run(published=str(published), at_us=at_us, days=tuple(days_of(one.bills)))


@pytest.fixture(scope="module")
def served_alone(
    served: Run, mortals: Mortals, alone: Callable[[], str], tmp_path_factory: Any
) -> Ends:
    """What a server comes to that nobody kills."""
    url = alone()
    mortals.until_it_lives(replace(served, database=url), iter(()))
    with opened(url, tmp_path_factory.mktemp("bills")) as desk:
        return ends(desk, served.days)


class Landed:
    """Where deaths have landed, by what they left."""

    def __init__(self, url: str) -> None:
        self.seen: Counter[str] = Counter()
        self._url = url
        self._before = self._head()

    def _head(self) -> int:
        with opened(self._url, Path()) as desk:
            return desk.context.ledger.head().position

    def look(self, day: date) -> None:
        with opened(self._url, Path()) as desk:
            head, load = desk.context.ledger.head().position, desk.context.ledger.state
            with desk.context.engine.connect() as connection:
                half = connection.scalar(select(func.count()).where(FILLS.c.whole == 0))
            reached = [load(verdict.stream(one, day)).found is not None for one in CHANNELS]
            if half:
                self.seen["in a fill"] += 1
            elif head == self._before:
                self.seen["before anything is recorded"] += 1
            elif not all(reached):
                self.seen["between commands"] += 1
            else:
                self.seen["after the verdicts"] += 1
            self._before = head


def test_commands_killed_before_a_commit_come_to_the_same(
    filled: Filled,
    one: Made,
    write: Write,
    published: Path,
    mortals: Mortals,
    told_at_once: Ends,
    tmp_path: Path,
) -> None:
    url, chance = filled(write), random.Random(7)
    for name in files(one, TRADED):
        channel, kind, _ = name.split(".")
        words = ("bill", "import", str(published / name), "--channel", channel, "--kind", kind)
        run = Run(words=(*words, *options(url, TRADED)))
        mortals.until_it_lives(run, iter([chance.randint(1, 9)]))
    with opened(url, tmp_path) as desk:
        for day in FIRST_DAYS[1:]:
            bring(desk, one, day)
        lines.forget(desk.context.writes)  # So that comparing begins with filling.
    landed = Landed(url)
    for day in FIRST_DAYS:
        run = Run(words=("reconcile", *options(url, day)))
        for at in KILLS.get(day, ()):
            if mortals.run(replace(run, dies_at=at)).code == KILLED:
                landed.look(day)
        told = json.loads(mortals.until_it_lives(run, iter(())).out)
        with opened(url, tmp_path) as desk:
            assert by_channel(told) == by_channel(desk.answers(day))
    with opened(url, tmp_path) as desk:
        explained(desk)
        mine = ends(desk, FIRST_DAYS)
    same_facts(mine.facts, told_at_once.facts)
    assert mine == told_at_once
    assert len(landed.seen) == 4, landed.seen


def test_a_server_killed_at_the_end_of_days_goes_on_by_itself(
    filled: Filled, one: Made, write: Write, served: Run, mortals: Mortals, served_alone: Ends,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Days are ended, their bills fetched, matched and posted, by whichever process is there."""
    url = filled(write)
    chance, before = random.Random(3), mortals.deaths
    deaths = iter([chance.randint(1, 40) for _ in range(DEATHS)])
    mortals.until_it_lives(replace(served, database=url), deaths)
    assert mortals.deaths == before + DEATHS
    last = days_of(one.bills)[-1]
    with opened(url, tmp_path) as desk:
        assert found(desk, one.bills) == expected(one.verdicts, one.bank)
        stands(desk, standing(one.bank, one.bills, one.verdicts, last), {*OF_CHANNELS, *PASSED})
        explained(desk)
        mine = ends(desk, served.days)
    assert mine.facts["day-books"].count("clearing.day_closed.1") == len(served.days)
    certified = f"certificate-{last}"  # Killed before it, the next day's end makes good for it.
    facts, theirs = (
        {stream: names for stream, names in one.facts.items() if stream != certified}
        for one in (mine, served_alone)
    )
    same_facts(facts, theirs)
    assert mine[:-1] == served_alone[:-1]


def same_facts(mine: dict[str, list[str]], theirs: dict[str, list[str]]) -> None:
    """Every stream has the same facts, so nothing is recorded twice; the message names the rest."""
    counted = [{one: Counter(names) for one, names in some.items()} for some in (mine, theirs)]
    streams = {one for one in mine.keys() | theirs.keys() if mine.get(one) != theirs.get(one)}
    assert not streams, [(one, *(some.get(one) for some in counted)) for one in sorted(streams)]


def files(one: Made, day: date) -> dict[str, bytes]:
    """The bills and the statement of a day, as they are published."""
    return {f"{name}.{kind}.{day}": one.file((name, kind), day) for name, kind in SOURCES}


def by_channel(told: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["channel"]: one for one in told}


def options(url: str, day: date) -> tuple[str, ...]:
    return ("--date", str(day), "--operator", "lin", "--json", "--database", url)


def bring(desk: Desk, one: Made, day: date) -> None:
    for source in SOURCES:
        desk.bring(one, source, day)
