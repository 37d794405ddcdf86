"""What payers do at the cashier, drawn by the seed, each session for itself, all at once.

Of the orders some have two sessions, each with a payer of its own; some sessions fill a wallet, of
these some by an amount that the payer says. Payers double-click, send a form again when they do
not know whether it arrived, use two tabs or two devices, reload, send a page from the history, and
choose again after a decline, or when a payment that they never made has expired, which may
succeed all the same. Some begin late, when their session may be over.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

import httpx2

from benchmarks.drills.cashier.browser import Device, Found, Gone, Seen, Tab
from benchmarks.drills.channels.traffic import BUYERS, buyer, merchant, merchants
from domain.order.commands import Checkout
from domain.order.order import OrderLine

WALLET, OWN_AMOUNT, RIVAL = 0.15, 0.5, 0.1
SHORT, SHORT_S, LONG_S = 0.15, 1_800, 86_400  # Virtual seconds that a session takes choices.
MOST_CHOICES = 6
COMES_BACK = 0.7  # Of those who lost patience: they look again until the payment has ended.
# By the wall: until they all have come, how long one looks at a page that waits, or tries at all.
COME_S, LATE_S, PATIENCE_S, LONGEST_S, SETTLES_S = 4, 12, 10, 150, 30
METHODS = ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS")  # What the outside's payers pay by.
RETURN_URL = "https://shop.example/orders/"


class Case(NamedTuple):
    """A session that is played: for an order, "" for a wallet's filling by `buyer`; `amount_fen`
    is what is to be paid, `says_fen` what the payer says where the session does not."""

    session_no: str
    order_no: str
    buyer: str
    amount_fen: int
    says_fen: int | None
    seconds: int

    @property
    def reference(self) -> str:
        return self.order_no or self.session_no

    def wish(self) -> dict[str, object]:
        """What opens it, over REST."""
        body = {"session_no": self.session_no, "seconds": self.seconds}
        if self.order_no:
            return {**body, "order_no": self.order_no, "return_url": RETURN_URL + self.order_no}
        wanted = {} if self.says_fen is not None else {"amount_fen": self.amount_fen}
        return {**body, "member_id": self.buyer, **wanted}


def drawn(seed: int, sessions: int) -> tuple[list[Checkout], list[Case]]:
    """The orders and so many sessions."""
    orders: list[Checkout] = []
    cases: list[Case] = []
    for number in range(sessions):
        draw = random.Random(f"{seed}/session/{number}")
        session_no, who = f"S{number}", buyer(draw.randrange(BUYERS))
        seconds = SHORT_S if draw.random() < SHORT else LONG_S
        if orders and draw.random() < RIVAL:
            order = draw.choice(orders)
            fen = sum(line.amount_fen for line in order.lines)
            cases.append(Case(session_no, order.order_no, order.buyer, fen, None, seconds))
        elif draw.random() < WALLET:
            fen = draw.randint(1_000, 100_000)
            says = fen if draw.random() < OWN_AMOUNT else None
            cases.append(Case(session_no, "", who, fen, says, seconds))
        else:
            order = Checkout(f"O{number}", who, tuple(_lines(draw, sessions)))
            orders.append(order)
            fen = sum(line.amount_fen for line in order.lines)
            cases.append(Case(session_no, order.order_no, who, fen, None, seconds))
    return orders, cases


def _lines(draw: random.Random, sessions: int) -> Iterator[OrderLine]:
    for one in draw.sample(range(merchants(sessions)), draw.choice((1, 1, 1, 2, 3))):
        yield OrderLine(merchant(one), draw.randint(200, 60_000), "坚果 <b>250g</b>", 1)


class Payer:
    """One session, and all its tabs. They stay open until `leave`; what they show then is what
    is judged."""

    def __init__(self, case: Case, link: str, seed: int, device: Callable[[], Device]) -> None:
        self.case = case
        self.tabs: list[Tab] = []
        self.gone = ""
        self._link = link
        self._draw = random.Random(f"{seed}/payer/{case.session_no}")
        self._device = device
        self._following: dict[Tab, asyncio.Task[None]] = {}
        self._old: Seen | None = None

    async def pay(self) -> None:
        """Until it is paid or over, or patience is; then the tabs go on showing what happens."""
        try:
            await self._paid()
        except Gone as error:
            self.gone = str(error)
        self._follow()

    async def settle(self) -> None:
        """What happens has happened: those tabs that wait for it have shown it, or never will."""
        if self._following:
            await asyncio.wait(self._following.values(), timeout=SETTLES_S)

    async def leave(self) -> list[tuple[str, str]]:
        """Of each tab what it shows, and what it shows loaded anew. One that offers a choice does
        not change by itself: "" is what it shows. Raises Gone."""
        for task in self._following.values():
            task.cancel()
        found = []
        for tab in self.tabs:
            shown = tab.seen.kind if tab in self._following else ""
            found.append(("" if shown == "choose" else shown, (await tab.reload()).kind))
        return found

    async def _paid(self) -> None:
        draw = self._draw
        await asyncio.sleep(draw.random() * (LATE_S if draw.random() < 0.2 else COME_S))
        first = await self._opened(self._device())
        if draw.random() < 0.3:
            await self._opened(self._device())
        until, choices = time.monotonic() + LONGEST_S, 0
        while time.monotonic() < until and first.seen.kind not in ("paid", "over"):
            if first.seen.kind == "choose" and choices < MOST_CHOICES:
                choices += 1
                await self._chosen(first)
            elif first.seen.kind == "choose":
                return  # Enough of it.
            elif not await self._watched(first, PATIENCE_S):
                if draw.random() > COMES_BACK:
                    return
                await self._watched(first, until - time.monotonic())

    async def _opened(self, device: Device) -> Tab:
        tab = Tab(device, self.case.session_no, scripts=self._draw.random() < 0.6)
        self.tabs.append(tab)
        await tab.open(self._link)
        return tab

    async def _chosen(self, tab: Tab) -> None:
        page, habit = tab.seen, self._draw.choice(tuple(HABITS))
        if not page.methods:
            await tab.reload()
            await asyncio.sleep(1)  # Nothing can be chosen now: later, perhaps.
            return
        await HABITS[habit](self, tab, page)
        if self._old is not None and self._draw.random() < 0.3:
            await tab.choose(self._choice(self._old), self._old)  # From the history.
        self._old = page

    def _choice(self, page: Seen) -> dict[str, str]:
        usable = [one for one in page.methods if one in METHODS]
        choice = {"method": self._draw.choice(usable)} if usable else {}
        if page.asks_amount:
            choice["amount"] = f"{self.case.amount_fen // 100}.{self.case.amount_fen % 100:02}"
        return choice

    async def _once(self, tab: Tab, page: Seen) -> None:
        await tab.choose(self._choice(page), page)

    async def _twice(self, tab: Tab, page: Seen) -> None:
        """A double click: the same form, two times at once."""
        choice = self._choice(page)
        await asyncio.gather(tab.choose(choice, page), tab.choose(choice, page))

    async def _otherwise(self, tab: Tab, page: Seen) -> None:
        """The same form two times at once, with two methods."""
        await asyncio.gather(
            tab.choose(self._choice(page), page), tab.choose(self._choice(page), page)
        )

    async def _in_two_tabs(self, tab: Tab, page: Seen) -> None:
        """All tabs there are, and a new one, each with its own form, at once."""
        if len(self.tabs) < 4:
            await self._opened(self._device())
        open_ones = [one for one in self.tabs if one.seen.kind == "choose"]
        await asyncio.gather(*(one.choose(self._choice(one.seen)) for one in open_ones))
        if tab.seen.kind == "choose":
            await tab.reload()

    async def _and_reloads(self, tab: Tab, page: Seen) -> None:
        await asyncio.gather(tab.choose(self._choice(page), page), tab.reload())
        await tab.reload()

    async def _impatient(self, tab: Tab, page: Seen) -> None:
        """Does not wait for the answer, and sends the form again."""
        choice = self._choice(page)
        sending = asyncio.create_task(tab.choose(choice, page))
        await asyncio.sleep(self._draw.random() * 0.1)
        sending.cancel()
        await asyncio.wait([sending])
        await tab.choose(choice, page)

    async def _watched(self, tab: Tab, seconds: float) -> bool:
        """Whether the page shows another thing before patience is over."""
        self._follow()
        until = time.monotonic() + seconds
        while tab.seen.waits and time.monotonic() < until:
            await asyncio.sleep(0.1)
        return not tab.seen.waits

    def _follow(self) -> None:
        """Pages that wait go on by themselves."""
        for one in self.tabs:
            task = self._following.get(one)
            if one.seen.waits and (task is None or task.done()):
                self._following[one] = asyncio.create_task(self._followed(one))

    async def _followed(self, tab: Tab) -> None:
        try:
            await tab.follow()
        except Gone as error:
            self.gone = str(error)


HABITS: dict[str, Callable[[Payer, Tab, Seen], Awaitable[None]]] = {
    "once": Payer._once,
    "twice": Payer._twice,
    "otherwise": Payer._otherwise,
    "two tabs": Payer._in_two_tabs,
    "reloads": Payer._and_reloads,
    "impatient": Payer._impatient,
}


def devices(url: str, found: Found) -> Callable[[], Device]:
    """Makes browsers; connections are shared, cookies are not."""
    limits = httpx2.Limits(max_connections=450, max_keepalive_connections=0)
    transport = httpx2.AsyncHTTPTransport(verify=False, limits=limits)
    return lambda: Device(url, transport, found)
