"""Whatever is wrong with a command: exit code 2, one error with code, field and detail."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from api.cli.app import app
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from tests import servers
from tests.api.cli.terminal import Terminal

NEVER = "sqlite:////nowhere/at/all/ledger.db"
NOBODY = "postgresql://127.0.0.1:1/nothing"

READS = [
    ("statement", "SANZHI"),
    ("trial-balance",),
    ("positions", "--date", "2025-11-11"),
    ("projections", "status"),
    ("projections", "rebuild", "--all"),
    ("projections", "rollback", "journal"),
    ("projections", "resume", "journal"),
    ("events", "day-books"),
    ("verify",),
    ("key", "create", "--role", "auditor"),
    ("key", "list"),
    ("key", "revoke", "abc"),
    ("serve", "--port", "0"),
]


@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_a_ledger_that_does_not_exist_is_said_to_and_not_made(
    terminal: Terminal, words: tuple[str, ...]
) -> None:
    error = terminal(*words, "--json").refused()
    assert (error["code"], error["field"]) == ("request_invalid", "database")
    assert "zhangfang init" in error["detail"]
    assert terminal(*words).code == 2


@pytest.mark.parametrize(
    "words", [("init",), ("demo",), ("verify",), ("import", ".")], ids=" ".join
)
@pytest.mark.parametrize(
    "url",
    [
        pytest.param(NEVER, id="no such directory"),
        pytest.param(NOBODY, id="nobody listens"),
        pytest.param("mysql://localhost/x", id="another database"),
        pytest.param("ledger.db", id="no URL"),
        pytest.param("sqlite://", id="no path"),
        pytest.param("postgresql://localhost/x?schema=Bad", id="no schema"),
    ],
)
def test_a_database_that_cannot_be_had_is_an_error(
    url: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    rejected = ("--rejected", str(tmp_path / "rejected.csv")) if words[0] == "import" else ()
    error = Terminal(url)(*words, *rejected, "--json").refused()
    assert (error["code"], error["field"]) == ("request_invalid", "database")


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("These are notes, and no database at all. " * 100)
    for command in ("init", "verify", "trial-balance"):
        error = Terminal(f"sqlite:///{file}")(command, "--json").refused()
        assert error["field"] == "database"
        assert "not a database" in error["detail"]


WRONG = [
    (("statement", "NOBODY"), "member_not_found", "merchant"),
    (("statement", "xiaoming"), "member_not_found", "merchant"),
    (("statement", "a\x01b"), "identifier_invalid", "merchant"),
    (("statement", "SANZHI", "--from", "2025-02-30"), "date_invalid", "from"),
    (("statement", "SANZHI", "--to", "20251111"), "date_invalid", "to"),
    (("statement", "SANZHI", "--to", "２０２５-11-11"), "date_invalid", "to"),
    (
        ("statement", "SANZHI", "--from", "2025-11-12", "--to", "2025-11-11"),
        "date_invalid",
        "to",
    ),
    (("statement", "SANZHI", "--csv"), "request_invalid", "csv"),
    (("trial-balance", "--as-of", "now"), "date_invalid", "as-of"),
    (("positions", "--date", "2025-11-31"), "date_invalid", "date"),
    (("projections", "rebuild"), "request_invalid", "name"),
    (("projections", "rebuild", "journal", "--all"), "request_invalid", "name"),
    (("projections", "rebuild", "journey"), "request_invalid", "name"),
    (("projections", "rollback", "journal"), "request_invalid", "name"),
    (("projections", "resume", "journey"), "request_invalid", "name"),
    (("events", "transaction-SANZHI-NONE"), "request_invalid", "stream"),
    (("events", "nonsense"), "request_invalid", "stream"),
    (("events", "transaction-\udcff"), "identifier_invalid", "stream"),
    (("key", "create", "--role", "boss"), "request_invalid", "role"),
    (("key", "create", "--role", "merchant"), "request_invalid", "member"),
    (("key", "create", "--role", "merchant", "--member", "NOBODY"), "member_not_found", "member"),
    (("key", "create", "--role", "merchant", "--member", "xiaoli"), "member_not_found", "member"),
    (("key", "create", "--role", "auditor", "--member", "SANZHI"), "request_invalid", "member"),
    (("key", "create", "--role", "auditor", "--note", ""), "text_invalid", "note"),
    (("key", "revoke", "\udcff"), "request_invalid", "arguments"),
    (("feed", "generate", "feed", "--orders", "-1"), "request_invalid", "orders"),
    (("import", "no-such-directory"), "request_invalid", "directory"),
    (("import", ".", "--settle-through", "soon"), "date_invalid", "settle-through"),
    (("import", ".", "--rejected", "/nowhere/rejected.csv"), "request_invalid", "rejected"),
    (("serve", "--host", "203.0.113.1"), "request_invalid", "host"),
]


def test_every_wrong_command_is_refused_with_its_reason(
    lone_books: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    got = []
    for words, _, _ in WRONG:
        error = lone_books(*words, "--json").refused()
        got.append((words, error["code"], error["field"]))
        plain = lone_books(*words)
        assert (plain.code, plain.out) == (2, "") or words[-1] == "--csv", words
    assert got == WRONG
    assert lone_books("verify").code == 0, "and nothing was changed"


def test_an_error_for_people_is_one_line(lone: Terminal) -> None:
    lone("init")
    ran = lone("statement", "NOBODY")
    assert ran.err == "error: member_not_found: merchant: no merchant has the id 'NOBODY'\n"


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("statement",), id="an argument is missing"),
        pytest.param(("positions",), id="an option is missing"),
        pytest.param(("no-such-command",), id="no such command"),
        pytest.param(("feed", "generate", "x", "--orders", "many"), id="no number"),
        pytest.param(("serve", "--port", "65536"), id="no port"),
        pytest.param(("init", "--force"), id="no such option"),
    ],
)
def test_wrong_usage_is_told_on_stderr(lone: Terminal, words: tuple[str, ...]) -> None:
    ran = lone(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage:" in ran.err


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("funds", "quota", "NETSUNION", "-5"), "arguments"),
        (
            ("bill", "no-trade", "--channel", "JD_PAY", "--date", "2010-12-07", "--replaces", "x"),
            "replaces",
        ),
        (("positions",), "date"),
        (("difference", "nope"), "arguments"),
        (("init", "--force"), "force"),
    ],
)
def test_wrong_usage_is_json_too(lone: Terminal, words: tuple[str, ...], field: str) -> None:
    """Before the command and after it; the exit code is the same as for people."""
    for said in ((*words, "--json"), ("--json", *words)):
        error = lone(*said).refused()
        assert (error["code"], error["field"]) == ("request_invalid", field)
        assert error["detail"]
    assert lone(*words).code == 2


FILES = [
    (("bill", "import", "GONE", "--channel", "JD_PAY", "--date", "2010-12-07"), "file"),
    (("bill", "import", ".", "--channel", "JD_PAY", "--date", "2010-12-07"), "file"),
    (
        ("bill", "import", "x", "--channel", "JD_PAY", "--date", "2010-12-07", "--map", "GONE"),
        "map",
    ),
    (("chargeback", "represent", "JD_PAY-C1", "--evidence", "GONE", "--reason", "x"), "evidence"),
    (("calendar", "publish", "GONE"), "file"),
    (("lists", "load", "GONE"), "file"),
    (("document", "add", "GONE"), "file"),
    (("vault", "new-key", "GONE/x"), "file"),
    (("verify", "--expect-head", "GONE"), "expect_head"),
    (("export", "positions", "--output", "GONE/x"), "output"),
    (("feed", "generate", "/dev/null/GONE", "--orders", "10"), "directory"),
    (("import", "GONE"), "directory"),
    (("import", ".", "--terms", "GONE.toml"), "terms"),
    (("import", ".", "--map", "GONE.toml"), "map"),
]


@pytest.mark.parametrize(("words", "field"), FILES, ids=lambda one: " ".join(one[:2]))
def test_a_file_that_cannot_be_had_is_refused_under_the_option_that_named_it(
    lone_books: Terminal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    field: str,
) -> None:
    """And the detail has its path."""
    monkeypatch.chdir(tmp_path)
    error = lone_books(*words, "--json").refused()
    assert (error["code"], error["field"]) == ("request_invalid", field)
    assert "GONE" in error["detail"] or "." in words


def test_database_and_json_may_stand_before_or_after_the_command(lone: Terminal) -> None:
    lone("init")
    runner = CliRunner()
    found = [
        runner.invoke(app, words, env={"ZHANGFANG_DATABASE": environment})
        for words, environment in (
            (["--database", lone.url, "--json", "trial-balance"], NEVER),
            (["trial-balance", "--json", "--database", lone.url], NEVER),
            (["--database", NEVER, "trial-balance", "--database", lone.url, "--json"], NEVER),
            (["trial-balance", "--json"], lone.url),
        )
    ]
    expected = {"as_of": None, "rows": [], "debits": 0, "credits": 0, "balanced": True}
    assert [json.loads(result.stdout) for result in found] == [expected] * 4


def test_dropped_tables_are_missing_and_a_rebuild_is_named(books: Terminal) -> None:
    engine = sqlalchemy_engine(parse_database_url(books.url))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE statement_ends"))
    engine.dispose()
    status = {
        one["name"]: one for one in books("projections", "status", "--json").json()["projections"]
    }
    assert status["merchant_statements"]["state"] == "missing"
    assert "rebuild" in status["merchant_statements"]["reason"]
    assert status["journal"]["state"] == "running"
    error = books("statement", "SANZHI", "--json").refused()
    assert "zhangfang projections rebuild --all" in error["detail"]
    assert books("projections", "rebuild", "merchant_statements").code == 0
    assert books("statement", "SANZHI").code == 0


def test_who_is_wrong_is_named(lone: Terminal, tmp_path: Path) -> None:
    assert lone("init").code == 0
    error = lone("serve", "--host", "no.such.host.invalid", "--json").refused()
    assert error["field"] == "host"
    error = lone("import", tmp_path / "nothing", "--json").refused()
    assert error["field"] == "directory"
    assert str(tmp_path / "nothing") in error["detail"]
    where = tmp_path / "no" / "such" / "ledger.db"
    error = Terminal(f"sqlite:///{where}")("init", "--json").refused()
    assert str(where) in error["detail"]
    error = Terminal(NOBODY)("verify", "--json").refused()
    assert "zhangfang init" not in error["detail"]


def test_ctrl_c_while_the_program_loads_ends_it_as_a_command_ends() -> None:
    waits = (
        "import os, signal, sys; from importlib.abc import MetaPathFinder\n"
        "class Ends(MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'sqlalchemy': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Ends())\n"
        "from api.cli import main\n"
        "sys.argv = ['zhangfang', 'trial-balance']; main()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", waits],
        preexec_fn=servers.heed_ctrl_c,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "")
