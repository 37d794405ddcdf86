"""`POST /callbacks/{channel}`: what a channel tells of itself.

Verified by the channel's adapter, recorded by the same command as the answer to a query, answered
in the channel's own form and within its time. A repetition has the number of the first and its
answer; what is forged, stale or replayed is told nothing but that it was not taken. A number that
nobody here knows is put on record, for an operator, and not taken: the channel calls again.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from api.context import AppContext
from api.http.bodies import read_body
from api.operations.exchanges import Written, written
from domain.channel.adapters.deadline import within
from domain.channel.commands import ReportUnknownNumber
from domain.channel.network import Adapter, CallbackInvalid, Heard
from domain.channel.numbers import sought_by
from domain.kernel import MICROSECONDS, Request
from domain.ledger.answer import Answer
from domain.ledger.ledger import utc_us
from domain.ledger.states import fold_streams
from domain.payment import instruction
from domain.payment.asking import RecordAnswer, answer_command, legible
from domain.refusals import Code
from projections.engine.checkpoints import Checkpoint, behind, load
from projections.models.instruction_attempts import known_by

PATH = "/callbacks/{channel}"
ANSWER_S = 4.0  # Channels wait 5 s, and call again.
MINUTE_US = 60 * MICROSECONDS
NUMBERED = ("instruction_attempts",)  # The read model by which numbers are found.
WAIT_MS = 2_000

log = logging.getLogger("zhangfang.callbacks")


def routes(
    context: AppContext,
    adapters: Mapping[str, Adapter],
    *,
    wall: Callable[[], int] = utc_us,
    answer_s: float = ANSWER_S,
) -> list[Route]:
    """The route, for the channels that have an adapter. `wall` is the time they sign by."""

    async def callback(request: HttpRequest) -> Response:
        channel = request.path_params["channel"]
        adapter = adapters.get(channel)
        if adapter is None:
            raise HTTPException(404)
        body = await read_body(request)
        query = request.scope["query_string"].decode("latin-1")
        target = request.scope["path"] + (f"?{query}" if query else "")
        taken, forged = False, False
        try:
            heard = adapter.heard(request.method, target, request.headers, body, wall())
            taken = bool(await within(_take(context, channel, heard), answer_s))
        except CallbackInvalid as no:
            forged = True
            log.warning("a callback for %s was refused: %s", channel, no)
        except Exception:  # It calls again; what hinders it is for us alone.
            log.exception("a callback of %s could not be taken", channel)
        if not taken and not forged:
            log.warning("a callback of %s was not taken; it comes again", channel)
        status, answer = adapter.acknowledgement(taken=taken)
        return Response(answer, 401 if forged else status, media_type="application/json")

    return [Route(PATH, callback, methods=["POST"], include_in_schema=False)]


async def _take(context: AppContext, channel: str, heard: Heard) -> bool:
    """Whether what was heard is on record, now or from before."""
    found = _remembered(context, channel, heard)
    if found is None:
        found = await anyio.to_thread.run_sync(partial(_found, context, channel, heard))
    if found is None and await _caught_up(context):
        found = await anyio.to_thread.run_sync(partial(_found, context, channel, heard))
        if found is None:
            await _report(context, channel, heard)
    if found is None:  # Not ours; or so new that the read model does not know it yet.
        return False
    made = written(heard.answer)
    command = answer_command(found, heard.answer, 0, made.name)
    event = hashlib.sha256(heard.event_id.encode()).hexdigest()[:32]
    return await _recorded(context, f"outcome:{found}:callback:{event}", command, made)


async def _caught_up(context: AppContext) -> bool:
    """Whether the read model knows every number that was given by now, after a while at most."""
    head = await anyio.to_thread.run_sync(lambda: context.ledger.head().position)

    def late() -> list[Checkpoint]:
        with context.engine.connect() as view:
            return behind(load(view, NUMBERED), NUMBERED, head)

    look = partial(anyio.to_thread.run_sync, late)
    return not await context.arrivals.until(look, NUMBERED, head, WAIT_MS)


async def _report(context: AppContext, channel: str, heard: Heard) -> None:
    """Put on record what a channel says of a number that nobody knows. Never raises for that."""
    number = legible(heard.number, 80).strip() or "?"
    log.error("%s calls about %s, which nobody knows", channel, ascii(number))
    made = written(heard.answer)
    said = answer_command("", heard.answer, 0, made.name)
    command = ReportUnknownNumber(
        channel,
        number,
        heard.purpose,
        said.said,
        said.serial,
        said.amount_fen,
        said.reason,
        said.exchange,
    )
    event = hashlib.sha256(ascii((number, heard.event_id)).encode()).hexdigest()[:32]
    await _recorded(context, f"unknown:{channel}:{event}", command, made)


async def _recorded(
    context: AppContext, number: str, command: RecordAnswer | ReportUnknownNumber, made: Written
) -> bool:
    """A repetition gets its first answer. Other content under the same event, such as the same in
    another envelope, has a number of its own; and what the books refused is tried again later."""
    now_us = context.clock()

    async def submit() -> Answer:
        request = Request(number, now_us, "channel:callback", command, made.blobs)
        return await context.submit(request)

    answer = await submit()
    if answer.refused is not None and answer.refused.code is Code.REQUEST_CONFLICT:
        number = f"{number}:{command.exchange[:16]}"
        answer = await submit()
    if answer.refused is not None and answer.replayed:
        number = f"{number}:{now_us // MINUTE_US}"
        answer = await submit()
    if answer.refused is not None:
        log.warning("%s: %s", number, answer.refused)
    return answer.refused is None


def _remembered(context: AppContext, channel: str, heard: Heard) -> str | None:
    """The instruction a channel speaks of, if its number can be read as the id of one that this
    process remembers: what is asked here, of whom and for what, never changes. In most cases it is,
    and nothing is read."""
    one = sought_by(channel, heard.number)
    state = context.ledger.remembered(instruction.stream(one))
    asked = (channel, heard.purpose)
    return one if state is not None and (state.channel, state.purpose) == asked else None


def _found(context: AppContext, channel: str, heard: Heard) -> str | None:
    """The instruction a channel speaks of. In most cases its number can be read as the
    instruction's id, and then it is no other's number there."""
    if legible(heard.number) != heard.number:
        return None  # No number of ours has such characters, and no database takes all of them.
    asked = (channel, heard.purpose)
    one = sought_by(channel, heard.number)
    if _asked_of(context, [one])[0] == asked:
        return one
    with context.engine.connect() as view:
        ids = known_by(view, heard.number)
    return next(
        (one for one, of in zip(ids, _asked_of(context, ids), strict=True) if of == asked), None
    )


def _asked_of(context: AppContext, ids: Sequence[str]) -> list[tuple[str, str | None]]:
    """The channel and purpose of each instruction; ("", None) of none."""
    streams = [instruction.stream(one) for one in ids]
    states = fold_streams(context.ledger.recorder, streams)
    return [(states[one][1].channel, states[one][1].purpose) for one in streams]
