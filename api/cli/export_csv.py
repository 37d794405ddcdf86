"""Figures of the books as CSV: plain numbers, with the unit in the name of every column.

People open it in spreadsheets, which compute what looks like a formula: a text that would be taken
for one has an apostrophe before it, and so has one that begins with an apostrophe itself.
"""

from collections.abc import Iterable, Iterator

from api.operations.feed.rejects import csv_row
from domain.accounting.chart import CHART, split_id
from domain.kernel import iso_time
from projections.models.clearing_positions import ClearingPosition
from projections.models.journal import JournalLine
from projections.models.trial_balance import TrialBalance

# Full-width forms are taken for the same by some.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")

JOURNAL = (
    "position",
    "line_no",
    "accounting_date",
    "at_utc_us",
    "at_shanghai",
    "reference",
    "fact",
    "rule",
    "account",
    "code",
    "title",
    "owner",
    "debit_fen",
    "credit_fen",
    "currency",
    "actor",
    "command",
)
TRIAL_BALANCE = ("code", "title", "type", "debit_fen", "credit_fen")
_SUMS = (
    "received_fen",
    "received_count",
    "refunded_fen",
    "refunded_count",
    "paid_out_fen",
    "paid_out_count",
    "net_fen",
    "sealed_received_fen",
    "sealed_paid_fen",
    "sealed_net_fen",
)
POSITIONS = ("accounting_date", "channel", "network", *_SUMS)

Cell = str | int | None


def safe_cell(value: Cell) -> str:
    """A value as a cell: numbers as they are, nothing for None, and no text is a formula."""
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    return f"'{value}" if value.startswith(FORMULA) else value


def row(cells: Iterable[Cell]) -> str:
    """One line of CSV."""
    return csv_row(map(safe_cell, cells))


def journal(lines: Iterable[JournalLine]) -> Iterator[str]:
    """A header, and a row for each line of an entry."""
    yield row(JOURNAL)
    for line in lines:
        code, owner = split_id(line.account)
        yield row(
            (
                line.position,
                line.line_no,
                line.accounting_date.isoformat(),
                line.at_us,
                iso_time(line.at_us),
                line.reference,
                line.fact,
                line.rule,
                line.account,
                code,
                CHART[code].title,
                owner,
                line.debit_fen,
                line.credit_fen,
                line.currency,
                line.actor,
                line.command,
            )
        )


def trial_balance(found: TrialBalance) -> Iterator[str]:
    """A header, and a row for each code that has moved."""
    yield row(TRIAL_BALANCE)
    for one in found.rows:
        yield row((one.code, one.title, one.type, one.debit_fen, one.credit_fen))


def positions(found: Iterable[ClearingPosition]) -> Iterator[str]:
    """A header, and a row for each channel and date."""
    yield row(POSITIONS)
    for one in found:
        sums = (getattr(one, name) for name in _SUMS)
        yield row((one.accounting_date.isoformat(), one.channel, one.network, *sums))
