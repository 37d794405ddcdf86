"""Accounts by date (账户日终余额): one row per account and accounting date it changed on.

A row is what the account had come to when that date ended, so a balance as of a date is one row
found by the key, however long the history. What has no accounting date of its own (holds, freezes)
counts on the day that was open; what came before the books were opened counts before every date.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import BigInteger, Column, Connection, Date, Select, Table, select

from domain.accounting import account as accounts_of_chart
from domain.accounting.chart import CHART, split_id
from domain.clearing import day
from domain.kernel import Recorded, key
from domain.money import CURRENCY
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.models import balances
from projections.models.balances import Account, Change, Changes
from projections.tables.bulk import Lookup, upsert_rows
from projections.tables.listing import Names, given
from projections.tables.paging import sought_text

BEFORE_THE_BOOKS = date(1, 1, 1)
_BOOKS = "books"


def _figures() -> list[Column[Any]]:
    return [
        Column("currency", TEXT, nullable=False),
        Column("debit_fen", BigInteger, nullable=False),
        Column("credit_fen", BigInteger, nullable=False),
        Column("held_fen", BigInteger, nullable=False),
        Column("status", TEXT, nullable=False),
        Column("frozen", TEXT, nullable=False),
        Column("postings", BigInteger, nullable=False),
        Column("last_position", BigInteger, nullable=False),
        *(
            Column(name, BigInteger, nullable=False, server_default="0")
            for name in balances.ATTACHED
        ),
    ]


DAYS = Table(
    "account_days",
    METADATA,
    Column("account", TEXT, primary_key=True),
    Column("accounting_date", Date, primary_key=True),
    *_figures(),
)
# Where each account's next row goes on, and which day is open.
ENDS = Table("account_ends", METADATA, Column("account", TEXT, primary_key=True), *_figures())
OPEN_DAY = Table(
    "account_open_day",
    METADATA,
    Column("name", TEXT, primary_key=True),
    Column("accounting_date", Date, nullable=False),
)


class End(Struct, gc=False):
    """What an account has come to, in the order of the columns."""

    currency: str = CURRENCY
    debit_fen: int = 0
    credit_fen: int = 0
    held_fen: int = 0
    status: str = "open"
    frozen: str = ""
    postings: int = 0
    last_position: int = 0
    attached_fen: int = 0
    attached_all: int = 0

    def add(self, change: Change) -> None:
        self.currency = change.currency or self.currency
        self.debit_fen += change.debit_fen
        self.credit_fen += change.credit_fen
        self.held_fen += change.held_fen
        self.status = change.status or self.status
        if change.frozen is not None:
            self.frozen = change.frozen
        self.postings += change.postings
        self.attached_fen += change.attached_fen
        self.attached_all += change.attached_all
        self.last_position = change.last_position


class Day(Struct):
    """What a batch did on one date; None: on the date that was open before the batch."""

    date: date | None
    changes: Changes


Delta = list[Day]


def _new_delta() -> Delta:
    return [Day(None, {})]


def _changed(delta: Delta, recorded: Recorded) -> None:
    balances.MODEL.folds[type(recorded.fact)](delta[-1].changes, recorded)


def _opened(delta: Delta, recorded: Recorded) -> None:
    delta.append(Day(recorded.fact.date, {}))


def _write(connection: Connection, tables: Tables, delta: Delta) -> Writing:
    touched = {stream for one in delta for stream in one.changes}
    ends: dict[str, End] = {}
    wanted = [(key(stream),) for stream in sorted(touched)]
    found, opened = yield [
        Lookup(tables[ENDS.name], ("account",), wanted),
        Lookup(tables[OPEN_DAY.name], ("name",), [(_BOOKS,)]),
    ]
    for account, *figures in found:
        ends[account] = End(*figures)
    on = opened[0][1] if opened else BEFORE_THE_BOOKS
    rows: dict[tuple[str, date], tuple[Any, ...]] = {}
    for one in delta:
        on = one.date or on
        for stream, change in one.changes.items():
            account = key(stream)
            end = ends.setdefault(account, End())
            end.add(change)
            rows[account, on] = (account, on, *astuple(end))
    names = End.__struct_fields__
    day_key = ("account", "accounting_date")
    upsert_rows(connection, tables[DAYS.name], list(rows.values()), day_key, names)
    latest = [(account, *astuple(end)) for account, end in ends.items()]
    upsert_rows(connection, tables[ENDS.name], latest, ("account",), names)
    if delta[-1].date is not None:
        row = (_BOOKS, delta[-1].date)
        upsert_rows(connection, tables[OPEN_DAY.name], [row], ("name",), ("accounting_date",))


MODEL = ReadModel(
    name="account_days",
    tables=(DAYS, ENDS, OPEN_DAY),
    folds={
        **dict.fromkeys(
            (
                accounts_of_chart.Opened,
                accounts_of_chart.Posted,
                accounts_of_chart.Held,
                accounts_of_chart.HoldReleased,
                accounts_of_chart.HoldTaken,
                accounts_of_chart.Attached,
                accounts_of_chart.AttachedChanged,
                accounts_of_chart.Detached,
                accounts_of_chart.Frozen,
                accounts_of_chart.Unfrozen,
                accounts_of_chart.Closed,
            ),
            _changed,
        ),
        day.Opened: _opened,
    },
    new_delta=_new_delta,
    write=_write,
)

_COLUMNS = [DAYS.c[name] for name in End.__struct_fields__]


def account_as_of(connection: Connection, account_id: str, as_of: date) -> Account | None:
    """An account as it was at the end of an accounting date; None: it was not open yet."""
    values = {"account": sought_text(account_id, "account"), "as_of": as_of}
    row = connection.execute(as_of_query(frozenset(values)), values).first()
    return None if row is None else account_of(account_id, row)


def as_of_query(_names: Names) -> Select[Any]:
    """What `account` had come to at the end of `as_of`, which are bind parameters."""
    on = DAYS.c.accounting_date
    mine = DAYS.c.account == given("account", DAYS.c.account)
    query = select(*_COLUMNS).where(mine, on <= given("as_of", on))
    return query.order_by(on.desc()).limit(1)


def account_of(account_id: str, row: Sequence[Any]) -> Account:
    """An account from a row of `as_of_query`."""
    end = End(*row)
    code, owner = split_id(account_id)
    line = CHART[code]
    difference = end.debit_fen - end.credit_fen
    return Account(
        account_id,
        code,
        owner,
        line.type,
        end.currency,
        end.debit_fen,
        end.credit_fen,
        difference if line.debit_normal else -difference,
        end.held_fen,
        end.status,
        end.frozen,
        end.postings,
        end.last_position,
        end.attached_fen,
        end.attached_all,
    )
