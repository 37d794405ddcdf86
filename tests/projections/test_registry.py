"""Every read model of the house, through the engine: live, rebuilt and verified are the same."""

import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from domain.eventstore.database import parse_database_url
from domain.eventstore.opening import open_recorder
from projections import models
from projections.engine.engine import Projector
from projections.rebuilding import shadow
from projections.rebuilding.comparison import check
from projections.rebuilding.rebuild import rebuild
from projections.registry import READ_MODELS, chosen
from tests.projections.applied import MODELS
from tests.projections.example import Books, append_raw, books
from tests.projections.story import story

ALL = list(READ_MODELS.values())


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, bytes]]:
    """The story's facts as they are stored."""
    path: Path = tmp_path_factory.mktemp("story") / "story.db"
    story(path)
    recorder = open_recorder(parse_database_url(f"sqlite:///{path}"))
    try:
        return [(row.stream, row.name, row.state) for row in recorder.read_log(0, 1_000_000)]
    finally:
        recorder.close()


@pytest.fixture
def made(migrated_url: str, stored: list[tuple[str, str, bytes]]) -> Iterator[Books]:
    with books(migrated_url) as opened:
        append_raw(opened.recorder, stored)
        yield opened


_digests: dict[str, dict[str, str]] = {}


def test_the_registry_holds_every_model_under_its_own_name() -> None:
    assert [model.name for model in ALL] == list(READ_MODELS)
    assert list(MODELS) == ALL
    found = {module.name for module in pkgutil.iter_modules(models.__path__)}
    assert found == set(READ_MODELS), "a file of projections/models/ that is not registered"
    tables = [table.name for model in ALL for table in model.tables]
    assert len(tables) == len(set(tables)), "no two models share a table"


def test_models_are_chosen_by_name() -> None:
    assert chosen([]) == ALL
    assert [model.name for model in chosen(["members", "journal", "members"])] == [
        "journal",
        "members",
    ]
    with pytest.raises(ValueError, match="no such read model: jornal; there are balances, "):
        chosen(["journal", "jornal"])


@pytest.mark.parametrize("batch", [1, 13, 2_000])
def test_live_equals_rebuilt_equals_verified_on_both_databases(made: Books, batch: int) -> None:
    head = made.head()
    positions = Projector(made.recorder, made.engine, ALL, batch=batch).catch_up()
    assert positions == dict.fromkeys(READ_MODELS, head)
    digests = {model.name: made.digest(model) for model in ALL}
    assert digests == _digests.setdefault("story", digests), "another size or database differs"
    assert check(made.recorder, made.engine, ALL) == []
    results = rebuild(made.recorder, made.engine, ALL, batch=batch * 7)
    assert [(r.name, r.equal, r.swapped) for r in results] == [(n, True, True) for n in READ_MODELS]
    assert {model.name: made.digest(model) for model in ALL} == digests


def test_every_table_dropped_comes_back_to_the_byte(made: Books) -> None:
    Projector(made.recorder, made.engine, ALL).catch_up()
    digests = {model.name: made.digest(model) for model in ALL}
    for model in ALL:
        for table in model.tables:
            made.execute(f"DROP TABLE {table.name}")
    results = rebuild(made.recorder, made.engine, ALL)
    assert all(result.swapped and result.equal is None for result in results)
    assert {model.name: made.digest(model) for model in ALL} == digests


def test_no_batch_of_a_rebuild_goes_through_a_whole_table(made: Books) -> None:
    """It would cost the more, the longer the history: what a write looks up has its index."""
    if made.engine.dialect.name != "sqlite":
        return  # The same statements; only SQLite says reliably, on a few rows, how it finds them.
    plans: list[str] = []

    def explain(
        _connection: Connection, cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> None:
        if shadow.NEXT in statement and not statement.startswith(("CREATE", "DROP", "ALTER")):
            first = parameters[0] if isinstance(parameters, list) else parameters
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", first)
            plans.extend(f"{row[3]} in {statement}" for row in rows)

    event.listen(made.engine, "before_cursor_execute", explain)
    assert all(result.swapped for result in rebuild(made.recorder, made.engine, ALL, batch=40))
    assert any("settlement_payouts__next" in plan for plan in plans)
    assert [p for p in plans if p.startswith("SCAN") and "VIRTUAL TABLE" not in p] == []


def test_a_fen_too_many_anywhere_is_found(made: Books) -> None:
    Projector(made.recorder, made.engine, ALL).catch_up()
    tampered = []
    for model in ALL:
        for table in model.tables:
            column = next((c.name for c in table.columns if c.name.endswith("_fen")), None)
            if column is not None and made.rows(table):
                made.execute(
                    f"UPDATE {table.name} SET {column} = coalesce({column}, 0) + 1"  # noqa: S608
                )
                tampered.append(model.name)
    found = check(made.recorder, made.engine, ALL)
    assert len(set(tampered)) >= 8
    assert [finding.projection for finding in found] == list(dict.fromkeys(tampered))
    assert all(finding.live and finding.expected for finding in found)
