"""`zhangfang init`: creates the ledger's tables, or brings them up to date."""

from api.cli.output import DatabaseOption, JsonOption, answering
from domain.eventstore.database import parse_database_url
from migrations.run import migrate


def init(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Create or migrate the database; nothing happens when it is up to date."""
    with answering(database, as_json) as say:
        migrate(say.database_url)
        place = parse_database_url(say.database_url)
        if say.as_json:
            say.json({"database": place.path or repr(place), "dialect": place.dialect})
        say.line(f"The ledger is ready: {place!r}")
