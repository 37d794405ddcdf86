"""Facts of cards in; signings, what is due and the default out, whatever the batch."""

import pytest
from sqlalchemy import Connection

from domain.member import card as facts
from domain.member import member
from projections.models import cards, members
from projections.models.cards import MODEL
from tests.examples import (
    BUYER,
    BUYER_NAME,
    CARD,
    HOLDER,
    MERCHANT,
    PAID_AT,
    PARTICULARS,
    PAY_DAY,
    log,
)
from tests.projections.applied import apply

STREAM = f"cards-{BUYER}"
S = 1_000_000
FACTS = log(
    (STREAM, facts.BindingRequested(1, "personal", CARD, PARTICULARS, HOLDER, "7894", "", "")),
    (STREAM, facts.Attempted(1, 1, "sign", PAID_AT + 60 * S)),
    (STREAM, facts.Unanswered(1, 1, "NO_ANSWER", PAID_AT + 5 * S)),
    (STREAM, facts.Attempted(1, 2, "sign", PAID_AT + 65 * S)),
    (STREAM, facts.CodeSent(1, "ICBC", "DEBIT", PAID_AT + 300 * S)),
    (STREAM, facts.CodeGiven(1, 1, "c0" * 16)),
    (STREAM, facts.Attempted(1, 3, "confirm", PAID_AT + 70 * S)),
    (STREAM, facts.CodeWrong(1, 2)),
    (STREAM, facts.CodeGiven(1, 2, "c1" * 16)),
    (STREAM, facts.Bound(1, CARD, "A1", 0), PAID_AT + 7),
    (STREAM, facts.DefaultSet(CARD)),
    (STREAM, facts.BindingRequested(2, "personal", CARD, "9b" * 16, HOLDER, "7894", "", "")),
    (STREAM, facts.CodeSent(2, "ICBC", "DEBIT", PAID_AT + 300 * S)),
    (STREAM, facts.CodeGiven(2, 1, "c2" * 16)),
    (STREAM, facts.Bound(2, CARD, "A2", 1), PAID_AT + 9),
    (
        STREAM,
        facts.BindingRequested(3, "personal", "cb" * 16, "9c" * 16, HOLDER, "1", "guardian", "D"),
    ),
    (STREAM, facts.BindingRefused(3, "NAME_WRONG"), PAID_AT + 11),
    (STREAM, facts.Unbound(2, CARD, "lost")),
    (
        f"cards-{MERCHANT}",
        facts.BindingRequested(1, "enterprise", "cc" * 16, "9d" * 16, HOLDER, "2", "", ""),
    ),
)


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_every_signing_is_a_row(books: Connection, size: int) -> None:
    apply(books, MODEL, FACTS, size)
    rows, default = cards.cards(books, BUYER)
    assert default == CARD
    assert [(one.binding, one.state, one.due_us, one.reason) for one in rows] == [
        (3, "refused", None, "NAME_WRONG"),
        (2, "ending", 0, "lost"),
        (1, "replaced", None, ""),
    ]
    first = rows[-1]
    assert (first.bank, first.card_kind, first.agreement, first.tail) == (
        "ICBC",
        "DEBIT",
        "A1",
        "7894",
    )
    assert (first.attempts, first.codes, first.code, first.tries_left) == (3, 2, "c1" * 16, 2)
    assert (first.bound_at_us, first.ended_at_us) == (PAID_AT + 7, PAID_AT + 9)
    assert (rows[0].relation, rows[0].document, rows[0].ended_at_us) == (
        "guardian",
        "D",
        PAID_AT + 11,
    )
    due = cards.due(books, PAID_AT, 10)
    assert [one.binding_id for one in due] == [f"{BUYER}-2", f"{MERCHANT}-1"]
    assert cards.next_due_us(books) == 0
    assert cards.cards(books, "NOBODY") == ([], "")
    bound = [cards.was_bound(books, BUYER, one) for one in (PARTICULARS, "9b" * 16, "9c" * 16)]
    assert bound == [True, True, False]


@pytest.mark.parametrize("stop", range(1, len(FACTS)))
def test_what_is_due_is_what_the_state_would_ask(books: Connection, stop: int) -> None:
    """After each fact: the read model asks for what the aggregate would be asked about, and no
    earlier."""
    apply(books, MODEL, FACTS[:stop], 100)
    state = facts.State()
    for recorded in FACTS[:stop]:
        if recorded.stream == STREAM:
            state = facts.evolve(state, recorded.fact)
    rows, _ = cards.cards(books, BUYER)
    due = {one.binding: one.due_us for one in rows if one.due_us is not None}
    expected = {
        one.binding: one.due_us if one.asks else one.expires_us
        for one in state.bindings
        if one.asks or one.status == "code_sent"
    }
    assert due == expected


@pytest.mark.parametrize("size", [1, 100])
def test_a_forgotten_person_has_no_name_and_a_company_keeps_its_own(
    books: Connection, size: int
) -> None:
    stream, shop = f"member-{BUYER}", f"member-{MERCHANT}"
    told = log(
        (stream, member.Registered(BUYER, "personal", BUYER_NAME)),
        (shop, member.Registered(MERCHANT, "enterprise", "nuts")),
        (stream, member.Certified(PAY_DAY, 1, ("police",), HOLDER, PARTICULARS), PAID_AT + 1),
        (stream, member.Certified(PAY_DAY, 2, ("police", "tax", "telecom"), HOLDER, PARTICULARS)),
        (stream, member.Forgotten(PAY_DAY, 10, "asked"), PAID_AT + 3),
        (shop, member.Forgotten(PAY_DAY, 10, "asked"), PAID_AT + 4),
    )
    apply(books, members.MODEL, told, size)
    person, company = members.member(books, BUYER), members.member(books, MERCHANT)
    assert person is not None and company is not None
    assert (person.name, person.forgotten_at_us) == ("forgotten", PAID_AT + 3)
    assert (company.name, company.forgotten_at_us) == ("nuts", PAID_AT + 4)
    assert [(one.level, one.sources) for one in person.certified] == [(2, "police,tax,telecom")]
    assert members.forgotten(books) == {BUYER: PAID_AT + 3, MERCHANT: PAID_AT + 4}
    assert members.is_forgotten(books, BUYER) and not members.is_forgotten(books, "NOBODY")
