"""The vault alone, on both databases: sealing, tokens, searches, rotation, forgetting."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from domain.eventstore.database import parse_database_url
from domain.refusals import Code, Refused
from domain.vault import backup, customers, factors, tombstones
from domain.vault.keys import KeyRing, next_line, parse_keys
from domain.vault.place import vault_database, vault_engine
from domain.vault.vault import Vault, prove

CARD = "6222021234567894"
FIELDS = {"number": CARD, "name": "韩梅梅", "phone": "13812345678"}
AT = 1_795_000_000_000_000
ONE = f"1:{b64encode(bytes(range(32))).decode()}"
TWO = f"{ONE},2:{b64encode(bytes(range(32, 64))).decode()}"

Open = Callable[..., Vault]


@pytest.fixture
def opening(database_url: str, tmp_path: Path) -> Iterator[Open]:
    """Opens the vault beside a ledger, as often as wanted."""
    made: list[Vault] = []
    place = vault_database(parse_database_url(database_url))

    def opened(keys: str = ONE, list_: str = "") -> Vault:
        path = tmp_path / list_ if list_ else None
        made.append(Vault(place, parse_keys(keys, "key"), path))
        return made[-1]

    yield opened
    for vault in made:
        vault.close()
    if place.schema:
        engine = vault_engine(place)
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {place.schema} CASCADE"))
        engine.dispose()


def kept(vault: Vault, member: str = "ANN", item: str = "c1") -> None:
    vault.keep(vault.key_of(member), "card", item, FIELDS, found_by=("number",))


def refused(code: Code, work: Callable[[], object]) -> None:
    with pytest.raises(Refused) as no:
        work()
    assert no.value.code is code
    assert CARD not in str(no.value)


def rows(vault: Vault, sql: str) -> list[tuple[object, ...]]:
    engine = vault_engine(vault.database)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(sql))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


def test_what_is_kept_is_read_and_found_and_stands_nowhere_in_clear(opening: Open) -> None:
    vault = opening()
    kept(vault)
    kept(vault, "BOB", "c9")
    assert vault.read("ANN", "card", "c1") == FIELDS
    assert vault.find("number", CARD) == [("ANN", "card", "c1"), ("BOB", "card", "c9")]
    assert vault.find("name", CARD) == []
    everything = str(rows(vault, "SELECT * FROM items")) + str(
        rows(vault, "SELECT * FROM member_keys")
    )
    for plain in FIELDS.values():
        assert plain not in everything
        assert plain.encode().hex() not in everything


def test_tokens_are_stable_and_a_members_own(opening: Open) -> None:
    vault = opening()
    token = vault.key_of("ANN").token("card", CARD)
    assert token == vault.key_of("ANN").token("card", CARD)
    assert token != vault.key_of("BOB").token("card", CARD)
    assert token != vault.key_of("ANN").token("phone", CARD)
    assert vault.key_of("ANN").token("x", "ab", "c") != vault.key_of("ANN").token("x", "a", "bc")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE items SET member_id = 'BOB' WHERE member_id = 'ANN'",
        "UPDATE items SET item = 'c2' WHERE member_id = 'ANN'",
        "UPDATE items SET field = 'other' WHERE field = 'name'",
        "UPDATE items SET kind = 'loan'",
    ],
)
def test_a_row_that_was_moved_cannot_be_opened(opening: Open, change: str) -> None:
    vault = opening()
    kept(vault)
    vault.key_of("BOB")
    rows(vault, change)
    found = rows(vault, "SELECT DISTINCT member_id, kind, item FROM items")
    for member, kind, item in found:
        refused(Code.VAULT_DAMAGED, lambda: vault.read(str(member), str(kind), str(item)))  # noqa: B023


def test_keys_that_were_swapped_cannot_be_opened(opening: Open) -> None:
    vault = opening()
    kept(vault)
    vault.key_of("BOB")
    rows(vault, "DELETE FROM member_keys WHERE member_id = 'BOB'")
    rows(vault, "UPDATE member_keys SET member_id = 'BOB'")
    refused(Code.VAULT_DAMAGED, lambda: vault.key_of("BOB"))


def test_another_key_opens_nothing(opening: Open) -> None:
    kept(opening())
    other = f"1:{b64encode(bytes(32)).decode()}"
    refused(Code.VAULT_DAMAGED, lambda: opening(other))


def test_a_rotation_goes_on_where_it_stopped_and_changes_no_token(
    opening: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.vault.vault.BATCH", 2)
    vault = opening()
    members = [f"M{number}" for number in range(7)]
    for member in members:
        kept(vault, member)
    tokens = [vault.key_of(member).token("card", CARD) for member in members]
    told: list[tuple[int, int | None]] = []

    def broken_off(_what: str, done: int, of: int | None) -> None:
        told.append((done, of))
        if done >= 4:
            raise KeyboardInterrupt

    both = opening(TWO)
    with pytest.raises(KeyboardInterrupt):
        both.rotate(broken_off)
    assert told == [(0, 7), (2, 7), (4, 7)]
    assert both.standing().versions == {1: 3, 2: 4}
    result = both.rotate()
    assert (result.rewrapped, result.members, result.to) == (3, 7, 2)
    newest = opening(TWO.partition(",")[2])  # The old version is not needed any more.
    assert [newest.key_of(member).token("card", CARD) for member in members] == tokens
    assert len(newest.find("number", CARD)) == 7
    assert newest.rotate().rewrapped == 0


def test_many_at_once_make_one_key(opening: Open) -> None:
    """Vaults of several processes, each with connections of its own."""
    vaults = [opening() for _ in range(4)]

    def token(number: int) -> str:
        vault = vaults[number % 4]
        kept(vault, "ANN", "c1")
        return vault.key_of("ANN").token("card", CARD)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(token, range(40)))) == 1
    assert vaults[0].read("ANN", "card", "c1") == FIELDS


def test_who_is_forgotten_meanwhile_gets_no_key(opening: Open) -> None:
    vaults = [opening() for _ in range(4)]

    def work(number: int) -> None:
        member = f"M{number // 4}"
        if number % 4 == 0:
            vaults[0].forget(member, AT)
            return
        with suppress(Refused):
            kept(vaults[number % 4], member)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(80)))
    left = vaults[0].standing()
    assert (left.members, left.items, left.forgotten) == (0, 0, 20)


def test_a_version_that_is_not_given_is_named(opening: Open) -> None:
    both = opening(TWO)
    kept(both)
    refused(Code.VAULT_LOCKED, lambda: opening(ONE))


def test_who_is_forgotten_is_gone_and_never_comes_again(opening: Open) -> None:
    vault = opening()
    kept(vault)
    kept(vault, "BOB")
    key = vault.key_of("ANN")
    assert vault.forget("ANN", AT) is True
    assert vault.forget("ANN", AT + 1) is False
    assert vault.read("ANN", "card", "c1") is None
    assert vault.find("number", CARD) == [("BOB", "card", "c1")]
    refused(Code.MEMBER_FORGOTTEN, lambda: vault.key_of("ANN"))
    refused(Code.MEMBER_FORGOTTEN, lambda: vault.keep(key, "card", "c1", FIELDS))
    assert vault.forgotten() == {"ANN": AT}
    assert vault.read("BOB", "card", "c1") == FIELDS


def test_the_list_beside_the_keys_holds_for_a_vault_of_before(
    opening: Open, tmp_path: Path
) -> None:
    path = tmp_path / "forgotten"
    kept(opening())
    tombstones.add(path, "ANN", AT)
    tombstones.add(path, "ANN", AT + 5)
    path.write_bytes(path.read_bytes() + b"BOB 17")  # Broke off.
    restored = opening(ONE, "forgotten")
    assert restored.read("ANN", "card", "c1") is None
    kept(restored, "BOB")
    restored.forget("BOB", AT + 7)
    assert tombstones.read(path) == {"ANN": AT, "BOB": AT + 7}
    path.write_text("nonsense\n")
    refused(Code.REQUEST_INVALID, lambda: opening(ONE, "forgotten"))


@pytest.mark.parametrize("given", ["", "# none", "1:short", "x:AAAA", f"{ONE},{ONE}", "0:AAAA"])
def test_keys_that_are_none_are_refused_and_not_shown(given: str) -> None:
    with pytest.raises(Refused) as no:
        parse_keys(given, "ZHANGFANG_VAULT_KEY")
    assert no.value.field == "ZHANGFANG_VAULT_KEY"
    assert "AAAA" not in no.value.detail
    assert "short" not in no.value.detail


def test_the_next_version_of_a_file() -> None:
    version, line = next_line("")
    ring = parse_keys(line, "file")
    assert (version, ring.newest) == (1, 1)
    assert repr(ring) == "KeyRing([1])"
    more, second = next_line(line)
    assert parse_keys(line + second, "file").newest == more == 2
    assert isinstance(ring, KeyRing)


def test_the_vault_is_never_the_ledgers_own_database() -> None:
    ledger = parse_database_url("sqlite:////books.db")
    assert vault_database(ledger).path == "/books.db-vault"
    server = parse_database_url("postgresql://u@h/db?schema=cell_0")
    assert vault_database(server).schema == "cell_0_vault"
    assert vault_database(ledger, "sqlite:////elsewhere.db").path == "/elsewhere.db"
    refused(Code.REQUEST_INVALID, lambda: vault_database(ledger, "sqlite:////books.db"))
    refused(Code.REQUEST_INVALID, lambda: vault_database(ledger, "mysql://x"))


# Customers, factors.


def customer(vault: Vault, member: str, identity: str, item: str = "i1") -> str:
    """As a door certifies a member: the identity is kept first."""
    key = vault.key_of(member)
    vault.keep(key, "identity", item, {"identity": identity}, found_by=("identity",))
    return customers.customer_of(vault, key, "identity", item, "identity", identity)


def test_members_of_one_person_have_one_word_and_others_another(opening: Open) -> None:
    vault = opening()
    word = customer(vault, "ANN", "N1")
    assert customer(vault, "ANN", "N1") == word
    assert customer(vault, "ANN2", "N1") == word
    assert customer(vault, "BOB", "N2") != word
    assert "N1" not in word
    vault.forget("ANN", AT)  # Who made the word: it goes on standing for the other.
    assert customer(vault, "ANN2", "N1") == customer(vault, "ANN3", "N1") == word
    for member in ("ANN2", "ANN3"):
        vault.forget(member, AT)
    assert customer(vault, "ANN4", "N1") != word
    refused(Code.MEMBER_FORGOTTEN, lambda: customer(vault, "ANN", "N1"))


def test_two_that_are_certified_at_once_are_one_person(opening: Open) -> None:
    vault = opening()
    with ThreadPoolExecutor(4) as pool:
        words = set(pool.map(lambda n: customer(vault, f"ANN{n}", "N1"), range(8)))
    assert len(words) == 1


def test_tries_are_counted_before_they_are_compared(opening: Open) -> None:
    vault = opening()
    key = vault.key_of("ANN")
    refused(Code.FACTOR_MISSING, lambda: factors.begin(vault, key, "password", AT, "p"))
    assert factors.put(vault, key, "password", "hash", instead=None)
    assert not factors.put(vault, key, "password", "other", instead=None)
    for _ in range(factors.TRIES):
        assert factors.begin(vault, key, "password", AT, "p") == "hash"
    refused(Code.FACTOR_LOCKED, lambda: factors.begin(vault, key, "password", AT, "p"))
    after = AT + factors.LOCKED_US
    assert factors.begin(vault, key, "password", after, "p") == "hash"
    assert factors.right(vault, key, "password", "hash")
    for _ in range(factors.TRIES):
        factors.begin(vault, key, "password", after, "p")
    factors.replace(vault, key, "password", "new", unlock=True)
    assert factors.begin(vault, key, "password", after, "p") == "new"
    assert not factors.right(vault, key, "password", "hash")


def test_factors_are_in_the_backup_and_go_with_their_member(opening: Open, tmp_path: Path) -> None:
    vault, path = opening(), tmp_path / "backup"
    for member in ("ANN", "BOB"):
        assert factors.put(vault, vault.key_of(member), "password", "hash", instead=None)
    factors.begin(vault, vault.key_of("BOB"), "password", AT, "p")
    factors.replace(vault, vault.key_of("BOB"), "code", "sealed", unlock=False)
    factors.withdraw(vault, vault.key_of("BOB"), "code", "sealed")
    engine = vault_engine(vault.database)
    backup.write(engine, path)
    assert "hash" not in path.read_text()
    vault.forget("ANN", AT)
    keys = parse_keys(ONE, "key")
    backup.restore(engine, path, lambda connection: prove(connection, keys))
    engine.dispose()
    assert rows(vault, "SELECT member_id, kind, wrong FROM factors ORDER BY 2") == [
        ("BOB", "code", 0),
        ("BOB", "password", 1),
    ]
    assert factors.begin(vault, vault.key_of("BOB"), "password", AT, "p") == "hash"
    refused(Code.FACTOR_MISSING, lambda: factors.begin(vault, vault.key_of("BOB"), "code", AT, "c"))
