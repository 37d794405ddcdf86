"""Two ways to the same digest, whatever stands in the rows."""

import hashlib
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Connection, Date, MetaData, Table

from projections.engine.folding import live
from projections.engine.model import TEXT, ReadModel
from projections.rebuilding import digest
from projections.tables.bulk import insert_rows
from tests.projections.applied import connected

THINGS = Table(
    "things",
    MetaData(),
    Column("name", TEXT, primary_key=True),
    Column("said", TEXT),
    Column("on_date", Date),
    Column("fen", BigInteger),
    Column("large", Boolean),
    Column("always", Boolean, nullable=False),
)
TARGET = live(ReadModel("things", (THINGS,), {}, dict, lambda *_: None))
# One of them in each row is enough to be found; PostgreSQL's text has no NUL.
STRANGE = ['"', "\\", "\n", "\t", "\r", "\x1f", "\x1e", "\x01", '"\x1f', '\x1f""', '","', "\\u0022"]
PLAIN = ["", "null", "账房 坚果", "🐿 nuts", "ÿ\x7f\x80\u2028", "[1,2]", "%s {0} 'x'", "NULL"]


@pytest.fixture
def things(migrated_url: str) -> Iterator[Connection]:
    with connected(migrated_url) as connection:
        THINGS.create(connection)
        yield connection


def put(connection: Connection, texts: list[str | None]) -> None:
    connection.execute(THINGS.delete())
    rows: list[tuple[Any, ...]] = [
        (f"{i}", text, date(2011, 1, 1 + i) if i % 2 else None, -i or None, None, i % 3 == 0)
        for i, text in enumerate(texts)
    ]
    rows += [(f"as a name {text}", text, None, 7, True, False) for text in texts if text]
    insert_rows(connection, THINGS, rows)


def both_ways(connection: Connection) -> tuple[bytes | None, bytes]:
    by_rows = digest._of_rows(connection, THINGS, THINGS)
    assert digest.digest(connection, TARGET) == hashlib.sha256(by_rows).hexdigest()
    if connection.dialect.name == "sqlite":
        return None, by_rows
    return digest._of_lines(connection, THINGS, THINGS), by_rows


@pytest.mark.parametrize("texts", [[*PLAIN, None], [], [None]], ids=["plain", "no row", "NULL"])
def test_lines_made_by_the_database_are_those_made_of_its_values(
    things: Connection, texts: list[str | None]
) -> None:
    put(things, texts)
    by_lines, by_rows = both_ways(things)
    assert by_lines == (by_rows if things.dialect.name == "postgresql" else None)


@pytest.mark.parametrize("text", STRANGE, ids=repr)
def test_a_text_that_json_escapes_is_noticed(things: Connection, text: str) -> None:
    put(things, ["before", text, None, "after"])
    assert both_ways(things)[0] is None


def test_it_is_the_same_on_both_databases_and_under_any_setting(things: Connection) -> None:
    put(things, [*PLAIN, *STRANGE, None])
    strange = digest.digest(things, TARGET)
    put(things, [*PLAIN, None])
    if things.dialect.name == "postgresql":
        things.exec_driver_sql("SET datestyle = 'German, DMY'")
    plain = digest.digest(things, TARGET)
    assert strange == "5e707e1327fcaed9285a07fe17f3f60512b2df7608ca1f00ebbe212b5bc71f54"
    assert plain == "67ee78e203fdeb7fcdb8eae058f7903a1624dd6a4408744db9f71549e0505aca"


def test_nothing_and_no_text_are_two_things(things: Connection) -> None:
    seen = set()
    for texts in ([None], [""], ["null"]):
        put(things, texts)
        seen.add(digest.digest(things, TARGET))
    assert len(seen) == 3
