"""Orders: check out, pay, close."""

from api.rest.endpoint import Endpoint
from domain.order.commands import Checkout, CloseOrder, PayOrder

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
