"""Differences between the books and the outside: proposed by one operator, approved by another."""

from datetime import date

from api.rest.endpoint import Endpoint
from domain.reconciliation import difference
from domain.reconciliation.resolving import (
    ApproveResolution,
    ProposeResolution,
    TurnDownResolution,
    UndoResolution,
)

SHORT = difference.difference_id("missing_at_channel", "JD_PAY", "payP1001", date(2026, 11, 22))
_SAMPLE = {"difference": SHORT}
_CLAIM = {**_SAMPLE, "resolution": "claim"}

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/differences/{difference}/propose",
        command=ProposeResolution,
        summary="Propose what is to be done about a confirmed difference; it is tried",
        sample=_SAMPLE,
        body={"resolution": "claim", "reason": "they confirm that it was paid"},
        result={**_CLAIM, "state": "proposed"},
    ),
    Endpoint(
        method="POST",
        path="/v1/differences/{difference}/approve",
        command=ApproveResolution,
        summary="Do what another operator has proposed, be it a resolution or its undoing",
        sample=_SAMPLE,
        body={},
        result={**_CLAIM, "state": "approved"},
    ),
    Endpoint(
        method="POST",
        path="/v1/differences/{difference}/undo",
        command=UndoResolution,
        summary="Want a resolution taken back; another operator approves that",
        sample=_SAMPLE,
        body={"reason": "they say that it was never paid"},
        result={**_CLAIM, "state": "approved", "undo_wanted": True},
    ),
    Endpoint(
        method="POST",
        path="/v1/differences/{difference}/turn-down",
        command=TurnDownResolution,
        summary="What is proposed is not done",
        sample=_SAMPLE,
        body={"reason": "they have written again"},
        result={**_CLAIM, "state": "approved"},
    ),
)
