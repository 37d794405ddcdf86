"""`zhangfang bench`: how fast the ledger is here, beside the floor and the plain library.

Everything is measured in one run, on the same server, in turns: each case gets a third of its time,
then the next one, three times round. Whatever slows the machine down for a while slows all down.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec
import typer
from rich.console import Console

from benchmarks import feeds, floor, library, lifecycles, rebuild, transfers, visible, webhooks
from benchmarks.cashier import measuring as at_the_cashier
from benchmarks.databases import Databases, databases
from benchmarks.ending import terminated_like_interrupted
from benchmarks.figures import BACKENDS, Backend, Report
from benchmarks.graphql import measuring
from benchmarks.listening import measuring as listening
from benchmarks.payments import measuring as paying
from benchmarks.reconcile import measuring as reconciling
from benchmarks.report import show
from domain.ledger.ledger import Ledger

TURNS = 3
SECONDS = 5.0
POSTGRES = "ZHANGFANG_TEST_POSTGRES"


class Kind(StrEnum):
    """What can be measured."""

    TRANSFERS = "transfers"
    LIFECYCLES = "lifecycles"
    VISIBLE = "visible"
    REBUILD = "rebuild"
    FEED = "feed"
    FLOOR = "floor"
    LIBRARY = "library"
    GRAPHQL = "graphql"
    PAYMENTS = "payments"
    SUBSCRIPTIONS = "subscriptions"
    WEBHOOKS = "webhooks"
    CASHIER = "cashier"
    RECONCILE = "reconcile"


# The first imports a quarter of trade, and ten times as much; the second starts an outside; the
# third opens some thousand connections; the fourth makes ten thousand events that wait; the next
# does as the second and the third; the last fills six ledgers with payments.
ON_REQUEST = (
    Kind.GRAPHQL,
    Kind.PAYMENTS,
    Kind.SUBSCRIPTIONS,
    Kind.WEBHOOKS,
    Kind.CASHIER,
    Kind.RECONCILE,
)


class BackendName(StrEnum):
    """The databases, as options of the command."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class BillFormat(StrEnum):
    """Formats of bills, as options of the command."""

    JD_PAY = "jd_pay"
    WECHAT_TRADE = "wechat_trade"
    UNIONPAY_ZM = "unionpay_zm"
    CAMT053 = "camt053"


LinesOption = Annotated[
    list[int] | None,
    typer.Option(min=10, max=3_000_000, help="reconcile: of a bill; may be given again."),
]
FormatOption = Annotated[
    list[BillFormat] | None, typer.Option(help="reconcile: which; may be given again.")
]


class Case(Protocol):
    """Something that is measured a while at a time."""

    name: str

    def measure(self, seconds: float) -> None: ...

    def result(self) -> Any: ...


Tell = Callable[[str], None]
Cases = list[tuple[Kind, Case]]


def run(
    only: Sequence[Kind] = (),
    backends: Sequence[Backend] = (),
    seconds: float = SECONDS,
    postgres: str | None = None,
    tell: Tell = lambda _: None,
    scale: int = measuring.SCALE,
    feed: Path | None = None,
    bills: reconciling.Bills = reconciling.Bills(),  # noqa: B008
) -> Report:
    """Measure, `seconds` per case; no kinds named means all but those on request, no backends all.

    `scale` and `feed` are for queries: how much longer the longer ledger is, and what is imported.
    `bills` are those that are reconciled.
    `postgres`: the URL of a database in which schemas may be made; without it a server is started.
    `tell` hears what is going on. Raises RuntimeError when no PostgreSQL can be started, Refused
    and the database's errors.
    """
    kinds = tuple(only) or tuple(kind for kind in Kind if kind not in ON_REQUEST)
    wanted = tuple(backends) or BACKENDS
    report = Report()
    with databases(wanted, postgres) as made:
        with ExitStack() as stack:
            cases = _cases(kinds, wanted, made, stack, tell)
            for turn in range(TURNS):
                for number, (_, case) in enumerate(cases, 1):
                    tell(f"turn {turn + 1} of {TURNS}, {number} of {len(cases)}: {case.name}")
                    case.measure(seconds / TURNS)
            for kind, case in cases:
                getattr(report, kind).append(case.result())
        if Kind.REBUILD in kinds:
            for backend in wanted:
                facts = int(seconds * rebuild.FACTS_PER_SECOND)
                with made.ledger(backend) as url:
                    report.rebuild.append(rebuild.measure(url, backend, facts, tell))
        if Kind.FEED in kinds:
            for backend in wanted:
                with made.ledger(backend) as url:
                    report.feed.append(feeds.measure(url, backend, seconds, tell))
        _measure_servers(report, kinds, wanted, made, (seconds, tell), scale=scale, feed=feed)
        if Kind.RECONCILE in kinds:
            report.bills_read = reconciling.measure_reading(bills, tell)
            for backend in wanted:
                report.bills_matched += reconciling.measure_matching(made, backend, bills, tell)
    return report


def _measure_servers(
    report: Report,
    kinds: Sequence[Kind],
    wanted: Sequence[Backend],
    made: Databases,
    how: tuple[float, Tell],
    *,
    scale: int,
    feed: Path | None,
) -> None:
    """What is measured on servers in processes of their own; `how` long, and who hears of it."""
    if Kind.GRAPHQL in kinds:
        for backend in wanted:
            report.queries += measuring.measure(made, backend, *how, scale=scale, feed=feed)
    if Kind.PAYMENTS in kinds:
        for backend in wanted:
            with made.ledger(backend) as url:
                found, beside = paying.measure(url, backend, *how)
            report.payments += found
            report.beside.append(beside)
    if Kind.SUBSCRIPTIONS in kinds:
        for backend in wanted:
            with made.ledger(backend) as url:
                report.subscriptions.append(listening.measure(url, backend, *how))
    if Kind.WEBHOOKS in kinds:
        for backend in wanted:
            with made.ledger(backend) as url:
                report.webhooks.append(webhooks.measure(url, backend, *how))
    if Kind.CASHIER in kinds:
        for backend in wanted:
            with made.ledger(backend) as url:
                pages, told = at_the_cashier.measure(url, backend, *how)
            report.cashier.append(pages)
            report.cashier_told.append(told)


def _cases(
    kinds: Sequence[Kind],
    backends: Sequence[Backend],
    made: Databases,
    stack: ExitStack,
    tell: Tell,
) -> Cases:
    cases: Cases = []
    for backend in backends:
        tell(f"{backend}: making ledgers")
        if Kind.TRANSFERS in kinds:
            ledger = _open(made, backend, stack)
            cases += ((Kind.TRANSFERS, case) for case in transfers.cases(ledger, backend))
        if Kind.LIFECYCLES in kinds:
            ledger = _open(made, backend, stack)
            cases.append((Kind.LIFECYCLES, lifecycles.Case(ledger, backend)))
        if Kind.VISIBLE in kinds:
            seen = visible.Case(stack.enter_context(made.ledger(backend)), backend)
            stack.callback(seen.close)
            cases.append((Kind.VISIBLE, seen))
        if Kind.FLOOR in kinds:
            with made.ledger(backend) as url:
                source = floor.rows_of_transfers(url)
            url = stack.enter_context(made.ledger(backend))
            cases.append((Kind.FLOOR, floor.Case(source, url, backend)))
        if Kind.LIBRARY in kinds:
            plain = library.Case(stack.enter_context(made.neighbour(backend)), backend)
            stack.callback(plain.close)
            cases.append((Kind.LIBRARY, plain))
    # The kinds in turn, and within a kind the backends in turn.
    order = list(Kind)
    return sorted(cases, key=lambda item: order.index(item[0]))


def _open(made: Databases, backend: Backend, stack: ExitStack) -> Ledger:
    ledger = Ledger.open(stack.enter_context(made.ledger(backend)))
    stack.callback(ledger.close)
    return ledger


def command(
    kinds: Annotated[list[Kind] | None, typer.Argument(help="The same as --only.")] = None,
    only: Annotated[
        list[Kind] | None, typer.Option(help="What to measure; may be given again.")
    ] = None,
    backend: Annotated[
        list[BackendName] | None, typer.Option(help="On which database; may be given again.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="How long each case is measured.")
    ] = SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON.")] = False,
    postgres: Annotated[
        str | None,
        typer.Option(
            envvar=POSTGRES,
            help="A database in which schemas may be made; else a server is started.",
        ),
    ] = None,
    scale: Annotated[
        int, typer.Option(min=1, max=100, help="graphql: how much longer the longer ledger is.")
    ] = measuring.SCALE,
    feed: Annotated[
        Path | None, typer.Option(help="graphql: what is imported; else the real quarter.")
    ] = None,
    lines: LinesOption = None,
    bill_format: FormatOption = None,
) -> None:
    """Measure what is asked for, beside the floor and the plain library; graphql, which imports a
    quarter and more, payments and cashier, which start an outside, subscriptions and webhooks,
    reconcile, which fills ledgers with as many payments as bills have lines: only when named.
    """
    progress = Console(stderr=True)
    backends: list[Backend] = [one.value for one in backend or ()]
    try:
        with terminated_like_interrupted():
            wanted = [*(kinds or ()), *(only or ())]
            formats = [one.value for one in bill_format or BillFormat]
            bills = reconciling.Bills(lines or reconciling.LINES, formats)
            report = run(wanted, backends, seconds, postgres, progress.print, scale, feed, bills)
    except KeyboardInterrupt:
        progress.print("interrupted; everything made for the run is removed")
        raise typer.Exit(130) from None
    except RuntimeError as error:
        progress.print(str(error), markup=False)
        raise typer.Exit(1) from None
    if as_json:
        print(msgspec.json.encode(report).decode())
    else:
        show(report, Console())


if __name__ == "__main__":
    typer.run(command)
