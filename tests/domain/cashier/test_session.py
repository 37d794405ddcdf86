"""What a session decides, without a ledger; and the bytes of what it is for."""

import msgspec
import pytest

from domain.cashier import session
from domain.cashier.session import Choice, Leaving, Opened, Purpose, State, Wish, Withdrew
from domain.refusals import Code, Refused
from tests.examples import BUYER, PAID_AT

CARD = "ca" * 16
LEAVING = Leaving(20_000, 20, "T+0", CARD, "proof", ("password",))
PURPOSES: dict[Purpose, bytes] = {
    "order": b'{"purpose":"order","reference":"R","payer":"P","amount_fen":1,"return_url":"",'
    b'"expires_us":2}',
    "recharge": b'{"purpose":"recharge","reference":"R","payer":"P","amount_fen":1,"return_url":"",'
    b'"expires_us":2}',
    "withdrawal": b'{"purpose":"withdrawal","reference":"R","payer":"P","amount_fen":1,'
    b'"return_url":"","expires_us":2}',
}


def opened(purpose: Purpose = "withdrawal") -> State:
    (fact,) = session.open_for(State(), Wish(purpose, BUYER, BUYER, None, ""), PAID_AT, 600)
    return session.evolve(State(), fact)


def withdrawn(number: int = 1, state: State | None = None) -> State:
    state = state or opened()
    facts = session.withdraw(state, "S1", number, LEAVING, PAID_AT, ended=True)
    assert facts == [Withdrew(number, f"S1-{number}", *LEAVING)]
    return session.evolve(state, facts[0])


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_purpose_is_stored_in_the_bytes_it_always_was(purpose: Purpose) -> None:
    fact = Opened(purpose, "R", "P", 1, "", 2)
    assert msgspec.json.encode(fact) == PURPOSES[purpose]
    assert msgspec.json.decode(PURPOSES[purpose], type=Opened) == fact


def test_the_same_withdrawal_again_is_none() -> None:
    state = withdrawn()
    assert session.withdraw(state, "S1", 1, LEAVING, PAID_AT, ended=False) == []


@pytest.mark.parametrize(
    ("number", "leaving", "ended", "at_us", "code"),
    [
        (1, LEAVING._replace(amount_fen=1), True, PAID_AT, Code.SESSION_STATE_WRONG),
        (1, LEAVING._replace(proof="another"), True, PAID_AT, Code.SESSION_STATE_WRONG),
        (3, LEAVING, True, PAID_AT, Code.SESSION_STATE_WRONG),
        (2, LEAVING, False, PAID_AT, Code.PAYMENT_IN_PROGRESS),
        (2, LEAVING, True, PAID_AT + 600_000_000, Code.SESSION_OVER),
    ],
)
def test_what_is_no_next_withdrawal_is_refused(
    number: int, leaving: Leaving, ended: bool, at_us: int, code: Code
) -> None:
    with pytest.raises(Refused) as no:
        session.withdraw(withdrawn(), "S1", number, leaving, at_us, ended=ended)
    assert no.value.code is code


def test_attempts_have_an_end() -> None:
    state = opened()
    for number in range(1, session.MOST_ATTEMPTS + 1):
        state = withdrawn(number, state)
    with pytest.raises(Refused) as no:
        session.withdraw(state, "S1", session.MOST_ATTEMPTS + 1, LEAVING, PAID_AT, ended=True)
    assert no.value.code is Code.SESSION_OVER


def test_a_payments_attempts_are_as_they_were() -> None:
    state, choice = opened("order"), Choice("JD_PAY", (), 100)
    (fact,) = session.attempt(state, "S1", 1, choice, PAID_AT, ended=True)
    state = session.evolve(state, fact)
    assert session.attempt(state, "S1", 1, choice, PAID_AT, ended=False) == []
    with pytest.raises(Refused) as no:
        session.attempt(state, "S1", 2, choice, PAID_AT, ended=False)
    assert no.value.code is Code.PAYMENT_IN_PROGRESS
