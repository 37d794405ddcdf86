"""A PostgreSQL ledger beside a SQLite one, for stories that compare the two."""

import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests import servers


@pytest.fixture
def postgres_schema_url(postgres_url: str) -> Iterator[str]:
    schema = f"story_{os.getpid()}"
    yield servers.with_query(postgres_url, schema=schema)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema))
        )
