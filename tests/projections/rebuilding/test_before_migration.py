"""A read model that is rebuilt before its migration runs: the order does not matter."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, inspect

from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.eventstore.opening import open_recorder
from domain.eventstore.recorder import LedgerRecorder
from migrations.run import migrate
from projections.engine.engine import Projector
from projections.rebuilding.comparison import check
from projections.rebuilding.rebuild import rebuild
from projections.registry import READ_MODELS
from tests.projections import example
from tests.projections.example import TALLIES

ROOT = Path(__file__).parents[3]
VERSION = """
import sqlalchemy as sa
from migrations.tables import add_column, create_index, create_table
from projections.engine.model import TEXT

revision, down_revision, branch_labels, depends_on = "tallies", {after!r}, None, None

def upgrade():
    create_table(
        "tally_totals",
        sa.Column("account", TEXT, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("held_fen", sa.BigInteger, nullable=False),
        sa.Column("last_day", sa.Date),
        sa.Column("large", sa.Boolean, nullable=False),
    )
    add_column("tally_totals", sa.Column("large", sa.Boolean, nullable=False))
    create_index("tally_totals_held", "tally_totals", ["held_fen", "account"])
    create_table(
        "tally_lines",
        sa.Column("position", sa.BigInteger, primary_key=True),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("reason", TEXT),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("mark", sa.LargeBinary),
    )
    create_index("tally_lines_account", "tally_lines", ["account", "position"])
    create_index("tally_lines_positive", "tally_lines", ["amount_fen"], "amount_fen > 0")
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The folder of the migration that makes the example's tables."""
    folder = tmp_path / "versions"
    folder.mkdir()
    newest = sorted((ROOT / "migrations/versions").glob("[0-9]*.py"))[-1].name[:4]
    (folder / "tallies.py").write_text(VERSION.format(after=newest))
    return folder


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    engine = sqlalchemy_engine(parse_database_url(migrated_url))
    yield engine
    engine.dispose()


@pytest.fixture
def recorder(migrated_url: str) -> Iterator[LedgerRecorder]:
    with closing(open_recorder(parse_database_url(migrated_url))) as recorder:
        example.append(recorder, example.facts(200))
        yield recorder


def test_rebuilt_first_and_migrated_afterwards(
    migrated_url: str, engine: Engine, recorder: LedgerRecorder, own: Path
) -> None:
    (result,) = rebuild(recorder, engine, [TALLIES])
    assert result.swapped
    migrate(migrated_url, [own])
    migrate(migrated_url, [own])
    example.append(recorder, example.facts(50, 200))
    Projector(recorder, engine, [TALLIES]).catch_up()
    assert check(recorder, engine, [TALLIES]) == []
    (again,) = rebuild(recorder, engine, [TALLIES])
    assert (again.equal, again.swapped, again.position) == (True, True, 250)


def test_migrated_first_and_rebuilt_afterwards(
    migrated_url: str, engine: Engine, recorder: LedgerRecorder, own: Path
) -> None:
    migrate(migrated_url, [own])
    Projector(recorder, engine, [TALLIES]).catch_up()
    (result,) = rebuild(recorder, engine, [TALLIES])
    assert (result.equal, result.swapped) == (True, True)
    assert check(recorder, engine, [TALLIES]) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE tally_totals ADD COLUMN more integer",
        "ALTER TABLE tally_totals RENAME COLUMN large TO big",
    ],
)
def test_what_an_earlier_draft_made_is_replaced_and_told(
    migrated_url: str,
    engine: Engine,
    recorder: LedgerRecorder,
    own: Path,
    change: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The draft's rows are not the model's; it begins anew, and ends with the facts' rows."""
    rebuild(recorder, engine, [TALLIES])
    with engine.begin() as connection:
        connection.exec_driver_sql(change)
    READ_MODELS[TALLIES.name] = TALLIES  # As whoever adds one does.
    try:
        migrate(migrated_url, [own])
    finally:
        del READ_MODELS[TALLIES.name]
    assert "tally_totals had other columns" in caplog.text
    Projector(recorder, engine, [TALLIES]).catch_up()
    assert check(recorder, engine, [TALLIES]) == []


def test_shipped_models_may_have_been_there_before_their_migrations(migrated_url: str) -> None:
    """Tables as a rebuild makes them, before the ledger has any: `init` takes them as they are."""
    models = list(READ_MODELS.values())
    engine = sqlalchemy_engine(parse_database_url(migrated_url))
    before = _columns(engine)
    with closing(open_recorder(parse_database_url(migrated_url))) as recorder:
        example.append(recorder, example.facts(3))
        Projector(recorder, engine, models).catch_up()
        results = rebuild(recorder, engine, models)
        assert len(results) == len(models) and all(one.swapped for one in results)
    version = "UPDATE alembic_version SET version_num = '0001'"
    made = ("sealed_changes", "blobs", "blob_pieces")
    later = (*(f"DROP TABLE {table}" for table in made), *_take_back_seals(engine))
    with engine.begin() as connection:
        for statement in (version, *later):
            connection.exec_driver_sql(statement)
    migrate(migrated_url)
    after = _columns(engine)
    assert len(after) > len(models) and str(before) == str(after)
    engine.dispose()


def _columns(engine: Engine) -> dict[str, list[Any]]:
    """Of every table of every read model."""
    names = (table.name for model in READ_MODELS.values() for table in model.tables)
    inspector = inspect(engine)
    return {name: list(inspector.get_columns(name)) for name in names}


def _take_back_seals(engine: Engine) -> list[str]:
    trigger = ["DROP TRIGGER commit_log_refuse_unsealed"] if engine.dialect.name == "sqlite" else []
    columns = ("seal_number", "seal")
    return trigger + [f"ALTER TABLE commit_log DROP COLUMN {column}" for column in columns]
