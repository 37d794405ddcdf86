"""`zhangfang differences`, `difference` and `chargeback` at the terminal, on both databases."""

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from domain.clearing.commands import OpenBooks
from domain.kernel import Command, Request, shanghai_date
from domain.ledger.ledger import Ledger, utc_us
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.reconciliation.difference import About
from domain.reconciliation.judging import Finding, RecordDifferences
from tests.api.cli.terminal import Terminal
from tests.domain.reconciliation.rendering import DAY, USUAL, wechat_bill
from tests.shops import shop

ALICE, BOB = ("--operator", "alice"), ("--operator", "bob")
TODAY = shanghai_date(utc_us())


class Told:
    """A ledger that is told what it knows, and the terminal."""

    def __init__(self, url: str) -> None:
        self.say = Terminal(url)
        self.url = url
        self.numbers = count()

    def do(self, *commands: Command) -> None:
        ledger = Ledger.open(self.url)
        try:
            for command in commands:
                name = f"told-{type(command).__name__}-{next(self.numbers)}"
                ledger.submit(Request(name, utc_us(), "operator:lin", command)).unwrap()
        finally:
            ledger.close()

    def json(self, *words: str) -> Any:
        return self.say(*words, "--json").json()

    def refused(self, *words: str) -> str:
        return str(self.say(*words, "--json").refused()["code"])


def about(kind: Any, flow: Any, lacks: Any, fen: int) -> About:
    ours_fen, bill_fen = (0, fen) if lacks == "here" else (fen, 0)
    return About(
        kind, "WECHAT_PAY", f"N{fen}", DAY, flow, lacks, ours_fen, bill_fen, fen, serial=f"S{fen}"
    )


FOUND = (
    Finding(about("missing_here", "payment", "here", 1_000), "answer_lost", True),
    Finding(about("session_short", "session", "there", 1_000), "", True),
    Finding(about("missing_at_channel", "payment", "there", 700), "cut_off", False),
)
OVER, SHORT, WAITS = (one.id for one in FOUND)


@pytest.fixture
def told(migrated_url: str, tmp_path: Path) -> Iterator[Told]:
    books = Told(migrated_url)
    books.do(
        OpenBooks(TODAY),
        RegisterMember("LILEI", "personal", "李雷"),
        shop("SQUIRRELS", "三只松鼠", FeeRule(60), "T+1"),
        Checkout("O1", "LILEI", (OrderLine("SQUIRRELS", 5_000, "nuts"),), "escrow"),
        PayOrder("P1", "O1", "WECHAT_PAY"),
        RecordOutcome("pay-P1", succeeded="W1"),
    )
    bill = tmp_path / "bill.csv"
    bill.write_bytes(wechat_bill(USUAL))
    books.json("bill", "import", str(bill), "--channel", "WECHAT_PAY", "--date", str(DAY), *ALICE)
    books.do(RecordDifferences("WECHAT_PAY", DAY, 1, 0, FOUND))
    yield books
    assert books.say("verify").code == 0


def ids(rows: list[dict[str, Any]]) -> set[str]:
    return {row["id"] for row in rows}


def test_differences_are_listed_by_state_type_age_and_channel(told: Told) -> None:
    rows = told.json("differences")
    assert ids(rows) == {OVER, SHORT, WAITS}
    row = next(one for one in rows if one["id"] == OVER)
    assert (row["type"], row["state"], row["cause"]) == ("missing_here", "confirmed", "answer_lost")
    assert (row["amount_fen"], row["account"]) == (1_000, "2241.08.WECHAT_PAY")
    assert (row["age"], row["overdue"]) == ("0-1", False)
    assert row["due"] == (TODAY + timedelta(days=2)).isoformat()
    for words, wanted in {
        ("--state", "suspected"): {WAITS},
        ("--state", "pool"): {WAITS},
        ("--type", "session_short"): {SHORT},
        ("--age", "0-1"): {OVER, SHORT, WAITS},
        ("--age", ">30"): set(),
        ("--channel", "JD_PAY"): set(),
        ("--channel", "WECHAT_PAY", "--state", "confirmed"): {OVER, SHORT},
    }.items():
        assert ids(told.json("differences", *words)) == wanted, words
    assert "20.00 CNY wait" in told.say("differences").out
    for words, code in {
        ("--state", "puddle"): "request_invalid",
        ("--type", "theft"): "request_invalid",
        ("--age", "old"): "request_invalid",
        ("--channel", "NOPE"): "channel_unknown",
    }.items():
        assert told.refused("differences", *words) == code


def test_two_operators_resolve_one_and_undo_it(told: Told) -> None:
    shown = told.json("difference", "show", OVER)
    assert shown["may"] == ["refund_payer", "to_wallet", "link"]  # No instruction to adopt it for.
    words = (
        "difference",
        "resolve",
        OVER,
        "--as",
        "to_wallet",
        "--to",
        "LILEI",
        "--reason",
        "hers",
    )
    assert told.json(*words, *ALICE)["state"] == "proposed"
    assert told.refused("difference", "approve", OVER, *ALICE) == "checker_is_maker"
    assert told.json("difference", "approve", OVER, *BOB)["state"] == "resolved"
    assert ids(told.json("differences")) == {SHORT, WAITS}
    shown = told.json("difference", "show", OVER)
    assert (shown["proposed_by"], shown["approved_by"]) == ("operator:alice", "operator:bob")
    assert (shown["resolution"], shown["to"], shown["reason"]) == ("to_wallet", "LILEI", "hers")
    told.json("difference", "undo", OVER, "--reason", "another buyer", *BOB)
    assert told.json("difference", "show", OVER)["undo_wanted_by"] == "operator:bob"
    assert told.json("difference", "approve", OVER, *ALICE)["state"] == "confirmed"
    told.json("difference", "resolve", OVER, "--as", "link", "--to", SHORT, "--reason", "one", *BOB)
    assert told.json("difference", "turn-down", SHORT, "--reason", "no", *ALICE)["state"] == (
        "confirmed"
    )
    assert told.json("difference", "show", OVER)["state"] == "confirmed"


def test_a_shortage_is_linked_to_the_chargeback_it_was_taken_off_for(told: Told) -> None:
    for number, fen in (("C1", "1000"), ("C2", "700")):
        told.json(
            "chargeback", "receive", number, "--channel", "WECHAT_PAY", "--transaction",
            "SQUIRRELS-O1", "--amount-fen", fen, "--due", str(TODAY), *ALICE,
        )  # fmt: skip
    shown = told.json("difference", "show", SHORT)
    assert (shown["may"][2], shown["chargebacks"]) == ("link", ["WECHAT_PAY-C1"])
    assert told.json("difference", "show", OVER)["chargebacks"] == []
    link = ("difference", "resolve", SHORT, "--as", "link", "--reason", "taken off", *ALICE, "--to")
    error = told.say(*link, "WECHAT_PAY-C2", "--json").refused()
    assert (error["code"], error["field"]) == ("resolution_unfit", "to")
    assert told.json(*link, "WECHAT_PAY-C1")["state"] == "proposed"
    assert told.json("difference", "approve", SHORT, *BOB)["state"] == "resolved"
    assert told.json("difference", "show", SHORT)["to"] == "WECHAT_PAY-C1"
    rows = {one["number"]: one for one in told.json("chargeback", "list")}
    assert (rows["C1"]["met_by"], rows["C1"]["returned_by"]) == (SHORT, None)
    assert rows["C2"]["met_by"] is None
    ended = ("chargeback", "end", "WECHAT_PAY-C1", "--as", "won", "--reason", "the bank", *BOB)
    assert told.json(*ended)["met_by"] == SHORT
    assert told.json("difference", "show", OVER)["chargebacks"] == ["WECHAT_PAY-C1"]
    explained = {one["account"]: one for one in told.json("funds", "explain")}
    items = {one["name"]: one["amount_fen"] for one in explained["1122.02.WECHAT_PAY"]["items"]}
    assert items["chargeback WECHAT_PAY-C1"] == 1_000
    assert items["chargeback WECHAT_PAY-C2"] == -700
    assert SHORT in told.say("chargeback", "list").out.replace("\n", "")


def test_what_may_be_done_is_what_can_be_done_with_this_one(told: Told) -> None:
    """An instruction that failed here can be adopted; a link wants another one of that amount."""
    told.do(
        Checkout("O2", "LILEI", (OrderLine("SQUIRRELS", 800, "nuts"),), "escrow"),
        PayOrder("P2", "O2", "WECHAT_PAY"),
        RecordOutcome("pay-P2", declined="no answer"),
    )
    ours = replace(about("missing_here", "payment", "here", 800), instruction_id="pay-P2")
    nobody = replace(about("missing_here", "payment", "here", 801), serial="")
    more = tuple(Finding(one, "", True) for one in (ours, nobody))
    told.do(RecordDifferences("WECHAT_PAY", DAY, 1, 0, (*FOUND, *more)))
    assert told.json("difference", "show", more[0].id)["may"] == [
        "adopt", "refund_payer", "to_wallet",
    ]  # fmt: skip
    assert told.json("difference", "show", more[1].id)["may"] == ["to_wallet"]
    assert told.json("difference", "show", SHORT)["may"] == ["claim", "write_off", "link"]
    assert told.json("difference", "show", WAITS)["may"] == []
    words = ("difference", "resolve", more[1].id, "--as", "adopt", "--reason", "x", *ALICE)
    assert told.refused(*words) == "resolution_unfit"


def test_the_name_that_accounts_are_explained_by_is_taken(told: Told) -> None:
    explained = told.json("funds", "explain", "--account", "2241.08.WECHAT_PAY")
    [name] = [one["name"] for one in explained[0]["items"]]
    assert told.json("difference", "show", name)["id"] == OVER == name.partition("-")[2]


REFUSED: list[tuple[tuple[str, ...], str]] = [
    (("show", "none"), "difference_not_found"),
    (("approve", "none"), "difference_not_found"),
    (("resolve", OVER, "--as", "income", "--reason", "x"), "request_invalid"),
    (("resolve", OVER, "--as", "write_off", "--reason", "x"), "resolution_unfit"),
    (("resolve", WAITS, "--as", "claim", "--reason", "x"), "difference_state_wrong"),
    (("resolve", OVER, "--as", "to_wallet", "--reason", "x"), "request_invalid"),
    (("undo", OVER, "--reason", "x"), "difference_state_wrong"),
    (("turn-down", OVER, "--reason", "x"), "difference_state_wrong"),
]


def test_what_is_refused_names_why(told: Told, subtests: pytest.Subtests) -> None:
    for words, code in REFUSED:
        with subtests.test(words=words):
            operator = () if words[0] == "show" else ALICE
            assert told.refused("difference", *words, *operator) == code


def test_a_member_that_is_not_there_is_refused_under_the_option_that_named_it(told: Told) -> None:
    words = ("resolve", OVER, "--as", "to_wallet", "--to", "NOBODY", "--reason", "x")
    error = told.say("difference", *words, *ALICE, "--json").refused()
    assert (error["code"], error["field"]) == ("member_not_found", "to")


def test_a_chargeback_from_its_receipt_to_its_end(told: Told, tmp_path: Path) -> None:
    due = (TODAY - timedelta(days=1)).isoformat()
    received = (
        "chargeback", "receive", "C1", "--channel", "WECHAT_PAY", "--transaction", "SQUIRRELS-O1",
        "--amount-fen", "5000", "--due", due, "--serial", "W1", "--code", "4853", *ALICE,
    )  # fmt: skip
    assert told.json(*received)["state"] == "evidence_due"
    (row,) = told.json("chargeback", "list")
    assert (row["overdue"], row["merchant"], row["reason_code"]) == (True, "SQUIRRELS", "4853")
    proof = tmp_path / "proof.pdf"
    proof.write_bytes(b"signed for")
    words = ("chargeback", "represent", "WECHAT_PAY-C1", "--evidence", str(proof))
    assert told.json(*words, "--reason", "delivered", *ALICE)["state"] == "represented"
    (row,) = told.json("chargeback", "list", "--state", "represented")
    assert row["evidence"] == hashlib.sha256(b"signed for").hexdigest()
    ended = ("chargeback", "end", "WECHAT_PAY-C1", "--reason", "the bank", *BOB)
    assert told.refused(*ended, "--as", "drawn") == "request_invalid"
    assert told.json(*ended, "--as", "won")["state"] == "won"
    assert told.refused(*ended, "--as", "lost") == "chargeback_state_wrong"
    assert told.json("chargeback", "list", "--state", "lost") == []
    accept = ("chargeback", "accept", "WECHAT_PAY-C9", "--reason", "x", *BOB)
    assert told.refused(*accept) == "chargeback_not_found"
    assert told.refused("chargeback", "list", "--state", "x") == "request_invalid"
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    again = ("chargeback", "represent", "WECHAT_PAY-C1", "--evidence", str(empty))
    assert told.refused(*again, "--reason", "x", *ALICE) == "request_invalid"


def test_dates_are_days(told: Told) -> None:
    assert isinstance(TODAY, date)
    words = ("chargeback", "receive", "C1", "--channel", "WECHAT_PAY", "--transaction", "X-1")
    wrong = (*words, "--amount-fen", "1", "--due", "tomorrow", *ALICE)
    assert told.refused(*wrong) == "date_invalid"
