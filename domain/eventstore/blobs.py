"""Blobs: bytes under their SHA-256, for what facts name and do not hold (raw requests, answers).

A table beside the history, on either database, and only ever added to. Nothing is read from it
without a rule that says who may; what a fact names is hashed again by `verify`.
"""

import hashlib
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Engine, LargeBinary, column, select, table

BLOBS = table("blobs", column("sha256", LargeBinary), column("bytes", LargeBinary))

_ADD_SQLITE = (
    "INSERT INTO blobs (sha256, bytes) SELECT ?1, ?2 "
    "WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE sha256 = ?1)"
)
_ADD_POSTGRES = "INSERT INTO blobs (sha256, bytes) VALUES (%s, %s) ON CONFLICT DO NOTHING"


def name_of(content: bytes) -> str:
    """What a fact calls these bytes: their SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def put(engine: Engine, contents: Iterable[bytes]) -> None:
    """Keep these, durably, in one transaction; what is there already is left alone."""
    rows = [(hashlib.sha256(one).digest(), one) for one in contents]
    if not rows:
        return
    with engine.begin() as connection:
        server = connection.dialect.name == "postgresql"
        for row in rows:
            connection.exec_driver_sql(_ADD_POSTGRES if server else _ADD_SQLITE, row)


def read(connection: Connection, name: str) -> bytes | None:
    """The bytes of a name, None if there are none or the name is no SHA-256 in hex."""
    try:
        digest = bytes.fromhex(name)
    except ValueError:
        return None
    found = connection.execute(select(BLOBS.c.bytes).where(BLOBS.c.sha256 == digest)).first()
    return bytes(found[0]) if found else None


def wrong(connection: Connection, names: Sequence[str]) -> list[tuple[str, str]]:
    """Those that are not there or are other bytes, and in which way."""
    found = []
    for name in names:
        content = read(connection, name)
        if content is None:
            found.append((name, "is not in the blob store"))
        elif name_of(content) != name:
            found.append((name, "is other bytes than it was"))
    return found
