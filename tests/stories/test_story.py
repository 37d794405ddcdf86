"""The story of `zhangfang demo`: its journal, byte for byte, and that it can be told in parts."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from api.cli.export_hledger import hledger
from api.cli.opening import open_desk
from api.context import AppContext
from api.operations.story import END, MERCHANT, STORY, TRADE_DAY, play, scripted_channel
from domain.ledger.proof import verify_log
from migrations.run import migrate
from projections.models import journal
from projections.models.statements import statement
from projections.models.trial_balance import trial_balance

STEPS = sum(len(chapter.steps) for chapter in STORY)


def tell(context: AppContext, steps: int = STEPS) -> int:
    """Play the first steps; how many there were."""
    return sum(1 for _ in islice(play(context.desk), steps))


def test_the_journal_of_the_story(migrated_url: str, golden: Callable[[str, str], None]) -> None:
    with open_desk(migrated_url, channel=scripted_channel()) as context:
        assert tell(context) == STEPS
        context.desk.catch_up()
        with context.engine.connect() as connection:
            lines = journal.lines_between(connection, 0, journal.last_position(connection), 7)
            text = "".join(hledger(lines))
            mine = statement(connection, MERCHANT, TRADE_DAY, END)
            assert trial_balance(connection).balanced
        assert verify_log(context.ledger.recorder) == []
    golden("tests/golden/story.journal", text)
    assert mine is not None
    assert (mine.sales_fen, mine.refunds_fen, mine.fees_fen) == (44_650, 1_900, 256)
    assert (mine.settled_fen, mine.closing_fen, mine.in_escrow_fen) == (42_494, 0, 17_890)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """Every stored row of the story told in one go."""
    url = f"sqlite:///{tmp_path_factory.mktemp('story') / 'whole.db'}"
    migrate(url)
    with open_desk(url, channel=scripted_channel()) as context:
        tell(context)
        return list(context.ledger.recorder.read_log(0, 10_000))


@pytest.mark.parametrize("broken_off", [1, 3, 7, 29, 45, 46, 47, 66, 69, 70, 71, 72])
def test_a_story_broken_off_anywhere_goes_on_to_the_same_bytes(
    tmp_path: Path, whole: list[object], broken_off: int
) -> None:
    url = f"sqlite:///{tmp_path / 'parts.db'}"
    migrate(url)
    with open_desk(url, channel=scripted_channel()) as context:
        assert tell(context, broken_off) == broken_off
    with open_desk(url, channel=scripted_channel()) as context:  # A channel that remembers nothing.
        tell(context)
        assert list(context.ledger.recorder.read_log(0, 10_000)) == whole
