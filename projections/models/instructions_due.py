"""Which instructions a channel is to be asked about now, and when the next are: for the outbox.

Statements are made once: the outbox asks them whenever something may be due.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Select, bindparam, func, select

from projections.models.instructions import DUE, TABLE


class Due(Struct, frozen=True):
    """An instruction whose channel is to be asked: by its next attempt."""

    instruction_id: str
    attempt: int
    due_us: int
    purpose: str


_RECENT = TABLE.c.attempts.is_not(None) | (TABLE.c.issued_at_us >= bindparam("since_us"))
_NOW = (
    select(TABLE.c.instruction_id, TABLE.c.attempts, TABLE.c.due_us, TABLE.c.purpose)
    .where(DUE, TABLE.c.channel == bindparam("channel"), TABLE.c.due_us <= bindparam("now_us"))
    .where(_RECENT)
    .order_by(TABLE.c.due_us)
    .limit(bindparam("most"))
)


def due(
    connection: Connection, channel: str, now_us: int, limit: int, since_us: int = 0
) -> list[Due]:
    """What a channel is to be asked by now, the longest due first; of what was never sent only what
    was issued since an instant."""
    given = {"channel": channel, "now_us": now_us, "since_us": since_us, "most": limit}
    return [
        Due(one, (made or 0) + 1, due_us, purpose)
        for one, made, due_us, purpose in connection.execute(_NOW, given)
    ]


def next_due(connection: Connection, channels: Sequence[str]) -> dict[str, int]:
    """When each channel is to be asked next (UTC µs), in one look; without those of which nothing
    is planned."""
    given = {_mark(number): channel for number, channel in enumerate(channels)}
    row = connection.execute(_next(len(channels)), given).one() if channels else ()
    return {one: due_us for one, due_us in zip(channels, row, strict=True) if due_us is not None}


@lru_cache(maxsize=16)
def _next(channels: int) -> Select[Any]:
    """A row with the earliest time of each: each is the first entry of its part of the index."""
    earliest = select(func.min(TABLE.c.due_us)).where(DUE)
    return select(
        *(
            earliest.where(TABLE.c.channel == bindparam(_mark(number))).scalar_subquery()
            for number in range(channels)
        )
    )


def _mark(number: int) -> str:
    return f"channel_{number}"
