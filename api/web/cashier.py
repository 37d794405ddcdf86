"""The cashier's pages: a link opens a session on a device, a form pays, and every page is made from
how things stand now.

    GET  /pay/{session_no}/{token}   the link: a cookie for this device, and on to the page
    GET  /pay/{session_no}           the page
    GET  /pay/{session_no}/live      tells of its changing part while it waits (`live.py`)
    GET  /pay/{session_no}/scene     the same for a page that is not told: it asks now and then
    POST /pay/{session_no}           a choice: always answered by going on to the page
    …    /pay/{session_no}/identify  who opened it is its payer, and pays with wallet or card:
    …    /pay/{session_no}/confirm   `proving.py`
    GET  /v1/cashier-keys            by which a shop checks the address its payers come back with

Reload, the back button and a second click are harmless: the page is read and nothing else, and a
form names the attempt that it is for. It works without scripts. What a browser sends is a choice,
never an amount or a name; only a wallet's filling takes an amount, because its payer says it.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import anyio.to_thread
import segno
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from api.context import AppContext
from api.http.links import LABEL, Links
from api.web import returning
from api.web.forms import counted, read_form
from api.web.guard import Guard
from api.web.live import WAITS, Lives, mark
from api.web.proving import Frame, Proving
from api.web.returning import Returns
from api.web.scene import Scene, scene, usable
from api.web.showing import language_kept, page, rendered, shut, words_for
from api.web.withdrawing import Withdrawing
from domain.cashier.commands import PaySession
from domain.fields import checked_number
from domain.kernel import MICROSECONDS, Request, iso_time
from domain.ledger.answer import Refusal
from domain.money import parse_yuan
from domain.refusals import Code, Refused

COOKIE = "zf_pay"
PAYER = "payer:cashier"
ENDED = ("paid", "over")
Handle = Callable[[HttpRequest], Awaitable[Response]]


def routes(context: AppContext, lives: Lives) -> list[Route]:
    """The pages on one open ledger; none without a vault, from whose keys links are made."""
    if not context.personal.is_open:
        return []
    derived = context.personal.derived
    links, returns = Links(derived(LABEL)), Returns(derived(returning.LABEL))
    guard = Guard()
    cashier = Cashier(context, links, returns, lives, guard)
    return [
        Route("/pay/{session_no}", cashier.page, methods=["GET"], include_in_schema=False),
        Route("/pay/{session_no}", cashier.pay, methods=["POST"], include_in_schema=False),
        Route("/pay/{session_no}/scene", cashier.part, methods=["GET"], include_in_schema=False),
        Route("/pay/{session_no}/live", cashier.live, methods=["GET"], include_in_schema=False),
        *cashier.proving.routes(),
        Route("/v1/cashier-keys", cashier.keys, methods=["GET"], include_in_schema=False),
        Route("/pay/{session_no}/{token}", cashier.open, methods=["GET"], include_in_schema=False),
        *Withdrawing(context, links, returns, lives, guard).routes(),
    ]


class Cashier:
    """The pages of all sessions of one ledger."""

    def __init__(
        self, context: AppContext, links: Links, returns: Returns, lives: Lives, guard: Guard
    ) -> None:
        self._context = context
        self._lives = lives
        self._links = links
        self._returns = returns
        self._guard = guard
        frame = Frame(self._is_let_in, guard, self._found, _on)
        self.proving = Proving(context, links, frame)

    async def open(self, request: HttpRequest) -> Response:
        """The link: it opens its session on this device, and is out of the address then."""
        session_no, token = request.path_params["session_no"], request.path_params["token"]
        if not self._links.opens(session_no, token):
            return shut(request)
        path = f"/pay/{session_no}"
        answer = RedirectResponse(path, status_code=303, headers={"Referrer-Policy": "no-referrer"})
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, path=path, httponly=True, secure=secure, samesite="lax")
        return answer

    async def keys(self, _request: HttpRequest) -> Response:
        """The public keys by which a shop checks where its payers come back from."""
        return JSONResponse(self._returns.public())

    async def page(self, request: HttpRequest) -> Response:
        return await self._shown(request, "page.html")

    async def part(self, request: HttpRequest) -> Response:
        return await self._shown(request, "scene.html")

    async def live(self, request: HttpRequest) -> Response:
        """The changing part, sent whenever it is another than the page has `seen`."""
        session_no, words = request.path_params["session_no"], words_for(request)
        if not self._is_let_in(request, session_no):
            return shut(request)
        seen = request.headers.get("last-event-id") or request.query_params.get("seen", "")

        def render(found: Scene) -> str:
            return rendered("scene.html", words, **self._given(found))

        return self._lives.page(session_no, seen, scene, render)

    async def pay(self, request: HttpRequest) -> Response:
        """The payer's choice. Whatever becomes of it, the page says how things stand."""
        session_no = request.path_params["session_no"]
        if not self._is_let_in(request, session_no):
            return shut(request)
        form = await read_form(request)
        attempt, nonce = counted(form.get("attempt", "")), form.get("page", "")
        if not self._links.sent(session_no, attempt, nonce, form.get("token", "")):
            return _on(session_no, "old_page")
        if not self._guard.may_try(session_no):
            return _on(session_no, "slow")
        found = await self._found(session_no)
        if found.kind in ("paid", "over"):
            return _on(session_no)
        if (own := await self.proving.chosen(request, found, form)) is not None:
            return own
        if found.kind == "choose" and form.get("method") not in usable(found):
            return _on(session_no, "refused")  # Nothing that is kept for ever is needed to say so.
        try:
            command = PaySession(session_no, attempt, **_choice(form))
            number = f"cashier:{session_no}:{attempt}:{nonce}"
            wanted = Request(number, self._context.clock(), PAYER, command)
            answer = await self._context.submit(wanted)
        except Refused as no:
            return _on(session_no, "refused", no)
        if answer.refused is None:
            return _on(session_no)
        if answer.refused.code in (Code.REQUEST_CONFLICT, Code.SESSION_STATE_WRONG):
            return _on(session_no, "old_page")
        return _on(session_no, "refused", answer.refused)

    async def _shown(self, request: HttpRequest, template: str) -> Response:
        session_no, words = request.path_params["session_no"], words_for(request)
        if not self._is_let_in(request, session_no):
            return shut(request)
        given = self._given(await self._found(session_no))
        given["note"] = request.query_params.get("note", "")
        given["why"] = request.query_params.get("why", "")
        given |= await self.proving.given(request, given["scene"])
        answer = page(template, words, **given)
        return language_kept(request, answer, words, "/pay")

    def _given(self, found: Scene) -> dict[str, Any]:
        """What a page is made of beside its words."""
        now_us, nonce = self._context.clock(), secrets.token_hex(8)
        return {
            "scene": found,
            "page": nonce,  # A second click of this page is the same request.
            "token": self._links.form(found.session_no, found.attempt, nonce),
            "qr": _qr(found),
            "until": iso_time(found.expires_us)[:16].replace("T", " "),
            "left_s": -(-max(0, found.expires_us - now_us) // MICROSECONDS),  # Never too few.
            "back": self._returns.address(found, now_us) if found.kind in ENDED else "",
            "waits": found.kind in WAITS,
            "seen": mark(found),
        }

    async def _found(self, session_no: str) -> Scene:
        states, now_us = self._context.ledger.state, self._context.clock()
        return await anyio.to_thread.run_sync(scene, states, session_no, now_us)

    def _is_let_in(self, request: HttpRequest, session_no: str) -> bool:
        try:
            checked_number(session_no, "session_no")
        except Refused:
            return False
        return self._links.opens(session_no, request.cookies.get(COOKIE, ""))


def _on(
    session_no: str, note: str = "", no: Refused | Refusal | None = None, why: str = ""
) -> Response:
    """On to the page: what was sent stands in no history, and a reload sends nothing again."""
    path = f"/pay/{session_no}"
    if note:
        path += f"?note={note}"
    if no is not None or why:
        path += f"&why={why or (no and no.code)}"
    return RedirectResponse(path, status_code=303)


def _choice(form: dict[str, str]) -> dict[str, Any]:
    """What the payer chose: a method, and of a wallet's filling how much."""
    choice: dict[str, Any] = {"method": form.get("method", "")}
    if form.get("amount"):
        choice["amount_fen"] = parse_yuan(form["amount"], "amount")
    return choice


def _qr(found: Scene) -> str:
    """The channel's address as a picture, where it is for another device's camera."""
    if found.code != "WECHAT_PAY" or not found.url:
        return ""
    made = segno.make(found.url, error="m")
    return made.svg_inline(border=4, svgclass="qr", lineclass=None, omitsize=True)
