"""`zhangfang import`: a trading feed, run through the real command handlers day by day."""

import os
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from api.cli.opening import open_desk
from api.cli.output import FOUND, DatabaseOption, JsonOption, Say, answering, day
from api.context import AppContext
from api.operations.feed import read_feed, write_rejected
from api.operations.importing import Importer, ImportReport
from domain.kernel import DAY_US
from domain.member import member
from domain.refusals import Code, Refused

AGAIN = "Stopped. What is in the books stays; the same command goes on where this one stopped."
MOST_SHOWN = 10


def import_feed(
    directory: Annotated[Path, typer.Argument(help="The feed: merchants, orders and refunds.")],
    settle_through: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM-DD", help="Run the days after the feed too, through this."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if a row is refused.")] = False,
    rejected: Annotated[Path, typer.Option(help="Where refused rows are written.")] = Path(
        "rejected.csv"
    ),
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a trading feed into the books, each business day with its end."""
    with answering(database, as_json, interrupted=AGAIN) as say:
        through = day(settle_through, "settle-through")
        _refuse_unwritable(rejected)
        with open_desk(say.database_url, create=True) as context:
            report = _run(say, context, directory, through, rejected)
        _say(say, report, rejected)
    if strict and report.rejected:
        raise typer.Exit(FOUND)


def _refuse_unwritable(rejected: Path) -> None:
    # Found out before the books change, not after an hour's import.
    if rejected.is_dir() or not os.access(rejected.parent, os.W_OK):
        raise Refused(Code.REQUEST_INVALID, "rejected", f"{rejected} cannot be written")


def _run(
    say: Say, context: AppContext, directory: Path, through: date | None, rejected: Path
) -> ImportReport:
    ledger = context.ledger

    def known_merchant(merchant: str) -> bool:
        state = ledger.state(member.stream(merchant))
        return state.kind == "enterprise"

    with say.progress("rows") as told:
        feed = read_feed(
            directory,
            known_merchant,
            lambda done: told("reading", done, None),
            context.clock() + DAY_US,
        )
        importer = Importer(
            context.desk, feed, lambda on, done, total: told(on.isoformat(), done, total)
        )
        try:
            return importer.run(through)
        finally:
            write_rejected(rejected, importer.rejects)


def _say(say: Say, report: ImportReport, rejected: Path) -> None:
    if say.as_json:
        say.json({**msgspec.to_builtins(report), "rejected_file": str(rejected)})
        return
    if report.first_day is None:
        say.line("The feed has no usable row.")
    elif report.new == 0 and report.facts == 0:
        say.line("Nothing was new: this feed is in the books already.")
    else:
        say.line(
            f"{report.first_day} to {report.last_day}: {report.checkouts:,} checkouts, "
            f"{report.transactions:,} transactions, {report.refunds:,} refunds "
            f"of {report.merchants:,} merchants are in the books."
        )
        say.line(
            f"This run: {report.new:,} requests new, {report.replayed:,} known before; "
            f"{report.facts:,} facts, {report.days_closed:,} days closed, "
            f"{report.batches_settled:,} batches settled."
        )
    if report.rejected:
        say.line(f"{report.rejected:,} rows were refused; lines and reasons: {rejected}")
    for one in report.hindrances[:MOST_SHOWN]:
        say.line(f"held up: {one.subject}: {one.refusal.code}: {one.refusal.detail}")
    if len(report.hindrances) > MOST_SHOWN:
        say.line(f"… and {len(report.hindrances) - MOST_SHOWN:,} more steps held up")
