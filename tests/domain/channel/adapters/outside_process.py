"""The simulator as a process of its own, and a place where its callbacks come to."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.request import Request, urlopen

from msgspec.structs import replace

from domain.channel.adapters.loading import load
from domain.channel.network import Adapter, Heard, Order
from tests.domain.channel.adapters.server import Asked, Reply, Server
from tests.source import ROOT

WAIT_S = 20


def wall_us() -> int:
    return time.time_ns() // 1000


class Simulator:
    """`zhangfang simulator`, until it is stopped."""

    def __init__(self, directory: Path, *options: str) -> None:
        command = [sys.executable, "-m", "simulator", "--directory", str(directory), "--json"]
        self._process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self._process.stdout is not None
        said = json.loads(self._process.stdout.readline())
        self.url, self.keys = said["base_url"], Path(said["keys"])

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(WAIT_S)

    def does(self, what: str, **body: object) -> Mapping[str, object]:
        """One of /simulate/…"""
        request = Request(f"{self.url}/simulate/{what}", json.dumps(body).encode(), method="POST")
        with urlopen(request, timeout=WAIT_S) as answer:
            done: Mapping[str, object] = json.load(answer)
            return done

    def balance(self, account: str) -> int:
        """Fen on an account of its banks, by its id there: kind:number."""
        with urlopen(f"{self.url}/book/accounts?limit=1000", timeout=WAIT_S) as answer:
            page = json.load(answer)
        (found,) = [row["balance"] for row in page["accounts"] if row["id"] == account]
        return int(found)


class Institution:
    """Our side: the adapters, and a server to which callbacks come. An async context manager."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.heard: list[Heard] = []
        self._came = asyncio.Condition()

    async def __aenter__(self) -> "Institution":
        self._server = await Server(self._take).__aenter__()
        self.adapters = load(self.simulator.keys, notify_url=f"{self._server.url}/callbacks")
        return self

    async def __aexit__(self, *_: object) -> None:
        for adapter in self.adapters.values():
            await adapter.aclose()
        await self._server.__aexit__()

    async def _take(self, asked: Asked) -> Reply:
        adapter = self.adapters[asked.target.removeprefix("/callbacks/")]
        heard = adapter.heard(asked.method, asked.target, asked.headers, asked.body, wall_us())
        async with self._came:
            self.heard.append(heard)
            self._came.notify_all()
        status, body = adapter.acknowledgement(taken=True)
        return Reply(status, body=body)

    async def hears(self, fits: Callable[[Heard], bool]) -> Heard:
        """The first callback that fits, when it has come."""
        async with asyncio.timeout(WAIT_S), self._came:
            await self._came.wait_for(lambda: any(fits(heard) for heard in self.heard))
        return next(heard for heard in self.heard if fits(heard))

    async def does(self, what: str, **body: object) -> Mapping[str, object]:
        return await asyncio.to_thread(lambda: self.simulator.does(what, **body))


def numbered(adapter: Adapter, order: Order, instruction_id: str, **changed: object) -> Order:
    """An order of an instruction, under the channel's number, sent now."""
    number = adapter.number(instruction_id)
    return replace(
        order,
        channel=adapter.channel,
        instruction_id=instruction_id,
        number=number,
        sent_us=wall_us(),
        **changed,
    )
