"""Payment instructions, for the institution: `instruction`, `instructions`."""

from typing import Annotated, get_args

import strawberry
from strawberry import ID

from api.graphql.describing import object_type
from api.graphql.enums import InstructionPurpose, InstructionState
from api.graphql.money import Money, money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Instant
from domain.refusals import Code, Refused
from projections.models import instructions as model

STATES: tuple[str, ...] = get_args(model.InstructionState)


@object_type
class Instruction:
    """What a channel is asked to do, once. `reference` is the stream that asked for it, to which
    the outcome goes back; `answer` the channel's serial, or the reason it gave."""

    id: ID
    purpose: InstructionPurpose
    reference: str
    channel: str
    party_id: ID
    amount: Money
    state: InstructionState
    answer: str | None
    issued_at: Instant
    issued_position: BigInt
    last_position: BigInt


def instruction_of(row: model.Instruction) -> Instruction:
    return Instruction(
        id=ID(row.instruction_id),
        purpose=InstructionPurpose(row.purpose),
        reference=row.reference,
        channel=row.channel,
        party_id=ID(row.party),
        amount=money(row.amount_fen),
        state=InstructionState(row.state),
        answer=row.answer or None,
        issued_at=Instant(row.issued_at_us),
        issued_position=BigInt(row.issued_position),
        last_position=BigInt(row.last_position),
    )


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
    if state is not None and state not in STATES:
        raise Refused(Code.REQUEST_INVALID, "state", f"one of {', '.join(STATES)} is needed")
    wanted = model.Wanted(state, reference)
    page = await info.context.read(
        lambda connection: model.instructions(
            connection, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    return connection(
        page, instruction_of, after, lambda books: model.count_instructions(books, wanted)
    )
