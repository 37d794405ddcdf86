"""Small feeds by file, and the command line on an empty place for a ledger."""

import csv
import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from api.cli.opening import open_desk
from domain.clearing import day
from domain.transaction import transaction
from tests.api.cli.terminal import Ran, Terminal

MERCHANTS = "merchant,name,fee_bps,settlement_cycle\nM1,Shop,60,T+1\n"
ORDERS = "order_no,placed_at,buyer,merchant,amount,items,subject,method\n"
REFUNDS = "refund_no,requested_at,order_no,merchant,amount\n"


def order(
    order_no: str,
    at: str = "2011-03-01T10:00:00",
    merchant: str = "M1",
    amount: str = "10000",
    subject: str = "nuts",
) -> str:
    """A row of orders.csv: by default the one that all cases begin with."""
    return f"{order_no},{at}+08:00,B1,{merchant},{amount},1,{subject},JD_PAY\n"


def refund(refund_no: str, at: str, order_no: str = "A1", amount: str = "10000") -> str:
    return f"{refund_no},{at}+08:00,{order_no},M1,{amount}\n"


class Feeds:
    """`zhangfang import` of directories that are written for it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.terminal = Terminal(f"sqlite:///{directory / 'ledger.db'}")
        self._count = 0

    def write(self, **files: str | bytes) -> Path:
        """A feed: whole files by stem; `orders` and `refunds` as text are rows under a header. What
        ends in `_gz` is written as `.csv.gz`."""
        self._count += 1
        feed = self.directory / f"feed{self._count}"
        feed.mkdir()
        heads = {"orders": ORDERS, "refunds": REFUNDS}
        given: dict[str, str | bytes] = {"merchants": MERCHANTS} | files
        for stem, content in given.items():
            if isinstance(content, str):
                content = (heads.get(stem, "") + content).encode()
            plain = stem.removesuffix("_gz")
            name = f"{plain}.csv" if plain == stem else f"{plain}.csv.gz"
            (feed / name).write_bytes(content)
        return feed

    def run(self, feed: Path, *options: str | Path) -> Ran:
        """An import of it; what it refuses is listed in a file of its own."""
        lists = ("--rejected", feed / "rejected.csv")
        return self.terminal("import", feed, *lists, *options, "--json")

    def listed(self, feed: Path, name: str = "rejected.csv") -> list[dict[str, str]]:
        with (feed / name).open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))

    # What is in the books.

    def statement(self, merchant: str = "M1") -> Any:
        return self.terminal("statement", merchant, "--json").json()

    def transaction(self, order_no: str = "A1", merchant: str = "M1") -> Any:
        """The state of a transaction; a fresh one when it is not in the books."""
        identity = transaction.identity(merchant, order_no)
        with open_desk(self.terminal.url) as context:
            return context.ledger.state(transaction.stream(identity))

    def open_date(self) -> date | None:
        with open_desk(self.terminal.url) as context:
            return context.ledger.state(day.STREAM).open_date

    def nothing_is_booked(self) -> bool:
        """Not a fact, and so no day that was opened or ended."""
        if not (self.directory / "ledger.db").exists():
            return True
        with open_desk(self.terminal.url) as context:
            return context.ledger.head().position == 0

    def verified(self) -> bool:
        return bool(self.terminal("verify", "--json").json()["clean"])


def refused(ran: Ran) -> dict[str, str]:
    """The error of an import that was refused as a whole."""
    assert ran.code == 2, (ran.code, ran.out, ran.err)
    error: dict[str, str] = json.loads(ran.err)["error"]
    return error


def zipped(text: str) -> bytes:
    return gzip.compress(text.encode())


@pytest.fixture
def feeds(tmp_path: Path) -> Feeds:
    return Feeds(tmp_path)
