"""New connections of a socket that several processes listen on, dealt out evenly.

All of them are woken for a connection, and the quickest would take it, and with it the next ones:
clients that keep a few connections open would all be served by one process. So whoever has more
than another steps back for a moment, and takes what is still there after it: nobody waits for a
process that is busy.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from api.http.connections import Crowd
from api.http.shared import Place

STEP_BACK_S = 0.002
TROUBLE_S = 1  # Without descriptors: a moment later there may be some.

log = logging.getLogger("zhangfang.api")


class Acceptor:
    """Accepts for one process, one connection at a time."""

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[[], asyncio.Protocol],
        crowd: Crowd,
        place: Place,
    ) -> None:
        self._listener = listener
        self._make = make
        self._crowd = crowd
        self._place = place
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._coming: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._woken)

    def close(self) -> None:
        """Accept nothing more; what is under way still becomes a connection."""
        self._loop.remove_reader(self._listener)
        if self._timer is not None:
            self._timer.cancel()

    def _woken(self) -> None:
        if self._place.others_have_fewer(self._crowd.open + len(self._coming)):
            self._pause(STEP_BACK_S, self._accept)
        else:
            self._accept()

    def _pause(self, seconds: float, then: Callable[[], None]) -> None:
        self._loop.remove_reader(self._listener)
        self._timer = self._loop.call_later(seconds, self._go_on, then)

    def _go_on(self, then: Callable[[], None]) -> None:
        self._timer = None
        self._loop.add_reader(self._listener, self._woken)
        then()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # Another process was quicker, or the client is gone.
        except OSError as error:
            log.error("no connection can be accepted: %s", error)
            if self._timer is None:
                self._pause(TROUBLE_S, self._woken)
            return
        connection.setblocking(False)
        with suppress(OSError):  # The client is gone.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._connect(connection))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, connection)
        except OSError:
            connection.close()


class SharingServer(uvicorn.Server):
    """Uvicorn's, on a socket that other processes accept from too."""

    def __init__(self, config: uvicorn.Config, crowd: Crowd, place: Place) -> None:
        super().__init__(config)
        self._crowd = crowd
        self._place = place
        self._acceptors: list[Acceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        for listener in sockets or []:
            acceptor = Acceptor(listener, self._protocol, self._crowd, self._place)
            acceptor.start()
            self._acceptors.append(acceptor)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        await super().shutdown(sockets=sockets)

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        return made
