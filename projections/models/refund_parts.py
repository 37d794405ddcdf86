"""Parts of refunds that take from several legs of a payment; `refunds.py` keeps them, and says for
a refund of one part, which has no rows here, the same in the same shape."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import BigInteger, Column, Connection, SmallInteger, Table

from domain.kernel import Recorded, key
from domain.payment.plan import Share
from domain.transaction import refund as facts
from projections.engine.model import METADATA, TEXT
from projections.tables.bulk import insert_rows, update_rows

PartState = Literal["processing", "succeeded", "failed"]

PARTS_TABLE = Table(
    "refund_parts",
    METADATA,
    Column("refund_no", TEXT, primary_key=True),
    Column("part", SmallInteger, primary_key=True),
    Column("leg", SmallInteger, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("channel", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("instruction_id", TEXT, nullable=False),
)
_KEY, _CHANGED = ("refund_no", "part"), ("state", "reason")


class PartDraft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    refund_no: str
    part: int
    leg: int
    kind: str
    channel: str
    amount_fen: int
    state: str
    reason: str
    instruction_id: str


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class RefundPart(PartDraft, frozen=True, gc=False):  # type: ignore[misc]
    """What a refund gives back of one leg (by its place in the plan). `channel` and
    `instruction_id` are "" for the wallet; `reason` says why it failed. Fen."""


class Delta(Struct):
    """Parts of the batch, by refund and part; how parts of earlier batches ended."""

    made: dict[tuple[str, int], PartDraft]
    ended: dict[tuple[str, int], tuple[str, str]]


def new_delta() -> Delta:
    return Delta({}, {})


def begun(delta: Delta, refund_no: str, parts: Sequence[Share]) -> None:
    """A refund is on its way by these parts; one alone has no row."""
    if len(parts) == 1:
        return
    for place, part in enumerate(parts):
        by = facts.instruction_id(refund_no, place, len(parts)) if part.channel else ""
        delta.made[refund_no, place] = PartDraft(
            refund_no,
            place,
            part.leg,
            part.kind,
            part.channel,
            part.amount_fen,
            "processing",
            "",
            by,
        )


def ended(delta: Delta, recorded: Recorded) -> None:
    fact: facts.PartSucceeded | facts.PartFailed = recorded.fact
    at = (key(recorded.stream), fact.part)
    word: PartState
    word, reason = "succeeded", ""
    if isinstance(fact, facts.PartFailed):
        word, reason = "failed", fact.reason
    row = delta.made.get(at)
    if row is None:
        delta.ended[at] = (word, reason)
    else:
        row.state, row.reason = word, reason


def write(connection: Connection, table: Table, delta: Delta) -> None:
    insert_rows(connection, table, [astuple(one) for one in delta.made.values()])
    changed: list[tuple[Any, ...]] = [(*at, *end) for at, end in delta.ended.items()]
    update_rows(connection, table, changed, _KEY, _CHANGED)
