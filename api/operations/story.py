"""The story of one purchase and a small market day, as commands: what `zhangfang demo` plays.

What happens in it stands in `script.py`.

Times are fixed and every request has its own number: played again, nothing is new. The channel is
either one in this process that answers by the script below, and two databases hold the same bytes;
or a *stage* carries everything out over a network, where people and banks act by the same script:
the amounts are the same, how often a channel was asked and what it answered is not.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from api.operations.desk import WORKER, Desk, operating, request
from api.operations.end_of_day import end_of_day
from api.operations.outbox import OUTBOX
from api.operations.script import (
    ANSWERS,
    BEGINS,
    DAY_AFTER,
    END,
    FIRST,
    MERCHANT,
    SETTLEMENT_DAY,
    STORY,
    TRADE_DAY,
    Ask,
    Carry,
    EndDay,
    Heading,
    Step,
    at_time,
)
from domain.channel.adapters.simulated import SimulatedChannel, always_succeeds
from domain.channel.port import ChannelRequest, Result, Succeeded, carry_out
from domain.clearing import day
from domain.kernel import MICROSECONDS, Recorded, Request, day_end_us, to_us
from domain.ledger.ledger import Ledger
from domain.ledger.unit import LEDGER_ACTOR
from domain.payment import instruction
from domain.payment.commands import outcome_command
from domain.payment.orders import channel_request
from domain.refusals import Code, Refused
from projections.models import instructions

CALLBACK = "channel:callback"
PAGE = 200
SOON_US = 60 * MICROSECONDS  # The story asks about an unknown outcome a minute later.


class Carrier(Protocol):
    """Carries instructions out over a network (`api/operations/staging.py`)."""

    def carry(self, wanted: Mapping[str, Result], at_us: int, asked: int = 0) -> None:
        """Until they have ended as wanted; `asked`: how often they were asked about before."""


class Told(Struct, frozen=True):
    """A step that is done: whose it was, and the facts it left, now or when it was played first."""

    chapter: Heading
    step: Step
    at: datetime
    actor: str
    facts: list[Recorded]


def scripted_channel() -> SimulatedChannel:
    """The channels of the story: they succeed, but for ANSWERS."""

    def script(wanted: ChannelRequest, asked: int) -> Result:
        answers = ANSWERS.get(wanted.instruction_id, ())
        return answers[asked] if asked < len(answers) else always_succeeds(wanted, asked)

    return SimulatedChannel(script)


def standing(ledger: Ledger) -> Literal["empty", "begun", "told", "foreign"]:
    """How far a ledger is with the story; foreign: its books are somebody else's."""
    if ledger.state(day.STREAM).open_date is None:
        return "empty" if not ledger.head().position else "begun"
    if not ledger.recorder.read_receipts([FIRST]):
        return "foreign"
    last = STORY[-1].steps[-1]
    assert isinstance(last, Carry)
    return "told" if _has_ended(ledger, last.instruction_id) else "begun"


def play(desk: Desk, stage: Carrier | None = None) -> Iterator[Told]:
    """Play the story on a ledger, step by step; what was played before is told again.

    Without a stage the desk's channel must be a fresh `scripted_channel()`. Raises
    Refused(DAY_ALREADY_OPEN) for a ledger whose books are somebody else's, Refused(BUSY,
    "simulator") for a story that was broken off on a stage and has none now, and what a step is
    refused with.
    """
    if standing(desk.ledger) == "foreign":
        detail = "this ledger has books of its own; the story needs an empty one"
        raise Refused(Code.DAY_ALREADY_OPEN, "database", detail)
    reached = 0
    with operating(desk):
        for chapter in STORY:
            for step in chapter.steps:
                position, actor, at = _do(desk, step, reached, stage)
                yield Told(chapter, step, at, actor, _between(desk, reached, position))
                reached = max(reached, position)


def _do(
    desk: Desk, step: Ask | Carry | EndDay, reached: int, stage: Carrier | None
) -> tuple[int, str, datetime]:
    """Do one step: the position it ended at, who did it, when."""
    if isinstance(step, EndDay):
        return _end_day(desk, step, stage)
    if isinstance(step, Carry):
        return _carry(desk, step, reached, stage)
    answer = desk.ledger.submit(Request(step.number, to_us(step.at), step.actor, step.command))
    answer.unwrap()
    return answer.position, step.actor, step.at


def _end_day(desk: Desk, step: EndDay, stage: Carrier | None) -> tuple[int, str, datetime]:
    end_of_day(desk, step.date)
    # The last request of the run; its receipt says where the run ended, also afterwards.
    (receipt,) = desk.ledger.recorder.read_receipts([f"day.close:{step.date}"])
    at, ended_us = at_time(step.date, "24:00"), day_end_us(step.date) - 1
    if stage is not None:
        desk.catch_up()
        with desk.engine.connect() as connection:
            waiting = instructions.open_instructions(connection, PAGE)
        payouts = [one for one in waiting if one.purpose == "payout"]
        due = [one.instruction_id for one in payouts if one.issued_at_us <= ended_us]
        stage.carry({one: _scripted(one, 0) for one in due}, ended_us)
    return _end_of_answers(desk, receipt.position, at), "system:settlement", at


def _carry(
    desk: Desk, step: Carry, reached: int, stage: Carrier | None
) -> tuple[int, str, datetime]:
    number = f"demo:outcome:{step.instruction_id}:{step.query}"
    here = desk.ledger.recorder.read_receipts([number])
    if stage is not None and not here:
        wanted = {step.instruction_id: _scripted(step.instruction_id, step.query)}
        stage.carry(wanted, to_us(step.at), step.query)
    if not here and (stage is not None or _has_ended(desk.ledger, step.instruction_id)):
        return _end_of_answers(desk, reached, step.at), OUTBOX, step.at
    if stage is not None:  # It was carried out in the process that told the story before.
        return here[0].position, WORKER, step.at
    state = desk.ledger.state(instruction.stream(step.instruction_id))
    if not here and state.tried.attempt:
        detail = f"{step.instruction_id} was sent over HTTP: only a simulator knows its outcome"
        raise Refused(Code.BUSY, "simulator", detail)
    order = channel_request(step.instruction_id, state)
    # Asked also when the answer is in the books: it is what makes the channel remember.
    result = desk.channel.query(order) if step.query else carry_out(desk.channel, order)
    wish = request(number, to_us(step.at), outcome_command(step.instruction_id, result))
    answer = desk.ledger.submit(wish)
    answer.unwrap()
    return answer.position, wish.actor, step.at


def _scripted(instruction_id: str, asked: int) -> Result:
    answers = ANSWERS.get(instruction_id, ())
    return answers[asked] if asked < len(answers) else Succeeded("")


def _has_ended(ledger: Ledger, instruction_id: str) -> bool:
    status = ledger.state(instruction.stream(instruction_id)).status
    return status not in ("none", *instruction.OPEN)


def _end_of_answers(desk: Desk, after: int, at: datetime) -> int:
    """Where that ends which answers over a network left after a position, at a time of the
    story."""
    until_us = to_us(at) + SOON_US
    while facts := desk.ledger.facts(after, PAGE):
        for one in facts:
            theirs = one.actor in (OUTBOX, CALLBACK, LEDGER_ACTOR)  # Accounts are posted last.
            if not theirs or one.at_us >= until_us:
                return after
            after = one.position
    return after


def _between(desk: Desk, after: int, until: int) -> list[Recorded]:
    return desk.ledger.facts(after, until - after) if until > after else []


__all__ = [
    "BEGINS",
    "DAY_AFTER",
    "END",
    "MERCHANT",
    "SETTLEMENT_DAY",
    "STORY",
    "TRADE_DAY",
    "Told",
    "play",
    "scripted_channel",
    "standing",
]
