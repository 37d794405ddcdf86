"""The journal as plain text that hledger reads: a bookkeeper's view of the books."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from domain.accounting.chart import chart_account, split_id
from domain.kernel import iso_time
from domain.money import decimal_text
from projections.models.journal import JournalLine

ROOTS = {
    "asset": "assets",
    "liability": "liabilities",
    "equity": "equity",
    "income": "income",
    "expense": "expenses",
}


def hledger(lines: Iterable[JournalLine]) -> Iterator[str]:
    """The lines, in order of position, as one piece of text for each entry."""
    between = ""
    for _, entry in groupby(lines, key=lambda line: line.position):
        yield between + _entry(list(entry))
        between = "\n"


def _entry(lines: list[JournalLine]) -> str:
    first = lines[0]
    head = f"{first.accounting_date} * ({first.reference}) {first.rule}\n"
    told = f"{first.fact}, {iso_time(first.at_us)}, {first.actor}, {first.command}"
    postings = (
        f"    {_account(line.account)}  {decimal_text(line.debit_fen - line.credit_fen)} "
        f"{line.currency}\n"
        for line in lines
    )
    return head + f"    ; {_one_line(told)}\n" + "".join(postings)


def _one_line(text: str) -> str:
    """Text of others in a comment: it ends with the line, and nothing of it begins an entry."""
    return "".join(one if one.isprintable() else " " for one in text)


def _account(account: str) -> str:
    code, owner = split_id(account)
    line = chart_account(account)
    name = f"{ROOTS[line.type]}:{code} {line.title}"
    return f"{name}:{owner}" if owner else name
