"""Who may send which command: one literal table, walked by a test as every wrong caller.

The words are those of `api/http/keys.py:Capacity`: operator, auditor and merchant are keys that are
nobody's (an operator's runs everything, an auditor's changes nothing, a merchant's acts for itself
alone); the others are persons, and their office or role says what they are there for. What a
merchant may do it may do to its own objects only; for those of others, and for those that do not
exist, it gets the same answer. Confirming receipt releases money to the merchant, so it is not the
merchant's to do; a checkout over several merchants is the platform's.

A command that needs two persons (`domain/approval/kinds.py`) is proposed by who may call it here;
who may decide on it stands there.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from api.http.keys import CAPACITIES, Caller, Capacity
from domain.approval import approval
from domain.approval.kinds import BY_NAME
from domain.cashier import session
from domain.commands import COMMANDS
from domain.kernel import Command, States, shanghai_date
from domain.order import order
from domain.payment.plan import WALLET_CODE
from domain.refusals import Code, Refused
from domain.transaction import transaction

# Whether a command is about the member's own; the last argument reads a stream's state.
Own = Callable[[Any, str, States], bool]


class Permission(NamedTuple):
    """The roles that may call, and what a merchant's command must be about."""

    roles: frozenset[Capacity]
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


def own_session(command: Any, member: str, state: States) -> bool:
    """For an order of its own; a wallet's filling is its payer's."""
    opened = state(session.stream(command.session_no)).opened
    if opened is None or opened.purpose != "order":
        return False
    placed = state(order.stream(opened.reference)).placed
    return placed is not None and all(line.merchant == member for line in placed.lines)


def own_transaction(command: Any, member: str, _state: States) -> bool:
    return transaction.merchant_of(command.transaction_id) == member


def own_approval(command: Any, member: str, state: States) -> bool:
    return state(approval.stream(command.approval_id)).member == member


OPERATOR = Permission(frozenset({"operator", "cashier"}))
RISK = Permission(frozenset({"operator", "cashier", "risk"}))
REVIEWER = Permission(frozenset({"operator", "reviewer"}))
CHECKER = Permission(frozenset({"operator", "reviewer", "risk"}))


def _merchant(own: Own, *persons: Capacity) -> Permission:
    acting: tuple[Capacity, ...] = persons or ("owner", "finance")
    return Permission(frozenset({"operator", "cashier", "merchant", *acting}), own)


PERMISSIONS: dict[str, Permission] = {
    "POST /v1/members": OPERATOR,
    "POST /v1/members/{member_id}/operators": _merchant(own_member, "owner"),
    "DELETE /v1/members/{member_id}/operators/{operator_id}": _merchant(own_member, "owner"),
    "POST /v1/members/{member_id}/fee-rules": OPERATOR,
    "POST /v1/members/{member_id}/settlement-terms": OPERATOR,
    "POST /v1/members/{member_id}/debt-limits": RISK,
    "POST /v1/members/{member_id}/api-commands": OPERATOR,
    "POST /v1/members/{member_id}/agreements": OPERATOR,
    "POST /v1/members/{member_id}/agreements/{product}/end": OPERATOR,
    "POST /v1/members/{member_id}/merchant-agreements": OPERATOR,
    "POST /v1/members/{member_id}/merchant-agreements/end": OPERATOR,
    "POST /v1/members/{member_id}/cards": _merchant(own_card, "owner"),
    "POST /v1/members/{member_id}/cards/{card}/confirm": _merchant(own_member, "owner"),
    "POST /v1/members/{member_id}/cards/{card}/default": _merchant(own_member, "owner"),
    "POST /v1/members/{member_id}/cards/{card}/unbind": _merchant(own_member, "owner"),
    "POST /v1/members/{member_id}/certifications": OPERATOR,
    "POST /v1/members/{member_id}/webhooks": _merchant(own_member, "owner"),
    "POST /v1/members/{member_id}/webhooks/{endpoint_id}": _merchant(own_member, "owner"),
    "DELETE /v1/members/{member_id}/webhooks/{endpoint_id}": _merchant(own_member, "owner"),
    "POST /v1/members/{member_id}/webhooks/{endpoint_id}/rotate": _merchant(own_member, "owner"),
    "POST /v1/members/{member_id}/webhooks/{endpoint_id}/pause": _merchant(own_member, "owner"),
    "POST /v1/members/{member_id}/webhooks/{endpoint_id}/resume": _merchant(own_member, "owner"),
    "POST /v1/members/{member_id}/webhooks/{endpoint_id}/redeliver": _merchant(own_member, "owner"),
    "POST /v1/members/{member_id}/webhooks/{endpoint_id}/redeliver-range": _merchant(
        own_member, "owner"
    ),
    "POST /v1/members/{member_id}/webhooks/{endpoint_id}/ping": _merchant(own_member, "owner"),
    "POST /v1/members/{member_id}/forget": OPERATOR,
    "POST /v1/members/{member_id}/certificates": OPERATOR,
    "POST /v1/members/{member_id}/certificates/{certificate}/revoke": OPERATOR,
    "POST /v1/members/{member_id}/payment-password": OPERATOR,
    "POST /v1/members/{member_id}/payment-password/change": OPERATOR,
    "POST /v1/members/{member_id}/payment-password/reset": OPERATOR,
    "POST /v1/members/{member_id}/codes": OPERATOR,
    "POST /v1/members/{member_id}/proofs": OPERATOR,
    "POST /v1/orders": _merchant(own_lines),
    "POST /v1/orders/{order_no}/payments": _merchant(own_order_by_channels),
    "POST /v1/orders/{order_no}/close": _merchant(own_order),
    "POST /v1/cashier-sessions": _merchant(own_order),
    "POST /v1/cashier-sessions/{session_no}/cancel": _merchant(own_session),
    "POST /v1/withdrawal-sessions": OPERATOR,
    "POST /v1/transactions/{transaction_id}/confirm": OPERATOR,
    "POST /v1/transactions/{transaction_id}/refunds": _merchant(own_transaction),
    "POST /v1/refunds/{refund_no}/approve": REVIEWER,
    "POST /v1/refunds/{refund_no}/reject": REVIEWER,
    "POST /v1/recharges": OPERATOR,
    "POST /v1/recharges/{payment_no}/send-back": OPERATOR,
    "POST /v1/suspense-items/{item}/place": OPERATOR,
    "POST /v1/transfers": OPERATOR,
    "POST /v1/withdrawals": OPERATOR,
    "POST /v1/withdrawals/{withdrawal_no}/approve": REVIEWER,
    "POST /v1/withdrawals/{withdrawal_no}/turn-down": REVIEWER,
    "POST /v1/withdrawals/{withdrawal_no}/return": OPERATOR,
    "POST /v1/accounts/{account}/freeze": RISK,
    "POST /v1/accounts/{account}/unfreeze": RISK,
    "POST /v1/accounts/{account}/holds": RISK,
    "DELETE /v1/accounts/{account}/holds/{hold_id}": RISK,
    "POST /v1/accounts/{account}/close": OPERATOR,
    "POST /v1/authority-orders": RISK,
    "POST /v1/authority-orders/{order_no}/extend": RISK,
    "POST /v1/authority-orders/{order_no}/lift": RISK,
    "POST /v1/authority-orders/{order_no}/deductions": RISK,
    "POST /v1/deductions/{deduction_no}/return": OPERATOR,
    "POST /v1/members/{member_id}/list-matches/{list_name}/{entry_no}/confirm": CHECKER,
    "POST /v1/members/{member_id}/list-matches/{list_name}/{entry_no}/clear": RISK,
    "POST /v1/entries/reverse": OPERATOR,
    "POST /v1/business-days/{first_date}/open": OPERATOR,
    "POST /v1/business-days/{date}/cut-off": OPERATOR,
    "POST /v1/business-days/{date}/close": OPERATOR,
    "POST /v1/business-days/{date}/settle": OPERATOR,
    "POST /v1/bills": OPERATOR,
    "POST /v1/bills/fetch": OPERATOR,
    "POST /v1/bills/no-trade": OPERATOR,
    "POST /v1/reserve-quotas/{clearing}": OPERATOR,
    "POST /v1/reconciliations": OPERATOR,
    "POST /v1/settlement-batches/{batch_id}/seal": OPERATOR,
    "POST /v1/settlement-batches/{batch_id}/review": REVIEWER,
    "POST /v1/settlement-batches/{batch_id}/settle": OPERATOR,
    "POST /v1/settlement-batches/{batch_id}/payouts/{payout_no}/retry": OPERATOR,
    "POST /v1/settlement-batches/{batch_id}/payouts/{payout_no}/return": OPERATOR,
    "POST /v1/members/{member_id}/reserves/{release_on}/release": RISK,
    "POST /v1/deposits": RISK,
    "POST /v1/deposits/{deposit_no}/return": RISK,
    "POST /v1/own-funds": OPERATOR,
    "POST /v1/sweeps": OPERATOR,
    "POST /v1/sweeps/{movement_no}/post": OPERATOR,
    "POST /v1/sweeps/{movement_no}/call-off": OPERATOR,
    "POST /v1/top-ups/show": OPERATOR,
    "POST /v1/instructions/{instruction_id}/outcome": OPERATOR,
    "POST /v1/instructions/{instruction_id}/ask": OPERATOR,
    "POST /v1/instructions/{instruction_id}/close": OPERATOR,
    "POST /v1/channels/{channel}/register": OPERATOR,
    "POST /v1/channels/{channel}/maintenance": OPERATOR,
    "POST /v1/channels/{channel}/maintenance/withdraw": OPERATOR,
    "POST /v1/channels/{channel}/unknown-numbers/settle": OPERATOR,
    "POST /v1/differences/{difference}/propose": OPERATOR,
    "POST /v1/differences/{difference}/approve": REVIEWER,
    "POST /v1/differences/{difference}/turn-down": REVIEWER,
    "POST /v1/differences/{difference}/undo": OPERATOR,
    "POST /v1/chargebacks": OPERATOR,
    "POST /v1/chargebacks/{chargeback}/represent": OPERATOR,
    "POST /v1/chargebacks/{chargeback}/accept": REVIEWER,
    "POST /v1/chargebacks/{chargeback}/end": OPERATOR,
    "POST /v1/calendars": OPERATOR,
    "POST /v1/approvals/{approval_id}/approve": CHECKER,
    "POST /v1/approvals/{approval_id}/refuse": CHECKER,
    "POST /v1/approvals/{approval_id}/withdraw": Permission(
        frozenset({"operator", "cashier", "risk", "merchant", "owner", "finance"}), own_approval
    ),
    "POST /v1/documents": OPERATOR,
    "GET /v1/documents": OPERATOR,
    "GET /v1/documents/{document_id}": OPERATOR,
    "DELETE /v1/documents/{document_id}": OPERATOR,
}


# What a merchant must not learn by naming others: who is a member, and of what kind. The ledger
# keeps what it decided; a merchant is told the same of whoever it may not name.
UNNAMEABLE = frozenset({Code.MEMBER_NOT_FOUND, Code.MEMBER_KIND_WRONG})
NOT_TO_BE_NAMED = "there is no member of this id that you may name here"

OF_MERCHANTS: frozenset[Capacity] = frozenset({"merchant", "owner", "finance", "viewer"})
READERS = frozenset(CAPACITIES) - OF_MERCHANTS  # Of the institution's figures.


def refuse_reader(caller: Caller) -> None:
    """Refused(NOT_ALLOWED) unless the caller may read what is the institution's."""
    if caller.capacity not in READERS:
        raise _not_allowed(caller)


def refuse_role(name: str, caller: Caller) -> None:
    """Refused(NOT_ALLOWED) unless who the caller is may call this endpoint at all."""
    if caller.capacity not in PERMISSIONS[name].roles:
        raise _not_allowed(caller)


def _not_allowed(caller: Caller) -> Refused:
    detail = f"{caller.capacity} keys may not do this"
    return Refused(Code.NOT_ALLOWED, "Authorization", detail)


def refuse_not_given(command: type[Command], caller: Caller, at_us: int) -> None:
    """Refused(NOT_ALLOWED) when a merchant was not given the command, on the day of `at_us`."""
    name = COMMANDS[command].name
    if caller.role == "merchant" and not caller.may_call(name, shanghai_date(at_us)):
        detail = f"{caller.member} has not been given {name}"
        raise Refused(Code.NOT_ALLOWED, "Authorization", detail)


def refuse_unfit(command: Any, caller: Caller, state: States) -> None:
    """Refused(NOT_ALLOWED) when this kind of proposal is not this person's to decide. May read the
    ledger."""
    found = BY_NAME.get(state(approval.stream(command.approval_id)).kind)
    if found is not None and caller.office is not None and caller.office not in found[1].checkers:
        detail = f"{caller.capacity} keys may not decide on {found[1].name}"
        raise Refused(Code.NOT_ALLOWED, "Authorization", detail)


def refuse_foreign(name: str, caller: Caller, command: Any, state: States) -> None:
    """Refused(NOT_ALLOWED) when a merchant's command is not about its own. May read the ledger."""
    if caller.role != "merchant":
        return
    own, member = PERMISSIONS[name].own, caller.member
    if own is None or member is None or not own(command, member, state):
        raise Refused(Code.NOT_ALLOWED, "Authorization", f"only for what is {member}'s own")
