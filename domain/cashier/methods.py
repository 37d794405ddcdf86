"""Which methods a payer is offered for an amount, in the protocol's order, and why not some.

What is shown is advice: paying decides anew, by the books as they stand then. Only what its payer
proves to own at the channel is offered: whoever has the link has proved nothing here.
"""

from typing import Literal, NamedTuple

from domain.channel.commands import candidate
from domain.channel.routing import Candidate
from domain.kernel import States
from domain.payment.protocol import PAYMENT_CODES, PaymentCode, Product

# Why a method is shown and cannot be chosen; "" for one that can.
Why = Literal["", "too_small", "too_large", "maintenance"]


class Method(NamedTuple):
    """A payment code, and why it cannot be chosen."""

    code: str
    why: Why


def methods(states: States, product: Product, amount_fen: int, at_us: int) -> tuple[Method, ...]:
    """Every method of the product that a channel here carries, in the protocol's order."""
    found = []
    for code in (PAYMENT_CODES[name] for name in product.codes):
        if not code.proved_there:
            continue
        here = [one for name in code.channels if not (one := candidate(states, name)).gone]
        if here:
            whys = [_why_not(one, amount_fen, at_us) for one in here]
            why = _outside(code, amount_fen) or ("" if "" in whys else whys[0])
            found.append(Method(code.code, why))
    return tuple(found)


def _outside(limits: PaymentCode | Candidate, amount_fen: int) -> Why:
    if amount_fen < limits.least_fen:
        return "too_small"
    if limits.most_fen is not None and amount_fen > limits.most_fen:
        return "too_large"
    return ""


def _why_not(channel: Candidate, amount_fen: int, at_us: int) -> Why:
    if any(one.from_us <= at_us < one.until_us for one in channel.maintenance):
        return "maintenance"
    return _outside(channel, amount_fen)
