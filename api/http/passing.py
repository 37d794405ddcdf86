"""Commands of a server are decided by its first process; the others pass them on to it.

    process 2 ── request ──▶ process 1: the one group committer ── answer ──▶ process 2

Several processes may write one ledger, but each commit of another makes a committer decide again
under the lock: a server that let all of its own write would do most work twice. So there is one
committer while the first process answers. When it does not, whoever has a request decides it
itself: under the same number, so that what was decided meanwhile is answered and not done again.

A message is a packet of a socket pair that only the server's processes have: never half of one,
also when a process is killed and its successor goes on with the same socket.
"""

import asyncio
import errno
import itertools
import logging
import pickle
import secrets
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from api.http.shared import Place
from domain.kernel import Request
from domain.ledger.answer import Answer
from domain.ledger.ledger import Ledger
from domain.refusals import Code, Refused

MOST_BYTES = 64 * 1024  # Of a packet.
WATCH_S = 0.1
# Packets that wait are counted by their size; not so elsewhere, where there are only datagrams.
KIND = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM

log = logging.getLogger("zhangfang.api")


class Asked(NamedTuple):
    """A request under the number of whoever passes it on."""

    number: int
    request: Request


class Told(NamedTuple):
    """Its answer, or why it was not taken. Neither: it is to be decided where it came from."""

    number: int
    answer: Answer | None = None
    refused: tuple[Code, str, str] | None = None


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends for packets, to be made before the processes are forked."""
    ends = socket.socketpair(socket.AF_UNIX, KIND)
    for end in ends:
        end.setblocking(False)
    return ends


class _End:
    """One end: what is put in during a turn of the loop goes out in as few packets as may be."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._flushing = False

    def put(self, packed: bytes) -> None:
        self._out.append(packed)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        while self._out:
            count = size = 0
            for packed in self._out:
                size += len(packed) + 8
                if count and size > MOST_BYTES:
                    break
                count += 1
            try:
                self._end.send(pickle.dumps(self._out[:count]))
            except (BlockingIOError, InterruptedError):  # Nobody reads so quickly: go on then.
                self._loop.add_writer(self._end, self._go_on)
                return
            except OSError as error:
                if error.errno == errno.ENOBUFS:  # Blocking, as some systems say it.
                    self._loop.call_later(WATCH_S, self._flush)
                    return
                log.warning("nothing can be passed on: %s", error)
                self._out.clear()  # Whoever waits for it gives up, and decides itself.
                break
            del self._out[:count]
        self._flushing = False

    def _go_on(self) -> None:
        self._loop.remove_writer(self._end)
        self._flush()

    def taken(self) -> list[Any]:
        """What has come in since."""
        found: list[Any] = []
        with suppress(BlockingIOError, InterruptedError):
            while data := self._end.recv(2 * MOST_BYTES):
                # Only processes of this server have the other end.
                found += [pickle.loads(packed) for packed in pickle.loads(data)]
        return found

    def close(self) -> None:
        self._loop.remove_reader(self._end)
        self._loop.remove_writer(self._end)


class Deciding:
    """In the first process: decides what the others pass on."""

    def __init__(self, ledger: Ledger, place: Place, ends: Sequence[socket.socket]) -> None:
        self._ledger = ledger
        self._place = place
        self._sockets = ends
        self._ends: list[_End] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            end = _End(one)
            self._ends.append(end)
            loop.add_reader(one, self._arrived, end)
        self._place.decide(True)

    async def close(self) -> None:
        """Take no more, and answer what was taken."""
        self._place.decide(False)
        while self._under_way:
            await asyncio.wait(self._under_way)
        await asyncio.sleep(0)  # The last answers go out.
        for end in self._ends:
            end.close()

    def _arrived(self, end: _End) -> None:
        loop = asyncio.get_running_loop()
        for asked in end.taken():
            task = loop.create_task(self._decide(end, *asked))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _decide(self, end: _End, number: int, request: Request) -> None:
        told = Told(number)  # A defect or a database in trouble: whoever asked finds out itself.
        try:
            told = Told(number, await self._ledger.submit_async(request))
        except Refused as no:
            told = Told(number, refused=(no.code, no.field, no.detail))
        finally:
            packed = pickle.dumps(told)
            end.put(packed if len(packed) <= MOST_BYTES else pickle.dumps(Told(number)))


class PassedOn:
    """In the other processes: where commands go."""

    def __init__(self, ledger: Ledger, place: Place, end: socket.socket) -> None:
        self._ledger = ledger
        self._place = place
        self._socket = end
        self._end: _End | None = None
        # Numbers that no earlier process with this end can have used: its answers may still come.
        self._numbers = itertools.count(secrets.randbits(62))
        self._waiting: dict[int, tuple[int, asyncio.Future[Told]]] = {}
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._end = _End(self._socket)
        loop.add_reader(self._socket, self._answered)
        self._watching = loop.create_task(self._watch())

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        self._give_up(0)
        if self._end is not None:
            self._end.close()

    async def submit(self, request: Request) -> Answer:
        """Decide one request, durably, wherever. Raises as `Ledger.submit_async` does."""
        life = self._place.deciding()
        if life and self._end is not None:
            told = await self._passed(self._end, life, request)
            if told.answer is not None:
                return told.answer
            if told.refused is not None:
                raise Refused(*told.refused)
        return await self._ledger.submit_async(request)

    async def _passed(self, end: _End, life: int, request: Request) -> Told:
        number = next(self._numbers)
        packed = pickle.dumps(Asked(number, request))
        if len(packed) > MOST_BYTES:
            return Told(number)
        future: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (life, future)
        end.put(packed)
        try:
            return await future
        finally:
            del self._waiting[number]

    def _answered(self) -> None:
        assert self._end is not None
        for told in self._end.taken():
            _, future = self._waiting.get(told.number, (0, None))
            if future is not None and not future.done():
                future.set_result(Told(*told))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            if self._waiting:
                self._give_up(self._place.deciding())

    def _give_up(self, life: int) -> None:
        """What was passed on to a process that is gone, or does not answer, is decided here."""
        for number, (asked, future) in list(self._waiting.items()):
            if asked != life and not future.done():
                future.set_result(Told(number))
