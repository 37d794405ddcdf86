"""A command by an operator at the machine: who asks, under which number, and what is answered."""

import getpass
import secrets
from typing import Annotated, Any

import typer

from api.cli.opening import open_desk
from api.cli.output import Say
from api.context import AppContext
from domain.fields import checked_member_id
from domain.kernel import Command, Request
from domain.ledger.ledger import utc_us

OperatorOption = Annotated[
    str | None, typer.Option(help="Who does it; else the name you are logged in with.")
]


def actor_of(operator: str | None) -> str:
    """The operator that is named, or who is logged in. Raises Refused(IDENTIFIER_INVALID)."""
    who = _logged_in() if operator is None else operator
    return f"operator:{checked_member_id(who, 'operator')}"


def _logged_in() -> str:
    """Who is logged in at the machine; "" when it cannot say."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def submit(say: Say, command: Command, operator: str | None, about: str) -> dict[str, Any]:
    """Under a number of its own: what the command is about says itself whether it happened before.
    The answer, which `--json` shows with its position. Raises Refused."""
    request = Request(f"{about}:{secrets.token_hex(8)}", utc_us(), actor_of(operator), command)
    with open_desk(say.database_url) as context:
        return decided(say, context, request)


def decided(say: Say, context: AppContext, request: Request) -> dict[str, Any]:
    """The answer, which `--json` shows with its position; the read models know of it by then.
    Raises Refused."""
    answer = context.ledger.submit(request)
    result: dict[str, Any] = answer.unwrap()
    context.projector.catch_up()
    if say.as_json:
        say.json({**result, "position": answer.position})
    return result


def submit_and_say(say: Say, command: Command, operator: str | None, about: str) -> None:
    """The same, and everything that was answered in a line."""
    result = submit(say, command, operator, about)
    said = ", ".join(f"{name} {value}" for name, value in result.items())
    say.line(f"{said}.")
