"""What the cashier's pages know of a payer's own, from the write side and the vault."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from api.context import AppContext
from api.operations.codes import CODE
from api.operations.factors import PASSWORD
from api.web.notes import FACTOR
from api.web.plans import Plan, planned
from api.web.scene import sold
from domain.cashier import session
from domain.cashier.own import Card, Means, Own, factors_needed, is_own, own
from domain.kernel import iso_time
from domain.member import card
from domain.payment.plan import WALLET_CODE
from domain.vault import factors


class Shown(NamedTuple):
    """What a page says of the payer's own. `own` None: the payer is yet to show that it is he."""

    means: Means
    own: Own | None


class Trouble(NamedTuple):
    """How the tries of a factor stand: `left`, or none `until` a time in Shanghai."""

    left: int
    until: str


class Purse:
    """Of the payers of all sessions of one ledger. It reads, and may wait for a database."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    def opened(self, session_no: str) -> session.Opened:
        """Raises Refused(SESSION_NOT_FOUND)."""
        return session.needed(self._context.ledger.state(session.stream(session_no)))

    def shown(self, session_no: str, amount_fen: int, *, known: bool) -> Shown | None:
        """None: the payer can prove himself by nothing, so nothing is offered."""
        means = self._means(self.opened(session_no).payer)
        if not means.number:
            return None
        return Shown(means, self._own(session_no, amount_fen, means) if known else None)

    def troubled(self, session_no: str, said: Mapping[str, str]) -> Trouble | None:
        """Of the factor that a page was sent back for."""
        if said.get("note") != FACTOR:
            return None
        kind = CODE if said.get("at") == "code" else PASSWORD
        payer, now_us = self.opened(session_no).payer, self._context.clock()
        left, until_us = factors.tries(self._context.personal.vault, payer, kind, now_us)
        return Trouble(left, iso_time(until_us)[11:16] if until_us else "")

    def asked(
        self, session_no: str, choice: dict[str, str], amount_fen: int
    ) -> dict[str, Any] | str:
        """What the page that confirms is made of, or why the choice cannot be."""
        opened, states = self.opened(session_no), self._context.ledger.state
        means = self._means(opened.payer)
        found = self._own(session_no, amount_fen, means)
        plan = planned(choice, found, amount_fen)
        if not isinstance(plan, Plan):
            return plan or "not_offered"
        charged = (plan.wallet_fen, plan.card_fen)
        needed = factors_needed(states, opened.payer, *charged, self._context.clock())
        if needed > means.number:
            return "no_second_factor"
        used = next((one for one in found.cards if one.binding == plan.binding), None)
        return {
            "plan": plan.text,
            "parts": _parts(plan, used),
            "own_fen": sum(charged),
            "needs_password": needed == 2 or means.password,
            "needs_code": needed == 2 or not means.password,
        }

    def card_of(self, payer: str, binding: int) -> str:
        """The token of a card, "" for none; one that is gone is refused by the ledger."""
        found = self._context.ledger.state(card.stream(payer)).numbered(binding)
        return found.card if found is not None else ""

    def _means(self, payer: str) -> Means:
        bound = self._context.ledger.state(card.stream(payer)).bindings
        vault = self._context.personal.vault
        return Means(factors.is_set(vault, payer, PASSWORD), any(map(is_own, bound)))

    def _own(self, session_no: str, amount_fen: int, means: Means) -> Own:
        states, opened = self._context.ledger.state, self.opened(session_no)
        product, parts = sold(states, opened)
        now_us = self._context.clock()
        return own(states, opened.payer, product, parts, amount_fen, means, now_us)


def _parts(plan: Plan, used: Card | None) -> list[tuple[str, Card | None, int]]:
    """Each source as it is shown: its method, the card, and its fen."""
    wallet = [(WALLET_CODE, None, plan.wallet_fen)] if plan.wallet_fen else []
    rest = [(plan.method, used, plan.rest_fen)] if plan.rest_fen else []
    return [*wallet, *rest]
