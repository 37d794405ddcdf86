"""How far each endpoint is: the sender's own tables, in the ledger's database.

    events of the member ──take, up to the cursor──▶ deliveries ──sent──▶ (gone)
                                                        └──failed: due again later

No facts, and no read model: lost with a restore, they only mean that something is sent twice. The
cursor and what was taken move in one transaction, and a delivery goes once it is known to have
arrived: so each event is sent at least once, whatever process dies when. Of one object the earliest
delivery alone is ever picked. Attempts are a log that is only added to, and ends after a while.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    Table,
    and_,
    case,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from domain.member.webhook import PING
from projections.engine.model import TEXT
from projections.models import merchant_events, webhook_endpoints
from projections.models.webhook_endpoints import Endpoint

_METADATA = MetaData()  # Created by migration 0022.
Name = tuple[str, str]  # Member, endpoint.

CURSORS = Table(
    "webhook_cursors",
    _METADATA,
    Column("member", TEXT, primary_key=True),
    Column("endpoint_id", TEXT, primary_key=True),
    Column("since_position", BigInteger, nullable=False),
    Column("round", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("again", BigInteger, nullable=False),
    Column("again_after", BigInteger, nullable=False),
)
DELIVERIES = Table(
    "webhook_deliveries",
    _METADATA,
    Column("member", TEXT, primary_key=True),
    Column("endpoint_id", TEXT, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("object", TEXT, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
)
ATTEMPTS = Table(
    "webhook_attempts",
    _METADATA,
    Column("member", TEXT, primary_key=True),
    Column("endpoint_id", TEXT, primary_key=True),
    Column("at_us", BigInteger, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("attempt", BigInteger, primary_key=True),
    Column("took_ms", BigInteger, nullable=False),
    Column("status", BigInteger, nullable=False),
    Column("result", TEXT, nullable=False),
)
MOST_DUE = 200  # Above so many that could be sent now, no more are taken.
PAGE = 200


class Cursor(Struct, frozen=True):
    """All events of the endpoint up to `position` were taken, since it was added at
    `since_position`. `again`: up to which position of the log it was looked for what is to be sent
    again; `again_after`: how far the one that is being gone through is."""

    since_position: int
    round: int
    position: int
    again: int
    again_after: int


class Work(Struct, frozen=True):
    """An endpoint, how far it is, the position of its member's newest event, and when something
    of it is due."""

    endpoint: Endpoint
    cursor: Cursor | None
    head: int
    due_us: int | None
    again: int | None

    def has_any(self, now_us: int) -> bool:
        """Whether there may be anything to do."""
        cursor = self.cursor
        if cursor is None or cursor.since_position != self.endpoint.since_position:
            return True
        if cursor.round != self.endpoint.round or self.head > cursor.position:
            return True
        if self.again is not None and self.again > cursor.again:
            return True
        return self.due_us is not None and self.due_us <= now_us


class Picked(Struct, frozen=True):
    """A delivery that may be made now; `tries` were made before, in this round."""

    position: int
    tries: int
    kind: str
    body: str


class Attempt(Struct, frozen=True):
    """One line of the log. `status` is the answer's, 0 for none; UTC µs, ms."""

    at_us: int
    position: int
    kind: str
    attempt: int
    took_ms: int
    status: int
    result: str


class Made(Struct, frozen=True):
    """What came of a try; `due_us`: when the next one is, None when it has arrived."""

    name: Name
    attempt: Attempt
    due_us: int | None


_E, _C, _D = webhook_endpoints.TABLE.c, CURSORS.c, DELIVERIES.c


def _of(table: Table, name: Name) -> Any:
    return and_(table.c.member == name[0], table.c.endpoint_id == name[1])


def _same(table: Table) -> Any:
    return and_(table.c.member == _E.member, table.c.endpoint_id == _E.endpoint_id)


def work(connection: Connection) -> list[Work]:
    """Every endpoint that is not paused."""
    heads, again = merchant_events.ENDS, webhook_endpoints.AGAIN
    due = select(func.min(_D.due_us)).where(_same(DELIVERIES)).scalar_subquery()
    asked = select(func.max(again.c.position)).where(_same(again)).scalar_subquery()
    source = webhook_endpoints.TABLE.outerjoin(CURSORS, _same(CURSORS))
    source = source.outerjoin(heads, heads.c.member == _E.member)
    cursor = [CURSORS.c[name] for name in Cursor.__struct_fields__]
    query = (
        select(*webhook_endpoints.COLUMNS, *cursor, func.coalesce(heads.c.position, 0), due, asked)
        .select_from(source)
        .where(_E.paused.is_(False))
        .order_by(_E.member, _E.endpoint_id)
    )
    width, found = len(webhook_endpoints.COLUMNS), []
    for row in connection.execute(query):
        rest = row[width:]
        at = Cursor(*rest[:5]) if rest[0] is not None else None
        found.append(Work(Endpoint(*row[:width]), at, *rest[5:]))
    return found


def settled(connection: Connection, one: Work, now_us: int) -> Cursor:
    """The cursor of an endpoint as it is now: begun where it was added, anew if another one had its
    name before; resumed, everything that waits has all its tries again."""
    endpoint, cursor = one.endpoint, one.cursor
    name = endpoint.name
    if cursor is not None and cursor.since_position == endpoint.since_position:
        if cursor.round == endpoint.round:
            return cursor
        again = update(DELIVERIES).where(_of(DELIVERIES, name)).values(tries=0, due_us=now_us)
        connection.execute(again)
        fields = (cursor.position, cursor.again, cursor.again_after)
        return _moved(connection, name, Cursor(cursor.since_position, endpoint.round, *fields))
    connection.execute(delete(DELIVERIES).where(_of(DELIVERIES, name)))
    since = endpoint.since_position
    connection.execute(delete(CURSORS).where(_of(CURSORS, name)))
    begun = Cursor(since, endpoint.round, since, since, 0)
    row = {"member": name[0], "endpoint_id": name[1], **_fields(begun)}
    connection.execute(CURSORS.insert(), row)
    return begun


def _moved(connection: Connection, name: Name, to: Cursor) -> Cursor:
    connection.execute(update(CURSORS).where(_of(CURSORS, name)).values(**_fields(to)))
    return to


def _fields(cursor: Cursor) -> dict[str, int]:
    return {name: getattr(cursor, name) for name in Cursor.__struct_fields__}


def is_full(connection: Connection, name: Name, now_us: int) -> bool:
    """Whether so much is due now that there is no need to take more."""
    some = select(_D.position).where(_of(DELIVERIES, name), _D.due_us <= now_us).limit(MOST_DUE)
    count: int = connection.execute(select(func.count()).select_from(some.subquery())).scalar_one()
    return count >= MOST_DUE


def take(connection: Connection, endpoint: Endpoint, cursor: Cursor, now_us: int) -> Cursor:
    """The next events of the member become deliveries, those that the endpoint wants to hear of;
    then what is to be sent again."""
    name = endpoint.name
    found = merchant_events.events(connection, name[0], cursor.position, PAGE)
    _add(connection, endpoint, found, now_us)
    position = found[-1].position if found else cursor.position
    again = webhook_endpoints.again(connection, name, cursor.again)
    done, after = cursor.again, cursor.again_after
    if again:
        asked = again[0]
        after, until = max(after, asked.after_position), min(asked.until_position, position)
        more = [
            one
            for one in merchant_events.events(connection, name[0], after, PAGE)
            if one.position <= until
        ]
        _add(connection, endpoint, more, now_us)
        after = more[-1].position if more else 0
        done = asked.position if len(more) < PAGE else done
        after = 0 if done == asked.position else after
    moved = Cursor(cursor.since_position, cursor.round, position, done, after)
    return cursor if moved == cursor else _moved(connection, name, moved)


def _add(
    connection: Connection,
    endpoint: Endpoint,
    events: Sequence[merchant_events.Event],
    now_us: int,
) -> None:
    """One that waits already waits on."""
    rows = [
        {
            "member": endpoint.member,
            "endpoint_id": endpoint.endpoint_id,
            "position": one.position,
            "object": one.object,
            "tries": 0,
            "due_us": now_us,
        }
        for one in events
        if _wanted(endpoint, one)
    ]
    if rows:
        connection.execute(_insert(connection)(DELIVERIES).on_conflict_do_nothing(), rows)


def _insert(connection: Connection) -> Any:
    """Either database has its own, which may meet rows that are there."""
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


def _wanted(endpoint: Endpoint, event: merchant_events.Event) -> bool:
    if event.kind == PING:
        return event.object == f"webhook-{endpoint.endpoint_id}"
    return endpoint.hears(event.kind)


def pick(connection: Connection, name: Name, now_us: int, most: int) -> list[Picked]:
    """What may be sent now, the oldest first; of each object only the earliest."""
    events, earlier = merchant_events.TABLE, DELIVERIES.alias("earlier")
    before = exists().where(
        earlier.c.member == _D.member,
        earlier.c.endpoint_id == _D.endpoint_id,
        earlier.c.object == _D.object,
        earlier.c.position < _D.position,
    )
    same = and_(events.c.member == _D.member, events.c.position == _D.position)
    query = (
        select(_D.position, _D.tries, events.c.kind, events.c.body)
        .select_from(DELIVERIES.join(events, same))
        .where(_of(DELIVERIES, name), _D.due_us <= now_us, ~before)
        .order_by(_D.position)
        .limit(most)
    )
    return [Picked(*row) for row in connection.execute(query)]


def record(connection: Connection, made: Sequence[Made]) -> None:
    """What came of some tries, and a line of the log for each."""
    for one in made:
        which = and_(_of(DELIVERIES, one.name), _D.position == one.attempt.position)
        if one.due_us is None:
            connection.execute(delete(DELIVERIES).where(which))
        else:
            changed = {"tries": one.attempt.attempt, "due_us": one.due_us}
            connection.execute(update(DELIVERIES).where(which).values(**changed))
    rows = [
        {
            "member": one.name[0],
            "endpoint_id": one.name[1],
            **{name: getattr(one.attempt, name) for name in Attempt.__struct_fields__},
        }
        for one in made
    ]
    connection.execute(_insert(connection)(ATTEMPTS).on_conflict_do_nothing(), rows)


def forget(connection: Connection) -> int:
    """Endpoints that were removed: what was left of them goes. How many there were."""
    there = exists().where(_E.member == _C.member, _E.endpoint_id == _C.endpoint_id)
    gone = connection.execute(select(_C.member, _C.endpoint_id).where(~there)).all()
    for member, endpoint_id in gone:
        for table in (DELIVERIES, CURSORS):
            connection.execute(delete(table).where(_of(table, (member, endpoint_id))))
    return len(gone)


def drop_old(connection: Connection, before_us: int) -> None:
    """Lines of the log from before an instant go."""
    connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.at_us < before_us))


# Queries of the doors.


def attempts(connection: Connection, name: Name, before_us: int | None, most: int) -> list[Attempt]:
    """The newest attempts of an endpoint, those before an instant where one is given."""
    columns = [ATTEMPTS.c[one] for one in Attempt.__struct_fields__]
    query = select(*columns).where(_of(ATTEMPTS, name))
    if before_us is not None:
        query = query.where(ATTEMPTS.c.at_us < before_us)
    newest = (ATTEMPTS.c.at_us.desc(), ATTEMPTS.c.position.desc())
    return [Attempt(*row) for row in connection.execute(query.order_by(*newest).limit(most))]


class Progress(Struct, frozen=True):
    """How far an endpoint is: up to which position everything was taken, and where its member's
    newest event is; how many of those taken wait, how many of them have failed before."""

    position: int
    newest: int
    waiting: int
    failing: int


def progress(connection: Connection, name: Name) -> Progress:
    """Zeros before the sender has seen it."""
    failing = func.sum(case((_D.tries > 0, 1), else_=0))
    counts = select(func.count(), func.coalesce(failing, 0)).where(_of(DELIVERIES, name))
    waiting, failed = connection.execute(counts).one()
    position = connection.execute(select(_C.position).where(_of(CURSORS, name))).scalar()
    ends = merchant_events.ENDS.c
    newest = connection.execute(select(ends.position).where(ends.member == name[0])).scalar()
    return Progress(position or 0, newest or 0, waiting, failed)


def waiting(connection: Connection) -> int:
    """Deliveries that wait, of all endpoints; for figures."""
    count: int = connection.execute(select(func.count()).select_from(DELIVERIES)).scalar_one()
    return count
