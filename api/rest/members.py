"""Members: register, their operators, and an enterprise's terms."""

from api.rest.endpoint import Endpoint
from domain.member.commands import (
    AddOperator,
    RegisterMember,
    RemoveOperator,
    SetFeeRule,
    SetSettlementTerms,
)

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/members",
        command=RegisterMember,
        summary="Register a personal or enterprise member; its accounts are opened",
        sample={},
        body={
            "member_id": "SQUIRRELS",
            "kind": "enterprise",
            "name": "三只松鼠",
            "fee_rule": {"rate_bps": 60, "fixed_fen": 0, "min_fen": 1, "cap_fen": None},
            "settlement_cycle": "T+1",
        },
        result={"member_id": "SQUIRRELS", "kind": "enterprise"},
        number=("register", "member_id"),
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/operators",
        command=AddOperator,
        summary="Add an operator to a member, or change an operator's role",
        sample={"member_id": "SQUIRRELS"},
        body={"operator_id": "liaoyuan", "role": "owner"},
        result={"member_id": "SQUIRRELS", "operator_id": "liaoyuan", "role": "owner"},
        created=True,
    ),
    Endpoint(
        method="DELETE",
        path="/v1/members/{member_id}/operators/{operator_id}",
        command=RemoveOperator,
        summary="Remove an operator of a member",
        sample={"member_id": "SQUIRRELS", "operator_id": "liaoyuan"},
        body={},
        result={"member_id": "SQUIRRELS", "operator_id": "liaoyuan"},
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/fee-rules",
        command=SetFeeRule,
        summary="Set the fee rule of an enterprise from a date on (rates in basis points)",
        sample={"member_id": "SQUIRRELS"},
        body={"effective_from": "2026-12-01", "rule": {"rate_bps": 55, "min_fen": 1}},
        result={"member_id": "SQUIRRELS", "effective_from": "2026-12-01"},
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/settlement-terms",
        command=SetSettlementTerms,
        summary="Set the settlement cycle of an enterprise from a date on",
        sample={"member_id": "SQUIRRELS"},
        body={
            "effective_from": "2026-12-01",
            "settlement_cycle": "D+1",
            "max_transfer_fen": 500_000_000,
        },
        result={"member_id": "SQUIRRELS", "effective_from": "2026-12-01"},
        created=True,
    ),
)
