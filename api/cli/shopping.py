"""`zhangfang demo shop`, and the shop that `zhangfang run` starts beside the server."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Annotated

import typer

from api.cli.opening import open_desk
from api.cli.output import GIVEN, Say
from api.cli.outside import beside
from api.http import keys
from api.operations.outside import PAYEES
from api.operations.shop import DemoShop, set_aside
from domain.ledger.ledger import utc_us

NoShopOption = Annotated[
    bool, typer.Option("--no-shop", help="Without the shop in the box (docs/merchants.md).")
]


def shop(context: typer.Context) -> None:
    """Serve a shop of three merchants that sells through the cashier; `… shop --help`."""
    arguments = list(context.args)
    if GIVEN.get()[1] and "--json" not in arguments:
        arguments.append("--json")
    os.execv(sys.executable, [sys.executable, "-m", "simulator.shop", *arguments])


def is_for_this_machine(host: str) -> bool:
    """Whether only processes here reach the server: then webhooks may go to them."""
    return ip_address(host.partition("%")[0]).is_loopback


@contextmanager
def shopping(say: Say, api: str, note: str, sandbox: str, *, fresh: bool) -> Iterator[DemoShop]:
    """The shop beside a server that listens at `api`, until the block ends, with keys of its own
    under a note. `fresh`: the ledger is new. Raises Refused(REQUEST_INVALID, "shop")."""
    directory = beside(say.database_url, "shop")
    if fresh and (aside := set_aside(directory)):
        say.line(f"{directory} sold through another ledger; it is {aside} now.")
    with open_desk(say.database_url) as context:
        made = {
            member: keys.create_key(context.writes, "merchant", member, utc_us, note)
            for member in PAYEES
        }
        platform = keys.create_key(context.writes, "operator", None, utc_us, note)
    with DemoShop(directory, api, made, platform, sandbox) as running:
        yield running
