"""`zhangfang events`: the history of one stream, and the aggregate's state after each fact."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer

from api.cli.opening import open_desk
from api.cli.output import DatabaseOption, JsonOption, answering
from domain.kernel import Recorded, iso_time
from domain.ledger import codec
from domain.ledger.ledger import Ledger
from domain.refusals import Code, Refused
from projections.tables.paging import sought_text


def events(
    stream: Annotated[str, typer.Argument(help="Such as transaction-SHOP22-536365.")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """One stream's facts: position, time, actor, fact, and the state after each."""
    with answering(database, as_json) as say, open_desk(say.database_url) as context:
        found = _states(context.ledger, stream)
        first = next(found, None)
        if first is None:
            raise Refused(Code.REQUEST_INVALID, "stream", f"no stream is called {stream[:120]!r}")
        if say.as_json:
            # Written one by one: an account may have a million.
            head = msgspec.json.encode(stream).decode()
            sys.stdout.write(f'{{"stream": {head}, "events": [\n{_json(*first)}')
            for recorded, state in found:
                sys.stdout.write(f",\n{_json(recorded, state)}")
            sys.stdout.write("\n]}\n")
            return
        while first is not None:
            recorded, state = first
            say.line(
                f"{recorded.position}  {recorded.reference}  {iso_time(recorded.at_us)}  "
                f"{recorded.actor}  {recorded.name}",
                "bold",
            )
            say.line(f"    fact   {_text(recorded.fact)}")
            say.line(f"    state  {_text(state)}")
            first = next(found, None)


def _states(ledger: Ledger, stream: str) -> Iterator[tuple[Recorded, Any]]:
    try:
        aggregate = codec.aggregate_of(sought_text(stream, "stream"))
    except codec.UnknownFact as unknown:
        raise Refused(Code.REQUEST_INVALID, "stream", str(unknown)[:200]) from None
    state: Any = aggregate.State()
    for recorded in ledger.history(stream):
        state = aggregate.evolve(state, recorded.fact)
        yield recorded, state


def _json(recorded: Recorded, state: Any) -> str:
    row = {
        "position": recorded.position,
        "version": recorded.version,
        "at": iso_time(recorded.at_us),
        "actor": recorded.actor,
        "name": recorded.name,
        "command": recorded.command,
        "cause": recorded.cause,
        "fact": recorded.fact,
        "state": state,
    }
    return msgspec.json.encode(row).decode()


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
