"""A merchant's agreement: its versions by date, what they let it use, and what is malformed."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any, get_args

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st
from msgspec import json
from msgspec.structs import replace

from domain.kernel import Fact
from domain.member import agreement, member
from domain.member.agreement import (
    STANDARD,
    Ended,
    Method,
    MethodCode,
    Product,
    Signed,
    State,
    SubMerchant,
    Terms,
)
from domain.member.terms import MAX_TERMS
from domain.money import MAX_FEN
from domain.payment.protocol import COMBINES, PAYMENT_CODES, PRODUCTS
from domain.refusals import Code, Refused
from tests.examples import BUYER, MERCHANT, MERCHANT_NAME
from tests.scenario import Scenario

given = Scenario(agreement.evolve, State()).given
YESTERDAY, TODAY, TOMORROW = (date(2010, 12, day) for day in (1, 2, 3))
CARDS = Terms(("ESCROW_PURCHASE",), (Method("BANK_CARD"),))
BOTH = Terms(("ESCROW_PURCHASE", "INSTANT_PURCHASE"), (Method("JD_PAY"), Method("WECHAT_PAY")))


def owner(*more: Fact, needs: bool = True) -> member.State:
    registered = member.Registered(MERCHANT, "enterprise", MERCHANT_NAME, needs)
    state: member.State = Scenario(member.evolve, member.State()).given(registered, *more).state
    return state


SHOP, OLDER = owner(), owner(needs=False)


@dataclass
class By:
    """A decision that is given the merchant first, and the agreement's state second."""

    decide: Any
    whose: member.State = SHOP

    def __call__(self, state: State, *args: Any) -> Any:
        return self.decide(self.whose, state, *args)


sign, end = By(agreement.sign), By(agreement.end)


def test_what_can_be_signed_is_what_the_protocol_has() -> None:
    bought = {one.code: one for one in PRODUCTS.values() if one.flow == "purchase"}
    assert set(get_args(Product)) == set(bought)
    assert set(get_args(MethodCode)) == set(PAYMENT_CODES)
    assert all(set(one.codes) == set(PAYMENT_CODES) for one in bought.values())
    assert set(agreement.PARTNERED) == set(COMBINES)


def test_an_agreement_takes_effect_from_today_or_later() -> None:
    given().when(sign, TODAY, CARDS, TODAY).then(Signed(TODAY, CARDS))
    given().when(sign, TOMORROW, CARDS, TODAY).then(Signed(TOMORROW, CARDS))
    given().when(sign, YESTERDAY, CARDS, TODAY).refused(Code.TERMS_INVALID, "effective_from")
    given(Signed(TODAY, CARDS)).when(end, YESTERDAY, TODAY).refused(Code.AGREEMENT_MISSING)
    given(Signed(YESTERDAY, CARDS)).when(end, YESTERDAY, TODAY).refused(Code.TERMS_INVALID)


def test_the_same_again_says_nothing_new_even_later() -> None:
    signed = given(Signed(TODAY, BOTH))
    turned = replace(BOTH, methods=BOTH.methods[::-1], products=(*BOTH.products, *BOTH.products))
    signed.when(sign, TODAY, turned, TOMORROW).then()
    given(Signed(TODAY, BOTH), Ended(TOMORROW)).when(end, TOMORROW, TOMORROW).then()


def test_signing_for_a_date_replaces_what_was_signed_for_it() -> None:
    state = given(Signed(TODAY, CARDS), Signed(TODAY, BOTH)).state
    assert state.versions == ((TODAY, BOTH),)
    ended = given(Signed(TODAY, CARDS), Ended(TODAY)).state
    assert agreement.terms_on(SHOP, ended, TODAY) is None


def test_the_newest_whose_date_has_come_applies() -> None:
    state = given(Signed(TOMORROW, BOTH), Signed(YESTERDAY, CARDS), Ended(date(2011, 1, 1))).state
    asked = (date(2010, 11, 30), YESTERDAY, TODAY, TOMORROW, date(2010, 12, 31), date(2011, 1, 1))
    terms = partial(agreement.terms_on, SHOP, state)
    assert [terms(day) for day in asked] == [None, CARDS, CARDS, BOTH, BOTH, None]


def test_a_merchant_of_before_has_escrow_until_its_first_agreement_begins() -> None:
    state = given(Signed(TOMORROW, CARDS)).state
    assert [agreement.terms_on(OLDER, state, day) for day in (TODAY, TOMORROW)] == [STANDARD, CARDS]
    assert agreement.terms_on(OLDER, State(), TODAY) == STANDARD
    given().when(By(agreement.end, OLDER), TODAY, TODAY).then(Ended(TODAY))
    given().when(end, TODAY, TODAY).refused(Code.AGREEMENT_MISSING, "effective_from")


@pytest.mark.parametrize("product", get_args(Product))
@pytest.mark.parametrize("code", get_args(MethodCode))
def test_what_is_not_signed_is_refused(product: Product, code: MethodCode) -> None:
    """Every product and payment code: signed alone, it is there and nothing else is."""
    state = given(Signed(TODAY, Terms((product,), (Method(code),)))).state
    for other in get_args(Product):
        ask = partial(agreement.need_product, SHOP, state, other, TODAY, "mode")
        assert outcome(ask) == (None if other == product else (Code.AGREEMENT_MISSING, "mode"))
    for other in get_args(MethodCode):
        ask = partial(agreement.need_method, SHOP, state, other, TODAY, "method")
        assert outcome(ask) == (None if other == code else (Code.AGREEMENT_MISSING, "method"))


def outcome(ask: Any) -> Any:
    try:
        ask()
    except Refused as no:
        return no.code, no.field
    return None


def test_the_addendum_for_instant_adds_to_an_agreement_and_opens_nothing_alone() -> None:
    addendum = owner(member.AgreementSigned("instant", TODAY))
    escrow = given(Signed(TODAY, CARDS), Ended(TOMORROW)).state
    ask = partial(agreement.need_product, addendum, escrow, "INSTANT_PURCHASE")
    assert ask(TODAY, "mode") == CARDS
    missing = (Code.AGREEMENT_MISSING, "mode")
    assert outcome(partial(ask, TOMORROW, "mode")) == missing
    alone = partial(agreement.need_product, addendum, State(), "INSTANT_PURCHASE", TODAY, "mode")
    assert outcome(alone) == missing
    before = owner(member.AgreementSigned("instant", TODAY), needs=False)
    assert agreement.need_product(before, State(), "INSTANT_PURCHASE", TODAY, "mode") == STANDARD


@pytest.mark.parametrize(
    ("fen", "fits"), [(99, False), (100, True), (500, True), (501, False), (1, False)]
)
def test_a_payment_is_within_what_is_agreed(fen: int, fits: bool) -> None:
    agreed = Method("JD_PAY", 100, 500)
    ask = partial(agreement.refuse_amount, SHOP, agreed, fen, "method")
    assert outcome(ask) == (None if fits else (Code.AGREEMENT_LIMIT, "method"))


def _but(**fields: Any) -> Terms:
    return replace(CARDS, **fields)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        pytest.param(_but(products=()), "products", id="no product"),
        pytest.param(_but(methods=()), "methods", id="no method"),
        pytest.param(_but(methods=(Method("JD_PAY"),) * 2), "methods", id="a method twice"),
        pytest.param(_but(methods=(Method("JD_PAY", 0),)), "methods", id="from nothing"),
        pytest.param(_but(methods=(Method("JD_PAY", 5, 4),)), "methods", id="most below least"),
        pytest.param(_but(methods=(Method("JD_PAY", 1, MAX_FEN + 1),)), "methods", id="too much"),
        pytest.param(_but(methods=(Method("JD_PAY", 5, 9, 4),)), "methods", id="a day below one"),
        pytest.param(
            _but(sub_mchids=(SubMerchant("WECHAT_PAY", "a b"),)), "sub_mchids", id="a number"
        ),
        pytest.param(
            _but(sub_mchids=(SubMerchant("WECHAT_PAY", ""),)), "sub_mchids", id="an empty number"
        ),
        pytest.param(
            _but(sub_mchids=(SubMerchant("WECHAT_PAY", "1"), SubMerchant("WECHAT_PAY", "2"))),
            "sub_mchids",
            id="a channel twice",
        ),
        pytest.param(_but(refund_days=-1), "refund_days", id="refunds before the payment"),
        pytest.param(_but(refund_days=3_651), "refund_days", id="refunds for ever"),
        pytest.param(_but(debt_limit_fen=-1), "debt_limit_fen", id="a debt below nothing"),
        pytest.param(_but(cut_off="24:00"), "cut_off", id="no such time"),
        pytest.param(_but(cut_off="9:00"), "cut_off", id="another spelling"),
        pytest.param(_but(cut_off="２２:00"), "cut_off", id="another script's digits"),
    ],
)
def test_malformed_terms_are_refused(terms: Terms, field: str) -> None:
    given().when(sign, TODAY, terms, TODAY).refused(Code.TERMS_INVALID, field)


def test_who_is_no_merchant_signs_nothing() -> None:
    person = Scenario(member.evolve, member.State()).given(
        member.Registered(BUYER, "personal", "Li")
    )
    for decide, args in ((agreement.sign, (TODAY, CARDS, TODAY)), (agreement.end, (TODAY, TODAY))):
        given().when(By(decide, member.State()), *args).refused(Code.MEMBER_NOT_FOUND)
        given().when(By(decide, person.state), *args).refused(Code.MEMBER_KIND_WRONG)


def test_versions_that_wait_are_limited_and_the_one_in_force_is_kept() -> None:
    waiting = [Signed(TODAY + timedelta(days=n), CARDS) for n in range(MAX_TERMS)]
    full, later = given(*waiting), TODAY + timedelta(days=99)
    full.when(sign, later, BOTH, TODAY).refused(Code.TERMS_INVALID, "effective_from")
    full.when(sign, later, BOTH, TOMORROW).then(Signed(later, BOTH))
    after = given(*waiting, Signed(later, BOTH)).state
    assert (len(after.versions), agreement.terms_on(SHOP, after, TOMORROW)) == (MAX_TERMS, CARDS)


def test_a_thousand_versions_leave_the_state_small() -> None:
    versions = [
        Signed(TODAY + timedelta(days=n), replace(STANDARD, refund_days=n)) for n in range(1_000)
    ]
    assert len(json.encode(given(*versions).state)) < 10_000


_days = st.integers(0, 40).map(lambda n: TODAY + timedelta(days=n))
_versions = st.tuples(_days, st.sampled_from([CARDS, BOTH, None]))


@examples(st.lists(_versions, max_size=30), _days)
def test_what_applies_is_what_was_last_said_for_the_newest_date_that_has_come(
    said: list[tuple[date, Terms | None]], day: date
) -> None:
    """Told in any order; while fewer dates than are kept lie behind, nothing is lost."""
    facts = [Ended(since) if terms is None else Signed(since, terms) for since, terms in said]
    by_date = dict(said)
    kept = sorted(by_date)[-MAX_TERMS:]
    come = [since for since in kept if since <= day]
    right = by_date[come[-1]] if come else None
    if len(by_date) <= MAX_TERMS:
        assert agreement.terms_on(SHOP, given(*facts).state, day) == right
