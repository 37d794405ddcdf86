"""What to look for when nothing personal may be anywhere: a text in every form that would give it
away, and everything a database, a log or an answer holds as bytes."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, Table, inspect, literal_column, select

from domain.eventstore.database import Database
from domain.vault.place import vault_engine

SHORTEST_HALF = 7  # Digits; shorter ones come up by chance, in a time or a digest.


def forms(plain: str) -> Iterator[bytes]:
    """A number or a name: itself, turned round, spaced, its halves, escaped, encoded, hashed."""
    texts = [plain, plain[::-1]]
    if plain.isascii():
        groups = [plain[at : at + 4] for at in range(0, len(plain), 4)]
        texts += [" ".join(groups), "-".join(groups), " ".join(plain)]
        half = max(SHORTEST_HALF, len(plain) // 2)
        texts += [plain[:half], plain[-half:]]
    for one in texts:
        yield one.encode()
    yield plain.encode("gb18030")
    yield plain.encode("unicode_escape")
    yield plain.encode().hex().encode()
    yield base64.b64encode(plain.encode()).rstrip(b"=")[:-1]
    for algorithm in ("md5", "sha1", "sha256", "sha512"):
        digest = hashlib.new(algorithm, plain.encode())
        yield digest.hexdigest().encode()
        yield digest.digest()


def everything(databases: Iterable[Database]) -> Iterator[tuple[str, bytes]]:
    """Every row of every table as bytes, and the files of SQLite as they are."""
    for database in databases:
        engine = vault_engine(database)
        with engine.connect() as connection:
            for table in inspect(connection).get_table_names():
                wanted: Any = select(literal_column("*")).select_from(Table(table, MetaData()))
                for row in connection.execute(wanted).all():
                    yield from ((table, _bytes(value)) for value in tuple(row))
        engine.dispose()
        if database.path:
            for file in Path(database.path).parent.glob(f"{Path(database.path).name}*"):
                if file.is_file():
                    yield file.name, file.read_bytes()


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def found(plains: Iterable[str], where: Iterable[tuple[str, bytes]]) -> list[str]:
    """In which places which of them stand, in whatever form."""
    needles = [(plain, form) for plain in plains for form in set(forms(plain))]
    return [
        f"{place}: {plain} as {form!r}"
        for place, content in where
        for plain, form in needles
        if form in content
    ]
