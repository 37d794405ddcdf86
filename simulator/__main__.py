"""`python -m simulator --directory DIR`: the outside, until it is stopped."""

import argparse
import asyncio
import gc
import json
import os
import signal
import socket
import sqlite3
import sys
from pathlib import Path

import msgspec

from simulator import agenda, conduct
from simulator.acts import fail
from simulator.app import application
from simulator.bills.desk import Desk
from simulator.book import Book, InUse
from simulator.callbacks import Caller
from simulator.clock import LATEST_US, Clock, parse_iso, wall_us
from simulator.faults import Draws, profile
from simulator.keys import earlier_port, load_or_make
from simulator.problems import Problem
from simulator.server import Server, listening_again, loop_factory
from simulator.wechat.api import TASKS, WeChatPay
from simulator.world import World, remembered

IN_USE = 3  # Exit code: another one works in the directory.
SIGNED = {**conduct.TASKS, "fail": fail}


def arguments() -> argparse.ArgumentParser:
    """The options; those that are left out are as at the last start in the directory."""
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    add = parser.add_argument
    add("--directory", type=Path, required=True, help="where its book and the keys are kept")
    add("--port", type=int, default=0, help="on loopback; 0: as before, else any free one")
    add("--seed", type=int, help="what faults and payers are drawn by (0)")
    add("--faults", help="none, all, bills, or kind=permille,… (none)")
    add("--payer", choices=("prompt", "mixed", "manual"), help="how payers behave (prompt)")
    add("--factor", type=int, help="virtual seconds in one second (1)")
    add("--epoch", help="the virtual time at the start: ISO 8601 with +08:00, or UTC µs")
    add("--start-unix-us", type=int, help="the wall's time at the epoch, UTC µs (now)")
    add("--latency-ms", type=int, default=0, help="how long every answer takes at least")
    add("--delay-ms", type=int, default=1_500, help="the most that the fault `delay` adds")
    add("--certificates", action="store_true", help="WeChat Pay still hands out certificates")
    add("--sandbox", action="store_true", help="amounts and pages ask for outcomes")
    add("--until-stdin-ends", action="store_true", help="stop when whoever started it is gone")
    add("--json", action="store_true", help="say where it listens as one line of JSON")
    return parser


def _epoch_us(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    at_us = parse_iso(text)
    if at_us is None:
        raise Problem(400, "PARAM_INVALID", "--epoch: like 2026-11-25T08:00:00+08:00, or UTC µs")
    return at_us


def _world(given: argparse.Namespace, book: Book, base_url: str) -> World:
    """What it was before, with what is given now. Raises Problem."""
    was = book.now(remembered)
    now = wall_us()
    start = (
        given.start_unix_us if given.start_unix_us is not None else was.get("start_unix_us", now)
    )
    epoch = _epoch_us(given.epoch) if given.epoch is not None else was.get("epoch_us", now)
    factor = given.factor if given.factor is not None else was.get("factor", 1)
    if not 1 <= factor <= 100_000:
        raise Problem(400, "PARAM_INVALID", "--factor: a whole number from 1 to 100000")
    seed = given.seed if given.seed is not None else was.get("seed", 0)
    faults = profile(given.faults) if given.faults is not None else was.get("faults", {})
    # A time that is given holds: what the clock was advanced by before is over.
    offset = was.get("offset_us", 0) if given.epoch is None else 0
    clock = Clock(epoch, start, factor, offset)
    if not 0 <= clock.now_us() < LATEST_US:
        raise Problem(400, "PARAM_INVALID", "the clock would not be between 1970 and 9000")
    keys, outside = load_or_make(given.directory, base_url)
    world = World(book, clock, keys, outside, Draws(seed, faults))
    world.payer = given.payer or was.get("payer", "prompt")
    world.latency_ms, world.delay_ms = max(0, given.latency_ms), max(1, given.delay_ms)
    world.certificates, world.sandbox = given.certificates, given.sandbox
    book.now(world.remember)
    return world


def _ended(server: Server) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin)
        server.should_exit = True


async def _serve(world: World, sock: socket.socket, *, until_stdin_ends: bool) -> None:
    desk = Desk(world)
    wechat = WeChatPay(world, desk)
    caller = Caller(world, wechat.writer)
    world.book.now(caller.start)
    server = Server(application(world, desk, SIGNED, TASKS, wechat.table))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    if until_stdin_ends:
        loop.add_reader(sys.stdin, _ended, server)
    work = [
        loop.create_task(server.serve(sockets=[sock])),
        loop.create_task(agenda.run(world, SIGNED, TASKS)),
        loop.create_task(caller.run()),
    ]
    done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    left = set(work) - done
    while left:  # A wait that is over in the moment it is cancelled may not have noticed (3.11).
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=1)
    for task in done:
        if not task.cancelled():
            task.result()  # What ended it is said.


def main() -> int:
    given = arguments().parse_args()
    try:
        if not 0 <= given.port <= 65_535:
            raise Problem(400, "PARAM_INVALID", "--port: 0 to 65535")
        book = Book(given.directory)
        sock = listening_again(given.port, earlier_port(given.directory))
        base_url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        world = _world(given, book, base_url)
    except (Problem, InUse, OSError, sqlite3.Error, msgspec.DecodeError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return IN_USE if isinstance(error, InUse) else 2
    keys = str(given.directory / "keys.json")
    said = {"base_url": base_url, "keys": keys, "seed": world.draws.seed}
    line = json.dumps(said) if given.json else f"The outside listens at {base_url}; keys: {keys}"
    print(line, flush=True)
    # A commit holds hundreds of requests for a moment, hardly one of them part of a cycle. Looking
    # for cycles every 700 objects, as is the default, took a twentieth of the time under load.
    gc.freeze()
    gc.set_threshold(10_000, 5, 200)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(world, sock, until_stdin_ends=given.until_stdin_ends))
    book.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
