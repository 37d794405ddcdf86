"""An old ledger is brought along: the running sums are made from the rows it has."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text

from domain.eventstore.database import IMMEDIATE, parse_database_url, sqlalchemy_engine
from migrations.run import _config, migrate
from projections.models import merchant_statements, trial_balance
from tests.projections.applied import Rows, rows_of
from tests.projections.story_reserves import KEPT

ESCROW = 7  # Where a row's totals have it; what came later follows.
IDLE = "IDLESHOP"  # Registered, and never sold anything.
_IDLE = (IDLE, date(1, 1, 1), *[0] * 8, *[None] * 4)
OLD_INDEX = "statement_lines_date__g1"  # As a rebuild names it.


@pytest.fixture
def old_rows(story_rows: dict[str, Rows]) -> dict[str, Rows]:
    """What the story makes, without the merchant whose figures no such ledger could have."""
    statements = {
        table: [row for row in rows if row[0] != KEPT]
        for table, rows in story_rows["merchant_statements"].items()
    }
    return {**story_rows, "merchant_statements": statements}


@pytest.fixture
def old(database_url: str, old_rows: dict[str, Rows]) -> Iterator[str]:
    """A ledger as the version before made it, with the story in its read models."""
    database = parse_database_url(database_url)
    engine = sqlalchemy_engine(database)
    immediate = engine.connect().execution_options(**{IMMEDIATE: True})
    with immediate as connection, connection.begin():
        if database.dialect == "postgresql":
            connection.execute(text(f'CREATE SCHEMA "{database.schema}"'))
        command.upgrade(_config(connection, database, ()), "0004")
        connection.execute(text("DROP INDEX statement_lines_date"))
        connection.execute(text(f"CREATE INDEX {OLD_INDEX} ON statement_lines (merchant)"))
        connection.execute(text("CREATE TABLE merchant_positions__old (merchant text)"))
        _fill(connection, old_rows)
    engine.dispose()
    yield database_url


def _fill(connection: Connection, told: dict[str, Rows]) -> None:
    statements = told["merchant_statements"]
    connection.execute(merchant_statements.LINES.insert().values(statements["statement_lines"]))
    for merchant, on, moved in escrow_movements(statements["statement_days"]):
        values = {"m": merchant, "on": str(on), "in": max(moved, 0), "out": max(-moved, 0)}
        insert = "INSERT INTO statement_escrow VALUES (:m, CAST(:on AS {0}), :in, :out)"
        connection.execute(text(insert.format(_date_of(connection))), values)
    for row in [*statements["statement_ends"], _IDLE]:
        end = {"m": row[0], "balance": row[3], "seq": row[2], "escrow": row[2 + ESCROW]}
        insert = "INSERT INTO merchant_positions VALUES (:m, :balance, :seq, :escrow)"
        connection.execute(text(insert), end)
    for on, code, *moved in trial_movements(told["trial_balance"]["trial_days"]):
        values = {"on": str(on), "code": code, "debit": moved[0], "credit": moved[1]}
        insert = "INSERT INTO trial_movements VALUES (CAST(:on AS {0}), :code, :debit, :credit)"
        connection.execute(text(insert.format(_date_of(connection))), values)


def _date_of(connection: Connection) -> str:
    return "text" if connection.dialect.name == "sqlite" else "date"


def escrow_movements(days: list[tuple[Any, ...]]) -> Iterator[tuple[str, date, int]]:
    """What escrow changed by on each of a merchant's days; none where only lines were added."""
    before: dict[str, int] = {}
    for merchant, on, *totals in days:
        moved = totals[ESCROW] - before.get(merchant, 0)
        before[merchant] = totals[ESCROW]
        if moved:
            yield merchant, on, moved


def trial_movements(days: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """What each code moved on each date, of those that did."""
    before: dict[str, tuple[int, int]] = {}
    for on, code, debit_fen, credit_fen in days:
        known = before.get(code)
        before[code] = (debit_fen, credit_fen)
        if known is None:
            yield on, code, debit_fen, credit_fen
        elif known != (debit_fen, credit_fen):
            yield on, code, debit_fen - known[0], credit_fen - known[1]


def test_an_old_ledger_has_the_rows_that_its_facts_make(
    old: str, old_rows: dict[str, Rows]
) -> None:
    migrate(old)
    engine = sqlalchemy_engine(parse_database_url(old))
    with engine.connect() as connection:
        found = rows_of(connection, merchant_statements.MODEL)
        trial = rows_of(connection, trial_balance.MODEL)
        indexes = inspect(connection).get_indexes("statement_lines")
        tables = set(inspect(connection).get_table_names())
    engine.dispose()
    right = old_rows["merchant_statements"]
    assert found == right | {"statement_ends": sorted([*right["statement_ends"], _IDLE])}
    assert trial == old_rows["trial_balance"]
    assert len(right["statement_days"]) > 10 and len(trial["trial_days"]) > 30
    assert indexes == []
    assert not tables & {"merchant_positions", "statement_escrow", "trial_movements"}
    assert "merchant_positions__old" not in tables


def test_migrating_again_changes_nothing(old: str) -> None:
    migrate(old)
    engine = sqlalchemy_engine(parse_database_url(old))
    with engine.begin() as connection:
        before = rows_of(connection, merchant_statements.MODEL)
    migrate(old)
    with engine.begin() as connection:
        assert rows_of(connection, merchant_statements.MODEL) == before
    engine.dispose()
