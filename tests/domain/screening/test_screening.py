"""Whom the lists mean, what becomes of a match, and what it stops."""

import pytest

from domain.accounting import account
from domain.accounting.commands import CloseAccount
from domain.approval.kinds import KINDS
from domain.authority.commands import PlaceOrder
from domain.payment.commands import TransferMoney
from domain.refusals import Code
from domain.screening import lists, match
from domain.screening.commands import (
    ORDER,
    ClearMatch,
    ConfirmMatch,
    LoadList,
    ReachScan,
    RecordMatches,
)
from domain.screening.entries import Action, Content, Entry, Hit, Index, Known
from tests.books import Books, names, refusal
from tests.domain.withdrawing import WALLET, recharge
from tests.examples import BUYER, FRIEND, MERCHANT
from tests.scenario import Scenario

RISK, BLOB = "staff:wu", "ab" * 32


def entry(no: str, name: str = "", identity: str = "", action: Action = "stop") -> Entry:
    return Entry(no, "person", action, name, identity, f"{name}/{identity}")


INDEX = Index(
    [
        Content("A", 3, (entry("1", "zhang", "id-1"), entry("2", "li", "", "review"))),
        Content("B", 1, (entry("9", "zhang"), Entry("8", "enterprise", "stop", "zhang", "", "d"))),
    ]
)


@pytest.mark.parametrize(
    ("names_told", "identities", "found"),
    [
        pytest.param(["zhang"], ["id-1"], ["A/1 identity stop", "B/9 name stop"], id="it is he"),
        pytest.param(["other"], ["id-1"], ["A/1 identity stop"], id="under another name"),
        pytest.param(["zhang"], [], ["A/1 name review", "B/9 name stop"], id="identity unknown"),
        pytest.param(["zhang"], ["id-2"], ["B/9 name stop"], id="a namesake"),
        pytest.param(["li"], ["id-2"], ["A/2 name review"], id="a list that names alone"),
        pytest.param(["wang"], ["id-3"], [], id="nobody"),
        pytest.param([], [], [], id="nothing is known"),
    ],
)
def test_whom_an_entry_means(
    names_told: list[str], identities: list[str], found: list[str]
) -> None:
    known = Known("person", frozenset(names_told), frozenset(identities))
    hits = [f"{one.list_name}/{one.entry_no} {one.by} {one.action}" for one in INDEX.hits(known)]
    assert hits == found


def test_an_enterprise_is_no_person_of_its_name() -> None:
    known = Known("enterprise", frozenset({"zhang"}), frozenset())
    assert [one.entry_no for one in INDEX.hits(known)] == ["8"]


# The lists.

FIRST = lists.Loaded("A", 1, BLOB, 2, 0)
given = Scenario(lists.evolve, lists.State()).given


def test_a_list_is_loaded_once_and_only_a_newer_version_after_it() -> None:
    given().when(lists.load, FIRST).then(FIRST)
    given(FIRST).when(lists.load, FIRST).then()
    given(FIRST).when(lists.load, lists.Loaded("A", 1, "cd" * 32, 2, 0)).refused(
        Code.LIST_VERSION_TAKEN
    )
    second = lists.Loaded("A", 2, "cd" * 32, 2, 0)
    given(FIRST).when(lists.load, second).then(second)
    given(FIRST, second).when(lists.load, FIRST).refused(Code.LIST_VERSION_TAKEN)


def test_a_scan_goes_on_where_it_stopped_and_an_old_one_says_nothing() -> None:
    step = lists.Reached(1, "M", 200, False)
    given(FIRST).when(lists.reach, 1, "M", 200, done=False).then(step)
    given(FIRST, step).when(lists.reach, 1, "M", 200, done=False).then()
    end = lists.Reached(1, "Z", 350, True)
    given(FIRST, step).when(lists.reach, 1, "Z", 150, done=True).then(end)
    given(FIRST, step, end).when(lists.reach, 1, "ZZ", 1, done=True).then()
    again = lists.Loaded("A", 2, "cd" * 32, 2, 0)
    given(FIRST, step, again).when(lists.reach, 1, "Z", 150, done=True).then()


def test_lists_are_bounded() -> None:
    many = [lists.Loaded(f"L{n}", 1, BLOB, 1, 0) for n in range(lists.MOST_LISTS)]
    given(*many).when(lists.load, FIRST).refused(Code.LIST_INVALID)


# Matches, on the books.


def hit(no: str = "1", digest: str = "d1", action: Action = "stop", version: int = 1) -> Hit:
    return Hit("A", version, no, digest, "identity", action)


def wallet(books: Books) -> account.State:
    state: account.State = books.state(account.stream(WALLET))
    return state


def test_a_match_that_says_stop_stops_all_there_is_and_all_that_comes(books: Books) -> None:
    recharge(books, 1_000)
    stopped = ["screening.matched.1", "account.attached.1"]
    assert names(books, RecordMatches(BUYER, (hit(),))) == stopped
    assert names(books, RecordMatches(BUYER, (hit(),))) == []
    recharge(books, 500, "W2")
    assert (wallet(books).stopped_fen, wallet(books).available_fen) == (1_500, 0)
    assert refusal(books, TransferMoney("T1", BUYER, FRIEND, 1)) is Code.ACCOUNT_FROZEN
    assert refusal(books, CloseAccount(WALLET)) is Code.ACCOUNT_FROZEN


def test_a_merchant_s_money_is_stopped_on_all_its_accounts(books: Books) -> None:
    books.do(RecordMatches(MERCHANT, (hit(),)))
    for code in ("2241.02", "2241.03"):
        assert books.state(f"account-{code}.{MERCHANT}").attached[0][0] == ORDER


def test_one_to_be_reviewed_stops_nothing_until_it_is_confirmed(books: Books) -> None:
    recharge(books, 1_000)
    assert names(books, RecordMatches(BUYER, (hit(action="review"),))) == ["screening.matched.1"]
    books.do(TransferMoney("T1", BUYER, FRIEND, 1))
    confirm = ConfirmMatch(BUYER, "A", "1", "the same birthday")
    assert refusal(books, confirm, "operator:lin") is Code.PERSON_UNKNOWN
    assert books.do(confirm, RISK) == {"member_id": BUYER, "stopped": True}
    assert refusal(books, TransferMoney("T2", BUYER, FRIEND, 1)) is Code.ACCOUNT_FROZEN


def test_one_that_was_cleared_strikes_again_only_when_its_entry_changes(books: Books) -> None:
    recharge(books, 1_000)
    books.do(RecordMatches(BUYER, (hit(),)))
    cleared = ClearMatch(BUYER, "A", "1", "another birthday")
    assert books.do(cleared, RISK) == {"member_id": BUYER, "stopped": False}
    assert names(books, cleared, RISK) == []
    assert wallet(books).available_fen == 1_000
    assert names(books, RecordMatches(BUYER, (hit(version=2),))) == []
    assert names(books, RecordMatches(BUYER, (hit(digest="d2", version=3),))) == [
        "screening.matched.1",
        "account.attached.1",
    ]
    late = ConfirmMatch(BUYER, "A", "1", "x")
    books.do(cleared, RISK)
    assert refusal(books, late, RISK) is Code.LIST_MATCH_STATE_WRONG


def test_the_money_is_free_when_the_last_match_is_cleared(books: Books) -> None:
    recharge(books, 1_000)
    books.do(RecordMatches(BUYER, (hit("1"), hit("2"))))
    assert books.do(ClearMatch(BUYER, "A", "1", "x"), RISK)["stopped"] is True
    assert books.do(ClearMatch(BUYER, "A", "2", "x"), RISK)["stopped"] is False
    assert refusal(books, ClearMatch(BUYER, "A", "3", "x"), RISK) is Code.LIST_MATCH_NOT_FOUND
    assert refusal(books, RecordMatches("NOBODY", (hit(),))) is Code.MEMBER_NOT_FOUND


def test_what_authorities_ordered_before_comes_first(books: Books) -> None:
    recharge(books, 1_000)
    ends = books.state("day-books").open_date
    books.do(PlaceOrder("F1", "COURT", "1号", WALLET, 400, ends))
    books.do(RecordMatches(BUYER, (hit(),)))
    assert wallet(books).stopped_for("F1") == 400
    assert wallet(books).stopped_for(ORDER) == 600


def test_clearing_needs_two_persons_and_confirming_one() -> None:
    assert ClearMatch in KINDS and ConfirmMatch not in KINDS


def test_matches_are_bounded(books: Books) -> None:
    every = tuple(hit(str(n), action="review") for n in range(match.MOST + 5))
    books.do(RecordMatches(BUYER, every))
    state = books.state(match.stream(BUYER))
    assert len(state.matches) == match.MOST
    books.do(ClearMatch(BUYER, "A", "0", "x"), RISK)
    books.do(RecordMatches(BUYER, (hit("new"),)))
    state = books.state(match.stream(BUYER))
    assert len(state.matches) == match.MOST and state.of("A", "0") is None and state.stops


@pytest.mark.parametrize(
    "wrong",
    [
        LoadList("A", 0, BLOB, 1, 0),
        LoadList("A", 1, "ab", 1, 0),
        LoadList("A", 1, BLOB, 0, 0),
        LoadList("A", 1, BLOB, -1, 2),
        LoadList("A", 1, BLOB, 1_000_001, 0),
    ],
)
def test_what_is_no_list_is_refused(books: Books, wrong: LoadList) -> None:
    assert refusal(books, wrong) is Code.LIST_INVALID


def test_a_load_begins_a_scan(books: Books) -> None:
    assert books.do(LoadList("A", 1, BLOB, 1, 1))["entries"] == 2
    assert books.state(lists.STREAM).done is False
    assert books.do(ReachScan(1, "Z", 4, True)) == {"load": 1, "looked": 4, "done": True}
