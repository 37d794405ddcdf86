"""Orders and their payments: facts in, rows out, however the facts fall into batches."""

import pytest
from sqlalchemy import Connection

from domain.kernel import Fact
from domain.order.order import OrderLine as Sold
from domain.order.order import PaymentDeclined, PaymentStarted, Placed
from domain.payment.payment import Declined, SendBackStarted, Started
from domain.payment.plan import Leg
from projections.models import orders, payments
from projections.models.orders import MODEL, Order, OrderLine
from projections.models.payments import Payment, PaymentLine
from tests.examples import BUYER, CHANNEL, EXAMPLES, MERCHANT, PAID_AT, SUBJECT, log
from tests.projections.applied import apply

TEA = "TEASHOP"
PLACED = Placed(BUYER, "escrow", (Sold(MERCHANT, 700, SUBJECT, 2), Sold(TEA, 300, "tea")), 1_000)


def legs(amount_fen: int) -> tuple[Leg, ...]:
    return (Leg("channel", CHANNEL, CHANNEL, amount_fen),)


STARTED = Started("order", "A1", BUYER, 1_000, legs(1_000))
SEND_BACK = EXAMPLES["payment.send_back_started.2"]
assert isinstance(SEND_BACK, SendBackStarted)

FACTS: list[tuple[str, Fact, int]] = [
    ("order-A1", PLACED, PAID_AT),
    ("payment-P1", STARTED, PAID_AT + 1),
    ("order-A1", PaymentStarted("P1"), PAID_AT + 1),
    ("payment-P1", EXAMPLES["payment.unknown.1"], PAID_AT + 2),
    ("payment-P1", Declined("order", "A1", "no money"), PAID_AT + 3),
    ("order-A1", PaymentDeclined("P1", "no money"), PAID_AT + 3),
    ("payment-P2", STARTED, PAID_AT + 4),
    ("order-A1", PaymentStarted("P2"), PAID_AT + 4),
    ("payment-P2", EXAMPLES["payment.succeeded.2"], PAID_AT + 5),
    ("order-A1", EXAMPLES["order.paid.1"], PAID_AT + 5),
    ("payment-W1", Started("recharge", BUYER, BUYER, 50, legs(50)), PAID_AT + 6),
    ("payment-W1", EXAMPLES["payment.succeeded.2"], PAID_AT + 7),
    ("payment-W1", SEND_BACK, PAID_AT + 7),
    ("payment-W1", EXAMPLES["payment.sent_back.2"], PAID_AT + 8),
    ("order-A2", PLACED, PAID_AT + 9),
    ("order-A2", EXAMPLES["order.closed.1"], PAID_AT + 10),
]
ASKED = ("order", "A1", BUYER, CHANNEL, 1_000)
P1 = Payment("P1", *ASKED, PAID_AT + 1, "declined", "no money", PAID_AT + 3, 5, CHANNEL, 2)
P2 = Payment("P2", *ASKED, PAID_AT + 4, "succeeded", "", PAID_AT + 5, 9, CHANNEL, 7, 9)
W1 = Payment(
    "W1",
    "recharge",
    BUYER,
    BUYER,
    CHANNEL,
    50,
    PAID_AT + 6,
    "sent_back",
    SEND_BACK.reason,
    PAID_AT + 7,
    14,
    CHANNEL,
    11,
    12,
)
A1 = Order("A1", BUYER, "escrow", 1_000, PAID_AT, "paid", "P2", PAID_AT + 5, "", 10)
A2 = Order(
    "A2",
    BUYER,
    "escrow",
    1_000,
    PAID_AT + 9,
    "closed",
    "",
    None,
    "not paid within 30 minutes",
    16,
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, None])
def test_rows_say_what_became_of_orders_and_payments(books: Connection, size: int | None) -> None:
    apply(books, MODEL, log(*FACTS), size)
    assert [orders.order(books, name) for name in ("A1", "A2", "A3")] == [A1, A2, None]
    assert [payments.payment(books, name) for name in ("P1", "P2", "W1", "P3")] == [
        P1,
        P2,
        W1,
        None,
    ]
    assert orders.lines(books, ["A1", "A9"]) == {
        "A1": [
            OrderLine("A1", 1, MERCHANT, 700, SUBJECT, 2),
            OrderLine("A1", 2, TEA, 300, "tea", 1),
        ]
    }
    assert payments.lines(books, ["P1", "P2", "W1"]) == {
        name: [PaymentLine(name, MERCHANT, "A1", 700), PaymentLine(name, TEA, "A1", 300)]
        for name in ("P1", "P2")
    }


def test_a_payment_for_an_order_that_was_never_placed_is_an_error(books: Connection) -> None:
    with pytest.raises(KeyError, match="A1"):
        apply(books, MODEL, log(("payment-P1", STARTED)))


def test_lists_of_a_merchant_of_an_order_and_of_all(books: Connection) -> None:
    apply(books, MODEL, log(*FACTS))

    def found(**wanted: str) -> list[str]:
        return [one.payment_no for one in payments.payments(books, payments.Wanted(**wanted)).items]

    assert found() == ["P1", "P2", "W1"]
    assert found(merchant=TEA) == found(order_no="A1") == ["P1", "P2"]
    assert found(merchant=TEA, order_no="A1") == ["P1", "P2"]
    assert found(merchant="NOBODY", order_no="A1") == found(order_no=BUYER) == []
    assert payments.count_payments(books, payments.Wanted(MERCHANT)) == 2
    newest = orders.orders(books, orders.Wanted(MERCHANT), newest_first=True).items
    assert newest == [A2, A1]
    assert orders.count_orders(books, orders.Wanted(MERCHANT)) == 2
    assert orders.orders(books, orders.Wanted("NOBODY")).items == []
