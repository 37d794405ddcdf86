"""The simulated outside of `demo` and `run`: where it is kept, when there is none."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli.opening import open_desk
from api.cli.output import Say
from api.operations import story
from api.operations.outside import PAYEES, Outside, set_aside
from domain.eventstore.database import parse_database_url
from domain.kernel import to_us
from domain.ledger.ledger import utc_us
from domain.money import decimal_text
from domain.refusals import Code, Refused

SimulatorOption = Annotated[
    Path | None,
    typer.Option(
        "--simulator",
        metavar="DIR",
        help="Where the simulator keeps its book and keys; else beside the ledger.",
    ),
]
NoSimulatorOption = Annotated[
    bool,
    typer.Option(
        "--no-simulator",
        help="Carry payments out in this process, not over HTTP; so it is when "
        "$ZHANGFANG_CHANNELS names channels.",
    ),
]
WHOSE = {f"account:{account}": member for member, account in PAYEES.items()}
_ODD = re.compile(r"[^0-9A-Za-z_.-]+")


def beside(database_url: str, what: str = "outside") -> Path:
    """The directory of a ledger's simulator: `zhangfang.db-outside` beside a SQLite file; for
    PostgreSQL, in the working directory, one of the schema's name. Also of its `shop`."""
    place = parse_database_url(database_url)
    if place.path:
        return Path(f"{place.path}-{what}")
    return Path(_ODD.sub("_", f"{place.name}.{place.schema}-{what}"))


def wanted(directory: Path | None, without: bool, channels: str) -> bool:
    """Whether there is to be a simulator: not without, nor where channels are named already.
    Raises Refused(REQUEST_INVALID, "simulator") for one that is given and cannot be."""
    if directory is not None and (without or channels):
        other = "--no-simulator" if without else "ZHANGFANG_CHANNELS"
        raise Refused(Code.REQUEST_INVALID, "simulator", f"not together with {other}")
    return not without and not channels


def standing(database_url: str) -> str:
    """How far the ledger is with the story."""
    with open_desk(database_url) as context:
        return story.standing(context.ledger)


@contextmanager
def outside(say: Say, directory: Path | None, far: str) -> Iterator[Outside]:
    """A simulator beside a ledger that is so `far` with the story, until the block ends; for the
    story on the story's time. Raises Refused(REQUEST_INVALID, "simulator")."""
    own = directory or beside(say.database_url)
    if far == "empty" and directory is None and (aside := set_aside(own)):
        say.line(f"{own} knows another ledger's payments; it is {aside} now.")
    epoch_us = to_us(story.BEGINS) if far in ("empty", "begun") else None
    with Outside(own, epoch_us=epoch_us) as running:
        yield running


def now_there(running: Outside) -> None:
    """The story is over: let it be today there too."""
    running.advance_to(utc_us())


def described(running: Outside) -> dict[str, Any]:
    return {"url": running.url, "directory": str(running.directory)}


def say_accounts(say: Say, accounts: list[dict[str, Any]]) -> None:
    """What the outside's own book says, after the story."""
    table = Table(title="At the simulator", title_justify="left", box=None, pad_edge=False)
    for heading in ("account", "bank"):
        table.add_column(heading)
    table.add_column("moved", justify="right")
    table.add_column("balance", justify="right")
    for one in accounts:
        moved = decimal_text(one["balance"] - one["opening"])
        whose = WHOSE.get(one["id"])
        shown = f"{one['id']} ({whose})" if whose else one["id"]
        table.add_row(shown, one["bank"], moved, decimal_text(one["balance"]))
    say.line()
    say.table(table)


def accounts_json(accounts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "id": one["id"],
            "bank": one["bank"],
            "member": WHOSE.get(one["id"]),
            "moved": one["balance"] - one["opening"],
            "balance": one["balance"],
        }
        for one in accounts
    ]
