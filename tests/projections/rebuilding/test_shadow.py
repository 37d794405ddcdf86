"""The tables of a rebuild: what they have when facts come, and what they have when readers come."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from projections.rebuilding import shadow
from projections.rebuilding.rebuild import rebuild
from tests.projections.example import BOTH, TALLIES, Books, append, books, facts


@pytest.fixture
def made(migrated_url: str) -> Iterator[Books]:
    with books(migrated_url) as opened:
        append(opened.recorder, facts(50))
        yield opened


def test_an_index_that_writes_need_is_there_before_the_first_fact(made: Books) -> None:
    target = shadow.beside(TALLIES._replace(looks_up=("tally_lines_account",)))
    with made.engine.begin() as connection:
        shadow.create(connection, target)
        inspector = sa.inspect(connection)
        assert [i["column_names"] for i in inspector.get_indexes("tally_lines__next")] == [
            ["account", "position"]
        ]
        assert inspector.get_indexes("tally_totals__next") == []
        shadow.index(connection, target)
        assert len(sa.inspect(connection).get_indexes("tally_lines__next")) == 2


def test_postgresql_knows_the_columns_rows_are_looked_up_by(made: Books) -> None:
    rebuild(made.recorder, made.engine, BOTH)
    if made.engine.dialect.name == "postgresql":
        query = sa.text(
            "SELECT attname FROM pg_stats"
            " WHERE schemaname = current_schema() AND tablename = 'tally_lines'"
        )
        with made.engine.connect() as connection:
            known = set(connection.scalars(query))
        assert known >= {"position", "account", "amount_fen"}
