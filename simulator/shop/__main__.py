"""`python -m simulator.shop --directory DIR`: the shop, until it is stopped."""

import argparse
import asyncio
import json
import os
import signal
import socket
import sqlite3
import sys
from pathlib import Path

import msgspec

from simulator.server import Server, listening_again, loop_factory
from simulator.shop.hearing import Hearing
from simulator.shop.institution import Institution, Settings
from simulator.shop.memory import Memory
from simulator.shop.pages import Shop

HELP = """DIR/shop.json says where the institution is, and with which keys:
{"api": "http://127.0.0.1:8000", "buyer": "xiaohong", "merchants": {"SANZHI": "zf_…"},
"platform": "zf_…" or "", "sandbox": "http://127.0.0.1:9000" or ""}. `zhangfang run` writes one."""


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="shop", description=__doc__, epilog=HELP)
    add = parser.add_argument
    add("--directory", type=Path, required=True, help="where its settings and its memory are")
    add("--port", type=int, default=0, help="on loopback; 0: as before, else any free one")
    add("--until-stdin-ends", action="store_true", help="stop when whoever started it is gone")
    add("--json", action="store_true", help="say where it listens as one line of JSON")
    return parser


async def _serve(
    settings: Settings, memory: Memory, sock: socket.socket, *, until_stdin_ends: bool
) -> None:
    url = _url(sock)
    institution = Institution(settings)
    hearing = Hearing(institution, memory, url)
    server = Server(Shop(institution, memory, hearing, url).application())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    if until_stdin_ends:
        loop.add_reader(sys.stdin, _ended, server)
    registering = loop.create_task(hearing.register())
    try:
        await server.serve(sockets=[sock])
    finally:
        registering.cancel()
        await institution.close()


def _ended(server: Server) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin)
        server.should_exit = True


def _url(sock: socket.socket) -> str:
    return f"http://127.0.0.1:{sock.getsockname()[1]}"


def main() -> int:
    given = arguments().parse_args()
    try:
        settings = msgspec.json.decode((given.directory / "shop.json").read_bytes(), type=Settings)
        if not 0 <= given.port <= 65_535:
            raise ValueError("--port: 0 to 65535")
        memory = Memory(given.directory)
        sock = listening_again(given.port, memory.port())
        memory.keep_port(sock.getsockname()[1])
    except (ValueError, OSError, sqlite3.Error) as error:
        print(f"shop: {error}", file=sys.stderr)
        return 2
    line = json.dumps({"url": _url(sock)}) if given.json else f"The shop is at {_url(sock)}"
    print(line, flush=True)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(
            _serve(settings, memory, sock, until_stdin_ends=given.until_stdin_ends),
        )
    memory.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
