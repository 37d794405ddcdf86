"""The shop's pages: choose, buy, go to the cashier, come back, see what was heard.

    GET  /                       the shelf, the newest orders, the newest events
    POST /orders                 buys what was chosen, and goes on to the cashier
    GET  /orders/{no}            an order: what the institution says, the way back, its events
    POST /orders/{no}/{act}      pay (the cashier again), refund, confirm
    POST /hooks/{merchant}       what the institution tells us

What an address says of an order is shown only when the cashier has signed it, and it is never what
counts: that is what the institution answers when it is asked. Without scripts.
"""

import secrets
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from simulator.shop.hearing import Hearing
from simulator.shop.institution import Away, Institution, Refused
from simulator.shop.memory import Memory, Placed
from simulator.shop.shelf import MERCHANTS, SHELF, lines, yuan

TEMPLATES = Path(__file__).parent / "templates"
# A form that ends at the cashier goes on there: browsers look at where a form is led on to, too.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self' {api}; "
    "frame-ancestors 'none'; base-uri 'none'"
)
NEWEST, MOST_BYTES, FRESH_S = 20, 4_096, 3_600
SIGNED = ("session_no", "state", "at", "key", "signature")
SETTLED = ("paid", "closed")
_templates = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
)
Act = Callable[[Placed, str], Awaitable[Response]]


class Shop:
    """The pages of one shop. `url` is where it is."""

    def __init__(
        self, institution: Institution, memory: Memory, hearing: Hearing, url: str
    ) -> None:
        self._institution, self._memory, self._hearing = institution, memory, hearing
        self._url = url
        self._style = (TEMPLATES / "shop.css").read_bytes()

    def application(self) -> Starlette:
        table = [
            ("GET", "/", self.shelf),
            ("POST", "/orders", self.buy),
            ("GET", "/orders/{no}", self.order),
            ("POST", "/orders/{no}/{act}", self.act),
            ("POST", "/hooks/{merchant}", self._hearing.receive),
            ("GET", "/shop.css", self.style),
        ]
        return Starlette(routes=[Route(path, of, methods=[method]) for method, path, of in table])

    async def style(self, _: Request) -> Response:
        return Response(self._style, media_type="text/css")

    async def shelf(self, request: Request) -> Response:
        return self._page(
            "shelf.html",
            shelves=[
                (name, [one for one in SHELF.values() if one.merchant == merchant])
                for merchant, name in MERCHANTS.items()
            ],
            orders=self._memory.orders(NEWEST),
            events=self._memory.heard(NEWEST),
            endpoints=self._hearing.state,
            note=request.query_params.get("note", ""),
        )

    async def buy(self, request: Request) -> Response:
        """An order is kept first: whatever happens then, its page goes on with it."""
        if not self._is_ours(request):
            return self._missing(403)
        chosen = lines((await _form(request)).get("sku", []))
        if not chosen:
            return RedirectResponse("/?note=nothing", status_code=303)
        no = f"BOX{date.today():%y%m%d}{secrets.token_hex(4).upper()}"  # noqa: DTZ011 - a name
        placed = Placed(no, chosen, 1, "")
        try:
            self._institution.key(placed)
        except Refused:
            return RedirectResponse("/?note=several", status_code=303)
        self._memory.place(no, chosen)
        return await self._led_on(placed, "")

    async def order(self, request: Request) -> Response:
        placed = self._memory.order(request.path_params["no"])
        if placed is None:
            return self._missing()
        said = request.query_params
        if all(name in said for name in SIGNED):  # The way back: checked, kept, out of the address.
            back = await self._came_back(placed, said)
            return RedirectResponse(f"/orders/{placed.no}?note={back}", status_code=303)
        state, away = await self._state(placed)
        events = self._memory.heard(NEWEST, placed.no)
        refunded = {one.merchant for one in events if one.type.startswith("refund.")}
        # A webhook may be behind its fact: what is awaited is looked at again.
        refunds = said.get("note") == "asked" and said.get("refund", "") not in {"", *refunded}
        return self._page(
            "order.html",
            order=placed,
            names=MERCHANTS,
            state=state,
            away=away,
            events=events,
            waits=state not in SETTLED or not events or refunds,
            confirms=bool(self._institution.settings.platform),
            refunded=refunded,
            here=request.url.path + (f"?{request.url.query}" if refunds else ""),
            note=said.get("note", ""),
        )

    async def act(self, request: Request) -> Response:
        if not self._is_ours(request):
            return self._missing(403)
        placed = self._memory.order(request.path_params["no"])
        acts: dict[str, Act] = {"pay": self._led_on, "refund": self._refund, "confirm": self._has}
        act = acts.get(request.path_params["act"])
        if placed is None or act is None:
            return self._missing()
        (merchant,) = (await _form(request)).get("merchant", [""])[:1]
        return await act(placed, merchant)

    async def _led_on(self, placed: Placed, _: str) -> Response:
        """To the cashier. A session that was over is followed by another one."""
        try:
            if placed.back == "over":
                self._memory.next_session(placed.no, placed.session)
                self._memory.came_back(placed.no, "")
                placed = self._memory.order(placed.no) or placed
            await self._institution.place(placed)
            link = await self._institution.session(placed, f"{self._url}/orders/{placed.no}")
        except Away:
            return RedirectResponse(f"/orders/{placed.no}?note=away", status_code=303)
        except Refused as no:
            return RedirectResponse(f"/orders/{placed.no}?note={no.code}", status_code=303)
        return RedirectResponse(link, status_code=303)

    async def _refund(self, placed: Placed, merchant: str) -> Response:
        return await self._asked(self._institution.refund, placed, merchant, "refund")

    async def _has(self, placed: Placed, merchant: str) -> Response:
        return await self._asked(self._institution.confirm, placed, merchant, "confirm")

    async def _asked(
        self,
        ask: Callable[[Placed, str], Awaitable[None]],
        placed: Placed,
        merchant: str,
        what: str,
    ) -> Response:
        if merchant not in {one.merchant for one in placed.lines}:
            return self._missing()
        note = f"asked&{what}={merchant}"
        state, away = await self._state(placed)
        if away or state != "paid":  # A number that was refused once is refused for ever.
            note = "away" if away else "not_paid"
            return RedirectResponse(f"/orders/{placed.no}?note={note}", status_code=303)
        try:
            await ask(placed, merchant)
        except Away:
            note = "away"
        except Refused as no:
            note = no.code
        return RedirectResponse(f"/orders/{placed.no}?note={note}", status_code=303)

    async def _state(self, placed: Placed) -> tuple[str, bool]:
        """As the institution has it, "" when it does not know the order; and whether it is away."""
        try:
            return await self._institution.state(placed), False
        except Refused:
            return "", False
        except Away:
            return "", True

    async def _came_back(self, placed: Placed, said: Mapping[str, str]) -> str:
        """What the page says of an address: signed by the cashier, for this order, just now."""
        if said["session_no"] != placed.session_no:
            return "forged"
        try:
            keys = await self._institution.return_keys()
        except (Away, Refused):
            return "away"
        if not _is_signed(keys, said) or not _is_fresh(said["at"]):
            return "forged"
        self._memory.came_back(placed.no, said["state"])
        return "signed"

    def _is_ours(self, request: Request) -> bool:
        """Whether a form was sent by a page of ours, as browsers say."""
        return request.headers.get("origin", self._url) == self._url

    def _page(self, template: str, status: int = 200, **given: Any) -> Response:
        settings = self._institution.settings
        page = _templates.get_template(template)
        body = page.render(yuan=yuan, sandbox=settings.sandbox, api=settings.api, **given)
        headers = {
            "Content-Security-Policy": POLICY.format(api=settings.api),
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        return HTMLResponse(body, status, headers)

    def _missing(self, status: int = 404) -> Response:
        return self._page("missing.html", status)


async def _form(request: Request) -> dict[str, list[str]]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            return {}
    try:
        return parse_qs(body.decode("ascii"), max_num_fields=50)
    except ValueError:
        return {}


def _is_signed(keys: Mapping[str, str], said: Mapping[str, str]) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(_raw(keys[said["key"]]))
        text = "\n".join((said["session_no"], said["state"], said["at"]))
        key.verify(_raw(said["signature"]), text.encode())
    except (KeyError, ValueError, InvalidSignature):
        return False
    return True


def _raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _is_fresh(at: str) -> bool:
    return at.isascii() and at.isdigit() and abs(time.time() - int(at[:15])) < FRESH_S
