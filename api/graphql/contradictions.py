"""What channels said against what was asked or their own word, and the money that came of it: below
the instructions, payments and refunds they are about, and on the desk."""

from strawberry import ID

from api.graphql.money import Money
from api.graphql.plan.declared import Children
from api.graphql.reads import Info
from api.graphql.scalars import Instant
from api.graphql.shapes import of, shape, shape_of
from projections.models import suspense_items


@shape()
class Contradiction:
    """What a channel said against what was asked, or against its own word: `kind` second (another
    charge), more or less (than asked), late (after a decline), declined (after a success) or
    returned; `stage` suspected, waiting (for a bill), certain or ended, and then `detail` says how.
    `serial` is the channel's."""

    instruction_id: ID
    kind: str
    serial: str
    stage: str
    amount: Money | None
    detail: str
    at: Instant


@shape()
class SuspenseItem:
    """Money that a channel moved otherwise than it was asked: `waits` of `amount`. `state` is
    waiting on `account`, until an operator or reconciliation finds its place; sending_back;
    sent_back; or placed. `kind` as of a contradiction; `reason` is the channel's, when it did not
    take it back."""

    item: ID
    kind: str
    instruction_id: ID
    serial: str
    channel: str
    party_id: ID = of("party")
    amount: Money
    waits: Money
    account: ID
    reason: str
    opened_at: Instant
    state: str


contradiction_of = shape_of(Contradiction).node
suspense_item_of = shape_of(SuspenseItem).node


async def suspense_items_of(info: Info, stream: str) -> list[SuspenseItem] | None:
    """Of a stream's instructions; null for who may not read instructions."""
    if not info.context.sees_everything:
        return None
    return [suspense_item_of(row) for row in await info.context.suspense_items_of.load(stream)]


def suspense_items_below(parent: str, prefix: str) -> Children:
    """The same, in objects whose column `parent` is the stream's key after a prefix."""
    order = ("reference", "position")
    table = suspense_items.TABLE
    return Children(table, parent, "reference", order, prefix=prefix, institution=True)
