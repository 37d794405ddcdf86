"""Transactions of combined orders (合单): each has a number of its own at the channel, by which its
bill knows it too. Rows of the read model `instructions`."""

from sqlalchemy import BigInteger, Column, Connection, Index, Table, select

from domain.kernel import key
from domain.payment.instruction import Issued
from projections.engine.model import METADATA, TEXT

TABLE = Table(
    "instruction_parts",
    METADATA,
    Column("number", TEXT, primary_key=True),
    Column("instruction_id", TEXT, nullable=False),
    Column("part", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Index("instruction_parts_of", "instruction_id"),
)

Row = tuple[str, str, str, int]


def rows_of(stream: str, fact: Issued) -> list[Row]:
    """The rows of an instruction that was issued: none, but for a combined order."""
    named = key(stream)
    return [(one.number, named, one.transaction, one.amount_fen) for one in fact.parts]


def number_of(connection: Connection, instruction_id: str, transaction_id: str) -> str | None:
    """What the channel knows a transaction of a combined order by; None if it is none."""
    wanted = (TABLE.c.instruction_id == instruction_id, TABLE.c.part == transaction_id)
    return connection.execute(select(TABLE.c.number).where(*wanted)).scalar()
