"""`zhangfang document`: GraphQL documents that clients ask for by their id."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from api.cli.opening import open_desk
from api.cli.output import FOUND, DatabaseOption, JsonOption, answering
from domain.kernel import iso_time
from domain.ledger.ledger import utc_us
from domain.refusals import Refused

MAKER = "operator:command line"

app = typer.Typer(no_args_is_help=True, help="Registered GraphQL documents: add, list, retire.")


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A file with one GraphQL document; UTF-8.")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a document, register it and print its id."""
    from api.graphql import registered  # Here and not above: other commands start faster.
    from api.graphql.schema import graphql_schema
    from api.settings import load_settings

    with answering(database, as_json) as say:
        text = registered.text_of(file, "file")
        try:
            registered.check_document(graphql_schema(), text, load_settings().query_cost)
        except Refused as no:
            raise Refused(no.code, "file", f"{file}: {no.detail}") from None
        with open_desk(say.database_url) as context:
            made = registered.add_document(context.writes, text, MAKER, utc_us)
        if say.as_json:
            say.json({"id": made.id})
        say.line(made.id)


@app.command("list")
def list_all(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Those in the ledger's table, the oldest first; those of a server's folder are not there."""
    from api.graphql import registered

    with answering(database, as_json) as say:
        with open_desk(say.database_url) as context:
            found = registered.list_documents(context.engine)
        rows = [
            {
                "id": one.id,
                "created_at": iso_time(one.created_at_us),
                "created_by": one.created_by,
                "characters": len(one.document),
            }
            for one in found
        ]
        if say.as_json:
            say.json({"documents": rows})
        table = Table()
        for name in ("id", "created", "by", "characters"):
            table.add_column(name)
        for row in rows:
            table.add_row(*map(str, row.values()))
        say.table(table)


@app.command()
def retire(
    document_id: Annotated[str, typer.Argument(metavar="ID")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget a document; servers do within a minute. Exit 1 if there is none with this id."""
    from api.graphql import registered

    with answering(database, as_json) as say:
        registered.checked_id(document_id, "ID")
        with open_desk(say.database_url) as context:
            retired = registered.retire_document(context.writes, document_id)
        if say.as_json:
            say.json({"id": document_id, "retired": retired})
        say.line(f"{document_id}: retired" if retired else f"{document_id}: no such document")
    if not retired:
        raise typer.Exit(FOUND)
