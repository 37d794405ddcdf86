"""`zhangfang approval`: a second person decides. And what waits for one, as the desk shows it."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from api.cli.output import DatabaseOption, JsonOption, Say, answering
from api.cli.persons import submit_as_person
from api.operations.attention import Some
from domain.approval.commands import ApproveProposal, RefuseProposal, WithdrawProposal
from domain.kernel import Command, iso_time
from domain.money import decimal_text
from projections.models.approvals import Approval

app = typer.Typer(no_args_is_help=True, help="Decide on what needs two persons.")

WhichArgument = Annotated[str, typer.Argument(help="The approval, as the desk shows it.")]
PATH = "POST /v1/approvals/{approval_id}"
COLUMNS = ("approval", "what", "of", "proposed by", "until", "CNY")


def say_approvals(say: Say, found: Some[Approval], table: Callable[..., None]) -> None:
    """A table of them; `table` is how the desk prints one."""
    rows = [
        (
            one.approval_id,
            one.kind,
            one.subject,
            one.maker,
            iso_time(one.expires_us),
            "" if one.amount_fen is None else decimal_text(one.amount_fen),
        )
        for one in found.items
    ]
    table(say, "Proposals to approve or refuse", COLUMNS, rows, found.more)


def approval_json(one: Approval) -> dict[str, Any]:
    return {
        "approval_id": one.approval_id,
        "kind": one.kind,
        "subject": one.subject,
        "command": one.body,
        "amount_fen": one.amount_fen,
        "proposed_by": one.maker,
        "merchant": one.member or None,
        "proposed_at": iso_time(one.proposed_at_us),
        "expires_at": iso_time(one.expires_us),
    }


@app.callback()
def group() -> None:
    """Decide on what needs two persons. ZHANGFANG_KEY is your key."""


@app.command()
def approve(
    which: WhichArgument, database: DatabaseOption = None, as_json: JsonOption = False
) -> None:
    """Let what another person proposed happen, now."""
    _decide("approve", ApproveProposal(which), database, as_json)


@app.command()
def refuse(
    which: WhichArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """What another person proposed does not happen; it may be proposed again."""
    _decide("refuse", RefuseProposal(which, reason), database, as_json)


@app.command()
def withdraw(
    which: WhichArgument, database: DatabaseOption = None, as_json: JsonOption = False
) -> None:
    """Take back what you have proposed yourself."""
    _decide("withdraw", WithdrawProposal(which), database, as_json)


def _decide(word: str, command: Command, database: str | None, as_json: bool) -> None:
    with answering(database, as_json) as say:
        result = submit_as_person(say, f"{PATH}/{word}", command)
        done = result.get("done", {})
        said = ", ".join(f"{name} {value}" for name, value in done.items())
        say.line(f"{result['approval_id']}: {result['state']}{': ' if said else ''}{said}.")
