"""The institution as a shop knows it: its public HTTP API, with the keys it has given out.

What one merchant sells it sells with its own key. What is of several is the platform's to place, so
that needs the platform's key, as confirming does, which is never the merchant's. Every number is
the shop's own, so whatever was not answered is asked for again, and happens once.
"""

import secrets
from typing import Any

import httpx2
import msgspec
from msgspec import Struct

from simulator.shop.memory import Placed

ANSWER_S = 15
ORDER = "query Order($no: ID!) { order(no: $no) { state reason paymentNo } }"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """shop.json. `api`: where the institution is; `merchants`: the key of each; `platform`: the
    platform's key, "" for none; `sandbox`: where payers' banks are played, "" for nowhere."""

    api: str
    buyer: str
    merchants: dict[str, str]
    platform: str = ""
    sandbox: str = ""


class Refused(Exception):
    """The institution said no. `code` is its own word."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code} {detail}".strip())
        self.code = code


class Away(Exception):
    """Nobody answers, or nobody can say: to be asked again."""


class Institution:
    """Its doors."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # On loopback: no proxy of the environment has to do with it.
        self._client = httpx2.AsyncClient(
            base_url=settings.api, timeout=ANSWER_S, trust_env=False, follow_redirects=False
        )

    async def close(self) -> None:
        await self._client.aclose()

    def key(self, order: Placed) -> str:
        """Whose key an order goes by. Raises Refused for one of several merchants without the
        platform's."""
        sellers = {one.merchant for one in order.lines}
        key = self.settings.merchants.get(min(sellers), "") if len(sellers) == 1 else ""
        if not (key := key or self.settings.platform):
            raise Refused("not_allowed", "an order over several merchants is the platform's")
        return key

    async def place(self, order: Placed) -> None:
        """Raises Refused, Away."""
        lines = [one._asdict() for one in order.lines]
        body = {"order_no": order.no, "buyer": self.settings.buyer, "lines": lines}
        await self.send("POST", "/v1/orders", self.key(order), body)

    async def session(self, order: Placed, return_url: str) -> str:
        """The link of an order's session. Raises Refused, Away."""
        body = {
            "session_no": order.session_no,
            "order_no": order.no,
            "return_url": return_url,
        }
        answer = await self.send("POST", "/v1/cashier-sessions", self.key(order), body)
        return self.settings.api + str(answer["result"]["path"])

    async def state(self, order: Placed) -> str:
        """placed, paying, paid, closed; "" while nobody knows the order. Raises Refused, Away."""
        body = {"query": ORDER, "variables": {"no": order.no}}
        answer = await self.send("POST", "/graphql", self.key(order), body)
        found = (answer.get("data") or {}).get("order") or {}
        return str(found.get("state", ""))

    async def refund(self, order: Placed, merchant: str) -> None:
        """All of what a merchant sold. Raises Refused, Away."""
        (fen,) = [one.amount_fen for one in order.lines if one.merchant == merchant]
        path = f"/v1/transactions/{merchant}-{order.no}/refunds"
        body = {"refund_no": f"R-{order.no}-{merchant}", "amount_fen": fen}
        key = self.settings.merchants.get(merchant, "") or self.key(order)
        await self.send("POST", path, key, body)

    async def confirm(self, order: Placed, merchant: str) -> None:
        """The buyer has the goods: said by the platform. Raises Refused, Away."""
        path = f"/v1/transactions/{merchant}-{order.no}/confirm"
        number = f"confirm-{order.no}-{merchant}"
        await self.send("POST", path, self.settings.platform, {"by": "buyer"}, number)

    async def return_keys(self) -> dict[str, str]:
        """By which the way back is signed. Raises Refused, Away."""
        return dict(await self.send("GET", "/v1/cashier-keys"))

    async def hooks(self, merchant: str) -> list[dict[str, Any]]:
        """A merchant's endpoints. Raises Refused, Away."""
        key = self.settings.merchants[merchant]
        answer = await self.send("GET", f"/v1/members/{merchant}/webhooks", key)
        return list(answer["endpoints"])

    async def hook(self, merchant: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Adds or changes an endpoint; with a secret, if a new one was made. Raises Refused,
        Away."""
        key, number = self.settings.merchants[merchant], secrets.token_hex(16)
        where = f"/v1/members/{merchant}/webhooks{path}"
        return dict((await self.send("POST", where, key, body, number))["result"])

    async def send(
        self, method: str, path: str, key: str = "", body: Any = None, number: str = ""
    ) -> dict[str, Any]:
        """One request. Raises Refused for a 4xx, Away for what nobody answered or a 5xx."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if number:
            headers["Idempotency-Key"] = number
        try:
            answer = await self._client.request(method, path, headers=headers, json=body)
            told: dict[str, Any] = msgspec.json.decode(answer.content)
        except (httpx2.HTTPError, msgspec.DecodeError) as error:
            raise Away(type(error).__name__) from None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Away(str(answer.status_code))
        if answer.status_code >= 400:
            raise Refused(str(told.get("code", "")), str(told.get("detail", "")))
        return told
