"""Accounts and entries: freeze, hold, close, reverse."""

from api.rest.endpoint import Endpoint
from domain.accounting.commands import (
    CloseAccount,
    FreezeAccount,
    HoldMoney,
    ReleaseHold,
    ReverseEntry,
    UnfreezeAccount,
)

_WALLET = {"account": "2241.01.xiaohong"}

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/accounts/{account}/freeze",
        command=FreezeAccount,
        summary="Freeze an account: nothing may come in, go out, or both",
        sample=_WALLET,
        body={"direction": "out", "reason": "court order 2026-118"},
        result={"account": "2241.01.xiaohong", "frozen": "out"},
    ),
    Endpoint(
        method="POST",
        path="/v1/accounts/{account}/unfreeze",
        command=UnfreezeAccount,
        summary="Let money move in and out of an account again",
        sample=_WALLET,
        body={"reason": "court order lifted"},
        result={"account": "2241.01.xiaohong", "frozen": None},
    ),
    Endpoint(
        method="POST",
        path="/v1/accounts/{account}/holds",
        command=HoldMoney,
        summary="Hold a part of an account's money: it stays there and cannot be spent",
        sample=_WALLET,
        body={"hold_id": "H4001", "amount_fen": 2_000, "reason": "dispute 77"},
        result={"account": "2241.01.xiaohong", "hold_id": "H4001", "held_fen": 2_000},
        created=True,
    ),
    Endpoint(
        method="DELETE",
        path="/v1/accounts/{account}/holds/{hold_id}",
        command=ReleaseHold,
        summary="Release a hold",
        sample={**_WALLET, "hold_id": "H4001"},
        body={},
        result={"account": "2241.01.xiaohong", "hold_id": "H4001", "held_fen": 0},
    ),
    Endpoint(
        method="POST",
        path="/v1/accounts/{account}/close",
        command=CloseAccount,
        summary="Close all accounts of the member that this one belongs to; they must be empty",
        sample={"account": "2241.01.xiaolan"},
        body={},
        result={
            "account": "2241.01.xiaolan",
            "status": "closed",
            "accounts": ["2241.01.xiaolan"],
        },
    ),
    Endpoint(
        method="POST",
        path="/v1/entries/reverse",
        command=ReverseEntry,
        summary="Reverse the entry of a fact, on the open business day",
        sample={},
        body={"reference": "transfer-X3001#1", "reason": "sent to the wrong wallet"},
        result={
            "reference": "transfer-X3001#1",
            "reversed_by": "reversal-transfer-X3001#1#1",
        },
    ),
)
