"""Transactions: confirm receipt, refund; approve or reject a refund that waits."""

from api.rest.endpoint import Endpoint
from domain.transaction.commands import (
    ApproveRefund,
    ConfirmReceipt,
    RefundTransaction,
    RejectRefund,
)

# Of a payment of several legs: the instructions of the parts that channels give back.
_BY_PARTS = {"refund_no": "R1001", "instruction_ids": ["refund1-R1001", "refund2-R1001"]}

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
        summary="Refund a transaction, wholly or in part, before or after its release; above the "
        "merchant's debt limit it waits for an approval, and the answer has `state` `requested`",
        sample={"transaction_id": "SQUIRRELS-JD1001"},
        body={"refund_no": "R1001", "amount_fen": 1_000},
        result={"refund_no": "R1001", "instruction_id": "refund-R1001"},
        also=(
            _BY_PARTS,
            {"refund_no": "R1001", "state": "requested"},
            {"refund_no": "R1001", "state": "rejected", "reason": "the goods never came back"},
        ),
        number=("refund", "refund_no"),
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/refunds/{refund_no}/approve",
        command=ApproveRefund,
        summary="Approve a refund above the debt limit; not by who asked for it",
        sample={"refund_no": "R1002"},
        body={},
        result={"refund_no": "R1002", "instruction_id": "refund-R1002"},
        also=(_BY_PARTS,),
    ),
    Endpoint(
        method="POST",
        path="/v1/refunds/{refund_no}/reject",
        command=RejectRefund,
        summary="Reject a refund above the debt limit, for good; not by who asked for it",
        sample={"refund_no": "R1003"},
        body={"reason": "the goods never came back"},
        result={
            "refund_no": "R1003",
            "state": "rejected",
            "reason": "the goods never came back",
        },
    ),
)
