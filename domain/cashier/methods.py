"""Which methods a payer is offered for an amount, in the protocol's order, and why not some.

What is shown is advice: paying decides anew, by the books as they stand then. Only what its payer
proves to own at the channel is offered: whoever has the link has proved nothing here.
"""

from collections.abc import Sequence
from datetime import date
from typing import Literal, NamedTuple

from domain.channel.commands import candidate
from domain.channel.routing import Candidate
from domain.kernel import States, shanghai_date
from domain.member import agreement, member
from domain.payment import turnover
from domain.payment.protocol import PAYMENT_CODES, PaymentCode, Product
from domain.refusals import Code, Refused

# Why a method is shown and cannot be chosen; "" for one that can.
Why = Literal["", "too_small", "too_large", "maintenance", "not_agreed", "agreed_limit"]


class Method(NamedTuple):
    """A payment code, and why it cannot be chosen."""

    code: str
    why: Why


class Part(NamedTuple):
    """What one merchant gets of it. Fen."""

    merchant: str
    amount_fen: int


def methods(
    states: States, product: Product, parts: Sequence[Part], amount_fen: int, at_us: int
) -> tuple[Method, ...]:
    """Every method of the product that a channel here carries, in the protocol's order; `parts`:
    the merchants that must have agreed to it."""
    found, today = [], shanghai_date(at_us)
    for code in (PAYMENT_CODES[name] for name in product.codes):
        if not code.proved_there:
            continue
        here = [one for name in code.channels if not (one := candidate(states, name)).gone]
        if here:
            whys = [_why_not(one, amount_fen, at_us) for one in here]
            why: Why = _outside(code, amount_fen) or ("" if "" in whys else whys[0])
            found.append(Method(code.code, _disagreed(states, code.code, parts, today) or why))
    return tuple(found)


def _disagreed(states: States, code: str, parts: Sequence[Part], today: date) -> Why:
    """What the merchants' agreements have against a method; "" for nothing."""
    for merchant, amount_fen in parts:
        owner, signed = states(member.stream(merchant)), states(agreement.stream(merchant))
        try:
            agreed = agreement.need_method(owner, signed, code, today, "method")
            used_fen = 0
            if agreed.day_fen is not None:
                used_fen = states(turnover.stream(merchant)).used_fen(today, code)
            agreement.refuse_amount(owner, agreed, amount_fen, "method", used_fen)
        except Refused as no:
            return "not_agreed" if no.code is Code.AGREEMENT_MISSING else "agreed_limit"
    return ""


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
