"""`zhangfang member`: what operators do about one member at the terminal."""

from typing import Annotated

import typer

from api.cli.opening import keeping, open_desk, settings_beside
from api.cli.output import DatabaseOption, JsonOption, answering
from api.operations.desk import request
from api.operations.forgetting import agree
from api.operations.personal import ForgetWanted
from domain.fields import checked_member_id
from domain.ledger.ledger import utc_us

app = typer.Typer(no_args_is_help=True, help="Members: forget one.")
ACTOR = "operator:terminal"


@app.command()
def forget(
    member_id: Annotated[str, typer.Argument(metavar="ID", help="The member's id.")],
    reason: Annotated[str, typer.Option(help="Why; it stays on record.")] = "retention is over",
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a member's personal data, once the law does not require it any more."""
    with answering(database, as_json) as say:
        checked_member_id(member_id, "ID")
        kept = keeping(say.database_url, settings_beside(say.database_url))
        with open_desk(say.database_url, kept=kept) as context:
            now_us = utc_us()
            command = context.personal.forget(ForgetWanted(member_id, reason))
            asked = request(f"forget:{member_id}:{now_us}", now_us, command, ACTOR)
            answer = context.ledger.submit(asked)
            answer.unwrap()
            context.personal.settled(command, now_us, refused=False, replayed=False)
            agree(context.ledger, context.engine, context.personal.vault, now_us)
        if say.as_json:
            say.json({"member_id": member_id, "state": "forgotten", "position": answer.position})
        say.line(f"{member_id} is forgotten: nothing personal is kept of it any more.")
