"""Handing a file out: an address that lives five minutes, and the bytes, piece by piece."""

import asyncio
import hashlib
import hmac
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from simulator.clock import wall_seconds
from simulator.wire import Fate, send
from simulator.world import World

LIVES_SECONDS, PIECE = 300, 1 << 16


class Tokens:
    """Tokens of addresses: whoever has one may fetch that file, for five minutes of the wall."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def made(self, bill_id: int, *, gzip: bool = False) -> str:
        said = f"{bill_id}.{int(gzip)}.{wall_seconds() + LIVES_SECONDS}"
        return f"{said}.{self._mark(said)}"

    def read(self, token: str) -> tuple[int, bool] | None:
        """Which file, and whether it is wanted compressed; None for what is none, or is over."""
        said, _, mark = token.rpartition(".")
        if not token.isascii() or not hmac.compare_digest(mark, self._mark(said)):
            return None
        bill_id, gzip, ends = said.split(".")
        return (int(bill_id), gzip == "1") if int(ends) >= wall_seconds() else None

    def _mark(self, said: str) -> str:
        return hmac.new(self._key, said.encode(), hashlib.sha256).hexdigest()[:32]


def pieces(path: Path, *, gzip: bool) -> Iterator[bytes]:
    """A file's bytes, or the same compressed."""
    with path.open("rb") as file:
        if not gzip:
            while piece := file.read(PIECE):
                yield piece
            return
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)
        while piece := file.read(PIECE):
            if packed := packer.compress(piece):
                yield packed
        yield packer.flush()


async def handed_out(
    world: World, request: Request, fate: Fate, path: Path, *, gzip: bool
) -> Response:
    """The file, unless the wire has it otherwise; it carries no signature."""
    if fate.drop or fate.answer.status != 200:
        return await send(world, request, fate, lambda _, __: {})
    if fate.delay_ms or world.latency_ms:
        await asyncio.sleep((fate.delay_ms + world.latency_ms) / 1_000)
    return StreamingResponse(pieces(path, gzip=gzip), media_type="application/octet-stream")
