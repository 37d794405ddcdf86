"""Who may read which root field, and the checks that every root field makes before it reads.

`ACCESS` is the whole of it: a field that is not in the table cannot be put into the schema.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any, Literal, NamedTuple

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions.field_extension import AsyncExtensionResolver, FieldExtension
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from api.graphql.describing import description_of
from api.graphql.reads import Info
from api.graphql.scalars import BigInt
from api.http.access import READERS
from api.http.keys import CAPACITIES, Capacity
from domain.refusals import Code, Refused
from projections.tables.paging import checked_first, sought_text

EVERYBODY: frozenset[Capacity] = frozenset(CAPACITIES)
INSTITUTION: frozenset[Capacity] = READERS


class FieldAccess(NamedTuple):
    """`roles` may ask; of `own` fields a merchant gets what is its own, `shared` ones hold nothing
    of a member. `models` are the read models that `atLeast` waits for."""

    roles: frozenset[Capacity]
    scope: Literal["own", "shared"]
    models: tuple[str, ...]


_INSTRUCTED = ("instructions", "instruction_attempts", "contradictions")
_MOVED = (*_INSTRUCTED, "suspense_items")
_WAY = (
    "transactions", "orders", "instructions", "bills", "clearing_sessions", "settlement_batches",
    "settlement_items", "outgoings",
)  # fmt: skip
_WAITING = (
    "balances", "journal", "open_items", "outgoings", "differences", "bills", "verdicts",
    "clearing_sessions",
)  # fmt: skip
ACCESS: dict[str, FieldAccess] = {
    "merchantStatement": FieldAccess(EVERYBODY, "own", ("merchant_statements",)),
    "account": FieldAccess(EVERYBODY, "own", ("balances", "account_days")),
    "accounts": FieldAccess(EVERYBODY, "own", ("balances",)),
    "journal": FieldAccess(EVERYBODY, "own", ("journal",)),
    "transaction": FieldAccess(EVERYBODY, "own", ("transactions", "journal")),
    "transactions": FieldAccess(EVERYBODY, "own", ("transactions", "journal")),
    "order": FieldAccess(EVERYBODY, "own", ("orders",)),
    "orders": FieldAccess(EVERYBODY, "own", ("orders",)),
    "payment": FieldAccess(EVERYBODY, "own", ("orders", *_MOVED)),
    "payments": FieldAccess(EVERYBODY, "own", ("orders", *_MOVED)),
    "refund": FieldAccess(EVERYBODY, "own", ("refunds", *_MOVED)),
    "refunds": FieldAccess(EVERYBODY, "own", ("refunds", *_MOVED)),
    "settlementBatch": FieldAccess(EVERYBODY, "own", ("settlement_batches", "settlement_items")),
    "settlementBatches": FieldAccess(EVERYBODY, "own", ("settlement_batches", "settlement_items")),
    "member": FieldAccess(EVERYBODY, "own", ("members",)),
    "cards": FieldAccess(EVERYBODY, "own", ("cards", "members")),
    "agreements": FieldAccess(EVERYBODY, "own", ("agreements",)),
    "ledger": FieldAccess(EVERYBODY, "shared", ()),
    "wallet": FieldAccess(
        INSTITUTION, "shared", ("balances", "wallets", "members", "business_days")
    ),
    "channels": FieldAccess(
        INSTITUTION, "shared", ("balances", "channels", "instruction_attempts")
    ),
    "instruction": FieldAccess(INSTITUTION, "shared", _INSTRUCTED),
    "instructions": FieldAccess(INSTITUTION, "shared", _INSTRUCTED),
    "desk": FieldAccess(
        INSTITUTION,
        "shared",
        (
            "business_days",
            "settlement_batches",
            "transactions",
            "instructions",
            "contradictions",
            "suspense_items",
            "channels",
            "refunds",
            "balances",
            "journal",
            "withdrawals",
            "approvals",
            "authority_orders",
            "list_matches",
            "reserves",
            "bills",
        ),
    ),
    "members": FieldAccess(INSTITUTION, "shared", ("members",)),
    "withdrawal": FieldAccess(INSTITUTION, "shared", ("withdrawals", *_INSTRUCTED)),
    "withdrawals": FieldAccess(INSTITUTION, "shared", ("withdrawals", *_INSTRUCTED)),
    "authorityOrders": FieldAccess(INSTITUTION, "shared", ("authority_orders", "balances")),
    "listMatches": FieldAccess(INSTITUTION, "shared", ("list_matches",)),
    "reserves": FieldAccess(EVERYBODY, "own", ("reserves",)),
    "deposits": FieldAccess(EVERYBODY, "own", ("deposits",)),
    "deposit": FieldAccess(INSTITUTION, "shared", ("deposits",)),
    "reserveProof": FieldAccess(INSTITUTION, "shared", ("reserve_certificates",)),
    "reconciliation": FieldAccess(INSTITUTION, "shared", ("verdicts", "differences")),
    "bills": FieldAccess(INSTITUTION, "shared", ("bills",)),
    "moneyTimeline": FieldAccess(INSTITUTION, "shared", _WAY),
    "transitAccounts": FieldAccess(INSTITUTION, "shared", _WAITING),
    "clearingSessions": FieldAccess(INSTITUTION, "shared", ("clearing_sessions",)),
    "differences": FieldAccess(INSTITUTION, "shared", ("differences",)),
    "suspense": FieldAccess(INSTITUTION, "shared", ("open_items",)),
    "suspenseAging": FieldAccess(INSTITUTION, "shared", ("open_items",)),
    "chargebacks": FieldAccess(EVERYBODY, "own", ("chargebacks",)),
    "ownMovements": FieldAccess(INSTITUTION, "shared", ("own_movements",)),
    "topUps": FieldAccess(INSTITUTION, "shared", ("top_ups",)),
    "reserveQuotas": FieldAccess(INSTITUTION, "shared", ("quotas", "clearing_positions")),
    "clearingPositions": FieldAccess(INSTITUTION, "shared", ("clearing_positions",)),
    "trialBalance": FieldAccess(INSTITUTION, "shared", ("trial_balance",)),
    "projections": FieldAccess(INSTITUTION, "shared", ()),
    "approvals": FieldAccess(EVERYBODY, "own", ("approvals",)),
    "webhookEndpoints": FieldAccess(EVERYBODY, "own", ("webhook_endpoints",)),
    "permissions": FieldAccess(EVERYBODY, "shared", ("permissions",)),  # The caller's own.
}
# The fields of Subscription. `models` are those whose positions it tells of, () for all.
LISTENED: dict[str, FieldAccess] = {
    "transactionChanged": FieldAccess(EVERYBODY, "own", ACCESS["transaction"].models),
    "paymentChanged": FieldAccess(EVERYBODY, "own", ACCESS["payment"].models),
    "positionMoved": FieldAccess(EVERYBODY, "shared", ()),
}

_AT_LEAST = StrawberryArgument(
    python_name="at_least",
    graphql_name="atLeast",
    type_annotation=StrawberryAnnotation(BigInt | None),
    default=None,
    description="Read your own writes: wait until this ledger position is in the answer, at most "
    "5 seconds, else the error `busy`.",
)


class Checked(FieldExtension):
    """Lets a root field run for callers and arguments that are in order."""

    def apply(self, field: StrawberryField) -> None:
        name = to_camel_case(field.python_name)
        if name not in ACCESS:
            raise LookupError(f"{name} has no line in the table of who may read it")
        self._name, self._access = name, ACCESS[name]
        if self._access.models:
            field.arguments = [*field.arguments, _AT_LEAST]
        self._names = {
            argument.python_name: argument.graphql_name or to_camel_case(argument.python_name)
            for argument in field.arguments
        }

    async def resolve_async(
        self, next_: AsyncExtensionResolver, source: Any, info: Info, **kwargs: Any
    ) -> Any:
        if info.context.caller.capacity not in self._access.roles:
            detail = f"a {info.context.caller.capacity} may not read {self._name}"
            raise Refused(Code.NOT_ALLOWED, self._name, detail)
        at_least = kwargs.pop("at_least", None)
        check_arguments(kwargs, self._names)
        if at_least is not None:
            await info.context.wait_for(at_least, self._access.models)
        return await next_(source, info, **kwargs)


def check_arguments(arguments: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """What every root field checks of its arguments; `names` are theirs in the schema.

    Raises Refused(IDENTIFIER_INVALID | REQUEST_INVALID | DATE_INVALID).
    """
    for python_name, value in arguments.items():
        if isinstance(value, str) and python_name != "after":
            sought_text(value, names[python_name])
    if "first" in arguments:
        checked_first(arguments["first"])
    check_dates(arguments.get("from_"), arguments.get("to"))


def check_dates(from_: date | None, to: date | None) -> None:
    """Raises Refused(DATE_INVALID, "to") when an interval ends before it begins."""
    if from_ is not None and to is not None and to < from_:
        raise Refused(Code.DATE_INVALID, "to", f"{to} is before {from_}")


def one_of(values: Collection[str], value: str | None, field: str) -> str | None:
    """A value of a closed set, or none. Raises Refused(REQUEST_INVALID) naming the field."""
    if value is not None and value not in values:
        raise Refused(Code.REQUEST_INVALID, field, f"one of {', '.join(values)} is needed")
    return value


def root(resolver: Callable[..., Any]) -> Any:
    """A root field of the schema, under its rule; its docstring is its description."""
    return strawberry.field(
        resolver=resolver, extensions=[Checked()], description=description_of(resolver)
    )


def listened(resolver: Callable[..., Any], type_: Any) -> Any:
    """A field of Subscription, under its rule; its docstring is its description. Its values are
    those of a query (`listening/`): what the function gives is what is listened to."""
    name = to_camel_case(resolver.__name__)
    if name not in LISTENED:
        raise LookupError(f"{name} has no line in the table of who may listen to it")
    described = description_of(resolver)
    return strawberry.field(resolver=resolver, graphql_type=type_, description=described)
