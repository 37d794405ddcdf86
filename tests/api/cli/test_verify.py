"""What whoever owns the database does to times, keys, guards and the end of history is found."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from domain.eventstore.database import IMMEDIATE, parse_database_url, sqlalchemy_engine
from domain.eventstore.guards import APPEND_ONLY
from domain.eventstore.opening import open_recorder
from domain.eventstore.recorder import CommitRow, chain
from domain.eventstore.seals import NO_SEAL, seal_of_change, seal_of_commit
from tests.anomalies.market import open_market, opened, purchase, transfer
from tests.api.cli.terminal import Terminal
from tests.fresh import Filled

pytestmark = pytest.mark.timeout(120)

MADE = (
    "INSERT INTO api_keys (id, digest, role, member, note, created_at_us, revoked_at_us) "
    "VALUES ('mine', :d, 'operator', NULL, 'mine', 1, NULL)"
)


def trade(url: str) -> None:
    """Some trade, a key made before it, one made in between and revoked."""
    terminal = Terminal(url)
    open_market(url)
    key = ("key", "create", "--role", "auditor", "--note", "for Ann")
    first = terminal("--json", *key).json()["id"]
    with opened(url) as ledger:
        for one in (*purchase("s", 1), transfer("t", 1)):
            ledger.submit(one).unwrap()
    terminal(*key)
    assert terminal("--json", "key", "revoke", first).json()["revoked"] is True
    with opened(url) as ledger:
        ledger.submit(transfer("t", 2)).unwrap()


@pytest.fixture
def market(filled: Filled) -> Terminal:
    """Books with trade and keys in them."""
    return Terminal(filled(trade))


@contextmanager
def owner(url: str) -> Iterator[Connection]:
    """The owner at work: nothing in the schema is in the way."""
    engine = sqlalchemy_engine(parse_database_url(url))
    try:
        options = {IMMEDIATE: True}
        with engine.connect().execution_options(**options) as connection, connection.begin():
            triggers(connection, on=False)
            yield connection
    finally:
        engine.dispose()


def triggers(connection: Connection, *, on: bool) -> None:
    if connection.dialect.name == "postgresql":
        how = "ENABLE ALWAYS" if on else "DISABLE"
        for table in APPEND_ONLY:
            connection.execute(text(f"ALTER TABLE {table} {how} TRIGGER {table}_append_only"))
        return
    if not on:
        found = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
        ).all()
        connection.info["triggers"] = [sql for _, sql in found]
        for name, _ in found:
            connection.execute(text(f"DROP TRIGGER {name}"))
    else:
        for sql in connection.info["triggers"]:
            connection.exec_driver_sql(sql)


@contextmanager
def unseen(url: str) -> Iterator[Connection]:
    """The same, and the guards are put back afterwards as if nothing had been."""
    with owner(url) as connection:
        yield connection
        triggers(connection, on=True)


def found(terminal: Terminal, *arguments: str | Path) -> list[dict[str, str]]:
    ran = terminal("--json", "verify", *arguments)
    said: dict[str, Any] = json.loads(ran.out)
    assert ran.code == (1 if said["findings"] else 0), (ran.out, ran.err)
    assert said["clean"] is (not said["findings"])
    findings: list[dict[str, str]] = said["findings"]
    return findings


def checks(terminal: Terminal, *arguments: str | Path) -> set[str]:
    return {one["check"] for one in found(terminal, *arguments)}


def test_books_that_nobody_touched_are_clean_and_say_since_when_times_are_sealed(
    market: Terminal,
) -> None:
    said = market("--json", "verify").json()
    assert said["findings"] == []
    assert said["ledger"]["sealed_after_commit"] == 0
    assert len(bytes.fromhex(said["ledger"]["seal"])) == 32


def test_guards_that_are_gone_are_found(market: Terminal) -> None:
    with owner(market.url):
        pass
    where = {one["where"] for one in found(market) if one["check"] == "guards"}
    for table in APPEND_ONLY:
        assert any(table in one for one in where), where


def later(connection: Connection) -> None:
    connection.execute(text("UPDATE commit_log SET recorded_at_us = recorded_at_us + 1"))


def one_later(connection: Connection) -> None:
    changed = text("UPDATE commit_log SET recorded_at_us = recorded_at_us + 1 WHERE number = 3")
    assert connection.execute(changed).rowcount == 1


def own_key(connection: Connection) -> None:
    connection.execute(text(MADE), {"d": bytes(32)})


def deleted_key(connection: Connection) -> None:
    connection.execute(text("DELETE FROM api_keys WHERE revoked_at_us IS NULL"))


def another_secret(connection: Connection) -> None:
    """The digest of a secret that whoever changes it knows."""
    connection.execute(text("UPDATE api_keys SET digest = :d WHERE revoked_at_us IS NULL"), {
        "d": bytes(32)
    })  # fmt: skip


def promoted(connection: Connection) -> None:
    connection.execute(text("UPDATE api_keys SET role = 'operator' WHERE revoked_at_us IS NULL"))


def renamed(connection: Connection) -> None:
    connection.execute(text("UPDATE api_keys SET note = 'for Bob'"))


def working_again(connection: Connection) -> None:
    connection.execute(text("UPDATE api_keys SET revoked_at_us = NULL"))


def revoked_earlier(connection: Connection) -> None:
    connection.execute(text("UPDATE api_keys SET revoked_at_us = 1 WHERE revoked_at_us > 0"))


def revoked_unsealed(connection: Connection) -> None:
    connection.execute(text("UPDATE api_keys SET revoked_at_us = 1 WHERE revoked_at_us IS NULL"))


def own_entry(connection: Connection) -> None:
    """A key with an entry of its own, under a seal that is only invented."""
    own_key(connection)
    entry = b'{"key":"mine"}'
    sql = "INSERT INTO sealed_changes SELECT max(seal_number) + 9, 1, :e, :s FROM sealed_changes"
    connection.execute(text(sql), {"e": entry, "s": bytes(32)})


def changed_entry(connection: Connection) -> None:
    sql = "UPDATE sealed_changes SET entry = :e WHERE seal_number > 1"
    connection.execute(text(sql), {"e": b"{}"})


def deleted_entries(connection: Connection) -> None:
    connection.execute(text("DELETE FROM sealed_changes"))
    connection.execute(text("DELETE FROM api_keys"))


def unsealed(connection: Connection) -> None:
    connection.execute(text("UPDATE commit_log SET seal = :s, seal_number = 0"), {"s": b""})


@pytest.mark.parametrize(
    ("tamper", "check"),
    [
        (later, "seals"),
        (one_later, "seals"),
        (unsealed, "seals"),
        (own_key, "keys"),
        (deleted_key, "keys"),
        (another_secret, "keys"),
        (promoted, "keys"),
        (renamed, "keys"),
        (working_again, "keys"),
        (revoked_earlier, "keys"),
        (revoked_unsealed, "keys"),
        (own_entry, "seals"),
        (changed_entry, "seals"),
        (deleted_entries, "seals"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_changed_time_or_key_is_found_although_the_guards_are_there_again(
    market: Terminal, tamper: Callable[[Connection], None], check: str
) -> None:
    with unseen(market.url) as connection:
        tamper(connection)
    found_by = checks(market)
    assert check in found_by and "guards" not in found_by


def test_a_changed_time_names_its_commit_alone(market: Terminal) -> None:
    with unseen(market.url) as connection:
        one_later(connection)
    assert [(one["check"], one["where"]) for one in found(market)] == [("seals", "commit 3")]


@pytest.fixture
def kept(market: Terminal, tmp_path: Path) -> Path:
    """A head kept outside."""
    path = tmp_path / "head.json"
    path.write_text(market("head").out)
    return path


def forget_read_models(connection: Connection) -> None:
    """So that they are made anew from what is left."""
    connection.execute(text("DELETE FROM projection_checkpoints"))


def cut_off(connection: Connection) -> None:
    """The last commit, with everything that was made of it."""
    newest = "(SELECT first_position FROM commit_log ORDER BY number DESC LIMIT 1)"
    connection.execute(text(f"DELETE FROM events WHERE notification_id >= {newest}"))  # noqa: S608
    last = "(SELECT max(number) FROM commit_log)"
    connection.execute(text(f"DELETE FROM receipts WHERE commit_number = {last}"))  # noqa: S608
    connection.execute(text(f"DELETE FROM commit_log WHERE number = {last}"))  # noqa: S608
    connection.execute(text("DELETE FROM snapshots"))


def write_anew(connection: Connection) -> None:
    """One receipt reads otherwise, and both chains are made anew over everything that is there."""
    commits = [CommitRow(*row) for row in connection.execute(text(
        "SELECT number, first_position, last_position, receipts, recorded_at_us, digest, hash,"
        " seal_number, seal FROM commit_log ORDER BY number"
    ))]  # fmt: skip
    changes = connection.execute(
        text("SELECT seal_number, commit_number, entry FROM sealed_changes ORDER BY seal_number")
    ).all()
    previous, sealed, left = bytes(32), NO_SEAL, list(changes)
    for commit in commits:
        while left and left[0][0] == sealed.number + 1:
            sealed = seal_of_change(sealed, left[0][1], bytes(left.pop(0)[2]))
            sql = text("UPDATE sealed_changes SET seal = :s WHERE seal_number = :n")
            connection.execute(sql, {"s": sealed.seal, "n": sealed.number})
        previous = chain(previous, commit.digest)
        when = commit.recorded_at_us + 1
        sealed = seal_of_commit(sealed, commit.number, previous, when)
        sql = text("UPDATE commit_log SET hash = :h, seal = :s, recorded_at_us = :t"
                   " WHERE number = :n")  # fmt: skip
        values = {"h": previous, "s": sealed.seal, "t": when, "n": commit.number}
        connection.execute(sql, values)


@pytest.mark.parametrize("tamper", [cut_off, write_anew])
def test_only_a_head_kept_outside_shows_that_history_was_cut_off_or_written_anew(
    market: Terminal, kept: Path, tamper: Callable[[Connection], None]
) -> None:
    assert found(market, "--expect-head", kept) == []
    with unseen(market.url) as connection:
        tamper(connection)
    with opened(market.url) as ledger:
        assert ledger.recorder.head().number > 3
    assert market("projections", "rebuild", "--all", "--force").code == 0
    assert found(market) == []
    assert checks(market, "--expect-head", kept) == {"head"}
    with opened(market.url) as ledger:  # Nor does it help to go on until there is a commit there.
        for n in range(3):
            ledger.submit(transfer("more", n)).unwrap()
    assert checks(market, "--expect-head", kept) == {"head"}


def test_history_that_only_grew_is_what_a_kept_head_expects(market: Terminal, kept: Path) -> None:
    with opened(market.url) as ledger:
        ledger.submit(transfer("more", 1)).unwrap()
    assert market("key", "create", "--role", "auditor").code == 0
    assert "history only grew" in market("verify", "--expect-head", kept).out
    newer = kept.with_name("newer.json")
    newer.write_text(market("head").out)
    assert found(market, "--expect-head", kept, "--expect-head", newer) == []


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{}", b"[]", b"\xff", b'{"commit":1}', b"null"),
        b'{"commit":-1,"position":0,"hash":"","seal_number":0,"seal":"","recorded_at":null,'
        b'"taken_at":""}',
        b'{"commit":99999999999999999999,"position":0,"hash":"","seal_number":0,"seal":"",'
        b'"recorded_at":null,"taken_at":""}',
    ],
)
def test_what_is_no_head_is_refused(lone: Terminal, tmp_path: Path, content: bytes) -> None:
    assert lone("init").code == 0
    path = tmp_path / "head.json"
    path.write_bytes(content)
    for one in (path, tmp_path / "missing.json"):
        refused = lone("--json", "verify", "--expect-head", one).refused()
        assert (refused["code"], refused["field"]) == ("request_invalid", "expect_head")


def test_a_key_made_by_another_process_is_sealed_between_commits_that_trust(
    database_url: str,
) -> None:
    """A writer that trusts knows the newest seal; a key takes the number it would have used."""
    open_market(database_url)
    terminal = Terminal(database_url)
    with opened(database_url) as ledger:
        for n in range(30):
            ledger.submit(transfer("t", n)).unwrap()
        assert terminal("key", "create", "--role", "auditor").code == 0
        for n in range(30, 60):
            ledger.submit(transfer("t", n)).unwrap()
        head, seal = ledger.recorder.newest()
    assert seal.number == head.number + 2  # The beginning and the key.
    assert found(terminal) == []


def test_a_version_that_knows_no_seals_is_refused_by_the_database(migrated_url: str) -> None:
    engine = sqlalchemy_engine(parse_database_url(migrated_url))
    old = (
        "INSERT INTO commit_log (number, first_position, last_position, receipts, recorded_at_us,"
        " digest, hash) VALUES (1, 1, 0, 1, 1, '', '')"
    )
    with pytest.raises(Exception, match="seal"), engine.begin() as connection:
        connection.exec_driver_sql(old)
    engine.dispose()
    with open_recorder(parse_database_url(migrated_url)).writing() as session:
        assert session.head.number == 0


@pytest.mark.parametrize("figure", ["9.3e18", "1.5", "'12'||'x'"])
def test_a_figure_that_is_no_whole_number_is_found(market: Terminal, figure: str) -> None:
    """SQLite keeps any type anywhere."""
    if market.url.startswith("postgresql"):
        pytest.skip("its columns take whole numbers alone")
    assert found(market) == []
    with unseen(market.url) as connection:
        change = f"UPDATE trial_days SET debit_fen = {figure} WHERE code = '2241.01'"  # noqa: S608
        assert connection.execute(text(change)).rowcount == 1
    assert [(one["check"], one["where"]) for one in found(market)] == [
        ("projection", "trial_balance")
    ]
