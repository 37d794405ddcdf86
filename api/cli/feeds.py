"""`zhangfang feed generate`: a synthetic trading feed of any size."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import DatabaseOption, JsonOption, answering, naming
from api.operations import feed

app = typer.Typer(no_args_is_help=True, help="Trading feeds.")


@app.callback()
def group() -> None:
    """Trading feeds."""


@app.command()
def generate(
    directory: Annotated[Path, typer.Argument(help="Where the files are written.")],
    orders: Annotated[int, typer.Option(help="Checkouts.")] = 1_000,
    merchants: Annotated[int, typer.Option(help="Merchants.")] = 20,
    days: Annotated[int, typer.Option(help="Days with checkouts, from 2011-01-04 on.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a feed in the format that `zhangfang import` takes."""
    again = "Stopped. Files that were not finished are gone; run the command again."
    with answering(database, as_json, interrupted=again) as say:
        with say.progress("orders") as told, naming("directory"):
            feed.generate(
                directory,
                orders,
                merchants,
                days,
                seed,
                lambda done: told("generating", done, orders),
            )
        names = sorted(path.name for path in directory.glob("*.csv.gz"))
        if say.as_json:
            sizes = {"orders": orders, "merchants": merchants, "days": days, "seed": seed}
            say.json({"directory": str(directory), "files": names, **sizes})
        say.line(f"{orders:,} checkouts of {merchants:,} merchants over {days:,} days: {directory}")
