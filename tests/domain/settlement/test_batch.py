"""Settlement batch: collects, is sealed and reviewed, then pays out, in as few steps as it can."""

from datetime import date
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st
from msgspec import json

from domain.kernel import Fact
from domain.refusals import Code
from domain.settlement import batch
from domain.settlement.batch import (
    CarriedForward,
    Collected,
    Instructed,
    LivePayout,
    Payout,
    PayoutFailed,
    PayoutRetried,
    PayoutReturned,
    PayoutSucceeded,
    Reviewed,
    Sealed,
    Settled,
    State,
)
from domain.settlement.maturity import MAX_TRANSFERS, payable_fen, transfers
from tests.examples import BATCH_ID, CHECKER, EXAMPLES, MAKER, NET, PURCHASE, SETTLE_DAY
from tests.scenario import Scenario

given = Scenario(batch.evolve, State()).given
opened: Any = EXAMPLES["settlement.batch_opened.1"]
matured: Any = EXAMPLES["settlement.batch_matured.1"]
ENTRY = PURCHASE  # Which entry it is makes no difference to the batch.
P1, P2, P3 = (f"payout-{BATCH_ID}-{n}" for n in (1, 2, 3))


def collected(net_fen: int, digest: str = "d1") -> Collected:
    return Collected(1, net_fen, 0, 0, net_fen, digest)


sealed = Sealed(SETTLE_DAY, 1, 1, NET, "d1", MAKER)
reviewed = Reviewed(CHECKER)
CLOSED: list[Fact] = [opened, collected(NET), sealed]
REVIEWED: list[Fact] = [*CLOSED, reviewed]
instructed = Instructed((Payout(P1, 5_000), Payout(P2, 4_000)), ENTRY)
PAYING: list[Fact] = [*REVIEWED, matured, instructed]


def paid(payout_no: str, fen: int = 5_000) -> PayoutSucceeded:
    return PayoutSucceeded(payout_no, fen, ENTRY)


def failed(payout_no: str, fen: int = 5_000) -> PayoutFailed:
    return PayoutFailed(payout_no, fen, "name differs", ENTRY)


def returned(payout_no: str, fen: int = 5_000) -> PayoutReturned:
    return PayoutReturned(payout_no, fen, "account closed", ENTRY)


def retried(payout_no: str, new: str, fen: int = 5_000) -> PayoutRetried:
    return PayoutRetried(payout_no, new, fen, ENTRY)


def collect(state: State, item: str, net_fen: int) -> list[Any]:
    return list(batch.collect(state, item, batch.Sums(net_fen, 0, 0, net_fen)))


def settles(state: State, on: date) -> list[Any]:
    return [batch.is_to_settle(state, on)]


def payout(state: State, payout_no: str, *statuses: str) -> list[Any]:
    return [batch.payout_of(state, payout_no, *statuses)]


def next_no(state: State) -> list[Any]:
    return [batch.payout_number(BATCH_ID, state.payout_count + 1)]


def test_an_item_chains_its_name_and_net_into_the_digest() -> None:
    first = collect(given(opened).state, "transaction-A#4", 7)[0]
    assert first.digest == sha256(b"|transaction-A#4|7").hexdigest()
    state = given(opened, first).state
    chained = sha256(f"{first.digest}|transaction-B#4|-3".encode()).hexdigest()
    assert collect(state, "transaction-B#4", -3)[0].digest == chained


@pytest.mark.parametrize("history", [[], CLOSED, REVIEWED, PAYING])
def test_only_a_collecting_batch_collects(history: list[Fact]) -> None:
    given(*history).when(collect, "transaction-A#4", 7).refused(Code.BATCH_NOT_COLLECTING)


def test_a_batch_without_items_is_sealed_like_any_other() -> None:
    given(opened).when(batch.seal, SETTLE_DAY, 1, MAKER).then(
        Sealed(SETTLE_DAY, 1, 0, 0, "", MAKER)
    )


@pytest.mark.parametrize(("history", "answer"), [([opened], True), (CLOSED, False)])
def test_whether_a_batch_is_sealed_now(history: list[Fact], answer: bool) -> None:
    assert batch.is_to_seal(given(*history).state) is answer


def test_sealing_fixes_the_totals_once() -> None:
    given(opened, collected(NET)).when(batch.seal, SETTLE_DAY, 1, MAKER).then(sealed)
    given(*CLOSED).when(batch.seal, date(2011, 1, 1), 2, CHECKER).then()
    given(*PAYING).when(batch.seal, date(2011, 1, 1), 2, CHECKER).then()
    given().when(batch.seal, SETTLE_DAY, 1, MAKER).refused(Code.BATCH_NOT_FOUND)


def test_review_needs_another_pair_of_eyes() -> None:
    given(*CLOSED).when(batch.review, CHECKER).then(reviewed)
    given(*CLOSED).when(batch.review, MAKER).refused(Code.CHECKER_IS_MAKER)
    given(*REVIEWED).when(batch.review, MAKER).then()
    given(opened).when(batch.review, MAKER).refused(Code.BATCH_STATE_WRONG)
    given().when(batch.review, CHECKER).refused(Code.BATCH_NOT_FOUND)


@pytest.mark.parametrize(
    ("history", "on", "now"),
    [
        pytest.param(REVIEWED, SETTLE_DAY, True, id="due today"),
        pytest.param(REVIEWED, date(2011, 1, 1), True, id="overdue"),
        pytest.param([*REVIEWED, CarriedForward(0, -5)], SETTLE_DAY, False, id="carried forward"),
        pytest.param(PAYING, date(2000, 1, 1), False, id="settled before, whatever the date"),
    ],
)
def test_whether_a_batch_is_settled_now(history: list[Fact], on: date, now: bool) -> None:
    assert settles(given(*history).state, on) == [now]


@pytest.mark.parametrize(
    ("history", "on", "code"),
    [
        pytest.param([], SETTLE_DAY, Code.BATCH_NOT_FOUND, id="no such batch"),
        pytest.param([opened], date(2000, 1, 1), Code.BATCH_STATE_WRONG, id="collecting"),
        pytest.param(CLOSED, date(2000, 1, 1), Code.BATCH_STATE_WRONG, id="not reviewed"),
        pytest.param(REVIEWED, date(2010, 12, 8), Code.BATCH_NOT_DUE, id="a day early"),
    ],
)
def test_settling_is_refused(history: list[Fact], on: date, code: Code) -> None:
    given(*history).when(settles, on).refused(code)


@pytest.mark.parametrize(
    ("history", "status"),
    [
        pytest.param([], "instructed", id="nothing heard"),
        pytest.param([paid(P1)], "partly_paid", id="one of two paid"),
        pytest.param([failed(P1)], "failed", id="one failed"),
        pytest.param([paid(P2), failed(P1)], "failed", id="one paid, one failed"),
        pytest.param([paid(P1), returned(P1), failed(P2)], "returned", id="one came back"),
        pytest.param([failed(P1), retried(P1, P3)], "instructed", id="tried again"),
        pytest.param([paid(P2), failed(P1), retried(P1, P3)], "partly_paid", id="half of it again"),
        pytest.param([paid(P1), paid(P2), Settled(9_000)], "settled", id="all paid"),
        pytest.param([paid(P1), paid(P2), Settled(9_000), returned(P2)], "returned", id="late"),
    ],
)
def test_the_status_says_what_all_payouts_say_together(history: list[Fact], status: str) -> None:
    assert given(*PAYING, *history).state.status == status


@pytest.mark.parametrize(
    ("history", "facts"),
    [
        pytest.param([paid(P1)], [], id="one on its way"),
        pytest.param([paid(P1), failed(P2)], [], id="one failed"),
        pytest.param([paid(P1), paid(P2, 4_000)], [Settled(9_000)], id="all paid"),
        pytest.param([paid(P1), paid(P2, 4_000), Settled(9_000)], [], id="settled already"),
        pytest.param(
            [failed(P1), paid(P2, 4_000), retried(P1, P3), paid(P3)],
            [Settled(9_000)],
            id="the second try counts, the first does not",
        ),
        pytest.param(
            [paid(P1), paid(P2, 4_000), Settled(9_000), returned(P1), retried(P1, P3), paid(P3)],
            [Settled(9_000)],
            id="settled again after a return",
        ),
    ],
)
def test_a_batch_is_settled_when_every_live_payout_is_paid(
    history: list[Fact], facts: list[Fact]
) -> None:
    given(*PAYING, *history).when(batch.finish).then(*facts)


def test_what_was_all_recovered_is_settled_without_a_payout() -> None:
    given(*REVIEWED, matured).when(batch.finish).then(Settled(0))


@pytest.mark.parametrize(
    ("payout_no", "statuses", "code"),
    [
        pytest.param(P3, ("instructed",), Code.PAYOUT_NOT_FOUND, id="no such payout"),
        pytest.param(P1, ("failed", "returned"), Code.PAYOUT_NOT_FOUND, id="in another state"),
    ],
)
def test_a_payout_is_refused(payout_no: str, statuses: tuple[str, ...], code: Code) -> None:
    given(*PAYING).when(payout, payout_no, *statuses).refused(code)
    given().when(payout, payout_no, *statuses).refused(Code.BATCH_NOT_FOUND)


def test_a_payout_is_found_in_its_state() -> None:
    assert payout(given(*PAYING).state, P2, "failed", "instructed") == [LivePayout(P2, 4_000)]


def test_a_retried_payout_makes_room_for_the_one_that_replaces_it() -> None:
    assert next_no(given(*PAYING).state) == [P3]
    state = given(*PAYING, failed(P1), retried(P1, P3)).state
    assert state.payouts == (LivePayout(P2, 4_000), LivePayout(P3, 5_000, replaces=P1))
    assert next_no(state) == [f"payout-{BATCH_ID}-4"]
    assert (batch.replacement_of(state, P1), batch.replacement_of(state, P2)) == (P3, "")
    later = given(*PAYING, failed(P1), retried(P1, P3), failed(P3), retried(P3, "P4")).state
    assert [batch.replacement_of(later, no) for no in (P1, P3, "P4")] == ["", "P4", ""]


def test_a_thousand_retries_leave_the_state_as_small_as_one() -> None:
    state, number = given(*PAYING, failed(P1), retried(P1, P3)).state, P3
    size = len(json.encode(state))
    for _ in range(1_000):
        again = next_no(state)[0]
        state = batch.evolve(state, failed(number))
        state, number = batch.evolve(state, retried(number, again)), again
    assert number == f"payout-{BATCH_ID}-1003"
    assert len(json.encode(state)) <= size + 10


@pytest.mark.parametrize(
    ("amount_fen", "most_fen", "parts"),
    [
        pytest.param(9_000, None, [9_000], id="without a limit"),
        pytest.param(9_000, 9_000, [9_000], id="just within it"),
        pytest.param(9_001, 4_000, [4_000, 4_000, 1_001], id="split"),
        pytest.param(100_000, 4_000, [4_000] * MAX_TRANSFERS, id="all that it can carry"),
    ],
)
def test_a_payout_is_split_by_the_limit(
    amount_fen: int, most_fen: int | None, parts: list[int]
) -> None:
    assert list(transfers(amount_fen, most_fen)) == parts
    instruct = batch.instruct(BATCH_ID, transfers(amount_fen, most_fen), ENTRY)
    assert [one.payout_no for one in instruct[0].payouts][:1] == [P1]  # type: ignore[union-attr]


@examples(st.integers(1, 10**15), st.one_of(st.none(), st.integers(1, 10**15)))
def test_no_transfer_is_above_the_limit_and_what_is_payable_is_paid(
    fen: int, most: int | None
) -> None:
    payable = payable_fen(fen, most)
    assert payable == (fen if most is None else min(fen, MAX_TRANSFERS * most))
    split = transfers(payable, most)
    assert sum(split) == payable
    assert all(0 < one <= (most or fen) for one in split)
    assert len(split) <= MAX_TRANSFERS


items = st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=8)


@examples(items)
def test_items_merged_into_one_fact_are_the_same_as_one_by_one(nets: list[int]) -> None:
    state = given(opened).state
    facts = []
    for n, net in enumerate(nets):
        facts += collect(state, f"transaction-A{n}#4", net)
        state = batch.evolve(state, facts[-1])
    merged = Collected.merged(facts)
    assert batch.evolve(given(opened).state, merged) == state
    assert (merged.count, merged.net_fen, merged.digest) == (state.count, sum(nets), state.digest)
    assert len({fact.merge_key() for fact in facts}) == 1


def test_ten_thousand_items_leave_the_state_as_small_as_one() -> None:
    state = given(opened, *collect(given(opened).state, "transaction-A#4", 10)).state
    size = len(json.encode(state))
    for n in range(10_000):
        state = batch.evolve(state, collect(state, f"transaction-A{n}#4", 10)[0])
    assert state.count == 10_001
    assert len(json.encode(state)) <= size + 10
