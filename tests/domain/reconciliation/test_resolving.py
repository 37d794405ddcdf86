"""Every kind of difference driven to each of its resolutions, and back where it can go back.

After each story the entries balance, the identity holds, and the open items equal their accounts,
from the states and from the facts alone.
"""

from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace

from domain.accounting.commands import CloseAccount
from domain.kernel import Unit
from domain.reconciliation import difference
from domain.reconciliation.hindrances import possible
from domain.reconciliation.resolutions import FITS, WAYS, Sense
from domain.reconciliation.resolving import (
    ApproveResolution,
    ProposeResolution,
    TurnDownResolution,
    UndoResolution,
)
from domain.refusals import Code, Refused
from tests.books import Books, names, refusal
from tests.domain.payment.contradicting import say
from tests.domain.reconciliation.conftest import adds_up
from tests.domain.reconciliation.differing import (
    SHORTAGE,
    SURPLUS,
    about_of,
    approve,
    begun,
    clear,
    confirm,
    propose,
    resolve,
    state,
    turn_down,
    undo,
)
from tests.examples import BUYER, CHECKER, MAKER, MERCHANT

KEPT, SHORT, WALLET = "2241.08.JD_PAY", "1122.04.JD_PAY", f"2241.01.{BUYER}"
NEVER = frozenset({"6001.01", "6001.02"})  # No surplus becomes income.


def senses_of(kind: str) -> list[Sense]:
    """What can wait of a kind."""
    found: list[Sense] = []
    if kind in SURPLUS:
        found.append("surplus")
    if kind in SHORTAGE:
        found.append("shortage")
    return [*found, "nothing"]


IMPOSSIBLE = {("status", "shortage", "adopt")}  # A payment that the bill has not.
CASES = [
    (kind, sense, resolution)
    for kind in FITS
    for sense, resolution in product(senses_of(kind), FITS[kind])
    if sense in WAYS[resolution].of and (kind, sense, resolution) not in IMPOSSIBLE
]


@pytest.mark.parametrize(("kind", "sense", "resolution"), CASES)
def test_every_kind_comes_to_each_of_its_ends_and_back(
    found: Books, kind: str, sense: str, resolution: str
) -> None:
    named, to = begun(found, kind, sense, resolution)
    before = balances(found)
    assert resolution in possible(found.state, state(found, named))
    assert propose(found, named, resolution, to)["state"] == "proposed"
    assert balances(found) == before  # Only tried.
    adds_up(found)
    approve(found, named)
    adds_up(found)
    after = state(found, named)
    assert after.proposed is not None
    assert (after.proposed.by, after.proposed.reason) == (MAKER, "as the bill says")
    assert after.approved_by == CHECKER
    outside = after.awaits.startswith("diff-")
    assert after.status == ("approved" if WAYS[resolution].until else "resolved")
    if outside:
        assert refusal(found, UndoResolution(named, "no"), MAKER) is Code.RESOLUTION_FINAL
        say(found, after.awaits, "declined", reason="card closed")
        assert (state(found, named).status, balances(found)) == ("confirmed", before)
        adds_up(found)
        resolve(found, named, resolution, to)
        again = state(found, named).awaits
        assert again != after.awaits
        say(found, again, "succeeded", "B8")
        assert state(found, named).status == "resolved"
    elif not WAYS[resolution].final:
        undo(found, named)
        assert (state(found, named).status, balances(found)) == ("confirmed", before)
        adds_up(found)
        resolve(found, named, resolution, to)
    if WAYS[resolution].final:
        with pytest.raises(Refused) as no:
            found.do(UndoResolution(named, "no"), MAKER)
        assert no.value.code is Code.RESOLUTION_FINAL
        gone = resolution != "adopt" or kind.startswith(("refund", "payout"))
        assert ("what comes back is led back" in no.value.detail) is gone
        assert ("refund it instead" in no.value.detail) is not gone
    changed = {one for one, fen in balances(found).items() if fen != before.get(one, 0)}
    assert not changed & NEVER
    if resolution not in ("accept", "correct_fee", "claim"):
        assert found.balance(state(found, named).kept) == 0


@pytest.mark.parametrize(("kind", "sense", "resolution"), CASES)
def test_what_is_not_possible_is_refused_before_it_is_tried(
    found: Books, kind: str, sense: str, resolution: str
) -> None:
    """Without an instruction of ours, without a serial of the channel's, a fee off by 0.4 fen."""
    fee = {"ours_fen": 28_000, "bill_fen": 28_400} if kind == "fee" else {}
    named = confirm(found, about_of(kind, sense, 10_000, serial="", **fee))
    unfit = {"adopt", "refund_payer", "credit_payee", "reissue", "correct_fee"}
    may = possible(found.state, state(found, named))
    assert (resolution in may) is (resolution not in unfit)
    if resolution in unfit:
        wanted = ProposeResolution(named, resolution, "why")
        assert refusal(found, wanted, MAKER) is Code.RESOLUTION_UNFIT


def balances(books: Books) -> dict[str, int]:
    """By account, where there is something."""
    found = {
        name.removeprefix("account-"): known.balance_fen
        for name, (_, known, _) in books.states.items()
        if name.startswith("account-")
    }
    return {name: fen for name, fen in found.items() if fen}


def test_every_resolution_is_reached() -> None:
    assert {resolution for _, _, resolution in CASES} == set(WAYS)
    assert {kind for kind, _, _ in CASES} == set(FITS)


# Two persons, and what is refused.


def test_one_person_is_not_two(found: Books) -> None:
    named = confirm(found, about_of("missing_at_channel", "shortage", 10_000))
    propose(found, named, "write_off")
    assert refusal(found, ApproveResolution(named), MAKER) is Code.CHECKER_IS_MAKER
    found.do(ApproveResolution(named), CHECKER)
    assert found.facts_of(ApproveResolution(named), CHECKER) == []  # Again.
    late = refusal(found, ApproveResolution(named), "operator:third")
    assert late is Code.DIFFERENCE_STATE_WRONG
    found.do(UndoResolution(named, "it came"), CHECKER)
    assert refusal(found, ApproveResolution(named), CHECKER) is Code.CHECKER_IS_MAKER
    assert found.balance("6711") == 10_000
    approve(found, named, "operator:third")
    assert found.balance("6711") == 0


def test_a_key_that_is_nobodys_may_be_anybodys(found: Books) -> None:
    named = confirm(found, about_of("missing_at_channel", "shortage", 10_000))
    propose(found, named, "write_off", by="staff:alice")
    wanted = ApproveResolution(named)
    assert refusal(found, wanted, "operator:k1") is Code.PERSON_UNKNOWN
    assert refusal(found, wanted, "staff:alice") is Code.CHECKER_IS_MAKER
    assert approve(found, named, "staff:bob")["state"] == "resolved"


def test_an_undoing_that_is_turned_down_leaves_it_resolved(found: Books) -> None:
    named = confirm(found, about_of("missing_at_channel", "shortage", 10_000))
    resolve(found, named, "write_off")
    found.do(UndoResolution(named, "it came"), MAKER)
    again = UndoResolution(named, "it came")
    assert found.facts_of(again, MAKER) == []
    assert refusal(found, again, CHECKER) is Code.DIFFERENCE_STATE_WRONG
    turn_down(found, named)
    after = state(found, named)
    assert (after.status, after.undoing) == ("resolved", None)


def test_what_is_turned_down_may_be_proposed_anew(found: Books) -> None:
    named = confirm(found, about_of("missing_at_channel", "shortage", 10_000))
    wanted = ProposeResolution(named, "claim", "they owe it")
    assert names(found, wanted) == ["difference.proposed.1"]
    assert found.facts_of(wanted) == []
    assert refusal(found, ProposeResolution(named, "write_off", "x")) is (
        Code.DIFFERENCE_STATE_WRONG
    )
    turn_down(found, named, MAKER)
    assert refusal(found, TurnDownResolution(named, "x")) is Code.DIFFERENCE_STATE_WRONG
    propose(found, named, "write_off")
    clear(found, named)  # Its line came after all.
    assert refusal(found, ApproveResolution(named), CHECKER) is Code.DIFFERENCE_STATE_WRONG


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        pytest.param(ProposeResolution("none", "claim", "x"), Code.DIFFERENCE_NOT_FOUND, id="id"),
        pytest.param(ApproveResolution("none"), Code.DIFFERENCE_NOT_FOUND, id="approve"),
        pytest.param(TurnDownResolution("none", "x"), Code.DIFFERENCE_NOT_FOUND, id="turn down"),
        pytest.param(UndoResolution("none", "x"), Code.DIFFERENCE_NOT_FOUND, id="undo"),
        pytest.param(ApproveResolution("a b"), Code.IDENTIFIER_INVALID, id="no id"),
        pytest.param(ProposeResolution("", "claim", "x"), Code.IDENTIFIER_INVALID, id="empty"),
        pytest.param(ProposeResolution("D", "income", "x"), Code.REQUEST_INVALID, id="income"),
        pytest.param(ProposeResolution("D", "claim", ""), Code.TEXT_INVALID, id="no reason"),
        pytest.param(ProposeResolution("D", "accept", "x"), Code.RESOLUTION_UNFIT, id="kind"),
        pytest.param(ProposeResolution("D", "to_wallet", "x"), Code.REQUEST_INVALID, id="whom"),
        pytest.param(
            ProposeResolution("D", "refund_payer", "x", BUYER), Code.REQUEST_INVALID, id="nobody"
        ),
        pytest.param(
            ProposeResolution("D", "to_wallet", "x", "N N"), Code.IDENTIFIER_INVALID, id="name"
        ),
        pytest.param(
            ProposeResolution("D", "to_wallet", "x", "NOBODY"), Code.MEMBER_NOT_FOUND, id="member"
        ),
        pytest.param(
            ProposeResolution("D", "to_wallet", "x", MERCHANT), Code.MEMBER_KIND_WRONG, id="shop"
        ),
        pytest.param(
            ProposeResolution("D", "link", "x", "none"), Code.DIFFERENCE_NOT_FOUND, id="other"
        ),
        pytest.param(ProposeResolution("D", "link", "x", "D"), Code.REQUEST_INVALID, id="itself"),
        pytest.param(UndoResolution("D", "x"), Code.DIFFERENCE_STATE_WRONG, id="not done"),
    ],
)
def test_what_is_refused(found: Books, wanted: Any, code: Code) -> None:
    named = confirm(found, about_of("missing_here", "surplus", 10_000))
    known = {"difference": named if wanted.difference == "D" else wanted.difference}
    if getattr(wanted, "to", "") == "D":
        known["to"] = named
    assert refusal(found, replace(wanted, **known), MAKER) is code


def test_a_closed_wallet_takes_nothing(found: Books) -> None:
    named = confirm(found, about_of("missing_here", "surplus", 10_000))
    found.do(CloseAccount(WALLET))
    wanted = ProposeResolution(named, "to_wallet", "x", BUYER)
    assert refusal(found, wanted) is Code.ACCOUNT_CLOSED


def test_what_is_suspected_is_not_resolved(found: Books) -> None:
    about = about_of("missing_here", "surplus", 10_000)

    def suspects(unit: Unit) -> None:
        unit.record(
            difference.stream("D1"),
            difference.suspect(unit.load(difference.stream("D1")), about, "cut_off"),
        )

    found.decide(suspects)
    wanted = ProposeResolution("D1", "refund_payer", "x")
    assert refusal(found, wanted) is Code.DIFFERENCE_STATE_WRONG
