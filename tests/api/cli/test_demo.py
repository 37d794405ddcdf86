"""The story as the command line tells it, and what one can ask about its books afterwards."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api.operations.story_bills.script import HEADING
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.reconciliation.resolutions import FITS
from tests.api.cli.terminal import Terminal

STORY = ("statement", "SANZHI", "--from", "2025-11-11", "--to", "2025-11-14")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Where a simulator may be."""
    return tmp_path / "outside"


def test_the_story_is_told_with_its_entries(terminal: Terminal, outside: Path) -> None:
    told = terminal("demo", "--simulator", outside, "--json").json()
    assert told["new"] > 300
    entries = [entry for step in told["steps"] for entry in step["entries"]]
    release = next(entry for entry in entries if entry["rule"] == "release.2")
    assert [(line["account"], line["debit"], line["credit"]) for line in release["lines"]] == [
        ("2241.04.SANZHI", 10_000, 0),
        ("2241.02.SANZHI", 0, 9_940),
        ("2202.09", 0, 60),
        ("1122.05", 60, 0),
        ("6001.01", 0, 60),
    ]
    market = [step for step in told["steps"] if step["chapter"] != HEADING.title]
    rules = {e["rule"].rpartition(".")[0] for step in market for e in step["entries"]}
    assert rules == {
        "escrow_purchase",
        "release",
        "refund_from_escrow",
        "refund_after_release",
        "refund_succeeded",
        "refund_to_wallet",
        "settlement_matured",
        "payout_instructed",
        "payout_succeeded",
        "payout_failed",
    }
    facts = {name for step in told["steps"] for name in step["facts"]}
    assert {"payment.declined.1", "payment.unknown.1", "refund.failed.1"} <= facts
    assert {"instruction.attempted.1", "instruction.answered.1"} <= facts  # It went over HTTP.
    moved = {one["id"]: one["moved"] for one in told["simulator"]["accounts"]}
    assert moved["account:6222000000000001"] == told["statement"]["settled"] == 42_494
    assert {"settlement.payout_failed.1", "settlement.payout_retried.1"} <= facts
    assert told["trial_balance"]["balanced"]
    every_difference_has_ended(told)
    statement = told["statement"]
    assert (statement["sales"], statement["closing"]) == (44_650, 0)
    assert statement == terminal(*STORY, "--json").json()


def every_difference_has_ended(told: dict[str, Any]) -> None:
    """One of each kind, and all that waits is one claim and a corrected fee."""
    states = {one["type"]: one["state"] for one in told["differences"]}
    assert set(states) == set(FITS) and len(told["differences"]) == len(FITS)
    assert states.pop("missing_at_channel") == "approved"
    assert set(states.values()) == {"resolved"}
    for one in told["differences"]:
        assert one["reason"] and one["proposed_by"] != one["approved_by"]
    waits = {one["account"]: one["balance_fen"] for one in told["transits"]}
    assert waits == {"1122.04.WECHAT_PAY": 18_800, "2202.02.WECHAT_PAY": -100}
    proof = told["reserve_proof"]
    assert proof["agrees"] and proof["there_fen"] == proof["owed_fen"] == 131_065


def test_in_one_process_the_differences_end_the_same(terminal: Terminal) -> None:
    told = terminal("demo", "--no-simulator", "--json").json()
    every_difference_has_ended(told)
    again = terminal("demo", "--json").json()
    assert again["new"] == 0
    assert {**again, "new": told["new"]} == told
    listed = terminal("differences", "--state", "approved", "--json").json()
    assert [one["type"] for one in listed] == ["missing_at_channel"]
    assert terminal("verify").code == 0


def test_told_again_nothing_is_new_and_the_words_are_the_same(
    terminal: Terminal, outside: Path
) -> None:
    first = terminal("demo", "--simulator", outside)
    second = terminal("demo", "--simulator", outside)
    third = terminal("demo", "--no-simulator")  # Nothing is left to be carried out.
    assert (first.code, second.code, third.code) == (0, 0, 0)
    words, new, there = first.out.partition(" facts are new.\n")
    again, nothing, rest = second.out.partition("Nothing was new: the story was in the books.\n")
    assert words.rpartition("\n")[0] == again.rpartition("\n")[0]
    assert new and nothing and not rest
    assert third.out == second.out
    assert "account:6222000000000001" in there and "424.94" in there
    assert "三只松鼠" in first.out and "担保交易中间户" in first.out
    assert terminal("verify").code == 0


def test_books_that_are_somebody_elses_are_left_alone(lone: Terminal, tmp_path: Any) -> None:
    lone("feed", "generate", tmp_path, "--orders", "5", "--merchants", "2", "--days", "1")
    lone("import", tmp_path, "--rejected", tmp_path / "rejected.csv")
    before = lone("verify", "--json").json()["ledger"]
    assert lone("demo", "--json").refused()["code"] == "day_already_open"
    assert lone("verify", "--json").json()["ledger"] == before


def test_a_statement_adds_up_whatever_part_of_it_is_asked(books: Terminal) -> None:
    parts = [
        ("2025-11-11", "2025-11-12"),
        ("2025-11-12", "2025-11-13"),
        ("2025-11-13", "2025-11-14"),
    ]
    closing = 0
    for from_, to in parts:
        part = books("statement", "SANZHI", "--from", from_, "--to", to, "--json").json()
        assert (part["merchant"], part["from"], part["to"]) == ("SANZHI", from_, to)
        assert part["opening"] == closing
        moved = part["sales"] - part["refunds"] - part["fees"] - part["settled"]
        closing = part["opening"] + moved
        assert part["closing"] == closing
    whole = books(*STORY, "--json").json()
    assert whole["closing"] == closing
    assert whole["lines"][0] == {
        "at": "2025-11-11T11:40:00+08:00",
        "accounting_date": "2025-11-11",
        "kind": "sales",
        "reference": "transaction-SANZHI-NUTS1#4",
        "amount": 10_000,
        "balance": 10_000,
    }
    rows = list(csv.DictReader(io.StringIO(books(*STORY, "--csv").out)))
    assert rows == [{key: str(value) for key, value in line.items()} for line in whole["lines"]]
    assert "178.90" in books(*STORY).out, "in escrow, in yuan"


def test_the_trial_balance_is_of_the_end_of_a_date(books: Terminal) -> None:
    before = books("trial-balance", "--as-of", "2025-11-10", "--json").json()
    assert (before["rows"], before["balanced"]) == ([], True)
    day = books("trial-balance", "--as-of", "2025-11-11", "--json").json()
    assert day["debits"] == day["credits"] == sum(row["debit"] for row in day["rows"])
    escrow = next(row for row in day["rows"] if row["code"] == "2241.04")
    assert escrow == {
        "code": "2241.04",
        "title": "担保交易中间户",
        "type": "liability",
        "debit": 0,
        "credit": 63_690,
    }
    assert "balanced" in books("trial-balance").out


def test_positions_are_per_channel_and_per_network(books: Terminal) -> None:
    found = books("positions", "--date", "2025-11-11", "--json").json()
    assert [one["channel"] for one in found["channels"]] == [
        "CLOUD_QUICKPASS",
        "JD_PAY",
        "WECHAT_PAY",
    ]
    netsunion = [one for one in found["channels"] if one["network"] == "NETSUNION"]
    total = next(one for one in found["networks"] if one["network"] == "NETSUNION")
    for figure in ("received", "refunded", "paid_out", "net"):
        assert total[figure] == sum(one[figure] for one in netsunion)
    assert all(one["closed"] and one["sealed_net"] == one["net"] for one in found["channels"])
    assert "NETSUNION" in books("positions", "--date", "2025-11-11").out
    assert "Nothing was cleared" in books("positions", "--date", "2025-11-10").out


def test_events_show_what_happened_and_the_state_after_each(books: Terminal) -> None:
    found = books("events", "transaction-SANZHI-M01", "--json").json()
    names = [event["name"] for event in found["events"]]
    assert names == [
        "transaction.created.1",
        "transaction.paid.2",
        "transaction.completed.1",
        "transaction.cleared.1",
        "transaction.refund_accepted.1",
        "transaction.refund_cleared.1",
    ]
    assert [event["version"] for event in found["events"]] == [1, 2, 3, 4, 5, 6]
    states = [event["state"]["status"] for event in found["events"]]
    assert states == ["created", "paid", "completed", "completed", "completed", "completed"]
    cleared, last = found["events"][3], found["events"][-1]
    assert (cleared["actor"], cleared["at"]) == ("member:xiaohong", "2025-11-11T13:30:00+08:00")
    assert (cleared["fact"]["gross_fen"], last["state"]["released_fen"]) == (5_900, 4_000)
    assert "transaction-SANZHI-M01#4" in books("events", "transaction-SANZHI-M01").out


def test_projections_are_told_rebuilt_taken_back_and_resumed(books: Terminal) -> None:
    def status() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = books("projections", "status", "--json").json()["projections"]
        return rows

    head = status()[0]["head"]
    assert all(
        (one["position"], one["lag_events"], one["lag_seconds"], one["state"], one["reason"])
        == (head, 0, 0, "running", None)
        for one in status()
    )
    rebuilt = books("projections", "rebuild", "--all", "--json").json()["rebuilt"]
    assert [one["name"] for one in rebuilt] == [one["name"] for one in status()]
    assert all(one["equal"] and one["swapped"] for one in rebuilt)
    assert books("projections", "rollback", "journal").code == 0
    assert "was not paused" in books("projections", "resume", "journal").out
    assert "running" in books("projections", "status").out
    assert books("verify").code == 0


def test_a_row_that_no_fact_makes_is_found_and_named(books: Terminal) -> None:
    engine = sqlalchemy_engine(parse_database_url(books.url))
    change = "UPDATE statement_ends SET balance_fen = 1 WHERE merchant = 'SANZHI'"
    with engine.begin() as connection:
        connection.execute(text(change))
    engine.dispose()
    ran = books("verify", "--json")
    assert ran.code == 1
    answer = json.loads(ran.out)
    assert not answer["clean"]
    assert [one["where"] for one in answer["findings"]] == ["merchant_statements"]
    assert books("verify").out.startswith("projection: merchant_statements: a row differs in ")
    refused = books("projections", "rebuild", "merchant_statements")
    assert refused.code == 1
    assert "NOT swapped in" in refused.out
    forced = books("projections", "rebuild", "merchant_statements", "--force", "--json").json()
    assert [(one["equal"], one["swapped"]) for one in forced["rebuilt"]] == [(False, True)]
    assert books("verify").code == 0


def test_keys_are_shown_once_listed_without_secret_and_revoked(books: Terminal) -> None:
    made = books("key", "create", "--role", "merchant", "--member", "SANZHI", "--json").json()
    assert made["key"].startswith(f"zf_{made['id']}_")
    plain = books("key", "create", "--role", "operator", "--note", "till").out.strip()
    listed = books("key", "list", "--json")
    rows = listed.json()["keys"]
    assert [(row["role"], row["member"], row["note"]) for row in rows] == [
        ("merchant", "SANZHI", "key"),
        ("operator", None, "till"),
    ]
    secrets = [key.split("_", 2)[2] for key in (made["key"], plain)]
    assert not any(secret in listed.out + books("key", "list").out for secret in secrets)
    assert books("key", "revoke", made["id"], "--json").json()["revoked"]
    assert books("key", "revoke", made["id"]).code == 1
    assert books("key", "list", "--json").json()["keys"][0]["revoked_at"] is not None
