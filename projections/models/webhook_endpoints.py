"""Webhook endpoints: one row each, as they are now; and what was asked to be sent again."""

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import BigInteger, Boolean, Column, Connection, Table, select

from domain.kernel import Recorded, key
from domain.member import webhook as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.bulk import Lookup, delete_rows, insert_rows, upsert_rows
from projections.tables.paging import columns_of

TABLE = Table(
    "webhook_endpoints",
    METADATA,
    Column("member", TEXT, primary_key=True),
    Column("endpoint_id", TEXT, primary_key=True),
    Column("url", TEXT, nullable=False),
    Column("kinds", TEXT, nullable=False),
    Column("secret", BigInteger, nullable=False),
    Column("older", BigInteger, nullable=False),
    Column("older_until_us", BigInteger, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("why", TEXT, nullable=False),
    Column("paused_at_us", BigInteger),
    Column("stopped_by", BigInteger, nullable=False),
    Column("round", BigInteger, nullable=False),
    Column("since_position", BigInteger, nullable=False),
    Column("added_at_us", BigInteger, nullable=False),
)
AGAIN = Table(
    "webhook_redeliveries",
    METADATA,
    Column("member", TEXT, primary_key=True),
    Column("endpoint_id", TEXT, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("after_position", BigInteger, nullable=False),
    Column("until_position", BigInteger, nullable=False),
)
_NAMES = [column.name for column in TABLE.columns]


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    member: str
    endpoint_id: str
    url: str
    kinds: str
    secret: int
    older: int = 0
    older_until_us: int = 0
    paused: bool = False
    why: str = ""
    paused_at_us: int | None = None
    stopped_by: int = 0
    round: int = 0
    since_position: int = 0
    added_at_us: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Endpoint(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One endpoint. `kinds` is a JSON list, [] for all there are; `secret` and `older` are numbers
    of secrets. Paused, `why` says whether somebody asked, tries ran out, or the receiver is gone;
    `stopped_by` is the position of the event it was paused by, 0: none. It hears what happened
    beyond `since_position`."""

    @property
    def name(self) -> tuple[str, str]:
        return self.member, self.endpoint_id

    def hears(self, kind: str) -> bool:
        kinds: list[str] = msgspec.json.decode(self.kinds)
        return not kinds or kind in kinds


class Again(Struct, frozen=True):
    """The events after < position <= until of an endpoint are to be sent once more."""

    position: int
    after_position: int
    until_position: int


class Delta(Struct):
    """What happened to endpoints, in order; what is to be sent again."""

    happened: list[Recorded]
    again: list[tuple[str, str, int, int, int]]


def _new_delta() -> Delta:
    return Delta([], [])


def _happened(delta: Delta, recorded: Recorded) -> None:
    delta.happened.append(recorded)


def _again(delta: Delta, recorded: Recorded) -> None:
    fact: facts.RedeliveryAsked = recorded.fact
    who = (key(recorded.stream), fact.endpoint_id, recorded.position)
    delta.again.append((*who, fact.after, fact.until))


def _write(connection: Connection, tables: Tables, delta: Delta) -> Writing:
    table = tables[TABLE.name]
    touched = [(key(one.stream), one.fact.endpoint_id) for one in delta.happened]
    (found,) = yield [Lookup(table, ("member", "endpoint_id"), list(dict.fromkeys(touched)))]
    rows: dict[tuple[str, str], Draft] = {(row[0], row[1]): Draft(*row) for row in found}
    gone = set()
    for name, recorded in zip(touched, delta.happened, strict=True):
        row = _applied(rows.get(name), name, recorded)
        if row is None:
            rows.pop(name, None)
            gone.add(name)
        else:
            rows[name] = row
            gone.discard(name)
    delete_rows(connection, table, ("member", "endpoint_id"), sorted(gone))
    changed = [astuple(row) for row in rows.values()]
    upsert_rows(connection, table, changed, ("member", "endpoint_id"), _NAMES[2:])
    insert_rows(connection, tables[AGAIN.name], delta.again)


def _applied(row: Draft | None, name: tuple[str, str], recorded: Recorded) -> Draft | None:
    fact: facts.Event = recorded.fact
    if isinstance(fact, facts.EndpointAdded):
        return Draft(
            *name,
            fact.url,
            _kinds(fact.kinds),
            fact.secret,
            since_position=recorded.position,
            added_at_us=recorded.at_us,
        )
    if row is None:
        raise LookupError(f"there is no endpoint {name}")
    match fact:
        case facts.EndpointRemoved():
            return None
        case facts.EndpointChanged():
            row.url, row.kinds = fact.url, _kinds(fact.kinds)
        case facts.SecretRotated():
            row.secret, row.older, row.older_until_us = fact.secret, fact.replaces, fact.until_us
        case facts.Paused():
            row.paused, row.why, row.paused_at_us = True, fact.why, recorded.at_us
            row.stopped_by = fact.position
        case facts.Resumed():
            row.paused, row.why, row.paused_at_us, row.stopped_by = False, "", None, 0
            row.round += 1
    return row


def _kinds(kinds: facts.Kinds) -> str:
    return msgspec.json.encode(kinds).decode()


_CHANGES = (
    facts.EndpointAdded,
    facts.EndpointChanged,
    facts.SecretRotated,
    facts.Paused,
    facts.Resumed,
    facts.EndpointRemoved,
)
_FOLDS: dict[Any, Any] = dict.fromkeys(_CHANGES, _happened)

MODEL = ReadModel(
    name="webhook_endpoints",
    tables=(TABLE, AGAIN),
    folds={**_FOLDS, facts.RedeliveryAsked: _again},
    new_delta=_new_delta,
    write=_write,
)
COLUMNS = columns_of(TABLE, Endpoint)


def endpoints(connection: Connection, member: str) -> list[Endpoint]:
    """A member's endpoints, by their ids."""
    query = select(*COLUMNS).where(TABLE.c.member == member).order_by(TABLE.c.endpoint_id)
    return [Endpoint(*row) for row in connection.execute(query)]


def all_endpoints(connection: Connection) -> list[Endpoint]:
    """Everybody's, at most a few for each member."""
    query = select(*COLUMNS).order_by(TABLE.c.member, TABLE.c.endpoint_id)
    return [Endpoint(*row) for row in connection.execute(query)]


def paused(connection: Connection, limit: int) -> list[Endpoint]:
    """Those that the sender has paused, the longest ago first: somebody has to look at them."""
    query = select(*COLUMNS).where(TABLE.c.paused, TABLE.c.why != "asked")
    query = query.order_by(TABLE.c.paused_at_us, TABLE.c.member, TABLE.c.endpoint_id)
    return [Endpoint(*row) for row in connection.execute(query.limit(limit))]


def again(connection: Connection, name: tuple[str, str], after: int, limit: int = 1) -> list[Again]:
    """What was asked to be sent again beyond a position of the log, in order."""
    query = (
        select(*columns_of(AGAIN, Again))
        .where(AGAIN.c.member == name[0], AGAIN.c.endpoint_id == name[1])
        .where(AGAIN.c.position > after)
        .order_by(AGAIN.c.position)
        .limit(limit)
    )
    return [Again(*row) for row in connection.execute(query)]
