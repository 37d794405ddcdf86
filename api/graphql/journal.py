"""The journal: the lines of one account, and the entries of a transaction."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from strawberry import ID

from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.plan.declared import ROOTS, Arguments, Children
from api.graphql.plan.pages import Listed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import NOBODY, Scope
from api.graphql.shapes import of, shape, shape_of
from api.graphql.spans import From, To
from domain.accounting.chart import split_id, title_of_account
from domain.refusals import Refused
from projections.models import journal as model
from projections.tables.listing import values_of


@shape(currency="currency")
class EntryLine:
    """One side of an entry: a debit or a credit of an account."""

    account: str
    title: str = of("account", make=title_of_account)
    debit: Money
    credit: Money


@shape()
class Entry:
    """A balanced set of debits and credits, made by the rule named. `reference` is the fact that
    carries it, `<stream>#<version>`; `fact` that fact's stored name."""

    reference: str
    position: BigInt
    fact: str
    rule: str
    at: Instant
    accounting_date: Date
    lines: list[EntryLine]


@shape(currency="currency")
class JournalLine:
    """A line of an entry as its account sees it. `reference` is the fact that carries the entry;
    `lineNo` counts from 1 within it; `actor` is who asked for it."""

    reference: str
    position: BigInt
    line_no: int
    fact: str
    rule: str
    at: Instant
    accounting_date: Date
    account: str
    debit: Money
    credit: Money
    actor: str


def entries_of(lines: Iterable[model.JournalLine]) -> list[Entry]:
    """Lines in order of position, as the entries they belong to."""
    entries = []
    for _, together in groupby(lines, key=lambda line: line.position):
        group = list(together)
        shown = [_ENTRY_LINE.node(line) for line in group]
        entries.append(_ENTRY.node(group[0], lines=shown))
    return entries


_ENTRY_LINE, _ENTRY = shape_of(EntryLine), shape_of(Entry)
journal_line = shape_of(JournalLine).node


def entries_below(parent: str, prefix: str) -> Children:
    """The entries of a stream, in objects whose column `parent` is its key after a prefix."""
    return Children(
        model.TABLE,
        parent,
        "stream",
        ("position", "line_no"),
        prefix=prefix,
        grouped="position",
        inner="lines",
    )


async def journal(
    info: Info,
    account: ID,
    from_: From = None,
    to: To = None,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[JournalLine]:
    """An account's lines of the accounting dates `from` up to, not including, `to`."""
    wanted = model.Wanted(_visible(info.context, account), from_, to)
    page = await info.context.read(
        lambda connection: model.journal(
            connection, wanted.account, from_, to, after=after, first=first
        )
    )
    return connection(page, journal_line, after)


def _visible(scope: Scope, account: str) -> str:
    """The account, or one that nobody has."""
    try:
        seen = scope.may_see_account(*split_id(account))
    except Refused:  # No such account: the query finds nothing by itself.
        seen = scope.sees_everything
    return account if seen else NOBODY


def _filters(scope: Scope, arguments: Arguments) -> dict[str, Any]:
    account = _visible(scope, arguments["account"])
    return values_of(model.Wanted(account, arguments["from_"], arguments["to"]), instants=False)


ROOTS["journal"] = Listed(model.LISTING, _filters, counted=False)
