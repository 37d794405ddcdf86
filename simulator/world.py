"""What every part of the simulator is given: its book, its clock, its keys and its chance."""

import asyncio
import base64
import json
import sqlite3
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from simulator import accounts, sandbox
from simulator.accounts import Movement
from simulator.book import Book
from simulator.clock import Clock
from simulator.faults import Draws, record
from simulator.keys import Keys, Outside
from simulator.orders import Order
from simulator.signing import Nonces, Signer

Payer = Literal["prompt", "mixed", "manual"]


class World:
    """One simulator. `latency_ms`: of every answer, by the wall; `delay_ms`: the most that the
    fault `delay` adds. `wake` rings when the agenda has something new, `ring` when there is
    somebody to call back."""

    def __init__(
        self, book: Book, clock: Clock, keys: Keys, outside: Outside, draws: Draws
    ) -> None:
        self.book, self.clock, self.keys, self.draws = book, clock, keys, draws
        self.outside = outside
        self.payer: Payer = "prompt"
        self.latency_ms, self.delay_ms = 0, 1_500
        self.certificates = False
        self.sandbox = False  # Whether amounts and pages ask for outcomes.
        self.callbacks_by: Literal["public_key", "certificate", "both"] = "public_key"
        self.wake, self.ring = asyncio.Event(), asyncio.Event()
        self.nonces = Nonces()
        self.maintenance: set[str] = set()
        self.signers = {
            name: Signer(
                outside.networks[name], one.their_key_id, _public(one.our_private), one.our_key_id
            )
            for name, one in keys.networks.items()
        }

    # Everything below runs inside one function of the book.

    def remember(self, db: sqlite3.Connection) -> None:
        """Keeps what the next start in this directory goes on with."""
        value = {
            "epoch_us": self.clock.epoch_us,
            "start_unix_us": self.clock.start_unix_us,
            "factor": self.clock.factor,
            "offset_us": self.clock.offset_us,
            "seed": self.draws.seed,
            "faults": self.draws.permilles,
            "payer": self.payer,
        }
        db.execute(
            "INSERT OR REPLACE INTO meta (name, value) VALUES ('world', ?)", (json.dumps(value),)
        )

    def fault(self, db: sqlite3.Connection, fault: str, order: Order, attempt: int = 0) -> bool:
        """Whether a fault strikes an order; if so it is on record. Of one whose outcome somebody
        asked for, nothing is drawn."""
        wanted = sandbox.marked(order)
        strikes = (
            self.draws.hits(fault, order.key, attempt) if wanted is None else fault in wanted.faults
        )
        if not strikes:
            return False
        record(db, fault, order.key, attempt, self.clock.now_us())
        return True

    def wait(self, order: Order, least: int, most: int, kind: str, attempt: int = 0) -> int:
        """How long until something happens to an order (µs): drawn, but soon where it was asked
        for."""
        if sandbox.marked(order) is not None:
            return sandbox.NEXT
        return self.draws.between(least, most, kind, order.key, attempt)

    def ask_for(self, order: Order) -> None:
        """Notes what a new order's amount asks for; its caller puts it into the book."""
        wanted = sandbox.by_amount(order.kind, order.amount) if self.sandbox else None
        if wanted is not None:
            sandbox.mark(order, wanted, self.clock.now_us())

    def later(
        self, db: sqlite3.Connection, order: Order, kind: str, after_us: int, **detail: Any
    ) -> None:
        """Puts a task on the agenda."""
        db.execute(
            "INSERT INTO tasks (due_us, kind, order_id, detail) VALUES (?, ?, ?, ?)",
            (self.clock.now_us() + after_us, kind, order.id, json.dumps(detail)),
        )
        self.wake.set()

    def serial(
        self, db: sqlite3.Connection, order: Order, prefix: str = "", digits: int = 20
    ) -> str:
        """The next serial of an order: the same in every run with the same seed."""
        count = len(accounts.movements(db, order.id))
        return prefix + self.draws.digits(digits, "serial", f"{order.key}/{order.time}", count)

    def charge(self, db: sqlite3.Connection, order: Order, amount: int, serial: str) -> None:
        """Takes money from a payer, or gives it to a payee. Raises NoFunds."""
        inside = accounts.institution(order.network, order.merchant)
        paying = order.kind == "payment"
        source, target = (order.party, inside) if paying else (inside, order.party)
        fee = accounts.fee_fen(order.network, amount) * (1 if paying else -1)
        now = self.clock.now_us()
        accounts.move(
            db, Movement(0, order.id, "charge", serial, source, target, amount, fee, now, None)
        )

    def give_back(
        self, db: sqlite3.Connection, order: Order, charge: Movement, kind: str, serial: str
    ) -> None:
        """Turns a charge round: a reversal of the channel's, or a payout that came back."""
        now, fee = self.clock.now_us(), -charge.fee
        back = Movement(
            0, order.id, kind, serial, charge.target, charge.source, charge.amount, fee, now, None
        )
        accounts.move(db, back)
        if kind == "reversal":
            db.execute("UPDATE movements SET reversed_us = ? WHERE id = ?", (now, charge.id))


def _public(private: str) -> str:
    """The public key of a private one, both base64."""
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(private))
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def remembered(db: sqlite3.Connection) -> dict[str, Any]:
    """How the simulator was set at its last start, {} at its first."""
    row = db.execute("SELECT value FROM meta WHERE name = 'world'").fetchone()
    found: dict[str, Any] = json.loads(row[0]) if row else {}
    return found
