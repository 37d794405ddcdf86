"""How far each read model has come, and the fence that lets only one runner move it.

A checkpoint moves in the transaction that writes the rows, by `UPDATE … WHERE position = :from`:
of two runners that folded the same facts, the second finds no row and its rows are rolled back.
The generation changes whenever other tables take over the name (rebuild, rollback), so a runner
that has not noticed is fenced as well.

Beside a model's own row there may be `<name>__next`, a rebuild under way, and `<name>__old`, what
the last swap put aside.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import BigInteger, Column, Connection, Integer, Table, Text, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.eventstore.arrays import bigints, texts
from domain.texts import without_faults
from projections.engine.model import METADATA
from projections.tables.bulk import driver_of

RUNNING, PAUSED, KEPT = "running", "paused", "kept"
REASON_LENGTH = 2000
# Why a model is paused that was never made in this version, and what that is put right by.
UNREADABLE = "its tables cannot be read"
UNMADE = f"{UNREADABLE}: not there, or with other columns; `projections rebuild` makes them"

CHECKPOINTS = Table(
    "projection_checkpoints",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("reason_position", BigInteger),
    Column("fingerprint", Text, nullable=False, server_default=""),
)

# The same text however many there are, so that the driver and the server know it from before.
_ADVANCE = b"""
    UPDATE projection_checkpoints AS t SET position = %s
    FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) AS w (name, position, generation)
    WHERE t.state = %s AND t.name = w.name AND t.position = w.position
        AND t.generation = w.generation
    RETURNING t.name"""


class Checkpoint(Struct, frozen=True):
    """Every fact up to `position` is in the rows. `reason*` say what stopped a paused one.

    `fingerprint` is what a rebuild was built by (`rebuilding/shadow.py`); empty for others.
    """

    name: str
    position: int = 0
    generation: int = 0
    state: str = RUNNING
    reason: str | None = None
    reason_position: int | None = None
    fingerprint: str = ""


class Fenced(Exception):
    """Somebody else moved or paused this checkpoint, or other tables took over its name."""


def load(connection: Connection, names: Iterable[str]) -> dict[str, Checkpoint]:
    """The checkpoints there are of these names."""
    found = connection.execute(select(CHECKPOINTS).where(CHECKPOINTS.c.name.in_(list(names))))
    return {row.name: Checkpoint(*row) for row in found}


def behind(
    states: Mapping[str, Checkpoint], names: Iterable[str], position: int
) -> list[Checkpoint]:
    """Of the read models named, those that do not hold every fact up to `position` yet.

    One without a checkpoint has not begun. A paused one will not get there by waiting.
    """
    named = (states.get(name, Checkpoint(name)) for name in names)
    return [state for state in named if state.position < position]


def lock(connection: Connection, names: Iterable[str]) -> dict[str, Checkpoint]:
    """The same, and nobody else moves them until the transaction ends (SQLite: begin immediate)."""
    query = select(CHECKPOINTS).where(CHECKPOINTS.c.name.in_(list(names)))
    found = connection.execute(query.order_by(CHECKPOINTS.c.name).with_for_update())
    return {row.name: Checkpoint(*row) for row in found}


def create(connection: Connection, checkpoint: Checkpoint) -> bool:
    """Add a checkpoint; False when one with this name is there, which stays as it is."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {field: getattr(checkpoint, field) for field in checkpoint.__struct_fields__}
    statement = make(CHECKPOINTS).values(values).on_conflict_do_nothing()
    return connection.execute(statement).rowcount == 1


def put(connection: Connection, checkpoint: Checkpoint) -> None:
    """Set a checkpoint whatever it was. For those who hold its lock."""
    remove(connection, [checkpoint.name])
    create(connection, checkpoint)


def remove(connection: Connection, names: Iterable[str]) -> None:
    connection.execute(CHECKPOINTS.delete().where(CHECKPOINTS.c.name.in_(list(names))))


def advance(connection: Connection, at: Checkpoint, to: int) -> Checkpoint:
    """Move a running checkpoint from where the caller believes it is. Raises Fenced."""
    return _change(
        connection, at, Checkpoint(at.name, to, at.generation, fingerprint=at.fingerprint)
    )


def advance_all(
    connection: Connection, at: Sequence[Checkpoint], to: int
) -> Callable[[], list[Checkpoint]]:
    """Move some running checkpoints to one position, in one statement: what each of them cost was
    most of what a small page took. What is returned waits for it, gives where they are, and raises
    Fenced when any of them was somewhere else: then nothing may be committed."""
    names = [one.name for one in at]
    found: Callable[[], Sequence[Any]]
    if connection.dialect.name == "sqlite":
        places = [value for one in at for value in (one.name, one.position, one.generation)]
        rows = ", ".join(["(?, ?, ?)"] * len(at))
        statement = (
            f"UPDATE {CHECKPOINTS.name} SET position = ? WHERE state = ? "  # noqa: S608
            f"AND (name, position, generation) IN (VALUES {rows}) RETURNING name"
        )
        found = connection.exec_driver_sql(statement, (to, RUNNING, *places)).all
    else:
        positions, generations = [one.position for one in at], [one.generation for one in at]
        columns = texts(names), bigints(positions), bigints(generations)
        found = driver_of(connection).execute(_ADVANCE, (to, *columns, RUNNING)).fetchall

    def moved() -> list[Checkpoint]:
        if len(found()) != len(at):
            raise Fenced(f"one of {', '.join(names)} is not where it was any more")
        return [replace(one, position=to, reason=None, reason_position=None) for one in at]

    return moved


def pause(connection: Connection, at: Checkpoint, position: int, reason: str) -> Checkpoint:
    """Stop it because of the fact at `position`. Raises Fenced."""
    said = without_faults(reason)[:REASON_LENGTH]
    paused = Checkpoint(at.name, at.position, at.generation, PAUSED, said, position, at.fingerprint)
    return _change(connection, at, paused)


def resume(connection: Connection, name: str) -> bool:
    """Let a paused one try again; False when it was not paused."""
    t = CHECKPOINTS.c
    statement = update(CHECKPOINTS).where(t.name == name, t.state == PAUSED)
    values = {"state": RUNNING, "reason": None, "reason_position": None}
    return connection.execute(statement.values(values)).rowcount == 1


def _change(connection: Connection, at: Checkpoint, to: Checkpoint) -> Checkpoint:
    t = CHECKPOINTS.c
    statement = update(CHECKPOINTS).where(
        t.name == at.name,
        t.position == at.position,
        t.generation == at.generation,
        t.state == RUNNING,
    )
    values = {
        "position": to.position,
        "state": to.state,
        "reason": to.reason,
        "reason_position": to.reason_position,
    }
    if connection.execute(statement.values(values)).rowcount != 1:
        raise Fenced(f"{at.name} is not at {at.position} of generation {at.generation} any more")
    return to
