"""The second chapter of `zhangfang demo`, the day's bills: one difference of each kind, driven by
files alone, and its end; the same entries whenever it is told, and wherever it is broken off."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from shutil import copy
from typing import Any, get_args

import pytest

from api.cli.demo_bills import read_ending
from api.cli.export_hledger import hledger
from api.cli.opening import open_desk
from api.context import AppContext
from api.operations.explained import UNEXPLAINED
from api.operations.reconciling.running import Reconciler
from api.operations.story import play, scripted_channel
from api.operations.story_bills.playing import play_bills
from api.operations.story_bills.script import LAST, STEPS, Approve, Propose
from domain.ledger.proof import verify_log
from domain.reconciliation.difference import Kind
from domain.reconciliation.resolutions import FITS
from migrations.run import migrate
from projections.models import journal
from projections.models.trial_balance import TrialBalance, trial_balance

KINDS = set(get_args(Kind))
CLAIMED = "missing_at_channel"  # Its claim waits for a bill when the story ends.
Log = list[Any]


@contextmanager
def opened(url: str) -> Iterator[AppContext]:
    """A channel that remembers nothing, as in a new process."""
    with open_desk(url, channel=scripted_channel()) as context:
        yield context


def tell(context: AppContext, steps: int = len(STEPS)) -> int:
    """Play the first steps of the chapter; how many there were."""
    return sum(1 for _ in islice(play_bills(context.desk, context.writes), steps))


def log_of(context: AppContext) -> Log:
    return list(context.ledger.recorder.read_log(0, 10_000))


def test_each_kind_is_found_and_brought_to_its_end(
    migrated_url: str, golden: Callable[[str, str], None]
) -> None:
    with opened(migrated_url) as context:
        list(play(context.desk))
        context.desk.catch_up()
        with context.engine.connect() as connection:
            before = journal.last_position(connection)
        told = list(play_bills(context.desk, context.writes))
        assert [one.step for one in told] == list(STEPS)
        assert all(one.facts for one in told)
        context.desk.catch_up()
        with context.engine.connect() as connection:
            last = journal.last_position(connection)
            text = "".join(hledger(journal.lines_between(connection, before, last, 7)))
            ending = read_ending(context, connection)
        assert verify_log(context.ledger.recorder) == []
        log = log_of(context)
        tell(context)
        assert log_of(context) == log, "told again nothing is new"
    golden("tests/golden/story_bills.journal", text)
    assert Counter(one.kind for one in ending.differences) == Counter(KINDS)
    for one in ending.differences:
        assert one.state == ("approved" if one.kind == CLAIMED else "resolved"), one.kind
        assert one.resolution in FITS[one.kind]  # type: ignore[index]
        assert one.reason and one.bill + one.number
        assert one.proposed_by and one.approved_by and one.proposed_by != one.approved_by
    items = [item for one in ending.transits for item in one.items]
    assert all(item.name != UNEXPLAINED for item in items)
    assert [item.amount_fen for item in items] == [18_800, -100]
    assert ending.proof.agrees


def test_the_script_has_every_kind_once_and_two_persons_for_each() -> None:
    proposed = [step for step in STEPS if isinstance(step, Propose)]
    named = [step.to for step in proposed if step.resolution == "link"]
    assert Counter([step.kind for step in proposed] + named) == Counter(KINDS)
    approved = [step for step in STEPS if isinstance(step, Approve)]
    assert [step.kind for step in approved] == [step.kind for step in proposed]
    assert {step.actor for step in approved}.isdisjoint(step.actor for step in proposed)
    assert len({step.at for step in STEPS}) == len(STEPS), "facts are told by their minute"
    assert STEPS[-1].at.date() > LAST


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with the first part of the story."""
    path = tmp_path_factory.mktemp("market") / "market.db"
    migrate(f"sqlite:///{path}")
    with opened(f"sqlite:///{path}") as context:
        list(play(context.desk))
    return path


@pytest.fixture
def url(market: Path, tmp_path: Path) -> str:
    copy(market, tmp_path / "parts.db")
    return f"sqlite:///{tmp_path / 'parts.db'}"


@pytest.fixture(scope="module")
def at_once(market: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Log, TrialBalance]:
    """Every stored row of the story told in one go, and what it comes to."""
    path = tmp_path_factory.mktemp("whole") / "whole.db"
    copy(market, path)
    with opened(f"sqlite:///{path}") as context:
        tell(context)
        context.desk.catch_up()
        with context.engine.connect() as connection:
            return log_of(context), trial_balance(connection)


@pytest.fixture
def whole(at_once: tuple[Log, TrialBalance]) -> Log:
    return at_once[0]


@pytest.fixture
def balanced(at_once: tuple[Log, TrialBalance]) -> TrialBalance:
    assert at_once[1].balanced
    return at_once[1]


def facts_of(log: Log) -> list[tuple[str, int, str]]:
    return [(row.stream, row.version, row.name) for row in log]


@pytest.mark.parametrize("broken_off", [1, 3, 4, 5, 7, 16, 18, 28, len(STEPS) - 1])
def test_a_chapter_broken_off_between_steps_goes_on_to_the_same_bytes(
    url: str, whole: Log, broken_off: int
) -> None:
    with opened(url) as context:
        assert tell(context, broken_off) == broken_off
    with opened(url) as context:
        assert tell(context) == len(STEPS)
        assert log_of(context) == whole


class Killed(Exception):
    """What a test throws in place of a kill -9: nothing is caught on the way."""


@pytest.mark.parametrize("commands", [0, 1, 3, 7, 9])
def test_a_comparison_broken_off_within_goes_on_to_the_same_facts(
    url: str, whole: Log, balanced: TrialBalance, commands: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verdict says how far the books were when it was found: so the bytes may differ."""
    left, submit = [commands], Reconciler.submit

    def mortal(self: Reconciler, *given: Any) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        submit(self, *given)

    with monkeypatch.context() as patched, opened(url) as context:
        patched.setattr(Reconciler, "submit", mortal)
        with pytest.raises(Killed):
            tell(context)
    with opened(url) as context:
        tell(context)
        assert facts_of(log_of(context)) == facts_of(whole)
        context.desk.catch_up()
        with context.engine.connect() as connection:
            assert trial_balance(connection) == balanced
