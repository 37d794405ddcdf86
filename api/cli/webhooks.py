"""`zhangfang webhooks`: where members hear of their events, and what became of sending them."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from api.cli.opening import open_desk
from api.cli.output import DatabaseOption, JsonOption, Say, answering
from api.operations.attention import Some
from api.operations.webhooks import deliveries
from api.operations.webhooks.deliveries import Progress
from domain.fields import checked_member_id, checked_number
from domain.kernel import iso_time
from projections.models import webhook_endpoints
from projections.models.webhook_endpoints import Endpoint

app = typer.Typer(no_args_is_help=True, help="Webhooks: list endpoints, show attempts.")
COLUMNS = ("member", "endpoint", "since", "why", "of event at")
MOST = 100


@app.command("list")
def list_endpoints(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Every endpoint, and how far it is."""
    with answering(database, as_json) as say, open_desk(say.database_url) as context:
        context.projector.catch_up()
        with context.engine.connect() as view:
            found = [
                (one, deliveries.progress(view, one.name))
                for one in webhook_endpoints.all_endpoints(view)
            ]
        if say.as_json:
            say.json({"endpoints": [_whole_json(one, at) for one, at in found]})
        if not found:
            say.line("There is no endpoint.")
            return
        table = Table("member", "endpoint", "state", "at", "waiting", "failing", "url", box=None)
        for one, at in found:
            state = f"paused: {one.why}" if one.paused else "active"
            counts = (str(at.position), str(at.waiting), str(at.failing))
            table.add_row(one.member, one.endpoint_id, state, *counts, one.url)
        say.table(table)


@app.command()
def attempts(
    member_id: Annotated[str, typer.Argument(metavar="MEMBER", help="The member's id.")],
    endpoint_id: Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's id.")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """The newest attempts to send to an endpoint, up to a hundred."""
    with answering(database, as_json) as say, open_desk(say.database_url) as context:
        name = checked_member_id(member_id, "MEMBER"), checked_number(endpoint_id, "ENDPOINT")
        with context.engine.connect() as view:
            found = deliveries.attempts(view, name, None, MOST)
        if say.as_json:
            rows = [{"at": iso_time(one.at_us), **msgspec.structs.asdict(one)} for one in found]
            say.json({"attempts": rows})
        table = Table("at", "event at", "kind", "try", "result", "status", "ms", box=None)
        for one in found:
            what = (iso_time(one.at_us), str(one.position), one.kind, str(one.attempt))
            table.add_row(*what, one.result, str(one.status or ""), str(one.took_ms))
        say.table(table)


def say_endpoints(say: Say, found: Some[Endpoint], table: Callable[..., None]) -> None:
    """A table of those that are paused; `table` is how the desk prints one."""
    rows = [
        (
            one.member,
            one.endpoint_id,
            iso_time(one.paused_at_us or 0),
            one.why,
            str(one.stopped_by),
        )
        for one in found.items
    ]
    table(say, "Webhooks that are paused", COLUMNS, rows, found.more)


def endpoint_json(one: Endpoint) -> dict[str, Any]:
    return {
        "member": one.member,
        "endpoint_id": one.endpoint_id,
        "url": one.url,
        "kinds": msgspec.json.decode(one.kinds),
        "state": "paused" if one.paused else "active",
        "why": one.why,
        "paused_at": iso_time(one.paused_at_us) if one.paused_at_us else None,
        "stopped_by": one.stopped_by or None,
    }


def _whole_json(one: Endpoint, at: Progress) -> dict[str, Any]:
    return {**endpoint_json(one), **msgspec.structs.asdict(at)}
