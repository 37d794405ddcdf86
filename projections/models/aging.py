"""How long open items have waited (账龄): by account and age, from `open_items`."""

from datetime import date, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Connection, Select, case, func, select, text

from domain.accounting.chart import CHANNEL_SHORTAGE, CHANNEL_SURPLUS, split_id, title_of
from domain.reconciliation.resolutions import AGES
from projections.models.open_items import TABLE, WAITING
from projections.tables.listing import Names, given
from projections.tables.paging import day_start_us

EARLIEST = date(1970, 1, 1)


class Sum(Struct, frozen=True):
    """What waits on an account in a bucket of age."""

    account: str
    title: str
    age: str
    count: int
    amount_fen: int


class Aging(Struct, frozen=True):
    """What waits on a date, by account and age; what is at risk of it, in fen."""

    on: date
    rows: list[Sum]
    surplus_fen: int
    shortage_fen: int


def aging(connection: Connection, on: date) -> Aging:
    """All that waits, and how long, on a date in Shanghai."""
    return aging_of(on, sums(connection, on))


def aging_of(on: date, rows: list[Sum]) -> Aging:
    """The same of rows that were read."""
    by_code = {CHANNEL_SURPLUS: 0, CHANNEL_SHORTAGE: 0}
    for row in rows:
        code = split_id(row.account)[0]
        if code in by_code:
            by_code[code] += row.amount_fen
    return Aging(on, rows, by_code[CHANNEL_SURPLUS], by_code[CHANNEL_SHORTAGE])


def sums(connection: Connection, on: date) -> list[Sum]:
    """By account and age, as of the end of a date in Shanghai."""
    values = bounds(on)
    return sums_of(connection.execute(sums_query(frozenset(values)), values))


def bounds(on: date) -> dict[str, int]:
    """The instants (UTC µs) since when what waits is no older than each bucket's end."""
    ends = (most for _, most in AGES if most is not None)
    return {f"since_{most}": _start_us(on, most) for most in ends}


def _start_us(on: date, days: int) -> int:
    """The start of a day so many days before. Nothing has waited since before computers did."""
    return day_start_us(max(on, EARLIEST) - timedelta(days=days))


def sums_query(_names: Names) -> Select[Any]:
    """Account, the place of the bucket, how many and how much, with the bounds as parameters."""
    since = TABLE.c.since_us
    whens = [
        (since >= given(f"since_{most}", since), place)
        for place, (_, most) in enumerate(AGES)
        if most is not None
    ]
    bucket = case(*whens, else_=len(AGES) - 1).label("bucket")
    amount = func.sum(TABLE.c.amount_fen).cast(BigInteger)
    query = select(TABLE.c.account, bucket, func.count(), amount)
    query = query.where(TABLE.c.closed_on.is_(None), TABLE.c.code.in_(WAITING))
    # By its name: written out again, the bounds are other parameters, of another expression.
    return query.group_by(TABLE.c.account, text("bucket")).order_by(TABLE.c.account, text("bucket"))


def sums_of(rows: Any) -> list[Sum]:
    """What the rows of the query say."""
    return [
        Sum(account, title_of(split_id(account)[0]), AGES[place][0], count, int(amount_fen))
        for account, place, count, amount_fen in rows
    ]


def since_of(age: str | None, on: date) -> tuple[int | None, int | None]:
    """From when up to when something waits that is of an age on a date (UTC µs; None: no bound).
    Raises KeyError."""
    if age is None:
        return None, None
    names = [name for name, _ in AGES]
    place = names.index(age) if age in names else -1
    if place < 0:
        raise KeyError(age)
    most, before = AGES[place][1], AGES[place - 1][1] if place else None
    from_ = None if most is None else _start_us(on, most)
    to = None if before is None else _start_us(on, before)
    return from_, to
