"""The server of the drill: as `zhangfang serve`, but on a clock that runs faster than the wall's.

The clock is given by three numbers, as the simulator's is. It kills itself, as `kill -9` does, in
the commit that reaches the first of the given positions that is still ahead.
"""

import os
import signal
import sys
import time
from contextlib import closing
from functools import partial

import msgspec
import typer
from msgspec import Struct

from api.cli.opening import network_of
from api.cli.serving import listening, serve_on
from api.context import open_context
from api.operations.worker import FEW_DAYS
from api.settings import Settings
from domain.channel.adapters.simulated import SimulatedChannel


class Clock(Struct, frozen=True):
    """now = epoch + (wall - start) * factor, in UTC microseconds."""

    epoch_us: int
    start_us: int
    factor: int

    def now_us(self) -> int:
        return self.epoch_us + (time.time_ns() // 1_000 - self.start_us) * self.factor


class Given(Struct, frozen=True):
    """What the server is told, as JSON in its one argument."""

    database: str
    port: int
    channels: str
    clock: Clock
    kill_at: tuple[int, ...] = ()


def main(argument: str) -> None:
    given = msgspec.json.decode(argument, type=Given)
    settings = Settings(database=given.database, port=given.port, channels=given.channels)
    with listening(settings) as listener:
        context = open_context(
            given.database,
            SimulatedChannel(),
            clock=given.clock.now_us,
            projections=True,
            worker=True,
            days_behind=FEW_DAYS,
            network=partial(network_of, given.channels),
            factor=given.clock.factor,
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


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except typer.Exit as told:  # By SIGTERM.
        sys.exit(told.exit_code)
