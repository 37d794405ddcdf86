"""Facts of agreements in; every version by its date out, whatever the batch."""

import pytest
from sqlalchemy import Connection

from domain.member.agreement import STANDARD, Ended, Method, Signed, SubMerchant
from projections.models.agreements import MODEL, Version, agreements_of
from tests.examples import MERCHANT, PAID_AT, PAY_DAY, RELEASE_DAY, SETTLE_DAY, log
from tests.full_examples import AGREED
from tests.projections.applied import apply

STREAM = f"agreement-{MERCHANT}"
FACTS = log(
    (STREAM, Signed(PAY_DAY, STANDARD), PAID_AT),
    (STREAM, Signed(SETTLE_DAY, STANDARD), PAID_AT + 1),
    ("agreement-TEA", Signed(PAY_DAY, STANDARD), PAID_AT + 2),
    (STREAM, Signed(RELEASE_DAY, AGREED), PAID_AT + 3),
    (STREAM, Ended(SETTLE_DAY), PAID_AT + 4),  # Instead of what was signed for that date.
)


@pytest.mark.parametrize("size", [1, 2, 100])
def test_every_version_is_a_row(books: Connection, size: int) -> None:
    apply(books, MODEL, FACTS, size)
    first, second, third = agreements_of(books, MERCHANT)
    assert first == Version(
        PAY_DAY, True, ("ESCROW_PURCHASE",), STANDARD.methods, (), None, None, "", PAID_AT, 1
    )
    assert second == Version(
        RELEASE_DAY,
        True,
        ("ESCROW_PURCHASE", "INSTANT_PURCHASE"),
        (Method("JD_PAY"), Method("WECHAT_PAY", 100, 5_000_000, 90_000_000)),
        (SubMerchant("WECHAT_PAY", "1900000022"),),
        365,
        50_000,
        "22:30",
        PAID_AT + 3,
        4,
    )
    assert third == Version(SETTLE_DAY, False, (), (), (), None, None, "", PAID_AT + 4, 5)
    assert len(agreements_of(books, "TEA")) == 1
    assert agreements_of(books, "NOBODY") == []
