"""The operations desk: what running the institution needs at hand, and carrying instructions out.

A channel is never asked inside a commit: the intention was committed first, and here it is carried
out, at least once, under its own id; the answer is recorded as a command of its own.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from msgspec import Struct
from sqlalchemy import Engine

from api.operations.screening import Screening
from domain.channel.port import ChannelPort, ChannelRequest, Result, Unknown, carry_out
from domain.kernel import MICROSECONDS, Command, Request, key
from domain.ledger.answer import Answer
from domain.ledger.ledger import Ledger
from domain.ledger.states import fold_streams
from domain.payment import instruction
from domain.payment.commands import RecordOutcome, outcome_command
from domain.payment.orders import channel_request
from domain.refusals import Code, Refused
from projections.engine.engine import Projector
from projections.engine.lease import Lease, LeaseLost, LeaseTaken, lease

log = logging.getLogger("zhangfang.desk")

CHUNK = 500  # Requests of one commit: large enough to amortise it, small enough to be quick.
WORKER = "system:worker"
RELIED_ON = ("transactions", "settlement_batches", "instructions", "withdrawals", "reserves")
OPERATIONS = "operations"  # The lease of whoever carries instructions out and runs the day.
PATIENCE_MS = 30_000  # A worker's round is over sooner, but for one that ends many days.


class Desk(Struct, frozen=True):
    """An open ledger with its read side and its channels."""

    ledger: Ledger
    engine: Engine  # For reads of the read models.
    projector: Projector
    channel: ChannelPort
    over_network: bool = False  # Then nothing is carried out in this process's channel.
    screening: Screening | None = None  # Looks members up in the lists that are in force.

    def catch_up(self) -> None:
        """Bring the read models to the head, so that what is read next is all there is.

        Raises Refused(BUSY) when one that operations rely on is paused: running a day on a list
        that may have gaps would skip somebody's money.
        """
        head = self.ledger.head().position
        positions = self.projector.catch_up()
        for name in RELIED_ON:
            if positions.get(name, 0) < head:
                detail = f"read model {name} stands at {positions.get(name, 0)} of {head}"
                raise Refused(Code.BUSY, "projections", detail)


@contextmanager
def operating(desk: Desk, patience_ms: int = PATIENCE_MS) -> Iterator[Lease]:
    """Run the ledger's operations, alone: an import's payments are not carried out by a worker
    beside it, and a day is not ended by two.

    Raises Refused(BUSY) when somebody else does, and goes on doing so, or when the lease was lost.
    """
    with ExitStack() as held:
        try:
            mine = held.enter_context(lease(desk.engine, OPERATIONS, patience_ms))
        except LeaseTaken:
            detail = "an import, or another end of day, is running on this ledger"
            raise Refused(Code.BUSY, "operations", detail) from None
        try:
            yield mine
        except LeaseLost as lost:
            raise Refused(Code.BUSY, "operations", f"{lost}; run it again") from lost


def in_chunks(ledger: Ledger, requests: Sequence[Request]) -> list[Answer]:
    """Submit requests in order, some hundred to a commit; the same ones always share a commit."""
    answers: list[Answer] = []
    for start in range(0, len(requests), CHUNK):
        answers += ledger.submit_all(requests[start : start + CHUNK])
    return answers


def request(number: str, at_us: int, command: Command, actor: str = WORKER) -> Request:
    return Request(number, at_us, actor, command)


def outcomes(
    desk: Desk, instruction_ids: Iterable[str], *, query: bool = False
) -> list[RecordOutcome]:
    """Carry instructions out (or query what became of them): the commands that record it.

    Instructions that have ended already, or were never issued, are passed over, and so is what went
    out over a network before: only the channel there knows its outcome. An adapter that fails has
    told nothing of the outcome: it is unknown.
    """
    if desk.over_network:
        return []
    streams = [instruction.stream(instruction_id) for instruction_id in instruction_ids]
    states = fold_streams(desk.ledger.recorder, streams)
    commands = []
    for stream in streams:
        state = states[stream][1]
        if state.status not in ("issued", "unknown") or state.tried.attempt:
            continue
        instruction_id = key(stream)
        wanted = channel_request(instruction_id, state)
        result = _asked(desk.channel.query if query else _carry_out(desk.channel), wanted)
        commands.append(outcome_command(instruction_id, result))
    return commands


def _carry_out(channel: ChannelPort) -> Callable[[ChannelRequest], Result]:
    return lambda wanted: carry_out(channel, wanted)


def _asked(ask: Callable[[ChannelRequest], Result], wanted: ChannelRequest) -> Result:
    try:
        return ask(wanted)
    except Exception as error:
        log.exception("the adapter of %s failed on %s", wanted.channel, wanted.instruction_id)
        return Unknown(f"the adapter failed: {type(error).__name__}")


def record_outcomes(desk: Desk, commands: Iterable[RecordOutcome], at_us: int) -> list[Answer]:
    """Record channels' answers, in order. An answer that is refused (a frozen account) is tried
    again under a new number a minute later, not at every turn."""
    minute = at_us // (60 * MICROSECONDS)
    requests = []
    for one in commands:
        kind = "succeeded" if one.succeeded else "declined" if one.declined else "unknown"
        number = f"outcome:{one.instruction_id}:{kind}:{minute}"
        requests.append(request(number, at_us, one))
    return in_chunks(desk.ledger, requests)
