"""Which channel carries a payment, and how a channel is judged: tables."""

import pytest

from domain.channel.health import Seen, Summary, summary
from domain.channel.routing import Candidate, Choice, Rejected, Window, choose

NOW = 1_300_000_000_000_000
UNION, NETS = Candidate("UNIONPAY"), Candidate("NETSUNION")
DOWN = Summary(20, 1_000, 90_000, well=False)
SLOW = Summary(20, 10_000, 6_000_000, well=False)
AWAY = Summary(0, 10_000, 0, well=True, reachable=False)
WORSE = Summary(20, 500, 90_000, well=False)


@pytest.mark.parametrize(
    ("candidates", "known", "choice"),
    [
        pytest.param(
            (UNION, NETS),
            {},
            Choice("UNIONPAY", "first in order", (Rejected("NETSUNION", "comes later in order"),)),
            id="the first, when nothing is known",
        ),
        pytest.param(
            (UNION, NETS),
            {"UNIONPAY": DOWN},
            Choice(
                "NETSUNION",
                "the first that can and is well",
                (Rejected("UNIONPAY", "answered 1000 of 10000 requests"),),
            ),
            id="one that hardly answers comes after the others",
        ),
        pytest.param(
            (UNION, NETS),
            {"UNIONPAY": WORSE, "NETSUNION": DOWN},
            Choice(
                "NETSUNION",
                "none is well; it answers most",
                (Rejected("UNIONPAY", "answered 500 of 10000 requests"),),
            ),
            id="none is well",
        ),
        pytest.param(
            (Candidate("UNIONPAY", most_fen=99), Candidate("NETSUNION", least_fen=100)),
            {},
            Choice(
                "NETSUNION",
                "the first that can and is well",
                (Rejected("UNIONPAY", "carries no more than 99 fen"),),
            ),
            id="limits",
        ),
        pytest.param(
            (Candidate("UNIONPAY", maintenance=(Window(NOW, NOW + 1),)), NETS),
            {"NETSUNION": DOWN},
            Choice(
                "NETSUNION",
                "none is well; it answers most",
                (Rejected("UNIONPAY", "is under maintenance"),),
            ),
            id="maintenance is certain, health is not",
        ),
        pytest.param(
            (UNION, NETS),
            {"UNIONPAY": SLOW},
            Choice(
                "NETSUNION",
                "the first that can and is well",
                (Rejected("UNIONPAY", "took 6000 ms to answer"),),
            ),
            id="one that is slow comes after the others",
        ),
        pytest.param(
            (UNION, NETS),
            {"UNIONPAY": AWAY, "NETSUNION": DOWN},
            Choice(
                "NETSUNION",
                "none is well; it answers most",
                (Rejected("UNIONPAY", "nothing here can ask it"),),
            ),
            id="what nothing can ask comes last",
        ),
        pytest.param(
            (UNION, NETS),
            {"UNIONPAY": AWAY, "NETSUNION": AWAY},
            Choice(
                "UNIONPAY",
                "first in order",
                (Rejected("NETSUNION", "nothing here can ask it"),),
            ),
            id="where nothing can be asked it waits",
        ),
        pytest.param(
            (Candidate("UNIONPAY", gone="declined it: busy"), NETS),
            {},
            Choice(
                "NETSUNION",
                "the first that can and is well",
                (Rejected("UNIONPAY", "declined it: busy"),),
            ),
            id="one that declined is not asked again",
        ),
        pytest.param(
            (Candidate("UNIONPAY", least_fen=101),),
            {},
            Choice(
                "",
                "no channel can carry it",
                (Rejected("UNIONPAY", "carries no less than 101 fen"),),
            ),
            id="nobody can",
        ),
    ],
)
def test_a_channel_is_chosen_for_a_reason(
    candidates: tuple[Candidate, ...], known: dict[str, Summary], choice: Choice
) -> None:
    assert choose(candidates, 100, NOW, known) == choice


def test_maintenance_ends_before_its_end() -> None:
    one = Candidate("UNIONPAY", maintenance=(Window(NOW - 5, NOW),))
    assert choose((one,), 100, NOW, {}).channel == "UNIONPAY"


def seen(*answered: bool) -> list[Seen]:
    return [Seen(NOW, well, 1_000 * number) for number, well in enumerate(answered, 1)]


def test_health_is_judged_only_if_enough_was_seen() -> None:
    assert summary([], 99) == Summary(0, 10_000, 0, well=True)
    assert summary(seen(False, False, True), 99_000) == Summary(3, 3_333, 3_000, well=True)
    bad = seen(*[False] * 6, *[True] * 4)
    assert summary(bad, 99_000) == Summary(10, 4_000, 9_000, well=False)
    assert summary(seen(*[False] * 5, *[True] * 5), 99_000).well


def test_who_answers_slowly_is_not_well() -> None:
    """The median of what was answered counts: what was never answered has no time."""
    slow = seen(*[True] * 10)
    assert summary(slow, 6_000) == Summary(10, 10_000, 6_000, well=True)
    assert summary(slow, 5_999) == Summary(10, 10_000, 6_000, well=False)
    assert not summary(seen(*[False] * 10), 99).well
