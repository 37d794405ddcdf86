"""The payer's own (钱包与银行卡): what wallet and bound cards may pay, and how it is to be proved.

Shown to who has proved on the device to be the payer, and to nobody else. A *plan* is what he chose
of it: legs, and the card. Each charge needs a proof for what wallet and card pay of it together: by
one factor, and by two where the law or our own limits ask for it.

    wallet   one factor up to 1,000.00 in a day, two up to 5,000.00 (`payment/caps.py`)
    card     one factor up to 200.00 in one payment, two above: notice 2015-43, article 10, lets a
             payment institution verify in the bank's place up to there; above that by agreement
             with the bank, whose code our own stands for
"""

from collections.abc import Sequence
from typing import NamedTuple

from domain.accounting import account
from domain.accounting.chart import WALLET, account_id
from domain.cashier.methods import Method, Part, Why, why_not
from domain.kernel import States
from domain.member import card
from domain.payment import spent
from domain.payment.caps import Band
from domain.payment.commands import LegAsked
from domain.payment.plan import CARD_CODE, WALLET_CODE, Leg, shares
from domain.payment.protocol import PAYMENT_CODES, Product

ONE_FACTOR_CARD_FEN = 20_000


class Means(NamedTuple):
    """What the payer can prove himself by: a payment password, a code to his telephone."""

    password: bool
    code: bool

    @property
    def number(self) -> int:
        return self.password + self.code


class Card(NamedTuple):
    """A bound card: `binding` is its number among the payer's, `tail` its last four digits."""

    binding: int
    card: str
    bank: str
    tail: str
    why: Why


class Own(NamedTuple):
    """`available_fen` of the wallet; `wallet`: why it cannot pay the whole, None: it pays nothing
    here. `first_fen`: what it may pay when another method pays the rest, 0: nothing; `rest`: those
    methods, and why one cannot. Fen."""

    available_fen: int
    wallet: Why | None
    cards: tuple[Card, ...]
    first_fen: int = 0
    rest: tuple[Method, ...] = ()

    @property
    def rest_codes(self) -> set[str]:
        """The methods that may pay the rest."""
        return {one.code for one in self.rest if not one.why}


def own(
    states: States,
    payer: str,
    product: Product,
    parts: Sequence[Part],
    amount_fen: int,
    means: Means,
    at_us: int,
) -> Own:
    """What the payer has, for an amount; `parts` as in `methods`. May read the ledger."""
    wallet = states(account.stream(account_id(WALLET, payer)))
    bound = [one for one in states(card.stream(payer)).bindings if is_own(one)]
    at_all = _at_all(states, product, parts, amount_fen, at_us)
    most_fen = _most_fen(states, payer, means, at_us)
    why = at_all
    if not why and at_all is not None:
        why = _wallet_why(wallet, amount_fen, most_fen)
    cards = tuple(
        Card(one.binding, one.card, one.bank, one.tail, found)
        for one in bound
        if (found := _card_why(states, product, parts, amount_fen, means, at_us)) is not None
    )
    first_fen = min(wallet.available_fen, most_fen)
    if why not in ("wallet_small", "wallet_cap") or not 0 < first_fen < amount_fen:
        return Own(wallet.available_fen, why, cards)
    rest = _rest(states, product, parts, first_fen, amount_fen, at_us, bool(bound))
    if all(one.why for one in rest):
        return Own(wallet.available_fen, why, cards)
    return Own(wallet.available_fen, why, cards, first_fen, rest)


def is_own(binding: card.Binding) -> bool:
    """Bound in the payer's own name: a card of somebody else pays nothing here."""
    return binding.status == "bound" and not binding.relation


def factors_needed(states: States, payer: str, wallet_fen: int, card_fen: int, at_us: int) -> int:
    """By how many factors a payer must agree that so much is charged: 1 or 2."""
    room = spent.room(states, payer, at_us)
    few_fen = room.most_fen("few") if room is not None else wallet_fen
    return 2 if wallet_fen > few_fen or card_fen > ONE_FACTOR_CARD_FEN else 1


def legs_of(method: str, first_fen: int, amount_fen: int) -> tuple[LegAsked, ...]:
    """The wallet first, and a method for the rest."""
    return (LegAsked(WALLET_CODE, first_fen), LegAsked(method, amount_fen - first_fen))


def _at_all(
    states: States, product: Product, parts: Sequence[Part], amount_fen: int, at_us: int
) -> Why | None:
    """What the merchants have against a wallet, whoever's; None: the product takes none."""
    if WALLET_CODE not in product.codes:
        return None
    return why_not(states, PAYMENT_CODES[WALLET_CODE], parts, amount_fen, at_us)


def _wallet_why(wallet: account.State, amount_fen: int, most_fen: int) -> Why:
    if wallet.frozen_out:
        return "wallet_frozen"
    if wallet.available_fen < amount_fen:
        return "wallet_small"
    return "wallet_cap" if most_fen < amount_fen else ""


def _most_fen(states: States, payer: str, means: Means, at_us: int) -> int:
    """What the caps leave, by as many factors as the payer has."""
    band: Band = "two" if means.number == 2 else "few"
    room = spent.room(states, payer, at_us)
    wallet = states(account.stream(account_id(WALLET, payer)))
    return room.most_fen(band) if room is not None else max(0, wallet.available_fen)


def _card_why(
    states: States,
    product: Product,
    parts: Sequence[Part],
    amount_fen: int,
    means: Means,
    at_us: int,
) -> Why | None:
    if CARD_CODE not in product.codes:
        return None
    why = why_not(states, PAYMENT_CODES[CARD_CODE], parts, amount_fen, at_us)
    if not why and why is not None and amount_fen > ONE_FACTOR_CARD_FEN and means.number < 2:
        return "no_second_factor"
    return why


def _rest(
    states: States,
    product: Product,
    parts: Sequence[Part],
    first_fen: int,
    amount_fen: int,
    at_us: int,
    has_card: bool,
) -> tuple[Method, ...]:
    """The methods for what the wallet leaves, each judged by its own share of each merchant."""
    rest_fen = amount_fen - first_fen
    found = []
    for name in product.codes:
        code = PAYMENT_CODES[name]
        if code.kind != "channel" or (name == CARD_CODE and not has_card):
            continue
        legs = (Leg("wallet", WALLET_CODE, "", first_fen), Leg("channel", name, "", rest_fen))
        paid_by = shares(legs, [one.amount_fen for one in parts])
        its = [
            Part(one.merchant, sum(share.amount_fen for share in each if share.leg == 1))
            for one, each in zip(parts, paid_by, strict=True)
        ]
        why = why_not(states, code, its, rest_fen, at_us)
        if why is not None:
            found.append(Method(name, why))
    return tuple(found)
