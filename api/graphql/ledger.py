"""How far the ledger is, and how far its read models are: `ledger`, `projections`."""

from typing import Any

from sqlalchemy import Connection, Select, column, select, table

from api.graphql.describing import object_type
from api.graphql.enums import ProjectionState
from api.graphql.plan.books import Books
from api.graphql.plan.declared import ROOTS, Arguments
from api.graphql.plan.roots import Whole
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from projections.engine.checkpoints import Checkpoint, load
from projections.registry import READ_MODELS
from projections.tables.listing import Names

_COMMITS = table(
    "commit_log",
    column("number"),
    column("last_position"),
    column("recorded_at_us"),
    column("hash"),
)


def _hex(digest: bytes) -> str:
    return bytes(digest).hex()


@shape()
class Ledger:
    """The newest commit: the last position of the ledger, when it was recorded, and the hash that
    chains all commits up to it (hex SHA-256)."""

    position: BigInt = of("last_position")
    recorded_at: Instant
    hash: str = of("hash", make=_hex)


@object_type
class Projection:
    """A read model: how far it is, `lagEvents` behind the head. `state` is running or paused, then
    `reason` says why."""

    name: str
    position: BigInt
    head: BigInt
    lag_events: BigInt
    state: ProjectionState
    reason: str | None


def _head(connection: Connection) -> Ledger | None:
    row = connection.execute(_newest(frozenset())).first()
    return None if row is None else shape_of(Ledger).node(row)


def _newest(_names: Names) -> Select[Any]:
    log = _COMMITS.c
    query = select(log.last_position, log.recorded_at_us, log.hash)
    return query.order_by(log.number.desc()).limit(1)


def _projections(connection: Connection) -> list[Projection]:
    found = load(connection, READ_MODELS)
    # After the checkpoints, so that no read model can seem to be ahead of the ledger.
    newest = _head(connection)
    head = newest.position if newest else 0
    return [_projection(found.get(name, Checkpoint(name)), head) for name in READ_MODELS]


def paused_projections(connection: Connection) -> list[Projection]:
    """Those that have stopped."""
    paused = ProjectionState.paused
    return [one for one in _projections(connection) if one.state is paused]


def _projection(at: Checkpoint, head: int) -> Projection:
    return Projection(
        name=at.name,
        position=BigInt(at.position),
        head=BigInt(head),
        lag_events=BigInt(max(0, head - at.position)),
        state=ProjectionState(at.state),
        reason=at.reason,
    )


async def ledger(info: Info) -> Ledger | None:
    """The newest commit of the ledger; null while it is empty."""
    return await info.context.read(_head)


async def projections(info: Info) -> list[Projection]:
    """Every read model against the head of the ledger."""
    return await info.context.read(_projections)


def _read(
    books: Books, _scope: Scope, _arguments: Arguments, _columns: tuple[str, ...]
) -> dict[str, Any] | None:
    rows = books.rows(books.prepared(_newest, frozenset()), {})
    return (
        dict(zip(("last_position", "recorded_at_us", "hash"), rows[0], strict=True))
        if rows
        else None
    )


ROOTS["ledger"] = Whole(_read, lambda _columns: 1, frozenset())
