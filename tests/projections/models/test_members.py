"""Facts of members in; members with their terms and operators out."""

from datetime import date

import pytest
from sqlalchemy import Connection

from domain.member.member import (
    AgreementEnded,
    AgreementSigned,
    DebtLimitSet,
    FeeRuleSet,
    OperatorAdded,
    OperatorRemoved,
    Registered,
    SettlementTermsSet,
)
from domain.money import FeeRule
from projections.models.members import (
    MODEL,
    Agreement,
    Member,
    Operator,
    Terms,
    member,
    members,
)
from tests.examples import BUYER, BUYER_NAME, MERCHANT, MERCHANT_NAME, PAID_AT, PAY_DAY, log
from tests.projections.applied import apply

STREAM, LATER = f"member-{MERCHANT}", date(2011, 1, 1)
FACTS = log(
    (STREAM, Registered(MERCHANT, "enterprise", MERCHANT_NAME)),
    (STREAM, OperatorAdded("ZHANG", "viewer")),
    (STREAM, OperatorAdded("WANG", "owner")),
    (STREAM, FeeRuleSet(LATER, FeeRule(50))),
    (STREAM, FeeRuleSet(PAY_DAY, FeeRule(60, 5, 10, 2_000))),
    (STREAM, FeeRuleSet(LATER, FeeRule(55))),
    (STREAM, SettlementTermsSet(PAY_DAY, "T+1", 5_000_000)),
    (f"member-{BUYER}", Registered(BUYER, "personal", BUYER_NAME), PAID_AT + 1),
    (STREAM, OperatorRemoved("WANG")),
    (STREAM, OperatorAdded("ZHANG", "finance")),
    (STREAM, OperatorAdded("LI", "viewer")),
    (STREAM, OperatorRemoved("LI")),
    (STREAM, OperatorAdded("LI", "owner")),
    (STREAM, DebtLimitSet(LATER, None)),
    (STREAM, DebtLimitSet(PAY_DAY, 1)),
    (STREAM, DebtLimitSet(PAY_DAY, 50_000)),
    (STREAM, AgreementSigned("instant", PAY_DAY)),
    (STREAM, AgreementSigned("instant", LATER)),
    (STREAM, AgreementEnded("instant", LATER)),
)
SQUIRRELS = Member(
    MERCHANT,
    "enterprise",
    MERCHANT_NAME,
    PAID_AT,
    (
        Terms("debt", PAY_DAY, None, None, None, None, None, None, 50_000),
        Terms("debt", LATER, None, None, None, None, None, None),
        Terms("fee", PAY_DAY, 60, 5, 10, 2_000, None, None),
        Terms("fee", LATER, 55, 0, 0, None, None, None),
        Terms("settlement", PAY_DAY, None, None, None, None, "T+1", 5_000_000),
    ),
    (Operator("LI", "owner"), Operator("ZHANG", "finance")),
    (Agreement("instant", PAY_DAY, True), Agreement("instant", LATER, False)),
)
LI_LEI = Member(BUYER, "personal", BUYER_NAME, PAID_AT + 1)


@pytest.mark.parametrize("size", [1, 2, 7, None])
def test_a_member_has_its_terms_and_operators(books: Connection, size: int | None) -> None:
    apply(books, MODEL, FACTS, size)
    assert member(books, MERCHANT) == SQUIRRELS
    assert member(books, "NOBODY") is None
    assert members(books).items == [LI_LEI, SQUIRRELS]
    assert members(books, "enterprise").items == [SQUIRRELS]
    assert members(books, "personal").items == [LI_LEI]
