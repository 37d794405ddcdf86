"""Opening a ledger for the command line: for one command, or with everything that serves it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from api.context import AppContext, open_context
from api.operations.worker import FEW_DAYS
from domain.channel.adapters.simulated import SimulatedChannel
from domain.channel.network import Adapter
from domain.channel.port import ChannelPort
from domain.eventstore.opening import NoLedger, UnfinishedUpgrade
from domain.ledger.ledger import utc_us
from domain.refusals import Code, Refused
from migrations.run import migrate

HINT = "; `zhangfang init` creates one, and brings an older one up to date"
FINISH = "; run `zhangfang init`, which goes on where it stopped"


def open_serving(
    database_url: str,
    *,
    auto_day: bool = True,
    days_behind: int = FEW_DAYS,
    worker: bool = True,
    background: bool = True,
    clock: Callable[[], int] = utc_us,
    channel: ChannelPort | None = None,
    channels: str = "",
) -> AppContext:
    """An open ledger with what runs beside the server, as `api.context.open_context` gives it.

    `background` off: nothing runs. `worker` off: only the read models are kept up.
    `channels`: the settings file of channels over a network, "" for the scripted one in process.
    Raises Refused(REQUEST_INVALID, "database"), of a ledger that is not there with a hint; and
    Refused(REQUEST_INVALID, "ZHANGFANG_CHANNELS").
    """
    with _hinting():
        return open_context(
            database_url,
            channel or SimulatedChannel(),
            clock=clock,
            projections=background,
            worker=background and worker,
            auto_day=auto_day,
            days_behind=days_behind,
            network=partial(network_of, channels) if channels else None,
            payees=payees_of(channels) if channels else None,
        )


def network_of(path: str) -> dict[str, Adapter]:
    """The adapters of a settings file. Raises Refused(REQUEST_INVALID, "ZHANGFANG_CHANNELS")."""
    # Here and not above: most commands need neither HTTP nor signatures.
    from domain.channel.adapters.loading import SettingsInvalid, load

    try:
        return load(Path(path))
    except SettingsInvalid as wrong:
        raise Refused(Code.REQUEST_INVALID, "ZHANGFANG_CHANNELS", str(wrong)) from None


def payees_of(path: str) -> dict[str, str]:
    """Merchants' accounts at the bank, by member. Raises as `network_of` does."""
    from domain.channel.adapters.loading import SettingsInvalid, load_payees

    try:
        return load_payees(Path(path))
    except SettingsInvalid as wrong:
        raise Refused(Code.REQUEST_INVALID, "ZHANGFANG_CHANNELS", str(wrong)) from None


@contextmanager
def open_desk(
    database_url: str, *, channel: ChannelPort | None = None, create: bool = False
) -> Iterator[AppContext]:
    """An open ledger for one command, without threads beside it, closed at the end.

    `create` makes the ledger first when there is none, and brings an older one up to date. Raises
    as `open_serving` does.
    """
    carrier = channel or SimulatedChannel()
    with _hinting():
        try:
            context = open_context(database_url, carrier)
        except NoLedger:
            if not create:
                raise
            migrate(database_url)
            context = open_context(database_url, carrier)
    try:
        yield context
    finally:
        context.close()


@contextmanager
def _hinting() -> Iterator[None]:
    try:
        yield
    except NoLedger as no:
        no.detail += HINT
        raise
    except UnfinishedUpgrade as no:
        no.detail += FINISH
        raise
