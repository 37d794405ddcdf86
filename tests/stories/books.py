"""An open ledger with its read side, for stories that run a feed through it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from api.operations.desk import Desk
from api.operations.feed import read_feed
from api.operations.feed.terms import NONE, FeedTerms
from api.operations.importing import Importer, ImportReport
from domain.channel.adapters.simulated import SimulatedChannel
from domain.eventstore.database import sqlalchemy_engine
from domain.ledger.ledger import Ledger
from domain.member import member
from migrations.run import migrate
from projections.engine.engine import Projector
from projections.models.statements import Statement, statement
from projections.registry import READ_MODELS

EVER = (date(2000, 1, 1), date(2100, 1, 1))


@contextmanager
def open_books(url: str) -> Iterator[Desk]:
    """A desk on a migrated database; everything is closed at the end."""
    migrate(url)
    ledger = Ledger.open(url)
    engine = sqlalchemy_engine(ledger.database)
    projector = Projector(ledger.recorder, engine, list(READ_MODELS.values()))
    try:
        yield Desk(ledger, engine, projector, SimulatedChannel())
    finally:
        ledger.close()
        engine.dispose()


def import_feed(
    desk: Desk,
    directory: Path,
    settle_through: date | None = None,
    *,
    allow_gap: bool = False,
    terms: FeedTerms = NONE,
) -> tuple[ImportReport, Importer]:
    def known(merchant: str) -> bool:
        return desk.ledger.state(member.stream(merchant)).kind is not None

    importer = Importer(desk, read_feed(directory, known), allow_gap=allow_gap, terms=terms)
    return importer.run(settle_through), importer


def statement_of(desk: Desk, merchant: str) -> Statement:
    """A merchant's statement over all time."""
    with desk.engine.connect() as connection:
        found = statement(connection, merchant, *EVER)
    assert found is not None, merchant
    return found
