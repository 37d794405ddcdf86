"""Orders: check out, pay, close."""

from typing import Any

import anyio.to_thread
from msgspec import Struct

from api.operations.factors import proof_of
from api.operations.personal import Personal
from api.rest.endpoint import Endpoint
from domain.fields import checked_number
from domain.kernel import Command
from domain.order import order
from domain.order.commands import Checkout, CloseOrder, PayOrder
from domain.payment.commands import LegAsked
from domain.payment.proof import Proof


class PaymentWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """By one `method`, or by `legs`. `proof`: how the buyer agreed to what the wallet pays;
    `static`: the buyer read a code that does not change."""

    payment_no: str
    order_no: str
    method: str = ""
    legs: tuple[LegAsked, ...] = ()
    proof: str = ""
    static: bool = False


async def _proved(personal: Personal, wish: Any) -> Command:
    proof = None
    if wish.proof:  # Looking it up may read the ledger.
        proof = await anyio.to_thread.run_sync(_proof, personal, wish)
    return PayOrder(wish.payment_no, wish.order_no, wish.method, wish.legs, proof, wish.static)


def _proof(personal: Personal, wish: PaymentWanted) -> Proof:
    """Raises Refused: ORDER_NOT_FOUND, and what `proof_of` raises."""
    number = checked_number(wish.order_no, "order_no")
    buyer = order.needed(personal.ledger.state(order.stream(number))).buyer
    return proof_of(personal, buyer, wish.proof)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/orders",
        command=Checkout,
        summary="Check out: place an order, one line and one transaction per merchant",
        sample={},
        body={
            "order_no": "JD1001",
            "buyer": "xiaoming",
            "lines": [
                {
                    "merchant": "SQUIRRELS",
                    "amount_fen": 8_900,
                    "subject": "每日坚果 750g",
                    "items": 1,
                }
            ],
            "mode": "escrow",
        },
        result={
            "order_no": "JD1001",
            "total_fen": 8_900,
            "transaction_ids": ["SQUIRRELS-JD1001"],
        },
        number=("checkout", "order_no"),
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/orders/{order_no}/payments",
        command=PayOrder,
        wish=PaymentWanted,
        tokenised=_proved,
        summary="Pay an order by one method, or by legs that come to its total, all or none; the "
        "outcome comes later. What the wallet pays alone is paid at once",
        sample={"order_no": "JD1001"},
        body={"payment_no": "P1001", "method": "JD_PAY"},
        result={"payment_no": "P1001", "instruction_id": "pay-P1001"},
        also=({"payment_no": "P1001", "instruction_ids": ["pay2-P1001", "pay3-P1001"]},),
        number=("pay", "payment_no"),
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/orders/{order_no}/close",
        command=CloseOrder,
        summary="Close an unpaid order",
        sample={"order_no": "JD1002"},
        body={"reason": "the buyer changed their mind"},
        result={"order_no": "JD1002", "status": "closed"},
    ),
)
