"""`zhangfang drill`: attack a server of its own, on this machine alone, and tell what others felt.

It is bounded in connections, bytes and seconds, and its ledger is gone with it, on Ctrl-C too. The
drills stand with the benchmarks and are loaded only when they are asked for.
"""

import secrets
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from api.cli.output import FOUND, JsonOption, Say, answering
from domain.refusals import Code, Refused

app = typer.Typer(no_args_is_help=True, help="Attack a server of its own and see how it bears it.")

Tell = Callable[[str], None]
INSTALL = "it needs Schemathesis and Hypothesis, which are not here: pip install 'zhangfang[dev]'"
SECONDS = 60
DOCUMENTS = 5_000
PAYMENTS = 2_000
SESSIONS, PAYERS_FACTOR = 200, 200
PAYERS_FAULTS = "all,decline_payer=150,decline_channel=60,second_charge=60,late_success=600"
FACTOR = 1_200  # An hour of back-off is three seconds.

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
FaultsOption = Annotated[str, typer.Option(help="Of the simulator: none, all, or kind=permille,…")]
KillsOption = Annotated[
    int, typer.Option(min=0, max=50, help="How often the server is killed, and the simulator.")
]
FactorOption = Annotated[
    int, typer.Option(min=1, max=10_000, help="How many times as fast as the wall's time is.")
]
DrillSeedOption = Annotated[
    int | None, typer.Option(min=0, max=2**32, help="The same seed, the same drill.")
]
UNTOUCHED = "Stopped. The drill's server and its ledger are gone; yours were not touched."


@app.command("doors")
def doors(
    backend: BackendOption = "sqlite",
    postgres: PostgresOption = None,
    as_json: JsonOption = False,
) -> None:
    """Large, slow, silent and costly requests, while a second client's go on."""
    from benchmarks.drills.doors import drill

    with answering(None, as_json, interrupted=UNTOUCHED) as say:
        _run(say, backend, postgres, drill, _say)


def _run(
    say: Say,
    backend: Literal["sqlite", "postgresql"],
    postgres: str | None,
    drill: Callable[[str, Tell], dict[str, Any]],
    show: Callable[[Say, dict[str, Any]], None],
) -> None:
    """Run a drill on an empty ledger of its own and say what it found; Exit(FOUND) if it did."""
    from benchmarks.databases import databases
    from benchmarks.ending import terminated_like_interrupted

    try:
        with (
            terminated_like_interrupted(),
            databases([backend], postgres) as made,
            made.empty(backend) as url,
        ):
            found = drill(url, _tell(say))
    except RuntimeError as error:  # No PostgreSQL to be had, or the server did not start.
        raise Refused(Code.REQUEST_INVALID, "backend", str(error)) from None
    if say.as_json:
        say.json({"backend": backend, **found})
    show(say, found)
    if not found["passed"]:
        raise typer.Exit(FOUND)


def _tell(say: Say) -> Tell:
    """What is said on the way is for a person."""
    return say.err.print if not say.as_json else lambda _: None


def _seed(say: Say, seed: int | None) -> int:
    """The seed that was given, or one that is said."""
    chosen = secrets.randbelow(2**32) if seed is None else seed
    _tell(say)(f"seed {chosen}")
    return chosen


@app.command("requests")
def generated(
    seconds: Annotated[
        int | None, typer.Option(min=1, max=86_400, help="For how long; 60 unless --examples.")
    ] = None,
    examples: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="So many of each operation in each role."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32, help="The same seed, the same requests.")
    ] = None,
    backend: BackendOption = "sqlite",
    postgres: PostgresOption = None,
    as_json: JsonOption = False,
) -> None:
    """Generated REST requests and GraphQL queries of every role; then the books are verified."""
    with answering(None, as_json, interrupted=UNTOUCHED) as say:
        if seconds is not None and examples is not None:
            raise Refused(Code.REQUEST_INVALID, "examples", "either --seconds or --examples")
        try:
            from benchmarks.drills.requests import drill
        except ModuleNotFoundError as missing:
            detail = f"{INSTALL} ({missing.name})"
            raise Refused(Code.REQUEST_INVALID, "requests", detail) from None
        limit = SECONDS if seconds is None and examples is None else seconds
        chosen = _seed(say, seed)
        asked = partial(drill, seed=chosen, seconds=limit, examples=examples)
        _run(say, backend, postgres, asked, _say_requests)


@app.command("graphql")
def documents(
    count: Annotated[
        int, typer.Option("--documents", min=1, max=1_000_000, help="How many are generated.")
    ] = DOCUMENTS,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32, help="The same seed, the same documents.")
    ] = None,
    backend: BackendOption = "sqlite",
    postgres: PostgresOption = None,
    as_json: JsonOption = False,
) -> None:
    """Generated GraphQL documents, answered by plans and by the stock executor, byte for byte."""
    with answering(None, as_json, interrupted=UNTOUCHED) as say:
        try:
            from benchmarks.drills.graphql import drill
        except ModuleNotFoundError as missing:
            detail = f"{INSTALL} ({missing.name})"
            raise Refused(Code.REQUEST_INVALID, "graphql", detail) from None
        asked = partial(drill, seed=_seed(say, seed), documents=count)
        _run(say, backend, postgres, asked, _say_documents)


@app.command("channels")
def channels(
    payments: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="How many are begun.")
    ] = PAYMENTS,
    faults: FaultsOption = "all",
    kills: KillsOption = 3,
    factor: FactorOption = FACTOR,
    seed: DrillSeedOption = None,
    backend: BackendOption = "sqlite",
    postgres: PostgresOption = None,
    as_json: JsonOption = False,
) -> None:
    """Traffic over channels that misbehave, and kills; then both sides' books are compared."""
    from benchmarks.drills.channels.drill import drill

    with answering(None, as_json, interrupted=UNTOUCHED) as say:
        chosen = _seed(say, seed)
        asked = partial(
            drill, seed=chosen, payments=payments, faults=faults, kills=kills, factor=factor
        )
        _run(say, backend, postgres, asked, _say_channels)


@app.command("cashier")
def cashier(
    sessions: Annotated[
        int, typer.Option(min=1, max=2_000, help="How many, each with payers of its own, at once.")
    ] = SESSIONS,
    faults: FaultsOption = PAYERS_FAULTS,
    kills: KillsOption = 3,
    factor: FactorOption = PAYERS_FACTOR,
    seed: DrillSeedOption = None,
    backend: BackendOption = "sqlite",
    postgres: PostgresOption = None,
    as_json: JsonOption = False,
) -> None:
    """Payers at the cashier's pages, all at once, faults outside, kills; then pages and books."""
    from benchmarks.drills.cashier.drill import drill

    with answering(None, as_json, interrupted=UNTOUCHED) as say:
        chosen = _seed(say, seed)
        asked = partial(
            drill, seed=chosen, sessions=sessions, faults=faults, kills=kills, factor=factor
        )
        _run(say, backend, postgres, asked, _say_cashier)


def _say_cashier(say: Say, found: dict[str, Any]) -> None:
    say.line(
        f"{found['sessions']:,} sessions in {found['seconds']:,} s on a clock {found['factor']:,} "
        f"times as fast, seed {found['seed']}: {found['pages']:,} pages, {found['choices']:,} "
        f"choices; {found['ends'].get('paid', 0):,} are paid"
    )
    for name in ("twice", "overtaken", "untrue", "strayed"):
        for one in found[name]:
            say.line(f"{name}: {one}", "bold red")
    for one in found["explained"]:
        say.line(f"explained: {one}")
    _say_books(say, found)


def _say_channels(say: Say, found: dict[str, Any]) -> None:
    say.line(
        f"{found['payments']:,} payments in {found['seconds']:,} s on a clock {found['factor']:,} "
        f"times as fast, seed {found['seed']}: {found['instructions']:,} instructions"
    )
    _say_books(say, found)


def _say_books(say: Say, found: dict[str, Any]) -> None:
    table = Table("Fault")
    table.add_column("Times", justify="right")
    for kind, count in found["faults"].items():
        table.add_row(kind, f"{count:,}")
    say.table(table)
    for name in ("differences", "stranded", "wrong", "idle"):
        for one in found[name]:
            say.line(f"{name}: {one}", "bold red")
    for name in ("listed", "untold"):
        for one in found[name]:
            say.line(f"{name}: {one}")
    items, payouts = len(found["suspense"]), found["withheld"]
    say.line(f"{items} items wait in suspense, {payouts} payouts for an account at the bank")
    if found.get("unstruck"):
        say.line(f"never struck: {', '.join(found['unstruck'])}")
    say.line("The books verify." if found["verify"] == "clean" else "The books DO NOT VERIFY.")
    say.line("passed" if found["passed"] else f"NOT PASSED; again: {found['again']}")


def _say_documents(say: Say, found: dict[str, Any]) -> None:
    table = Table("Answers", title=f"{found['documents']:,} documents, seed {found['seed']}")
    table.add_column("Count", justify="right")
    for kind, count in found["answers"].items():
        table.add_row(kind, f"{count:,}")
    say.table(table)
    say.line(f"{found['planned_percent']} % of the answers without errors came of plans")
    for why, count in found["stock_because"].items():
        say.line(f"  stock: {why} ({count:,})")
    for one in found["findings"]:
        say.line(f"{one['fault']}: {one['role']}, document {one['seed']}", "bold red")
        for name in ("query", "operation_name", "variables", "shrunk", "planned", "stock"):
            say.line(f"  {name}: {one[name]}")
    say.line("passed" if found["passed"] else "NOT PASSED")


def _say_requests(say: Say, found: dict[str, Any]) -> None:
    say.line(f"{found['requests']:,} requests in {found['seconds']:,} s, seed {found['seed']}")
    table = Table("Status")
    table.add_column("Answers", justify="right")
    for status, count in found["statuses"].items():
        table.add_row(status, f"{count:,}")
    say.table(table)
    examples = [one["example"] for one in found["operations"].values()]
    done = sum(one.startswith("2") for one in examples)
    say.line(f"Of {len(examples)} operations' own examples {done} succeed; --json tells of each.")
    for one in found["faults"]:
        say.line(f"{one['kind']}: {one['where']}", "bold red")
        say.line(f"  {one['request']}")
        say.line(f"  {one['answer']}")
    for one in found["incidents"]:
        say.line(one)
    say.line("The books verify." if found["books"]["clean"] else "The books DO NOT VERIFY.")
    say.line("passed" if found["passed"] else "NOT PASSED")


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
