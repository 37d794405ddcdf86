"""The reserve account beside the bank's own statements (银行存款余额调节表): the books have what
the newest statement says lies there, but for items with a name.

Each line is in the books once its statement is compared, as what it is or as a difference. So what
the books have otherwise is what no statement has shown: what lay there before the first one, what
one that is missing would show, one that is not compared yet, and what persons have booked.
"""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct
from sqlalchemy import Connection, and_, func, select

from api.operations.bills import bank_lines
from api.operations.explained import Named
from domain.accounting.chart import RESERVE
from domain.channel.channels import PAYOUT_CHANNEL
from domain.kernel import shanghai_date
from projections.models import bills, differences, journal, own_movements, top_ups

UNSHOWN = "it is booked, and no line of a statement shows it"


class _Day(Struct, frozen=True):
    """A statement's newest version, and what its compared lines come to; None: it says nothing."""

    day: date
    opening_fen: int | None
    closing_fen: int | None
    placed_fen: int


def named(connection: Connection) -> list[Named]:
    """The items of 1001.01; [] before the first statement. The read models must be at the head."""
    days = list(_days(connection))
    if not days:
        return []
    return [*_chain(days), *_own(connection), *_top_ups(connection), *_taken_back(connection)]


def _chain(days: list[_Day]) -> list[Named]:
    """What the newest statement closes with, less what no line of any statement brought."""
    found: list[Named] = []
    last_fen: int | None = None
    for one in days:
        opening_fen, closing_fen = one.opening_fen, one.closing_fen
        if opening_fen is None or closing_fen is None:
            opening_fen = last_fen or 0
            closing_fen = opening_fen + one.placed_fen
        name, lacking_fen = f"statement {one.day}", (last_fen or 0) - opening_fen
        if lacking_fen:
            why = "its opening balance is not what the one before closed with"
            if last_fen is None:
                why = "it is the first, and that lay there before it"
            found.append(Named(name, one.day, lacking_fen, why))
        unread_fen = one.placed_fen - (closing_fen - opening_fen)
        if unread_fen:
            found.append(Named(name, one.day, unread_fen, "for it to be compared: `reconcile`"))
        last_fen = closing_fen
    assert last_fen is not None
    bank = Named(f"statement {days[-1].day}", days[-1].day, last_fen, "the bank says it lies there")
    return [bank, *found]


def _days(connection: Connection) -> Iterator[_Day]:
    table = bills.TABLE
    mine = and_(table.c.channel == PAYOUT_CHANNEL, table.c.kind == "bank")
    newest = (
        select(table.c.bill_date, func.max(table.c.version).label("version"))
        .where(mine)
        .group_by(table.c.bill_date)
        .subquery()
    )
    placed = bank_lines.net_by_day(connection, PAYOUT_CHANNEL)
    same = and_(newest.c.bill_date == table.c.bill_date, newest.c.version == table.c.version)
    query = select(table.c.bill_date, table.c.opening_fen, table.c.closing_fen)
    for day, opening_fen, closing_fen in connection.execute(
        query.join(newest, same).where(mine).order_by(table.c.bill_date)
    ):
        yield _Day(day, opening_fen, closing_fen, placed.get(day, 0))


def _own(connection: Connection) -> Iterator[Named]:
    """Movements of own funds; capital is on the own account."""
    table, lines = own_movements.TABLE, bank_lines.TABLE
    shown = (
        select(func.coalesce(func.sum(lines.c.amount_fen), 0))
        .where(lines.c.about == table.c.movement_no, lines.c.what == table.c.kind)
        .scalar_subquery()
    )
    query = (
        select(table.c.kind, table.c.movement_no, table.c.ended_at_us, table.c.amount_fen - shown)
        .where(table.c.state == "posted", table.c.kind != "capital", table.c.amount_fen != shown)
        .order_by(table.c.position)
    )
    for kind, number, at_us, fen in connection.execute(query):
        signed_fen = int(-fen if kind == "sweep" else fen)
        yield Named(f"{kind} {number}", shanghai_date(at_us), signed_fen, UNSHOWN)


def _top_ups(connection: Connection) -> Iterator[Named]:
    """They are not named in lines: a line has the reference that they were booked with."""
    table = top_ups.TABLE
    query = select(table.c.reference, table.c.direction, table.c.amount_fen, table.c.statement)
    booked: dict[str, dict[str, int]] = {}
    for reference, direction, fen, statement in connection.execute(
        query.where(table.c.statement != "").order_by(table.c.position)
    ):
        booked.setdefault(statement, {})[reference] = int(fen if direction == "in" else -fen)
    for references, shown_fen in bank_lines.top_ups_shown(connection, PAYOUT_CHANNEL).items():
        mine = [booked.pop(one) for one in references if one in booked]
        left_fen = sum(fen for some in mine for fen in some.values()) - shown_fen
        if left_fen:
            yield Named(f"top-ups of {references[1]}", None, left_fen, UNSHOWN)
    for one in booked.values():
        yield from (Named(f"top-up {name}", None, fen, UNSHOWN) for name, fen in one.items())


def _taken_back(connection: Connection) -> Iterator[Named]:
    """Differences that say of own funds what the bank has taken back of them."""
    found, table = differences.TABLE, journal.TABLE
    net = func.sum(table.c.debit_fen - table.c.credit_fen)
    query = (
        select(found.c.difference_id, found.c.on_date, net)
        .join(table, table.c.stream == "difference-" + found.c.difference_id)
        .where(table.c.account == RESERVE, found.c.channel == PAYOUT_CHANNEL)
        .where(found.c.bill == "", found.c.instruction_id == "")
        .group_by(found.c.difference_id, found.c.on_date)
        .having(net != 0)
        .order_by(func.min(table.c.position))
    )
    for name, on, fen in connection.execute(query):
        yield Named(f"difference {name}", on, int(fen), "the bank has taken that back")
