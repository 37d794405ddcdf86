"""The journal: the lines of one account, and the entries of a transaction."""

from collections.abc import Iterable
from itertools import groupby

from strawberry import ID

from api.graphql.describing import object_type
from api.graphql.money import Money, money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.reads import NOBODY, Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.spans import From, To
from domain.accounting.chart import CHART, split_id
from domain.refusals import Refused
from projections.models import journal as model


@object_type
class EntryLine:
    """One side of an entry: a debit or a credit of an account."""

    account: str
    title: str
    debit: Money
    credit: Money


@object_type
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


@object_type
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
        head = group[0]
        entries.append(
            Entry(
                reference=head.reference,
                position=BigInt(head.position),
                fact=head.fact,
                rule=head.rule,
                at=Instant(head.at_us),
                accounting_date=Date(head.accounting_date),
                lines=[_entry_line(line) for line in group],
            )
        )
    return entries


def _entry_line(line: model.JournalLine) -> EntryLine:
    return EntryLine(
        account=line.account,
        title=CHART[split_id(line.account)[0]].title,
        debit=money(line.debit_fen, line.currency),
        credit=money(line.credit_fen, line.currency),
    )


def journal_line(line: model.JournalLine) -> JournalLine:
    return JournalLine(
        reference=line.reference,
        position=BigInt(line.position),
        line_no=line.line_no,
        fact=line.fact,
        rule=line.rule,
        at=Instant(line.at_us),
        accounting_date=Date(line.accounting_date),
        account=line.account,
        debit=money(line.debit_fen, line.currency),
        credit=money(line.credit_fen, line.currency),
        actor=line.actor,
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
    visible = account if _may_see(info, account) else NOBODY
    page = await info.context.read(
        lambda connection: model.journal(connection, visible, from_, to, after=after, first=first)
    )
    return connection(page, journal_line, after)


def _may_see(info: Info, account: str) -> bool:
    try:
        return info.context.may_see_account(*split_id(account))
    except Refused:  # No such account: the query finds nothing by itself.
        return info.context.caller.role != "merchant"
