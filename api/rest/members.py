"""Members: register, their operators, and an enterprise's terms."""

from typing import Any

import anyio.to_thread

from api.context import AppContext
from api.http.keys import revoke_keys_of
from api.operations.personal import Personal
from api.rest.cards import settle
from api.rest.endpoint import Endpoint
from domain.kernel import Command, Request
from domain.ledger.answer import Answer
from domain.member import member
from domain.member.commands import (
    AddOperator,
    EndAgreement,
    RegisterMember,
    RemoveOperator,
    SetApiCommands,
    SetDebtLimit,
    SetFeeRule,
    SetSettlementTerms,
    SignAgreement,
)


async def _register(personal: Personal, wish: Any) -> Command:
    return await anyio.to_thread.run_sync(personal.register, wish)


def _revoke(context: AppContext, request: Request, answer: Answer) -> None:
    """The keys of who has left a member, unless this is an old request and that person is back."""
    left: Any = request.command
    if answer.refused is not None:
        return
    state = context.ledger.state(member.stream(left.member_id))
    if all(one != left.operator_id for one, _ in state.operators):
        revoke_keys_of(context.writes, left.operator_id, left.member_id, context.clock)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/members",
        command=RegisterMember,
        tokenised=_register,
        afterwards=settle,
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
        afterwards=_revoke,
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
        summary="Set the terms of settlement of an enterprise from a date on: all of them",
        sample={"member_id": "SQUIRRELS"},
        body={
            "effective_from": "2026-12-01",
            "settlement_cycle": "weekly:mon",
            "max_transfer_fen": 500_000_000,
            "min_payout_fen": 10_000,
            "reserve_bps": 1_000,
            "reserve_days": 30,
        },
        result={"member_id": "SQUIRRELS", "effective_from": "2026-12-01"},
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/debt-limits",
        command=SetDebtLimit,
        summary="Limit what an enterprise may owe for advanced refunds, from a date on",
        sample={"member_id": "SQUIRRELS"},
        body={"effective_from": "2026-12-01", "limit_fen": 5_000_000},
        result={"member_id": "SQUIRRELS", "effective_from": "2026-12-01"},
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/agreements",
        command=SignAgreement,
        summary="Agree with an enterprise on a product, from a date on",
        sample={"member_id": "SQUIRRELS"},
        body={"product": "instant", "effective_from": "2026-12-01"},
        result={
            "member_id": "SQUIRRELS",
            "product": "instant",
            "effective_from": "2026-12-01",
        },
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/agreements/{product}/end",
        command=EndAgreement,
        summary="End the agreement on a product: from this date on it is not agreed",
        sample={"member_id": "SQUIRRELS", "product": "instant"},
        body={"effective_from": "2027-12-01"},
        result={
            "member_id": "SQUIRRELS",
            "product": "instant",
            "effective_from": "2027-12-01",
        },
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/api-commands",
        command=SetApiCommands,
        summary="Say which commands a merchant's keys may call from a date on; null: all there are",
        sample={"member_id": "SQUIRRELS"},
        body={"effective_from": "2026-12-01", "commands": ["order.checkout", "order.pay"]},
        result={"member_id": "SQUIRRELS", "effective_from": "2026-12-01"},
    ),
)
