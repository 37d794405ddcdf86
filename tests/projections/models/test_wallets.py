"""Facts of spending in; what one customer has used out, whatever the batch."""

from datetime import date

import pytest
from sqlalchemy import Connection

from domain.member import member
from domain.payment import spending as facts
from domain.payment.spending import Sums
from projections.models.wallets import MODEL
from tests.examples import BUYER, CUSTOMER, FRIEND, HOLDER, PARTICULARS, PAY_DAY, log
from tests.projections.applied import apply, rows_of

ONE, OTHER = date(2019, 12, 31), date(2020, 1, 1)
OWN, SHARED = f"spending-{BUYER}", f"spending-c-{CUSTOMER}"
HANDED = Sums(OTHER, 57, 7, few_fen=7)
FACTS = log(
    (OWN, facts.Counted("use-transfer-X1", ONE, 60, "two", True)),
    (SHARED, facts.Counted("use-transfer-X2", ONE, 500, "signed", False)),
    (OWN, facts.Counted("use-transfer-X3", OTHER, 7, "few", False)),
    (OWN, facts.GivenBack("use-transfer-X1", ONE, 10, "two", True)),
    (
        f"member-{BUYER}",
        member.Certified(PAY_DAY, 2, ("in_person",), HOLDER, PARTICULARS, CUSTOMER),
    ),
    (OWN, facts.HandedOver(f"c-{CUSTOMER}", HANDED)),
    (SHARED, facts.TakenOver(BUYER, HANDED)),
    (SHARED, facts.Counted("use-withdrawal-W1", OTHER, 1_000, "", False)),
    (f"member-{FRIEND}", member.Certified(PAY_DAY, 1, ("police",), HOLDER, PARTICULARS)),
)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_counts_are_those_of_the_aggregate(books: Connection, size: int) -> None:
    apply(books, MODEL, FACTS, size)
    rows = rows_of(books, MODEL)
    assert rows["wallet_owners"] == [(BUYER, f"c-{CUSTOMER}")]
    places = {(one.stream, type(one.fact)): one.position for one in FACTS}
    assert rows["wallet_spending"] == [
        (BUYER, None, 0, 0, 0, 0, 0, 0, places[OWN, facts.HandedOver]),
        (f"c-{CUSTOMER}", OTHER, 1_557, 7, 0, 0, 7, 0, places[SHARED, facts.Counted]),
    ]
