"""The journal read model as plain text that hledger reads: a bookkeeper's view of a story."""

from itertools import groupby

from sqlalchemy import Connection, select

from domain.accounting.chart import chart_account, split_id
from domain.kernel import iso_time
from domain.money import decimal_text
from projections.models.journal import TABLE, JournalLine
from projections.tables.paging import columns_of

ROOTS = {"asset": "assets", "liability": "liabilities", "income": "income", "expense": "expenses"}


def journal_text(connection: Connection) -> str:
    """Every entry, in the order of the log."""
    query = select(*columns_of(TABLE, JournalLine)).order_by(TABLE.c.position, TABLE.c.line_no)
    lines = [JournalLine(*row) for row in connection.execute(query)]
    entries = groupby(lines, key=lambda line: line.position)
    return "\n".join(_entry(list(entry)) for _, entry in entries)


def _entry(lines: list[JournalLine]) -> str:
    first = lines[0]
    head = f"{first.accounting_date} * ({first.reference}) {first.rule}\n"
    told = f"    ; {first.fact}, {iso_time(first.at_us)}, {first.actor}, {first.command}\n"
    postings = (
        f"    {_account(line.account)}  {decimal_text(line.debit_fen - line.credit_fen)} "
        f"{line.currency}\n"
        for line in lines
    )
    return head + told + "".join(postings)


def _account(account: str) -> str:
    code, owner = split_id(account)
    line = chart_account(account)
    name = f"{ROOTS[line.type]}:{code} {line.title}"
    return f"{name}:{owner}" if owner else name
