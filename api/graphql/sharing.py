"""Orders and payments may be about several merchants: each of those sees its own part."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from strawberry.dataloader import DataLoader

from api.graphql.scope import Scope
from api.graphql.shapes import Shape


class Line(Protocol):
    """What of an object is about one merchant."""

    @property
    def merchant(self) -> str: ...


NodeT = TypeVar("NodeT")
RowT = TypeVar("RowT")
LineT = TypeVar("LineT", bound=Line)


async def shared_nodes(
    scope: Scope,
    shape: Shape[NodeT],
    rows: Sequence[RowT],
    numbers: Sequence[str],
    lines: DataLoader[str, list[LineT]],
) -> list[NodeT | None]:
    """Objects as the caller may see them, for the stock executor; None for one of others alone.
    `lines` are looked up by the rows' `numbers`."""
    if scope.sees_everything:
        return [shape.node(row) for row in rows]
    nodes: list[NodeT | None] = []
    for row, those in zip(rows, await lines.load_many(list(numbers)), strict=True):
        seen = [scope.may_see(line.merchant) for line in those]
        nodes.append(shape.node(row, whole=all(seen)) if any(seen) else None)
    return nodes
