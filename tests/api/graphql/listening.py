"""A client that listens: the application is called as a server calls it, and its events are read as
they come. Nothing here waits for a time; what is waited for comes, or the test run's own limit."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode

from api.graphql.listening.hub import Hub
from tests.api.graphql.conftest import Books

LONG_S = 60
STREAM = "text/event-stream"


class Event(NamedTuple):
    """What came between two empty lines: its fields, and its comments under ""."""

    fields: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str | None:
        return next((value for field, value in self.fields if field == name), None)

    @property
    def kind(self) -> str | None:
        return self.get("event")

    @property
    def id(self) -> int | None:
        given = self.get("id")
        return None if given is None else int(given)

    @property
    def data(self) -> Any:
        return json.loads(self.get("data") or "null")


def parsed(text: str) -> list[Event]:
    """Whole events of a stream."""
    assert text.endswith("\n\n") or not text, text
    found = []
    for block in text.split("\n\n")[:-1]:
        lines = [line.partition(":") for line in block.split("\n")]
        found.append(Event(tuple((name, value.removeprefix(" ")) for name, _, value in lines)))
    return found


class Client:
    """One connection. `slow`: it takes nothing until `take` is called."""

    def __init__(self, app: Any, scope: dict[str, Any], body: bytes) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.text = ""
        self.over = False
        self.sent = 0  # Messages with a body.
        self._came = asyncio.Event()
        self._left = asyncio.Event()
        self._taking = asyncio.Event()
        self._taking.set()
        self._body: bytes | None = body
        self._seen = 0
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self._taking.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.sent += 1
            self.text += message.get("body", b"").decode()
            self.over = not message.get("more_body", False)
        self._came.set()

    def stall(self) -> None:
        self._taking.clear()

    def go_on(self) -> None:
        self._taking.set()

    @property
    def events(self) -> list[Event]:
        """Those with data that came so far."""
        return [one for one in parsed(self.text) if one.kind is not None]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(LONG_S):
            while not holds():
                self._came.clear()
                await self._came.wait()

    async def open(self) -> "Client":
        """The answer has begun."""
        await self.until(lambda: self.sent > 0)
        return self

    async def next(self) -> Event:
        """The next event that nobody has looked at."""
        await self.until(lambda: len(self.events) > self._seen)
        self._seen += 1
        return self.events[self._seen - 1]

    async def end(self) -> None:
        """The server ends it."""
        await self.until(lambda: self.over)
        await asyncio.wait_for(self.task, LONG_S)

    async def leave(self) -> None:
        """The client is gone."""
        self._left.set()
        await asyncio.wait_for(self.task, LONG_S)


class Wire:
    """Connections to the application of some books."""

    def __init__(self, books: Books, app: Any = None) -> None:
        self.books = books
        self.app = app or books.client.app
        self.clients: list[Client] = []

    @property
    def hub(self) -> Hub:
        """Who listens to the whole application."""
        hub: Hub = self.app.state.hub
        return hub

    def post(
        self,
        query: str,
        role: str | None = "auditor",
        variables: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Client:
        body = json.dumps({"query": query, "variables": dict(variables or {}), **more}).encode()
        return self.call("POST", "", body, role, {"content-type": "application/json"}, headers)

    def get(
        self,
        query: str,
        role: str | None = "auditor",
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> Client:
        return self.call(method, urlencode({"query": query}), b"", role, {}, headers)

    def call(
        self,
        method: str,
        url: str,
        body: bytes,
        role: str | None,
        given: Mapping[str, str],
        headers: Mapping[str, str] | None,
    ) -> Client:
        named = {"accept": STREAM, **given, **(headers or {})}
        if role is not None:
            named["authorization"] = f"Bearer {self.books.keys[role]}"
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": url.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "scheme": "http",
            "root_path": "",
        }
        client = Client(self.app, scope, body)
        self.clients.append(client)
        return client

    async def written(self) -> None:
        """The read models have what was committed, and who listens may hear of it."""
        await asyncio.to_thread(self.books.catch_up)


@asynccontextmanager
async def wire(books: Books, app: Any = None) -> AsyncIterator[Wire]:
    made = Wire(books, app)
    try:
        yield made
    finally:
        for one in made.clients:
            await one.leave()


def listen(story: Callable[[Wire], Awaitable[None]], books: Books, app: Any = None) -> None:
    """Play a story of clients; all of them leave at its end, and nobody listens any more."""

    async def play() -> None:
        async with wire(books, app) as made:
            await story(made)
        if app is None:
            assert made.hub.count == 0

    asyncio.run(play())


async def refused(client: Client) -> tuple[str, str]:
    """The code and field of the one error that a stream must consist of."""
    await client.end()
    assert (client.status, client.headers["content-type"].partition(";")[0]) == (200, STREAM)
    first, last = client.events
    assert (first.kind, first.id, last.kind, last.get("data")) == ("next", None, "complete", "")
    (error,) = first.data["errors"]
    assert set(first.data) == {"errors"} and error["message"]
    return error["extensions"]["code"], error["extensions"]["field"]
