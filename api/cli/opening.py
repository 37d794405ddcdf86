"""Opening a ledger for the command line: for one command, or with everything that serves it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from api import context as contexts
from api.context import AppContext, ProjectionThread, Runner
from api.operations.worker import FEW_DAYS, Worker
from domain.channel.adapters.simulated import SimulatedChannel
from domain.channel.port import ChannelPort
from domain.eventstore.opening import NO_LEDGER
from domain.ledger.ledger import utc_us
from domain.refusals import Refused
from migrations.run import migrate

HINT = "; `zhangfang init` creates one, and brings an older one up to date"


def open_context(
    database_url: str,
    *,
    auto_day: bool = True,
    days_behind: int = FEW_DAYS,
    worker: bool = True,
    background: bool = True,
    clock: Callable[[], int] = utc_us,
    channel: ChannelPort | None = None,
) -> AppContext:
    """An open ledger with what runs beside the server; `start()` begins it, `close()` ends it.

    `background` off: nothing runs. `worker` off: only the read models are kept up. `auto_day` off:
    the worker leaves business days to operators, as it does when the books are more than
    `days_behind` days back. `clock` is UTC µs.

    Raises Refused(REQUEST_INVALID, "database") when there is no ledger.
    """
    context = _opened(database_url, channel, clock)
    runners: list[Runner] = []
    if background:
        runners.append(ProjectionThread(context.projector, context.ledger))
    if background and worker:
        runners.append(Worker(context.desk, clock, auto_day=auto_day, days_behind=days_behind))
    return replace(context, runners=tuple(runners))


@contextmanager
def open_desk(
    database_url: str, *, channel: ChannelPort | None = None, create: bool = False
) -> Iterator[AppContext]:
    """An open ledger for one command, without threads beside it, closed at the end.

    `create` makes the ledger first when there is none. Raises as `open_context` does.
    """
    try:
        context = _opened(database_url, channel, utc_us)
    except Refused:
        if not create:
            raise
        migrate(database_url)
        context = _opened(database_url, channel, utc_us)
    try:
        yield context
    finally:
        context.close()


def _opened(database_url: str, channel: ChannelPort | None, clock: Callable[[], int]) -> AppContext:
    try:
        return contexts.open_context(database_url, channel or SimulatedChannel(), clock=clock)
    except Refused as no:
        if no.field == "database" and NO_LEDGER in no.detail:
            raise Refused(no.code, no.field, no.detail + HINT) from no
        raise
