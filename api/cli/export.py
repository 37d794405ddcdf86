"""`zhangfang export`: the journal, the trial balance and clearing positions for other programs.

What is exported is streamed, at one position of the books, in the same memory however long they
are. A file is there whole or not at all.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer
from sqlalchemy import Connection, Table

from api.cli import export_csv
from api.cli.export_hledger import hledger
from api.cli.opening import open_desk
from api.cli.output import DatabaseOption, JsonOption, Say, answering, day, naming
from api.cli.reports import AsOfOption, FromOption, ToOption
from api.context import AppContext
from domain.refusals import Code, Refused
from projections.engine.model import ReadModel
from projections.models import business_days, clearing_positions, journal, trial_balance
from projections.models.clearing_positions import ClearingPosition
from projections.models.journal import JournalLine
from projections.rebuilding.digest import snapshot

app = typer.Typer(help="The books for other programs.", no_args_is_help=True)

TELL_EVERY = 1_000  # Lines between two moves of the progress bar.

FormatOption = Annotated[
    str, typer.Option("--format", metavar="hledger|csv", help="Plain text accounting, or CSV.")
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", metavar="FILE", help="Else it goes to stdout. A file is replaced."),
]
BomOption = Annotated[
    bool, typer.Option("--bom", help="Begin with a byte order mark, which Excel needs for UTF-8.")
]


@app.command("journal")
def export_journal(
    form: FormatOption = "hledger",
    from_: FromOption = None,
    to: ToOption = None,
    output: OutputOption = None,
    bom: BomOption = False,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every entry of the accounting dates from <= date < to, in the order of the log."""
    with answering(database, as_json) as say:
        chosen = _format(form)
        first, end = _span(from_, to)
        with _reading(say, (journal.MODEL, business_days.MODEL)) as view:
            after, until = _positions_of(view, first, end)
            lines = _told(say, journal.lines_between(view, after, until), after, until)
            pieces = hledger(lines) if chosen == "hledger" else export_csv.journal(lines)
            _write(say, pieces, output, bom=bom)


@app.command("trial-balance")
def export_balance(
    as_of: AsOfOption = None,
    output: OutputOption = None,
    bom: BomOption = False,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """The trial balance at the end of an accounting date, or of all that is posted, as CSV."""
    with answering(database, as_json) as say:
        until = day(as_of, "as-of")
        with _reading(say, (trial_balance.MODEL,)) as view:
            found = trial_balance.trial_balance(view, until)
            _write(say, export_csv.trial_balance(found), output, bom=bom)


@app.command("positions")
def export_positions(
    from_: FromOption = None,
    to: ToOption = None,
    output: OutputOption = None,
    bom: BomOption = False,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Clearing positions per channel of the accounting dates from <= date < to, as CSV."""
    with answering(database, as_json) as say:
        first, end = _span(from_, to)
        with _reading(say, (clearing_positions.MODEL, business_days.MODEL)) as view:
            found = _positions(view, first, end)
            _write(say, export_csv.positions(found), output, bom=bom)


def _format(form: str) -> Literal["hledger", "csv"]:
    if form == "hledger":
        return "hledger"
    if form == "csv":
        return "csv"
    raise Refused(Code.REQUEST_INVALID, "format", f"{form[:40]!r}: hledger or csv")


def _span(from_: str | None, to: str | None) -> tuple[date | None, date | None]:
    first, end = day(from_, "from"), day(to, "to")
    if first and end and end < first:
        raise Refused(Code.DATE_INVALID, "to", f"{end} is before {first}")
    return first, end


@contextmanager
def _reading(say: Say, models: Sequence[ReadModel]) -> Iterator[Connection]:
    """One view of read models that hold all there is. Raises Refused(BUSY) when one is paused."""
    with open_desk(say.database_url) as context:
        _catch_up(context, models)
        tables: list[Table] = [table for model in models for table in model.tables]
        with snapshot(context.engine, tables) as view:
            yield view


def _catch_up(context: AppContext, models: Sequence[ReadModel]) -> None:
    head = context.ledger.head().position
    reached = context.projector.catch_up()
    for model in models:
        if reached.get(model.name, 0) < head:
            detail = f"read model {model.name} stands at {reached.get(model.name, 0)} of {head}"
            raise Refused(Code.BUSY, "projections", detail)


def _positions_of(view: Connection, from_: date | None, to: date | None) -> tuple[int, int]:
    """The part of the log that belongs to some accounting dates: after the first position, up to
    the second."""
    head = journal.last_position(view)
    if from_ is None and to is None:
        return 0, head
    days = business_days.days(view, from_, to)
    if not days:
        return 0, 0
    closed = days[-1].closed_position
    return days[0].opened_position, head if closed is None else closed


def _told(say: Say, lines: Iterable[JournalLine], after: int, until: int) -> Iterator[JournalLine]:
    """The lines, with progress on stderr by how much of the log is done."""
    with say.progress("positions") as told:
        for number, line in enumerate(lines):
            if number % TELL_EVERY == 0:
                told("journal", line.position - after, until - after)
            yield line


def _positions(view: Connection, from_: date | None, to: date | None) -> Iterator[ClearingPosition]:
    for one in business_days.days(view, from_, to):
        yield from clearing_positions.clearing_positions(view, one.accounting_date)


def _write(say: Say, pieces: Iterator[str], output: Path | None, *, bom: bool) -> None:
    if output is None:
        if say.as_json:
            detail = "what is exported is no JSON: --json needs --output FILE"
            raise Refused(Code.REQUEST_INVALID, "json", detail)
        sys.stdout.flush()
        _put(pieces, sys.stdout.buffer, bom=bom)
        sys.stdout.buffer.flush()
        return
    if output.is_dir() or (output.exists() and not output.is_file()):
        raise Refused(Code.REQUEST_INVALID, "output", f"{output} is no file")
    scratch = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with naming("output", output), scratch.open("wb") as out:
            _put(pieces, out, bom=bom)
            out.flush()
            os.fsync(out.fileno())
        written = scratch.stat().st_size
        scratch.replace(output)
    finally:
        scratch.unlink(missing_ok=True)
    if say.as_json:
        say.json({"output": str(output), "bytes": written})
    say.line(f"{output}: {written:,} bytes")


def _put(pieces: Iterator[str], out: BinaryIO, *, bom: bool) -> None:
    """UTF-8, whatever the terminal's encoding is."""
    if bom:
        out.write("\ufeff".encode())
    for piece in pieces:
        out.write(piece.encode())
