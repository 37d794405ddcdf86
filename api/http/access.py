"""Who may send which command: one literal table, walked by a test as every wrong caller.

An operator runs everything, an auditor changes nothing, a merchant acts for itself alone. What a
merchant may do it may do to its own objects only; for those of others, and for those that do not
exist, it gets the same answer. Confirming receipt releases money to the merchant, so it is not the
merchant's to do; a checkout over several merchants is the platform's.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from api.http.keys import Caller, Role
from domain.kernel import States
from domain.order import order
from domain.payment.plan import WALLET_CODE
from domain.refusals import Code, Refused
from domain.transaction import transaction

# Whether a command is about the member's own; the last argument reads a stream's state.
Own = Callable[[Any, str, States], bool]


class Permission(NamedTuple):
    """The roles that may call, and what a merchant's command must be about."""

    roles: frozenset[Role]
    own: Own | None = None


def own_member(command: Any, member: str, _state: States) -> bool:
    return bool(command.member_id == member)


def own_card(command: Any, member: str, _state: States) -> bool:
    """A legal relation is recorded by operators, who have seen its document."""
    return bool(command.member_id == member and not command.relation)


def own_lines(command: Any, member: str, _state: States) -> bool:
    return bool(command.lines) and all(line.merchant == member for line in command.lines)


def own_order(command: Any, member: str, state: States) -> bool:
    placed = state(order.stream(command.order_no)).placed
    return placed is not None and all(line.merchant == member for line in placed.lines)


def own_order_by_channels(command: Any, member: str, state: States) -> bool:
    """What a channel takes the payer agrees to there. A wallet has no such door of its own: only
    who speaks for the payer, the platform, may pay with it."""
    methods = {command.method, *(leg.method for leg in command.legs)}
    return WALLET_CODE not in methods and own_order(command, member, state)


def own_transaction(command: Any, member: str, _state: States) -> bool:
    return transaction.merchant_of(command.transaction_id) == member


OPERATOR = Permission(frozenset({"operator"}))


def _merchant(own: Own) -> Permission:
    return Permission(frozenset({"operator", "merchant"}), own)


PERMISSIONS: dict[str, Permission] = {
    "POST /v1/members": OPERATOR,
    "POST /v1/members/{member_id}/operators": _merchant(own_member),
    "DELETE /v1/members/{member_id}/operators/{operator_id}": _merchant(own_member),
    "POST /v1/members/{member_id}/fee-rules": OPERATOR,
    "POST /v1/members/{member_id}/settlement-terms": OPERATOR,
    "POST /v1/members/{member_id}/debt-limits": OPERATOR,
    "POST /v1/members/{member_id}/agreements": OPERATOR,
    "POST /v1/members/{member_id}/agreements/{product}/end": OPERATOR,
    "POST /v1/members/{member_id}/cards": _merchant(own_card),
    "POST /v1/members/{member_id}/cards/{card}/confirm": _merchant(own_member),
    "POST /v1/members/{member_id}/cards/{card}/default": _merchant(own_member),
    "POST /v1/members/{member_id}/cards/{card}/unbind": _merchant(own_member),
    "POST /v1/members/{member_id}/certifications": OPERATOR,
    "POST /v1/members/{member_id}/forget": OPERATOR,
    "POST /v1/orders": _merchant(own_lines),
    "POST /v1/orders/{order_no}/payments": _merchant(own_order_by_channels),
    "POST /v1/orders/{order_no}/close": _merchant(own_order),
    "POST /v1/transactions/{transaction_id}/confirm": OPERATOR,
    "POST /v1/transactions/{transaction_id}/refunds": _merchant(own_transaction),
    "POST /v1/refunds/{refund_no}/approve": OPERATOR,
    "POST /v1/refunds/{refund_no}/reject": OPERATOR,
    "POST /v1/recharges": OPERATOR,
    "POST /v1/recharges/{payment_no}/send-back": OPERATOR,
    "POST /v1/suspense-items/{item}/place": OPERATOR,
    "POST /v1/transfers": OPERATOR,
    "POST /v1/withdrawals": OPERATOR,
    "POST /v1/withdrawals/{withdrawal_no}/approve": OPERATOR,
    "POST /v1/withdrawals/{withdrawal_no}/turn-down": OPERATOR,
    "POST /v1/withdrawals/{withdrawal_no}/return": OPERATOR,
    "POST /v1/accounts/{account}/freeze": OPERATOR,
    "POST /v1/accounts/{account}/unfreeze": OPERATOR,
    "POST /v1/accounts/{account}/holds": OPERATOR,
    "DELETE /v1/accounts/{account}/holds/{hold_id}": OPERATOR,
    "POST /v1/accounts/{account}/close": OPERATOR,
    "POST /v1/entries/reverse": OPERATOR,
    "POST /v1/business-days/{first_date}/open": OPERATOR,
    "POST /v1/business-days/{date}/cut-off": OPERATOR,
    "POST /v1/business-days/{date}/close": OPERATOR,
    "POST /v1/business-days/{date}/settle": OPERATOR,
    "POST /v1/settlement-batches/{batch_id}/seal": OPERATOR,
    "POST /v1/settlement-batches/{batch_id}/review": OPERATOR,
    "POST /v1/settlement-batches/{batch_id}/settle": OPERATOR,
    "POST /v1/settlement-batches/{batch_id}/payouts/{payout_no}/retry": OPERATOR,
    "POST /v1/settlement-batches/{batch_id}/payouts/{payout_no}/return": OPERATOR,
    "POST /v1/instructions/{instruction_id}/outcome": OPERATOR,
    "POST /v1/instructions/{instruction_id}/ask": OPERATOR,
    "POST /v1/instructions/{instruction_id}/close": OPERATOR,
    "POST /v1/channels/{channel}/register": OPERATOR,
    "POST /v1/channels/{channel}/maintenance": OPERATOR,
    "POST /v1/channels/{channel}/maintenance/withdraw": OPERATOR,
    "POST /v1/channels/{channel}/unknown-numbers/settle": OPERATOR,
    "POST /v1/calendars": OPERATOR,
    "POST /v1/documents": OPERATOR,
    "GET /v1/documents": OPERATOR,
    "GET /v1/documents/{document_id}": OPERATOR,
    "DELETE /v1/documents/{document_id}": OPERATOR,
}


# What a merchant must not learn by naming others: who is a member, and of what kind. The ledger
# keeps what it decided; a merchant is told the same of whoever it may not name.
UNNAMEABLE = frozenset({Code.MEMBER_NOT_FOUND, Code.MEMBER_KIND_WRONG})
NOT_TO_BE_NAMED = "there is no member of this id that you may name here"

READERS: frozenset[Role] = frozenset({"auditor", "operator"})  # Of the institution's figures.


def refuse_reader(caller: Caller) -> None:
    """Refused(NOT_ALLOWED) unless the caller may read what is the institution's."""
    if caller.role not in READERS:
        raise Refused(Code.NOT_ALLOWED, "Authorization", f"{caller.role} keys may not do this")


def refuse_role(name: str, caller: Caller) -> None:
    """Refused(NOT_ALLOWED) unless the caller's role may call this endpoint at all."""
    if caller.role not in PERMISSIONS[name].roles:
        raise Refused(Code.NOT_ALLOWED, "Authorization", f"{caller.role} keys may not do this")


def refuse_foreign(name: str, caller: Caller, command: Any, state: States) -> None:
    """Refused(NOT_ALLOWED) when a merchant's command is not about its own. May read the ledger."""
    if caller.role != "merchant":
        return
    own, member = PERMISSIONS[name].own, caller.member
    if own is None or member is None or not own(command, member, state):
        raise Refused(Code.NOT_ALLOWED, "Authorization", f"only for what is {member}'s own")
