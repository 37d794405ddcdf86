"""Items of settlement batches (结算明细): one row per clearing fact, in the batch that it names.

A batch keeps sums, a count and a digest; these are the lines behind them, in the order they were
collected. Σ net_fen of a batch's items is the batch's net.
"""

from datetime import date
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Date, Table, func, literal, select, union_all

from domain.kernel import Recorded, key
from domain.reconciliation import chargeback
from domain.transaction import transaction as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import insert_rows
from projections.tables.listing import Listing, Names, Narrowed, given
from projections.tables.paging import (
    Int,
    Page,
    after_key,
    checked_first,
    columns_of,
    page_of,
    sought_text,
)

ItemKind = Literal["sale", "refund", "chargeback"]
NAME = "settlement_items"

TABLE = Table(
    NAME,
    METADATA,
    Column("batch_id", TEXT, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("transaction_id", TEXT, nullable=False),
    Column("refund_no", TEXT, nullable=False),
    Column("clearing_date", Date, nullable=False),
    Column("gross_fen", BigInteger, nullable=False),
    Column("fee_fen", BigInteger, nullable=False),
    Column("refund_fen", BigInteger, nullable=False),
    Column("net_fen", BigInteger, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("withheld_fen", BigInteger),
)

Rows = list[tuple[Any, ...]]


def _cleared(delta: Rows, recorded: Recorded) -> None:
    fact: facts.Cleared = recorded.fact
    withheld_fen = fact.withheld.amount_fen if fact.withheld is not None else 0
    figures = (fact.gross_fen, fact.fee_fen, 0, fact.net_fen - withheld_fen)
    _item(delta, recorded, "sale", "", withheld_fen, *figures)


def _refund_cleared(delta: Rows, recorded: Recorded) -> None:
    fact: facts.RefundCleared = recorded.fact
    figures = (0, -fact.fee_returned_fen, fact.amount_fen, -fact.from_pending_fen)
    _item(delta, recorded, "refund", fact.refund_no, -fact.reserve_returned_fen, *figures)


def _charged_back(delta: Rows, recorded: Recorded) -> None:
    """What is not in escrow is taken of the merchant's pending money, as far as it is there."""
    fact: chargeback.Received = recorded.fact
    if fact.taken is not None:
        _of_chargeback(delta, recorded, fact.transaction_id, fact.taken, -1)


def _won_back(delta: Rows, recorded: Recorded) -> None:
    fact: chargeback.Won = recorded.fact
    _of_chargeback(delta, recorded, fact.transaction_id, fact.given, 1)


def _of_chargeback(
    delta: Rows, recorded: Recorded, sold: str, shares: chargeback.Shares, sign: int
) -> None:
    if not shares.batch or not shares.released_fen:
        return
    delta.append(
        (
            shares.batch,
            recorded.position,
            "chargeback",
            sold,
            key(recorded.stream),
            shares.clearing_date,
            0,
            0,
            -sign * shares.released_fen,
            sign * shares.pending_fen,
            recorded.reference,
            recorded.at_us,
            None,
        )
    )


def _item(
    delta: Rows,
    recorded: Recorded,
    kind: ItemKind,
    refund_no: str,
    withheld_fen: int,
    *figures: int,
) -> None:
    fact, sold = recorded.fact, key(recorded.stream)
    delta.append(
        (
            fact.batch,
            recorded.position,
            kind,
            sold,
            refund_no,
            fact.clearing_date,
            *figures,
            recorded.reference,
            recorded.at_us,
            withheld_fen or None,
        )
    )


def _write(connection: Connection, tables: Tables, delta: Rows) -> None:
    insert_rows(connection, tables[TABLE.name], delta)


MODEL = ReadModel(
    name=NAME,
    tables=(TABLE,),
    folds={
        facts.Cleared: _cleared,
        facts.RefundCleared: _refund_cleared,
        chargeback.Received: _charged_back,
        chargeback.Won: _won_back,
    },
    new_delta=list,
    write=_write,
)


class SettlementItem(Struct, frozen=True):
    """A sale that was released, a refund taken back, or a chargeback, which `refund_no` names (fen;
    the fee is below zero where it was given back). `net_fen` is what it adds to the merchant's
    pending money, `withheld_fen` what to its reserve (below zero where a refund took some out;
    None: nothing)."""

    batch_id: str
    position: int
    kind: str
    transaction_id: str
    refund_no: str
    clearing_date: date
    gross_fen: int
    fee_fen: int
    refund_fen: int
    net_fen: int
    reference: str
    at_us: int
    withheld_fen: int | None = None


Wanted = tuple[str, int, str | None]  # Batch id, `first`, `after`.
_COLUMNS = columns_of(TABLE, SettlementItem)


def items(connection: Connection, wanted: list[Wanted]) -> list[Page[SettlementItem]]:
    """A page of items of each batch asked for (at most a few hundred), in one query that reads no
    more rows than it returns."""
    parts = []
    for number, (batch_id, first, after) in enumerate(wanted):
        query = select(_number(number), *_COLUMNS).where(
            TABLE.c.batch_id == sought_text(batch_id, "batch_id")
        )
        if after is not None:
            query = query.where(TABLE.c.position > after_key(NAME, after, Int)[0])
        part = query.order_by(TABLE.c.position).limit(checked_first(first) + 1).subquery()
        parts.append(select(part))
    found: list[list[Any]] = [[] for _ in wanted]
    for number, *row in connection.execute(union_all(*parts)):
        found[number].append(row)
    return [
        page_of(NAME, sorted(rows, key=_position), first, SettlementItem, _key)
        for rows, (_, first, _) in zip(found, wanted, strict=True)
    ]


def _number(number: int) -> Any:
    return literal(number).label("wanted")


def _position(row: Any) -> int:
    return int(row[1])


def _key(item: SettlementItem) -> tuple[int]:
    return (item.position,)


def _narrowed(names: Names) -> Narrowed:
    batch = TABLE.c.batch_id
    return Narrowed((TABLE.c.position,), [batch == given("batch_id", batch)])


LISTING = Listing(NAME, (Int,), _narrowed, _COLUMNS, SettlementItem, dated=False)


def withheld_of(connection: Connection, batch_id: str, transaction_id: str) -> int:
    """What of a sale's release into a batch was put into the reserve, in fen."""
    wanted = (TABLE.c.batch_id == batch_id, TABLE.c.transaction_id == transaction_id)
    query = select(func.sum(TABLE.c.withheld_fen)).where(*wanted)
    return int(connection.execute(query).scalar() or 0)
