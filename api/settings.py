"""What the environment says; docs/settings.md tells the same to operators.

A variable is called `ZHANGFANG_` and the field's name in capitals. What the environment does not
say, a file `.env` in the working directory may; an empty variable is unset.
"""

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from domain.eventstore.database import parse_database_url
from domain.refusals import Code, Refused

PREFIX = "ZHANGFANG_"
DEFAULT_DATABASE = "sqlite:///zhangfang.db"
ENV_FILE = ".env"
_ORIGIN = re.compile(
    r"https?://([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(:[1-9][0-9]{0,4})?"
)
_RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour)")


def _whole(least: int, most: int, what: str) -> BeforeValidator:
    """A whole number in plain digits, from `least` to `most`."""

    def check(given: Any) -> Any:
        if isinstance(given, str):
            digits = given.isascii() and given.isdigit() and len(given) <= len(str(most))
            given = int(given) if digits else None
        if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= most:
            raise ValueError(f"is not {what}")
        return given

    return BeforeValidator(check)


def _switch(given: Any) -> Any:
    if isinstance(given, str):
        if given not in ("on", "off"):
            raise ValueError(": on or off")
        return given == "on"
    return given


def _one_of(*words: str) -> BeforeValidator:
    def check(given: Any) -> Any:
        if given not in words:
            raise ValueError(f": one of {', '.join(words)}")
        return given

    return BeforeValidator(check)


def _rate(given: Any) -> Any:
    if given != "off" and not _RATE.fullmatch(str(given)):
        raise ValueError(": off, or a number as in 1000/second, 5000/minute, 50000/hour")
    return given


def _origins(given: Any) -> Any:
    """Exact origins as browsers write them: no path, no `*`, no port that goes without saying."""
    if isinstance(given, str):
        given = tuple(one.strip() for one in given.split(","))
    for one in given:
        implied = ":443" if one.startswith("https:") else ":80"
        if not _ORIGIN.fullmatch(one) or one.endswith(implied):
            raise ValueError(": origins as in https://books.example.com, with commas between")
    return given


def _fen_or_off(given: Any) -> Any:
    """A limit in fen, or `off`: there is none."""
    if isinstance(given, str):
        if given == "off":
            return None
        digits = given.isascii() and given.isdigit() and len(given) <= 15
        given = int(given) if digits else -1
    if given is not None and (not isinstance(given, int) or given < 0):
        raise ValueError(": off, or a number of fen")
    return given


Port = Annotated[int, _whole(0, 65_535, "a port")]
Seconds = Annotated[int, _whole(1, 3_600, "a number of seconds from 1 to 3600")]


class Settings(BaseSettings):
    """Constructed, it holds what it is given; `load_settings` is what reads the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    # The ledger: a URL as `domain.eventstore.database` reads it.
    database: str = DEFAULT_DATABASE
    # Where to listen.
    host: str = "127.0.0.1"
    port: Port = 8000
    # Processes that serve; the first has the worker and the projections.
    workers: Annotated[int, _whole(1, 64, "a number of processes from 1 to 64")] = 1
    # Whether worker and projections run in the server's (first) process.
    background: Annotated[bool, BeforeValidator(_switch)] = True
    # What the log looks like, and from which level on a line is written.
    log: Annotated[Literal["text", "json"], _one_of("text", "json")] = "text"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _one_of("debug", "info", "warning", "error")
    ] = "warning"
    # Connections at once; fewer where the process may not open that many files.
    connections: Annotated[int, _whole(1, 100_000, "a number of connections")] = 500
    # Subscriptions at once in each process, at most three quarters of its connections; of one key.
    listeners: Annotated[int, _whole(1, 100_000, "a number of subscriptions")] = 250
    listeners_per_key: Annotated[int, _whole(1, 100_000, "a number of subscriptions")] = 50
    # How long the head of a request may take, its body, and silence between two requests.
    head_seconds: Seconds = 10
    body_seconds: Seconds = 30
    idle_seconds: Seconds = 5
    # Requests of one API key; a query counts by its cost.
    rate: Annotated[str, BeforeValidator(_rate)] = "1000/second"
    # Origins whose pages may talk to the server from a browser; exact ones, none by default.
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(_origins)] = ()
    # A refund above so many fen needs two persons; and how long a proposal is open.
    refund_alone: Annotated[int | None, BeforeValidator(_fen_or_off)] = 5_000_000
    approval_hours: Annotated[int, _whole(1, 720, "a number of hours from 1 to 720")] = 72
    # How many days of notice a change of a merchant's fees needs.
    fee_notice_days: Annotated[int, _whole(0, 365, "a number of days from 0 to 365")] = 30
    # The settings file of channels over a network; the scripted one in this process when empty.
    channels: str = ""
    # The vault of personal data: its database, beside the ledger when empty; its keys, in a file or
    # here; the list of forgotten members, beside the key file when empty.
    vault: str = ""
    vault_key: str = Field(default="", repr=False)
    vault_key_file: str = ""
    vault_forgotten: str = ""
    # How many years personal data is kept after a member's last transaction.
    retention_years: Annotated[int, _whole(5, 100, "a number of years from 5 to 100")] = 10
    # Where webhooks may be sent: "public" is https to public addresses; "local" anywhere.
    webhooks: Annotated[Literal["public", "local"], _one_of("public", "local")] = "public"
    # The most values that one GraphQL query may ask for.
    query_cost: Annotated[int, _whole(100, 10_000_000, "a number from 100 to 10000000")] = 25_000
    # A folder of GraphQL documents that are registered at the start; none when empty.
    documents: str = ""
    # Whether merchants' keys may ask for registered documents alone.
    only_registered: Annotated[bool, BeforeValidator(_switch)] = False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class _Given(EnvSettingsSource):
    """The variables of a mapping instead of those of the process."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        super().__init__(Settings, case_sensitive=True, env_ignore_empty=True)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {
            name.removeprefix(PREFIX).lower(): text
            for name, text in self._given.items()
            if name.startswith(PREFIX) and text
        }

    def __call__(self) -> dict[str, Any]:
        return {name: text for name, text in self.env_vars.items() if name in Settings.model_fields}


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of an environment; unless one is given, this process's and the file `.env`.

    Raises Refused(REQUEST_INVALID) naming the setting that cannot be understood.
    """
    given = _environment() if environment is None else environment
    found = _Given(given)()
    try:
        settings = Settings(**found)
    except ValidationError as error:
        raise _refusal(error) from None
    if settings.port == 0:  # Only the command line may leave the choice to the system.
        raise Refused(Code.REQUEST_INVALID, "ZHANGFANG_PORT", "'0' is not a port")
    parse_database_url(settings.database)  # Refused here and now, not at the first command.
    return settings


def database_setting() -> str:
    """The ledger that the environment or `.env` names, else the default; nothing else is read."""
    return _environment().get(f"{PREFIX}DATABASE") or DEFAULT_DATABASE


def _environment() -> dict[str, str]:
    """The process's variables over those of `.env`. Raises Refused for a file that is no text."""
    if not os.path.isfile(ENV_FILE):
        return dict(os.environ)
    try:
        source = DotEnvSettingsSource(Settings, env_file=ENV_FILE, case_sensitive=True)
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(Code.REQUEST_INVALID, ENV_FILE, f"cannot be read: {error}") from None
    filed = {name: text for name, text in source.env_vars.items() if text}
    return filed | {name: text for name, text in os.environ.items() if text}


def _refusal(error: ValidationError) -> Refused:
    first = error.errors(include_url=False)[0]
    name = f"{PREFIX}{first['loc'][0]}".upper()
    said = first["msg"].removeprefix("Value error, ")
    space = "" if said.startswith(":") else " "
    return Refused(Code.REQUEST_INVALID, name, f"{str(first['input'])[:40]!r}{space}{said}")
