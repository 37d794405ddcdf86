"""A browser without a screen: it keeps cookies, follows redirects, and sends the forms that stand
on pages; of scripts it has what the cashier's own do, which is to show what a stream tells.

A server that is gone for a while is asked until it is there again, as a person would. Whether what
was sent when it went has arrived nobody can say: the page does, loaded anew.
"""

import asyncio
import time
from collections import Counter
from contextlib import suppress
from html.parser import HTMLParser

import httpx2
from msgspec import Struct, field

GIVE_UP_S = 60
AGAIN_S = 0.2
POLL_S = 2.0  # As the page asks that is not told.
MOST_REDIRECTS = 5
KINDS = ("choose", "waiting", "unknown", "paid", "over")
WAITS = ("waiting", "unknown")
TURNED_AWAY = (429, 503)


class Seen(Struct):
    """What a page shows: its `kind`, "" for none that is known; its form, if there is one; the
    `methods` that may be chosen; whether the payer says how much; the way back; where it is told
    of changes."""

    kind: str = ""
    action: str = ""
    hidden: dict[str, str] = field(default_factory=dict)
    methods: list[str] = field(default_factory=list)
    asks_amount: bool = False
    back: str = ""
    live: str = ""

    @property
    def waits(self) -> bool:
        return self.kind in WAITS


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen = Seen()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        classes = has.get("class", "").split()
        if "hx-sse:connect" in has:
            self.seen.live = has["hx-sse:connect"]
        if "scene" in classes:
            self.seen.kind = next((one for one in classes if one in KINDS), "")
        elif tag == "form":
            self.seen.action = has.get("action", "")
        elif tag == "input":
            self._input(has)
        elif tag == "a" and "button" in classes and self.seen.kind in ("paid", "over"):
            self.seen.back = has.get("href", "")

    def _input(self, has: dict[str, str]) -> None:
        kind, name = has.get("type", "text"), has.get("name", "")
        if kind == "hidden":
            self.seen.hidden[name] = has.get("value", "")
        elif kind == "radio" and name == "method" and "disabled" not in has:
            self.seen.methods.append(has.get("value", ""))
        elif name == "amount":
            self.seen.asks_amount = True


def read(text: str) -> Seen:
    """What a page, or its changing part, shows."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.seen


class Found(Struct):
    """What all browsers of a run met. `wrong` is what no page may be; `notes` what pages said
    beside how things stand; `streams` how those ended that tell pages."""

    pages: int = 0
    forms: int = 0
    told: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    streams: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Gone(Exception):
    """Nobody answered for so long."""


class Device:
    """One browser of one payer; its tabs share their cookies."""

    def __init__(self, url: str, transport: httpx2.AsyncHTTPTransport, found: Found) -> None:
        self.found = found
        self._client = httpx2.AsyncClient(
            base_url=url, transport=transport, timeout=GIVE_UP_S, trust_env=False
        )

    async def get(self, path: str) -> httpx2.Response:
        """The page that a path leads to, asked for until it is there. Raises Gone."""
        until = time.monotonic() + GIVE_UP_S
        while time.monotonic() < until:
            try:
                answer = await self._followed(await self._client.get(path))
            except httpx2.HTTPError:
                await asyncio.sleep(AGAIN_S)
                continue
            if answer.status_code not in TURNED_AWAY:
                self._looked_at(path, answer)
                return answer
            await asyncio.sleep(AGAIN_S)
        raise Gone(path)

    async def opened(self, body: dict[str, object], key: str) -> str:
        """The link of a session that a shop opens. Raises Gone, RuntimeError."""
        until = time.monotonic() + GIVE_UP_S
        while time.monotonic() < until:
            try:
                headers = {"Authorization": f"Bearer {key}"}
                answer = await self._client.post("/v1/cashier-sessions", json=body, headers=headers)
            except httpx2.HTTPError:
                await asyncio.sleep(AGAIN_S)
                continue
            if answer.status_code in (200, 201):
                return str(answer.json()["result"]["path"])
            if answer.status_code not in TURNED_AWAY:
                raise RuntimeError(f"no session: {answer.status_code} {answer.text[:300]}")
            await asyncio.sleep(AGAIN_S)
        raise Gone("/v1/cashier-sessions")

    async def send(self, path: str, form: dict[str, str]) -> httpx2.Response | None:
        """The page that a form leads to; None where the connection broke before it was there."""
        self.found.forms += 1
        try:
            answer = await self._followed(await self._client.post(path, data=form))
        except httpx2.HTTPError:
            return None
        if answer.status_code in TURNED_AWAY:
            return None
        self._looked_at(path, answer)
        return answer

    async def _followed(self, answer: httpx2.Response) -> httpx2.Response:
        for _ in range(MOST_REDIRECTS):
            if answer.status_code != 303:
                break
            to = answer.headers["location"]
            note = httpx2.URL(to).params
            if "note" in note:
                self.found.notes[" ".join([note["note"], note.get("why", "")]).strip()] += 1
            answer = await self._client.get(to)
        return answer

    def _looked_at(self, path: str, answer: httpx2.Response) -> None:
        self.found.pages += 1
        if answer.status_code != 200:
            where = path.rpartition("/")[0] if path.count("/") > 2 else path  # Without its token.
            self.found.wrong.append(f"{where}: {answer.status_code} {answer.text[:200]}")

    async def told(self, tab: "Tab", path: str) -> bool:
        """Show what a stream tells; whether it said that nothing more will come."""
        ended = "broken"
        with suppress(httpx2.HTTPError):
            async with self._client.stream("GET", path) as answer:
                if answer.status_code == 200:
                    ended = "ended" if await self._listened(tab, answer) else "cut"
                else:
                    ended = "turned away" if answer.status_code in TURNED_AWAY else "refused"
        self.found.streams[ended] += 1
        return ended == "ended"

    async def _listened(self, tab: "Tab", answer: httpx2.Response) -> bool:
        name, data, seen = "", [], ""
        async for line in answer.aiter_lines():
            key, _, text = line.partition(": ")
            if key == "event":
                name = text
            elif key == "id":
                seen = text
            elif key == "data":
                data.append(text)
            elif not line:
                if name == "ended":
                    return True
                if seen:
                    self.found.told += 1
                    tab.shows("\n".join(data))
                name, data, seen = "", [], ""
        return False


class Tab:
    """One page of a session, in a browser. Without scripts it is loaded anew while it waits."""

    def __init__(self, device: Device, session_no: str, *, scripts: bool) -> None:
        self.session_no = session_no
        self.scripts = scripts
        self.seen = Seen()
        self._device = device
        self._path = f"/pay/{session_no}"

    async def open(self, link: str) -> Seen:
        """By the link: it lets this device in."""
        return self._loaded(await self._device.get(link))

    async def reload(self) -> Seen:
        return self._loaded(await self._device.get(self._path))

    async def choose(self, choice: dict[str, str], page: Seen | None = None) -> Seen:
        """Send the form of a page, of the one that is shown or of an older one."""
        page = page or self.seen
        answer = await self._device.send(page.action, {**page.hidden, **choice})
        if answer is None or answer.status_code != 200:
            return await self.reload()
        return self._loaded(answer)

    def shows(self, text: str) -> None:
        """The changing part is another."""
        now = read(text)
        if not now.kind:
            self._device.found.wrong.append(f"{self.session_no}: a stream told {text[:200]!r}")
        now.live = self.seen.live
        self.seen = now

    async def follow(self) -> None:
        """While the page waits it changes by itself: told by a stream, or where there is none it
        asks; without scripts it is loaded anew."""
        while self.seen.waits:
            if self.scripts and await self._device.told(self, self.seen.live):
                return
            await asyncio.sleep(POLL_S)
            if not self.scripts:
                await self.reload()
            elif self.seen.waits:
                self.shows((await self._device.get(f"{self._path}/scene")).text)

    def _loaded(self, answer: httpx2.Response) -> Seen:
        self.seen = read(answer.text)
        if answer.status_code == 200 and not self.seen.kind:
            self._device.found.wrong.append(
                f"{self.session_no}: a page shows nothing that is known"
            )
        return self.seen
