"""A page's writes: what they read is asked for together, the fence comes before the first row."""

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from projections.engine.checkpoints import Fenced
from projections.engine.model import ReadModel, Tables, Writing
from projections.engine.writing import write_together, writing
from projections.tables.bulk import COPY_FROM, Lookup, insert_rows, pipelined
from tests.projections.example import LINES, RELEASES, Books, books

KEY = ("hold_id",)


@pytest.fixture
def made(migrated_url: str) -> Iterator[Books]:
    with books(migrated_url) as opened:
        yield opened


def model(name: str, said: list[str], twice: bool = False) -> ReadModel:
    """It writes one row more than it found of its own, and says what it does."""

    def write(connection: Connection, tables: Tables, delta: str) -> Writing:
        said.append(f"{name} asks")
        (rows,) = yield [Lookup(RELEASES, KEY, [(delta,)])]
        if twice:
            said.append(f"{name} asks again")
            (rows, _) = yield [Lookup(RELEASES, KEY, [(delta,)]), Lookup(RELEASES, KEY, [])]
        said.append(f"{name} found {len(rows)}")
        insert_rows(connection, RELEASES, [(f"{delta}{len(rows)}", 1)])

    return ReadModel(name, (RELEASES,), {}, str, write)


def plain(said: list[str]) -> ReadModel:
    def write(connection: Connection, tables: Tables, delta: str) -> None:
        said.append("plain")
        insert_rows(connection, RELEASES, [(delta, 1)])

    return ReadModel("plain", (RELEASES,), {}, str, write)


def ids(made: Books) -> list[str]:
    with made.engine.connect() as connection:
        return sorted(connection.scalars(sa.select(RELEASES.c.hold_id)))


@pytest.mark.parametrize("pipeline", [False, True])
def test_all_ask_then_comes_the_fence_then_the_rows(made: Books, pipeline: bool) -> None:
    said: list[str] = []
    models = [
        (plain(said), {}, "p"),
        (model("a", said), {}, "A"),
        (model("b", said, True), {}, "B"),
    ]
    with writing(made.engine, pipeline=pipeline) as connection:
        assert pipelined(connection) == (pipeline and made.engine.dialect.name == "postgresql")
        write_together(connection, models, lambda: said.append("fence"))
    order = ["a asks", "b asks", "fence", "plain", "a found 0", "b asks again", "b found 0"]
    assert said == order
    assert ids(made) == ["A0", "B0", "p"]


@pytest.mark.parametrize("pipeline", [False, True])
def test_nothing_is_written_behind_the_fence(made: Books, pipeline: bool) -> None:
    said: list[str] = []

    def fence() -> None:
        raise Fenced("elsewhere")

    with pytest.raises(Fenced), writing(made.engine, pipeline=pipeline) as connection:
        write_together(connection, [(plain(said), {}, "p"), (model("a", said), {}, "A")], fence)
    assert said == ["a asks"]
    assert ids(made) == []


@pytest.mark.parametrize("pipeline", [False, True])
def test_a_row_that_is_refused_takes_the_whole_page_back(made: Books, pipeline: bool) -> None:
    wrong = (IntegrityError, psycopg.IntegrityError)
    with pytest.raises(wrong), writing(made.engine, pipeline=pipeline) as connection:
        write_together(connection, [(plain([]), {}, "p"), (plain([]), {}, "p")], lambda: None)
    assert ids(made) == []
    with writing(made.engine, pipeline=pipeline) as connection:  # The connection is well.
        write_together(connection, [(plain([]), {}, "p")], lambda: None)
    assert ids(made) == ["p"]


def test_ctrl_c_in_a_statement_is_what_ends_a_page(made: Books) -> None:
    """The library closes such a connection. What `writing` puts back on it must not fail and take
    the place of Ctrl-C: the page was written once more then, and found the database locked."""

    def ctrl_c(connection: Connection, *_: object) -> None:
        raise KeyboardInterrupt

    def to_do(connection: Connection, tables: Tables, delta: str) -> None:
        sa.event.listen(made.engine, "after_cursor_execute", ctrl_c)
        insert_rows(connection, RELEASES, [(delta, 1)])
        connection.execute(sa.select(RELEASES)).all()

    interrupted = ReadModel("interrupted", (RELEASES,), {}, str, to_do)
    with pytest.raises(KeyboardInterrupt), writing(made.engine) as connection:
        write_together(connection, [(interrupted, {}, "p")], lambda: None)
    sa.event.remove(made.engine, "after_cursor_execute", ctrl_c)
    assert ids(made) == []
    with writing(made.engine) as connection:
        write_together(connection, [(plain([]), {}, "p")], lambda: None)
    assert ids(made) == ["p"]


def test_many_rows_go_through_a_pipeline_too(made: Books) -> None:
    rows = [(n, f"a{n}", None, n, bytes([n % 256])) for n in range(COPY_FROM + 50)]
    with writing(made.engine, pipeline=True) as connection:
        insert_rows(connection, LINES, rows)
    with made.engine.connect() as connection:
        found = connection.execute(sa.select(LINES).order_by(LINES.c.position)).all()
    assert [tuple(row) for row in found] == rows
