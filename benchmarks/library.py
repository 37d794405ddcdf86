"""The same transfers with plain `eventsourcing`: an `Application`, two aggregates, one `save()`.

Its aggregates are cached and are not read again for each transfer: the library at its quickest that
is still safe for one process. One caller, since each transfer is a transaction of its own and two
at once on one account would conflict.
"""

import time
from typing import Any

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from benchmarks.figures import Backend, Library
from benchmarks.transfers import AMOUNT_FEN, WALLETS, pairs
from domain.eventstore.database import parse_database_url


class Account(Aggregate):
    """A wallet, as the library's own examples write one."""

    def __init__(self, owner: str, balance_fen: int) -> None:
        self.owner = owner
        self.balance_fen = balance_fen

    @event("Debited")
    def debit(self, transfer_no: str, amount_fen: int) -> None:
        self.balance_fen -= amount_fen

    @event("Credited")
    def credit(self, transfer_no: str, amount_fen: int) -> None:
        self.balance_fen += amount_fen


def environment(url: str) -> dict[str, str]:
    """The library's settings for a database that is the ledger's neighbour."""
    database = parse_database_url(url)
    cache = {"AGGREGATE_CACHE_MAXSIZE": "1000", "AGGREGATE_CACHE_FASTFORWARD": "n"}
    if database.dialect == "sqlite":
        return cache | {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": database.path,
        }
    return cache | {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": database.name,
        "POSTGRES_HOST": database.host,
        "POSTGRES_PORT": str(database.port),
        "POSTGRES_USER": database.user,
        "POSTGRES_PASSWORD": database.password,
        "POSTGRES_SCHEMA": database.schema,
    }


class Case:
    """The library on one backend, with 100 accounts."""

    def __init__(self, url: str, backend: Backend) -> None:
        self._app: Application[Any] = Application(environment(url))
        members = [str(index) for index in range(WALLETS + 1)]
        accounts = {owner: Account(owner=owner, balance_fen=10**12) for owner in members}
        self._app.save(*accounts.values())
        self._ids = {owner: account.id for owner, account in accounts.items()}
        self._pairs = pairs(members, "uniform")
        self._backend = backend
        self._done = 0
        self._seconds = 0.0
        self.name = f"{backend} library"

    def measure(self, seconds: float) -> None:
        """Transfers one after the other."""
        began = time.perf_counter()
        while True:
            self._transfer(*self._pairs[self._done % len(self._pairs)])
            self._done += 1
            lasted = time.perf_counter() - began
            if lasted >= seconds:
                break
        self._seconds += lasted

    def _transfer(self, payer: str, payee: str) -> None:
        number = f"T{self._done}"
        debited: Account = self._app.repository.get(self._ids[payer])
        credited: Account = self._app.repository.get(self._ids[payee])
        debited.debit(number, AMOUNT_FEN)
        credited.credit(number, AMOUNT_FEN)
        self._app.save(debited, credited)

    def result(self) -> Library:
        return Library(self._backend, int(self._done / self._seconds))

    def close(self) -> None:
        self._app.close()
