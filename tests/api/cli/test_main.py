"""The way in: calls that are wrong, answers that are damaged, tables that are narrow."""

import io
import json
import re
import sqlite3
import sys
from typing import NoReturn

import pytest
from eventsourcing.persistence import OperationalError
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

import benchmarks.run
from api.cli import main, output
from api.cli.opening import open_desk
from api.cli.output import Say
from api.cli.verifying import is_away
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.ledger.proof import verify_log
from tests.api.cli.terminal import Ran, Terminal


def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> Ran:
    """As the console script is."""
    monkeypatch.setattr(sys, "argv", ["zhangfang", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return Ran(int(ended.value.code or 0), out, err)


WRONG = [
    (("positions",), "date"),
    (("statement",), "merchant"),
    (("no-such-command",), "arguments"),
    ((), "arguments"),
    (("init", "--nope"), "nope"),
    (("feed", "generate", "x", "--orders", "q"), "orders"),
    (("serve", "--port", "99999"), "port"),
    (("bench", "--seconds", "-1"), "seconds"),
    (("bench", "--backend", "oracle"), "backend"),
]


@pytest.mark.parametrize(("words", "field"), WRONG)
def test_a_wrong_call_is_told_to_machines_in_json(
    words: tuple[str, ...],
    field: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = called(monkeypatch, capsys, *words, "--json").refused()
    assert (error["code"], error["field"]) == ("request_invalid", field)
    assert error["detail"]
    if words:
        told = called(monkeypatch, capsys, *words)
        assert told.code == 2
        assert "Usage: zhangfang" in told.err


def test_the_version_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, capsys, "--version").out.startswith("zhangfang ")


def test_an_empty_database_is_not_the_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = called(monkeypatch, capsys, "verify", "--database", "", "--json").refused()
    assert (error["code"], error["field"]) == ("request_invalid", "database")


@pytest.mark.parametrize("text", ["2010-W01-1", "20100101", "2010-1-1", "2010-02-30", "１０-01-01"])
def test_dates_are_written_one_way(text: str, terminal: Terminal) -> None:
    error = terminal("positions", "--date", text, "--json").refused()
    assert (error["code"], error["field"]) == ("date_invalid", "date")


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_figures_are_never_cut(width: int) -> None:
    say, shown = Say("sqlite:///x.db", as_json=False), io.StringIO()
    say.out = Console(file=shown, width=width)
    table = Table()
    table.add_column("account")
    table.add_column("title")
    figures = [f"{n}234567890.12" for n in range(1, 4)]
    for name in ("received", "refunded", "paid out"):
        table.add_column(name, justify="right")
    table.add_row("2241.02.CLOUD_QUICKPASS", "应收渠道待清算-入款", *figures)
    say.table(table)
    lines = shown.getvalue().splitlines()
    assert all(any(figure in line for line in lines) for figure in figures)
    assert max(map(cell_len, lines)) <= width  # Or a terminal would break them.
    told = "".join(shown.getvalue().split())
    assert all(letter in told for letter in "QUICKPASS")
    assert "…" not in told


FIGURE = re.compile(r"-?[0-9,]+\.[0-9]{2}")
STEP = re.compile(r" *[0-9]+  [0-9]{2}-[0-9]{2} ")  # A sentence of the story's.
SHOWN = [
    ("demo", "--no-simulator"),
    ("statement", "SANZHI"),
    ("trial-balance",),
    ("positions", "--date", "2025-11-11"),
]


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_a_narrow_terminal_shows_the_figures_of_a_wide_one(
    width: int, lone_books: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = [lone_books(*words).out for words in SHOWN]
    monkeypatch.setattr(output, "PIPED_WIDTH", width)
    for words, expected in zip(SHOWN, wide, strict=True):
        narrow = lone_books(*words).out
        assert sorted(FIGURE.findall(narrow)) == sorted(FIGURE.findall(expected)), words
        lines = [line for line in narrow.splitlines() if not STEP.match(line)]
        with_figures = [line for line in lines if FIGURE.search(line)]
        assert max(map(cell_len, with_figures)) <= max(width, 60), words
    assert "…" not in "".join(lone_books(*words).out for words in SHOWN)


@pytest.fixture
def damaged(lone_books: Terminal) -> Terminal:
    """The story on SQLite, with a statement line whose time is no time."""
    with sqlite3.connect(parse_database_url(lone_books.url).path) as connection:
        connection.execute("UPDATE statement_lines SET at_us = 9223372036854775807")
    connection.close()
    return lone_books


STATEMENT = ("statement", "SANZHI", "--from", "2025-11-01", "--to", "2025-12-01")


def test_damage_is_an_error_and_no_traceback(
    damaged: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = damaged(*STATEMENT, "--json").refused()
    assert error["code"] == "internal_error"
    assert "zhangfang verify" in error["detail"]
    plain = damaged(*STATEMENT)
    assert plain.code == 2
    assert plain.err.startswith("error: internal_error: ")
    found = json.loads(damaged("verify", "--json").out)
    assert "statement_lines" in found["findings"][0]["detail"]
    monkeypatch.setenv("ZHANGFANG_TRACEBACK", "1")
    shown = damaged(*STATEMENT)
    assert shown.code == 2
    assert "Traceback" in shown.err and "error: internal_error: " in shown.err


def test_what_fails_outside_of_a_command_is_an_error_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_arguments: object, **_named: object) -> NoReturn:
        raise LookupError("nothing there")

    monkeypatch.setattr(benchmarks.run, "run", fails)
    error = called(monkeypatch, capsys, "bench", "--json").refused()
    assert error["code"] == "internal_error"
    assert "nothing there" in error["detail"]
    assert called(monkeypatch, capsys, "bench").err.splitlines()[-1].startswith("error: internal_e")


TAMPERED = [
    ("UPDATE projection_checkpoints SET position = 5", "projection", "balances"),
    ("UPDATE projection_checkpoints SET position = 5 WHERE name = 'journal'", "projection", "jour"),
    (
        "DELETE FROM projection_checkpoints WHERE name = 'transactions'",
        "projection",
        "transactions",
    ),
    ("UPDATE projection_checkpoints SET position = 99999", "projection", "balances"),
    ("UPDATE projection_checkpoints SET state = 'x' WHERE name = 'journal'", "projection", "jour"),
    ("DROP TABLE statement_ends", "projection", "merchant_statements"),
    ("DROP TABLE projection_checkpoints", "projection", "comparing"),
    ("DROP TABLE snapshots", "log", "the snapshots"),
    (
        "INSERT INTO snapshots VALUES ('account-1001.01', 1, {bytes})",
        "snapshot",
        "account-1001.01#1",
    ),
    ("INSERT INTO snapshots VALUES ('nothing-1', 1, {bytes})", "snapshot", "nothing-1#1"),
]
SQLITE_KEEPS_ANYTHING = [
    ("UPDATE projection_checkpoints SET position = 'abc'", "projection", "balances"),
    ("UPDATE projection_checkpoints SET generation = 1.5", "projection", "balances"),
    ("UPDATE statement_lines SET kind = CAST(x'ff' AS TEXT)", "projection", "merchant_statements"),
    ("INSERT INTO snapshots VALUES ('account-1001.01', 1, 7)", "snapshot", "account-1001.01#1"),
    ("INSERT INTO snapshots VALUES ('account-1001.01', 'a', x'7b')", "snapshot", "account-1001"),
    ("INSERT INTO snapshots VALUES (CAST(x'ff' AS TEXT), 1, x'7b')", "log", "the snapshots"),
]


def tampered(terminal: Terminal, change: str) -> list[dict[str, str]]:
    """What verify finds after it."""
    engine = sqlalchemy_engine(parse_database_url(terminal.url))
    with engine.begin() as connection:
        literal = "x'7b'" if engine.dialect.name == "sqlite" else r"'\x7b'"
        connection.exec_driver_sql(change.replace("{bytes}", literal))
    engine.dispose()
    ran = terminal("verify", "--json")
    assert ran.code == 1, ran.err
    answer = json.loads(ran.out)
    assert not answer["clean"]
    assert terminal("verify").code == 1
    findings: list[dict[str, str]] = answer["findings"]
    return findings


@pytest.mark.parametrize(("change", "check", "where"), TAMPERED)
def test_verify_finds_what_was_tampered_with(
    change: str, check: str, where: str, books: Terminal
) -> None:
    first = tampered(books, change)[0]
    assert first["check"] == check
    assert first["where"].startswith(where)


@pytest.mark.parametrize(("change", "check", "where"), SQLITE_KEEPS_ANYTHING)
def test_verify_finds_what_is_no_value_at_all(
    change: str, check: str, where: str, lone_books: Terminal
) -> None:
    first = tampered(lone_books, change)[0]
    assert first["check"] == check
    assert first["where"].startswith(where)


def test_a_snapshot_of_another_shape_is_passed_over(books: Terminal) -> None:
    engine = sqlalchemy_engine(parse_database_url(books.url))
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO snapshots VALUES ('account-2202.09', 1, :state)"),
            {"state": b'{"shape":"another","state":{}}'},
        )
    engine.dispose()
    assert books("verify").code == 0


def test_what_was_found_before_it_stumbled_is_told_too(lone_books: Terminal) -> None:
    engine = sqlalchemy_engine(parse_database_url(lone_books.url))
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO snapshots VALUES ('account-1001.01', 1, x'7b'),"
            " (CAST(x'ff' AS TEXT), 1, x'7b')"
        )
        connection.exec_driver_sql("UPDATE projection_checkpoints SET state = 'x'")
    engine.dispose()
    found = json.loads(lone_books("verify", "--json").out)["findings"]
    assert {one["check"] for one in found} == {"log", "projection"}


def test_a_database_that_is_away_proves_nothing(books: Terminal) -> None:
    """It is no finding, whatever it was that could not be read."""

    def away(_stream: str, _version: int, _limit: int) -> NoReturn:
        raise OperationalError("database is locked") from locked

    locked = sqlite3.OperationalError("database is locked")
    locked.sqlite_errorcode = sqlite3.SQLITE_BUSY
    with open_desk(books.url) as context:
        recorder = context.ledger.recorder
        recorder.read_snapshots = away  # type: ignore[method-assign]
        with pytest.raises(OperationalError):
            verify_log(recorder, away=is_away)
        assert verify_log(recorder)[0].where == "the snapshots"


@pytest.mark.timeout(60)
def test_a_rebuild_repairs_a_checkpoint_beyond_the_log(books: Terminal) -> None:
    engine = sqlalchemy_engine(parse_database_url(books.url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE projection_checkpoints SET position = 99999"))
    engine.dispose()
    assert books("verify").code == 1
    assert books("projections", "rebuild", "--all").code == 0
    assert books("verify").code == 0
