"""Account: opened by the chart, posted to, held, frozen, closed; its state stays small."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st
from msgspec import json

from domain.accounting import account
from domain.accounting.account import (
    MAX_HOLDS,
    MAX_TOTAL_FEN,
    Closed,
    Frozen,
    Held,
    HoldReleased,
    Opened,
    Posted,
    PostedLine,
    State,
    Unfrozen,
)
from domain.accounting.entry import credit, debit
from domain.kernel import Fact, Line
from domain.refusals import Code, Refused
from tests.examples import PAY_DAY, RELEASE_DAY
from tests.scenario import Scenario

WALLET, RECEIVABLE = "2241.01.LILEI", "1122.01.JD_PAY"
given = Scenario(account.evolve, State()).given
opened = Opened(WALLET, "2241.01", "LILEI", "CNY")
receivable = Opened(RECEIVABLE, "1122.01", "JD_PAY", "CNY")
held = Held("H1", 400, "dispute")
frozen_both = Frozen("both", "court")


def came_in(fen: int, on: date = PAY_DAY) -> Posted:
    return Posted(on, (PostedLine("transfer-X1#1", 0, fen),))


def went_out(fen: int, on: date = PAY_DAY) -> Posted:
    return Posted(on, (PostedLine("transfer-X2#1", fen, 0),))


def post(state: State, name: str, line: Line) -> list[Fact]:
    return [account.post(state, name, PAY_DAY, "transfer-X1#1", line)]


def floor(state: State) -> list[Fact]:
    account.refuse_below_floor(state)
    return []


def test_an_account_is_opened_by_its_line_of_the_chart() -> None:
    given().when(account.open_account, WALLET, "CNY").then(opened)


def test_an_institution_account_has_no_owner() -> None:
    given().when(account.open_account, "2241.05", "CNY").then(
        Opened("2241.05", "2241.05", "", "CNY")
    )


def test_opening_again_says_nothing_new() -> None:
    given(opened).when(account.open_account, WALLET, "CNY").then()


@pytest.mark.parametrize("name", ["2241.01", "2241.05.LILEI", "9999", "", "2241.01.", ".LILEI"])
def test_what_is_not_in_the_chart_is_not_opened(name: str) -> None:
    given().when(account.open_account, name, "CNY").refused(Code.ACCOUNT_CODE_UNKNOWN)


def test_a_closed_account_never_reopens() -> None:
    given(opened, Closed()).when(account.open_account, WALLET, "CNY").refused(Code.ACCOUNT_CLOSED)


@pytest.mark.parametrize(
    ("history", "line", "code"),
    [
        pytest.param([], credit(WALLET, 1), Code.ACCOUNT_NOT_FOUND, id="not opened"),
        pytest.param([opened, Closed()], credit(WALLET, 1), Code.ACCOUNT_CLOSED, id="closed"),
        pytest.param([opened, Frozen("in", "x")], credit(WALLET, 1), Code.ACCOUNT_FROZEN, id="in"),
        pytest.param([opened, Frozen("out", "x")], debit(WALLET, 1), Code.ACCOUNT_FROZEN, id="out"),
        pytest.param([opened, frozen_both], credit(WALLET, 1), Code.ACCOUNT_FROZEN, id="both, in"),
        pytest.param([opened, frozen_both], debit(WALLET, 1), Code.ACCOUNT_FROZEN, id="both, out"),
        pytest.param(
            [receivable, Frozen("in", "x")],
            debit(RECEIVABLE, 1),
            Code.ACCOUNT_FROZEN,
            id="a debit comes into an asset",
        ),
        pytest.param(
            [opened, came_in(MAX_TOTAL_FEN - 5)],
            credit(WALLET, 6),
            Code.AMOUNT_TOO_LARGE,
            id="its total would overflow",
        ),
    ],
)
def test_a_posting_is_refused(history: list[Fact], line: Line, code: Code) -> None:
    given(*history).when(post, line.account, line).refused(code)


@pytest.mark.parametrize(
    ("history", "line"),
    [
        pytest.param([opened], credit(WALLET, 5), id="open"),
        pytest.param([opened, Frozen("in", "x")], debit(WALLET, 5), id="frozen the other way"),
        pytest.param([opened, Frozen("out", "x")], credit(WALLET, 5), id="frozen for what leaves"),
        pytest.param([opened, frozen_both, Unfrozen("y")], debit(WALLET, 5), id="unfrozen"),
        pytest.param([receivable, Frozen("in", "x")], credit(RECEIVABLE, 5), id="an asset, out"),
    ],
)
def test_a_posting_is_taken(history: list[Fact], line: Line) -> None:
    posted = Posted(PAY_DAY, (PostedLine("transfer-X1#1", line.debit_fen, line.credit_fen),))
    given(*history).when(post, line.account, line).then(posted)


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([opened, went_out(1)], id="more than there is"),
        pytest.param([opened, came_in(1_000), held, went_out(601)], id="what is held"),
    ],
)
def test_a_floored_account_does_not_go_below_zero(history: list[Fact]) -> None:
    given(*history).when(floor).refused(Code.BALANCE_INSUFFICIENT)


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([opened], id="nothing in it"),
        pytest.param([opened, came_in(1_000), held, went_out(600)], id="to the last fen"),
        pytest.param(
            [receivable, Posted(PAY_DAY, (PostedLine("x#1", 0, 9),))], id="without a floor"
        ),
    ],
)
def test_the_floor_is_kept(history: list[Fact]) -> None:
    given(*history).when(floor).then()


def test_money_that_is_there_can_be_held() -> None:
    given(opened, came_in(400)).when(account.hold, "H1", 400, "dispute").then(held)


def test_the_same_hold_again_says_nothing_new() -> None:
    given(opened, came_in(400), held).when(account.hold, "H1", 400, "dispute").then()


holds = [Held(f"A{n}", 1, "x") for n in range(MAX_HOLDS)]


@pytest.mark.parametrize(
    ("history", "code"),
    [
        pytest.param([], Code.ACCOUNT_NOT_FOUND, id="not opened"),
        pytest.param([opened, Closed()], Code.ACCOUNT_CLOSED, id="closed"),
        pytest.param([opened, came_in(399)], Code.BALANCE_INSUFFICIENT, id="a fen short"),
        pytest.param(
            [opened, came_in(799), Held("H0", 400, "x")], Code.BALANCE_INSUFFICIENT, id="held"
        ),
        pytest.param(
            [opened, came_in(999), Held("H1", 1, "x")], Code.HOLD_EXISTS, id="another amount"
        ),
        pytest.param([opened, came_in(999), *holds], Code.HOLD_LIMIT, id="too many holds"),
    ],
)
def test_a_hold_is_refused(history: list[Fact], code: Code) -> None:
    given(*history).when(account.hold, "H1", 400, "dispute").refused(code)


def test_a_released_hold_is_available_again() -> None:
    scenario = given(opened, came_in(400), held)
    scenario.when(account.release_hold, "H1").then(HoldReleased("H1", 400))
    assert given(opened, came_in(400), held, HoldReleased("H1", 400)).state.available_fen == 400


@pytest.mark.parametrize(
    ("history", "code"),
    [
        pytest.param([], Code.ACCOUNT_NOT_FOUND, id="no such account"),
        pytest.param([opened, Closed()], Code.ACCOUNT_CLOSED, id="closed"),
        pytest.param([opened, came_in(400), held], Code.HOLD_NOT_FOUND, id="no such hold"),
    ],
)
def test_releasing_a_hold_is_refused(history: list[Fact], code: Code) -> None:
    given(*history).when(account.release_hold, "H9").refused(code)


@pytest.mark.parametrize("direction", ["in", "out", "both"])
def test_freezing_and_the_same_again(direction: Any) -> None:
    given(opened).when(account.freeze, direction, "court").then(Frozen(direction, "court"))
    given(opened, Frozen(direction, "court")).when(account.freeze, direction, "other").then()


def test_a_freeze_can_change_its_direction() -> None:
    given(opened, frozen_both).when(account.freeze, "in", "court").then(Frozen("in", "court"))
    given(opened, frozen_both, Frozen("in", "court")).when(post, WALLET, debit(WALLET, 1)).then(
        Posted(PAY_DAY, (PostedLine("transfer-X1#1", 1, 0),))
    )


def test_unfreezing_and_again() -> None:
    given(opened, frozen_both).when(account.unfreeze, "lifted").then(Unfrozen("lifted"))
    given(opened).when(account.unfreeze, "lifted").then()


def test_an_empty_account_is_closed_once() -> None:
    given(opened, came_in(5), went_out(5)).when(account.close).then(Closed())
    given(opened, Closed()).when(account.close).then()


@pytest.mark.parametrize(
    ("history", "code"),
    [
        pytest.param([], Code.ACCOUNT_NOT_FOUND, id="not opened"),
        pytest.param([opened, came_in(1)], Code.ACCOUNT_NOT_EMPTY, id="a fen left"),
        pytest.param(
            [receivable, Posted(PAY_DAY, (PostedLine("x#1", 0, 9),))],
            Code.ACCOUNT_NOT_EMPTY,
            id="owing",
        ),
        pytest.param(
            [opened, came_in(1), Held("H1", 1, "x"), went_out(1)], Code.ACCOUNT_NOT_EMPTY, id="held"
        ),
    ],
)
def test_closing_is_refused(history: list[Fact], code: Code) -> None:
    given(*history).when(account.close).refused(code)


@pytest.mark.parametrize("decision", [account.freeze, account.unfreeze])
def test_what_is_not_open_is_not_frozen(decision: Any) -> None:
    args = ("both", "court") if decision is account.freeze else ("lifted",)
    given().when(decision, *args).refused(Code.ACCOUNT_NOT_FOUND)
    given(opened, Closed()).when(decision, *args).refused(Code.ACCOUNT_CLOSED)


def test_the_movements_of_the_last_date_are_known() -> None:
    state = given(opened, came_in(5), came_in(7, RELEASE_DAY), went_out(2, RELEASE_DAY)).state
    assert (state.moved_on(RELEASE_DAY), state.moved_on(PAY_DAY)) == ((2, 7), (0, 0))


def test_ten_thousand_postings_leave_the_state_as_small_as_one() -> None:
    state = given(opened, came_in(10**6)).state
    size = len(json.encode(state))
    for n in range(10_000):
        state = account.evolve(state, came_in(n) if n % 2 else went_out(n))
    assert len(json.encode(state)) <= size + 20
    assert state.balance_fen == 10**6 + 5_000


lines = st.builds(PostedLine, st.just("order-1#1"), st.integers(0, 10**15), st.integers(0, 10**15))
postings = st.lists(st.lists(lines, min_size=1, max_size=5), min_size=1, max_size=8)


@examples(postings, st.booleans())
def test_postings_merged_into_one_are_the_same_as_one_by_one(
    batches: list[list[PostedLine]], moved_before: bool
) -> None:
    facts = [Posted(PAY_DAY, tuple(batch)) for batch in batches]
    state = given(opened, *([came_in(7)] if moved_before else [])).state
    one_by_one = state
    for fact in facts:
        one_by_one = account.evolve(one_by_one, fact)
    assert account.evolve(state, Posted.merged(facts)) == one_by_one
    assert len({fact.merge_key() for fact in facts}) == 1


def test_postings_of_two_dates_do_not_merge() -> None:
    assert came_in(1, PAY_DAY).merge_key() != came_in(1, RELEASE_DAY).merge_key()


@examples(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(1, 10**15))
def test_no_hold_ever_reserves_more_than_there_is(into: int, out: int, amount: int) -> None:
    state = given(opened, came_in(into), went_out(min(into, out))).state
    try:
        facts = account.hold(state, "H1", amount, "x")
    except Refused as no:
        assert no.code is Code.BALANCE_INSUFFICIENT
        assert amount > state.available_fen
    else:
        assert account.evolve(state, facts[0]).available_fen >= 0
