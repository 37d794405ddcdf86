"""What the books and the outside say differently, and what waits for it: `differences`, `suspense`,
`suspenseAging`."""

from datetime import date
from typing import Annotated, Any

import strawberry
from msgspec.structs import astuple
from strawberry import ID

from api.graphql.access import one_of
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.plan.books import Books
from api.graphql.plan.declared import INLINE, ROOTS, Arguments, Inline
from api.graphql.plan.pages import Listed
from api.graphql.plan.roots import Whole
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from domain.channel.channels import CHANNELS
from domain.kernel import shanghai_date
from domain.ledger.ledger import utc_us
from domain.reconciliation.difference import NAMED
from domain.reconciliation.resolutions import AGES, FITS, due_on
from projections.models import aging
from projections.models import differences as model
from projections.models import open_items as items

AGE_NAMES = tuple(name for name, _ in AGES)
On = Annotated[
    Date | None, strawberry.argument(description="Ages are as of this date; null is today.")
]
Age = Annotated[
    str | None, strawberry.argument(description=f"In days, one of {', '.join(AGE_NAMES)}.")
]
Channel = Annotated[str | None, strawberry.argument(description=f"One of {', '.join(CHANNELS)}.")]


def _due(kind: Any, state: Any, since_us: int) -> date:
    return due_on(kind, state, shanghai_date(since_us))


def _resolve_by(kind: Any, since_us: int) -> date:
    return due_on(kind, "approved", shanghai_date(since_us))


@shape()
class Difference:
    """One thing that the books and a bill or statement say differently. `oursMinor` and
    `theirsMinor` are what each says, in fen, of a fee in milli-fen; `amount` waits on `account`.
    `due`: by when it is to be proposed, and once it is, resolved. `to` is whom or what the
    resolution names, `awaits` what it is approved until; `undoWantedBy` wants it undone. `linked`:
    what has posted its money already."""

    id: ID = of("difference_id")
    type: str = of("kind")
    channel: str
    number: str
    date: Date = of("on_date")
    state: str
    cause: str | None = of("cause", empty=True)
    ours_minor: BigInt = of("ours_fen")
    theirs_minor: BigInt = of("bill_fen")
    amount: Money
    account: ID | None = of("account", empty=True)
    serial: str | None = of("serial", empty=True)
    bill: str | None = of("bill", empty=True)
    line: BigInt
    instruction_id: ID | None = of("instruction_id", empty=True)
    linked: str | None = of("linked", empty=True)
    since: Instant = of("since_us")
    changed_at: Instant = of("changed_us")
    due: Date = of("kind", "state", "since_us", make=_due)
    resolve_by: Date = of("kind", "since_us", make=_resolve_by)
    resolution: str | None = of("resolution", empty=True)
    proposed_by: str | None = of("proposed_by", empty=True)
    approved_by: str | None = of("approved_by", empty=True)
    reason: str | None = of("reason", empty=True)
    to: str | None = of("to_whom", empty=True)
    awaits: str | None = of("awaits", empty=True)
    undo_wanted_by: str | None = of("undo_by")
    position: BigInt
    last_position: BigInt


@shape()
class OpenItem:
    """Money that waits on `account`: a difference, a suspense item, a refund, a payment, a payout
    on its way; `system` says which, `stream` whose. `channel` is null on an account without."""

    item: ID
    account: ID
    code: str
    channel: str | None = of("owner", empty=True)
    amount: Money
    system: str
    stream: ID
    since: Instant = of("since_us")
    position: BigInt


@shape()
class SuspenseSum:
    """What waits on an account in a bucket of age, in days."""

    account: ID
    title: str
    age: str
    count: BigInt
    amount: Money


@shape()
class SuspenseAging:
    """All that waits on 2241.05, 2241.07, 2241.08, 2241.09 and 1122.04, by account and age on a
    date: of each account the sum is its balance. `surplus` is what waits on 2241.08, `shortage` on
    1122.04: the value at risk."""

    on: Date
    rows: list[SuspenseSum]
    surplus: Money
    shortage: Money


_difference = shape_of(Difference).node
_item = shape_of(OpenItem).node
_AGING, _SUM = shape_of(SuspenseAging), shape_of(SuspenseSum)


async def differences(
    info: Info,
    state: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(NAMED)}.")
    ] = None,
    type: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(FITS)}.")
    ] = None,
    channel: Channel = None,
    age: Age = None,
    on: On = None,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Difference]:
    """Differences, those found longest ago first: all, in a state, of a type, of a channel, of an
    age."""
    wanted = _wanted(state=state, type=type, channel=channel, age=age, on=on)
    page = await info.context.read(
        lambda books: model.differences(books, wanted, after=after, first=first)
    )
    return connection(
        page, _difference, after, lambda books: model.count_differences(books, wanted)
    )


async def suspense(
    info: Info,
    code: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(items.WAITING)}.")
    ] = None,
    channel: Channel = None,
    age: Age = None,
    on: On = None,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[OpenItem]:
    """What waits, longest first: all, on accounts of a code, of a channel, of an age."""
    wanted = _waiting(code=code, channel=channel, age=age, on=on)
    page = await info.context.read(
        lambda books: items.open_items(books, wanted, after=after, first=first)
    )
    return connection(page, _item, after, lambda books: items.count_open_items(books, wanted))


async def suspense_aging(info: Info, on: On = None) -> SuspenseAging:
    """How much waits on which account, and how long."""
    found = await info.context.read(lambda books: aging.aging(books, _today(on)))
    return _AGING.node(found, rows=[_SUM.node(row) for row in found.rows])


def _today(on: date | None) -> date:
    return on if on is not None else shanghai_date(utc_us())


def _since(given: dict[str, Any]) -> tuple[int | None, int | None]:
    age = one_of(AGE_NAMES, given["age"], "age")
    return aging.since_of(age, _today(given["on"]))


def _wanted(**given: Any) -> model.Wanted:
    """Raises Refused(REQUEST_INVALID, "state" | "type" | "channel" | "age")."""
    named = one_of(NAMED, given["state"], "state")
    state = NAMED[named] if named is not None else None
    kind = one_of(tuple(FITS), given["type"], "type")
    channel = one_of(tuple(CHANNELS), given["channel"], "channel")
    return model.Wanted(state, kind, channel, *_since(given))


def _waiting(**given: Any) -> items.Wanted:
    """Raises Refused(REQUEST_INVALID, "code" | "channel" | "age")."""
    code = one_of(items.WAITING, given["code"], "code")
    channel = one_of(tuple(CHANNELS), given["channel"], "channel")
    return items.Wanted(code, channel, *_since(given))


def _of_differences(_scope: Scope, arguments: Arguments) -> dict[str, Any]:
    names = ("state", "type", "channel", "age", "on")
    return model.values_of(_wanted(**{name: arguments[name] for name in names}))


def _of_items(_scope: Scope, arguments: Arguments) -> dict[str, Any]:
    names = ("code", "channel", "age", "on")
    return items.values_of(_waiting(**{name: arguments[name] for name in names}))


def _read_aging(
    books: Books, _scope: Scope, arguments: Arguments, _columns: tuple[str, ...]
) -> dict[str, Any]:
    on = _today(arguments["on"])
    values = aging.bounds(on)
    rows = books.rows(books.prepared(aging.sums_query, frozenset(values)), values)
    found = aging.aging_of(on, aging.sums_of(rows))
    return {
        "on": on,
        "rows": [astuple(row) for row in found.rows],
        "surplus_fen": found.surplus_fen,
        "shortage_fen": found.shortage_fen,
    }


ROOTS["differences"] = Listed(model.LISTING, _of_differences)
ROOTS["suspense"] = Listed(items.LISTING, _of_items)
ROOTS["suspenseAging"] = Whole(_read_aging, lambda _columns: 1, frozenset({items.TABLE.name}))
INLINE["SuspenseAging", "rows"] = Inline("rows", aging.Sum.__struct_fields__)
