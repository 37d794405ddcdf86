"""Accounts at the member banks, and the institution's own at each network: balances in fen.

Money only moves from one account to another, so what is in all of them together is always what they
were opened with. A payer's account never goes below zero. The institution's do: what stands there
is what it and the network owe each other, and settles later.

    card:<number>   account:<number>   user:<id>      payers and payees, by the kind of party
    institution:<network>:<merchant>                  the institution
"""

import sqlite3

from msgspec import Struct

OPENING_FEN = 10_000_000_00  # What an account has that nobody has set up: ten million yuan.
BANKS = ("ICBC", "CCB", "ABC", "BOC", "CMB", "BCM", "PSBC", "SPDB")
# What the channel keeps of a payment and gives back with a refund, in basis points; of a payout
# nothing here.
FEE_BPS = {"unionpay": 30, "netsunion": 20, "jdpay": 18, "quickpass": 23, "wechat": 20, "bank": 0}


class NoFunds(Exception):
    """The payer's account has less than was asked for."""


class Account(Struct, frozen=True):
    """`state`: open, closed. `name` is empty where nobody has said one."""

    id: str
    bank: str
    name: str
    state: str
    opening: int
    balance: int


class Movement(Struct, frozen=True):
    """Money that moved for an order. `kind`: charge, reversal, return. `fee`: what the channel
    keeps of it; below zero, what it gives back."""

    id: int
    order_id: int
    kind: str
    serial: str
    source: str
    target: str
    amount: int
    fee: int
    at_us: int
    reversed_us: int | None


def institution(network: str, merchant: str) -> str:
    return f"institution:{network}:{merchant}"


def find(db: sqlite3.Connection, account: str) -> Account | None:
    row = db.execute("SELECT * FROM accounts WHERE id = ?", (account,)).fetchone()
    return Account(**row) if row else None


def opened(db: sqlite3.Connection, account: str, name: str = "") -> Account:
    """The account, opened when it is seen for the first time."""
    found = find(db, account)
    if found is not None:
        return found
    inside = account.startswith("institution:")
    made = Account(
        account,
        "" if inside else bank_of(account),
        name,
        "open",
        *(2 * (0 if inside else OPENING_FEN,)),
    )
    put(db, made)
    return made


def put(db: sqlite3.Connection, account: Account) -> None:
    """Opens an account or sets it anew; its balance then counts as its opening."""
    db.execute(
        "INSERT OR REPLACE INTO accounts (id, bank, name, state, opening, balance) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (account.id, account.bank, account.name, account.state, account.opening, account.balance),
    )


def bank_of(account: str) -> str:
    """A member bank for an account, always the same one."""
    return BANKS[sum(account.encode()) % len(BANKS)]


def fee_fen(network: str, amount: int) -> int:
    """What the channel keeps of a payment, or gives back of a refund; half a fen rounded up."""
    return (2 * amount * FEE_BPS[network] + 10_000) // 20_000


def move(db: sqlite3.Connection, movement: Movement) -> None:
    """Books a movement; its id is given here. Raises NoFunds."""
    source = opened(db, movement.source)
    opened(db, movement.target)
    if source.balance < movement.amount and not source.id.startswith("institution:"):
        raise NoFunds
    for account, change in (
        (movement.source, -movement.amount),
        (movement.target, movement.amount),
    ):
        db.execute("UPDATE accounts SET balance = balance + ? WHERE id = ?", (change, account))
    db.execute(
        "INSERT INTO movements (order_id, kind, serial, source, target, amount, fee, at_us) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            movement.order_id,
            movement.kind,
            movement.serial,
            movement.source,
            movement.target,
            movement.amount,
            movement.fee,
            movement.at_us,
        ),
    )


def movements(db: sqlite3.Connection, order_id: int) -> list[Movement]:
    rows = db.execute("SELECT * FROM movements WHERE order_id = ? ORDER BY id", (order_id,))
    return [Movement(**row) for row in rows]


def charges(db: sqlite3.Connection, order_id: int) -> list[Movement]:
    """What an order took or paid and has not given back by a reversal."""
    return [
        line
        for line in movements(db, order_id)
        if line.kind == "charge" and line.reversed_us is None
    ]
