"""The institution's own books: own funds that a statement shows, sweeps, top-ups."""

from api.rest.endpoint import Endpoint
from domain.accounting.owning import (
    CallOffSweep,
    InstructSweep,
    PostOwnFunds,
    PostSweep,
    ShowTopUp,
)

_NUMBER = {"movement_no": "B2026-11"}
_LINE = "PBOC20261130000017"
_SWEEP, _OTHER = {"movement_no": "S2026-11"}, {"movement_no": "S2026-10"}
_TOP_UP = "transaction-WALNUTS-JD3001#6"

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/own-funds",
        command=PostOwnFunds,
        summary="Book own funds that a statement shows: capital, a buffer in the reserve, interest",
        sample={},
        body={**_NUMBER, "kind": "buffer", "amount_fen": 50_000, "statement": _LINE},
        result={**_NUMBER, "kind": "buffer", "status": "posted"},
        number=("own", "movement_no"),
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/sweeps",
        command=InstructSweep,
        summary="Hold fees in the reserve, for the bank to move to the own account",
        sample={},
        body={**_SWEEP, "amount_fen": 4_000, "reason": "fees of November"},
        result={**_SWEEP, "kind": "sweep", "status": "instructed"},
        number=("sweep", "movement_no"),
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/sweeps/{movement_no}/post",
        command=PostSweep,
        summary="Book a sweep that the statement shows",
        sample=_SWEEP,
        body={"amount_fen": 4_000, "statement": _LINE},
        result={**_SWEEP, "kind": "sweep", "status": "posted"},
    ),
    Endpoint(
        method="POST",
        path="/v1/sweeps/{movement_no}/call-off",
        command=CallOffSweep,
        summary="Let go of a sweep that the bank will not do",
        sample=_OTHER,
        body={"reason": "the bank was closed"},
        result={**_OTHER, "kind": "sweep", "status": "called_off"},
    ),
    Endpoint(
        method="POST",
        path="/v1/top-ups/show",
        command=ShowTopUp,
        summary="Book a top-up that the statement shows, or what has left the reserve",
        sample={},
        body={"reference": _TOP_UP, "statement": _LINE},
        result={"reference": _TOP_UP, "status": "arrived"},
    ),
)
