"""Factors of a member in the vault: what it proves itself by, sealed, and how often that was tried.

    (none) ──put──▶ set ──begin──▶ tried ──right──▶ set | (used up)
                     ▲               │
                     │               └──begin, five times──▶ locked ──time, or put──▶ set
                     └──────────────────────────────────────────┘

A try is counted before anything is compared, in a commit of its own: whoever sends a hundred
guesses at once has five. A right one sets the count back. The count belongs to the member and the
kind of factor, so that asking for another code does not begin anew. Times are UTC µs.
"""

import hmac
from typing import Literal, NamedTuple

from sqlalchemy import text

from domain.kernel import MICROSECONDS, iso_time
from domain.refusals import Code, Refused
from domain.vault.vault import FACTOR, MemberKey, Vault, refuse_forgotten

Kind = Literal["password", "code"]
TRIES = 5
LOCKED_US = 3 * 3600 * MICROSECONDS

_GET = text(
    "SELECT ciphertext, wrong, locked_until_us FROM factors "
    "WHERE member_id = :member AND kind = :kind"
)
_PUT = text(
    "INSERT INTO factors (member_id, kind, ciphertext, wrong, locked_until_us) "
    "VALUES (:member, :kind, :ciphertext, 0, 0) ON CONFLICT (member_id, kind) DO UPDATE "
    "SET ciphertext = excluded.ciphertext"
)
_TRIES = text(
    "UPDATE factors SET wrong = :wrong, locked_until_us = :until "
    "WHERE member_id = :member AND kind = :kind"
)
_USE_UP = text("UPDATE factors SET ciphertext = NULL WHERE member_id = :member AND kind = :kind")


def is_set(vault: Vault, member_id: str, kind: Kind) -> bool:
    """Whether the member has such a factor."""
    with vault.reading() as connection:
        row = connection.execute(_GET, {"member": member_id, "kind": kind}).first()
        return row is not None and row[0] is not None


class Tries(NamedTuple):
    """How many are left, and until when there are none (UTC µs; 0: there are some)."""

    left: int
    locked_until_us: int


def tries(vault: Vault, member_id: str, kind: Kind, now_us: int) -> Tries:
    """As they stand, without trying."""
    with vault.reading() as connection:
        row = connection.execute(_GET, {"member": member_id, "kind": kind}).first()
    if row is None or (row[1] >= TRIES and now_us >= row[2]):
        return Tries(TRIES, 0)
    return Tries(max(0, TRIES - row[1]), row[2] if now_us < row[2] else 0)


def put(vault: Vault, key: MemberKey, kind: Kind, plain: str, *, instead: str | None) -> bool:
    """Keep a factor, if what is there is `instead` (None: nothing is); whether it was so. Tries are
    as they were."""
    at = {"member": key.member_id, "kind": kind}
    with vault.writing(key.member_id) as connection:
        refuse_forgotten(connection, key.member_id)
        row = connection.execute(_GET, at).first()
        there = None if row is None or row[0] is None else _opened(key, kind, row[0])
        if there != instead:
            return False
        connection.execute(_PUT, {**at, "ciphertext": key.seal(FACTOR, kind, kind, plain)})
        return True


def replace(vault: Vault, key: MemberKey, kind: Kind, plain: str, *, unlock: bool) -> None:
    """Keep a factor whatever is there; `unlock`: with the tries of a new one."""
    at = {"member": key.member_id, "kind": kind}
    with vault.writing(key.member_id) as connection:
        refuse_forgotten(connection, key.member_id)
        connection.execute(_PUT, {**at, "ciphertext": key.seal(FACTOR, kind, kind, plain)})
        if unlock:
            connection.execute(_TRIES, {**at, "wrong": 0, "until": 0})


def look(vault: Vault, key: MemberKey, kind: Kind, now_us: int, field: str) -> str | None:
    """What is kept, without trying it. Raises Refused(FACTOR_LOCKED)."""
    with vault.writing(key.member_id) as connection:
        row = connection.execute(_GET, {"member": key.member_id, "kind": kind}).first()
    if row is None:
        return None
    _refuse_locked(row[2], now_us, field)
    return None if row[0] is None else _opened(key, kind, row[0])


def begin(vault: Vault, key: MemberKey, kind: Kind, now_us: int, field: str) -> str:
    """One try more, counted before this returns; what it is compared with. The last one locks.

    Raises Refused: FACTOR_MISSING, FACTOR_LOCKED.
    """
    at = {"member": key.member_id, "kind": kind}
    with vault.writing(key.member_id) as connection:
        row = connection.execute(_GET, at).first()
        if row is None or row[0] is None:
            raise Refused(Code.FACTOR_MISSING, field)
        _refuse_locked(row[2], now_us, field)
        wrong = (0 if row[1] >= TRIES else row[1]) + 1
        until = now_us + LOCKED_US if wrong == TRIES else 0
        connection.execute(_TRIES, {**at, "wrong": wrong, "until": until})
    return _opened(key, kind, row[0])


def withdraw(vault: Vault, key: MemberKey, kind: Kind, plain: str) -> None:
    """What was put there goes, if it is still there; tries are as they were."""
    at = {"member": key.member_id, "kind": kind}
    with vault.writing(key.member_id) as connection:
        row = connection.execute(_GET, at).first()
        if row is not None and row[0] is not None and _opened(key, kind, row[0]) == plain:
            connection.execute(_USE_UP, at)


def right(vault: Vault, key: MemberKey, kind: Kind, plain: str, *, used_up: bool = False) -> bool:
    """The try was right: the count begins anew; `used_up`: what was tried can be used once. Whether
    it was still there to be used."""
    at = {"member": key.member_id, "kind": kind}
    with vault.writing(key.member_id) as connection:
        row = connection.execute(_GET, at).first()
        if row is None or row[0] is None:
            return False
        if not hmac.compare_digest(_opened(key, kind, row[0]).encode(), plain.encode()):
            return False  # Another one was put there meanwhile.
        connection.execute(_TRIES, {**at, "wrong": 0, "until": 0})
        if used_up:
            connection.execute(_USE_UP, at)
        return True


def _refuse_locked(until_us: int, now_us: int, field: str) -> None:
    if now_us < until_us:
        raise Refused(Code.FACTOR_LOCKED, field, f"{TRIES} wrong tries: until {iso_time(until_us)}")


def _opened(key: MemberKey, kind: Kind, content: bytes) -> str:
    """Raises Refused(VAULT_DAMAGED)."""
    return key.open_kept(FACTOR, kind, kind, bytes(content))
