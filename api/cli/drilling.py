"""`zhangfang drill`: attack a server of its own, on this machine alone, and tell what others felt.

It is bounded in connections, bytes and seconds, and its ledger is gone with it, on Ctrl-C too. The
drills stand with the benchmarks and are loaded only when they are asked for.
"""

from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from api.cli.output import FOUND, JsonOption, Say, answering
from domain.refusals import Code, Refused

app = typer.Typer(no_args_is_help=True, help="Attack a server of its own and see how it bears it.")

BackendOption = Annotated[
    Literal["sqlite", "postgresql"], typer.Option("--backend", help="The database to drill on.")
]
PostgresOption = Annotated[
    str | None,
    typer.Option(
        "--postgres",
        metavar="URL",
        help="A database in which schemas may be made; else a server is started for the drill.",
    ),
]
UNTOUCHED = "Stopped. The drill's server and its ledger are gone; yours were not touched."


@app.command("doors")
def doors(
    backend: BackendOption = "sqlite",
    postgres: PostgresOption = None,
    as_json: JsonOption = False,
) -> None:
    """Large, slow, silent and costly requests, while a second client's go on."""
    from benchmarks.databases import databases
    from benchmarks.drills.doors import drill

    with answering(None, as_json, interrupted=UNTOUCHED) as say:
        try:
            with databases([backend], postgres) as made, made.empty(backend) as url:
                found = drill(url, say.err.print if not say.as_json else lambda _: None)
        except RuntimeError as error:  # No PostgreSQL to be had, or the server did not start.
            raise Refused(Code.REQUEST_INVALID, "backend", str(error)) from None
        if say.as_json:
            say.json({"backend": backend, **found})
        _say(say, found)
        if not found["passed"]:
            raise typer.Exit(FOUND)


def _say(say: Say, found: dict[str, Any]) -> None:
    table = Table("Attack", "As it should", title="Doors")
    for name in ("Health p99 ms", "Transfers p99 ms", "Memory grown MB"):
        table.add_column(name, justify="right")
    for name, one in found["attacks"].items():
        client = one["second_client"]
        table.add_row(
            name,
            "yes" if one["ok"] else "NO",
            str(client["health"]["p99_ms"]),
            str(client["transfer"]["p99_ms"]),
            str(one["grown_bytes"] // 1024 // 1024),
        )
    say.table(table)
    say.line("passed" if found["passed"] else "NOT PASSED")
