"""Wallets (支付账户) and their caps: whose count a member's payments are in, and what it has used.

One row per customer, folded by the aggregate's own `evolve`: the totals are the ones that the
caps are decided by. What a cap leaves on a date is worked out when it is read.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import BigInteger, Column, Connection, Date, Select, Table, and_, func, select

from domain.accounting.chart import WALLET
from domain.kernel import Recorded, key
from domain.member import member
from domain.member.terms import SOURCES
from domain.payment import spending as facts
from domain.payment.caps import LOWEST, caps_on
from domain.payment.spending import Sums
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.models import balances, business_days, members
from projections.tables.bulk import Lookup, upsert_rows
from projections.tables.listing import Names, given
from projections.tables.paging import sought_text

OWNERS = Table(
    "wallet_owners",
    METADATA,
    Column("member_id", TEXT, primary_key=True),
    Column("customer", TEXT, nullable=False),
)
SPENDING = Table(
    "wallet_spending",
    METADATA,
    Column("customer", TEXT, primary_key=True),
    Column("day", Date),
    Column("opening_fen", BigInteger, nullable=False),
    Column("year_fen", BigInteger, nullable=False),
    Column("signed_fen", BigInteger, nullable=False),
    Column("two_fen", BigInteger, nullable=False),
    Column("few_fen", BigInteger, nullable=False),
    Column("static_fen", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
)
_SUMS = Sums.__struct_fields__


class Delta(Struct, gc=False):
    """Customers by member; what happened to each count, in order."""

    owners: dict[str, str]
    counts: dict[str, list[Recorded]]


def _new_delta() -> Delta:
    return Delta({}, {})


def _certified(delta: Delta, recorded: Recorded) -> None:
    fact: member.Certified = recorded.fact
    if fact.customer:
        delta.owners[key(recorded.stream)] = facts.counted_by(fact.customer)


def _counted(delta: Delta, recorded: Recorded) -> None:
    delta.counts.setdefault(key(recorded.stream), []).append(recorded)


def _write(connection: Connection, tables: Tables, delta: Delta) -> Writing:
    table = tables[SPENDING.name]
    (rows,) = yield [Lookup(table, ("customer",), [(one,) for one in delta.counts])]
    known = {row[0]: Sums(*row[1:-1]) for row in rows}
    counted = []
    for customer, happened in delta.counts.items():
        state = facts.State(known.get(customer, Sums()))
        for recorded in happened:
            state = facts.evolve(state, recorded.fact)
        counted.append((customer, *astuple(state.sums), happened[-1].position))
    upsert_rows(connection, table, counted, ("customer",), (*_SUMS, "last_position"))
    owners = list(delta.owners.items())
    upsert_rows(connection, tables[OWNERS.name], owners, ("member_id",), ("customer",))


MODEL = ReadModel(
    name="wallets",
    tables=(OWNERS, SPENDING),
    folds={
        member.Certified: _certified,
        **dict.fromkeys(
            (facts.Counted, facts.GivenBack, facts.HandedOver, facts.TakenOver), _counted
        ),
    },
    new_delta=_new_delta,
    write=_write,
)


class Used(Struct, frozen=True):
    """What a customer has paid from all its wallets, as it counts on `day`. Fen."""

    day: date | None
    opening_fen: int
    year_fen: int
    signed_fen: int
    two_fen: int
    few_fen: int
    static_fen: int


class CapLeft(Struct, frozen=True):
    """A cap on a wallet: over which `period` it counts, by which factors, and what is left of it.
    Fen."""

    name: str
    period: str
    most_fen: int
    used_fen: int
    left_fen: int


class Wallet(balances.Account, frozen=True, kw_only=True):
    """A wallet with its class on the open business day, the caps of that day, and their use."""

    level: int
    used: Used
    caps: tuple[CapLeft, ...]


def query(_names: Names) -> Select[Any]:
    """The wallet of the parameter `member_id`, its owner's level on the open business day, that
    day, and the sums of its customer."""
    today = select(func.max(business_days.TABLE.c.accounting_date)).scalar_subquery()
    levels = members.CERTIFIED.c
    level = (
        select(levels.level)
        .where(levels.member_id == balances.TABLE.c.owner, levels.effective_from <= today)
        .order_by(levels.effective_from.desc())
        .limit(1)
        .scalar_subquery()
    )
    of = balances.TABLE.c
    counted_by = func.coalesce(OWNERS.c.customer, of.owner)
    there = balances.TABLE.outerjoin(OWNERS, OWNERS.c.member_id == of.owner).outerjoin(
        SPENDING, SPENDING.c.customer == counted_by
    )
    own = [of[name] for name in balances.Account.__struct_fields__]
    sums = [SPENDING.c[name] for name in _SUMS]
    wanted = and_(of.owner == given("member_id", of.owner), of.code == WALLET)
    columns = (level.label("level"), today.label("today"), *own, *sums)
    return select(*columns).select_from(there).where(wanted)


def wallet_of(row: Any) -> Wallet:
    """What a row of `query` says."""
    level, today, *rest = row
    count = len(balances.Account.__struct_fields__)
    own, sums = rest[:count], rest[count:]
    day = _date(today)
    counted = Sums(_date(sums[0]), *sums[1:]) if sums[1] is not None else Sums()
    if day is not None:
        counted = facts.State(counted).on(day)
    used = Used(*astuple(counted))
    level = next((one for one in SOURCES if one == level), LOWEST)
    named = dict(zip(balances.Account.__struct_fields__, own, strict=True))
    return Wallet(**named, level=level, used=used, caps=tuple(_caps(level, counted)))


def wallet(connection: Connection, member_id: str) -> Wallet | None:
    """A member's wallet; None for one that has none."""
    row = connection.execute(
        query(frozenset()), {"member_id": sought_text(member_id, "member_id")}
    ).first()
    return wallet_of(row) if row else None


def values_of(found: Wallet) -> Mapping[str, Any]:
    """Its columns, and its lists as rows."""
    values = {name: getattr(found, name) for name in found.__struct_fields__}
    return {**values, "used": astuple(found.used), "caps": [astuple(one) for one in found.caps]}


def _caps(level: Any, sums: Sums) -> Iterator[CapLeft]:
    caps = None if sums.day is None else caps_on(sums.day)
    if caps is None:
        return
    cap = caps.classes[level]
    yield _cap("class", cap.period, cap.most_fen, facts.period_fen(sums, cap.period))
    for band, most_fen in caps.days.items():
        yield _cap(band, "day", most_fen, facts.band_fen(sums, band))
    if caps.static_fen is not None:
        yield _cap("static", "day", caps.static_fen, sums.static_fen)


def _cap(name: str, period: str, most_fen: int, used_fen: int) -> CapLeft:
    return CapLeft(name, period, most_fen, used_fen, max(0, most_fen - used_fen))


def _date(value: Any) -> date | None:
    """As one driver gives it, or the other."""
    return date.fromisoformat(value) if isinstance(value, str) else value
