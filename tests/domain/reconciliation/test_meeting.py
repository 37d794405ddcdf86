"""A chargeback meets its money: a shortage was taken off for it, a surplus is what came back."""

from typing import Any

import pytest

from domain.reconciliation import chargeback
from domain.reconciliation.charging import (
    EndChargeback,
    ReceiveChargeback,
)
from domain.reconciliation.resolving import (
    ApproveResolution,
    ProposeResolution,
    UndoResolution,
)
from domain.refusals import Code, Refused
from tests.books import Books, names, refusal
from tests.domain.reconciliation.conftest import adds_up
from tests.domain.reconciliation.differing import (
    SHORTAGE,
    about_of,
    approve,
    clear,
    confirm,
    propose,
    resolve,
    state,
    turn_down,
    undo,
)
from tests.examples import CHECKER, MAKER, MERCHANT, PAY_DAY

SOLD, CASE, OWED = f"{MERCHANT}-O1", "JD_PAY-C1", "1122.02.JD_PAY"
KEPT, SHORT = "2241.08.JD_PAY", "1122.04.JD_PAY"
LINK = "link"


def charge(books: Books, number: str = "C1", fen: int = 6_000, **more: Any) -> str:
    books.do(ReceiveChargeback("JD_PAY", number, SOLD, fen, PAY_DAY, **more))
    return f"JD_PAY-{number}"


def win(books: Books, case: str = CASE) -> None:
    books.do(EndChargeback(case, "won", "the bank says so"))


def short(books: Books, fen: int = 6_000, kind: str = "session_short", **more: Any) -> str:
    """Found missing; a session's is no more on 1122.02 from then on, as if it had never been."""
    return confirm(books, about_of(kind, "shortage", fen, **more))


def over(books: Books, fen: int = 6_000, kind: str = "session_over", **more: Any) -> str:
    return confirm(books, about_of(kind, "surplus", fen, **{"number": "N2", **more}))


def case_of(books: Books, case: str = CASE) -> chargeback.State:
    found: chargeback.State = books.state(chargeback.stream(case))
    return found


def met(books: Books, case: str = CASE) -> tuple[str, str]:
    """By which differences, off and back; "" for none."""
    known = case_of(books, case)
    return tuple(one.difference if one else "" for one in (known.off, known.back))  # type: ignore[return-value]


def unfit(books: Books, named: str, to: str) -> tuple[Code, str]:
    """What a proposal of it is refused with, and about what; nothing has happened."""
    before = (dict(books.states), list(books.log))
    with pytest.raises(Refused) as no:
        propose(books, named, LINK, to)
    assert (books.states, books.log) == before
    return no.value.code, no.value.field


@pytest.fixture
def sold(found: Books) -> Books:
    found.sell("O1", (MERCHANT, 10_000))
    return found


@pytest.mark.parametrize("kind", [one for one in SHORTAGE if one != "payout_missing_here"])
def test_what_was_taken_off_is_met_and_may_be_undone(sold: Books, kind: str) -> None:
    charge(sold)
    named = short(sold, kind=kind)
    before = sold.balance(OWED)
    propose(sold, named, LINK, CASE)
    assert (sold.balance(OWED), met(sold)) == (before, ("", ""))  # Only tried.
    assert names(sold, ApproveResolution(named), CHECKER) == [
        "chargeback.met.1",
        "difference.approved.1",
        "difference.resolved.1",
    ]
    assert sold.do(ApproveResolution(named), CHECKER)["state"] == "resolved"  # Again.
    assert (sold.balance(SHORT), sold.balance(OWED)) == (0, before + 6_000)
    assert met(sold) == (named, "")
    adds_up(sold)
    undo(sold, named)
    assert (sold.balance(SHORT), sold.balance(OWED)) == (6_000, before)
    assert (state(sold, named).status, met(sold)) == ("confirmed", ("", ""))
    adds_up(sold)
    resolve(sold, named, LINK, CASE)
    assert (sold.balance(SHORT), met(sold)) == (0, (named, ""))


@pytest.mark.parametrize(
    "kind", ["session_over", "receipt_unknown", "missing_here", "duplicate", "amount"]
)
def test_what_comes_back_of_one_that_was_won_meets_it_again(sold: Books, kind: str) -> None:
    charge(sold)
    taken = short(sold)
    resolve(sold, taken, LINK, CASE)
    win(sold)
    back = over(sold, kind=kind)
    before = sold.balance(OWED)
    resolve(sold, back, LINK, CASE)
    assert (sold.balance(KEPT), sold.balance(OWED)) == (0, before - 6_000)
    assert met(sold) == (taken, back)
    undo(sold, back)
    assert (sold.balance(KEPT), sold.balance(OWED)) == (6_000, before)
    assert met(sold) == (taken, "")
    resolve(sold, back, LINK, CASE)
    assert met(sold) == (taken, back)


@pytest.mark.parametrize("won_first", [True, False])
def test_won_before_or_after_it_was_met_comes_to_the_same(sold: Books, won_first: bool) -> None:
    charge(sold)
    assert sold.balance(OWED) == -6_000
    taken, back = short(sold), over(sold)
    steps = [lambda: resolve(sold, taken, LINK, CASE), lambda: win(sold)]
    for step in reversed(steps) if won_first else steps:
        step()
    resolve(sold, back, LINK, CASE)
    assert (sold.balance(KEPT), sold.balance(SHORT)) == (0, 0)
    assert met(sold) == (taken, back)
    assert sold.balance(OWED) == -6_000  # Of the session, which took it off.
    assert sold.balance(f"2241.04.{MERCHANT}") == 10_000


def test_won_before_it_was_met_nothing_comes_back(sold: Books) -> None:
    charge(sold)
    win(sold)
    assert sold.balance(OWED) == 0
    assert unfit(sold, over(sold), CASE) == (Code.CHARGEBACK_STATE_WRONG, "to")


def test_what_came_back_is_undone_before_what_was_taken_off(sold: Books) -> None:
    charge(sold)
    taken, back = short(sold), over(sold)
    resolve(sold, taken, LINK, CASE)
    win(sold)
    resolve(sold, back, LINK, CASE)
    with pytest.raises(Refused) as no:
        sold.do(UndoResolution(taken, "it was not so"), CHECKER)
    assert no.value.code is Code.CHARGEBACK_STATE_WRONG
    assert back in no.value.detail
    undo(sold, back)
    undo(sold, taken)
    assert met(sold) == ("", "")


def test_one_difference_may_be_the_money_of_several(sold: Books) -> None:
    both = f"{charge(sold)},{charge(sold, 'C2', 4_000)}"
    named = short(sold, 10_000)
    assert unfit(sold, named, CASE) == (Code.RESOLUTION_UNFIT, "to")
    assert unfit(sold, named, f"{CASE},{CASE}") == (Code.RESOLUTION_UNFIT, "to")
    resolve(sold, named, LINK, both)
    assert (met(sold), met(sold, "JD_PAY-C2")) == ((named, ""), (named, ""))
    assert sold.balance(SHORT) == 0
    undo(sold, named)
    assert (met(sold), met(sold, "JD_PAY-C2")) == (("", ""), ("", ""))
    assert unfit(sold, named, f"{both},") == (Code.IDENTIFIER_INVALID, "to")
    assert unfit(sold, named, ",".join([CASE] * 21)) == (Code.REQUEST_INVALID, "to")


def test_one_chargeback_twice_is_not_two(sold: Books) -> None:
    named = short(sold, 12_000)
    charge(sold)
    assert unfit(sold, named, f"{CASE},{CASE}") == (Code.CHARGEBACK_STATE_WRONG, "to")


@pytest.mark.parametrize(
    ("wanted", "to", "code"),
    [
        pytest.param({"fen": 5_999}, CASE, Code.RESOLUTION_UNFIT, id="less"),
        pytest.param({"fen": 6_001}, CASE, Code.RESOLUTION_UNFIT, id="more"),
        pytest.param(
            {"kind": "refund_missing_here", "channel": "WECHAT_PAY"},
            CASE,
            Code.RESOLUTION_UNFIT,
            id="another channel",
        ),
        pytest.param(
            {"channel": "CLOUD_QUICKPASS"}, CASE, Code.RESOLUTION_UNFIT, id="another network"
        ),
        pytest.param({}, "JD_PAY-C9", Code.CHARGEBACK_NOT_FOUND, id="unknown"),
        pytest.param({}, "JD_PAY-R1", Code.CHARGEBACK_STATE_WRONG, id="a retrieval"),
        pytest.param({}, "JD_PAY-M1", Code.CHARGEBACK_STATE_WRONG, id="met already"),
        pytest.param({}, "JD_PAY-", Code.CHARGEBACK_NOT_FOUND, id="half an id"),
        pytest.param({}, "JD_PAY-C 1", Code.IDENTIFIER_INVALID, id="no id"),
        pytest.param({}, "NO_PAY-C1", Code.DIFFERENCE_NOT_FOUND, id="no channel"),
        pytest.param({}, "", Code.REQUEST_INVALID, id="nothing"),
    ],
)
def test_what_is_no_shortage_of_it(
    sold: Books, wanted: dict[str, Any], to: str, code: Code
) -> None:
    charge(sold)
    charge(sold, "R1", kind="retrieval")
    charge(sold, "M1", 1_000)
    resolve(sold, short(sold, 1_000, number="N7"), LINK, "JD_PAY-M1")
    assert unfit(sold, short(sold, **wanted), to) == (code, "to")


@pytest.mark.parametrize(
    ("wanted", "to", "code"),
    [
        pytest.param({}, CASE, Code.CHARGEBACK_STATE_WRONG, id="not won"),
        pytest.param({}, "JD_PAY-L1", Code.CHARGEBACK_STATE_WRONG, id="lost"),
        pytest.param({}, "JD_PAY-W1", Code.CHARGEBACK_STATE_WRONG, id="has come back"),
        pytest.param({"fen": 1}, "JD_PAY-W2", Code.RESOLUTION_UNFIT, id="another amount"),
        pytest.param(
            {"kind": "refund_missing_at_channel"},
            "JD_PAY-W2",
            Code.RESOLUTION_UNFIT,
            id="a refund that never left is the buyer's",
        ),
        pytest.param(
            {"kind": "payout_missing_at_bank", "channel": "BANK_TRANSFER"},
            "JD_PAY-W2",
            Code.RESOLUTION_UNFIT,
            id="a payout that never left is the merchant's",
        ),
    ],
)
def test_what_has_not_come_back(sold: Books, wanted: dict[str, Any], to: str, code: Code) -> None:
    for number in ("L1", "W1", "W2"):
        case = charge(sold, number, 1_000)
        resolve(sold, short(sold, 1_000, number=number), LINK, case)
        sold.do(EndChargeback(case, "lost" if number == "L1" else "won", "the bank"))
    resolve(sold, over(sold, 1_000, number="W1"), LINK, "JD_PAY-W1")
    charge(sold)
    resolve(sold, short(sold), LINK, CASE)
    assert unfit(sold, over(sold, **{"fen": 1_000, **wanted}), to) == (code, "to")


def test_the_channel_that_leads_a_session_may_be_another(sold: Books) -> None:
    charge(sold)
    named = short(sold, channel="WECHAT_PAY")  # NetsUnion clears both.
    before = sold.balance(OWED)
    resolve(sold, named, LINK, CASE)
    assert sold.balance("1122.04.WECHAT_PAY") == 0
    assert sold.balance(OWED) == before + 6_000


@pytest.mark.parametrize("sense", ["shortage", "surplus"])
def test_a_line_of_the_banks_may_be_of_any_channel(sold: Books, sense: str) -> None:
    charge(sold)
    taken = short(sold, kind="payout_missing_here", channel="BANK_TRANSFER")
    resolve(sold, taken, LINK, CASE)
    assert (sold.balance("1122.04.BANK_TRANSFER"), sold.balance(OWED)) == (0, 0)
    if sense == "surplus":
        win(sold)
        resolve(sold, over(sold, kind="receipt_unknown", channel="BANK_TRANSFER"), LINK, CASE)
        assert (sold.balance("2241.08.BANK_TRANSFER"), sold.balance(OWED)) == (0, 0)


def test_it_is_decided_anew_when_it_is_approved(sold: Books) -> None:
    charge(sold)
    one, two = short(sold), short(sold, number="N7")
    for named in (one, two):
        propose(sold, named, LINK, CASE)
    assert refusal(sold, ApproveResolution(one), MAKER) is Code.CHECKER_IS_MAKER
    approve(sold, one)
    assert refusal(sold, ApproveResolution(two), CHECKER) is Code.CHARGEBACK_STATE_WRONG
    turn_down(sold, two)
    assert unfit(sold, two, CASE) == (Code.CHARGEBACK_STATE_WRONG, "to")
    undo(sold, one)
    resolve(sold, two, LINK, CASE)
    assert met(sold) == (two, "")


def test_a_proposal_falls_with_its_difference(sold: Books) -> None:
    charge(sold)
    named = short(sold)
    propose(sold, named, LINK, CASE)
    wanted = ProposeResolution(named, LINK, "as the bill says", CASE)
    assert sold.facts_of(wanted, MAKER) == []  # The same again.
    clear(sold, named)
    assert (state(sold, named).status, met(sold)) == ("reversed", ("", ""))
    assert sold.balance(OWED) == -6_000
