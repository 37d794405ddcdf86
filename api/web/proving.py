"""Paying with the payer's own: he shows that it is he, sees what he has, and agrees to each charge.

    POST /pay/{session_no}/identify       by a payment password or a code: a cookie for this device
    POST /pay/{session_no}/identify/code  a code for that, to his telephone
    GET  /pay/{session_no}/confirm        what wallet, card and channel will pay, before it is paid
    POST /pay/{session_no}/confirm        by a password, a code, or both: it is charged
    POST /pay/{session_no}/confirm/code   a code for this charge alone

The cookie shows balance and cards on one device, for one session, for ten minutes, and charges
nothing: each charge is agreed to anew, to the fen, and a proof of it goes no further than from here
to the ledger. The page that confirms carries its plan under our seal.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode

import anyio.to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.context import AppContext
from api.http.links import Links
from api.operations.factors import (
    proved,
    recognised,
    send_code,
    send_look,
)
from api.operations.wishes import CodeWanted, ProofWanted
from api.web.forms import counted, read_form, sealed
from api.web.guard import Guard
from api.web.notes import FACTOR, noted
from api.web.plans import CHOICE, Plan, is_own, query_of, read
from api.web.purse import Purse, Shown, Trouble
from api.web.scene import Scene
from api.web.showing import page, shut, words_for
from domain.cashier import session
from domain.cashier.commands import PaySession
from domain.kernel import MICROSECONDS, Request
from domain.ledger.answer import Refusal
from domain.money import decimal_text, parse_yuan
from domain.refusals import Code, Refused

COOKIE, PAYER = "zf_own", "payer:cashier"
KNOWN_S = 600  # How long a device shows what the payer has.
AGAIN = (Code.PROOF_EXPIRED, Code.PROOF_UNFIT, Code.FACTOR_MISSING)


class Frame(NamedTuple):
    """What these pages share with the cashier's others."""

    is_let_in: Callable[[HttpRequest, str], bool]
    guard: Guard
    found: Callable[[str], Awaitable[Scene]]
    on: Callable[..., Response]


class Proving:
    """The pages of all sessions of one ledger."""

    def __init__(self, context: AppContext, links: Links, frame: Frame) -> None:
        self._context = context
        self._links = links
        self._frame = frame
        self._purse = Purse(context)

    def routes(self) -> list[Route]:
        at = "/pay/{session_no}"
        return [
            Route(f"{at}/identify", self.identify, methods=["POST"], include_in_schema=False),
            Route(f"{at}/identify/code", self.look, methods=["POST"], include_in_schema=False),
            Route(f"{at}/confirm", self.confirm, methods=["GET"], include_in_schema=False),
            Route(f"{at}/confirm", self.charge, methods=["POST"], include_in_schema=False),
            Route(f"{at}/confirm/code", self.code, methods=["POST"], include_in_schema=False),
        ]

    # For the cashier's page.

    async def given(self, request: HttpRequest, found: Scene) -> dict[str, Any]:
        """What its templates have beside the scene: `own` None: nothing of it is offered."""
        given: dict[str, Any] = {"own": None, "trouble": None}
        if found.kind == "choose":
            given["own"] = await self._in_thread(self._shown, request, found)
            given["trouble"] = await self._troubled(request, found.session_no)
        return given

    async def chosen(
        self, request: HttpRequest, found: Scene, form: dict[str, str]
    ) -> Response | None:
        """Where a choice of the payer's own goes on; None: it is another choice."""
        if found.kind != "choose" or not is_own(form):
            return None
        if not await self._in_thread(self._is_known, request, found.session_no):
            return self._frame.on(found.session_no, "identify")
        return _to_confirm(found.session_no, form)

    # Who it is.

    async def identify(self, request: HttpRequest) -> Response:
        """One factor opens this device for a while."""
        session_no = request.path_params["session_no"]
        form = await self._sent(request, session_no)
        if isinstance(form, Response):
            return form
        payer, now_us = (await self._opened(session_no)).payer, self._context.clock()
        given = (form.get("password", ""), form.get("code", ""))
        try:
            async with self._frame.guard.turn(session_no):
                await self._in_thread(
                    recognised, self._context.personal, payer, session_no, *given, now_us
                )
        except Refused as no:
            return self._factor(session_no, no)
        until_us = now_us + KNOWN_S * MICROSECONDS * self._context.personal.factor
        answer = self._frame.on(session_no)
        token = f"{until_us}.{self._links.made('own', f'{session_no} {payer} {until_us}')}"
        how: dict[str, Any] = {"httponly": True, "samesite": "lax", "max_age": KNOWN_S}
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, path=f"/pay/{session_no}", secure=secure, **how)
        return answer

    async def look(self, request: HttpRequest) -> Response:
        """A code to identify by."""
        session_no = request.path_params["session_no"]
        form = await self._sent(request, session_no)
        if isinstance(form, Response):
            return form
        if not self._frame.guard.may_text(session_no):
            return self._frame.on(session_no, "slow")
        payer, now_us = (await self._opened(session_no)).payer, self._context.clock()
        try:
            await send_look(self._context.personal, payer, session_no, now_us)
        except Refused as no:
            return self._factor(session_no, no)
        return self._frame.on(session_no, "code_sent")

    # What is charged.

    async def confirm(self, request: HttpRequest) -> Response:
        """The split, and what is asked of the payer for it."""
        session_no, words = request.path_params["session_no"], words_for(request)
        if not self._frame.is_let_in(request, session_no):
            return shut(request)
        if not await self._in_thread(self._is_known, request, session_no):
            return self._frame.on(session_no, "identify")
        found = await self._frame.found(session_no)
        if found.kind != "choose":
            return self._frame.on(session_no)
        choice = {name: request.query_params.get(name, "") for name in CHOICE}
        try:
            amount_fen = found.amount_fen or parse_yuan(choice["amount"], "amount")
            given = await self._in_thread(self._purse.asked, session_no, choice, amount_fen)
        except Refused as no:
            return self._frame.on(session_no, "refused", no)
        if isinstance(given, str):
            return self._frame.on(session_no, "cannot", why=given)
        nonce = secrets.token_hex(8)
        token = self._links.made("charge", sealed(session_no, found.attempt, nonce, given["plan"]))
        given |= {name: request.query_params.get(name, "") for name in ("note", "why")}
        given |= {"scene": found, "page": nonce, "token": token}
        given["trouble"] = await self._troubled(request, session_no)
        return page("confirm.html", words, **given)

    async def code(self, request: HttpRequest) -> Response:
        """A code that is good for the payment and the sum of the page that asks for it."""
        session_no = request.path_params["session_no"]
        sent = await self._planned(request, session_no)
        if isinstance(sent, Response):
            return sent
        form, plan = sent
        found = await self._frame.found(session_no)
        if (found.kind, str(found.attempt)) != ("choose", form["attempt"]):
            return self._frame.on(session_no, "old_page")  # Nothing is to be agreed to any more.
        if not self._frame.guard.may_text(session_no):
            return await self._confirm_again(session_no, plan, "slow")
        opened, now_us = await self._opened(session_no), self._context.clock()
        payment_no = session.payment_no(session_no, int(form["attempt"]))
        own_fen = plan.wallet_fen + plan.card_fen
        wish = CodeWanted(opened.payer, "payment", payment_no, opened.reference, own_fen)
        try:
            await send_code(self._context.personal, wish, now_us)
        except Refused as no:
            return await self._confirm_again(session_no, plan, FACTOR, no)
        return await self._confirm_again(session_no, plan, "code_sent")

    async def charge(self, request: HttpRequest) -> Response:
        """The payer agrees. Whatever becomes of it, the page says how things stand."""
        session_no = request.path_params["session_no"]
        sent = await self._planned(request, session_no)
        if isinstance(sent, Response):
            return sent
        form, plan = sent
        attempt = int(form["attempt"])
        async with self._frame.guard.turn(session_no):
            found = await self._frame.found(session_no)
            if found.kind != "choose" or found.attempt != attempt:
                made = await self._in_thread(self._is_made, form, plan)
                return self._frame.on(session_no, "" if made else "old_page")
            try:
                wanted = await self._in_thread(self._wanted, session_no, form, plan)
                answer = await self._context.submit(wanted)
            except Refused as no:
                return await self._confirm_again(session_no, plan, FACTOR, no)
        if answer.refused is None:
            return self._frame.on(session_no)
        if answer.refused.code in AGAIN:
            return await self._confirm_again(session_no, plan, FACTOR, answer.refused)
        if answer.refused.code in (Code.REQUEST_CONFLICT, Code.SESSION_STATE_WRONG):
            return self._frame.on(session_no, "old_page")
        return self._frame.on(session_no, "refused", answer.refused)

    def _wanted(self, session_no: str, form: dict[str, str], plan: Plan) -> Request:
        """The request of a charge that its payer has agreed to. Raises Refused as `prove` does."""
        personal, opened = self._context.personal, self._purse.opened(session_no)
        attempt, now_us = int(form["attempt"]), self._context.clock()
        wish = ProofWanted(
            opened.payer,
            "payment",
            session.payment_no(session_no, attempt),
            opened.reference,
            plan.wallet_fen + plan.card_fen,
            payment_password=form.get("password", ""),
            code=form.get("code", ""),
        )
        command = PaySession(
            session_no,
            attempt,
            method="" if plan.legs else plan.method,
            legs=plan.legs,
            amount_fen=plan.amount_fen if opened.amount_fen is None else None,
            card=self._purse.card_of(opened.payer, plan.binding),
            proof=proved(personal, wish, now_us),
        )
        number = f"cashier:{session_no}:{attempt}:{form['page']}"
        return Request(number, now_us, PAYER, command)

    def _is_made(self, form: dict[str, str], plan: Plan) -> bool:
        """Whether the last attempt is this very choice: a second click."""
        session_no = form["session_no"]
        last = self._context.ledger.state(session.stream(session_no)).last
        if last is None or last.attempt != int(form["attempt"]):
            return False
        card_no = self._purse.card_of(self._purse.opened(session_no).payer, plan.binding)
        method = "" if plan.legs else plan.method
        made = (last.method, last.legs, last.amount_fen, last.card)
        return made == (method, plan.legs, plan.amount_fen, card_no)

    # Forms, and where they go on.

    async def _sent(self, request: HttpRequest, session_no: str) -> dict[str, str] | Response:
        """A form of the cashier's page, or what to answer instead."""
        if not self._frame.is_let_in(request, session_no):
            return shut(request)
        form = await read_form(request)
        attempt, nonce = counted(form.get("attempt", "")), form.get("page", "")
        if not self._links.sent(session_no, attempt, nonce, form.get("token", "")):
            return self._frame.on(session_no, "old_page")
        if not self._frame.guard.may_try(session_no):
            return self._frame.on(session_no, "slow")
        found = await self._frame.found(session_no)
        return form if found.kind == "choose" else self._frame.on(session_no)

    async def _planned(
        self, request: HttpRequest, session_no: str
    ) -> tuple[dict[str, str], Plan] | Response:
        """A form of the page that confirms, and its plan: both as we made them."""
        if not self._frame.is_let_in(request, session_no):
            return shut(request)
        form = await read_form(request)
        said = [form.get(name, "") for name in ("attempt", "page", "plan")]
        plan = read(said[2])
        if plan is None or not self._links.is_made(
            "charge", sealed(session_no, *said), form.get("token", "")
        ):
            return self._frame.on(session_no, "old_page")
        if not self._frame.guard.may_try(session_no):
            return self._frame.on(session_no, "slow")
        return {**form, "session_no": session_no}, plan

    def _factor(self, session_no: str, no: Refused) -> Response:
        return RedirectResponse(
            f"/pay/{session_no}?{urlencode(noted(FACTOR, no))}", status_code=303
        )

    async def _confirm_again(
        self, session_no: str, plan: Plan, note: str, no: Refused | Refusal | None = None
    ) -> Response:
        said = (await self._opened(session_no)).amount_fen is None
        choice = plan.choice(amount=decimal_text(plan.amount_fen) if said else "")
        path = f"/pay/{session_no}/confirm?{query_of(choice)}&{urlencode(noted(note, no))}"
        return RedirectResponse(path, status_code=303)

    # From ledger and vault.

    async def _in_thread(self, work: Callable[..., Any], *given: Any) -> Any:
        return await anyio.to_thread.run_sync(work, *given)

    async def _opened(self, session_no: str) -> session.Opened:
        found: session.Opened = await self._in_thread(self._purse.opened, session_no)
        return found

    def _is_known(self, request: HttpRequest, session_no: str) -> bool:
        """Whether the payer has shown on this device, and not long ago, that it is he."""
        until, _, token = request.cookies.get(COOKIE, "").partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 20):
            return False
        payer = self._purse.opened(session_no).payer
        ours = self._links.is_made("own", f"{session_no} {payer} {until}", token)
        return ours and self._context.clock() < int(until)

    def _shown(self, request: HttpRequest, found: Scene) -> Shown | None:
        known = self._is_known(request, found.session_no)
        return self._purse.shown(found.session_no, found.amount_fen or 1, known=known)

    async def _troubled(self, request: HttpRequest, session_no: str) -> Trouble | None:
        said = request.query_params
        found: Trouble | None = await self._in_thread(self._purse.troubled, session_no, said)
        return found


def _to_confirm(session_no: str, choice: dict[str, str]) -> Response:
    return RedirectResponse(f"/pay/{session_no}/confirm?{query_of(choice)}", status_code=303)
