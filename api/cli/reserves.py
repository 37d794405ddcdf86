"""`zhangfang reserve proof`: what there is for customers against what they are owed, on a date, and
whether the facts say the same."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from api.cli.opening import open_desk
from api.cli.output import FOUND, DatabaseOption, JsonOption, Say, answering, day
from api.operations.reserve_proof import VIEWED, Proof, checked, proof_of
from domain.accounting.chart import CHART, RESERVE_IDENTITY
from domain.clearing.certificate import sides_of
from domain.kernel import shanghai_date
from domain.ledger.ledger import utc_us
from domain.money import decimal_text
from projections.rebuilding.digest import snapshot

app = typer.Typer(no_args_is_help=True, help="The reserve, proved.")


@app.callback()
def group() -> None:
    """The reserve, proved."""


@app.command("proof")
def proof(
    date: Annotated[
        str | None, typer.Option("--date", help="Of which business day, YYYY-MM-DD; else today.")
    ] = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the certificate of a business day, or what the open one comes to now, and recompute
    every figure from the facts up to its position; exit 1 if they say otherwise."""
    with answering(database, as_json) as say:
        wanted = day(date, "date") or shanghai_date(utc_us())
        with open_desk(say.database_url) as context:
            context.projector.catch_up()
            with snapshot(context.engine, VIEWED) as view:
                found = proof_of(context.ledger.recorder, view, wanted)
            result = checked(context.ledger.recorder, found)
        if say.as_json:
            say.json(result.as_json())
        else:
            _say(say, result)
        if not result.agrees:
            raise typer.Exit(FOUND)


def _say(say: Say, proof: Proof) -> None:
    kind = "certified" if proof.certified else "not certified"
    say.line(f"Reserve proof of {proof.date} ({kind}), position {proof.position}")
    say.line(f"head {proof.head_hash}")
    rows = [
        (one.code, CHART[one.code].title, decimal_text(one.balance_fen))
        for one in proof.totals
        if one.code in RESERVE_IDENTITY
    ]
    _table(say, "identity", ("code", "account", "CNY"), rows)
    there_fen, owed_fen = sides_of(proof.totals)
    say.line(f"There {decimal_text(there_fen)}, owed {decimal_text(owed_fen)}.")
    if not proof.mirrored:
        since = f"from {proof.mirror_since} on" if proof.mirror_since else "not yet"
        say.line(f"1122.05 mirrors 2202.09 {since}; before that it is not asked.")
    for section in proof.sections:
        lines = [
            (
                row.code,
                CHART[row.code].title,
                row.days,
                str(row.items),
                decimal_text(row.amount_fen),
            )
            for row in section.rows
        ]
        _table(say, section.name, ("code", "account", "days", "items", "CNY"), lines)
    for difference in proof.differences:
        say.line(f"! {difference}")
    say.line("The facts give the same." if proof.agrees else "The facts say otherwise.")


def _table(say: Say, title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(title=title)
    for name in columns:
        table.add_column(name, justify="right" if name in ("CNY", "items") else "left")
    for row in rows:
        table.add_row(*row)
    say.table(table)
