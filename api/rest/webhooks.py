"""Webhooks: where a member hears of its events, with which secrets; and what is to be sent again.

A secret is shown with the answer that made it, and never again: an answer that was lost is followed
by a rotation. What is to be read of endpoints is in `hearing.py`.
"""

from collections.abc import Mapping
from typing import Any

from api.context import AppContext
from api.operations.webhooks.addresses import refuse_target
from api.operations.webhooks.signing import Secrets
from api.rest.endpoint import Endpoint
from domain.kernel import Request
from domain.ledger.answer import Answer
from domain.member.hooking import (
    AddEndpoint,
    ChangeEndpoint,
    PauseEndpoint,
    PingEndpoint,
    RedeliverEvent,
    RedeliverEvents,
    RemoveEndpoint,
    ResumeEndpoint,
    RotateSecret,
    checked_url,
)

MANY = "/v1/members/{member_id}/webhooks"
ONE = f"{MANY}/{{endpoint_id}}"
WHICH = {"member_id": "SQUIRRELS", "endpoint_id": "shop"}
SHOWN = {
    "endpoint_id": "shop",
    "url": "https://squirrels.example/hooks",
    "kinds": ["payment.succeeded", "refund.succeeded"],
    "state": "active",
    "secret_number": 1,
}
SECRET = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
NAMED = {"member_id": "SQUIRRELS", "endpoint_id": "shop"}


def _sendable(context: AppContext, wish: Any) -> None:
    """Raises WEBHOOK_INVALID, and VAULT_LOCKED where no secret could be kept."""
    assert context.personal.vault
    refuse_target(checked_url(wish.url), context.hooks_to)


def _keepable(context: AppContext, _wish: Any) -> None:
    """Raises VAULT_LOCKED."""
    assert context.personal.vault


def _secret(context: AppContext, request: Request, answer: Answer) -> Mapping[str, Any] | None:
    """The secret of an answer that is new. One that was lost with its process is not there: then
    nothing can be signed, and it has to be rotated, too."""
    if answer.refused is not None or answer.replayed or answer.result is None:
        return None
    command: Any = request.command
    number: Any = answer.result["secret_number"]
    secrets = Secrets(context.personal)
    if secrets.read(command.member_id, [number]):
        return None  # A wish that changed nothing, under another number.
    return {"secret": secrets.make(command.member_id, number)}


ENDPOINTS = (
    Endpoint(
        method="POST",
        path=MANY,
        command=AddEndpoint,
        beforehand=_sendable,
        afterwards=_secret,
        summary="Add an endpoint that hears a member's events; its secret is shown once",
        sample={"member_id": "SQUIRRELS"},
        body={
            "endpoint_id": "shop",
            "url": "https://squirrels.example/hooks",
            "kinds": ["payment.succeeded", "refund.succeeded"],
        },
        result={**SHOWN, **SECRET},
        created=True,
    ),
    Endpoint(
        method="POST",
        path=ONE,
        command=ChangeEndpoint,
        beforehand=_sendable,
        summary="Send elsewhere, or other kinds of events, from now on",
        sample=WHICH,
        body={"url": "https://squirrels.example/events", "kinds": []},
        result={**SHOWN, "url": "https://squirrels.example/events", "kinds": []},
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/rotate",
        command=RotateSecret,
        beforehand=_keepable,
        afterwards=_secret,
        summary="Make a new secret, shown once; the one it replaces signs beside it for some hours",
        sample=WHICH,
        body={"replaces": 1, "hours": 24},
        result={
            **SHOWN,
            "url": "https://squirrels.example/events",
            "kinds": [],
            "secret_number": 2,
            **SECRET,
        },
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/pause",
        command=PauseEndpoint,
        summary="Send nothing for a while: events wait",
        sample=WHICH,
        body={},
        result={
            **SHOWN,
            "url": "https://squirrels.example/events",
            "kinds": [],
            "secret_number": 2,
            "state": "paused",
        },
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/resume",
        command=ResumeEndpoint,
        summary="Go on where it was paused",
        sample=WHICH,
        body={},
        result={
            **SHOWN,
            "url": "https://squirrels.example/events",
            "kinds": [],
            "secret_number": 2,
        },
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/redeliver",
        command=RedeliverEvent,
        summary="Send the event at a position of the log once more",
        sample=WHICH,
        body={"position": 42},
        result={**NAMED, "after": 41, "until": 42},
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/redeliver-range",
        command=RedeliverEvents,
        summary="Send the events of a range of positions once more: after < position <= until",
        sample=WHICH,
        body={"after": 0, "until": 42},
        result={**NAMED, "after": 0, "until": 42},
    ),
    Endpoint(
        method="POST",
        path=f"{ONE}/ping",
        command=PingEndpoint,
        summary="Send a test event to this endpoint",
        sample=WHICH,
        body={},
        result=NAMED,
    ),
    Endpoint(
        method="DELETE",
        path=ONE,
        command=RemoveEndpoint,
        summary="Remove an endpoint: nothing is sent to it any more",
        sample=WHICH,
        body={},
        result=NAMED,
    ),
)
