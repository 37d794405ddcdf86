"""What the environment says: the database, where to listen, what runs beside the HTTP server.

- ZHANGFANG_DATABASE: sqlite:///zhangfang.db (the default) or postgresql://…[?schema=cell_0]
- ZHANGFANG_HOST, ZHANGFANG_PORT: where to listen; 127.0.0.1 and 8000
- ZHANGFANG_BACKGROUND: on (the default), worker and projections run in the server's process; off
"""

import os
from collections.abc import Mapping

from msgspec import Struct

from domain.eventstore.database import parse_database_url
from domain.refusals import Code, Refused

DEFAULT_DATABASE = "sqlite:///zhangfang.db"


class Settings(Struct, frozen=True):
    """`database` is a URL as `domain.eventstore.database` reads it."""

    database: str = DEFAULT_DATABASE
    host: str = "127.0.0.1"
    port: int = 8000
    background: bool = True


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of an environment (this process's unless given); an empty variable is unset.

    Raises Refused(REQUEST_INVALID) naming the setting that cannot be understood.
    """
    given = os.environ if environment is None else environment
    database = given.get("ZHANGFANG_DATABASE") or DEFAULT_DATABASE
    parse_database_url(database)  # Refused here and now, not at the first command.
    return Settings(
        database=database,
        host=given.get("ZHANGFANG_HOST") or "127.0.0.1",
        port=_port(given.get("ZHANGFANG_PORT") or "8000"),
        background=_switch(given.get("ZHANGFANG_BACKGROUND") or "on"),
    )


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65_535:
        return int(text)
    raise Refused(Code.REQUEST_INVALID, "ZHANGFANG_PORT", f"{text[:40]!r} is not a port")


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise Refused(Code.REQUEST_INVALID, "ZHANGFANG_BACKGROUND", f"{text[:40]!r}: on or off")
    return text == "on"
