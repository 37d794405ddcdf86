"""Cards and accounts that a bank signs for the institution, the registry of identities, and words
of the institution to telephones.

POST /bank/signings · POST /bank/signings/{number}/confirm · POST /bank/signings/{number}/end
POST /bank/identities · POST /bank/messages

    (none) ──▶ CODE_SENT ──right code──▶ SIGNED ──end──▶ ENDED
      │            │  └──── end ─────────────────────────▲
      └──▶ REFUSED ◀── three wrong codes, or too late

The bank compares name, identity and telephone with what it knows of the account; of one that nobody
has set up it takes what it is told first. The code goes to the holder's telephone, which is here
`GET /book/telephone`, and so does a message, once for each number. An account is signed once: a new
signing ends the one before.
"""

import sqlite3
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from simulator import accounts
from simulator.clock import MINUTE, iso
from simulator.problems import Problem, invalid, reading
from simulator.wire import Answer, answered, body_of, carry_out, path_of, send
from simulator.world import World

Number = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_\-]{6,64}$")]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Short = Annotated[str, Meta(max_length=64)]
TRIES, GOOD_FOR = 3, 5 * MINUTE


class Signing(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /bank/signings."""

    merchant: Short
    number: Number
    owner: Literal["personal", "enterprise"]
    account: Annotated[str, Meta(pattern="^[0-9]{6,32}$")]
    name: Name
    identity: Annotated[str, Meta(pattern="^[0-9A-Z]{18}$")]
    phone: Annotated[str, Meta(pattern="^1[0-9]{10}$")]


class Confirming(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a confirmation: the `entry`-th code that the holder gave."""

    merchant: Short
    entry: Annotated[int, Meta(ge=1, le=1_000)]
    code: Annotated[str, Meta(pattern="^[0-9]{4,8}$")]


class Ending(Struct, frozen=True, forbid_unknown_fields=True):
    merchant: Short


class Identity(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /bank/identities."""

    merchant: Short
    name: Name
    identity: Annotated[str, Meta(pattern="^[0-9A-Z]{18}$")]


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /bank/messages: words of the institution to a telephone."""

    merchant: Short
    number: Number
    phone: Annotated[str, Meta(pattern="^1[0-9]{10}$")]
    words: Annotated[str, Meta(min_length=1, max_length=300)]


Carry = Callable[[sqlite3.Connection], Answer]
NETWORK = "bank"


class Signings:
    """The endpoints, signed as all of network bank."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def place(self, request: Request) -> Response:
        def read(body: bytes) -> tuple[str, str, Carry]:
            wish = msgspec.json.decode(body, type=Signing)
            return wish.merchant, wish.number, lambda db: self._place(db, wish)

        return await self._exchange(request, "sign", read)

    async def confirm(self, request: Request) -> Response:
        number = request.path_params["number"]

        def read(body: bytes) -> tuple[str, str, Carry]:
            wish = msgspec.json.decode(body, type=Confirming)
            return wish.merchant, number, lambda db: self._confirm(db, number, wish)

        return await self._exchange(request, "confirm", read)

    async def end(self, request: Request) -> Response:
        number = request.path_params["number"]

        def read(body: bytes) -> tuple[str, str, Carry]:
            wish = msgspec.json.decode(body, type=Ending)
            return wish.merchant, number, lambda db: self._end(db, number)

        return await self._exchange(request, "end", read)

    async def identity(self, request: Request) -> Response:
        def read(body: bytes) -> tuple[str, str, Carry]:
            wish = msgspec.json.decode(body, type=Identity)
            return wish.merchant, wish.identity, lambda db: _identified(db, wish)

        return await self._exchange(request, "identity", read)

    async def message(self, request: Request) -> Response:
        def read(body: bytes) -> tuple[str, str, Carry]:
            wish = msgspec.json.decode(body, type=Message)
            return wish.merchant, wish.number, lambda db: _sent(db, wish)

        return await self._exchange(request, "message", read)

    async def _exchange(
        self, request: Request, what: str, read: Callable[[bytes], tuple[str, str, Carry]]
    ) -> Response:
        world, nonce = self._world, ""
        signer = world.signers[NETWORK]
        try:
            body, path = await body_of(request), path_of(request)
            nonce = signer.verify(request.method, path, body, request.headers, world.nonces)
            with reading():
                merchant, number, carry = read(body)
            if merchant != world.keys.networks[NETWORK].merchant:
                raise invalid("merchant", "it is not a member of this network")
        except Problem as problem:
            answer = answered(problem)
            signed = signer.sign("ANSWER", nonce, answer.bytes())
            return Response(answer.bytes(), answer.status, signed, "application/json")
        key = f"{NETWORK}/signing/{number}/{what}"
        fate = await carry_out(world, NETWORK, key, True, carry)
        return await send(
            world, request, fate, lambda answer, _: signer.sign("ANSWER", nonce, answer.bytes())
        )

    def _place(self, db: sqlite3.Connection, wish: Signing) -> Answer:
        found = _found(db, wish.number)
        if found is not None:
            same = ("owner", "account", "name", "identity", "phone")
            if any(found[field] != getattr(wish, field) for field in same):
                raise Problem(409, "NUMBER_REUSED", "the number stands for another signing")
            return self._told(db, wish.number)
        party = f"{'card' if wish.owner == 'personal' else 'account'}:{wish.account}"
        account = accounts.opened(db, party, wish.name)
        refused = _refused(db, account, wish)
        now, draws = self._world.clock.now_us(), self._world.draws
        db.execute(
            "INSERT INTO signings (number, owner, account, party, name, identity, phone, state, "
            "reason, code, tries, entry, expires_us) VALUES (?,?,?,?,?,?,?,?,?,?,?,0,?)",
            (
                wish.number, wish.owner, wish.account, party, wish.name, wish.identity, wish.phone,
                "REFUSED" if refused else "CODE_SENT", refused,
                draws.digits(6, "code", wish.number, 0), TRIES, now + GOOD_FOR,
            ),
        )  # fmt: skip
        return self._told(db, wish.number)

    def _confirm(self, db: sqlite3.Connection, number: str, wish: Confirming) -> Answer:
        row = _known(db, number)
        if row["state"] != "CODE_SENT" or wish.entry <= row["entry"]:
            return self._told(db, number)  # Told again, or over.
        right, tries = wish.code == row["code"], row["tries"] - 1
        state, reason, agreement = row["state"], "", ""
        if self._world.clock.now_us() >= row["expires_us"]:
            state, reason = "REFUSED", "CODE_LATE"
        elif right:
            state = "SIGNED"
            agreement = "A" + self._world.draws.digits(16, "agreement", number, 0)
            sql = "UPDATE signings SET state = 'ENDED' WHERE party = ? AND state = 'SIGNED'"
            db.execute(sql, (row["party"],))
        elif tries < 1:
            state, reason = "REFUSED", "CODE_WRONG"
        db.execute(
            "UPDATE signings SET state = ?, reason = ?, agreement = ?, tries = ?, entry = ? "
            "WHERE number = ?",
            (state, reason, agreement, row["tries"] if right else tries, wish.entry, number),
        )
        return self._told(db, number)

    def _end(self, db: sqlite3.Connection, number: str) -> Answer:
        _known(db, number)
        db.execute("UPDATE signings SET state = 'ENDED' WHERE number = ?", (number,))
        return self._told(db, number)

    def _told(self, db: sqlite3.Connection, number: str) -> Answer:
        row = _known(db, number)
        told = {
            "merchant": self._world.keys.networks[NETWORK].merchant,
            "number": number,
            "state": row["state"],
            "bank": accounts.bank_of(row["party"]),
            "card_kind": "DEBIT" if row["owner"] == "personal" else "CORPORATE",
            "reason": row["reason"] or None,
            "agreement": row["agreement"] or None,
            "tries_left": row["tries"],
            "entry": row["entry"],
            "expires_at": iso(row["expires_us"]),
        }
        return Answer(200, told)


def telephone(db: sqlite3.Connection, phone: str) -> list[dict[str, object]]:
    """What a telephone got, the newest first: the institution's messages, then banks' codes."""
    newest = "WHERE phone = ? ORDER BY rowid DESC LIMIT 50"
    words = db.execute(f"SELECT number, words FROM messages {newest}", (phone,))  # noqa: S608
    codes = db.execute(f"SELECT number, code, state FROM signings {newest}", (phone,))  # noqa: S608
    return [dict(row) for row in (*words, *codes)]


def _refused(db: sqlite3.Connection, account: accounts.Account, wish: Signing) -> str:
    """Why the bank does not sign, "" if it does."""
    if account.state == "closed":
        return "ACCOUNT_CLOSED"
    if account.name and account.name != wish.name:
        return "NAME_WRONG"
    row = db.execute("SELECT * FROM holders WHERE account = ?", (account.id,)).fetchone()
    if row is None:
        db.execute(
            "INSERT INTO holders (account, identity, phone) VALUES (?, ?, ?)",
            (account.id, wish.identity, wish.phone),
        )
        return ""
    if row["identity"] != wish.identity:
        return "IDENTITY_WRONG"
    # A holder who has another telephone now has told the bank: `POST /simulate/holder`.
    return "" if row["phone"] == wish.phone else "PHONE_WRONG"


def _sent(db: sqlite3.Connection, wish: Message) -> Answer:
    """Once for each number: another message under it is a mistake."""
    row = (wish.number, wish.phone, wish.words)
    db.execute("INSERT OR IGNORE INTO messages (number, phone, words) VALUES (?, ?, ?)", row)
    sql = "SELECT number, phone, words FROM messages WHERE number = ?"
    if tuple(db.execute(sql, (wish.number,)).fetchone()) != row:
        raise Problem(409, "NUMBER_REUSED", "the number stands for another message")
    return Answer(200, {"merchant": wish.merchant, "number": wish.number, "state": "SENT"})


def _identified(db: sqlite3.Connection, wish: Identity) -> Answer:
    """Whether name and identity belong together; who is seen first is right."""
    db.execute(
        "INSERT OR IGNORE INTO people (identity, name) VALUES (?, ?)", (wish.identity, wish.name)
    )
    sql = "SELECT name FROM people WHERE identity = ?"
    match = db.execute(sql, (wish.identity,)).fetchone()[0] == wish.name
    return Answer(200, {"merchant": wish.merchant, "match": match})


def _found(db: sqlite3.Connection, number: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM signings WHERE number = ?", (number,)
    ).fetchone()
    return row


def _known(db: sqlite3.Connection, number: str) -> sqlite3.Row:
    row = _found(db, number)
    if row is None:
        raise Problem(404, "NO_SUCH_SIGNING", "there is no such signing here")
    return row
