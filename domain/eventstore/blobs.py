"""Blobs: bytes under their SHA-256, for what facts name and do not hold (raw requests, answers).

A table beside the history, on either database, and only ever added to. Nothing is read from it
without a rule that says who may; what a fact names is hashed again by `verify`. A large blob lies
in a second table, in pieces under the hash of the whole: no more than a piece is ever in memory,
and no transaction lasts longer than a few of them take.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, Engine, Integer, LargeBinary, column, select, table

from domain.eventstore.arrays import byteas

BLOBS = table("blobs", column("sha256", LargeBinary), column("bytes", LargeBinary))
PIECES = table(
    "blob_pieces",
    column("sha256", LargeBinary),
    column("number", Integer),
    column("bytes", LargeBinary),
)
PIECE = 1 << 20  # Bytes; what is not longer is one row of the first table.
AT_ONCE = 4  # Pieces of one transaction.

ADD_SQLITE = (
    "INSERT INTO blobs (sha256, bytes) SELECT :digest, :bytes "
    "WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE sha256 = :digest)"
)
_ADD_POSTGRES = (
    "INSERT INTO blobs (sha256, bytes) SELECT * FROM unnest(%s::bytea[], %s::bytea[]) "
    "ON CONFLICT DO NOTHING"
)
_PIECE_SQLITE = (
    "INSERT INTO blob_pieces (sha256, number, bytes) SELECT :digest, :number, :bytes "
    "WHERE NOT EXISTS (SELECT 1 FROM blob_pieces WHERE sha256 = :digest AND number = :number)"
)
_PIECE_POSTGRES = (
    "INSERT INTO blob_pieces (sha256, number, bytes) "
    "VALUES (%(digest)s, %(number)s, %(bytes)s) ON CONFLICT DO NOTHING"
)


def name_of(content: bytes) -> str:
    """What a fact calls these bytes: their SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def hashed(contents: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """Each with its SHA-256 before it, as the table has them."""
    return [(hashlib.sha256(one).digest(), one) for one in contents]


def put(engine: Engine, contents: Iterable[bytes]) -> None:
    """Keep these, durably, in one transaction; what is there already is left alone."""
    rows = hashed(contents)
    if not rows:
        return
    if engine.dialect.name == "postgresql":  # One statement is a transaction, and one exchange.
        digests, kept = zip(*rows, strict=True)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(_ADD_POSTGRES, (byteas(digests), byteas(kept)))
        return
    with engine.begin() as connection:
        for digest, content in rows:
            connection.exec_driver_sql(ADD_SQLITE, {"digest": digest, "bytes": content})


def keep(engine: Engine, name: str, chunks: Iterable[bytes]) -> None:
    """Keep bytes of any length, durably, under the name that they are known to have: whoever calls
    has hashed exactly these. Stopped anywhere, the same call goes on."""
    digest = bytes.fromhex(name)
    group: list[bytes] = []
    number = 0
    for piece in _pieces(chunks):
        group.append(piece)
        if len(group) == AT_ONCE:
            _keep_pieces(engine, digest, number, group)
            number += len(group)
            group = []
    if number == 0 and len(group) <= 1:
        put(engine, group or [b""])
    else:
        _keep_pieces(engine, digest, number, group)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, each piece but the last `PIECE` long: the same pieces, however they came."""
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        while len(rest) >= PIECE:
            yield bytes(rest[:PIECE])
            del rest[:PIECE]
    if rest:
        yield bytes(rest)


def _keep_pieces(engine: Engine, digest: bytes, first: int, pieces: Sequence[bytes]) -> None:
    if not pieces:
        return
    with engine.begin() as connection:
        server = connection.dialect.name == "postgresql"
        for number, piece in enumerate(pieces, first):
            statement = _PIECE_POSTGRES if server else _PIECE_SQLITE
            row = {"digest": digest, "number": number, "bytes": piece}
            connection.exec_driver_sql(statement, row)


def read(connection: Connection, name: str) -> bytes | None:
    """The bytes of a name, None if there are none, the name is no SHA-256 in hex, or they lie in
    pieces."""
    try:
        digest = bytes.fromhex(name)
    except ValueError:
        return None
    found = connection.execute(select(BLOBS.c.bytes).where(BLOBS.c.sha256 == digest)).first()
    return bytes(found[0]) if found else None


def pieces(connection: Connection, name: str) -> Iterator[bytes]:
    """The bytes of a name, piece by piece, large or not; nothing where there are none."""
    whole = read(connection, name)
    if whole is not None:
        yield whole
        return
    number = 0
    while (piece := piece_of(connection, name, number)) is not None:
        yield piece
        number += 1


def piece_of(connection: Connection, name: str, number: int) -> bytes | None:
    """One piece of a large blob, None where there is none."""
    try:
        digest = bytes.fromhex(name)
    except ValueError:
        return None
    sought = (PIECES.c.sha256 == digest, PIECES.c.number == number)
    found = connection.execute(select(PIECES.c.bytes).where(*sought)).first()
    return bytes(found[0]) if found else None


def wrong(connection: Connection, names: Sequence[str]) -> list[tuple[str, str]]:
    """Those that are not there or are other bytes, and in which way."""
    found = []
    for name in names:
        digest, there = hashlib.sha256(), False
        for piece in pieces(connection, name):
            there = True
            digest.update(piece)
        if not there:
            found.append((name, "is not in the blob store"))
        elif digest.hexdigest() != name:
            found.append((name, "is other bytes than it was"))
    return found
