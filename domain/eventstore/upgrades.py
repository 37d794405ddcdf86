"""Upgrades that need more than tables: noted by a migration, finished by `zhangfang init`.

A ledger with one that is not finished is not opened: what it would decide would lack what the
upgrade has yet to record.
"""

from typing import NamedTuple

from sqlalchemy import BigInteger, Boolean, Column, Engine, MetaData, Table, Text, select

# Created by migration 0006.
UPGRADES = Table(
    "upgrades",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("until_position", BigInteger, nullable=False),
    Column("finished", Boolean, nullable=False),
)


class Upgrade(NamedTuple):
    """An upgrade of what a ledger holds up to a position."""

    name: str
    until_position: int


def unfinished(engine: Engine) -> list[Upgrade]:
    """The upgrades that a ledger still needs, by name. Raises the database's errors."""
    query = select(UPGRADES.c.name, UPGRADES.c.until_position).where(~UPGRADES.c.finished)
    with engine.connect() as connection:
        return [Upgrade(*row) for row in connection.execute(query.order_by(UPGRADES.c.name))]


def finish(engine: Engine, name: str) -> None:
    """The ledger has all that the upgrade was to record."""
    with engine.begin() as connection:
        connection.execute(UPGRADES.update().where(UPGRADES.c.name == name).values(finished=True))
