"""`zhangfang init`: creates a ledger, or brings an older one up to date."""

from api.cli.output import DatabaseOption, JsonOption, answering
from api.operations.upgrade import bring_up_to_date
from domain.eventstore.database import parse_database_url

AGAIN = "Stopped. The same command goes on where this one stopped."


def init(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Create or migrate the database; nothing happens when it is up to date."""
    with answering(database, as_json, interrupted=AGAIN) as say:
        with say.progress("facts") as told:
            upgrades = bring_up_to_date(say.database_url, told)
        place = parse_database_url(say.database_url)
        if say.as_json:
            where = {"database": place.path or repr(place), "dialect": place.dialect}
            say.json({**where, "upgrades": upgrades})
        say.line(f"The ledger is ready: {place!r}")
