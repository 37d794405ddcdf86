"""Balances (账户余额): one row per account, its totals of all time, holds and freezes.

Σ debit_fen = Σ credit_fen over all rows of a currency, after every batch.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    CompoundSelect,
    Connection,
    Index,
    Select,
    Table,
    select,
    union_all,
)

from domain.accounting import account as accounts_of_chart
from domain.accounting.attachment import available_of
from domain.accounting.chart import CHART, account_id, split_id
from domain.kernel import Recorded, key
from domain.money import CURRENCY
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import insert_rows, merge_rows, update_rows
from projections.tables.listing import Listing, Names, Narrowed, given
from projections.tables.paging import (
    Page,
    columns_of,
    sought_text,
    sought_texts,
)

TABLE = Table(
    "balances",
    METADATA,
    Column("account", TEXT, primary_key=True),
    Column("code", TEXT, nullable=False),
    Column("owner", TEXT, nullable=False),
    Column("type", TEXT, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("debit_fen", BigInteger, nullable=False),
    Column("credit_fen", BigInteger, nullable=False),
    Column("balance_fen", BigInteger, nullable=False),
    Column("held_fen", BigInteger, nullable=False),
    Column("status", TEXT, nullable=False),
    Column("frozen", TEXT, nullable=False),
    Column("postings", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    # Stopped by orders over an amount, and the number of those over all there is.
    Column("attached_fen", BigInteger, nullable=False, server_default="0"),
    Column("attached_all", BigInteger, nullable=False, server_default="0"),
    Index("balances_owner", "owner", "account"),
)


ATTACHED = ("attached_fen", "attached_all")


class Change(Struct, gc=False):
    """What a batch did to one account; None: unchanged. `currency` is set when it was opened."""

    debit_fen: int = 0
    credit_fen: int = 0
    held_fen: int = 0
    attached_fen: int = 0
    attached_all: int = 0
    postings: int = 0
    last_position: int = 0
    currency: str | None = None
    status: str | None = None
    frozen: str | None = None


Changes = dict[str, Change]


def _change(delta: Changes, recorded: Recorded) -> Change:
    stream = recorded.stream
    change = delta.get(stream)
    if change is None:
        change = delta[stream] = Change()
    change.last_position = recorded.position
    return change


def _opened(delta: Changes, recorded: Recorded) -> None:
    change = _change(delta, recorded)
    change.currency, change.status, change.frozen = recorded.fact.currency, "open", ""


def _posted(delta: Changes, recorded: Recorded) -> None:
    change = _change(delta, recorded)
    lines = recorded.fact.lines
    for line in lines:
        change.debit_fen += line.debit_fen
        change.credit_fen += line.credit_fen
    change.postings += len(lines)


def _held(delta: Changes, recorded: Recorded) -> None:
    _change(delta, recorded).held_fen += recorded.fact.amount_fen


def _hold_released(delta: Changes, recorded: Recorded) -> None:
    _change(delta, recorded).held_fen -= recorded.fact.amount_fen


def _attached(delta: Changes, recorded: Recorded) -> None:
    _attach(_change(delta, recorded), recorded.fact.amount_fen, 1)


def _attached_changed(delta: Changes, recorded: Recorded) -> None:
    change, fact = _change(delta, recorded), recorded.fact
    if fact.left_fen is not None:
        change.attached_fen += fact.by_fen


def _detached(delta: Changes, recorded: Recorded) -> None:
    _attach(_change(delta, recorded), recorded.fact.left_fen, -1)


def _attach(change: Change, fen: int | None, sign: int) -> None:
    if fen is None:
        change.attached_all += sign
    else:
        change.attached_fen += sign * fen


def _frozen(delta: Changes, recorded: Recorded) -> None:
    _change(delta, recorded).frozen = recorded.fact.direction


def _unfrozen(delta: Changes, recorded: Recorded) -> None:
    _change(delta, recorded).frozen = ""


def _closed(delta: Changes, recorded: Recorded) -> None:
    _change(delta, recorded).status = "closed"


def _row(stream: str, change: Change) -> tuple[Any, ...]:
    account = key(stream)
    code, owner = split_id(account)
    line = CHART[code]
    difference = change.debit_fen - change.credit_fen
    return (
        account,
        code,
        owner,
        line.type,
        change.currency or CURRENCY,
        change.debit_fen,
        change.credit_fen,
        difference if line.debit_normal else -difference,
        change.held_fen,
        change.status or "open",
        change.frozen or "",
        change.postings,
        change.last_position,
        change.attached_fen,
        change.attached_all,
    )


def _write(connection: Connection, tables: Tables, delta: Changes) -> None:
    table = tables[TABLE.name]
    opened, moved, status, frozen = [], [], [], []
    for stream, change in delta.items():
        row = _row(stream, change)
        if change.currency is not None:
            opened.append(row)
            continue
        moved.append(row)
        if change.status is not None:
            status.append((row[0], change.status))
        if change.frozen is not None:
            frozen.append((row[0], change.frozen))
    insert_rows(connection, table, opened)
    sums = ("debit_fen", "credit_fen", "balance_fen", "held_fen", "postings", *ATTACHED)
    merge_rows(connection, table, moved, ("account",), replace=("last_position",), add=sums)
    update_rows(connection, table, status, ("account",), ("status",))
    update_rows(connection, table, frozen, ("account",), ("frozen",))


MODEL = ReadModel(
    name="balances",
    tables=(TABLE,),
    folds={
        accounts_of_chart.Opened: _opened,
        accounts_of_chart.Posted: _posted,
        accounts_of_chart.Held: _held,
        accounts_of_chart.HoldReleased: _hold_released,
        accounts_of_chart.HoldTaken: _hold_released,
        accounts_of_chart.Attached: _attached,
        accounts_of_chart.AttachedChanged: _attached_changed,
        accounts_of_chart.Detached: _detached,
        accounts_of_chart.Frozen: _frozen,
        accounts_of_chart.Unfrozen: _unfrozen,
        accounts_of_chart.Closed: _closed,
    },
    new_delta=dict,
    write=_write,
)


class Account(Struct, frozen=True):
    """An account. `balance_fen` is on its normal side; `frozen` is "", in, out or both."""

    account: str
    code: str
    owner: str
    type: str
    currency: str
    debit_fen: int
    credit_fen: int
    balance_fen: int
    held_fen: int
    status: str
    frozen: str
    postings: int
    last_position: int
    attached_fen: int = 0
    attached_all: int = 0

    @property
    def available_fen(self) -> int:
        figures = (self.balance_fen, self.held_fen, self.attached_fen, self.attached_all)
        return available_of(*figures)


_COLUMNS = columns_of(TABLE, Account)


def account(connection: Connection, account_id: str) -> Account | None:
    """One account by its id, such as `2241.02.SHOP22`."""
    wanted = TABLE.c.account == sought_text(account_id, "account")
    row = connection.execute(select(*_COLUMNS).where(wanted)).first()
    return Account(*row) if row else None


def with_account_query(code: str, owners: Sequence[str]) -> CompoundSelect[Any]:
    """Those of some owners that have an account of this code."""
    wanted = (TABLE.c.account == account_id(code, owner) for owner in owners)
    return union_all(*(select(TABLE.c.owner).where(one) for one in wanted))


def accounts(
    connection: Connection,
    owner: str | None = None,
    code_prefix: str = "",
    *,
    after: str | None = None,
    first: int = 100,
) -> Page[Account]:
    """Accounts by id: of one owner (a member or a channel), or of codes with a prefix, or all."""
    values = account_filters(owner, code_prefix)
    return LISTING.page(
        connection,
        values,
        after=after,
        first=first,
    )


def account_filters(owner: str | None, code_prefix: str) -> dict[str, str]:
    """The filters of a list. Raises Refused(IDENTIFIER_INVALID)."""
    values = {}
    prefix = sought_text(code_prefix, "code_prefix")
    if prefix:
        codes = [code for code in sorted(CHART) if code.startswith(prefix)]
        if not codes:
            prefix = "."  # No code begins with it.
        # Codes with a prefix stand together; without any the interval holds none.
        values["lowest"], values["highest"] = (codes[0], codes[-1]) if codes else ("1", "0")
        # An id begins with its code: found by the key, and past the last nothing is looked at.
        values["prefix"], values["beyond"] = prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)
    if owner is not None:
        values["owner"] = sought_text(owner, "owner")
    return values


def _narrowed(names: Names) -> Narrowed:
    code, conditions = TABLE.c.code, []
    if "prefix" in names:
        conditions.append(code >= given("lowest", code))
        conditions.append(code <= given("highest", code))
        conditions.append(TABLE.c.account >= given("prefix", TABLE.c.account))
        conditions.append(TABLE.c.account < given("beyond", TABLE.c.account))
    if "owner" in names:
        conditions.append(TABLE.c.owner == given("owner", TABLE.c.owner))
    return Narrowed((TABLE.c.account,), conditions)


LISTING = Listing("accounts", (str,), _narrowed, _COLUMNS, Account)


def chosen(connection: Connection, accounts: Select[Any]) -> list[Account]:
    """Those whose ids a query selects."""
    query = select(*_COLUMNS).where(TABLE.c.account.in_(accounts)).order_by(TABLE.c.account)
    return [Account(*row) for row in connection.execute(query)]


def not_zero(connection: Connection, account_ids: Sequence[str]) -> list[Account]:
    """Those of some accounts (at most a few hundred) that have a balance, by id."""
    wanted = TABLE.c.account.in_(sought_texts(account_ids, "account"))
    query = select(*_COLUMNS).where(wanted, TABLE.c.balance_fen != 0)
    return [Account(*row) for row in connection.execute(query.order_by(TABLE.c.account))]
