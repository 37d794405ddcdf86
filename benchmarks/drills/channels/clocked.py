"""The server of the drill: as `zhangfang serve`, but on a clock that runs faster than the wall's.

The clock is given by three numbers, as the simulator's is, and by what it was advanced by since,
which stands in a file of eight bytes that all processes of the drill have mapped. The server kills
itself, as `kill -9` does, in the commit that reaches the first of the given positions that is still
ahead; and it ends when the drill does, however that ended.
"""

import mmap
import os
import signal
import sys
import threading
import time
from base64 import b64encode
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec
import typer
from msgspec import Struct

from api.cli.opening import keeping, network_of, payees_of
from api.cli.serving import listening, serve_on
from api.context import open_context
from api.operations.worker import FEW_DAYS
from api.settings import Settings
from domain.channel.adapters.simulated import SimulatedChannel

BYTES = 8
VAULT_KEY = f"1:{b64encode(bytes(range(32))).decode()}"  # Of the drill's vault, which goes with it.


class Clock(Struct, frozen=True):
    """now = epoch + (wall - start) * factor + what it was advanced by, in UTC microseconds."""

    epoch_us: int
    start_us: int
    factor: int
    advanced: str  # The file.


class Hands:
    """The clock as it runs, in one process; `advance` moves it on in all of them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        path = Path(clock.advanced)
        if not path.exists():
            path.write_bytes(bytes(BYTES))
        with path.open("r+b") as file:
            self._advanced = mmap.mmap(file.fileno(), BYTES)

    def now_us(self) -> int:
        clock = self.clock
        passed_us = (time.time_ns() // 1_000 - clock.start_us) * clock.factor
        return clock.epoch_us + passed_us + self._advanced_us()

    def advance(self, by_us: int) -> None:
        self._advanced[:] = (self._advanced_us() + by_us).to_bytes(BYTES, "little")

    def _advanced_us(self) -> int:
        return int.from_bytes(self._advanced[:], "little")


class Given(Struct, frozen=True):
    """What the server is told, as JSON in its one argument."""

    database: str
    port: int
    channels: str
    clock: Clock
    kill_at: tuple[int, ...] = ()
    vault: str = ""


def main(argument: str) -> None:
    given = msgspec.json.decode(argument, type=Given)
    threading.Thread(target=_end_with_the_drill, daemon=True).start()
    settings = Settings(
        database=given.database,
        port=given.port,
        channels=given.channels,
        vault=given.vault,
        vault_key=VAULT_KEY if given.vault else "",
    )
    with listening(settings) as listener:
        context = open_context(
            given.database,
            SimulatedChannel(),
            clock=Hands(given.clock).now_us,
            projections=True,
            worker=True,
            days_behind=FEW_DAYS,
            network=partial(network_of, given.channels),
            payees=payees_of(given.channels),
            factor=given.clock.factor,
            keeping=keeping(given.database, settings),
        )
        with closing(context):
            head = context.ledger.head().position
            ahead = [position for position in given.kill_at if position > head]
            if ahead:
                context.ledger.on_commit(partial(_die, min(ahead)))
            serve_on(context, listener, settings)


def _die(at: int, position: int) -> None:
    if position >= at:
        os.kill(os.getpid(), signal.SIGKILL)


def _end_with_the_drill() -> None:
    """Nothing is ever written there: it is closed when the drill is gone."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except typer.Exit as told:  # By SIGTERM.
        sys.exit(told.exit_code)
