"""Members: register, their operators, and an enterprise's terms."""

from datetime import date
from typing import Any

import anyio.to_thread
from msgspec import Struct

from api.context import AppContext
from api.http.keys import revoke_keys_of
from api.operations.personal import Personal
from api.rest.cards import settle
from api.rest.endpoint import Endpoint
from domain.approval.kinds import Limits
from domain.kernel import Command, Request
from domain.ledger.answer import Answer
from domain.member import member
from domain.member.commands import (
    AddOperator,
    EndAgreement,
    EndMerchantAgreement,
    RegisterMember,
    RemoveOperator,
    SetApiCommands,
    SetDebtLimit,
    SetFeeRule,
    SetSettlementTerms,
    SignAgreement,
    SignMerchantAgreement,
)
from domain.member.terms import Consent
from domain.money import FeeRule


async def _register(personal: Personal, wish: Any) -> Command:
    return await anyio.to_thread.run_sync(personal.register, wish)


class FeeRuleWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """A fee rule as it is asked for; how much notice a change needs is a setting."""

    member_id: str
    effective_from: date
    rule: FeeRule
    consent: Consent | None = None


def _with_notice(limits: Limits, wish: FeeRuleWanted) -> Command:
    asked = (wish.member_id, wish.effective_from, wish.rule, wish.consent)
    return SetFeeRule(*asked, notice_days=limits.fee_notice_days)


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
            "agreement": {
                "products": ["ESCROW_PURCHASE"],
                "methods": [
                    {"code": "WALLET_BALANCE"},
                    {"code": "BANK_CARD"},
                    {"code": "WECHAT_PAY"},
                    {"code": "JD_PAY"},
                    {"code": "CLOUD_QUICKPASS"},
                ],
            },
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
        wish=FeeRuleWanted,
        settled=_with_notice,
        summary="Set the fee rule of an enterprise from a date on (rates in basis points); a change"
        " needs its consent, and notice",
        sample={"member_id": "SQUIRRELS"},
        body={
            "effective_from": "2027-01-01",
            "rule": {"rate_bps": 55, "min_fen": 1},
            "consent": {"by": "liaoyuan", "on": "2026-11-20", "document": "FEE-2026-11-7"},
        },
        result={"member_id": "SQUIRRELS", "effective_from": "2027-01-01"},
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
        path="/v1/members/{member_id}/merchant-agreements",
        command=SignMerchantAgreement,
        summary="Sign what a merchant may use from a date on: products, payment codes, terms",
        sample={"member_id": "SQUIRRELS"},
        body={
            "effective_from": "2026-12-01",
            "terms": {
                "products": ["ESCROW_PURCHASE", "INSTANT_PURCHASE"],
                "methods": [
                    {"code": "JD_PAY"},
                    {
                        "code": "WECHAT_PAY",
                        "least_fen": 100,
                        "most_fen": 5_000_000,
                        "day_fen": 90_000_000,
                    },
                ],
                "sub_mchids": [{"channel": "WECHAT_PAY", "sub_mchid": "1900000022"}],
                "refund_days": 365,
                "debt_limit_fen": 5_000_000,
                "cut_off": "22:30",
            },
        },
        result={"member_id": "SQUIRRELS", "effective_from": "2026-12-01"},
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/merchant-agreements/end",
        command=EndMerchantAgreement,
        summary="End a merchant's agreement: from this date on it may use nothing",
        sample={"member_id": "SQUIRRELS"},
        body={"effective_from": "2027-12-01"},
        result={"member_id": "SQUIRRELS", "effective_from": "2027-12-01"},
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
