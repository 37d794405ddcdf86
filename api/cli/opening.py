"""Opening a ledger for the command line: for one command, or with everything that serves it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from api.context import AppContext, open_context
from api.operations.forgetting import agree
from api.operations.personal import NO_KEY, Keeping
from api.operations.worker import FEW_DAYS
from api.settings import Settings, load_settings
from domain.channel.adapters.simulated import SimulatedChannel
from domain.channel.adapters.simulated_cards import NoCardBank
from domain.channel.bills import BillSource
from domain.channel.cards import CardBank
from domain.channel.network import Adapter
from domain.channel.port import ChannelPort
from domain.eventstore.database import parse_database_url
from domain.eventstore.opening import NoLedger, UnfinishedUpgrade
from domain.ledger.ledger import utc_us
from domain.refusals import Code, Refused
from domain.vault.keys import KeyRing, parse_keys
from domain.vault.place import vault_database
from domain.vault.vault import Vault
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
    settings: Settings | None = None,
) -> AppContext:
    """An open ledger with what runs beside the server, as `api.context.open_context` gives it.

    `background` off: nothing runs. `worker` off: only the read models are kept up.
    `settings`: of them the vault and the channels, a scripted one in process where none are named.
    Raises Refused(REQUEST_INVALID, "database"), of a ledger that is not there with a hint; and
    Refused(REQUEST_INVALID, "ZHANGFANG_CHANNELS").
    """
    settings = settings or Settings()
    channels = settings.channels
    with _hinting():
        context = open_context(
            database_url,
            channel or SimulatedChannel(),
            clock=clock,
            projections=background,
            worker=background and worker,
            auto_day=auto_day,
            days_behind=days_behind,
            network=partial(network_of, channels) if channels else None,
            payees=payees_of(channels) if channels else None,
            bills=partial(bill_sources, channels) if channels else None,
            keeping=keeping(database_url, settings),
        )
    if background and context.personal.is_open:
        agree(context.ledger, context.engine, context.personal.vault, clock())
    return context


def keeping(database_url: str, settings: Settings) -> Keeping:
    """The vault of a ledger, where a key is configured, and the bank that signs cards.

    Raises Refused: REQUEST_INVALID naming a setting, VAULT_LOCKED, VAULT_DAMAGED.
    """
    channels = settings.channels
    vault = open_vault(database_url, settings) if vault_keys(settings) else None
    bank = partial(_bank_of, channels) if channels else None
    return Keeping(vault, bank, settings.retention_years, settings.webhooks)


def vault_keys(settings: Settings) -> str:
    """The keys that are configured, as a text; "" for none. Raises Refused(REQUEST_INVALID)."""
    if settings.vault_key and settings.vault_key_file:
        detail = "not together with ZHANGFANG_VAULT_KEY_FILE"
        raise Refused(Code.REQUEST_INVALID, "ZHANGFANG_VAULT_KEY", detail)
    if not settings.vault_key_file:
        return settings.vault_key
    try:
        return Path(settings.vault_key_file).read_text(encoding="ascii", errors="replace")
    except OSError as error:
        detail = error.strerror or "it cannot be read"
        raise Refused(Code.REQUEST_INVALID, "ZHANGFANG_VAULT_KEY_FILE", detail) from None


def development_key(database_url: str) -> Path | None:
    """Where `zhangfang run` puts a key of the vault where none is configured: beside the ledger,
    if that is a file."""
    place = parse_database_url(database_url)
    return Path(f"{place.path}-vault.key") if place.path else None


def settings_beside(database_url: str) -> Settings:
    """The settings of a command at the machine. Where they name no key of the vault, that of
    `zhangfang run` is taken, so that such a ledger's vault can be looked after without a setting.
    """
    settings, path = load_settings(), development_key(database_url)
    if settings.vault_key or settings.vault_key_file or path is None or not path.exists():
        return settings
    return settings.model_copy(update={"vault_key_file": str(path)})


def open_vault(database_url: str, settings: Settings) -> Vault:
    """The vault of a ledger. Raises Refused(VAULT_LOCKED) without a key, and as `keeping` does."""
    place = vault_database(parse_database_url(database_url), settings.vault)
    return Vault(place, key_ring(settings), forgotten_list(settings))


def key_ring(settings: Settings) -> KeyRing:
    """The keys that are configured. Raises as `open_vault` does."""
    given = vault_keys(settings)
    if not given:
        raise Refused(Code.VAULT_LOCKED, "ZHANGFANG_VAULT_KEY", NO_KEY)
    field = "ZHANGFANG_VAULT_KEY_FILE" if settings.vault_key_file else "ZHANGFANG_VAULT_KEY"
    return parse_keys(given, field)


def forgotten_list(settings: Settings) -> Path | None:
    """The list of forgotten members: where the setting says, else beside the key file."""
    if settings.vault_forgotten:
        return Path(settings.vault_forgotten)
    return Path(f"{settings.vault_key_file}.forgotten") if settings.vault_key_file else None


def _bank_of(path: str) -> CardBank:
    from domain.channel.adapters.loading import SettingsInvalid, load_card_bank

    try:
        bank = load_card_bank(Path(path))
    except SettingsInvalid as wrong:
        raise Refused(Code.REQUEST_INVALID, "ZHANGFANG_CHANNELS", str(wrong)) from None
    return bank if bank is not None else NoCardBank()


def network_of(path: str) -> dict[str, Adapter]:
    """The adapters of a settings file. Raises Refused(REQUEST_INVALID, "ZHANGFANG_CHANNELS")."""
    # Here and not above: most commands need neither HTTP nor signatures.
    from domain.channel.adapters.loading import SettingsInvalid, load

    try:
        return load(Path(path))
    except SettingsInvalid as wrong:
        raise Refused(Code.REQUEST_INVALID, "ZHANGFANG_CHANNELS", str(wrong)) from None


def bill_source(path: str, channel: str) -> BillSource:
    """Where a channel's bills are fetched. Raises as `network_of` does, and BILL_SOURCE_MISSING
    without a file, or for a channel that is not in it."""
    from domain.channel.adapters.loading import SettingsInvalid, load_bills

    if not path:
        detail = "a settings file of channels is needed to fetch a bill"
        raise Refused(Code.BILL_SOURCE_MISSING, "ZHANGFANG_CHANNELS", detail)
    try:
        found = load_bills(Path(path)).get(channel)
    except SettingsInvalid as wrong:
        raise Refused(Code.REQUEST_INVALID, "ZHANGFANG_CHANNELS", str(wrong)) from None
    if found is None:
        detail = f"the settings file does not name {channel}"
        raise Refused(Code.BILL_SOURCE_MISSING, "channel", detail)
    return found


def bill_sources(path: str) -> dict[str, BillSource]:
    """Where every channel's bills are fetched. Raises as `network_of` does."""
    from domain.channel.adapters.loading import SettingsInvalid, load_bills

    try:
        return load_bills(Path(path))
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
    database_url: str,
    *,
    channel: ChannelPort | None = None,
    create: bool = False,
    kept: Keeping | None = None,
) -> Iterator[AppContext]:
    """An open ledger for one command, without threads beside it, closed at the end.

    `create` makes the ledger first when there is none, and brings an older one up to date. `kept`:
    with the vault. Raises as `open_serving` does.
    """
    kept = kept or Keeping()
    carrier = channel or SimulatedChannel()
    with _hinting():
        try:
            context = open_context(database_url, carrier, keeping=kept)
        except NoLedger:
            if not create:
                raise
            migrate(database_url)
            context = open_context(database_url, carrier, keeping=kept)
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
