"""Files that a channel hands out: as large as they are, in pieces, with the hash that was told."""

from hashlib import sha1, sha256
from typing import Literal

import httpcore2
from msgspec import Struct

from domain.channel.adapters.deadline import within
from domain.channel.adapters.wire import BROKEN, Request, Wire
from domain.channel.bills import MOST_BYTES, BillCame, BillLost, Sink

WHOLE_SECONDS = 1_800  # Of a file; a piece of it has the wire's own time.


class Told(Struct, frozen=True):
    """What the channel's signed answer said of a file. `bytes` None: it does not say how many."""

    algorithm: Literal["sha1", "sha256"]
    hash: str
    bytes: int | None = None


async def download(wire: Wire, request: Request, told: Told, sink: Sink) -> BillCame | BillLost:
    """Fetches a file into a sink. A file that is another than was told is lost."""
    try:
        answer = await within(_fetched(wire, request, told, sink), WHOLE_SECONDS)
    except (*BROKEN, httpcore2.ConnectError) as error:
        return BillLost(f"the connection broke: {type(error).__name__}")
    return answer or BillLost(f"the file was not whole within {WHOLE_SECONDS} s")


async def _fetched(wire: Wire, request: Request, told: Told, sink: Sink) -> BillCame | BillLost:
    # SHA-1 is what WeChat Pay tells; the answer that tells it is signed.
    digest = sha1(usedforsecurity=False) if told.algorithm == "sha1" else sha256()
    size, most = 0, MOST_BYTES if told.bytes is None else told.bytes
    async with wire.stream(request) as response:
        if response.status != 200:
            return BillLost(f"HTTP {response.status} instead of the file")
        async for piece in response.aiter_stream():
            size += len(piece)
            if size > most:
                return BillLost("the file is longer than it may be", again=False)
            digest.update(piece)
            sink(piece)
    if told.bytes is not None and size != told.bytes:
        return BillLost(f"{size} bytes came, {told.bytes} were told")
    if digest.hexdigest() != told.hash.lower():
        return BillLost("the file's hash is not the one that was told")
    return BillCame(size)
