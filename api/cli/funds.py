"""`zhangfang funds`: the reserve account's statements and the sessions, against what is owed; what
each transit account waits for; quotas. `zhangfang timeline`: the way of a sale's money."""

from typing import Annotated, Any

import typer
from msgspec.structs import asdict
from rich.table import Table

from api.cli.asking import OperatorOption, actor_of
from api.cli.opening import open_desk
from api.cli.output import DatabaseOption, JsonOption, Say, answering, day
from api.operations.bills.answers import quota_json
from api.operations.bills.funds import Funds, reconcile_funds
from api.operations.bills.reading import BillChanged
from api.operations.explained import Explained
from api.operations.explaining import explain, transits
from api.operations.timeline import Step, money_timeline
from domain.kernel import Request, iso_time
from domain.ledger.ledger import utc_us
from domain.money import decimal_text, parse_yuan
from domain.reconciliation.funding import MapQuota
from domain.refusals import Code, Refused
from projections.models import quotas

app = typer.Typer(no_args_is_help=True, help="The reserve account, and what is on its way to it.")

DateOption = Annotated[str, typer.Option("--date", help="Of which day, YYYY-MM-DD.")]


@app.callback()
def group() -> None:
    """The reserve account, and what is on its way to it."""


@app.command("reconcile")
def reconcile(
    date: DateOption,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the bank's statement of a day, and the sessions around it, with what is owed. Run
    again, or stopped and run again, it comes to the same."""
    with answering(database, as_json, interrupted="Stopped: run it again.") as say:
        actor = actor_of(operator)
        wanted = day(date, "date")
        assert wanted is not None
        with open_desk(say.database_url) as context:
            funds = Funds(
                context.ledger,
                context.engine,
                context.writes,
                context.projector,
                actor,
                utc_us(),
            )
            try:
                found = reconcile_funds(funds, wanted)
            except BillChanged as changed:
                raise Refused(Code.BILL_INVALID, "bill", str(changed)) from None
        _say_found(say, found)


@app.command("explain")
def explain_accounts(
    account: Annotated[
        str | None, typer.Option(help="One account (1001.01 too); else all transits not at zero.")
    ] = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say of a transit account why it is not at zero: the items whose sum it is. Of the reserve
    account (1001.01), why it is not what the bank's newest statement says."""
    with answering(database, as_json) as say, open_desk(say.database_url) as context:
        context.projector.catch_up()
        with context.engine.connect() as connection:
            wanted = [account] if account is not None else transits(connection)
            told = [explain(connection, one) for one in wanted]
        if say.as_json:
            say.json([explained_json(one) for one in told])
            return
        if not told:
            say.line("Nothing waits: every transit account is at zero.")
        for one in told:
            say.line(f"{one.account}: {decimal_text(one.balance_fen)}")
            for item in one.items:
                since = f" since {item.since}" if item.since else ""
                say.line(f"  {decimal_text(item.amount_fen)}  {item.name}{since}: {item.why}")


@app.command("quota")
def quota(
    clearing: Annotated[
        str | None, typer.Argument(help="Record what is set aside with a network, like NETSUNION.")
    ] = None,
    amount: Annotated[str | None, typer.Argument(help="Yuan, like 5000000.00.")] = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "as agreed with the network",
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """How much of the reserve account each clearing network may move: what is mapped, what came and
    went through it since, and what is available. With a network and an amount: map it."""
    with answering(database, as_json) as say, open_desk(say.database_url) as context:
        if (clearing is None) != (amount is None):
            detail = "a network and an amount are given together"
            raise Refused(Code.REQUEST_INVALID, "amount", detail)
        if clearing is not None and amount is not None:
            actor = actor_of(operator)
            command = MapQuota(clearing, parse_yuan(amount, "amount"), reason)
            at_us = utc_us()
            number = f"quota:{clearing[:32]}:{at_us}"
            wish = Request(number, at_us, actor, command)
            context.ledger.submit(wish).unwrap()
        context.projector.catch_up()
        with context.engine.connect() as connection:
            found = quotas.quotas(connection)
        if say.as_json:
            say.json([quota_json(one) for one in found])
            return
        if not found:
            say.line("Nothing is mapped to a network.")
        for one in found:
            came, went = decimal_text(one.came_fen), decimal_text(one.went_fen)
            mapped, there = decimal_text(one.mapped_fen), decimal_text(one.available_fen)
            since = f"mapped {mapped} on {one.on}, in {came}, out {went}"
            say.line(f"{one.clearing}: {there} available ({since}).")


def explained_json(one: Explained) -> dict[str, Any]:
    items = [{**asdict(item), "since": _day(item.since)} for item in one.items]
    return {"account": one.account, "balance_fen": one.balance_fen, "items": items}


def timeline(
    transaction_id: Annotated[str, typer.Argument(help="Of a sale, like SHOP22-1001.")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """The way of a sale's money: paid, in which bill and line, arrived with which session, due and
    why then, paid out, shown by the bank. What has not happened says what it waits for."""
    with answering(database, as_json) as say, open_desk(say.database_url) as context:
        context.projector.catch_up()
        with context.engine.connect() as connection:
            steps = money_timeline(connection, transaction_id)
        if say.as_json:
            say.json([step_json(one) for one in steps])
            return
        table = Table("step", "day", "yuan", "reference", "why")
        for one in steps:
            amount = decimal_text(one.amount_fen) if one.amount_fen else ""
            named = f"{one.what}" if one.done else f"{one.what} (waits)"
            table.add_row(named, _day(one.on) or "", amount, one.reference, one.because)
        say.table(table)


def step_json(one: Step) -> dict[str, Any]:
    at = iso_time(one.at_us) if one.at_us is not None else None
    told = {key: value for key, value in asdict(one).items() if key != "at_us"}
    return {**told, "on": _day(one.on), "at": at}


def _day(on: Any) -> str | None:
    return on.isoformat() if on is not None else None


def _say_found(say: Say, found: dict[str, Any]) -> None:
    if say.as_json:
        say.json(found)
        return
    told = found["statement"]
    if told is None:
        say.line(f"There is no statement of {found['date']} yet.")
    else:
        say.line(f"Statement of {told['date']}, version {told['version']}: {told['lines']} lines.")
        if told["gap_fen"]:
            say.line(
                f"It opens {decimal_text(told['gap_fen'])} beside what the last one closed with."
            )
        for one in told["found"]:
            amount = decimal_text(one["amount_fen"])
            say.line(f"  {one['what']} {one['channel']}: {one['lines']} lines, {amount}")
    for one in found["sessions"]:
        due, came = decimal_text(one["due_fen"]), decimal_text(one["arrived_fen"])
        say.line(f"{one['id']}: {one['status']}, {came} of {due} have come.")
    for one in found["differences"]:
        amount = decimal_text(one["amount_fen"])
        say.line(f"{one['state']}: {one['type']} {one['number']}, {amount}")
