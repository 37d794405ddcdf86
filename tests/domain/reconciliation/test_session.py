"""Clearing sessions: whatever comes in whatever order, what is posted is what should be."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.accounting.entry import imbalance_of
from domain.kernel import Entry
from domain.reconciliation import session
from domain.reconciliation.session import Arrival, Expected, State

DAY = date(2011, 1, 10)
CHANNELS = ("JD_PAY", "NETSUNION_CARD", "WECHAT_PAY")
fen = st.integers(0, 10**9)
shares = st.tuples(
    *(
        st.builds(
            Expected,
            channel=st.just(name),
            version=st.integers(0, 3),
            paid_fen=fen,
            refunded_fen=fen,
            fee_fen=st.integers(-(10**6), 10**6),
            restored_fen=st.integers(0, 10**6),
            restored_fee_fen=st.integers(0, 1_000),
            gross=st.just(name == "NETSUNION_CARD"),
        )
        for name in CHANNELS
    )
)
arrivals = st.lists(st.integers(-(10**9), 10**9), max_size=4).map(
    lambda sums: tuple(
        Arrival(DAY + timedelta(days=at), at, 1, one) for at, one in enumerate(sums) if one
    )
)
steps = st.lists(st.tuples(shares, arrivals, st.integers(0, 10**6)), min_size=1, max_size=5)


def settled(history: list[tuple[tuple[Expected, ...], tuple[Arrival, ...], int]]) -> State:
    """One after the other; each entry balances, and is what the state says is posted."""
    state, total = State(), {}
    for due, came, available_fen in history:
        for fact in session.settle(state, session.target(due, came), available_fen, DAY):
            state = session.evolve(state, fact)
            if fact.entry is not None:
                assert imbalance_of([fact.entry]) == ""
                _add(total, fact.entry)
            assert {name: one for name, one in total.items() if one} == session.posted(state.last)
        again = session.settle(state, session.target(due, came), available_fen, DAY)
        assert again == [], "the same again is nothing"
    return state


def _add(total: dict[str, int], entry: Entry) -> None:
    for line in entry.lines:
        total[line.account] = total.get(line.account, 0) + line.debit_fen - line.credit_fen


@given(steps)
def test_what_is_posted_is_what_should_be(
    history: list[tuple[tuple[Expected, ...], tuple[Arrival, ...], int]],
) -> None:
    state = settled(history)
    _, came, _ = history[-1]
    if state.last is None:
        assert not came
        return
    # However it got there: the channels' accounts are those of the last step alone.
    alone = settled([history[-1]])
    own = ("2202.09", "1122.05", "1122.06", "1001.02")
    channels = {name: one for name, one in session.posted(state.last).items() if name not in own}
    assert channels == {
        name: one for name, one in session.posted(alone.last).items() if name not in own
    }


@given(shares, arrivals)
def test_what_came_is_booked_or_too_much(
    due: tuple[Expected, ...], came: tuple[Arrival, ...]
) -> None:
    wanted = session.target(due, came)
    arrived_fen = sum(one.amount_fen for one in came)
    assert wanted.booked_fen + wanted.over_fen == arrived_fen
    assert not (wanted.short_fen and wanted.over_fen)
    if all(one.version for one in due) and came:
        assert wanted.short_fen - wanted.over_fen == wanted.due_fen - arrived_fen
    else:
        assert not wanted.over_fen


def test_what_persons_have_ended_is_not_waited_for() -> None:
    due = (Expected("JD_PAY", 1, 10_000, 0, 18),)
    came = (Arrival(DAY, 1, 1, 9_000),)
    short = session.target(due, came)
    assert (short.short_fen, short.over_fen) == (982, 0)
    ended = session.target(due, came, short_ended_fen=982)
    assert (ended.short_fen, ended.over_fen, ended.booked_fen) == (0, 0, 9_000)
    late = session.target(due, (*came, Arrival(DAY, 2, 1, 982)), short_ended_fen=982)
    assert (late.short_fen, late.over_fen, late.booked_fen) == (0, 982, 9_000)


@given(shares, arrivals, fen, fen, st.sampled_from(["", *CHANNELS]))
def test_whatever_was_ended_what_is_posted_in_all_is_what_came(
    due: tuple[Expected, ...],
    came: tuple[Arrival, ...],
    short_ended_fen: int,
    over_ended_fen: int,
    decided: str,
) -> None:
    """By the session, and by its differences: those that stand, and those that were ended."""
    ended = {"short_ended_fen": short_ended_fen, "over_ended_fen": over_ended_fen}
    wanted = session.target(due, came, **ended, decided=decided)
    (fact, *_) = session.settle(State(), wanted, 0, DAY) or [None]
    posted = session.posted(fact)
    over_fen, short_fen = wanted.over_fen + over_ended_fen, wanted.short_fen + short_ended_fen
    assert posted.get("1001.01", 0) + over_fen == sum(one.amount_fen for one in came)
    if not all(one.version for one in due):
        assert (wanted.over_fen, wanted.short_fen) == (0, 0)
        return
    owed_fen = sum(one.due_fen for one in due)
    owed_fen = owed_fen if came else max(owed_fen, 0)
    lead = posted.get(f"1122.02.{wanted.lead}", 0) - short_fen
    if came:  # What each channel's bill says, the leading one's too.
        (one,) = [one for one in due if one.channel == wanted.lead]
        refunded_fen = 0 if one.gross else one.refunded_fen
        assert lead == refunded_fen - one.paid_fen
    else:
        assert lead == -owed_fen


def test_the_states_of_a_session() -> None:
    def status(due: tuple[Expected, ...], *came_fen: int) -> str:
        came = tuple(Arrival(DAY, at, 1, one) for at, one in enumerate(came_fen, 1))
        facts = session.settle(State(), session.target(due, came), 0, DAY)
        return session.status_of(facts[0] if facts else None)

    due = (Expected("JD_PAY", 1, 10_000, 0, 18), Expected("WECHAT_PAY", 1))
    assert status(due) == "awaited"
    assert status(due, 9_982) == "settled"
    assert (status(due, 9_000), status(due, 10_000)) == ("short", "over")
    assert status((due[0], Expected("WECHAT_PAY", 0)), 9_982) == "partly"
    assert status((Expected("JD_PAY", 0),)) == "none"
