"""Rolling reserve and deposits as aggregates: what decides, and what is said twice."""

import pytest

from domain.accounting import deposit, reserve
from domain.accounting.rules import reserve as rules
from domain.refusals import Code
from tests.examples import CHECKER, MAKER, MERCHANT, PAY_DAY, RESERVE_DAY
from tests.scenario import Scenario

HELD = f"2241.06.{MERCHANT}"
given = Scenario(reserve.evolve, reserve.State()).given
opened = reserve.Opened(MERCHANT, RESERVE_DAY)
withheld = reserve.Collected(994, 0)
RELEASE = rules.reserve_released(RESERVE_DAY, MERCHANT, 994, 0)
released = reserve.Released(994, 0, "", "", RELEASE)


def test_a_bucket_is_opened_once() -> None:
    given().when(reserve.open_bucket, MERCHANT, RESERVE_DAY).then(opened)
    given(opened).when(reserve.open_bucket, MERCHANT, RESERVE_DAY).then()


def test_its_state_is_sums() -> None:
    state = given(opened, withheld, reserve.Collected(100, 94)).state
    assert (state.held_fen, state.rounds) == (1_000, 0)
    assert reserve.open_items(state) == {HELD: 1_000}
    assert reserve.open_items(given(opened).state) == {}


def test_a_release_is_once_for_what_is_held() -> None:
    given(opened, withheld).when(reserve.release, 0, "", "", RELEASE).then(released)
    given(opened, withheld, released).when(reserve.release, 0, "", "", RELEASE).then()
    state = given(opened, withheld, released).state
    assert (state.held_fen, state.rounds, reserve.open_items(state)) == (0, 1, {})


@pytest.mark.parametrize(
    ("history", "today", "early", "answer"),
    [
        pytest.param([opened, withheld], RESERVE_DAY, False, True, id="its date has come"),
        pytest.param([opened, withheld], PAY_DAY, True, True, id="before it, by two persons"),
        pytest.param([opened], RESERVE_DAY, False, False, id="nothing is held"),
        pytest.param([opened, withheld, released], RESERVE_DAY, False, False, id="it was"),
    ],
)
def test_whether_there_is_something_to_release(history, today, early, answer) -> None:  # type: ignore[no-untyped-def]
    assert reserve.is_to_release(given(*history).state, today, early=early) is answer


def test_what_is_refused() -> None:
    wish = given().when(reserve.is_to_release, RESERVE_DAY, early=True)
    wish.refused(Code.RESERVE_NOT_FOUND, "release_on")
    early = given(opened, withheld).when(reserve.is_to_release, PAY_DAY, early=False)
    early.refused(Code.RESERVE_NOT_DUE, "release_on")


def test_facts_of_one_commit_are_one() -> None:
    one = reserve.Collected.merged([withheld, reserve.Collected(0, 94), reserve.Collected(6, 0)])
    assert one == reserve.Collected(1_000, 94)
    assert (
        given(opened, one).state
        == given(opened, withheld, reserve.Collected(0, 94), reserve.Collected(6, 0)).state
    )


def test_a_share_of_another_round_is_not_held_any_more() -> None:
    share = reserve.Share(RESERVE_DAY, 1_000, 994)
    assert reserve.left_of(given(opened, withheld).state, share) == 994
    assert reserve.left_of(given(opened, withheld, released).state, share) == 0
    assert reserve.left_of(given(opened, withheld).state, None) == 0


@pytest.mark.parametrize(
    ("bps", "net_fen", "share"),
    [(1_000, 9_940, 994), (1_000, 5, 1), (1_000, 4, 0), (10_000, 77, 77), (0, 77, 0), (1, -5, 0)],
)
def test_a_share_rounds_half_up_and_is_never_more_than_there_is(
    bps: int, net_fen: int, share: int
) -> None:
    assert reserve.share_fen(bps, net_fen) == share


# Deposits.

put = Scenario(deposit.evolve, deposit.State()).given
TAKEN = rules.deposit_taken(PAY_DAY, MERCHANT, 5_000)
BACK = rules.deposit_returned(RESERVE_DAY, MERCHANT, 5_000, 300)
taken = deposit.Taken(MERCHANT, 5_000, "available", "agreed", MAKER, TAKEN)
returned = deposit.Returned(5_000, 300, "it leaves", CHECKER, BACK)


def test_a_deposit_is_taken_once() -> None:
    wish = (MERCHANT, 5_000, "available", "agreed", MAKER, TAKEN)
    put().when(deposit.take, *wish).then(taken)
    put(taken).when(deposit.take, *wish).then()
    put(taken, returned).when(deposit.take, *wish).then()
    other = (MERCHANT, 5_001, "available", "agreed", MAKER, TAKEN)
    put(taken).when(deposit.take, *other).refused(Code.DEPOSIT_EXISTS, "deposit_no")


def test_a_deposit_is_given_back_once_and_whole() -> None:
    wish = (300, "it leaves", CHECKER, BACK)
    put(taken).when(deposit.give_back, *wish).then(returned)
    put(taken, returned).when(deposit.give_back, *wish).then()
    put().when(deposit.give_back, *wish).refused(Code.DEPOSIT_NOT_FOUND, "deposit_no")


def test_what_is_held_of_a_deposit_is_an_open_item() -> None:
    assert deposit.open_items(put().state) == {}
    assert deposit.open_items(put(taken).state) == {HELD: 5_000}
    assert deposit.open_items(put(taken, returned).state) == {}
