"""Connections: lists in pages, by the keyset cursors of `projections/tables/paging.py`."""

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import strawberry
from sqlalchemy import Connection as Books

from api.graphql.describing import object_type, resolved
from api.graphql.reads import Info
from api.graphql.scalars import BigInt
from projections.tables.paging import MAX_FIRST, Page

DEFAULT_FIRST = 20

First = Annotated[int, strawberry.argument(description=f"How many, 1 to {MAX_FIRST}.")]
After = Annotated[
    str | None, strawberry.argument(description="The cursor of the edge to go on after.")
]
NewestFirst = Annotated[
    bool, strawberry.argument(description="From the end of the list to its beginning.")
]
# How many there are: a number that is kept, or a count that gives up, with None, before long.
Count = int | Callable[[Books], int | None] | None

NodeT = TypeVar("NodeT")
RowT = TypeVar("RowT")


@object_type
class PageInfo:
    """Whether the list goes on, and the cursor that `after` takes to read on."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@object_type
class Edge(Generic[NodeT]):
    """One element of a list and its cursor, which stays good for ever."""

    cursor: str
    node: NodeT


@object_type
class Connection(Generic[NodeT]):
    """A page of a list. New elements may be added at its end; cursors do not shift."""

    edges: list[Edge[NodeT]]
    page_info: PageInfo
    count: strawberry.Private[Count] = None

    @resolved
    async def total_count(self, info: Info) -> BigInt | None:
        """How many there are in all pages; null where nothing keeps the number and there are too
        many to count."""
        counted = self.count
        if callable(counted):
            counted = await info.context.read(counted)
        return None if counted is None else BigInt(counted)


def connection(
    page: Page[RowT], node: Callable[[RowT], NodeT], after: str | None, count: Count = None
) -> Connection[NodeT]:
    """A page of rows as a connection of nodes; `after` is the cursor that was asked for, `count`
    how many there are on all pages, if anybody asks."""
    return connection_of(page, [node(row) for row in page.items], after, count)


def connection_of(
    page: Page[RowT], nodes: Sequence[NodeT], after: str | None, count: Count = None
) -> Connection[NodeT]:
    """A page whose nodes are made already."""
    cursors = page.cursors
    edges = [Edge(cursor=cursor, node=node) for cursor, node in zip(cursors, nodes, strict=True)]
    info = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=after is not None,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=page.end or (cursors[-1] if cursors else None),
    )
    return Connection(edges=edges, page_info=info, count=count)
