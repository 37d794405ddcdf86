"""Approvals: what one person has proposed, another one decides."""

from api.rest.endpoint import Endpoint
from domain.approval.commands import ApproveProposal, RefuseProposal, WithdrawProposal

DECIDING = (ApproveProposal, RefuseProposal)
_ONE = {"approval_id": "A5d1f0c2b7e94a6830d1e"}
# What a command that needs two persons is answered with, 202.
PROPOSED = {
    **_ONE,
    "state": "proposed",
    "kind": "payout_retry",
    "expires_at": "2026-11-26T12:00:00+08:00",
}

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/approvals/{approval_id}/approve",
        command=ApproveProposal,
        summary="Approve what another person proposed: it is carried out in the same commit",
        sample=_ONE,
        body={},
        result={
            **_ONE,
            "state": "approved",
            "done": {"account": "2241.01.xiaohong", "frozen": "out"},
        },
    ),
    Endpoint(
        method="POST",
        path="/v1/approvals/{approval_id}/refuse",
        command=RefuseProposal,
        summary="Refuse what another person proposed; it may be proposed again",
        sample=_ONE,
        body={"reason": "the account is not verified"},
        result={**_ONE, "state": "refused"},
    ),
    Endpoint(
        method="POST",
        path="/v1/approvals/{approval_id}/withdraw",
        command=WithdrawProposal,
        summary="Withdraw what one has proposed oneself",
        sample=_ONE,
        body={},
        result={**_ONE, "state": "withdrawn"},
    ),
)
