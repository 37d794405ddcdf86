"""Differences, what waits, and chargebacks over GraphQL: for the institution, and for whose they
are."""

from datetime import timedelta
from typing import Any

import pytest

from domain.clearing.commands import OpenBooks
from domain.kernel import shanghai_date
from domain.ledger.ledger import utc_us
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.reconciliation.charging import ReceiveChargeback
from domain.reconciliation.commands import ImportBill
from domain.reconciliation.difference import About
from domain.reconciliation.judging import Finding, RecordDifferences
from domain.reconciliation.resolving import (
    ApproveResolution,
    ProposeResolution,
    TurnDownResolution,
    UndoResolution,
)
from tests.api.graphql.conftest import Books
from tests.bill_examples import READ
from tests.examples import BUYER, BUYER_NAME, MERCHANT, MERCHANT_NAME, PAY_DAY
from tests.shops import shop

FIELDS = """id type channel number date state cause oursMinor theirsMinor account line since due
  resolveBy resolution proposedBy approvedBy reason to awaits undoWantedBy amount { minor }"""


def about(kind: Any, flow: Any, lacks: Any, fen: int) -> About:
    ours_fen, bill_fen = (0, fen) if lacks == "here" else (fen, 0)
    told = (kind, "JD_PAY", f"N{fen}", PAY_DAY, flow, lacks, ours_fen, bill_fen, fen)
    return About(*told, serial=f"S{fen}")


FOUND = (
    Finding(about("missing_here", "payment", "here", 1_000), "answer_lost", True),
    Finding(about("session_short", "session", "there", 600), "", True),
    Finding(about("missing_at_channel", "payment", "there", 700), "cut_off", False),
)
OVER, SHORT, WAITS = (one.id for one in FOUND)


@pytest.fixture
def differing(own_books: Books) -> Books:
    own_books.do(
        OpenBooks(PAY_DAY),
        RegisterMember(BUYER, "personal", BUYER_NAME),
        shop(MERCHANT, MERCHANT_NAME, FeeRule(60), "T+1"),
    )
    own_books.sell("JD1", (MERCHANT, 5_000))
    own_books.do(
        ImportBill("JD_PAY", "trade", PAY_DAY, READ),
        RecordDifferences("JD_PAY", PAY_DAY, 1, 0, FOUND),
        ProposeResolution(SHORT, "claim", "they owe it"),
    )
    own_books.catch_up()
    return own_books


def found(books: Books, root: str, asked: str = "", fields: str = "id") -> list[dict[str, Any]]:
    page = books.read(f"{{ {root}{asked} {{ totalCount edges {{ node {{ {fields} }} }} }} }}")
    assert page[root]["totalCount"] == str(len(page[root]["edges"]))
    return [edge["node"] for edge in page[root]["edges"]]


def test_a_difference_says_what_is_known_of_it(differing: Books) -> None:
    rows = {one["id"]: one for one in found(differing, "differences", fields=FIELDS)}
    over = rows[OVER]
    assert (over["type"], over["state"], over["cause"]) == (
        "missing_here", "confirmed", "answer_lost",
    )  # fmt: skip
    assert (over["oursMinor"], over["theirsMinor"]) == ("0", "1000")
    assert (over["amount"]["minor"], over["account"]) == ("1000", "2241.08.JD_PAY")
    since = over["since"][:10]
    assert over["due"] > since and over["resolveBy"] > over["due"]
    short = rows[SHORT]
    assert (short["state"], short["resolution"]) == ("proposed", "claim")
    assert (short["reason"], short["approvedBy"], short["undoWantedBy"]) == (
        "they owe it", None, None,
    )  # fmt: skip
    assert (rows[WAITS]["state"], rows[WAITS]["account"]) == ("suspected", None)


def test_differences_are_found_by_what_is_asked(differing: Books) -> None:
    for asked, wanted in {
        "": {OVER, SHORT, WAITS},
        '(state: "suspected")': {WAITS},
        '(state: "pool")': {WAITS},
        '(type: "session_short")': {SHORT},
        '(channel: "WECHAT_PAY")': set(),
        '(channel: "JD_PAY", state: "confirmed")': {OVER},
        f'(age: "0-1", on: "{_day()}")': {OVER, SHORT, WAITS},
        f'(age: "4-7", on: "{_day(5)}")': {OVER, SHORT, WAITS},
        f'(age: ">30", on: "{_day(31)}", type: "missing_here")': {OVER},
        f'(age: "8-30", on: "{_day(31)}")': set(),
    }.items():
        assert {one["id"] for one in found(differing, "differences", asked)} == wanted, asked
    for asked, field in (
        ('state: "puddle"', "state"),
        ('type: "x"', "type"),
        ('channel: "X"', "channel"),
        ('age: "old"', "age"),
    ):
        query = f"{{ differences({asked}) {{ edges {{ node {{ id }} }} }} }}"
        assert differing.refused(query) == ("request_invalid", field)


def _day(later: int = 0) -> str:
    """The day on which the differences were found, and days after it."""
    return str(PAY_DAY + timedelta(days=later))


def test_what_waits_is_listed_and_summed_by_age(differing: Books) -> None:
    rows = found(differing, "suspense", "", "item account code channel system amount { minor }")
    named = {one["item"]: one for one in rows}
    over = named[f"difference-{OVER}"]
    assert (over["account"], over["code"], over["channel"]) == (
        "2241.08.JD_PAY", "2241.08", "JD_PAY",
    )  # fmt: skip
    assert over["system"] == "difference"
    by_code = found(differing, "suspense", '(code: "1122.04")', "item amount { minor }")
    assert [one["amount"]["minor"] for one in by_code] == ["600"]
    asked = f'{{ suspenseAging(on: "{_day(2)}") {{ on surplus {{ minor }} shortage {{ minor }} '
    aging = differing.read(asked + "rows { account title age count amount { minor } } } }")
    said = aging["suspenseAging"]
    assert (said["surplus"]["minor"], said["shortage"]["minor"]) == ("1000", "600")
    sums: dict[str, int] = {}
    for row in said["rows"]:
        sums[row["account"]] = sums.get(row["account"], 0) + int(row["amount"]["minor"])
    asked = "{ accounts(first: 100) { edges { node { id balance { minor } } } } }"
    held = {
        edge["node"]["id"]: int(edge["node"]["balance"]["minor"])
        for edge in differing.read(asked)["accounts"]["edges"]
    }
    waiting = ("2241.05", "2241.07", "2241.08", "2241.09", "1122.04")
    assert sums == {name: fen for name, fen in held.items() if fen and name[:7] in waiting}
    query = '{ suspense(code: "2241.01") { edges { node { item } } } }'
    assert differing.refused(query) == ("request_invalid", "code")


def test_who_did_what_is_shown_to_the_end(differing: Books) -> None:
    differing.do(ApproveResolution(SHORT), actor="operator:zhao")
    differing.do(UndoResolution(SHORT, "they paid"), actor="operator:zhao")
    differing.catch_up()
    (row,) = found(differing, "differences", '(state: "approved")', FIELDS)
    assert (row["approvedBy"], row["awaits"], row["undoWantedBy"]) == (
        "operator:zhao", "bill", "operator:zhao",
    )  # fmt: skip


def test_a_chargeback_names_the_difference_that_is_its_money(differing: Books) -> None:
    due = PAY_DAY + timedelta(days=14)
    differing.do(ReceiveChargeback("JD_PAY", "C1", f"{MERCHANT}-JD1", 600, due))
    differing.do(TurnDownResolution(SHORT, "it was taken off"), actor="operator:zhao")
    differing.do(ProposeResolution(SHORT, "link", "it was", "JD_PAY-C1"), actor="operator:zhao")
    differing.do(ApproveResolution(SHORT), actor="operator:qian")
    differing.catch_up()
    (row,) = found(differing, "chargebacks", "", "metBy returnedBy")
    assert row == {"metBy": SHORT, "returnedBy": None}
    (row,) = found(differing, "differences", '(state: "resolved")', "id to resolution")
    assert row == {"id": SHORT, "to": "JD_PAY-C1", "resolution": "link"}


def test_a_merchant_sees_its_own_chargebacks(differing: Books) -> None:
    due = PAY_DAY + timedelta(days=14)
    wanted = ReceiveChargeback("JD_PAY", "C1", f"{MERCHANT}-JD1", 100, due, "S1", "4853")
    differing.do(wanted)
    differing.catch_up()
    fields = "id kind state merchantId reasonCode due metBy returnedBy amount { minor }"
    (row,) = found(differing, "chargebacks", "", fields)
    assert (row["id"], row["state"], row["merchantId"]) == ("JD_PAY-C1", "evidence_due", MERCHANT)
    assert (row["due"], row["reasonCode"], row["amount"]["minor"]) == (str(due), "4853", "100")
    assert (row["metBy"], row["returnedBy"]) == (None, None)
    for asked, count in {
        '(state: "won")': 0,
        '(channel: "JD_PAY")': 1,
        f'(from: "{due}")': 1,
        f'(to: "{due}")': 0,
        f'(memberId: "{MERCHANT}")': 1,
        f'(memberId: "{BUYER}")': 0,
    }.items():
        assert len(found(differing, "chargebacks", asked)) == count, asked
    assert shanghai_date(utc_us()) > due
