"""The ledger that pages are measured on: orders, and sessions that wait for their payers."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from api.cli.opening import open_desk
from api.http.keys import create_key
from benchmarks.drills.channels.outside import Outside
from domain.cashier.commands import OpenSession, PaySession
from domain.clearing.commands import OpenBooks
from domain.kernel import Command, Request, shanghai_date
from domain.ledger.ledger import Ledger, utc_us
from domain.member.agreement import STANDARD
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout
from domain.order.order import OrderLine

METHOD, NETWORK = "JD_PAY", "jdpay"
SHOPS, BUYERS = 20, 200
WAVE = 500
DAY_S = 86_400


class Names:
    """A session that waits for its payer is `waiting(n)`; an order without a session `order(n)`."""

    @staticmethod
    def waiting(number: int) -> str:
        return f"W{number}"

    @staticmethod
    def order(number: int) -> str:
        return f"B{number}"


def prepared(url: str, waiting: int, orders: int) -> str:
    """Books with so many open sessions, and orders without one; an operator's key."""
    with open_desk(url) as context:
        do = _Doing(context.ledger)
        do([OpenBooks(shanghai_date(utc_us()))])
        fee = FeeRule(60)
        do(
            [
                RegisterMember(_shop(one), "enterprise", "坚果店", fee, "T+1", agreement=STANDARD)
                for one in range(SHOPS)
            ]
        )
        do([RegisterMember(_buyer(one), "personal", "buyer") for one in range(BUYERS)])
        for first in range(0, orders, WAVE):
            some = range(first, min(first + WAVE, orders))
            do([_placed(Names.order(one), one) for one in some])
        for first in range(0, waiting, WAVE):
            some = range(first, min(first + WAVE, waiting))
            names = [Names.waiting(one) for one in some]
            do([_placed(name, one) for name, one in zip(names, some, strict=True)])
            do([OpenSession(name, order_no=name, seconds=DAY_S) for name in names])
        context.projector.catch_up()
        return create_key(context.writes, "operator", None, utc_us, "bench")


def begun(url: str, waiting: int) -> None:
    """The payers of those sessions have chosen; beside the server."""
    with closing(Ledger.open(url)) as ledger:
        do = _Doing(ledger)
        for first in range(0, waiting, WAVE):
            some = range(first, min(first + WAVE, waiting))
            do([PaySession(Names.waiting(one), 1, METHOD) for one in some])


class _Doing:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __call__(self, commands: Sequence[Command]) -> None:
        requests = [
            Request(f"bench-{uuid4().hex}", utc_us(), "system:bench", one) for one in commands
        ]
        for answer in self._ledger.submit_all(requests):
            answer.unwrap()


def _shop(number: int) -> str:
    return f"SHOP{number % SHOPS}"


def _buyer(number: int) -> str:
    return f"buyer{number % BUYERS}"


def _placed(order_no: str, number: int) -> Checkout:
    line = OrderLine(_shop(number), 1_000 + number % 900, "坚果 250g", 1)
    return Checkout(order_no, _buyer(number), (line,))


def settings_file(directory: Path, outside: Outside, port: int) -> Path:
    """The settings file of the system's channels, which call us back at a port."""
    keys = json.loads(outside.keys.read_text())
    path = directory / "channels.json"
    networks = {NETWORK: keys["networks"][NETWORK] | {"base_url": outside.url, "at_once": 80}}
    path.write_text(
        json.dumps({"notify_url": f"http://127.0.0.1:{port}/callbacks", "networks": networks})
    )
    path.chmod(0o600)
    return path
