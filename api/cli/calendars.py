"""`zhangfang calendar`: the working days that due dates are counted by."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct

from api.cli.asking import actor_of
from api.cli.opening import open_desk
from api.cli.output import DatabaseOption, JsonOption, answering
from domain.kernel import Request
from domain.ledger.ledger import utc_us
from domain.refusals import Code, Refused
from domain.settlement import published
from domain.settlement.calendar import Year
from domain.settlement.published import YearDays
from domain.settlement.publishing import PublishCalendar

MOST_BYTES = 1 << 20

app = typer.Typer(no_args_is_help=True, help="The working-day calendar.")


class CalendarFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A publication as it ships: `domain/settlement/data/`. What it does not need it may leave out.

    `first_year` and `last_year` must be those of `years` where they are given.
    """

    version: int
    published: date
    source: str
    years: dict[int, Year]
    corrections: dict[date, str] = {}
    first_year: int | None = None
    last_year: int | None = None


@app.callback()
def group() -> None:
    """The working-day calendar."""


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(help="A publication in JSON; see docs/calendar.md.")],
    operator: Annotated[
        str | None, typer.Option(help="Who publishes it; else the name you are logged in with.")
    ] = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish working days. Due dates that are fixed stay; what waits for a year goes on."""
    with answering(database, as_json) as say:
        actor = actor_of(operator)
        command = read_publication(file)
        content = hashlib.sha256(msgspec.json.encode(command)).hexdigest()
        number = f"calendar.publish:{command.version}:{content[:16]}"
        with open_desk(say.database_url) as context:
            wanted = Request(number, utc_us(), actor, command)
            answer = context.ledger.submit(wanted)
            result: dict[str, Any] = answer.unwrap()
        if say.as_json:
            say.json({**result, "position": answer.position, "replayed": answer.replayed})
        years = ", ".join(map(str, result["years"]))
        said = "was published before" if answer.replayed else "is in force"
        say.line(f"Version {result['version']} {said}: {years}.")


@app.command()
def show(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Say which version is in force, and for which years."""
    with answering(database, as_json) as say:
        with open_desk(say.database_url) as context:
            calendar = published.in_force(context.ledger.state(published.STREAM))
        years = [
            year
            for year in range(calendar.first_year, calendar.last_year + 1)
            if calendar.covers(year)
        ]
        if say.as_json:
            say.json({"version": calendar.version, "years": years})
        say.line(f"Version {calendar.version}: {', '.join(map(str, years))}")


def read_publication(path: Path) -> PublishCalendar:
    """A publication from its file. Raises Refused(REQUEST_INVALID), naming what is wrong; OSError
    when there is no such file."""
    with path.open("rb") as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise Refused(Code.REQUEST_INVALID, "calendar", f"it is larger than {MOST_BYTES} bytes")
    try:
        found = msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"), type=CalendarFile)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        field = f"calendar{where.removesuffix('`')}"
        raise Refused(Code.REQUEST_INVALID, field, what) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Refused(Code.REQUEST_INVALID, "calendar", f"no JSON: {error}") from None
    years = sorted(found.years)
    for name, given, stands in (
        ("first_year", found.first_year, years[:1]),
        ("last_year", found.last_year, years[-1:]),
    ):
        if given is not None and [given] != stands:
            raise Refused(Code.REQUEST_INVALID, f"calendar.{name}", f"years has {stands}")
    days = tuple(
        YearDays(year, found.years[year].holidays, found.years[year].makeup_workdays)
        for year in years
    )
    return PublishCalendar(found.version, found.published, found.source, days)
