"""`zhangfang staff`: the institution's operators and their offices.

They are appointed here, at the machine, as API keys are made here.
"""

import getpass
import secrets
from typing import Annotated

import typer
from rich.table import Table

from api.cli.opening import open_desk
from api.cli.output import DatabaseOption, JsonOption, Say, answering
from api.http.keys import revoke_keys_of
from domain.fields import checked_member_id
from domain.kernel import Command, Request
from domain.ledger.ledger import utc_us
from domain.member import staff as offices
from domain.member.staffing import AppointOperator, DismissOperator
from domain.refusals import Code, Refused

app = typer.Typer(no_args_is_help=True, help="The institution's operators: appoint, dismiss, list.")

Operator = Annotated[str, typer.Argument(metavar="ID", help="Who it is, as facts will say.")]


@app.command()
def appoint(
    operator_id: Operator,
    office: Annotated[str, typer.Option(help="cashier, reviewer, risk or auditor.")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give somebody an office; who has another one leaves it."""
    with answering(database, as_json) as say:
        found = next((one for one in offices.OFFICES if one == office), None)
        if found is None:
            known = ", ".join(offices.OFFICES)
            raise Refused(Code.REQUEST_INVALID, "office", f"one of {known} is needed")
        _do(say, AppointOperator(operator_id, found), f"{operator_id} is {office}.")


@app.command()
def dismiss(
    operator_id: Operator, database: DatabaseOption = None, as_json: JsonOption = False
) -> None:
    """Take somebody's office away, and revoke the keys: who comes back gets new ones."""
    with answering(database, as_json) as say:
        said = f"{operator_id} has no office any more; the keys are revoked."
        _do(say, DismissOperator(operator_id), said)
        with open_desk(say.database_url) as context:
            revoke_keys_of(context.writes, operator_id, None, utc_us)


@app.command("list")
def list_all(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Everybody in office."""
    with answering(database, as_json) as say:
        with open_desk(say.database_url) as context:
            found = context.ledger.state(offices.STREAM).operators
        if say.as_json:
            say.json({"staff": [{"operator_id": one, "office": of} for one, of in found]})
        table = Table("operator", "office")
        for one, of in found:
            table.add_row(one, of)
        say.table(table)


def _do(say: Say, command: Command, said: str) -> None:
    """Under a number of its own: who comes back is appointed anew."""
    number = f"staff:{secrets.token_hex(8)}"
    with open_desk(say.database_url) as context:
        answer = context.ledger.submit(Request(number, utc_us(), f"operator:{_name()}", command))
        result = answer.unwrap()
    if say.as_json:
        say.json({**result, "position": answer.position})
    say.line(said)


def _name() -> str:
    """Who is logged in at the machine."""
    try:
        return checked_member_id(getpass.getuser())
    except (KeyError, OSError, Refused):
        return "machine"
