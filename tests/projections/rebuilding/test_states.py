"""A rebuild knows where its shadows stand: it reads checkpoints once for each step in need."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from projections.engine.engine import Projector
from projections.rebuilding.rebuild import rebuild
from tests.projections.example import BOTH, Books, append, books, facts

# All of them at the start; the live ones before and after following them, in the view that is
# compared, and before the swap; then all of them under the swap's lock.
STEPS = 6


def read_by_a_rebuild(made: Books, batch: int) -> list[str]:
    said: list[str] = []

    def note(_connection: Connection, _cursor: Any, statement: str, *_more: Any) -> None:
        words = " ".join(statement.split())
        if words.startswith("SELECT projection_checkpoints."):
            said.append(words)

    sa.event.listen(made.engine, "before_cursor_execute", note)
    try:
        results = rebuild(
            made.recorder, made.engine, BOTH, batch=batch, on_progress=lambda _done, _total: None
        )
    finally:
        sa.event.remove(made.engine, "before_cursor_execute", note)
    assert [result.swapped for result in results] == [True, True]
    return said


def test_checkpoints_are_read_once_a_step_however_many_models_and_pages(migrated_url: str) -> None:
    with books(migrated_url) as made:
        append(made.recorder, facts(400))
        Projector(made.recorder, made.engine, BOTH).catch_up()
        for batch in (1_000, 50):
            assert len(read_by_a_rebuild(made, batch)) == STEPS
