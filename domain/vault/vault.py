"""The vault: personal data as ciphertext, a key per member, and what is forgotten for good.

    key encryption key ── wraps ──▶ a member's data key ── seals ──▶ fields of its items
      (settings, versions)              (member_keys)                   (items)

A *token* stands for a value in commands and facts: a digest under the member's own key. Whoever has
no such key can neither read a token nor try numbers against it; when the key goes, nobody can. What
operators search by (`find`) is a digest under a lookup key of the vault, kept beside the ciphertext
and gone with it. An item is a set of fields under an id of the caller's, such as a card's token.

Forgetting a member deletes its key and its rows, in one transaction, and leaves a tombstone: no key
is ever made for that member again. `Vault` is thread-safe; nothing is cached, so that what another
process forgot is forgotten here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Connection, text

from domain.eventstore.database import Database, to_write
from domain.refusals import Code, Refused
from domain.vault import tombstones
from domain.vault.keys import KeyRing
from domain.vault.place import create_tables, overwrite_gone, vault_engine
from domain.vault.sealing import Damaged, new_key, opened, sealed, token

LOOKUP, ROTATION, FACTOR = "lookup", "rotation", "factor"
BATCH = 200  # Keys wrapped anew in one transaction.

Told = Callable[[str, int, int | None], None]


class Standing(Struct, frozen=True):
    """What operators see: counts, the key's versions in use, and whether any is not given."""

    members: int
    items: int
    forgotten: int
    versions: dict[int, int]  # Version -> member keys that it wraps.
    given: list[int]


class Rotation(Struct, frozen=True):
    """Keys wrapped anew by this run, of all there are; `to` is the version that wraps them now."""

    rewrapped: int
    members: int
    to: int


class MemberKey:
    """One member's key, opened. It makes tokens; printed, it shows nothing."""

    def __init__(self, member_id: str, key: bytes) -> None:
        self.member_id = member_id
        self._key = key

    def __repr__(self) -> str:
        return f"MemberKey({self.member_id})"

    def token(self, what: str, *values: str) -> str:
        """32 hexadecimal digits that stand for values of a kind, for this member alone."""
        return token(self._key, what, *values)

    def seal(self, kind: str, item: str, field: str, plain: str) -> bytes:
        return sealed(self._key, (self.member_id, kind, item, field), plain.encode())

    def open(self, kind: str, item: str, field: str, content: bytes) -> str:
        """Raises Damaged."""
        return opened(self._key, (self.member_id, kind, item, field), content).decode()

    def open_kept(self, kind: str, item: str, field: str, content: bytes) -> str:
        """The same for who answers callers. Raises Refused(VAULT_DAMAGED)."""
        try:
            return self.open(kind, item, field, content)
        except Damaged as error:
            raise _damaged(error) from None


class Vault:
    """An open vault. `close()` it when done."""

    def __init__(
        self, database: Database, keys: KeyRing, forgotten_list: Path | None = None
    ) -> None:
        """Makes the tables when there are none, and forgets what the list of forgotten members
        (kept with the keys) names. Raises Refused(VAULT_LOCKED, VAULT_DAMAGED)."""
        self.database = database
        self._keys = keys
        self._list = forgotten_list
        self._engine = vault_engine(database)
        try:
            create_tables(self._engine, database)
            self._lookup = self._lookup_key()
            for member_id, at_us in tombstones.read(forgotten_list).items():
                self.forget(member_id, at_us)
        except BaseException:
            self._engine.dispose()
            raise

    def close(self) -> None:
        self._engine.dispose()

    def derived(self, label: str) -> dict[int, bytes]:
        """Keys for another use, by version, from those that this vault was opened with."""
        return self._keys.derived(label)

    # Keys and tokens.

    def key_of(self, member_id: str) -> MemberKey:
        """The member's key, made when there is none. Raises Refused: MEMBER_FORGOTTEN,
        VAULT_LOCKED, VAULT_DAMAGED."""
        with self.writing(member_id) as connection:
            found = self.key_in(connection, member_id)
            if found is not None:
                return found
            refuse_forgotten(connection, member_id)
            key = new_key()
            row = {
                "member": member_id,
                "version": self._keys.newest,
                "wrapped": self._keys.wrapped(_key_place(member_id), key),
            }
            connection.execute(text(_ADD_KEY), row)
            return MemberKey(member_id, key)

    # Items.

    def keep(
        self,
        key: MemberKey,
        kind: str,
        item: str,
        fields: Mapping[str, str],
        *,
        found_by: tuple[str, ...] = (),
    ) -> None:
        """Keep an item's fields, durably; those of `found_by` can be searched for. What is there
        under the same id is left alone. Raises Refused(MEMBER_FORGOTTEN)."""
        rows = [
            {
                "member": key.member_id,
                "kind": kind,
                "item": item,
                "field": field,
                "ciphertext": key.seal(kind, item, field, plain),
                "found": self.digest(field, plain) if field in found_by else None,
            }
            for field, plain in fields.items()
        ]
        with self.writing(key.member_id) as connection:
            refuse_forgotten(connection, key.member_id)  # Since the key was opened.
            connection.execute(text(_ADD_ITEM), rows)

    def read(self, member_id: str, kind: str, item: str) -> dict[str, str] | None:
        """An item in clear; None when there is none, or its member is forgotten.

        Raises Refused(VAULT_DAMAGED) for rows that were changed or moved, and VAULT_LOCKED.
        """
        return self.read_all(member_id, kind, [item]).get(item)

    def read_all(self, member_id: str, kind: str, items: list[str]) -> dict[str, dict[str, str]]:
        """Those of a member's items that are there, in clear. Raises as `read` does."""
        with self._engine.connect() as connection:
            key = self.key_in(connection, member_id)
            if key is None:
                return {}
            rows = connection.execute(text(_READ), {"member": member_id, "kind": kind}).all()
        wanted, found = set(items), dict[str, dict[str, str]]()
        for item, field, ciphertext in rows:
            if item in wanted:
                try:
                    plain = key.open(kind, item, field, bytes(ciphertext))
                except Damaged as error:
                    raise _damaged(error) from None
                found.setdefault(item, {})[field] = plain
        return found

    def drop(self, member_id: str, kind: str, item: str) -> None:
        """An item goes; again: nothing happens."""
        with self.writing(member_id) as connection:
            connection.execute(text(_DROP), {"member": member_id, "kind": kind, "item": item})

    def find(self, field: str, plain: str) -> list[tuple[str, str, str]]:
        """(member, kind, item) of all that were kept to be found by this text, in order."""
        digest = {"found": self.digest(field, plain)}
        with self._engine.connect() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(text(_FIND), digest)]

    def all_of(self, member_id: str, kinds: tuple[str, ...]) -> list[dict[str, str]]:
        """Every item of these kinds that is kept of a member, in clear. Raises as `read` does."""
        with self._engine.connect() as connection:
            key = self.key_in(connection, member_id)
            if key is None:
                return []
            found: dict[tuple[str, str], dict[str, str]] = {}
            for kind in kinds:
                rows = connection.execute(text(_READ), {"member": member_id, "kind": kind})
                for item, field, ciphertext in rows.all():
                    plain = key.open_kept(kind, item, field, bytes(ciphertext))
                    found.setdefault((kind, item), {})[field] = plain
        return list(found.values())

    # Forgetting.

    def forget(self, member_id: str, at_us: int) -> bool:
        """The member's key and rows go, and no key is made for it again; whether that is new here.
        Again: nothing happens. `at_us`: when that was decided, UTC µs."""
        # First: it must outlive a crash, and restores.
        tombstones.add(self._list, member_id, at_us)
        who = {"member": member_id, "at_us": at_us}
        with self.writing(member_id) as connection:
            gone = [connection.execute(text(sql), who).rowcount for sql in _FORGET]
        if any(gone):
            overwrite_gone(self._engine)
        return any(gone)

    def forgotten(self) -> dict[str, int]:
        """Who is forgotten, and when that was decided (UTC µs)."""
        with self._engine.connect() as connection:
            rows = connection.execute(text("SELECT member_id, at_us FROM forgotten ORDER BY 1"))
            return {row[0]: row[1] for row in rows}

    # Rotation.

    def rotate(self, told: Told = lambda what, done, of: None) -> Rotation:
        """Wrap every key with the newest version: what is done stays done, so that a run that was
        stopped is gone on with. Raises Refused(VAULT_LOCKED) for a version that is not given."""
        self._wrap_lookup()
        with self._engine.connect() as connection:
            members = connection.execute(text("SELECT count(*) FROM member_keys")).scalar_one()
            left = connection.execute(text(_LEFT), {"newest": self._keys.newest}).scalar_one()
        done = 0
        told("rotate", 0, left)
        while count := self._rotate_some():
            done += count
            told("rotate", done, left)
        if done:
            overwrite_gone(self._engine)  # What older versions wrapped is not left lying about.
        return Rotation(done, members, self._keys.newest)

    def _rotate_some(self) -> int:
        newest = {"newest": self._keys.newest, "most": BATCH}
        with self.writing(ROTATION) as connection:
            rows = connection.execute(text(_OLD_KEYS), newest).all()
            for member_id, version, wrapped in rows:
                place = _key_place(member_id)
                key = self._unwrapped(version, place, bytes(wrapped))
                row = {
                    "member": member_id,
                    "version": self._keys.newest,
                    "wrapped": self._keys.wrapped(place, key),
                }
                connection.execute(text(_REWRAP), row)
        return len(rows)

    def standing(self) -> Standing:
        """How things stand, without opening anything."""
        with self._engine.connect() as connection:
            members, items, forgotten = (connection.scalar(text(sql)) or 0 for sql in _COUNTS)
            versions = {row[0]: row[1] for row in connection.execute(text(_VERSIONS))}
        return Standing(members, items, forgotten, versions, self._keys.versions)

    # Inside.

    def reading(self) -> Connection:
        """It waits for nobody who writes."""
        return self._engine.connect()

    @contextmanager
    def writing(self, *about: str) -> Iterator[Connection]:
        """A transaction of which there is one at a time about a member: no key is made between
        looking for a tombstone and its coming."""
        with to_write(self._engine) as connection:
            for one in about if self.database.dialect == "postgresql" else ():
                connection.execute(text(_LOCK), {"schema": self.database.schema, "about": one})
            yield connection

    def key_in(self, connection: Connection, member_id: str) -> MemberKey | None:
        """A member's key; None when there is none. Raises VAULT_LOCKED, VAULT_DAMAGED."""
        row = connection.execute(text(_KEY), {"member": member_id}).first()
        if row is None:
            return None
        return MemberKey(member_id, self._unwrapped(row[0], _key_place(member_id), bytes(row[1])))

    def _unwrapped(self, version: int, place: tuple[str, ...], content: bytes) -> bytes:
        try:
            return self._keys.unwrapped(version, place, content)
        except Damaged as error:
            raise _damaged(error) from None

    def digest(self, field: str, plain: str) -> str:
        """By what a text is found: nothing without the vault's own key."""
        return token(self._lookup, field, plain)

    def _lookup_key(self) -> bytes:
        """The key of searches: made once, wrapped like any other, the same through rotations."""
        with self.writing(LOOKUP) as connection:
            row = connection.execute(text(_META), {"name": LOOKUP}).first()
            if row is not None:
                return self._unwrapped(row[0], (LOOKUP,), bytes(row[1]))
            key = new_key()
            content = self._keys.wrapped((LOOKUP,), key)
            made = {"name": LOOKUP, "version": self._keys.newest, "content": content}
            connection.execute(text(_ADD_META), made)
            return key

    def _wrap_lookup(self) -> None:
        content = self._keys.wrapped((LOOKUP,), self._lookup)
        row = {"name": LOOKUP, "version": self._keys.newest, "content": content}
        with self.writing(LOOKUP) as connection:
            connection.execute(text(_REWRAP_META), row)


def prove(connection: Connection, keys: KeyRing) -> None:
    """Open every key and every text of a vault. Raises Refused(VAULT_LOCKED, VAULT_DAMAGED)."""
    try:
        for name, version, content in connection.execute(text(_ALL_META)):
            keys.unwrapped(version, (name,), bytes(content))
        members = {
            member_id: MemberKey(
                member_id, keys.unwrapped(version, _key_place(member_id), bytes(wrapped))
            )
            for member_id, version, wrapped in connection.execute(text(_ALL_KEYS))
        }
        for member_id, kind, item, field, content in connection.execute(text(_ALL_ITEMS)):
            if member_id not in members:
                raise Damaged(f"{member_id}/{kind}/{item}/{field}")
            members[member_id].open(kind, item, field, bytes(content))
        for member_id, kind, content in connection.execute(text(_ALL_FACTORS)):
            if member_id not in members:
                raise Damaged(f"{member_id}/{kind}")
            members[member_id].open(FACTOR, kind, kind, bytes(content))
    except Damaged as error:
        raise _damaged(error) from None


def _key_place(member_id: str) -> tuple[str, ...]:
    return "key", member_id


def refuse_forgotten(connection: Connection, member_id: str) -> None:
    """Raises Refused(MEMBER_FORGOTTEN)."""
    sql = text("SELECT 1 FROM forgotten WHERE member_id = :member")
    if connection.execute(sql, {"member": member_id}).first() is not None:
        raise Refused(Code.MEMBER_FORGOTTEN, "member_id", member_id)


def _damaged(error: Damaged) -> Refused:
    detail = f"{error} was not sealed by this key for this place: rows or keys were changed"
    return Refused(Code.VAULT_DAMAGED, "vault", detail)


_LOCK = "SELECT pg_advisory_xact_lock(hashtext(:schema), hashtext(:about))"
_KEY = "SELECT key_version, wrapped FROM member_keys WHERE member_id = :member"
_ADD_KEY = (
    "INSERT INTO member_keys (member_id, key_version, wrapped) VALUES (:member, :version, :wrapped)"
)
_REWRAP = (
    "UPDATE member_keys SET key_version = :version, wrapped = :wrapped WHERE member_id = :member"
)
_OLD_KEYS = (
    "SELECT member_id, key_version, wrapped FROM member_keys WHERE key_version <> :newest "
    "ORDER BY key_version, member_id LIMIT :most"
)
_LEFT = "SELECT count(*) FROM member_keys WHERE key_version <> :newest"
_ADD_ITEM = (
    "INSERT INTO items (member_id, kind, item, field, ciphertext, found_by) VALUES "
    "(:member, :kind, :item, :field, :ciphertext, :found) "
    "ON CONFLICT (member_id, kind, item, field) DO NOTHING"
)
_READ = "SELECT item, field, ciphertext FROM items WHERE member_id = :member AND kind = :kind"
_DROP = "DELETE FROM items WHERE member_id = :member AND kind = :kind AND item = :item"
_FIND = "SELECT DISTINCT member_id, kind, item FROM items WHERE found_by = :found ORDER BY 1, 2, 3"
_FORGET = (
    "DELETE FROM member_keys WHERE member_id = :member",
    "DELETE FROM items WHERE member_id = :member",
    "DELETE FROM factors WHERE member_id = :member",
    "INSERT INTO forgotten (member_id, at_us) VALUES (:member, :at_us) "
    "ON CONFLICT (member_id) DO NOTHING",
)
_META = "SELECT key_version, content FROM vault_meta WHERE name = :name"
_ADD_META = "INSERT INTO vault_meta (name, key_version, content) VALUES (:name, :version, :content)"
_REWRAP_META = (
    "UPDATE vault_meta SET key_version = :version, content = :content WHERE name = :name "
    "AND key_version <> :version"
)
_ALL_META = "SELECT name, key_version, content FROM vault_meta"
_ALL_KEYS = "SELECT member_id, key_version, wrapped FROM member_keys"
_ALL_ITEMS = "SELECT member_id, kind, item, field, ciphertext FROM items"
_ALL_FACTORS = "SELECT member_id, kind, ciphertext FROM factors WHERE ciphertext IS NOT NULL"
_COUNTS = (
    "SELECT count(*) FROM member_keys",
    "SELECT count(*) FROM (SELECT DISTINCT member_id, kind, item FROM items) AS kept",
    "SELECT count(*) FROM forgotten",
)
_VERSIONS = "SELECT key_version, count(*) FROM member_keys GROUP BY key_version ORDER BY 1"
