"""`zhangfang differences`, `zhangfang difference`: what books and outside say differently, and what
two operators do about it."""

from datetime import date
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import Connection

from api.cli.asking import OperatorOption, submit_and_say
from api.cli.opening import open_desk
from api.cli.output import DatabaseOption, JsonOption, answering
from domain.channel.channels import channel_named
from domain.kernel import Command, States, iso_time, shanghai_date
from domain.ledger.ledger import utc_us
from domain.money import decimal_text
from domain.reconciliation import difference as facts
from domain.reconciliation.hindrances import possible
from domain.reconciliation.meeting import OWED, channels_of, way_of
from domain.reconciliation.resolutions import (
    AGES,
    FITS,
    WAYS,
    age_of,
    due_on,
    is_overdue,
)
from domain.reconciliation.resolving import (
    ApproveResolution,
    ProposeResolution,
    TurnDownResolution,
    UndoResolution,
)
from domain.refusals import Code, Refused
from projections.models import chargebacks
from projections.models import differences as model
from projections.models.aging import since_of
from projections.tables.paging import every

SHOWN = 200  # Rows of the table.

TO_HELP = "A member, another difference, or chargebacks with commas between."

app = typer.Typer(no_args_is_help=True, help="One difference: show, resolve, approve, undo.")


def _without_its_kind(named: str) -> str:
    """What waits is named by its stream (`funds explain`): that name is taken, too."""
    return named.removeprefix("difference-")


Which = Annotated[
    str, typer.Argument(metavar="ID", help="Of the difference.", callback=_without_its_kind)
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept.")]


def differences(
    state: Annotated[str | None, typer.Option("--state", help=", ".join(facts.NAMED))] = None,
    kind: Annotated[str | None, typer.Option("--type", help=", ".join(FITS))] = None,
    age: Annotated[
        str | None, typer.Option("--age", help=f"In days: {', '.join(one for one, _ in AGES)}.")
    ] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="Of one channel.")] = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List differences, those found longest ago first: without a state, those that are open."""
    with answering(database, as_json) as say:
        today = shanghai_date(utc_us())
        wanted = wanted_of(state, kind, age, channel, today)
        with open_desk(say.database_url) as context:
            context.projector.catch_up()
            found = [one for one in _all(context, wanted) if state or one.state in facts.OPEN]
        rows = [as_json_row(one, today) for one in found]
        if say.as_json:
            say.json(rows)
            return
        table = Table("id", "type", "channel", "day", "state", "age", "CNY", "waits on", "due")
        for one, row in zip(found[:SHOWN], rows[:SHOWN], strict=True):
            due = f"{row['due']}{' OVERDUE' if row['overdue'] else ''}"
            money = decimal_text(one.amount_fen)
            on = str(one.on_date)
            age_said = f"{row['age_days']} d"
            table.add_row(
                one.difference_id, one.kind, one.channel, on, one.state, age_said, money,
                one.account or "-", due,
            )  # fmt: skip
        say.table(table)
        if (more := len(found) - SHOWN) > 0:
            say.line(f"{more} more; --json lists all.")
        at_risk_fen = sum(one.amount_fen for one in found if one.account)
        say.line(f"{len(found)} differences; {decimal_text(at_risk_fen)} CNY wait.")


@app.command()
def show(which: Which, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Everything that is known of one, and what may be done about it."""
    with answering(database, as_json) as say:
        today = shanghai_date(utc_us())
        with open_desk(say.database_url) as context:
            context.projector.catch_up()
            with context.engine.connect() as connection:
                found = model.one_of(connection, which)
                if found is None:
                    raise Refused(Code.DIFFERENCE_NOT_FOUND, "difference", which[:64])
                standing = context.ledger.state(facts.stream(found.difference_id))
                cases = _cases(connection, standing) if found.state == "confirmed" else []
                fits = _may(context.ledger.state, connection, found, standing, cases)
        row = {**as_json_row(found, today), "may": fits, "chargebacks": cases}
        if say.as_json:
            say.json(row)
            return
        for name, value in row.items():
            shown = ", ".join(value) if isinstance(value, list) else value
            say.line(f"{name}: {'' if shown is None else shown}")


def _may(
    load: States,
    connection: Connection,
    found: model.Difference,
    standing: facts.State,
    cases: list[str],
) -> list[str]:
    """What can be proposed for this one, as far as that is known before it is tried. `cases`: the
    chargebacks whose money it may be."""
    if found.state != "confirmed":
        return []
    may: list[str] = list(possible(load, standing))
    if "link" in may and not cases and not model.has_counterpart(connection, found):
        may.remove("link")
    return may


@app.command("resolve")
def resolve(
    which: Which,
    resolution: Annotated[
        str, typer.Option("--as", help=f"What is to be done: {', '.join(WAYS)}.")
    ],
    reason: ReasonOption,
    to: Annotated[str, typer.Option("--to", help=TO_HELP)] = "",
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose what is to be done; another operator approves it."""
    _do(ProposeResolution(which, resolution, reason, to), operator, database, as_json)


@app.command()
def approve(
    which: Which,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Do what another operator has proposed, be it a resolution or its undoing."""
    _do(ApproveResolution(which), operator, database, as_json)


@app.command("turn-down")
def turn_down(
    which: Which,
    reason: ReasonOption,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is proposed is not done."""
    _do(TurnDownResolution(which, reason), operator, database, as_json)


@app.command()
def undo(
    which: Which,
    reason: ReasonOption,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Want a resolution taken back; another operator approves that."""
    _do(UndoResolution(which, reason), operator, database, as_json)


def wanted_of(
    state: str | None, kind: str | None, age: str | None, channel: str | None, today: date
) -> model.Wanted:
    """Raises Refused: REQUEST_INVALID naming `state`, `type` or `age`, CHANNEL_UNKNOWN."""
    if state is not None and state not in facts.NAMED:
        raise Refused(Code.REQUEST_INVALID, "state", f"one of {', '.join(facts.NAMED)}")
    if kind is not None and kind not in FITS:
        raise Refused(Code.REQUEST_INVALID, "type", f"one of {', '.join(FITS)}")
    if channel is not None:
        channel_named(channel)
    try:
        from_, to = since_of(age, today)
    except KeyError:
        names = ", ".join(one for one, _ in AGES)
        raise Refused(Code.REQUEST_INVALID, "age", f"one of {names}") from None
    return model.Wanted(facts.NAMED[state] if state else None, kind, channel, from_, to)


def as_json_row(one: model.Difference, today: date) -> dict[str, Any]:
    """One difference as `--json` shows it: fen (of a fee milli-fen), times in Shanghai."""
    since, state = shanghai_date(one.since_us), one.state
    days = max(0, (today - since).days)
    assert state in facts.STATES
    kind: Any = one.kind
    return {
        "id": one.difference_id,
        "type": one.kind,
        "channel": one.channel,
        "number": one.number,
        "date": one.on_date.isoformat(),
        "state": one.state,
        "cause": one.cause,
        "ours_fen": one.ours_fen,
        "bill_fen": one.bill_fen,
        "amount_fen": one.amount_fen,
        "account": one.account or None,
        "since": iso_time(one.since_us),
        "age_days": days,
        "age": age_of(days),
        "due": due_on(kind, one.state, since).isoformat(),  # type: ignore[arg-type]
        "overdue": is_overdue(kind, one.state, since, today),  # type: ignore[arg-type]
        "instruction_id": one.instruction_id or None,
        "serial": one.serial or None,
        "bill": one.bill or None,
        "line": one.line or None,
        "linked": one.linked or None,
        "resolution": one.resolution or None,
        "proposed_by": one.proposed_by or None,
        "approved_by": one.approved_by or None,
        "reason": one.reason or None,
        "to": one.to_whom or None,
        "awaits": one.awaits or None,
        "undo_wanted_by": one.undo_by,
    }


def _cases(connection: Connection, standing: facts.State) -> list[str]:
    """The chargebacks that it can be linked to."""
    about, way = facts.needed(standing), way_of(standing)
    if not standing.waits_fen or (way == "back" and about.kind in OWED):
        return []
    return chargebacks.to_meet(connection, way, channels_of(about), standing.waits_fen)


def _all(context: Any, wanted: model.Wanted) -> list[model.Difference]:
    with context.engine.connect() as connection:
        return every(lambda after: model.differences(connection, wanted, after=after))


def _do(command: Command, operator: str | None, database: str | None, as_json: bool) -> None:
    with answering(database, as_json) as say:
        submit_and_say(say, command, operator, "difference")
