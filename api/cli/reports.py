"""`zhangfang statement`, `trial-balance`, `positions`: figures of the books, all in fen.

The read models are brought up to the head first, so that what is printed is all there is.
"""

from datetime import date
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import Connection

from api.cli.opening import open_desk
from api.cli.output import FOUND, DatabaseOption, JsonOption, Say, answering, day
from api.operations.feed.rejects import csv_row
from domain.kernel import iso_time
from domain.money import decimal_text
from domain.refusals import Code, Refused
from projections.models import clearing_positions, statements, trial_balance
from projections.models.clearing_positions import ClearingPosition
from projections.models.merchant_statements import MODEL
from projections.models.statements import Statement, StatementLine
from projections.rebuilding.digest import snapshot
from projections.tables.paging import every

FIGURES = (
    "opening",
    "sales",
    "refunds",
    "fees",
    "settled",
    "recovered",
    "closing",
    "in_escrow",
    "withheld",
    "released",
    "deposited",
    "paid_in",
)
SUMS = ("received", "refunded", "paid_out", "net")

FromOption = Annotated[
    str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First accounting date.")
]
ToOption = Annotated[
    str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="The date after the last one.")
]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="At the end of this date.")
]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print the lines as CSV.")]


def statement(
    merchant: Annotated[str, typer.Argument(help="The merchant's member id.")],
    from_: FromOption = None,
    to: ToOption = None,
    as_csv: CsvOption = False,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """A merchant's statement over the accounting dates from <= date < to."""
    with answering(database, as_json) as say:
        if as_csv and say.as_json:
            raise Refused(Code.REQUEST_INVALID, "csv", "--json or --csv, not both")
        first, end = day(from_, "from"), day(to, "to")
        if first and end and end < first:
            raise Refused(Code.DATE_INVALID, "to", f"{end} is before {first}")
        with open_desk(say.database_url) as context:
            context.desk.catch_up()
            with snapshot(context.engine, list(MODEL.tables)) as view:
                figures, lines = read_statement(view, merchant, first, end)
        if as_csv:
            typer.echo(_csv(lines), nl=False)
        elif say.as_json:
            say.json(statement_json(figures, lines))
        else:
            say_statement(say, figures, lines)


def read_statement(
    connection: Connection, merchant: str, from_: date | None, to: date | None
) -> tuple[Statement, list[StatementLine]]:
    """The figures and all their lines, in one view. Raises Refused(MEMBER_NOT_FOUND)."""
    figures = statements.statement(connection, merchant, from_, to)
    if figures is None:
        raise Refused(Code.MEMBER_NOT_FOUND, "merchant", f"no merchant has the id {merchant!r}")
    return figures, every(
        lambda after: statements.lines(connection, merchant, from_, to, after=after)
    )


def statement_json(figures: Statement, lines: list[StatementLine]) -> dict[str, Any]:
    """The statement as the command line gives it, in fen."""
    return {
        "merchant": figures.merchant,
        "from": figures.from_,
        "to": figures.to,
        **{name: getattr(figures, f"{name}_fen") for name in FIGURES},
        "lines": [_line_json(line) for line in lines],
    }


def _line_json(line: StatementLine) -> dict[str, Any]:
    return {
        "at": iso_time(line.at_us),
        "accounting_date": line.accounting_date.isoformat(),
        "kind": line.kind,
        "reference": line.reference,
        "amount": line.amount_fen,
        "balance": line.balance_fen,
    }


def _csv(lines: list[StatementLine]) -> str:
    header = ("at", "accounting_date", "kind", "reference", "amount", "balance")
    rows = [csv_row([str(value) for value in _line_json(line).values()]) for line in lines]
    return csv_row(header) + "".join(rows)


def say_statement(say: Say, figures: Statement, lines: list[StatementLine]) -> None:
    """The statement for people, in yuan."""
    since, until = figures.from_ or "the beginning", figures.to or "now"
    say.line(f"Statement of {figures.merchant}, {since} up to {until} (CNY)", "bold")
    wide = max([len(line.reference) for line in lines], default=0)
    for line in lines:  # Not a table of rich's: that one looks at all its rows before the first.
        what = f"{iso_time(line.at_us)[:19]}  {line.accounting_date}  {line.kind:9}  "
        what += f"{line.reference:{wide}}"
        sums = f"{decimal_text(line.amount_fen):>14}  {decimal_text(line.balance_fen):>14}"
        if len(what) + 2 + len(sums) <= say.out.width:
            say.line(f"{what}  {sums}")
        else:  # A terminal would break the line in the middle of a figure.
            say.line(what.rstrip())
            say.line(f"    {sums}")
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for name in FIGURES:
        table.add_row(name.replace("_", " "), decimal_text(getattr(figures, f"{name}_fen")))
    say.table(table)


def balance(
    as_of: AsOfOption = None, database: DatabaseOption = None, as_json: JsonOption = False
) -> None:
    """The trial balance; exit 1 if it does not balance."""
    with answering(database, as_json) as say:
        until = day(as_of, "as-of")
        with open_desk(say.database_url) as context:
            context.desk.catch_up()
            with context.engine.connect() as connection:
                found = trial_balance.trial_balance(connection, until)
        if say.as_json:
            say.json(balance_json(found))
        say_balance(say, found)
    if not found.balanced:
        raise typer.Exit(FOUND)


def balance_json(found: trial_balance.TrialBalance) -> dict[str, Any]:
    """The trial balance as the command line gives it, in fen."""
    rows = [
        {
            "code": row.code,
            "title": row.title,
            "type": row.type,
            "debit": row.debit_fen,
            "credit": row.credit_fen,
        }
        for row in found.rows
    ]
    return {
        "as_of": found.as_of,
        "rows": rows,
        "debits": found.debits_fen,
        "credits": found.credits_fen,
        "balanced": found.balanced,
    }


def say_balance(say: Say, found: trial_balance.TrialBalance) -> None:
    """The trial balance for people, in yuan."""
    table = Table(title=f"Trial balance{f' at the end of {found.as_of}' if found.as_of else ''}")
    for name in ("code", "account", "type"):
        table.add_column(name)
    for name in ("debit CNY", "credit CNY"):
        table.add_column(name, justify="right")
    for row in found.rows:
        debit, credit = _side(row.debit_fen), _side(row.credit_fen)
        table.add_row(row.code, row.title, row.type, debit, credit)
    table.add_section()
    debits, credits = decimal_text(found.debits_fen), decimal_text(found.credits_fen)
    table.add_row("", "balanced" if found.balanced else "NOT BALANCED", "", debits, credits)
    say.table(table)


def _side(fen: int) -> str:
    return decimal_text(fen) if fen else ""


def positions(
    on: Annotated[str, typer.Option("--date", metavar="YYYY-MM-DD", help="The accounting date.")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Clearing positions of a date, per channel and per clearing network."""
    with answering(database, as_json) as say:
        date_ = day(on, "date")
        assert date_ is not None
        with open_desk(say.database_url) as context:
            context.desk.catch_up()
            with context.engine.connect() as connection:
                found = clearing_positions.clearing_positions(connection, date_)
        networks = _networks(found)
        if say.as_json:
            channels = [_position_json(one) for one in found]
            say.json({"date": date_, "channels": channels, "networks": networks})
        _say_positions(say, date_, found, networks)


def _position_json(one: ClearingPosition) -> dict[str, Any]:
    return {
        "channel": one.channel,
        "network": one.network,
        **{name: getattr(one, f"{name}_fen") for name in SUMS},
        "received_count": one.received_count,
        "refunded_count": one.refunded_count,
        "paid_out_count": one.paid_out_count,
        "sealed_net": one.sealed_net_fen,
        "closed": one.closed,
    }


def _networks(found: list[ClearingPosition]) -> list[dict[str, Any]]:
    sums: dict[str, dict[str, Any]] = {}
    for one in sorted(found, key=lambda one: one.network):
        total = sums.setdefault(one.network, {"network": one.network, **dict.fromkeys(SUMS, 0)})
        for name in SUMS:
            total[name] += getattr(one, f"{name}_fen")
    return list(sums.values())


def _say_positions(
    say: Say, on: date, found: list[ClearingPosition], networks: list[dict[str, Any]]
) -> None:
    if not found:
        say.line(f"Nothing was cleared on {on}.")
        return
    table = Table(title=f"Clearing positions of {on} (CNY)")
    for name in ("network", "channel"):
        table.add_column(name)
    for name in SUMS:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_column("day")
    for one in found:
        sums = [decimal_text(getattr(one, f"{name}_fen")) for name in SUMS]
        table.add_row(one.network, one.channel, *sums, "closed" if one.closed else "open")
    table.add_section()
    for total in networks:
        table.add_row(total["network"], "", *(decimal_text(total[name]) for name in SUMS), "")
    say.table(table)
