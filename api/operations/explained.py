"""What an account's balance is made of."""

from datetime import date

from msgspec import Struct

UNEXPLAINED = "unexplained"


class Named(Struct, frozen=True):
    """A part of an account's balance, in fen on its normal side: what it is, since when, and what
    it waits for."""

    name: str
    since: date | None
    amount_fen: int
    why: str


class Explained(Struct, frozen=True):
    """An account, its balance, and the items that are it."""

    account: str
    balance_fen: int
    items: tuple[Named, ...]
