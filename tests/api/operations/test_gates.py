"""How many requests of a channel may be under way."""

from api.operations.gates import Gate
from domain.channel.network import Pace


def gate(at_once: int) -> Gate:
    async def pause(_seconds: float) -> None: ...

    return Gate(Pace(at_once=at_once), pause)


def test_an_answer_that_is_being_recorded_keeps_no_place_at_the_channel() -> None:
    two = gate(2)
    two.begin("pay-P1", 1)
    two.begin("pay-P2", 1)
    assert two.free == 0
    two.answered()
    assert (two.free, set(two.under_way)) == (1, {"pay-P1", "pay-P2"})
    two.end("pay-P1")
    assert (two.free, set(two.under_way)) == (1, {"pay-P2"})


def test_answers_that_cannot_be_recorded_hold_up_what_is_asked() -> None:
    two = gate(2)
    for number in range(1, 5):
        two.begin(f"pay-P{number}", 1)
        two.answered()
    assert two.free == 0
    two.end("pay-P1")
    assert two.free == 1
