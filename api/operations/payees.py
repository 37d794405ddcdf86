"""Whom a payout or withdrawal pays, and which card a payment is charged to, in clear: looked up for
the one request that needs it.

What was instructed carries its account by token, which the vault turns into a number and a name. A
payout that carries none goes to the account of the settings file, or to the one that its merchant
has bound since; without any it is withheld. A refund goes back to the card that was charged.
"""

import logging
from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from api.operations.personal import Personal
from domain.channel.cards import Particulars
from domain.channel.network import Order
from domain.payment.asked import Destination
from domain.payment.instruction import State
from domain.refusals import Code, Refused

log = logging.getLogger("zhangfang.outbox")

NO_ACCOUNT = "the payee has no bank account on record"
LOCKED = "the vault of personal data is locked: its key is not configured here"
DAMAGED = "the vault of personal data cannot be read: an operator must look at it"
GONE = "what the vault had of the payee's account is gone"


class Wanted(NamedTuple):
    """An order as it is to be sent, None if it cannot be made up; and the account that it names."""

    order: Order | None
    to: Destination | None = None

    @property
    def is_bare(self) -> bool:
        """Nothing is looked up for most payments and refunds, the most there is."""
        return self.order is None or (self.order.purpose != "payout" and self.to is None)


def account_of(state: State, original: State | None) -> Destination | None:
    """The account that an instruction is about, by token; `original`: what a refund is of."""
    asked = state.asked
    if asked is None:
        return None
    charged = original.asked if original is not None else None
    return asked.to or asked.by or (charged.by if charged is not None else None)


class Payees:
    """`listed`: merchants' accounts at the bank, by member, from the settings file."""

    def __init__(self, listed: Mapping[str, str], personal: Personal | None) -> None:
        self._listed = listed
        self._personal = personal

    def addressed(self, order: Order, to: Destination | None) -> tuple[Order | None, str]:
        """An order with its account in clear, or why there is none."""
        if to is None and (listed := self._listed.get(order.party)):
            return replace(order, party=listed), ""
        personal = self._personal
        if personal is None or not personal.is_open:
            return None, NO_ACCOUNT if to is None else LOCKED
        try:
            found = _found(personal, order.party, to)
        except Refused as no:
            log.warning("%s: %s", order.instruction_id, no.code)
            return None, LOCKED if no.code is Code.VAULT_LOCKED else DAMAGED
        if found is None:
            return None, NO_ACCOUNT if to is None else GONE
        kind = "card" if found.owner == "personal" else "account"
        return replace(order, party=found.account, party_kind=kind, party_name=found.name), ""


def _found(personal: Personal, member_id: str, to: Destination | None) -> Particulars | None:
    if to is None:
        return personal.default_account(member_id)
    found = personal.particulars(member_id, to.particulars)
    return found or personal.authority_account(member_id, to.particulars)
