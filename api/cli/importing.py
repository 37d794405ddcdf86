"""`zhangfang import`: a trading feed, run through the real command handlers day by day."""

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct
from rich.table import Table

from api.cli.opening import open_desk
from api.cli.output import FOUND, DatabaseOption, JsonOption, Say, answering, day
from api.context import AppContext
from api.operations.feed import Feed, FeedMap, read_feed, read_map
from api.operations.feed.encoding import checked_encoding
from api.operations.feed.mapping import PLAIN
from api.operations.feed.rejects import (
    AWAITING_HEADER,
    HEADER,
    LATE_HEADER,
    free_name,
    write_list,
)
from api.operations.feed.terms import NONE, FeedTerms, read_terms, refuse_strangers
from api.operations.importing import Forecast, HistoryChannel, Importer, ImportReport, foresee
from api.operations.importing.checks import refuse_gaps, refuse_merchants
from domain.clearing import day as business
from domain.eventstore.opening import NoLedger
from domain.kernel import DAY_US, shanghai_date
from domain.ledger.ledger import Ledger, utc_us
from domain.member import member
from domain.refusals import Code, Refused

AGAIN = "Stopped. What is in the books stays; the same command goes on where this one stopped."
MOST_SHOWN = 10
REJECTED = Path("rejected.csv")


class Wanted(Struct, frozen=True):
    """What was asked for, checked; `now_us` is when."""

    directory: Path
    through: date | None
    strict: bool
    allow_gap: bool
    mapping: FeedMap
    terms: FeedTerms
    encoding: str | None
    rejected: Path | None
    now_us: int


class Lists(Struct):
    """Where this run's lists went; None: there was nothing to list."""

    rejected_file: str | None = None
    late_file: str | None = None
    awaiting_file: str | None = None


def import_feed(
    directory: Annotated[Path, typer.Argument(help="The feed: merchants, orders and refunds.")],
    settle_through: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM-DD", help="Run the days after the feed too, through this."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be booked and refused; book nothing.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Book nothing if a row is refused; exit 1.")
    ] = False,
    allow_gap: Annotated[
        bool, typer.Option("--allow-gap", help="Take more than 31 days without a row as they are.")
    ] = False,
    encoding: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What all files are in: utf-8, gb18030, big5, utf-16."),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--map", help="How the files are spelled, in TOML or JSON.")
    ] = None,
    terms: Annotated[
        Path | None,
        typer.Option(help="How merchants are settled beside their file, in TOML or JSON."),
    ] = None,
    rejected: Annotated[
        Path | None,
        typer.Option(help="Where refused rows are listed; else rejected-<time>.csv, if any are."),
    ] = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a trading feed into the books, each business day with its end."""
    with answering(database, as_json, interrupted=AGAIN) as say:
        now_us = utc_us()
        through = day(settle_through, "settle-through")
        if through is not None and through > shanghai_date(now_us):
            raise Refused(Code.DATE_INVALID, "settle-through", f"{through} has not come yet")
        _refuse_unwritable(rejected or REJECTED)
        told = _map_and_terms(mapping, terms)
        read_as = checked_encoding(encoding)
        wanted = Wanted(directory, through, strict, allow_gap, *told, read_as, rejected, now_us)
        found = _foresee(say, wanted) if dry_run else _import(say, wanted)
    if found:
        raise typer.Exit(FOUND)


def _map_and_terms(mapping: Path | None, terms: Path | None) -> tuple[FeedMap, FeedTerms]:
    return (
        PLAIN if mapping is None else read_map(mapping),
        NONE if terms is None else read_terms(terms),
    )


def _refuse_unwritable(rejected: Path) -> None:
    # Found out before the books change, not after an hour's import.
    if rejected.is_dir() or not os.access(rejected.parent, os.W_OK):
        raise Refused(Code.REQUEST_INVALID, "rejected", f"{rejected} cannot be written")


def _read(wanted: Wanted, ledger: Ledger | None, told: Callable[[str, int, Any], None]) -> Feed:
    def known_merchant(merchant: str) -> bool:
        if ledger is None:
            return False
        state = ledger.state(member.stream(merchant))
        return state.kind == "enterprise"

    return read_feed(
        wanted.directory,
        known_merchant,
        lambda what, done: told(what, done, None),
        wanted.now_us + DAY_US,
        mapping=wanted.mapping,
        encoding=wanted.encoding,
    )


def _foresee(say: Say, wanted: Wanted) -> bool:
    """Dry: say what would happen. Whether --strict would have refused it."""
    with ExitStack() as opened, say.progress("rows") as told:
        ledger: Ledger | None = None
        with suppress(NoLedger):  # There is none yet: the feed alone says what would become of it.
            ledger = opened.enter_context(open_desk(say.database_url)).ledger
        feed = _read(wanted, ledger, told)
        lists = Lists()
        try:
            _refuse_at_once(wanted, ledger, feed)
            forecast = foresee(ledger, feed, lambda what, done: told(what, done, None))
        finally:
            _write_rejects(wanted, feed, lists)
    _say_forecast(say, feed, forecast, lists, dry_run=True)
    return wanted.strict and forecast.refused > 0


def _import(say: Say, wanted: Wanted) -> bool:
    """Import. Whether something was found that somebody has to look at."""
    with open_desk(say.database_url, create=True, channel=HistoryChannel()) as context:
        with say.progress("rows") as told:
            feed = _read(wanted, context.ledger, told)
            lists = Lists()
            forecast: Forecast | None = None
            report: ImportReport | None = None
            try:
                if wanted.strict:
                    _refuse_at_once(wanted, context.ledger, feed)
                    forecast = foresee(
                        context.ledger, feed, lambda what, done: told(what, done, None)
                    )
                if forecast is None or not forecast.refused:
                    report = _run(context, feed, wanted, told, lists)
            finally:
                _write_rejects(wanted, feed, lists)
        if report is None:
            assert forecast is not None
            _say_forecast(say, feed, forecast, lists, dry_run=False)
            return True
        _say(say, feed, report, lists)
    return bool(report.hindrances) or (wanted.strict and report.rejected > 0)


def _run(
    context: AppContext,
    feed: Feed,
    wanted: Wanted,
    told: Callable[[str, int, Any], None],
    lists: Lists,
) -> ImportReport:
    importer = Importer(
        context.desk,
        feed,
        lambda on, done, total: told(on.isoformat(), done, total),
        allow_gap=wanted.allow_gap,
        terms=wanted.terms,
    )
    try:
        return importer.run(wanted.through)
    finally:
        beside = wanted.rejected or REJECTED
        if len(importer.late):
            path = free_name(beside.with_name("late.csv"), wanted.now_us)
            write_list(path, LATE_HEADER, (one.cells() for one in importer.late))
            lists.late_file = str(path)
        if len(importer.awaiting):
            path = free_name(beside.with_name("awaiting-approval.csv"), wanted.now_us)
            write_list(path, AWAITING_HEADER, (one.cells() for one in importer.awaiting))
            lists.awaiting_file = str(path)


def _refuse_at_once(wanted: Wanted, ledger: Ledger | None, feed: Feed) -> None:
    refuse_merchants(ledger, feed)
    refuse_strangers(feed, wanted.terms)
    open_date = None if ledger is None else ledger.state(business.STREAM).open_date
    refuse_gaps(feed, open_date, allow_gap=wanted.allow_gap)


def _write_rejects(wanted: Wanted, feed: Feed, lists: Lists) -> None:
    """The list of a run: where it is asked for, or if there is something to list."""
    if wanted.rejected is None and not len(feed.rejects):
        return
    given = wanted.rejected
    path = free_name(given or REJECTED, wanted.now_us, always_timed=given is None)
    write_list(path, HEADER, (one.cells() for one in feed.rejects))
    lists.rejected_file = str(path)


def _say_encodings(say: Say, feed: Feed) -> None:
    for name, encoding in feed.encodings.items():
        say.line(f"{name} is read as {encoding.upper()}; --encoding says otherwise")


def _say_forecast(say: Say, feed: Feed, forecast: Forecast, lists: Lists, *, dry_run: bool) -> None:
    if say.as_json:
        say.json(
            {
                "dry_run": dry_run,
                "booked": False,
                "first_day": feed.first_day,
                "last_day": feed.last_day,
                "rejected": forecast.refused,
                "files": msgspec.to_builtins(forecast.files),
                "encodings": feed.encodings,
                "rejected_file": lists.rejected_file,
            }
        )
        return
    _say_encodings(say, feed)
    table = Table(box=None)
    for title, justify in (
        ("file", "left"),
        ("rows", "right"),
        ("to book", "right"),
        ("late", "right"),
        ("booked before", "right"),
        ("refused", "right"),
        ("reasons", "left"),
    ):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    for name, one in forecast.files.items():
        counts = (one.rows, one.new, one.late, one.known, sum(one.refused.values()))
        reasons = ", ".join(f"{code} {count:,}" for code, count in one.refused.items())
        table.add_row(name, *(f"{count:,}" for count in counts), reasons)
    say.table(table)
    say.line("Nothing was booked." if dry_run else "Nothing was booked: a row would be refused.")
    if lists.rejected_file:
        say.line(f"{forecast.refused:,} rows refused; lines and reasons: {lists.rejected_file}")


def _say(say: Say, feed: Feed, report: ImportReport, lists: Lists) -> None:
    if say.as_json:
        said = msgspec.to_builtins(report) | {"encodings": feed.encodings}
        say.json(said | msgspec.to_builtins(lists))
        return
    _say_encodings(say, feed)
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
    if report.late:
        said = "rows were late: posted on the open business day, under their own time"
        say.line(f"{report.late:,} {said}: {lists.late_file}")
    if report.awaiting_approval:
        said = f"refunds wait for an approval (`zhangfang desk`): {lists.awaiting_file}"
        say.line(f"{report.awaiting_approval:,} {said}")
    if report.rejected:
        say.line(f"{report.rejected:,} rows were refused; lines and reasons: {lists.rejected_file}")
    for one in report.hindrances[:MOST_SHOWN]:
        say.line(f"held up: {one.subject}: {one.refusal.code}: {one.refusal.detail}")
    if len(report.hindrances) > MOST_SHOWN:
        say.line(f"… and {len(report.hindrances) - MOST_SHOWN:,} more steps held up")
