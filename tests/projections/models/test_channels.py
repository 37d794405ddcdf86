"""Maintenance, choices and requests of channels: facts in, rows out; and what a watch says."""

from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection

from api.operations.watching import FRESH_NS, Watch, Watched
from domain.channel.channel import MaintenancePlanned, MaintenanceWithdrawn
from domain.channel.health import WINDOW_US
from domain.channel.routing import Choice, Rejected
from domain.kernel import Fact
from domain.payment import instruction
from domain.payment.rhythm import CLAIM_US, SECOND
from projections.models import channels, instruction_attempts
from projections.models.channels import Decision, Maintenance
from tests.examples import EXAMPLES, PAID_AT, log
from tests.projections.applied import apply

ISSUED: Any = EXAMPLES["instruction.issued.2"]
OTHERS = (Rejected("UNIONPAY_CARD", "declined it: busy"),)
CHOSEN = replace(ISSUED, choice=Choice("NETSUNION_CARD", "the first that can", OTHERS))
FACTS = log(
    ("channel-JD_PAY", MaintenancePlanned(1, PAID_AT, PAID_AT + 5, "a release", PAID_AT)),
    ("instruction-pay-P1", ISSUED),
    ("channel-JD_PAY", MaintenancePlanned(2, PAID_AT + 9, PAID_AT + 99, "again", PAID_AT)),
    ("instruction-payb-P1", CHOSEN),
    ("channel-JD_PAY", MaintenanceWithdrawn(1, "put off")),
    ("instruction-pay-P2", CHOSEN),
)


@pytest.mark.parametrize("size", [1, 2, None])
def test_times_and_choices_are_the_facts(books: Connection, size: int | None) -> None:
    apply(books, channels.MODEL, FACTS, size)
    times = channels.maintenance_of(books.execute(channels.maintenance_query()).all())
    assert times == {
        "JD_PAY": [
            Maintenance("JD_PAY", 2, PAID_AT + 9, PAID_AT + 99, "again", None, 3),
            Maintenance("JD_PAY", 1, PAID_AT, PAID_AT + 5, "a release", "put off", 1),
        ]
    }
    for first, numbers in ((5, ["pay-P2", "payb-P1"]), (1, ["pay-P2"])):
        rows = books.execute(channels.decisions_query(), {"first": first}).all()
        found = channels.decisions_of(rows)
        assert set(found) == {"NETSUNION_CARD", "UNIONPAY_CARD"}
        for each in found.values():
            assert [one.instruction_id for one in each] == numbers
    told = found["UNIONPAY_CARD"][0]
    why = ("pay-P2", PAID_AT, "NETSUNION_CARD", "the first that can", OTHERS)
    assert told == Decision("UNIONPAY_CARD", 6, *why)


def asked(number: int, channel: str, at_us: int, *answer: Fact) -> list[tuple[str, Fact, int]]:
    """An attempt, and its answer 2 s later."""
    stream = f"instruction-pay-{channel}{number}"
    made = instruction.Attempted(1, "send", at_us, at_us + CLAIM_US, "", channel)
    return [(stream, made, at_us), *((stream, one, at_us + 2 * SECOND) for one in answer)]


UNKNOWN = instruction.Unknown("no answer", PAID_AT, 1)
OWN = instruction.Declined("busy", True, 1)
PAYERS = instruction.Declined("no money", False, 1)
WAITS = instruction.Answered("awaiting_payer", "", PAID_AT, PAID_AT, 1)
PAID = instruction.Succeeded("S", 1)


def seen() -> list[tuple[str, Fact, int]]:
    found = []
    for number in range(6):
        found += asked(number, "UNIONPAY_CARD", PAID_AT + number, (UNKNOWN, OWN)[number % 2])
        found += asked(
            number, "NETSUNION_CARD", PAID_AT + number, (PAYERS, WAITS, PAID)[number % 3]
        )
    for number in range(6, 12):
        found += asked(number, "UNIONPAY_CARD", PAID_AT + number, PAID)
        found += asked(number, "JD_PAY", PAID_AT)  # Never answered.
    return found


@pytest.mark.parametrize("size", [1, 5, None])
def test_a_watch_counts_what_speaks_against_a_channel(books: Connection, size: int | None) -> None:
    apply(books, instruction_attempts.MODEL, log(*seen()), size)
    watch = Watch(lambda: PAID_AT + 30 * SECOND, 1, frozenset({"NETSUNION_CARD"}))

    def lately(one: Watch) -> dict[str, tuple[int, int, int, bool]]:
        rows = books.execute(instruction_attempts.lately_query(), one.values()).all()
        found = one.summaries(rows)
        assert [name for name, it in found.items() if it.reachable] == ["NETSUNION_CARD"]
        return {
            name: (it.requests, it.answered_bps, it.median_us, it.well)
            for name, it in found.items()
            if it.requests
        }

    assert lately(watch) == {
        "UNIONPAY_CARD": (12, 5_000, 2 * SECOND, True),
        "NETSUNION_CARD": (6, 10_000, 2 * SECOND, True),
    }
    later = replace(watch, clock=lambda: PAID_AT + CLAIM_US + SECOND)
    assert lately(later)["JD_PAY"] == (6, 0, 0, True)  # Lost by now; too few to say more.
    over = replace(watch, clock=lambda: PAID_AT + WINDOW_US + SECOND)
    assert lately(over) == {}
    # On a clock a thousand times as fast the window is as long on the wall, and answers as quick.
    fast = replace(over, factor=1_000)
    assert lately(fast)["UNIONPAY_CARD"] == (12, 5_000, 2_000, True)


def test_what_is_known_is_kept_for_a_second(books: Connection) -> None:
    apply(books, instruction_attempts.MODEL, log(*asked(1, "JD_PAY", PAID_AT, PAID)))
    books.commit()
    now_ns = [0]
    watched = Watched(books.engine, Watch(lambda: PAID_AT + SECOND), lambda: now_ns[0])
    assert watched()["JD_PAY"].requests == 1
    more = log(*asked(1, "JD_PAY", PAID_AT, PAID), *asked(2, "JD_PAY", PAID_AT, PAID))[2:]
    with books.engine.begin() as connection:
        apply(connection, instruction_attempts.MODEL, more)
    assert watched()["JD_PAY"].requests == 1
    now_ns[0] = FRESH_NS
    assert watched()["JD_PAY"].requests == 2


def test_a_database_that_is_away_changes_nothing() -> None:
    from sqlalchemy import create_engine

    away = create_engine("sqlite:////nowhere/at/all.db")
    assert Watched(away, Watch())()["JD_PAY"].well
