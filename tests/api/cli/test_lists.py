"""`zhangfang lists` at the terminal, on both databases."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cli.opening import open_vault
from api.settings import load_settings
from domain.clearing.commands import OpenBooks
from domain.kernel import Request
from domain.ledger.ledger import Ledger
from domain.member.commands import RegisterMember
from tests.api.cli.terminal import Terminal
from tests.api.conftest import drop_vault
from tests.examples import PAID_AT, PAY_DAY

CSV = "entry_no,kind,name,identity,action\nW-1,person,韩梅梅,,stop\nW-2,person,李雷,,review\n"


@pytest.fixture
def books(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A ledger of 2010 with three persons, whose names are in the vault."""
    monkeypatch.setenv("ZHANGFANG_VAULT_KEY_FILE", str(tmp_path / "keys"))
    ledger = Ledger.open(migrated_url)
    people = {"ANN": "韩梅梅", "BOB": "李雷", "CAN": "王五"}
    commands = [OpenBooks(PAY_DAY)]
    commands += [RegisterMember(one, "personal", f"{name[0]}*") for one, name in people.items()]
    for number, command in enumerate(commands):
        ledger.submit(Request(f"r{number}", PAID_AT, "operator:lin", command)).unwrap()
    ledger.close()
    terminal = Terminal(migrated_url)
    assert terminal("vault", "new-key", tmp_path / "keys").code == 0
    vault = open_vault(migrated_url, load_settings())
    for one, name in people.items():
        vault.keep(vault.key_of(one), "name", "name", {"name": name})
    vault.close()
    (tmp_path / "watch.csv").write_text(CSV, encoding="utf-8")
    yield terminal
    drop_vault(migrated_url)


def test_a_list_is_loaded_and_everybody_is_looked_at(books: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "watch.csv"
    wanted = ("lists", "load", file, "--name", "WATCH", "--version", "3", "--operator", "lin")
    loaded = books("--json", *wanted).json()
    assert (loaded["list_name"], loaded["version"], loaded["entries"]) == ("WATCH", 3, 2)
    assert (loaded["looked"], loaded["done"], loaded["replayed"]) == (3, True, False)
    again = books("--json", *wanted).json()
    assert (again["looked"], again["replayed"]) == (0, True)
    shown = books("--json", "lists", "show").json()
    assert shown["lists"][0]["persons"] == 2 and shown["looked"] == 3
    desk = books("--json", "desk").json()
    assert [(one["member"], one["action"]) for one in desk["list_matches"]["items"]] == [
        ("ANN", "stop"),
        ("BOB", "review"),
    ]
    said = books("lists", "load", file, "--name", "WATCH", "--version", "4", "--operator", "lin")
    assert said.code == 0 and "韩梅梅" not in said.out + said.err
    verified = books("verify")
    assert verified.code == 0, verified.err


def test_what_cannot_be_loaded_is_refused(
    books: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "watch.csv"
    wanted = ("--json", "lists", "load", file, "--operator", "lin")
    assert books(*wanted).refused()["code"] == "identifier_invalid"
    assert books(*wanted, "--name", "WATCH").refused()["code"] == "list_invalid"
    assert books(*wanted, "--name", "WATCH", "--version", "2").code == 0
    older = books(*wanted, "--name", "WATCH", "--version", "1").refused()
    assert older["code"] == "list_version_taken"
    told = {"list_name": "W", "version": 1, "entries": [{"entry_no": "1", "kind": "cat"}]}
    (tmp_path / "bad.json").write_text(json.dumps(told))
    bad = books("--json", "lists", "load", tmp_path / "bad.json", "--operator", "lin").refused()
    assert (bad["code"], bad["field"]) == ("list_invalid", "list")
    monkeypatch.delenv("ZHANGFANG_VAULT_KEY_FILE")
    locked = books(*wanted, "--name", "WATCH", "--version", "3").refused()
    assert locked["code"] == "vault_locked"
