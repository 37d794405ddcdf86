"""Money as the schema shows it: fen as a BigInt, the currency, and yuan for people to read."""

from typing import cast

from msgspec import Struct

from api.graphql.describing import object_type
from api.graphql.scalars import BigInt
from domain.money import CURRENCY, decimal_text


@object_type
class Money:
    """An amount: `minor` is exact, in the currency's smallest unit (fen), `decimal` for people."""

    minor: BigInt
    currency: str
    decimal: str


class Amount(Struct, frozen=True, gc=False):
    """What a `Money` is made from. The decimal text is made only where somebody asks for it."""

    minor: int
    currency: str

    @property
    def decimal(self) -> str:
        return decimal_text(self.minor)


def money(fen: int, currency: str = CURRENCY) -> Money:
    """Fen as a `Money`; below zero where the amount is."""
    return cast(Money, Amount(fen, currency))


def money_or_none(fen: int | None, currency: str = CURRENCY) -> Money | None:
    return None if fen is None else money(fen, currency)
