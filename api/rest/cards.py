"""Cards of members, the identity of persons, and forgetting: where personal data comes in."""

from typing import Any

import anyio.to_thread

from api.context import AppContext
from api.operations.personal import (
    CardWanted,
    CodeEntered,
    ForgetWanted,
    IdentityShown,
    Personal,
)
from api.rest.endpoint import Endpoint
from domain.kernel import Command, Request
from domain.ledger.answer import Answer
from domain.member.binding import BindCard, ChooseCard, ConfirmCard, UnbindCard
from domain.member.commands import CertifyMember
from domain.payment.forgetting import ForgetMember

TOKEN = "5f2b0c9e7d1a4f3386c0e7b1d2a49f55"


def settle(context: AppContext, request: Request, answer: Answer) -> None:
    """What has to happen in the vault, now that it is decided; and who has told a name or number
    is looked up in the lists."""
    refused = answer.refused is not None
    context.personal.settled(
        request.command, request.at_us, refused=refused, replayed=answer.replayed
    )
    if not refused and context.desk.screening is not None:
        context.desk.screening.after(request.command, request.at_us)


async def _bind(personal: Personal, wish: Any) -> Command:
    return await anyio.to_thread.run_sync(personal.bind, wish)


async def _confirm(personal: Personal, wish: Any) -> Command:
    return await anyio.to_thread.run_sync(personal.confirm, wish)


async def _certify(personal: Personal, wish: Any) -> Command:
    return await personal.certify(wish)


async def _forget(personal: Personal, wish: Any) -> Command:
    return await anyio.to_thread.run_sync(personal.forget, wish)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/cards",
        command=BindCard,
        wish=CardWanted,
        tokenised=_bind,
        afterwards=settle,
        summary="Have a card or account signed by its bank, which sends its holder a code",
        sample={"member_id": "SQUIRRELS"},
        body={
            "number": "1100012345678901234567",
            "name": "三只松鼠",
            "identity": "91110000600037341L",
            "phone": "13812345678",
        },
        result={"member_id": "SQUIRRELS", "card": TOKEN, "binding": 1, "state": "requested"},
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/cards/{card}/confirm",
        command=ConfirmCard,
        wish=CodeEntered,
        tokenised=_confirm,
        afterwards=settle,
        summary="The one-time code that the bank sent to the card's holder",
        sample={"member_id": "SQUIRRELS", "card": TOKEN},
        body={"code": "246810"},
        result={"member_id": "SQUIRRELS", "card": TOKEN, "state": "confirming"},
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/cards/{card}/default",
        command=ChooseCard,
        summary="Use this card where none is named",
        sample={"member_id": "SQUIRRELS", "card": TOKEN},
        body={},
        result={"member_id": "SQUIRRELS", "card": TOKEN, "default": True},
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/cards/{card}/unbind",
        command=UnbindCard,
        summary="Do not use a card any more; its bank is told",
        sample={"member_id": "SQUIRRELS", "card": TOKEN},
        body={"reason": "lost"},
        result={"member_id": "SQUIRRELS", "card": TOKEN, "state": "ending"},
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/certifications",
        command=CertifyMember,
        wish=IdentityShown,
        tokenised=_certify,
        afterwards=settle,
        summary="Have a person's identity checked, and certified to a level from a date on",
        sample={"member_id": "xiaoming"},
        body={
            "name": "韩梅梅",
            "identity": "11010519491231002X",
            "level": 2,
            "effective_from": "2026-12-01",
            "sources": ["police", "telecom", "bank_card"],
        },
        result={"member_id": "xiaoming", "level": 2, "effective_from": "2026-12-01"},
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/forget",
        command=ForgetMember,
        wish=ForgetWanted,
        tokenised=_forget,
        afterwards=settle,
        summary="Erase a member's personal data, once the law does not require it any more",
        sample={"member_id": "xiaolan"},
        body={"reason": "asked by the member"},
        result={"member_id": "xiaolan", "state": "forgotten"},
    ),
)
