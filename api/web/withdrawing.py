"""The pages of a withdrawal: the owner of a wallet says how much and to which card, sees fee and
day, and agrees.

    GET  /withdraw/{session_no}/{token}       the link: a cookie for this device, and on to the page
    GET  /withdraw/{session_no}               the page
    GET  /withdraw/{session_no}/scene         its changing part; …/live tells of it (`live.py`)
    GET  /withdraw/{session_no}/confirm       fee, day, and what leaves the wallet
    POST /withdraw/{session_no}/confirm       by a payment password, a code, or both: it leaves
    POST /withdraw/{session_no}/confirm/code  a code for this withdrawal alone

A link of a payment does not open these pages, and theirs opens no payment. Who merely has one can
let nothing leave: every withdrawal needs a proof of its owner, to the fen and to the card. The page
that confirms carries what it shows under our seal, so that what leaves is what was shown.
"""

import secrets
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode

import anyio.to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.context import AppContext
from api.http.links import Links
from api.operations.factors import proved, send_code
from api.operations.wishes import CodeWanted, ProofWanted
from api.web.forms import read_form, sealed
from api.web.guard import Guard
from api.web.live import WAITS, Lives, mark
from api.web.notes import FACTOR, is_of_a_factor, noted
from api.web.purse import Purse
from api.web.returning import Returns
from api.web.showing import language_kept, page, rendered, shut, words_for
from api.web.withdrawal_scene import Card, Leave, leave
from domain.cashier import session
from domain.cashier.withdrawing import WithdrawBySession
from domain.fields import checked_number
from domain.kernel import Request, iso_time, shanghai_date
from domain.ledger.answer import Refusal
from domain.money import decimal_text, parse_yuan
from domain.payment.proof import Out
from domain.payment.withdrawal_terms import Speed
from domain.refusals import Code, Refused
from domain.settlement.withdrawing import Quote, quoted

LINK, COOKIE, OWNER = "withdraw link", "zf_withdraw", "payer:cashier"
SPEEDS: tuple[Speed, ...] = ("T+0", "T+1")
AGAIN = (Code.PROOF_EXPIRED, Code.PROOF_UNFIT)


class Plan(NamedTuple):
    """What was shown, and is agreed to: as a text it stands in the page, sealed. Fen."""

    binding: int
    amount_fen: int
    fee_fen: int
    speed: Speed

    @property
    def text(self) -> str:
        return f"{self.binding}.{self.amount_fen}.{self.fee_fen}.{self.speed}"

    def again(self, note: str, no: Refused | Refusal | None = None) -> str:
        """The address of the page that confirms it."""
        note = FACTOR if no is not None and is_of_a_factor(no) else note
        amount = decimal_text(self.amount_fen)
        said = {"card": str(self.binding), "amount": amount, "speed": self.speed}
        return urlencode(said | noted(note, no))


class Withdrawing:
    """The pages of all sessions of one ledger."""

    def __init__(
        self, context: AppContext, links: Links, returns: Returns, lives: Lives, guard: Guard
    ) -> None:
        self._context = context
        self._links = links
        self._returns = returns
        self._lives = lives
        self._purse = Purse(context)
        self._guard = guard

    def routes(self) -> list[Route]:
        at = "/withdraw/{session_no}"
        found = (
            (at, self.page, "GET"),
            (f"{at}/scene", self.part, "GET"),
            (f"{at}/live", self.live, "GET"),
            (f"{at}/confirm", self.confirm, "GET"),
            (f"{at}/confirm", self.agree, "POST"),
            (f"{at}/confirm/code", self.code, "POST"),
            (f"{at}/{{token}}", self.open, "GET"),
        )
        return [Route(p, do, methods=[m], include_in_schema=False) for p, do, m in found]

    async def open(self, request: HttpRequest) -> Response:
        """The link: it opens its session on this device, and is out of the address then."""
        session_no, token = request.path_params["session_no"], request.path_params["token"]
        if not self._links.is_made(LINK, session_no, token):
            return shut(request)
        answer = _on(session_no)
        path, secure = f"/withdraw/{session_no}", request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, path=path, httponly=True, secure=secure, samesite="lax")
        return answer

    async def page(self, request: HttpRequest) -> Response:
        return await self._shown(request, "withdraw.html")

    async def part(self, request: HttpRequest) -> Response:
        return await self._shown(request, "withdraw_scene.html")

    async def live(self, request: HttpRequest) -> Response:
        session_no, words = request.path_params["session_no"], words_for(request)
        if not self._is_let_in(request):
            return shut(request)
        seen = request.headers.get("last-event-id") or request.query_params.get("seen", "")

        def render(found: Leave) -> str:
            return rendered("withdraw_scene.html", words, **self._given(found))

        return self._lives.page(session_no, seen, leave, render)

    async def confirm(self, request: HttpRequest) -> Response:
        """What it costs and when it arrives, before anything leaves."""
        session_no = request.path_params["session_no"]
        if not self._is_let_in(request):
            return shut(request)
        found = await self._found(session_no)
        if found.kind != "ask":
            return _on(session_no)
        try:
            plan, card, quote = await self._in_thread(self._quoted, found, request.query_params)
        except Refused as no:
            return _on(session_no, "refused", no)
        nonce, said = secrets.token_hex(8), request.query_params
        seal = sealed(session_no, found.attempt, nonce, plan.text)
        given = {
            "scene": found, "plan": plan, "card": card, "quote": quote, "page": nonce,
            "token": self._links.made("withdraw", seal),
            "note": said.get("note", ""),
            "why": said.get("why", ""),
            "trouble": await self._in_thread(self._purse.troubled, session_no, said),
        }  # fmt: skip
        return page("withdraw_confirm.html", words_for(request), **given)

    async def code(self, request: HttpRequest) -> Response:
        """A code that is good for what the page shows that asks for it."""
        sent = await self._sent(request)
        if isinstance(sent, Response):
            return sent
        found, _, plan = sent
        if not self._guard.may_text(found.session_no):
            return _confirm(found.session_no, plan.again("slow"))
        out = _out(found, plan)
        wish = CodeWanted(out.member_id, out.kind, out.number, out.payee, out.amount_fen)
        try:
            await send_code(self._context.personal, wish, self._context.clock())
        except Refused as no:
            return _confirm(found.session_no, plan.again("refused", no))
        return _confirm(found.session_no, plan.again("sent"))

    async def agree(self, request: HttpRequest) -> Response:
        """The owner agrees. Whatever becomes of it, the page says how things stand."""
        sent = await self._sent(request)
        if isinstance(sent, Response):
            return sent
        found, form, plan = sent
        async with self._guard.turn(found.session_no):
            now = await self._found(found.session_no)
            if (now.kind, now.attempt) != (found.kind, found.attempt):
                return _on(found.session_no)  # Another click was faster.
            try:
                wanted = await self._in_thread(self._wanted, found, form, plan)
                answer = await self._context.submit(wanted)
            except Refused as no:
                return _confirm(found.session_no, plan.again("refused", no))
        if answer.refused is None:
            return _on(found.session_no)
        if answer.refused.code in AGAIN:
            return _confirm(found.session_no, plan.again("refused", answer.refused))
        if answer.refused.code in (Code.REQUEST_CONFLICT, Code.SESSION_STATE_WRONG):
            return _on(found.session_no, "old_page")
        return _on(found.session_no, "refused", answer.refused)

    # From ledger and vault, in threads.

    def _quoted(self, found: Leave, chosen: Any) -> tuple[Plan, Card, Quote]:
        """Raises Refused: CARD_NOT_FOUND, AMOUNT_*, WITHDRAWAL_LIMIT, and what `quoted` raises."""
        card = next((one for one in found.cards if str(one.binding) == chosen.get("card")), None)
        if card is None:
            raise Refused(Code.CARD_NOT_FOUND, "card")
        amount_fen = found.amount_fen
        if amount_fen is None:
            amount_fen = parse_yuan(chosen.get("amount", ""), "amount")
        speed = next((one for one in SPEEDS if one == chosen.get("speed")), SPEEDS[0])
        today = shanghai_date(self._context.clock())
        states = self._context.ledger.state
        quote = quoted(states, found.member_id, amount_fen, speed, today)
        return Plan(card.binding, amount_fen, quote.fee_fen, speed), card, quote

    def _wanted(self, found: Leave, form: dict[str, str], plan: Plan) -> Request:
        """The request of what its owner has agreed to. Raises Refused as `prove` does."""
        personal, now_us = self._context.personal, self._context.clock()
        out = _out(found, plan)
        wish = ProofWanted(
            out.member_id,
            out.kind,
            out.number,
            out.payee,
            out.amount_fen,
            payment_password=form.get("password", ""),
            code=form.get("code", ""),
        )
        command = WithdrawBySession(
            found.session_no,
            found.attempt,
            plan.fee_fen,
            _card(found, plan).card,
            proved(personal, wish, now_us),
            plan.speed,
            plan.amount_fen if found.amount_fen is None else None,
        )
        number = f"withdraw:{found.session_no}:{found.attempt}:{form['page']}"
        return Request(number, now_us, OWNER, command)

    async def _in_thread(self, work: Callable[..., Any], *given: Any) -> Any:
        return await anyio.to_thread.run_sync(work, *given)

    async def _found(self, session_no: str) -> Leave:
        states, now_us = self._context.ledger.state, self._context.clock()
        return await anyio.to_thread.run_sync(leave, states, session_no, now_us)

    # Pages and forms.

    async def _shown(self, request: HttpRequest, template: str) -> Response:
        if not self._is_let_in(request):
            return shut(request)
        given = self._given(await self._found(request.path_params["session_no"]))
        given["note"] = request.query_params.get("note", "")
        given["why"] = request.query_params.get("why", "")
        words = words_for(request)
        answer = page(template, words, **given)
        return language_kept(request, answer, words, "/withdraw")

    def _given(self, found: Leave) -> dict[str, Any]:
        now_us = self._context.clock()
        return {
            "scene": found,
            "speeds": SPEEDS,
            "until": iso_time(found.expires_us)[:16].replace("T", " "),
            "back": self._returns.address(found, now_us) if found.kind != "ask" else "",
            "waits": found.kind in WAITS,
            "seen": mark(found),
        }

    async def _sent(self, request: HttpRequest) -> tuple[Leave, dict[str, str], Plan] | Response:
        """A form of the page that confirms, as we made it; or what to answer instead."""
        session_no = request.path_params["session_no"]
        if not self._is_let_in(request):
            return shut(request)
        form = await read_form(request)
        said = [form.get(name, "") for name in ("attempt", "page", "plan")]
        if not self._links.is_made("withdraw", sealed(session_no, *said), form.get("token", "")):
            return _on(session_no, "old_page")
        if not self._guard.may_try(session_no):
            return _on(session_no, "slow")
        found = await self._found(session_no)
        if found.kind != "ask":
            return _on(session_no)
        if str(found.attempt) != said[0]:
            return _on(session_no, "old_page")
        plan = _read(said[2])
        if plan is None:
            return _on(session_no, "old_page")
        if _card(found, plan) is _NO_CARD:
            return _on(session_no, "refused", Refused(Code.CARD_NOT_FOUND, "card"))
        return found, form, plan

    def _is_let_in(self, request: HttpRequest) -> bool:
        session_no = request.path_params["session_no"]
        try:
            checked_number(session_no, "session_no")
        except Refused:
            return False
        return self._links.is_made(LINK, session_no, request.cookies.get(COOKIE, ""))


_NO_CARD = Card(0, "", "", "")


def _card(found: Leave, plan: Plan) -> Card:
    return next((one for one in found.cards if one.binding == plan.binding), _NO_CARD)


def _out(found: Leave, plan: Plan) -> Out:
    """The movement that is agreed to."""
    number = session.payment_no(found.session_no, found.attempt)
    whole_fen = plan.amount_fen + plan.fee_fen
    return Out("withdrawal", found.member_id, number, _card(found, plan).card, whole_fen)


def _read(text: str) -> Plan | None:
    """A text that we sealed; None for anything that is no plan."""
    parts = text.split(".")
    numbers = [int(one) for one in parts[:3] if one.isascii() and one.isdigit() and len(one) < 15]
    speed = next((one for one in SPEEDS if one == parts[-1]), None)
    if len(parts) != 4 or len(numbers) != 3 or speed is None:
        return None
    return Plan(numbers[0], numbers[1], numbers[2], speed)


def _on(session_no: str, note: str = "", no: Refused | Refusal | None = None) -> Response:
    """On to the page: what was sent stands in no history, and a reload sends nothing again."""
    said = noted(note, no)
    query = f"?{urlencode(said)}" if said else ""
    return RedirectResponse(f"/withdraw/{session_no}{query}", status_code=303)


def _confirm(session_no: str, query: str) -> Response:
    return RedirectResponse(f"/withdraw/{session_no}/confirm?{query}", status_code=303)
