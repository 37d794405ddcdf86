"""`zhangfang projections`: how far each read model is, building them anew, going back, going on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli.opening import open_desk
from api.cli.output import FOUND, DatabaseOption, JsonOption, Say, answering
from api.context import AppContext
from domain.ledger.ledger import utc_us
from domain.refusals import Code, Refused
from projections.engine.checkpoints import UNMADE
from projections.engine.engine import Status
from projections.engine.folding import live
from projections.engine.model import ReadModel
from projections.rebuilding import rebuild as rebuilding
from projections.rebuilding import shadow, swap
from projections.rebuilding.rebuild import RebuildResult
from projections.registry import READ_MODELS, chosen

app = typer.Typer(no_args_is_help=True, help="The read models: status, rebuild, rollback, resume.")

AGAIN = (
    "Stopped. The live tables are as they were; the same command goes on where this one stopped."
)
NamesArgument = Annotated[list[str] | None, typer.Argument(help="Names of read models.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every read model.")]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Swap in even what differs from the live rows.")
]


@app.command()
def status(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Position, head, lag and state of each read model, as they are now."""
    with answering(database, as_json) as say:
        with open_desk(say.database_url) as context:
            found = _with_missing(context, context.desk.projector.status(utc_us()))
        if say.as_json:
            say.json({"projections": [_status_json(one) for one in found]})
        _say_status(say, found)


def _with_missing(context: AppContext, found: list[Status]) -> list[Status]:
    """A read model whose tables were dropped does not run, whatever its checkpoint says."""
    with context.engine.connect() as connection:
        missing = {
            name for name, model in READ_MODELS.items() if not shadow.exist(connection, live(model))
        }
    return [
        one._replace(state="missing", reason=UNMADE) if one.name in missing else one
        for one in found
    ]


def _status_json(one: Status) -> dict[str, Any]:
    return {
        "name": one.name,
        "position": one.position,
        "head": one.head,
        "lag_events": one.lag_events,
        "lag_seconds": one.lag_seconds,
        "state": one.state,
        "reason": one.reason,
        "reason_position": one.reason_position,
        "generation": one.generation,
    }


def _say_status(say: Say, found: list[Status]) -> None:
    table = Table()
    table.add_column("read model")
    for name in ("position", "head", "behind", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("state")
    for one in found:
        state = one.state if one.reason is None else f"{one.state}: {one.reason}"
        figures = (one.position, one.head, one.lag_events, one.lag_seconds)
        table.add_row(one.name, *(f"{figure:,}" for figure in figures), state)
    say.table(table)


@app.command()
def rebuild(
    names: NamesArgument = None,
    every: AllOption = False,
    force: ForceOption = False,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build read models beside the live ones, compare, swap in; exit 1 if one is not swapped in."""
    with answering(database, as_json, interrupted=AGAIN) as say:
        models = _models(names, every=every)
        with open_desk(say.database_url) as context, say.progress("facts") as told, _refusals():
            results = rebuilding.rebuild(
                context.ledger.recorder,
                context.writes,
                models,
                force=force,
                on_progress=lambda done, total: told("rebuilding", done, total),
            )
        if say.as_json:
            say.json({"rebuilt": results})
        for one in results:
            _say_rebuilt(say, one)
    if not all(one.swapped for one in results):
        raise typer.Exit(FOUND)


def _say_rebuilt(say: Say, one: RebuildResult) -> None:
    if not one.swapped:
        say.line(f"{one.name}: NOT swapped in: {one.reason}; --force does it all the same", "red")
        return
    if one.equal is None:
        compared = "there was nothing whole to compare with"
    else:
        compared = "equal to the live rows" if one.equal else "DIFFERENT from the live rows"
    speed = f"{one.facts * 1000 // max(one.ms, 1):,} facts/s"
    say.line(
        f"{one.name}: {one.facts:,} facts, {speed}; {compared}; swapped in at {one.position:,}"
    )


@app.command()
def rollback(
    names: NamesArgument = None,
    every: AllOption = False,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back the tables that the last rebuild put aside."""
    with answering(database, as_json) as say:
        models = _models(names, every=every)
        with open_desk(say.database_url) as context, _refusals():
            found = swap.rollback(context.writes, models)
            context.desk.catch_up()
        if say.as_json:
            rows = [{"name": name, "position": position} for name, position in found.items()]
            say.json({"rolled_back": rows})
        for name, position in found.items():
            say.line(f"{name}: back to the tables from before, which stood at {position:,}")


@app.command()
def resume(
    name: Annotated[str, typer.Argument(help="A read model that is paused.")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a paused read model try its fact again; exit 1 if it stays paused."""
    with answering(database, as_json) as say:
        _models([name], every=False)
        with open_desk(say.database_url) as context:
            resumed = context.desk.projector.resume(name)
            context.desk.catch_up()
            found = _with_missing(context, context.desk.projector.status(utc_us()))
        now = next(one for one in found if one.name == name)
        if say.as_json:
            say.json({"resumed": resumed, **_status_json(now)})
        was = "it goes on" if resumed else "it was not paused"
        reason = f": {now.reason}" if now.reason else ""
        say.line(f"{name}: {was}; {now.state} at {now.position:,}{reason}")
    if now.reason is not None:
        raise typer.Exit(FOUND)


def _models(names: list[str] | None, *, every: bool) -> list[ReadModel]:
    """The models meant. Raises Refused(REQUEST_INVALID, "name")."""
    if every == bool(names):
        raise Refused(Code.REQUEST_INVALID, "name", "names of read models, or --all, are needed")
    try:
        return chosen(names or [])
    except ValueError as error:
        raise Refused(Code.REQUEST_INVALID, "name", str(error)) from None


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (swap.RebuildRunning, swap.SwapBusy) as error:
        raise Refused(Code.BUSY, "projections", str(error)) from None
    except swap.NothingKept as error:
        raise Refused(Code.REQUEST_INVALID, "name", str(error)) from None
