"""API keys: made once, shown once, kept as a digest only.

A key reads `zf_<id>_<secret>`: the id names the row, the secret is 256 random bits. What is kept is
HMAC-SHA-256 of the secret under the id. A random secret of that length needs no slow hash, and the
id in the digest keeps one row's digest from serving another. Keys are not part of history: they may
be revoked. But that one was made or revoked is sealed (`domain/eventstore/seals.py`), so that
`verify` finds a row that nobody made.

A key may belong to an operator, of the institution or of a merchant: then the operator's office
or role, which are facts, say what it may do, and the operator is the actor of what it does, by
whatever key. A key that belongs to nobody acts for its merchant, or under its own id.
"""

import hmac
import re
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Literal, get_args

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    Table,
    Text,
    column,
    select,
    table,
)

from domain.eventstore.changes import lock_ledger, seal_entry
from domain.eventstore.database import one_view, to_write
from domain.eventstore.seals import decoded, key_made_entry, key_revoked_entry
from domain.fields import checked_member_id, checked_text
from domain.member import api_access
from domain.member import member as membership
from domain.member.persons import STAFF
from domain.member.staff import Office
from domain.refusals import Code, Refused

Role = Literal["merchant", "auditor", "operator"]
ROLES: tuple[Role, ...] = get_args(Role)
# What a caller is: the office or role of the operator whose key it is, or the role of a key that is
# nobody's. The tables of who may do what are written in these.
Capacity = Literal[Role, membership.Role, Office]
CAPACITIES: tuple[Capacity, ...] = get_args(Capacity)

# Created by migration 0001; `operator` by 0016.
API_KEYS = Table(
    "api_keys",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("member", Text),
    Column("note", Text, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
    Column("revoked_at_us", BigInteger),
    Column("operator", Text),
)

ENTRIES = table("sealed_changes", column("seal_number"), column("entry"))
# What does not change afterwards.
MADE = ("id", "digest", "role", "member", "note", "created_at_us", "operator")

_KEY = re.compile(r"zf_([a-z0-9]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_NOBODY = bytes(32)  # Compared with when the id is unknown, so that both cases take the same time.


class Caller(Struct, frozen=True):
    """Who asks: a role, the member a merchant's key acts for (None otherwise), and the key's id.

    `operator` is whose key it is, if it is a person's, and `office` what that person is: an office
    of the institution, or a role at the merchant. `given` is what the merchant has of the API.
    """

    role: Role
    member: str | None
    key_id: str
    operator: str | None = None
    office: membership.Role | Office | None = None
    given: api_access.State = api_access.State()

    @property
    def capacity(self) -> Capacity:
        return self.office or self.role

    @property
    def actor(self) -> str:
        """How facts name the caller: `staff:alice`, `merchant:SHOP22/liaoyuan`; of a key that is
        nobody's `merchant:SHOP22`, `operator:<key id>`."""
        if self.operator is None:
            return f"{self.role}:{self.member or self.key_id}"
        of = f"merchant:{self.member}/" if self.member else STAFF
        return f"{of}{self.operator}"

    def may_call(self, command: str, day: date) -> bool:
        """Whether a merchant has been given a command of the API, by its stored name."""
        return self.given.may_call(command, day)


class KeyRow(Struct, frozen=True):
    """A key as listed: everything that is kept of it but the digest. Times are UTC µs."""

    id: str
    role: Role
    member: str | None
    note: str
    created_at_us: int
    revoked_at_us: int | None
    operator: str | None = None


def create_key(
    engine: Engine,
    role: str,
    member: str | None,
    clock: Callable[[], int],
    note: str = "key",
    operator: str | None = None,
) -> str:
    """Make a key and return it; it cannot be shown again.

    A merchant's key needs the member it acts for, the other roles have none. `operator`: whose key
    it is; what it may do is what that operator may, at any time.
    Raises Refused(REQUEST_INVALID, "role" | "member"), Refused(IDENTIFIER_INVALID, "member" |
    "operator"), Refused(TEXT_INVALID, "note").
    """
    if role not in ROLES:
        raise Refused(Code.REQUEST_INVALID, "role", f"one of {', '.join(ROLES)} is needed")
    if (role == "merchant") != (member is not None):
        wanted = "a merchant's key needs its member" if role == "merchant" else f"{role}: no member"
        raise Refused(Code.REQUEST_INVALID, "member", wanted)
    if member is not None:
        checked_member_id(member, "member")
    if operator is not None:
        checked_member_id(operator, "operator")
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    row: dict[str, Any] = {
        "id": key_id,
        "digest": _digest(key_id, secret),
        "role": role,
        "member": member,
        "note": checked_text(note, "note"),
        "created_at_us": clock(),
        "revoked_at_us": None,
        "operator": operator,
    }
    with _sealing(engine) as connection:
        connection.execute(API_KEYS.insert(), row)
        seal_entry(connection, key_made_entry(*(row[name] for name in MADE)))
    return f"zf_{key_id}_{secret}"


def find_caller(engine: Engine, key: str) -> Caller | None:
    """Whose key this is; None when it is malformed, unknown, wrong or revoked. What a person's key
    may do is not looked up here."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    key_id, secret = match.groups()
    with engine.connect() as connection:
        row = connection.execute(API_KEYS.select().where(API_KEYS.c.id == key_id)).first()
    kept = _NOBODY if row is None else bytes(row.digest)
    right = hmac.compare_digest(kept, _digest(key_id, secret))
    if row is None or not right or row.revoked_at_us is not None:
        return None
    return Caller(row.role, row.member, key_id, row.operator)


def revoke_key(engine: Engine, key_id: str, clock: Callable[[], int]) -> bool:
    """Make a key useless from now on; False when there is no such key that still works."""
    revoked_at_us = clock()
    statement = (
        API_KEYS.update()
        .where(API_KEYS.c.id == key_id, API_KEYS.c.revoked_at_us.is_(None))
        .values(revoked_at_us=revoked_at_us)
    )
    with _sealing(engine) as connection:
        if connection.execute(statement).rowcount != 1:
            return False
        seal_entry(connection, key_revoked_entry(key_id, revoked_at_us))
        return True


def working_keys(engine: Engine, key_ids: Collection[str]) -> set[str]:
    """Of these keys, those that were not revoked."""
    statement = select(API_KEYS.c.id).where(
        API_KEYS.c.id.in_(list(key_ids)), API_KEYS.c.revoked_at_us.is_(None)
    )
    with engine.connect() as connection:
        return set(connection.execute(statement).scalars())


def revoke_keys_of(
    engine: Engine, operator: str, member: str | None, clock: Callable[[], int]
) -> int:
    """Make useless every key of a person who has left, of the institution or of a member: who comes
    back gets new ones. How many there were."""
    theirs = (API_KEYS.c.operator == operator, API_KEYS.c.member.is_not_distinct_from(member))
    statement = select(API_KEYS.c.id).where(*theirs, API_KEYS.c.revoked_at_us.is_(None))
    with engine.connect() as connection:
        ids = list(connection.execute(statement).scalars())
    return sum(revoke_key(engine, key_id, clock) for key_id in ids)


@contextmanager
def _sealing(engine: Engine) -> Iterator[Connection]:
    with to_write(engine) as connection:
        lock_ledger(connection)
        yield connection


def list_keys(engine: Engine) -> list[KeyRow]:
    """Every key ever made, oldest first."""
    columns = [API_KEYS.c[name] for name in KeyRow.__struct_fields__]
    statement = API_KEYS.select().with_only_columns(*columns)
    with engine.connect() as connection:
        rows = connection.execute(statement.order_by(API_KEYS.c.created_at_us, API_KEYS.c.id))
        return [KeyRow(*row) for row in rows]


def wrong_keys(engine: Engine) -> list[tuple[str, str]]:
    """Keys that are not what was sealed: which, and what is off with it.

    That the entries are what was sealed is for `domain.ledger.proof` to say. Raises
    msgspec.DecodeError when one cannot be read.
    """
    with one_view(engine) as connection:  # A key made meanwhile is in both tables or in none.
        rows = {row.id: row for row in connection.execute(API_KEYS.select())}
        entries = connection.execute(select(ENTRIES).order_by(ENTRIES.c.seal_number)).all()
    sealed: dict[str, tuple[bytes, int | None]] = {}
    for _, entry in entries:
        said = decoded(bytes(entry))
        if "revoked_at_us" in said:
            made = sealed.get(said["key"], (b"", None))[0]
            sealed[said["key"]] = (made, said["revoked_at_us"])
        elif "key" in said:
            sealed[said["key"]] = (bytes(entry), None)
    found = []
    for key_id in sorted(sealed.keys() | rows.keys(), key=str):
        why = _difference(sealed.get(key_id), rows.get(key_id))
        if why:
            found.append((f"key {key_id}", why))
    return found


def _difference(sealed: tuple[bytes, int | None] | None, row: Any) -> str:
    if sealed is None:
        return "stands in api_keys, but nobody made it"
    if row is None:
        return "was made, but is gone from api_keys"
    made, revoked_at_us = sealed
    if revoked_at_us is not None and row.revoked_at_us is None:
        return "was revoked, but works again"
    try:
        same = key_made_entry(*(getattr(row, name) for name in MADE)) == made
    except (TypeError, AttributeError):  # SQLite keeps any type anywhere.
        same = False
    if not same or row.revoked_at_us != revoked_at_us:
        return "is not what was sealed when it was made or revoked"
    return ""


def _digest(key_id: str, secret: str) -> bytes:
    return hmac.digest(key_id.encode(), secret.encode(), "sha256")
