"""The same facts give the same rows: in any batches, on both databases."""

import pytest
from sqlalchemy import Connection

from domain.kernel import Recorded
from projections.engine.model import ReadModel
from projections.engine.writing import write_together
from tests.projections.applied import MODELS, Rows, apply, clear, rows_of
from tests.projections.models.test_wallets import FACTS as SPENT

# The story is of 2010, and caps of wallets began in 2016: it has none of their facts.
LATER = {"wallets": SPENT}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_rows_do_not_depend_on_the_batches(
    books: Connection,
    model: ReadModel,
    story_facts: list[Recorded],
    story_rows: dict[str, Rows],
) -> None:
    facts, wanted = story_facts, story_rows[model.name]
    if model.name in LATER:
        facts = LATER[model.name]
        apply(books, model, facts)
        wanted = rows_of(books, model)
        clear(books, model)
    assert all(wanted.values()), "the story leaves a table empty"
    for size in (1, 2, 7, None):
        apply(books, model, facts, size)
        assert rows_of(books, model) == wanted, f"in batches of {size}"
        clear(books, model)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_an_empty_batch_writes_nothing(books: Connection, model: ReadModel) -> None:
    tables = {table.name: table for table in model.tables}
    write_together(books, [(model, tables, model.new_delta())], lambda: None)
    assert not any(rows_of(books, model).values())


def test_every_fact_with_an_entry_is_in_the_journal(story_facts: list[Recorded]) -> None:
    from projections.models.journal import MODEL

    with_entry = {type(one.fact) for one in story_facts if "entry" in one.fact.__struct_fields__}
    assert with_entry <= MODEL.folds.keys()
