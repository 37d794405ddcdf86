"""How many connections there may be, how large and how slow a request: before a byte is parsed.

Uvicorn's own protocol reads a head of any length, waits for ever for a first byte, and for a client
that sends one byte a second. This one counts and times what arrives:

    connected ──head──▶ head complete ──body──▶ request complete ──answer──▶ connected
        └── each step in bounded bytes and seconds, else: a problem document, and closed ──┘

When there are as many connections as may be, whoever has kept us waiting longest gives way to
whoever comes: silent connections lock nobody out. Only when all of them have requests under way is
a newcomer told to come back.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from starlette.responses import Response
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from api.http.bodies import LARGER
from api.http.errors import Problem, problem_response
from api.http.shared import GUARDED, OPEN, TURNED_AWAY, Place
from domain.refusals import Code, Refused

try:
    import resource
except ImportError:  # Windows has no such limit.
    resource = None  # type: ignore[assignment]

RESERVED = 256  # Descriptors that operations and databases keep, whatever the doors do.
FEWEST = 16
MOST_HEADERS = 100
HEAD, BODY, ANSWER = "head", "body", "answer"


class Limits(Struct, frozen=True):
    """Bytes of a request's line, of its head and of the whole; seconds to arrive, of silence
    between two requests, and for a client to take what it asked for."""

    connections: int = 500
    line_bytes: int = 8 * 1024
    head_bytes: int = 32 * 1024
    message_bytes: int = 2 * 1024 * 1024
    head_seconds: int = 10
    body_seconds: int = 30
    idle_seconds: int = 5
    write_seconds: int = 30


def affordable(wanted: int, reserved: int = RESERVED) -> int:
    """So many connections, or as many as the process may open beside what operations keep."""
    if resource is None:
        return wanted
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if most == resource.RLIM_INFINITY:
        return wanted
    return max(FEWEST, min(wanted, most - reserved))


class Crowd:
    """The connections of one process. How many there are, and how many were turned away, stands in
    the process's place among the others of its server."""

    def __init__(self, limits: Limits, place: Place | None = None) -> None:
        self.limits = limits
        self._row = (place or Place()).row
        self._waited_for: OrderedDict[GuardedProtocol, None] = OrderedDict()
        self._ending: list[Callable[[], None]] = []

    def on_ending(self, end: Callable[[], None]) -> None:
        """Call this once when the server begins to stop: of answers that never end by
        themselves."""
        self._ending.append(end)

    def ends(self) -> None:
        """The server stops: answers under way are waited for, a while."""
        ending, self._ending = self._ending, []
        for end in ending:
            end()

    @property
    def open(self) -> int:
        """How many there are now."""
        return self._row[OPEN]

    def turned_away(self, status: int) -> None:
        self._row[TURNED_AWAY + GUARDED.index(status)] += 1

    def admit(self, one: "GuardedProtocol") -> bool:
        """Whether there is room, or somebody gives way."""
        self._row[OPEN] += 1
        if self.open > self.limits.connections:
            if not self._waited_for:
                return False
            next(iter(self._waited_for)).refuse(408, "connection", "others are waiting")
        self._waited_for[one] = None
        return True

    def waits_for(self, one: "GuardedProtocol") -> None:
        self._waited_for[one] = None
        self._waited_for.move_to_end(one)

    def has_heard(self, one: "GuardedProtocol") -> None:
        self._waited_for.pop(one, None)

    def left(self, one: "GuardedProtocol") -> None:
        self._row[OPEN] -= 1
        self._waited_for.pop(one, None)


class GuardedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        crowd: Crowd,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._crowd = crowd
        self._limits = crowd.limits
        self._phase = HEAD
        self._size = 0  # Bytes of the request that is arriving.
        self._most, self._body_seconds = self._limits.message_bytes, self._limits.body_seconds
        self._extensions: dict[str, Any] = {}
        self._head_size = 0
        self._no: tuple[int, str, str] | None = None
        self._over = False  # Refused: nothing that still arrives is looked at.
        self._deadline: tuple[str, asyncio.TimerHandle] | None = None
        self._writing: asyncio.TimerHandle | None = None

    # Connecting and leaving.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._crowd.admit(self):
            self._arm(HEAD, self._limits.head_seconds)
        else:
            self.refuse(503, "connection", "too many requests are under way; try again")

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._disarm()
        if self._writing is not None:
            self._writing.cancel()
        self._crowd.left(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        super().shutdown()
        self._crowd.ends()

    def refuse(self, status: int, field: str, detail: str) -> None:
        """Say no, unless an answer is half on its way, and hang up."""
        if self._over:
            return
        self._over = True
        self._disarm()
        self._crowd.turned_away(status)
        self._crowd.has_heard(self)
        under_way = self.cycle is not None and not self.cycle.response_complete
        if not (under_way and (self.cycle.response_started or self.pipeline)):
            self.transport.write(_problem_bytes(status, field, detail))
        if under_way:  # Whoever works on it is told, and cannot answer a second time.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.pipeline.clear()
        self.transport.close()

    # Arriving.

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        self._size += len(data)
        super().data_received(data)
        if self._over:
            return
        if self._no is None and self._phase == HEAD and self._size > self._limits.head_bytes:
            self._no = (431, "headers", f"above {self._limits.head_bytes} bytes")
        if self._no is None and self._phase == BODY and self._size > self._most:
            self._no = (413, "body", f"above {self._most} bytes")
        if self._no is not None:
            self.refuse(*self._no)
        elif self._phase == HEAD and self._size:
            self._arm(HEAD, self._limits.head_seconds)
        elif self._phase == BODY:
            self._arm(BODY, self._body_seconds)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase = HEAD
        self._head_size = 0
        self._most, self._body_seconds = self._limits.message_bytes, self._limits.body_seconds
        self._extensions = {LARGER: self._let_in}  # A new one: by it a request is known.
        self.scope["extensions"] = self._extensions

    def _let_in(self, extensions: Any, most: int, seconds: int) -> None:
        """A door knows who sends the request with these, and takes a larger body of it: so many
        bytes beside its head and the marks between its pieces, and so many seconds from now."""
        if extensions is not self._extensions or self._phase != BODY or self._over:
            return  # It is here already.
        self._most = most + most // 8 + self._limits.head_bytes
        self._body_seconds = seconds
        self._disarm()
        self._arm(BODY, seconds)

    def on_url(self, url: bytes) -> None:
        if len(self.url) + len(url) > self._limits.line_bytes:
            self._no = (414, "path", f"above {self._limits.line_bytes} bytes")
        if self._no is None:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value) + 4
        if self._head_size > self._limits.head_bytes or len(self.headers) >= MOST_HEADERS:
            detail = f"above {self._limits.head_bytes} bytes, or {MOST_HEADERS} of them"
            self._no = self._no or (431, "headers", detail)
        if self._no is None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._no is not None:
            return
        super().on_headers_complete()
        self._phase = BODY

    def on_body(self, body: bytes) -> None:
        if self._no is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._no is not None:
            return
        super().on_message_complete()
        self._phase = ANSWER if not self.cycle.response_complete else HEAD
        self._size = 0
        self._disarm()
        if self._phase == ANSWER:
            self._crowd.has_heard(self)

    def send_400_response(self, msg: str) -> None:
        self.refuse(400, "", "this is not HTTP")

    def _unsupported_upgrade_warning(self) -> None:
        """It is answered as if no other protocol had been asked for."""

    # Answering.

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._over:
            return
        if self._phase == ANSWER and not self.pipeline:
            self._phase = HEAD
        self._crowd.waits_for(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._writing is None:
            abort = self.transport.abort
            self._writing = self.loop.call_later(self._limits.write_seconds, abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    # Time.

    def _arm(self, phase: str, seconds: int) -> None:
        """The time a phase may take runs from its first byte; more bytes do not buy more."""
        if self._deadline is not None:
            if self._deadline[0] == phase:
                return
            self._disarm()
        self._deadline = (phase, self.loop.call_later(seconds, self._too_slow, phase, seconds))

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline[1].cancel()
            self._deadline = None

    def _too_slow(self, phase: str, seconds: int) -> None:
        self.refuse(408, "headers" if phase == HEAD else "body", f"not here after {seconds} s")


def _problem_bytes(status: int, field: str, detail: str) -> bytes:
    """The whole answer, for a connection that is closed with it."""
    code = Code.BUSY if status == 503 else Code.REQUEST_INVALID
    response: Response = problem_response(Problem(Refused(code, field, detail), status=status))
    lines = [STATUS_LINE[status]]
    lines += [b"%s: %s\r\n" % (name, value) for name, value in response.raw_headers]
    return b"".join([*lines, b"connection: close\r\n\r\n", bytes(response.body)])
