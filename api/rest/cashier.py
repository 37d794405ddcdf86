"""The cashier: sessions, whose pages a payer opens by their link."""

from collections.abc import Mapping
from typing import Any

from api.context import AppContext
from api.http.links import LABEL, Links
from api.rest.endpoint import Endpoint
from api.web.withdrawing import LINK
from domain.cashier.commands import CancelSession, OpenSession
from domain.cashier.withdrawing import OpenWithdrawal
from domain.kernel import Request
from domain.ledger.answer import Answer


def _linked(context: AppContext, _request: Request, answer: Answer) -> Mapping[str, Any] | None:
    """The session's link, which no receipt holds: a retry hears the same. Raises VAULT_LOCKED."""
    if answer.result is None:
        return None
    links = Links(context.personal.derived(LABEL))
    session_no = str(answer.result["session_no"])
    return {"path": f"/pay/{session_no}/{links.token(session_no)}"}


def _withdrawn(context: AppContext, _request: Request, answer: Answer) -> Mapping[str, Any] | None:
    """Likewise, for a wallet's owner. Raises VAULT_LOCKED."""
    if answer.result is None:
        return None
    links = Links(context.personal.derived(LABEL))
    session_no = str(answer.result["session_no"])
    return {"path": f"/withdraw/{session_no}/{links.made(LINK, session_no)}"}


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/cashier-sessions",
        command=OpenSession,
        afterwards=_linked,
        summary="Open a cashier session for an order, or to fill a wallet: `path`, at this server, "
        "is the link for its payer, and for nobody else",
        sample={},
        body={
            "session_no": "S1001",
            "order_no": "JD1001",
            "return_url": "https://shop.example/orders/JD1001",
        },
        result={
            "session_no": "S1001",
            "expires_at": "2026-11-23T14:00:00+08:00",
            "path": "/pay/S1001/1.2e8847b37a2f0180f50aa782d00ee4701eba641b98c1afd34f3dbe7a131469e3",
        },
        number=("cashier", "session_no"),
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/cashier-sessions/{session_no}/cancel",
        command=CancelSession,
        summary="End a cashier session: nothing more is paid by it; what is under way goes on",
        sample={"session_no": "S1001"},
        body={"reason": "the shop has closed"},
        result={"session_no": "S1001", "state": "cancelled"},
    ),
    Endpoint(
        method="POST",
        path="/v1/withdrawal-sessions",
        command=OpenWithdrawal,
        afterwards=_withdrawn,
        summary="Open a session in which the owner of a wallet withdraws from it: `path`, at this "
        "server, is the link for the owner, and for nobody else",
        sample={},
        body={
            "session_no": "S7001",
            "member_id": "xiaoming",
            "return_url": "https://wallet.example/",
        },
        result={
            "session_no": "S7001",
            "expires_at": "2026-11-23T12:30:00+08:00",
            "path": "/withdraw/S7001/"
            "1.8314e9470d3a8e21e41bb8ce541ed5cd3a1365228e9b075bf1cc83ab37f1613c",
        },
        number=("cashier", "session_no"),
        created=True,
    ),
)
