"""`zhangfang lists`: who is to be stopped, or looked at, loaded from a file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.asking import actor_of
from api.cli.opening import keeping, open_desk
from api.cli.output import DatabaseOption, JsonOption, answering
from api.operations.list_files import MOST_BYTES, read_list
from api.operations.screening import Screening
from api.settings import load_settings
from domain.fields import checked_number
from domain.ledger.ledger import utc_us
from domain.refusals import Code, Refused
from domain.screening import lists

AGAIN = "Stopped. The same command goes on where this one stopped; so does a server's worker."

app = typer.Typer(no_args_is_help=True, help="Lists of who is to be stopped, or looked at.")


@app.callback()
def group() -> None:
    """Lists of who is to be stopped, or looked at."""


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="CSV or JSON; see docs/authorities.md.")],
    name: Annotated[str | None, typer.Option(help="The list, if the file does not say.")] = None,
    version: Annotated[int | None, typer.Option(help="Its version, likewise.")] = None,
    operator: Annotated[
        str | None, typer.Option(help="Who loads it; else the name you are logged in with.")
    ] = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a list in force, and look every member up again. Stopped, the same command goes on."""
    with answering(database, as_json, interrupted=AGAIN) as say:
        actor = actor_of(operator)
        with file.open("rb") as opened:
            found = read_list(opened.read(MOST_BYTES + 1))
        wanted = checked_number(name or found.list_name, "name", longest=32)
        number = version if version is not None else found.version
        if number < 1:
            raise Refused(Code.LIST_INVALID, "version", "a version from 1 on is needed")
        kept = keeping(say.database_url, load_settings())
        with open_desk(say.database_url, kept=kept) as context:
            screening = context.desk.screening
            assert isinstance(screening, Screening)
            content = screening.tokenised(wanted, number, found.lines)
            result = screening.load(content, context.writes, utc_us(), actor)
            context.projector.catch_up()
            with say.progress("members") as told:
                looked = screening.scan(utc_us(), told)
            state = context.ledger.state(lists.STREAM)
        if say.as_json:
            say.json({**result, "looked": looked, "done": state.done})
        said = "was loaded before" if result["replayed"] else "is in force"
        say.line(f"{wanted} version {number} {said}: {result['entries']} entries.")
        say.line(f"{looked} members were looked at by this run, {state.looked} in all.")


@app.command()
def show(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Say which lists are in force, and how far members were looked at since the last load."""
    with answering(database, as_json) as say:
        with open_desk(say.database_url) as context:
            state = context.ledger.state(lists.STREAM)
        shown: list[dict[str, Any]] = [
            {
                "list_name": one.list_name,
                "version": one.version,
                "blob": one.blob,
                "persons": one.persons,
                "enterprises": one.enterprises,
            }
            for one in sorted(state.lists, key=lambda one: one.list_name)
        ]
        if say.as_json:
            say.json({"lists": shown, "looked": state.looked, "done": state.done})
        for one in shown:
            counts = f"{one['persons']} persons, {one['enterprises']} enterprises"
            say.line(f"{one['list_name']} version {one['version']}: {counts}")
        say.line(f"{state.looked} members looked at; {'all' if state.done else 'not all yet'}")
