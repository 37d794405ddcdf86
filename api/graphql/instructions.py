"""Payment instructions, for the institution: `instruction`, `instructions`."""

from typing import Annotated, Any, get_args

import strawberry
from strawberry import ID

from api.graphql.access import one_of
from api.graphql.contradictions import Contradiction, contradiction_of
from api.graphql.describing import resolved
from api.graphql.enums import AttemptKind, InstructionPurpose, InstructionState
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection
from api.graphql.plan.declared import CHILDREN, ROOTS, Arguments, Children
from api.graphql.plan.pages import Listed
from api.graphql.plan.roots import Keyed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from projections.models import contradictions, instruction_attempts
from projections.models import instructions as model
from projections.tables.listing import values_of

STATES: tuple[str, ...] = get_args(model.InstructionState)


@shape()
class Attempt:
    """One request to a channel over a network, and its answer: `outcome` in a word, null while
    there is none, and `confirmed` where it has ended before and the channel says the same;
    `detail` is the serial or the reason; `exchange` the SHA-256 of what went over the wire, under
    which `/v1/blobs` has it."""

    number: int = of("attempt")
    kind: AttemptKind
    at: Instant
    position: BigInt
    outcome: str | None
    detail: str | None
    answered_at: Instant | None
    exchange: str | None


@shape()
class Instruction:
    """What a channel is asked to do, once. `reference` is the stream that asked for it, to which
    the outcome goes back; `answer` the channel's serial, or the reason it gave. `channelNumber` is
    what the channel knows it by (null: its id); `dueAt` when the channel is asked again; `withheld`
    why it is not sent."""

    id: ID = of("instruction_id")
    purpose: InstructionPurpose
    reference: str
    channel: str
    party_id: ID = of("party")
    amount: Money
    state: InstructionState
    answer: str | None = of("answer", empty=True)
    issued_at: Instant
    issued_position: BigInt
    last_position: BigInt
    channel_number: str | None = of("number")
    due_at: Instant | None = of("due_us")
    withheld: str | None

    @resolved
    async def attempts(self, info: Info) -> list[Attempt]:
        """The newest 100 requests to the channel, in order; none of a channel in this process."""
        return [_ATTEMPT.node(row) for row in await info.context.attempts.load(self.id)]

    @resolved
    async def contradictions(self, info: Info) -> list[Contradiction]:
        """What the channel said against what was asked, or against its own word, as it was told."""
        rows = await info.context.contradictions_of.load(self.id)
        return [contradiction_of(row) for row in rows]


_ATTEMPT = shape_of(Attempt)
instruction_of = shape_of(Instruction).node


async def instructions_of(info: Info, stream: str) -> list[Instruction] | None:
    """What a stream has asked of channels; null for who may not read instructions."""
    if not info.context.sees_everything:
        return None
    return [instruction_of(row) for row in await info.context.instructions_of.load(stream)]


def instructions_below(parent: str, prefix: str) -> Children:
    """The same, in objects whose column `parent` is the stream's key after a prefix."""
    order = ("reference", "issued_position")
    return Children(model.TABLE, parent, "reference", order, prefix=prefix, institution=True)


async def instruction(info: Info, id: ID) -> Instruction | None:
    """One instruction by its id, such as `pay-P1`."""
    row = await info.context.read(lambda connection: model.instruction(connection, id))
    return instruction_of(row) if row else None


async def instructions(
    info: Info,
    state: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(STATES)}.")
    ] = None,
    reference: Annotated[
        str | None, strawberry.argument(description="The stream that asked, `payment-P1`.")
    ] = None,
    newest_first: NewestFirst = False,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Instruction]:
    """Instructions in the order they were issued; all, in a state, or asked for by one stream."""
    wanted = model.Wanted(one_of(STATES, state, "state"), reference)
    page = await info.context.read(
        lambda connection: model.instructions(
            connection, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    return connection(
        page, instruction_of, after, lambda books: model.count_instructions(books, wanted)
    )


def _filters(_scope: Scope, arguments: Arguments) -> dict[str, Any]:
    state = one_of(STATES, arguments["state"], "state")
    return values_of(model.Wanted(state, arguments["reference"]), instants=True)


CHILDREN["Instruction", "attempts"] = Children(
    model.ATTEMPTS,
    "instruction_id",
    "instruction_id",
    ("instruction_id", "attempt"),
    beside=frozenset({model.TABLE.name, instruction_attempts.TABLE.name}),
)
CHILDREN["Instruction", "contradictions"] = Children(
    contradictions.TABLE,
    "instruction_id",
    "instruction_id",
    ("instruction_id", "position", "kind", "serial"),
)
ROOTS["instruction"] = Keyed(model.TABLE.c.instruction_id, "id")
ROOTS["instructions"] = Listed(model.LISTING, _filters)
