"""What merchants have signed: `agreements`."""

from typing import Any

from strawberry import ID

from api.graphql.money import Money
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.shapes import of, shape, shape_of
from projections.models import agreements as model


@shape()
class AgreedMethod:
    """A payment code that may pay the merchant; what one payment by it may be, and all of a day
    together (null: not agreed)."""

    code: str
    least: Money
    most: Money | None
    day: Money | None


@shape()
class SubMerchantNumber:
    """The merchant's number at a channel where the institution is the partner."""

    channel: str
    sub_mchid: str


@shape()
class MerchantAgreement:
    """What a merchant may use from a date on, until the next one begins; `inForce` false: nothing.
    A sale may be refunded until `refundDays` after its payment (null: for ever). `debtLimit`: the
    most it may owe for advanced refunds (null: not agreed). `cutOff`: HH:MM in Shanghai, from when
    on a day's releases clear with the next (null: with the institution's own)."""

    effective_from: Date
    in_force: bool
    products: list[str]
    methods: list[AgreedMethod]
    sub_mchids: list[SubMerchantNumber]
    refund_days: int | None
    debt_limit: Money | None
    cut_off: str | None = of("cut_off", empty=True)
    signed_at: Instant
    position: BigInt


def _node(row: model.Version) -> MerchantAgreement:
    lists: dict[str, Any] = {
        "products": list(row.products),
        "methods": [shape_of(AgreedMethod).node(one) for one in row.methods],
        "sub_mchids": [shape_of(SubMerchantNumber).node(one) for one in row.sub_mchids],
    }
    return shape_of(MerchantAgreement).node(row, **lists)


async def agreements(info: Info, member_id: ID) -> list[MerchantAgreement]:
    """Every agreement of a merchant, and every end of one, by date. None: it can be paid nothing,
    or it registered before there were agreements and has escrow by every method."""
    whom = info.context.within(member_id) or member_id
    rows = await info.context.read(lambda view: model.agreements_of(view, whom))
    return [_node(row) for row in rows]
