"""`zhangfang own`: the institution's own books.

What needs two persons (capital, a buffer, interest, a sweep that is instructed) is proposed here by
a person's key, and approved by another's (`zhangfang approval`). What a statement shows of what was
decided before one operator books.
"""

from typing import Annotated, Any, get_args

import typer

from api.cli.asking import OperatorOption, submit
from api.cli.output import DatabaseOption, JsonOption, Say, answering
from api.cli.persons import submit_as_person
from domain.accounting import own_funds
from domain.accounting.owning import (
    CallOffSweep,
    InstructSweep,
    PostOwnFunds,
    PostSweep,
    ShowTopUp,
)
from domain.fields import checked_number
from domain.kernel import Command
from domain.refusals import Code, Refused

app = typer.Typer(no_args_is_help=True, help="The institution's own books.")

NumberArgument = Annotated[str, typer.Argument(help="The movement's own number.")]
AmountOption = Annotated[int, typer.Option("--amount-fen", help="How much, in fen.")]
StatementOption = Annotated[
    str, typer.Option("--statement", help="The bank's reference of the line that shows it.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why.")]
KINDS: tuple[str, ...] = get_args(own_funds.Posting)


@app.callback()
def group() -> None:
    """The institution's own books."""


@app.command("post")
def post(
    number: NumberArgument,
    kind: Annotated[str, typer.Option("--kind", help=f"One of {', '.join(KINDS)}.")],
    amount_fen: AmountOption,
    statement: StatementOption,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose to book own funds that the statement shows. ZHANGFANG_KEY is your key."""
    with answering(database, as_json) as say:
        if kind not in KINDS:
            raise Refused(Code.REQUEST_INVALID, "kind", f"one of {', '.join(KINDS)} is needed")
        wanted: Any = kind
        _propose(say, "own", PostOwnFunds(number, wanted, amount_fen, statement), number)


@app.command("sweep")
def sweep(
    number: NumberArgument,
    amount_fen: AmountOption,
    reason: ReasonOption,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose that the bank moves fees to the own account. ZHANGFANG_KEY is your key."""
    with answering(database, as_json) as say:
        _propose(say, "sweep", InstructSweep(number, amount_fen, reason), number)


@app.command("post-sweep")
def post_sweep(
    number: NumberArgument,
    amount_fen: AmountOption,
    statement: StatementOption,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Book a sweep that the statement shows."""
    with answering(database, as_json) as say:
        _submit(say, PostSweep(number, amount_fen, statement), operator)


@app.command("call-off-sweep")
def call_off_sweep(
    number: NumberArgument,
    reason: ReasonOption,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let go of a sweep that the bank will not do."""
    with answering(database, as_json) as say:
        _submit(say, CallOffSweep(number, reason), operator)


@app.command("top-up")
def top_up(
    reference: Annotated[str, typer.Argument(help="Of the fact whose entry moved it.")],
    statement: StatementOption,
    operator: OperatorOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Book a top-up that the statement shows, or what has left the reserve."""
    with answering(database, as_json) as say:
        _submit(say, ShowTopUp(reference, statement), operator)


def _submit(say: Say, command: Command, operator: str | None) -> None:
    result = submit(say, command, operator, "cli:own")
    say.line(f"{result.get('movement_no', result.get('reference'))}: {result['status']}.")


DOORS = {"own": "POST /v1/own-funds", "sweep": "POST /v1/sweeps"}


def _propose(say: Say, prefix: str, command: Command, number: str) -> None:
    """Under the number that it has over HTTP, so that it is one proposal."""
    asked = f"{prefix}:{checked_number(number, 'movement_no')}"
    result = submit_as_person(say, DOORS[prefix], command, asked)
    say.line(f"{number}: {result['approval_id']} waits for another person.")
