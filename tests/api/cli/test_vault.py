"""`zhangfang vault` and `zhangfang member forget` at the terminal, on both databases."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.cli.opening import development_key, open_vault
from api.settings import load_settings
from domain.clearing.commands import OpenBooks
from domain.kernel import DAY_US, Request
from domain.ledger.ledger import Ledger
from domain.member.commands import RegisterMember
from domain.vault.vault import Vault
from tests.api.cli.terminal import Ran, Terminal
from tests.api.conftest import drop_vault
from tests.examples import PAID_AT, PAY_DAY

NAME = {"name": "韩梅梅"}


@pytest.fixture
def books(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A ledger of 2010 with two persons, and a key file."""
    monkeypatch.setenv("ZHANGFANG_VAULT_KEY_FILE", str(tmp_path / "keys"))
    ledger = Ledger.open(migrated_url)
    for number, command in enumerate(
        (
            OpenBooks(PAY_DAY),
            RegisterMember("ANN", "personal", "韩**"),
            RegisterMember("BOB", "personal", "李*"),
        )
    ):
        asked = Request(f"r{number}", PAID_AT, "operator:lin", command)
        ledger.submit(asked).unwrap()
    ledger.close()
    terminal = Terminal(migrated_url)
    assert terminal("vault", "new-key", tmp_path / "keys").code == 0
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    keep(terminal, "ANN", "BOB")
    yield terminal
    drop_vault(migrated_url)


def vault_of(terminal: Terminal) -> Vault:
    return open_vault(terminal.url, load_settings())


def keep(terminal: Terminal, *members: str) -> None:
    vault = vault_of(terminal)
    for member_id in members:
        vault.keep(vault.key_of(member_id), "name", "name", NAME)
    vault.close()


def names(terminal: Terminal) -> dict[str, object]:
    vault = vault_of(terminal)
    found = {one: vault.read(one, "name", "name") for one in ("ANN", "BOB")}
    vault.close()
    return {one: what for one, what in found.items() if what is not None}


def test_a_key_is_rotated_and_the_old_version_may_go(books: Terminal, tmp_path: Path) -> None:
    assert books("--json", "vault", "new-key", tmp_path / "keys").json()["version"] == 2
    done = books("--json", "vault", "rotate").json()
    assert done == {"rewrapped": 2, "members": 2, "to": 2}
    lines = (tmp_path / "keys").read_text().splitlines()
    (tmp_path / "keys").write_text(lines[1] + "\n")
    assert names(books) == {"ANN": NAME, "BOB": NAME}
    assert books("--json", "vault", "status").json()["versions"] == {"2": 2}
    (tmp_path / "keys").write_text(lines[0] + "\n")
    refused = books("--json", "vault", "status")
    assert refused.code == 2
    assert "vault_locked" in refused.err


def test_a_restore_of_before_does_not_undo_forgetting(books: Terminal, tmp_path: Path) -> None:
    old = tmp_path / "vault.backup"
    assert books("vault", "backup", old).code == 0
    assert old.stat().st_mode & 0o777 == 0o600
    assert "韩梅梅" not in old.read_text()
    assert books("vault", "backup", old).code == 2  # Never over another one.
    assert books("--json", "member", "forget", "ANN").json()["state"] == "forgotten"
    assert names(books) == {"BOB": NAME}
    restored = books("--json", "vault", "restore", old).json()
    assert (restored["rows"], restored["recorded"]) == (5, [])
    assert names(books) == {"BOB": NAME}
    verified = books("verify")
    assert verified.code == 0, verified.err
    assert (tmp_path / "keys.forgotten").read_text().startswith("ANN ")
    assert books("member", "forget", "ANN").code == 0  # Again: nothing happens.


@pytest.mark.parametrize("spoiled", ["another key", "ciphertext", "a key is missing"])
def test_what_cannot_be_opened_replaces_nothing(
    books: Terminal, tmp_path: Path, spoiled: str
) -> None:
    old, keys = tmp_path / "vault.backup", tmp_path / "keys"
    assert books("vault", "backup", old).code == 0
    keep(books, "CAN")
    lines, own = old.read_text().splitlines(), keys.read_text()
    rows = [json.loads(line) for line in lines]
    if spoiled == "another key":
        assert books("vault", "new-key", tmp_path / "others").code == 0
        keys.write_text((tmp_path / "others").read_text())
    elif spoiled == "ciphertext":
        for row in rows:
            if isinstance(row, list) and row[0] == "items":
                row[5] = ("B" if row[5][0] == "A" else "A") + row[5][1:]
    else:
        rows = [row for row in rows if "member_keys" not in row or "ANN" not in row]
        rows[-1] = {"rows": len(rows) - 2}
    old.write_text("".join(json.dumps(row) + "\n" for row in rows))
    refused = books("--json", "vault", "restore", old)
    assert (refused.code, refused.refused()["code"]) == (2, "vault_damaged")
    keys.write_text(own)
    vault = vault_of(books)
    assert vault.read("CAN", "name", "name") == NAME  # Kept since the backup.
    vault.close()
    assert names(books) == {"ANN": NAME, "BOB": NAME}


def test_two_old_backups_together_do_not_undo_it_either(books: Terminal, tmp_path: Path) -> None:
    """Ledger and vault are both of before: the list beside the keys is of neither."""
    old = tmp_path / "vault.backup"
    books("vault", "backup", old)
    (tmp_path / "keys.forgotten").write_text(f"ANN {PAID_AT + 4_000 * DAY_US}\n")
    restored = books("--json", "vault", "restore", old).json()
    assert restored["recorded"] == ["ANN"]
    assert names(books) == {"BOB": NAME}
    events = books("events", "member-ANN")
    assert "member.forgotten.1" in events.out
    assert books("verify").code == 0


def test_whose_a_number_is(books: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = vault_of(books)
    card = {"number": "6222021234567894"}
    vault.keep(vault.key_of("ANN"), "card", "9a" * 16, card, found_by=("number",))
    vault.close()

    def sought(field: str, text: str) -> Ran:
        words = ["--database", books.url, "--json", "vault", "find", field]
        result = CliRunner().invoke(app, words, input=f"{text}\n", catch_exceptions=False)
        return Ran(result.exit_code, result.stdout, result.stderr)

    found = {"member_id": "ANN", "kind": "card", "item": "9a" * 16}
    assert sought("number", card["number"]).json() == {"found": [found]}
    assert sought("number", "6222021234567895").code == 1
    assert sought("phone", card["number"]).code == 1
    assert sought("name", "x").code == 2


def test_without_a_key_the_vault_stays_closed(
    books: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZHANGFANG_VAULT_KEY_FILE")
    for command in (("vault", "status"), ("vault", "rotate"), ("member", "forget", "ANN")):
        ran = books("--json", *command)
        assert (ran.code, "vault_locked" in ran.err) == (2, True), ran
    monkeypatch.setenv("ZHANGFANG_VAULT_KEY", "1:secret-but-wrong")
    ran = books("--json", "vault", "status")
    assert ran.code == 2
    assert "secret-but-wrong" not in ran.err


def test_the_key_for_development_beside_a_ledger_is_found(
    books: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZHANGFANG_VAULT_KEY_FILE")
    path = development_key(books.url)
    if path is None:  # A server's ledger has no file to stand beside.
        assert books("vault", "status").code == 2
        return
    (tmp_path / "keys").rename(path)
    assert books("--json", "vault", "status").json()["members"] == 2
    monkeypatch.setenv("ZHANGFANG_VAULT_KEY_FILE", str(tmp_path / "others"))
    assert books("vault", "status").code == 2  # What is configured comes first.


def test_too_early_and_unknown_members_are_refused(books: Terminal) -> None:
    ledger = Ledger.open(books.url)
    command = RegisterMember("NEW", "personal", "新*")
    at_us = PAID_AT + 5_500 * DAY_US
    ledger.submit(Request("new", at_us, "operator:lin", command)).unwrap()
    ledger.close()
    early = books("--json", "member", "forget", "NEW")
    assert (early.code, "retention_not_over" in early.err) == (2, True)
    nobody = books("--json", "member", "forget", "NOBODY")
    assert (nobody.code, "member_not_found" in nobody.err) == (2, True)
