"""Transactions: confirm receipt, refund."""

from api.rest.endpoint import Endpoint
from domain.transaction.commands import ConfirmReceipt, RefundTransaction

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/transactions/{transaction_id}/confirm",
        command=ConfirmReceipt,
        summary="Confirm receipt for the buyer, or for the timer when its time has come",
        sample={"transaction_id": "SQUIRRELS-JD1001"},
        body={"by": "buyer"},
        result={"transaction_id": "SQUIRRELS-JD1001", "completed_now": True},
        defaults={"by": "buyer"},
    ),
    Endpoint(
        method="POST",
        path="/v1/transactions/{transaction_id}/refunds",
        command=RefundTransaction,
        summary="Refund a transaction, wholly or in part, before or after its release",
        sample={"transaction_id": "SQUIRRELS-JD1001"},
        body={"refund_no": "R1001", "amount_fen": 1_000},
        result={"refund_no": "R1001", "instruction_id": "refund-R1001"},
        number=("refund", "refund_no"),
        created=True,
    ),
)
