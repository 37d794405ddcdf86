"""Webhooks: the shop's endpoints are registered over REST, and what comes is believed when it is
signed.

A secret is shown once. One that the shop does not have (its answer was lost, or its file) is
rotated away. A shop that listens elsewhere than before tells so.
"""

import asyncio
import hashlib
from typing import Any

import msgspec
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.requests import Request
from starlette.responses import Response

from simulator.shop.institution import Away, Institution, Refused
from simulator.shop.memory import Heard, Memory

ENDPOINT = "demo-shop"
MOST_BYTES = 64 * 1024
FIRST_S, LONGEST_S = 1, 15


class Hearing:
    """Of every merchant that the shop has a key of."""

    def __init__(self, institution: Institution, memory: Memory, url: str) -> None:
        self._institution, self._memory, self._url = institution, memory, url
        self.state = dict.fromkeys(institution.settings.merchants, "not registered yet")

    async def register(self) -> None:
        """Until every endpoint stands: the institution may start later than the shop."""
        wait_s = FIRST_S
        while left := [one for one, state in self.state.items() if state != "active"]:
            for merchant in left:
                try:
                    await self._stand(merchant)
                    self.state[merchant] = "active"
                except (Away, Refused) as no:
                    self.state[merchant] = str(no)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_S)

    async def _stand(self, merchant: str) -> None:
        url = f"{self._url}/hooks/{merchant}"
        standing = [
            one for one in await self._institution.hooks(merchant) if one["endpoint_id"] == ENDPOINT
        ]
        if not standing:
            self._memory.forget_secrets(merchant)
            body: dict[str, Any] = {"endpoint_id": ENDPOINT, "url": url, "kinds": []}
            self._keep(merchant, await self._institution.hook(merchant, "", body))
            return
        (here,) = standing
        if here["url"] != url:
            body = {"url": url, "kinds": []}
            await self._institution.hook(merchant, f"/{ENDPOINT}", body)
        if here["secret_number"] not in self._memory.secrets(merchant):
            body = {"replaces": here["secret_number"], "hours": 24}
            self._keep(
                merchant, await self._institution.hook(merchant, f"/{ENDPOINT}/rotate", body)
            )
        if here["state"] == "paused":
            await self._institution.hook(merchant, f"/{ENDPOINT}/resume", {})

    def _keep(self, merchant: str, made: dict[str, Any]) -> None:
        if "secret" not in made:
            raise Away("the answer with the secret was lost")
        self._memory.keep_secret(merchant, made["secret_number"], made["secret"])

    async def receive(self, request: Request) -> Response:
        """POST /hooks/{merchant}: kept, then answered; what nobody signed is refused."""
        merchant = request.path_params["merchant"]
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BYTES:
                return Response(status_code=413)
        if not self._is_signed(merchant, request, body):
            return Response(status_code=401)
        try:
            event = msgspec.json.decode(body, type=dict[str, Any])
            self._memory.hear(_heard(merchant, event), body.decode())
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return Response(status_code=400)
        return Response(status_code=204)

    def _is_signed(self, merchant: str, request: Request, body: bytes) -> bool:
        for secret in self._memory.secrets(merchant).values():
            try:
                Webhook(secret).verify(body, dict(request.headers))
                return True
            except (WebhookVerificationError, ValueError):
                continue
        return False


def _heard(merchant: str, event: dict[str, Any]) -> Heard:
    data = event.get("data") or {}
    id_ = str(event.get("id") or "") or f"test-{hashlib.sha256(repr(event).encode()).hexdigest()}"
    transaction = str(data.get("transaction_id", ""))
    of = str(data.get("order_no", "")) or transaction.removeprefix(f"{merchant}-")
    at = str(event.get("timestamp", ""))
    return Heard(id_, merchant, str(event["type"]), at, int(event.get("position") or 0), of)
