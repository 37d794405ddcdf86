"""The migrations make exactly the tables that the read models say they have."""

from typing import Any

import pytest
from sqlalchemy import Connection, Table, text

from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from projections.engine import checkpoints
from projections.engine.model import METADATA
from tests.projections.applied import MODELS

# Columns, keys and indexes as PostgreSQL's own catalogue describes them.
POSTGRESQL = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       col.collname, pg_get_expr(d.adbin, d.adrelid), a.attnum
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
LEFT JOIN pg_collation col ON col.oid = a.attcollation
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = current_schema::regnamespace AND c.relkind = 'r'
UNION ALL
SELECT tablename, indexname, indexdef, true, null, null, 0
FROM pg_indexes WHERE schemaname = current_schema
ORDER BY 1, 7, 2
"""
SQLITE = """
SELECT m.name, i.name, i.type, i."notnull", i.dflt_value, i.pk, i.cid
FROM sqlite_master m JOIN pragma_table_info(m.name) i WHERE m.type = 'table'
UNION ALL SELECT tbl_name, name, sql, 1, null, null, 0 FROM sqlite_master WHERE type = 'index'
ORDER BY 1, 7, 2
"""


def described(connection: Connection) -> list[tuple[Any, ...]]:
    statement = POSTGRESQL if connection.dialect.name == "postgresql" else SQLITE
    names = set(METADATA.tables)
    return [tuple(row) for row in connection.execute(text(statement)) if row[0] in names]


def test_the_migrated_tables_are_those_of_the_read_models(migrated_url: str) -> None:
    engine = sqlalchemy_engine(parse_database_url(migrated_url))
    try:
        with engine.begin() as connection:
            migrated = described(connection)
            METADATA.drop_all(connection)
            assert described(connection) == []
            METADATA.create_all(connection)
            assert migrated == described(connection)
            columns = sum(len(table.columns) for table in METADATA.tables.values())
            indexes = sum(len(table.indexes) for table in METADATA.tables.values())
            assert len(migrated) == columns + indexes + len(METADATA.tables), "keys have one each"
    finally:
        engine.dispose()


@pytest.mark.parametrize("table", METADATA.tables.values(), ids=str)
def test_every_table_belongs_to_one_model_and_has_a_key(table: Table) -> None:
    owners = [model.name for model in MODELS if table in model.tables]
    assert len(owners) == 1 or table is checkpoints.CHECKPOINTS
    assert table.primary_key.columns
