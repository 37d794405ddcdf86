"""`zhangfang demo`: the story of `api/operations/story.py` and of its bills, told step by step."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import typer
from rich.table import Table

from api.cli import shopping
from api.cli.demo_bills import ending_json, read_ending, say_ending, say_found
from api.cli.opening import open_desk
from api.cli.output import DatabaseOption, JsonOption, Say, answering
from api.cli.outside import (
    NoSimulatorOption,
    SimulatorOption,
    accounts_json,
    described,
    now_there,
    outside,
    say_accounts,
    standing,
    wanted,
)
from api.cli.reports import (
    balance_json,
    read_statement,
    say_balance,
    say_statement,
    statement_json,
)
from api.context import AppContext
from api.operations import story
from api.operations.outside import Outside
from api.operations.story import Told
from api.operations.story_bills.playing import play_bills
from api.operations.upgrade import bring_up_to_date
from api.settings import load_settings
from domain.accounting.chart import chart_account
from domain.kernel import Entry
from domain.money import decimal_text
from domain.reconciliation.difference import About
from projections.models import trial_balance

FIGURES_WIDTH = 36  # What an entry takes besides accounts and titles.
AGAIN = "Stopped. The same command goes on where this one stopped."


app = typer.Typer(invoke_without_command=True)
app.command(
    "shop",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)(shopping.shop)


@app.callback()
def demo(
    context: typer.Context,
    simulator: SimulatorOption = None,
    no_simulator: NoSimulatorOption = False,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play the story of one purchase and a small market day, and of its bills with one difference
    of each kind; played again, nothing is new.

    Its payments, refunds and payouts go over HTTP, to a simulator that is started for it: banks,
    networks and WeChat Pay, in a process of their own.
    """
    if context.invoked_subcommand:
        return
    with answering(database, as_json, interrupted=AGAIN) as say:
        over_http = wanted(simulator, no_simulator, load_settings().channels)
        bring_up_to_date(say.database_url)
        far = standing(say.database_url) if over_http else "told"
        if far in ("empty", "begun"):
            with outside(say, simulator, far) as running:
                answer = tell(say, running)
        else:
            answer = tell(say)
        if say.as_json:
            say.json(answer)


def tell(say: Say, running: Outside | None = None) -> dict[str, Any]:
    """Play and print the story, over HTTP where there is a simulator; the same as JSON. The ledger
    must have its tables."""
    if running is None:
        with open_desk(say.database_url, channel=story.scripted_channel()) as context:
            return _told(say, context, None)
    from api.operations.staging import staged  # Here: it takes HTTP and signatures along.

    with staged(say.database_url, running) as stage:
        answer = _told(say, stage.context, stage)
    now_there(running)
    accounts = running.accounts()
    say_accounts(say, accounts)
    return {**answer, "simulator": {**described(running), "accounts": accounts_json(accounts)}}


def _told(say: Say, context: AppContext, stage: story.Carrier | None) -> dict[str, Any]:
    before = context.ledger.head().position
    told = list(_telling(say, context, stage))
    new = context.ledger.head().position - before
    context.desk.catch_up()
    with context.engine.connect() as connection:
        figures, lines = read_statement(connection, story.MERCHANT, story.TRADE_DAY, story.END)
        found = trial_balance.trial_balance(connection, story.DAY_AFTER)
        ending = read_ending(context, connection)
    say.line()
    say_statement(say, figures, lines)
    say.line()
    say_balance(say, found)
    say_ending(say, ending)
    say.line()
    say.line(f"{new:,} facts are new." if new else "Nothing was new: the story was in the books.")
    return {
        "steps": [_step_json(one) for one in told],
        "new": new,
        "statement": statement_json(figures, lines),
        "trial_balance": balance_json(found),
        **ending_json(ending),
    }


def _telling(say: Say, context: AppContext, stage: story.Carrier | None) -> Iterator[Told]:
    heading = None
    shown: set[str] = set()
    known: dict[str, About] = {}
    market, bills = story.play(context.desk, stage), play_bills(context.desk, context.writes)
    for number, one in enumerate(chain(market, bills), 1):
        if one.chapter is not heading:
            heading = one.chapter
            say.line()
            say.line(heading.title, "bold")
        say.line(f"{number:3}  {one.at:%m-%d %H:%M}  {one.actor:18}  {one.step.says}")
        say_found(say, one, known)
        for entry in _entries(one):
            if heading.closely or entry.rule not in shown:
                say.table(_table(entry, say.out.width))
            shown.add(entry.rule)
        yield one


def _entries(one: Told) -> list[Entry]:
    found = (getattr(recorded.fact, "entry", None) for recorded in one.facts)
    return [entry for entry in found if entry is not None]


def _table(entry: Entry, width: int) -> Table:
    """An entry as a bookkeeper writes it: what is debited, then what is credited.

    The columns of one entry stand below those of the others, so texts are given what is left.
    """
    texts = max(width - FIGURES_WIDTH, 16)
    titles = min(24, texts // 2)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    table.add_column(width=2)
    table.add_column(width=4)
    table.add_column(width=min(20, texts - titles))
    table.add_column(width=titles)
    table.add_column(justify="right", min_width=8)
    table.add_column(justify="right", min_width=8)
    table.add_row("", "", entry.rule, str(entry.date), "", "")
    for line in entry.lines:
        debit = decimal_text(line.debit_fen) if line.debit_fen else ""
        credit = decimal_text(line.credit_fen) if line.credit_fen else ""
        title = chart_account(line.account).title
        table.add_row("", "Dr" if debit else "  Cr", line.account, title, debit, credit)
    return table


def _step_json(one: Told) -> dict[str, Any]:
    return {
        "chapter": one.chapter.title,
        "at": one.at.isoformat(),
        "actor": one.actor,
        "says": one.step.says,
        "facts": [recorded.name for recorded in one.facts],
        "entries": [_entry_json(entry) for entry in _entries(one)],
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    lines = [
        {
            "account": line.account,
            "title": chart_account(line.account).title,
            "debit": line.debit_fen,
            "credit": line.credit_fen,
        }
        for line in entry.lines
    ]
    return {"rule": entry.rule, "date": entry.date, "lines": lines}
