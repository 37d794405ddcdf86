"""An empty ledger to write rows to, and the facts of the story."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from domain.kernel import Recorded
from migrations.run import migrate
from tests.projections.applied import MODELS, Rows, apply, connected, rows_of
from tests.projections.story import story


@pytest.fixture
def books(migrated_url: str) -> Iterator[Connection]:
    """Every read model's tables, empty, on each database."""
    with connected(migrated_url) as connection:
        yield connection


@pytest.fixture(scope="session")
def story_facts(tmp_path_factory: pytest.TempPathFactory) -> list[Recorded]:
    return story(tmp_path_factory.mktemp("story") / "story.db")


@pytest.fixture(scope="session")
def story_rows(
    story_facts: list[Recorded], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Rows]:
    """What every read model makes of the story in one batch, on SQLite."""
    url = f"sqlite:///{tmp_path_factory.mktemp('rows') / 'rows.db'}"
    migrate(url)
    with connected(url) as connection:
        for model in MODELS:
            apply(connection, model, story_facts)
        return {model.name: rows_of(connection, model) for model in MODELS}


@pytest.fixture
def told(books: Connection, story_facts: list[Recorded]) -> Connection:
    """Every read model with the whole story in it."""
    for model in MODELS:
        apply(books, model, story_facts, 50)
    return books
