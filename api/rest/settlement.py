"""Settlement batches and their payouts, and the answers of channels."""

from api.rest.endpoint import Endpoint
from domain.payment.commands import RecordOutcome
from domain.settlement.commands import (
    RetryPayout,
    ReturnPayout,
    ReviewBatch,
    SealBatch,
    SettleBatch,
)
from domain.settlement.publishing import PublishCalendar

_BATCH = {"batch_id": "SQUIRRELS-2026-11-23"}
_PAYOUT = "payout-SQUIRRELS-2026-11-23-1"
_AGAIN = "payout-SQUIRRELS-2026-11-23-2"

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/settlement-batches/{batch_id}/seal",
        command=SealBatch,
        summary="Seal a batch whose date is cut off: totals, count, digest and due date are fixed",
        sample=_BATCH,
        body={},
        result={**_BATCH, "due_date": "2026-11-24"},
    ),
    Endpoint(
        method="POST",
        path="/v1/settlement-batches/{batch_id}/review",
        command=ReviewBatch,
        summary="Review a sealed batch; not by who sealed it",
        sample=_BATCH,
        body={},
        result={**_BATCH, "status": "reviewed"},
    ),
    Endpoint(
        method="POST",
        path="/v1/settlement-batches/{batch_id}/settle",
        command=SettleBatch,
        summary="Settle a reviewed, due batch: the money is the merchant's and is paid out",
        sample=_BATCH,
        body={},
        result={**_BATCH, "status": "instructed", "instruction_ids": [_PAYOUT]},
    ),
    Endpoint(
        method="POST",
        path="/v1/settlement-batches/{batch_id}/payouts/{payout_no}/retry",
        command=RetryPayout,
        summary="Pay a failed or returned payout again, under a new instruction, as its bank says",
        sample={**_BATCH, "payout_no": _PAYOUT},
        body={},
        result={**_BATCH, "payout_no": _AGAIN, "instruction_id": _AGAIN},
    ),
    Endpoint(
        method="POST",
        path="/v1/settlement-batches/{batch_id}/payouts/{payout_no}/return",
        command=ReturnPayout,
        summary="Record that the receiving bank sent a payout back",
        sample={**_BATCH, "payout_no": _AGAIN},
        body={"reason": "the receiving account is closed"},
        result={**_BATCH, "payout_no": _AGAIN, "status": "returned"},
    ),
    Endpoint(
        method="POST",
        path="/v1/instructions/{instruction_id}/outcome",
        command=RecordOutcome,
        summary="Record what a channel answered: exactly one of succeeded, declined, unknown",
        sample={"instruction_id": "pay-P1001"},
        body={"succeeded": "JD202611230001"},
        result={"instruction_id": "pay-P1001", "status": "succeeded"},
    ),
    Endpoint(
        method="POST",
        path="/v1/calendars",
        command=PublishCalendar,
        summary="Publish working days of some years; due dates already fixed never move",
        sample={},
        body={
            "version": 2,
            "published": "2026-12-01",
            "source": "State Council notice of 2026-11-25",
            "years": [
                {"year": 2027, "holidays": ["2027-01-01"], "makeup_workdays": ["2027-02-20"]}
            ],
        },
        result={"version": 2, "years": [2027]},
    ),
)
