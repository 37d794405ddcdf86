"""What the books must show for a feed, from its CSV files alone: no code of the project is used.

The rule, from the README of the feed: over its life a transaction bears fee(amount − refunds), so
per merchant settled + closing = Σ amount − Σ refunds − Σ fee(amount − refunds), to the fen. Only
for feeds without broken rows; refunds that nothing stands behind are left out.
"""

import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple


class Expected(NamedTuple):
    """One merchant's figures over the whole feed, in fen."""

    sales: int  # Σ amount
    refunds: int  # Σ of the refunds that count
    fees: int  # Σ fee(amount − refunds), net of what refunds gave back
    transactions: int
    refund_count: int

    @property
    def sales_less_refunds(self) -> int:
        return self.sales - self.refunds

    @property
    def settled_and_closing(self) -> int:
        return self.sales - self.refunds - self.fees


def expected_books(directory: Path) -> dict[str, Expected]:
    """Figures per merchant, for every merchant the feed lists."""
    fee_bps = {row["merchant"]: int(row["fee_bps"]) for row in _rows(directory, "merchants.csv")}
    amount: dict[tuple[str, str], int] = {}
    placed: dict[tuple[str, str], datetime] = {}
    for row in _rows(directory, "orders.csv"):
        transaction = (row["order_no"], row["merchant"])
        amount[transaction] = int(row["amount"])
        placed[transaction] = datetime.fromisoformat(row["placed_at"])

    refunded: dict[tuple[str, str], int] = defaultdict(int)
    counted: dict[str, int] = defaultdict(int)
    numbers: set[str] = set()
    for at, row in sorted(_refunds(directory), key=lambda pair: pair[0]):
        transaction = (row["order_no"], row["merchant"])
        if transaction not in amount or at < placed[transaction] or row["refund_no"] in numbers:
            continue
        if refunded[transaction] + int(row["amount"]) > amount[transaction]:
            continue
        numbers.add(row["refund_no"])
        refunded[transaction] += int(row["amount"])
        counted[row["merchant"]] += 1

    of: dict[str, list[tuple[int, int]]] = {merchant: [] for merchant in fee_bps}
    for transaction, paid in amount.items():
        of[transaction[1]].append((paid, refunded[transaction]))
    return {
        merchant: Expected(
            sales=sum(paid for paid, _ in pairs),
            refunds=sum(back for _, back in pairs),
            fees=sum(_fee(paid - back, fee_bps[merchant]) for paid, back in pairs),
            transactions=len(pairs),
            refund_count=counted[merchant],
        )
        for merchant, pairs in of.items()
    }


def _fee(kept: int, bps: int) -> int:
    """kept × bps / 10000, half up."""
    whole, rest = divmod(kept * bps, 10_000)
    return whole + (1 if rest >= 5_000 else 0)


def _refunds(directory: Path) -> Iterator[tuple[datetime, dict[str, str]]]:
    for path in sorted(directory.iterdir()):
        plain = path.name.removesuffix(".gz")
        if "refunds" in plain and plain.endswith(".csv"):
            for row in _read(path):
                yield datetime.fromisoformat(row["requested_at"]), row


def _rows(directory: Path, name: str) -> Iterator[dict[str, str]]:
    plain = directory / name
    return _read(plain if plain.exists() else directory / f"{name}.gz")


def _read(path: Path) -> Iterator[dict[str, str]]:
    content = path.read_bytes()
    if path.name.endswith(".gz"):
        content = gzip.decompress(content)
    return csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
