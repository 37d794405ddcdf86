"""Where money that leaves goes to: a card or account that its bank has signed, by tokens."""

from domain.kernel import States
from domain.member import card
from domain.payment.asked import Destination


def bound_account(states: States, member_id: str, wanted: str = "") -> card.Binding | None:
    """The card that is `wanted` ("": the member's default), if it is bound."""
    cards = states(card.stream(member_id))
    return cards.bound(wanted or cards.default) if wanted or cards.default else None


def destination_of(bound: card.Binding) -> Destination:
    return Destination(bound.card, bound.particulars, bound.tail)
