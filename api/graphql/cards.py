"""Cards of members: `cards`. What is personal is masked, and read from the vault as it is shown."""

from typing import Any

import anyio.to_thread
from msgspec.structs import astuple
from sqlalchemy import Connection
from strawberry import ID

from api.graphql.enums import CardState, MemberKind
from api.graphql.reads import Info
from api.graphql.scalars import Instant
from api.graphql.shapes import of, shape, shape_of
from api.operations.personal import CARD
from domain.member.particulars import masked_name, masked_number, masked_phone
from projections.models import cards as model
from projections.models import members


@shape()
class Card:
    """A card or settlement account, as its bank has signed it: one for each signing. `number`,
    `holder` and `phone` are masked; holder and phone are null for auditors, without a key of the
    vault, and of a member that is forgotten. `relation`: why it may be in another name, by the
    document of that number."""

    id: ID = of("card")
    binding: int
    state: CardState
    owner: MemberKind
    bank: str | None = of("bank", empty=True)
    kind: str | None = of("card_kind", empty=True)
    number: str = of("tail", make=masked_number)
    relation: str | None = of("relation", empty=True)
    document: str | None = of("document", empty=True)
    reason: str | None = of("reason", empty=True)
    requested_at: Instant
    bound_at: Instant | None
    ended_at: Instant | None
    is_default: bool
    holder: str | None
    phone: str | None


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Row(model.Card, frozen=True):  # type: ignore[misc]
    """A row, and what does not stand in it."""

    is_default: bool = False
    holder: str | None = None
    phone: str | None = None


async def cards(info: Info, member_id: ID) -> list[Card]:
    """The cards of a member, the newest signing first; at most 100."""
    whom = info.context.within(member_id) or member_id
    rows, default, forgotten = await info.context.read(lambda view: _read(view, whom))
    clear = {} if forgotten else await _in_clear(info, whom, rows)
    nodes = []
    for row in rows:
        shown = clear.get(row.particulars, {})
        more: tuple[Any, ...] = (
            row.state == "bound" and row.card == default,
            masked_name(shown["name"]) if shown else None,
            masked_phone(shown["phone"]) if shown else None,
        )
        values: list[Any] = [*astuple(row), *more]
        whole = Row(*values)
        nodes.append(shape_of(Card).node(whole))
    return nodes


def _read(view: Connection, whom: str) -> tuple[Any, str, bool]:
    rows, default = model.cards(view, whom)
    return rows, default, members.is_forgotten(view, whom)


async def _in_clear(info: Info, whom: str, rows: Any) -> dict[str, dict[str, str]]:
    """Particulars by their token, for callers that may see them. Raises Refused(VAULT_…)."""
    personal = info.context.personal
    if personal is None or not personal.is_open or info.context.caller.role == "auditor":
        return {}
    items = [row.particulars for row in rows]
    return await anyio.to_thread.run_sync(personal.vault.read_all, whom, CARD, items)
