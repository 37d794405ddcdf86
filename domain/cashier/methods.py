"""Which methods a payer is offered for an amount, in the protocol's order, and why not some.

What is shown is advice: paying decides anew, by the books as they stand then. What its payer proves
to own at the channel is offered to whoever has the link; the payer's own wallet and cards, which
are charged without the channel's asking, to who has proved himself here (`own.py`).
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
Why = Literal[
    "", "too_small", "too_large", "maintenance", "not_agreed", "agreed_limit",
    "wallet_small", "wallet_frozen", "wallet_cap", "no_second_factor",
]  # fmt: skip


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
    found = []
    for code in (PAYMENT_CODES[name] for name in product.codes):
        if code.proved_there:
            why = why_not(states, code, parts, amount_fen, at_us)
            if why is not None:
                found.append(Method(code.code, why))
    return tuple(found)


def why_not(
    states: States, code: PaymentCode, parts: Sequence[Part], amount_fen: int, at_us: int
) -> Why | None:
    """What stands against a method for an amount, "" for nothing; None: no channel here carries it.
    Of a wallet's money nothing is known here."""
    why = _outside(code, amount_fen)
    if code.channels:
        here = [one for name in code.channels if not (one := candidate(states, name)).gone]
        if not here:
            return None
        whys = [_why_not(one, amount_fen, at_us) for one in here]
        why = why or ("" if "" in whys else whys[0])
    return _disagreed(states, code.code, parts, shanghai_date(at_us)) or why


def _disagreed(states: States, code: str, parts: Sequence[Part], today: date) -> Why:
    """What the merchants' agreements have against a method; "" for nothing."""
    for merchant, amount_fen in parts:
        owner, signed = states(member.stream(merchant)), states(agreement.stream(merchant))
        try:
            agreed = agreement.need_method(owner, signed, code, today, "method")
            used_fen = 0
            if agreed.day_fen is not None:
                used_fen = states(turnover.stream(merchant)).used_fen(today, code)
            if amount_fen:
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
