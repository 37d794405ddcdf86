"""`zhangfang key`: API keys. A key is shown once, when it is made; only its digest is kept."""

from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli.opening import open_desk
from api.cli.output import FOUND, DatabaseOption, JsonOption, answering
from api.context import AppContext
from api.http import keys
from api.http.keys import KeyRow
from domain.fields import checked_member_id
from domain.kernel import iso_time
from domain.ledger.ledger import utc_us
from domain.member import member as membership
from domain.member import staff
from domain.refusals import Code, Refused

app = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke.")


@app.command()
def create(
    role: Annotated[str, typer.Option(help="merchant, auditor or operator.")],
    member: Annotated[
        str | None, typer.Option(help="The merchant a merchant's key is for.")
    ] = None,
    note: Annotated[str, typer.Option(help="What the key is for.")] = "key",
    operator: Annotated[
        str | None, typer.Option(help="Whose key it is: of the staff, or of the merchant.")
    ] = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it, this once."""
    with answering(database, as_json) as say:
        with open_desk(say.database_url) as context:
            key = make_key(context, role, member, note, operator)
        if say.as_json:
            told = {"id": key.split("_")[1], "role": role, "member": member, "operator": operator}
            say.json({**told, "key": key})
        say.line(key)


def make_key(
    context: AppContext, role: str, member: str | None, note: str, operator: str | None = None
) -> str:
    """A new key. Raises Refused: MEMBER_NOT_FOUND, OPERATOR_NOT_FOUND, and what
    `api.keys.create_key` raises."""
    if role == "merchant" and member is not None:
        state = context.ledger.state(membership.stream(checked_member_id(member)))
        if state.kind != "enterprise":
            raise Refused(Code.MEMBER_NOT_FOUND, "member", f"no merchant has the id {member!r}")
    if operator is not None:
        _need_operator(context, role, member, operator)
    return keys.create_key(context.writes, role, member, utc_us, note, operator)


def _need_operator(context: AppContext, role: str, member: str | None, operator: str) -> None:
    """What the key may do is what its operator is: the role must be the one that goes with it."""
    if member is not None:
        found = context.ledger.state(membership.stream(member)).role_of(operator) is not None
        wanted = "merchant"
    else:
        office = context.ledger.state(staff.STREAM).office_of(operator)
        found, wanted = office is not None, "auditor" if office == "auditor" else "operator"
    if not found:
        raise Refused(Code.OPERATOR_NOT_FOUND, "operator", f"nobody here is {operator!r}")
    if role != wanted:
        raise Refused(Code.REQUEST_INVALID, "role", f"{operator}'s key is {wanted}'s")


@app.command("list")
def list_all(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Every key ever made, without its secret."""
    with answering(database, as_json) as say:
        with open_desk(say.database_url) as context:
            found = keys.list_keys(context.engine)
        if say.as_json:
            say.json({"keys": [_row(one) for one in found]})
        table = Table()
        for name in ("id", "role", "member", "operator", "note", "created", "revoked"):
            table.add_column(name)
        for one in found:
            table.add_row(*(str(value or "") for value in _row(one).values()))
        say.table(table)


def _row(one: KeyRow) -> dict[str, Any]:
    return {
        "id": one.id,
        "role": one.role,
        "member": one.member,
        "operator": one.operator,
        "note": one.note,
        "created_at": iso_time(one.created_at_us),
        "revoked_at": iso_time(one.revoked_at_us) if one.revoked_at_us else None,
    }


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, not the key.")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key useless from now on; exit 1 if no such key still works."""
    with answering(database, as_json) as say:
        with open_desk(say.database_url) as context:
            revoked = keys.revoke_key(context.writes, key_id, utc_us)
        if say.as_json:
            say.json({"id": key_id, "revoked": revoked})
        say.line(f"{key_id}: revoked" if revoked else f"{key_id}: no such key that still works")
    if not revoked:
        raise typer.Exit(FOUND)
