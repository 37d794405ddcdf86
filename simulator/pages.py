"""The sandbox's pages: where a payer acts, and everything else that may be asked for by hand.

    GET  /pay/{id}            an order: what it is, how it stands, what may be chosen (pay_url)
    POST /pay/{id}            a choice: an outcome of `sandbox.py`, or an act
    GET  /sandbox             the newest orders, for those that no link leads to (a code to scan)
    GET  /sandbox/outcomes    what amounts ask for, as JSON

Only with `--sandbox`. Over loopback and without a key, as all acts by hand are; a form that another
site's page sends is refused. They work without scripts.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from simulator import conduct, orders, sandbox
from simulator.agenda import Task
from simulator.clock import iso
from simulator.orders import Order
from simulator.problems import Problem, invalid
from simulator.wechat import conduct as at_wechat
from simulator.wire import BODY_BYTES, body_of
from simulator.world import World

POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
NEWEST = 50
HERE = ("127.0.0.1", "localhost", "::1")
OPEN = (*conduct.OPEN, "NOTPAY")
PAID = ("SUCCEEDED", "SUCCESS", "REFUND")
# What may be asked for by the page of a payment that is open, in this order.
OFFERED = (10, 1, 2, 3, 12, 13, 14, 15, 16, 17, 18, 19, 20)
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
)
STYLE = (Path(__file__).parent / "templates" / "plain.css").read_bytes()


class Choice(NamedTuple):
    """What may be chosen on a page: the name that its form sends, and what it says."""

    name: str
    what: str


def choices(order: Order, now_us: int) -> list[Choice]:
    """What may be asked for, as an order stands now."""
    if sandbox.is_silent(order, now_us):
        return []
    if order.kind in ("payment", "whole") and order.state in OPEN:
        offered = (sandbox.OUTCOMES[number] for number in OFFERED)
        there = (one for one in offered if _is_possible(one, order))
        return [Choice(str(one.number), one.what) for one in there]
    acts = {
        "charge_again": order.kind == "payment" and order.state in PAID and not order.whole_id,
        "take_back": order.kind == "payment" and order.state == "SUCCEEDED",
        "pay_late": order.kind in ("payment", "whole") and order.state == "CLOSED",
        "return": order.kind == "payout" and order.state == "SUCCEEDED",
        "send_elsewhere": order.state == "ABNORMAL",
    }
    return [Choice(name, ACTS[name]) for name, possible in acts.items() if possible]


def _is_possible(wanted: sandbox.Outcome, order: Order) -> bool:
    """WeChat Pay takes nothing back, and charges no combined order twice."""
    lacks = {"decline_after_success"} if order.network == "wechat" else set()
    return not wanted.faults & (lacks | ({"second_charge"} if order.kind == "whole" else set()))


ACTS = {
    "charge_again": "charge a second time",
    "take_back": "take the payment back",
    "pay_late": "it was paid after all",
    "return": "the payout comes back",
    "send_elsewhere": "send the refund to another card of the payer",
}


class Pages:
    """The endpoints."""

    def __init__(
        self, world: World, signed: Mapping[str, Task], wechat: Mapping[str, Task]
    ) -> None:
        self._world, self._signed, self._wechat = world, signed, wechat

    async def listed(self, _: Request) -> Response:
        found = await self._world.book.read(_newest)
        return _page("list.html", orders=[_shown(one) for one in found])

    async def outcomes(self, _: Request) -> Response:
        told = [
            {"fen": sandbox.FIRST_FEN + one.number, "kind": one.kind, "what": one.what}
            for one in sandbox.OUTCOMES.values()
        ]
        return Response(msgspec.json.encode({"outcomes": told}), media_type="application/json")

    async def style(self, _: Request) -> Response:
        return Response(STYLE, media_type="text/css")

    async def order(self, request: Request) -> Response:
        try:
            found = await self._world.book.read(lambda db: _found(db, request))
        except Problem as problem:
            return _page("missing.html", problem.status)
        now_us = self._world.clock.now_us()
        wanted, silent = sandbox.marked(found), sandbox.is_silent(found, now_us)
        return _page(
            "order.html",
            order=_shown(found),
            choices=choices(found, now_us),
            wanted=wanted.what if wanted else "",
            silent=silent,
            moving=silent or (wanted is not None and wanted.after is not None and _is_open(found)),
        )

    async def chosen(self, request: Request) -> Response:
        """What was chosen is done, where it is possible still; the page says how things stand."""
        try:
            self._refuse_strangers(request)
            body = await body_of(request)
            form = dict(parse_qsl(body[:BODY_BYTES].decode("ascii", "replace"), max_num_fields=5))
            await self._world.book.write(lambda db: self._do(db, request, form.get("choice", "")))
        except (Problem, ValueError) as error:
            return _page("missing.html", error.status if isinstance(error, Problem) else 400)
        return RedirectResponse(request.url.path, status_code=303)

    def _refuse_strangers(self, request: Request) -> None:
        origin = request.headers.get("origin", "null")
        host = request.headers.get("host", "")
        if request.url.hostname not in HERE:  # Another site's name that was made to lead here.
            raise Problem(403, "NOT_ALLOWED", "this page is chosen on by its own address")
        if origin not in ("null", f"http://{host}") or (
            request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        ):
            raise Problem(403, "NOT_ALLOWED", "another site's page may not choose here")

    def _do(self, db: sqlite3.Connection, request: Request, name: str) -> None:
        order, now_us = _found(db, request), self._world.clock.now_us()
        if name not in {one.name for one in choices(order, now_us)}:
            return  # An old page: how things stand is shown next.
        wechat = order.network == "wechat"
        if not name.isdigit():
            (self._wechat if wechat else self._signed)[name](self._world, db, order, {})
            return
        wanted = sandbox.OUTCOMES[int(name)]
        for one in (order, *orders.parts_of(db, order.id)):
            sandbox.mark(one, wanted, now_us)
            orders.save(db, one)
        (at_wechat if wechat else conduct).as_asked(self._world, db, order, wanted)


def _found(db: sqlite3.Connection, request: Request) -> Order:
    """The order of a path; of a part of a combined order the whole, which is paid. Raises
    Problem."""
    said = request.path_params["id"]
    if not (said.isascii() and said.isdigit() and len(said) <= 18):
        raise invalid("id", "a number")
    row = db.execute("SELECT * FROM orders WHERE id = ?", (int(said),)).fetchone()
    if row is None:
        raise Problem(404, "NO_SUCH_ORDER", "there is no such order here")
    found = Order(**row)
    open_part = found.whole_id is not None and found.state in (*OPEN, "CLOSED")
    return orders.load(db, found.whole_id) if open_part and found.whole_id else found


def _newest(db: sqlite3.Connection) -> list[Order]:
    rows = db.execute("SELECT * FROM orders ORDER BY id DESC LIMIT ?", (NEWEST,))
    return [Order(**row) for row in rows]


def _is_open(order: Order) -> bool:
    return order.state in (*OPEN, "PROCESSING")


def _shown(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "network": order.network,
        "kind": order.kind,
        "number": order.number,
        "state": order.state,
        "code": order.code or "",
        "yuan": f"{order.amount // 100:,}.{order.amount % 100:02d}",
        "subject": order.subject,
        "at": iso(order.created_us)[:19].replace("T", " "),
    }


def _page(template: str, status: int = 200, **given: Any) -> Response:
    body = _templates.get_template(template).render(**given)
    headers = {
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(body, status, headers)
