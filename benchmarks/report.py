"""The report for people: one table per figure, the floor and the plain library beside it."""

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Report


def show(report: Report, console: Console) -> None:
    """Print what was measured."""
    if report.transfers:
        _transfers(report, console)
    if report.lifecycles:
        _table(
            console,
            "Lifecycles: checkout, paid, released, settled, paid out",
            ("backend", "per s", "facts/s", "bytes each", "callers", "per s"),
            (
                (
                    one.backend,
                    f"{one.per_second:,}",
                    f"{one.facts_per_second:,}",
                    f"{one.bytes_per_lifecycle:,}",
                    str(one.callers),
                    f"{one.callers_per_second:,}",
                )
                for one in report.lifecycles
            ),
        )
    if report.visible:
        _visible(report, console)
    if report.rebuild:
        _table(
            console,
            "Rebuild of all read models",
            ("backend", "facts", "facts/s", "live facts/s", "MiB at 25, 50, 100 %", "peak MiB"),
            (
                (
                    one.backend,
                    f"{one.facts:,}",
                    f"{one.facts_per_second:,}",
                    f"{one.live_per_second:,}",
                    ", ".join(map(str, one.rss_mib)),
                    str(one.peak_rss_mib),
                )
                for one in report.rebuild
            ),
        )
    _feed(report, console)
    _beside(report, console)
    _queries(report, console)
    _payments(report, console)
    _listening(report, console)
    _cashier(report, console)
    _bills(report, console)


def _bills(report: Report, console: Console) -> None:
    read = [
        (
            one.format,
            f"{one.lines:,}",
            f"{one.seconds:.1f}",
            f"{one.per_second:,}",
            f"{one.cpu_per_second:,}",
            f"{one.times_floor:.1f}",
            f"{one.before_mib} → {one.peak_mib}",
        )
        for one in report.bills_read
    ]
    if read:
        columns = ("format", "lines", "s", "lines/s", "per s of CPU", "times csv", "MiB")
        _table(console, "Bills read", columns, read)
    matched = [
        (
            one.backend,
            one.format,
            f"{one.lines:,}",
            f"{one.import_seconds:.1f} + {one.fill_seconds:.1f}",
            str(one.import_peak_mib),
            f"{one.match_seconds:.1f}",
            f"{one.per_second:,}",
            f"{one.cpu_seconds:.1f}",
            f"{one.before_mib} → {one.peak_mib}",
            f"{one.again_seconds:.1f}",
        )
        for one in report.bills_matched
    ]
    if matched:
        came = ("backend", "format", "lines", "import + fill s", "MiB")
        rest = ("match s", "lines/s", "CPU s", "MiB", "again s")
        _table(console, "Bills matched", came + rest, matched)


def _listening(report: Report, console: Console) -> None:
    if report.subscriptions:
        rows = (
            (
                one.backend,
                f"{one.listeners:,}",
                f"{one.kib_each:.1f}",
                f"{one.cpu_ms:.1f}",
                f"{one.listening_cpu_ms:.1f}",
                f"{one.answered_p50_ms:.1f}",
                f"{one.one_p50_ms:.1f}",
                f"{one.one_p99_ms:.1f}",
                f"{one.all_p50_ms:.1f}",
                f"{one.all_p99_ms:.1f}",
            )
            for one in report.subscriptions
        )
        columns = ("backend", "listeners", "KiB each", "CPU ms/s of one", "of all", "answered")
        waits = ("one told p50", "p99 ms", "all told p50", "p99 ms")
        _table(console, "Subscriptions: at rest, and told of an order", columns + waits, rows)
    _webhooks(report, console)


def _cashier(report: Report, console: Console) -> None:
    pages = [
        (
            one.backend,
            f"{one.per_second:,.0f}",
            f"{one.page_p50_ms:.0f} / {one.page_p99_ms:.0f}",
            f"{one.journeys_per_second:.1f}",
            f"{one.journey_p50_ms:.0f} / {one.journey_p99_ms:.0f}",
            f"{one.server_cpu_ms:.1f} + {one.database_cpu_ms:.1f}",
            f"{one.bare_per_second:,.0f}",
            f"{one.bare_p50_ms:.0f} / {one.bare_p99_ms:.0f}",
        )
        for one in report.cashier
    ]
    if pages:
        columns = (
            "backend",
            "pages/s",
            "p50 / p99 ms",
            "payers/s",
            "p50 / p99 ms",
            "CPU ms a page",
        )
        title = f"The cashier's pages, {report.cashier[0].payers} payers at once"
        _table(console, title, (*columns, "bare/s", "p50 / p99 ms"), pages)
    told = [
        (
            one.backend,
            f"{one.listeners:,}",
            f"{one.kib_each:.1f}",
            f"{one.alone_p50_ms:.1f} / {one.alone_p99_ms:.1f}",
            f"{one.told_p50_ms:.1f} / {one.told_p99_ms:.1f}",
            f"{one.committed_p50_ms:.1f}",
        )
        for one in report.cashier_told
    ]
    if told:
        rest = ("backend", "listen", "KiB each")
        waits = ("told alone p50 / p99 ms", "beside all", "answered p50")
        _table(console, "Pages that are told of a payment", rest + waits, told)


def _webhooks(report: Report, console: Console) -> None:
    rows = [
        (
            one.backend,
            f"{one.p50_ms} / {one.p99_ms}",
            f"{one.dead_p50_ms} / {one.dead_p99_ms}",
            f"{one.silent_p50_ms} / {one.silent_p99_ms}",
            f"{one.pending:,}",
            f"{one.tried:,}",
        )
        for one in report.webhooks
    ]
    if rows:
        columns = ("backend", "nobody delivers", "refuses", "never answers", "wait", "requests")
        _table(console, "A payment, ms p50 / p99, beside a dead endpoint", columns, rows)


def _payments(report: Report, console: Console) -> None:
    if report.payments:
        rows = (
            (
                one.backend,
                str(one.answer_ms),
                str(one.in_flight),
                f"{one.per_second:,.0f}",
                f"{one.bare_per_second:,.0f}",
                f"{one.bare_per_second / one.per_second:.1f}",
                f"{one.paid_p50_ms:.0f}",
                f"{one.paid_p99_ms:.0f}",
                f"{one.visible_p50_ms:.0f}",
                f"{one.visible_p99_ms:.0f}",
                f"{one.server_cpu_ms:.1f} + {one.database_cpu_ms:.1f}",
            )
            for one in report.payments
        )
        columns = ("backend", "answer ms", "in flight", "per s", "bare per s", "bare / ours")
        waits = ("paid p50", "p99 ms", "visible p50", "p99 ms", "CPU ms")
        _table(console, "Payments through channels over HTTP", columns + waits, rows)
    for alone in report.beside:
        console.print(
            f"{alone.backend}: {alone.per_second:,.0f}/s, p99 {alone.p99_ms:.0f} ms on a fast "
            f"channel; {alone.beside_per_second:,.0f}/s, p99 {alone.beside_p99_ms:.0f} ms while "
            f"{alone.slow_in_flight} payments wait for one that takes {alone.slow_answer_ms} ms"
        )


def _queries(report: Report, console: Console) -> None:
    """With `x floor`: how often the hand-written route could answer; `stock x`: how much more the
    stock executor takes; `growth`: of CPU, from the shortest ledger to this one."""
    if not report.queries:
        return
    shortest: dict[tuple[str, str], float] = {}
    rows = []
    for one in report.queries:
        least = shortest.setdefault((one.backend, one.name), one.cpu_ms)
        rows.append(
            (
                one.backend,
                one.name,
                one.ledger,
                f"{one.per_second:,}",
                f"{one.p50_ms:.2f}",
                f"{one.p99_ms:.2f}",
                f"{one.server_cpu_ms:.2f} + {one.database_cpu_ms:.2f}",
                f"{one.floor_cpu_ms:.2f}",
                f"{one.cpu_ms / one.floor_cpu_ms:.1f}",
                f"{one.stock_cpu_ms / one.cpu_ms:.1f}",
                f"{one.cpu_ms / least - 1:+.0%}",
                "" if one.aim_ms is None else f"{one.aim_ms:.2f}",
            )
        )
    columns = ("backend", "query", "ledger", "per s", "p50 ms", "p99 ms", "CPU ms")
    beside = ("floor", "x floor", "stock x", "growth", "aim")
    title = "GraphQL over HTTP, CPU of a request: server + database"
    _table(console, title, columns + beside, rows)


def _visible(report: Report, console: Console) -> None:
    rows = (
        (
            one.backend,
            f"{one.p50_ms:.1f}",
            f"{one.p99_ms:.1f}",
            f"{one.lifecycles_per_second:,}",
            f"{one.loaded_p50_ms:.1f}",
            f"{one.loaded_p99_ms:.1f}",
        )
        for one in report.visible
    )
    columns = ("backend", "p50 ms", "p99 ms", "beside lifecycles/s", "p50 ms", "p99 ms")
    _table(
        console, "Commit to visible by GraphQL's atLeast: at rest, and under load", columns, rows
    )


def _transfers(report: Report, console: Console) -> None:
    floors = {one.backend: one.transfers_per_second for one in report.floor}
    plain = {one.backend: one.transfers_per_second for one in report.library}
    uniform = {
        (one.backend, one.callers): one.per_second
        for one in report.transfers
        if one.shape == "uniform"
    }
    rows = []
    for one in report.transfers:
        hot = one.shape == "hot" and uniform.get((one.backend, one.callers))
        rows.append(
            (
                one.backend,
                str(one.callers),
                one.shape,
                f"{one.per_second:,}",
                f"{one.p50_ms:.1f}",
                f"{one.p99_ms:.1f}",
                f"{one.per_second * 100 // hot}" if hot else "",
                _percent(one.per_second, floors.get(one.backend)),
                _times(one.per_second, plain.get(one.backend)),
            )
        )
    columns = ("backend", "callers", "shape", "per s", "p50 ms", "p99 ms")
    beside = ("hot %", "floor %", "x library")  # Of uniform; of the floor; of the plain library.
    _table(console, "Durable transfers", columns + beside, rows)


def _feed(report: Report, console: Console) -> None:
    if report.feed:
        _table(
            console,
            "A feed: checked whole, then imported for a while",
            ("backend", "rows", "rows/s", "MiB at 25, 50, 100 %", "import rows/s", "MiB", "peak"),
            (
                (
                    one.backend,
                    f"{one.rows:,}",
                    f"{one.checked_per_second:,}",
                    ", ".join(map(str, one.check_mib)),
                    f"{one.imported_per_second:,}",
                    ", ".join(map(str, one.import_mib)),
                    str(one.peak_mib),
                )
                for one in report.feed
            ),
        )


def _beside(report: Report, console: Console) -> None:
    if report.floor:
        _table(
            console,
            "The floor: the rows of 256 transfers a commit, inserted raw",
            ("backend", "rows/s", "transfers/s"),
            (
                (one.backend, f"{one.rows_per_second:,}", f"{one.transfers_per_second:,}")
                for one in report.floor
            ),
        )
    if report.library:
        _table(
            console,
            "Plain eventsourcing, one caller",
            ("backend", "transfers/s"),
            ((one.backend, f"{one.transfers_per_second:,}") for one in report.library),
        )


def _percent(figure: int, of: int | None) -> str:
    return f"{figure * 100 // of}" if of else ""


def _times(figure: int, of: int | None) -> str:
    return f"{figure / of:.1f}" if of else ""


def _table(
    console: Console, title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]
) -> None:
    console.print(f"\n[bold]{title}[/bold]")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=0)
    for column in columns:
        left = column in ("backend", "shape", "query", "ledger", "format")
        table.add_column(column, justify="left" if left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)
