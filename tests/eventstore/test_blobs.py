"""Blobs under their hash, on either database."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, func, select

from domain.eventstore import blobs
from domain.eventstore.database import parse_database_url, sqlalchemy_engine


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    engine = sqlalchemy_engine(parse_database_url(migrated_url))
    yield engine
    engine.dispose()


def test_the_same_bytes_are_kept_once_however_often_they_come(engine: Engine) -> None:
    first, second = b"\0one", b""
    blobs.put(engine, [first, second, first])
    blobs.put(engine, [second, first])
    blobs.put(engine, [])
    with engine.connect() as connection:
        assert blobs.read(connection, blobs.name_of(first)) == first
        assert blobs.read(connection, blobs.name_of(second)) == second
        assert connection.execute(select(func.count()).select_from(blobs.BLOBS)).scalar() == 2
