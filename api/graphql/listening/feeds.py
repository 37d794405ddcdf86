"""What each field of Subscription listens to: `transactionChanged`, `paymentChanged`,
`positionMoved`."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import strawberry
from msgspec import Struct
from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, select
from strawberry import ID

from api.graphql.access import listened
from api.graphql.describing import object_type
from api.graphql.payments import Payment
from api.graphql.plan.books import Books
from api.graphql.plan.declared import Arguments
from api.graphql.plan.levels import KEYS, among
from api.graphql.scalars import BigInt
from api.graphql.scope import Scope
from api.graphql.transactions import Transaction
from domain.refusals import Code, Refused
from projections.models import payment_legs, transactions
from projections.tables.listing import Dialect, Rendered, rendered

PAGE = 100  # Changes that a listener reads at once.
ABOVE, UPTO = "above_position", "upto_position"

After = Annotated[
    BigInt | None,
    strawberry.argument(
        description="A position of the ledger, as events have it: all that changed after it is "
        "told. The header `Last-Event-ID` comes before it. Without both: from now on."
    ),
]


class Feed(Struct, frozen=True, eq=False):
    """A kind of things that change. Listeners name one `by`, such as a merchant; what changed has a
    `number`, by which the root field `query` of Query is asked as `argument`, and changed `at` a
    position."""

    query: str
    argument: str
    by: ColumnElement[Any]
    number: ColumnElement[Any]
    at: ColumnElement[Any]

    def changed(self, books: Books, names: Sequence[str], above: int, upto: int) -> set[str]:
        """Of the names that are listened to, those that have changes."""
        values = {**books.keys(KEYS, list(names)), ABOVE: above, UPTO: upto}
        return {row[0] for row in books.rows(_changed(self, books.dialect), values)}

    def page(self, books: Books, name: str, above: int, upto: int) -> list[tuple[str, int]]:
        """Changes of a name in order: numbers and positions, of which the first PAGE."""
        values = {"name": name, ABOVE: above, UPTO: upto}
        return books.rows(_page(self, books.dialect), values)


def _within(feed: Feed) -> list[ColumnElement[bool]]:
    above = bindparam(ABOVE, type_=BigInteger)
    return [feed.at > above, feed.at <= bindparam(UPTO, type_=BigInteger)]


@lru_cache(maxsize=16)
def _changed(feed: Feed, dialect: Dialect) -> Rendered:
    query: Select[Any] = select(feed.by).where(among(feed.by, dialect), *_within(feed)).distinct()
    return rendered(query, dialect)


@lru_cache(maxsize=16)
def _page(feed: Feed, dialect: Dialect) -> Rendered:
    query = select(feed.number, feed.at).where(feed.by == bindparam("name", type_=feed.by.type))
    return rendered(query.where(*_within(feed)).order_by(feed.at).limit(PAGE), dialect)


class To(NamedTuple):
    """What is listened to: a name of a feed, and all that changed after a position; None: from now
    on."""

    name: str | None
    after: int | None


def transaction_changed(merchant_id: ID | None = None, after: After = None) -> To:
    """A transaction of the merchant, whenever one has changed, as it is by then: of several changes
    that fall together there may be one event. A merchant's key need not say which merchant."""
    return To(merchant_id, after)


def payment_changed(no: ID, after: After = None) -> To:
    """The payment, whenever it, one of its legs or its timeline has changed, as it is by then: of
    several changes that fall together there may be one event."""
    return To(no, after)


def position_moved(after: After = None) -> To:
    """Up to which position of the ledger all read models are, whenever that has moved: the newest,
    and not each."""
    return To("", after)


class Heard(NamedTuple):
    """What a field of Subscription listens to: names of a `feed`, or with none to the position
    itself. `whose`: the argument that names a merchant, to whom a merchant's key is narrowed."""

    listens: Callable[..., To]
    feed: Feed | None = None
    whose: str = ""

    def to(self, scope: Scope, arguments: Arguments) -> tuple[str, int | None]:
        """What a caller listens to by these arguments. Raises Refused(REQUEST_INVALID)."""
        name, after = self.listens(**arguments)
        if self.whose:
            name = scope.within(name)
        if name is None:
            raise Refused(Code.REQUEST_INVALID, self.whose, "whose changes?")
        if after is not None and after < 0:
            raise Refused(Code.REQUEST_INVALID, "after", "no position is below 0")
        return name, after


_CHANGED = payment_legs.CHANGED.c
HEARD: Mapping[str, Heard] = {
    "transactionChanged": Heard(
        transaction_changed,
        Feed(
            "transaction",
            "id",
            transactions.TABLE.c.merchant,
            transactions.TABLE.c.transaction_id,
            transactions.TABLE.c.last_position,
        ),
        whose="merchantId",
    ),
    "paymentChanged": Heard(
        payment_changed,
        Feed("payment", "no", _CHANGED.payment_no, _CHANGED.payment_no, _CHANGED.position),
    ),
    "positionMoved": Heard(position_moved),
}


@object_type
class Subscription:
    """What tells of changes, as `text/event-stream` (docs/graphql.md). A field's events have what
    the query of its type has, and the same is to be seen."""

    transaction_changed = listened(transaction_changed, Transaction | None)
    payment_changed = listened(payment_changed, Payment | None)
    position_moved = listened(position_moved, BigInt)
