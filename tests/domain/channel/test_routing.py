"""Which channel carries a payment, and how a channel is judged: tables."""

import pytest

from domain.channel import health
from domain.channel.health import Health, Seen, Summary, observe, summary
from domain.channel.routing import Candidate, Choice, Rejected, Window, choose

NOW = 1_300_000_000_000_000
UNION, NETS = Candidate("UNIONPAY"), Candidate("NETSUNION")
DOWN = Summary(20, 1_000, 90_000, well=False)
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


def seen(*answered: bool, at_us: int = NOW) -> Health:
    found = Health()
    for number, well in enumerate(answered):
        found = observe(found, Seen(at_us, well, 1_000 * (number + 1)))
    return found


def test_health_is_judged_by_what_was_seen_lately_and_only_if_it_is_enough() -> None:
    assert summary(Health(), NOW) == Summary(0, 10_000, 0, well=True)
    assert summary(seen(False, False, True), NOW) == Summary(3, 3_333, 2_000, well=True)
    bad = seen(*[False] * 6, *[True] * 4)
    assert summary(bad, NOW) == Summary(10, 4_000, 6_000, well=False)
    assert summary(bad, NOW + health.WINDOW_US) == Summary(0, 10_000, 0, well=True)
    assert summary(seen(*[False] * 5, *[True] * 5), NOW).well


def test_what_is_kept_of_a_channel_is_bounded() -> None:
    assert len(seen(*[True] * (health.MOST + 50)).seen) == health.MOST
    assert len(observe(seen(True, True), Seen(NOW + health.WINDOW_US, True, 1)).seen) == 1
