"""A plan of the payer's own: what wallet, a bound card and a channel are to pay, as it was shown.

It comes from a choice and the books; from then on it is a text that the page carries under our
seal, so that what is paid is what was shown, to the fen.
"""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from domain.cashier.methods import Why
from domain.cashier.own import Card, Own, legs_of
from domain.payment.commands import LegAsked
from domain.payment.plan import CARD_CODE, WALLET_CODE
from domain.payment.protocol import PAYMENT_CODES

CHOICE = ("method", "wallet", "amount")  # Fields of the form that chooses.
LONGEST = 40


class Plan(NamedTuple):
    """`method` pays what is left after `first_fen` of the wallet; `binding` is the card's number
    among the payer's, 0 where none pays."""

    method: str
    binding: int
    first_fen: int
    amount_fen: int

    @property
    def wallet_fen(self) -> int:
        return self.amount_fen if self.method == WALLET_CODE else self.first_fen

    @property
    def rest_fen(self) -> int:
        """What another than the wallet pays."""
        return self.amount_fen - self.wallet_fen

    @property
    def card_fen(self) -> int:
        return self.rest_fen if self.method == CARD_CODE else 0

    @property
    def legs(self) -> tuple[LegAsked, ...]:
        """() for one method alone."""
        return legs_of(self.method, self.first_fen, self.amount_fen) if self.first_fen else ()

    @property
    def text(self) -> str:
        return f"{self.method}.{self.binding}.{self.first_fen}.{self.amount_fen}"

    def choice(self, *, amount: str) -> dict[str, str]:
        """The choice that it came from."""
        method = f"{self.method}:{self.binding}" if self.binding else self.method
        given = {"method": method, "wallet": "1" if self.first_fen else "", "amount": amount}
        return {name: value for name, value in given.items() if value}


def is_own(form: Mapping[str, str]) -> bool:
    """Whether a choice is about the wallet or a card."""
    method = form.get("method", "").partition(":")[0]
    return method in (WALLET_CODE, CARD_CODE) or "wallet" in form


def query_of(choice: Mapping[str, str]) -> str:
    return urlencode({name: choice[name][:LONGEST] for name in CHOICE if choice.get(name)})


def read(text: str) -> Plan | None:
    """A text that we sealed; None for anything that is no plan."""
    parts = text.split(".")
    if len(parts) != 4 or parts[0] not in PAYMENT_CODES:
        return None
    numbers = [int(one) for one in parts[1:] if one.isascii() and one.isdigit() and len(one) < 15]
    return Plan(parts[0], *numbers) if len(numbers) == 3 else None


def planned(choice: Mapping[str, str], own: Own, amount_fen: int) -> Plan | Why | None:
    """The plan of a choice; or why it cannot be; None: it was not offered."""
    method, _, number = choice.get("method", "").partition(":")
    if method == WALLET_CODE:
        return own.wallet or (Plan(method, 0, 0, amount_fen) if own.wallet == "" else None)
    card = _card(own, number) if method == CARD_CODE else None
    if method == CARD_CODE and card is None:
        return None
    binding = card.binding if card is not None else 0
    if choice.get("wallet"):
        why = next((one.why for one in own.rest if one.code == method), None)
        return why or (Plan(method, binding, own.first_fen, amount_fen) if why == "" else None)
    if card is None:
        return None
    return card.why or Plan(method, binding, 0, amount_fen)


def _card(own: Own, number: str) -> Card | None:
    return next((one for one in own.cards if str(one.binding) == number), None)
