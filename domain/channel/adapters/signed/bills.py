"""Bills over signed JSON: the answer says size and SHA-256 of a file and where it is.

The bank's statement is kind `bank` of its channel; the others have a trade bill each.
"""

import secrets
from collections.abc import Callable
from datetime import date

from domain.channel.adapters.downloads import Told, download
from domain.channel.adapters.freshness import Forged, NotFresh
from domain.channel.adapters.reading import Wrong, parsed
from domain.channel.adapters.signed.adapter import SignedSettings
from domain.channel.adapters.signed.networks import Network
from domain.channel.adapters.signed.signing import check_answer, signed_headers
from domain.channel.adapters.wire import Lost, Reply, Request, Wire
from domain.channel.bills import (
    MOST_BYTES,
    BillAnswer,
    BillKind,
    BillLost,
    BillNotReady,
    NoTrade,
    Sink,
)
from domain.kernel import MICROSECONDS

BANK = "bank"


class SignedBills:
    """Implements `BillSource` for one row of NETWORKS."""

    def __init__(self, network: Network, settings: SignedSettings) -> None:
        self.channel = network.channel
        self._network, self._settings = network, settings
        self._wire = Wire(settings.base_url, settings.limits)

    async def fetch_bill(
        self, kind: BillKind, day: date, sink: Sink, now_us: Callable[[], int]
    ) -> BillAnswer:
        name = self._network.name
        if kind != ("bank" if name == BANK else "trade"):
            return BillLost(f"{self.channel} has no {kind} bill", again=False)
        what = "statements" if kind == "bank" else "bills"
        nonce = secrets.token_hex(16)
        path = f"/{name}/{what}/{day}?merchant={self._settings.merchant}"
        reply = await self._wire.ask(self._signed(path, now_us(), nonce))
        if isinstance(reply, Lost):
            return BillLost(reply.reason)
        if reply.is_hindered:
            return BillLost(f"HTTP {reply.status}")
        try:
            keys = self._settings.keys
            check_answer(keys, reply.headers, reply.body, nonce, now_us())
            found = self._told(reply, kind, day)
        except (Forged, NotFresh, Wrong) as error:
            return BillLost(f"HTTP {reply.status}: {error}"[:200])
        if not isinstance(found, tuple):
            return found
        told, target = found
        request = self._signed(target, now_us(), secrets.token_hex(16))
        return await download(self._wire, request, told, sink)

    def _signed(self, path: str, now_us: int, nonce: str) -> Request:
        target, second = self._wire.prefix + path, now_us // MICROSECONDS
        keys = self._settings.keys
        headers = signed_headers(keys, "GET", target, b"", second=second, nonce=nonce)
        return Request("GET", target, headers)

    def _told(self, reply: Reply, kind: BillKind, day: date) -> tuple[Told, str] | BillAnswer:
        """What the file is, and where. Raises Wrong."""
        body = parsed(reply.body)
        if reply.status != 200:
            code, said = body.text("code", 64), body.maybe("message", 256)
            if code == "BILL_NOT_READY":
                return BillNotReady(said or code)
            if code == "NO_TRADE":
                return NoTrade(said or code)
            return BillLost(f"{code}: {said}"[:200], again=False)
        body.must_be("merchant", self._settings.merchant)
        body.must_be("kind", kind)
        body.must_be("date", day.isoformat())
        path = body.text("path", 1024)
        if not path.startswith(f"/{self._network.name}/files/"):
            raise Wrong("path: it is none of this network's")
        return Told("sha256", body.text("sha256", 64), body.count("bytes", 0, MOST_BYTES)), path

    async def aclose(self) -> None:
        await self._wire.aclose()
