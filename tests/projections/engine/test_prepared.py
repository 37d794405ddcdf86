"""What a page sends to PostgreSQL is prepared once, and stays so while pages follow each other."""

from collections.abc import Iterator
from typing import Any

import pytest

from projections.engine.engine import Projector
from tests.projections.example import OTHER, Books, append, books, facts

# Of the driver's statements on a connection: how often one was planned for its values, and in all.
PREPARED = "SELECT statement, custom_plans, generic_plans FROM pg_prepared_statements"


@pytest.fixture
def made(migrated_url: str) -> Iterator[Books]:
    with books(migrated_url) as opened:
        yield opened


def prepared(made: Books) -> dict[str, tuple[int, int]]:
    """The statements prepared on the one connection that was ever wanted at a time."""
    with made.engine.begin() as connection:
        rows: list[Any] = list(connection.exec_driver_sql(PREPARED))
    return {statement: (custom, generic) for statement, custom, generic in rows}


def test_looking_where_everybody_stands_forgets_no_statement(made: Books) -> None:
    projector = Projector(made.recorder, made.engine, [OTHER])
    for page in range(12):
        append(made.recorder, facts(10, 10 * page))
        projector.catch_up()  # Each one looks at the checkpoints first.
    if made.engine.dialect.name == "postgresql":
        of_rows = {sql: plans for sql, plans in prepared(made).items() if "tally_releases" in sql}
        assert of_rows, "no page was written by a prepared statement"
        for sql, (custom, generic) in of_rows.items():
            assert custom == 0, f"{sql} was planned for the values it was given"
            assert generic >= 5
    assert made.checkpoint(OTHER.name).position == made.head()
