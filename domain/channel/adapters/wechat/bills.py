"""Bills of WeChat Pay: asked for by a signed request, fetched by another.

The first answer is signed and says the file's SHA-1; the file itself carries no signature.
"""

from collections.abc import Callable
from datetime import date

from domain.channel.adapters.downloads import Told, download
from domain.channel.adapters.freshness import Forged, Nonces, NotFresh
from domain.channel.adapters.reading import Wrong, parsed
from domain.channel.adapters.wechat import answers, keys
from domain.channel.adapters.wechat.requests import Asked
from domain.channel.adapters.wechat.settings import WeChatSettings
from domain.channel.adapters.wechat.signing import signed
from domain.channel.adapters.wire import Lost, Reply, Wire
from domain.channel.bills import BillAnswer, BillKind, BillLost, BillNotReady, NoTrade, Sink

PATHS = {
    "trade": "/v3/bill/tradebill?bill_date={day}&bill_type=ALL",
    "fund": "/v3/bill/fundflowbill?bill_date={day}&account_type=BASIC",
}
CREATING, NOTHING = "STATEMENTCREATING", "NOSTATEMENTEXIST"  # As `answers.code_of` spells codes.


class WeChatBills:
    """Implements `BillSource`."""

    channel = "WECHAT_PAY"

    def __init__(self, settings: WeChatSettings) -> None:
        self._settings = settings
        self._wire = Wire(settings.base_url, settings.limits)
        self._nonces = Nonces()

    async def fetch_bill(
        self, kind: BillKind, day: date, sink: Sink, now_us: Callable[[], int]
    ) -> BillAnswer:
        path = PATHS.get(kind)
        if path is None:
            return BillLost(f"WeChat Pay has no {kind} bill", again=False)
        settings, now = self._settings, now_us()
        request = signed(settings, self._wire.prefix, Asked("GET", path.format(day=day)), now)
        reply = await self._wire.ask(request)
        if isinstance(reply, Lost):
            return BillLost(reply.reason)
        if reply.is_hindered:
            return BillLost(f"HTTP {reply.status}")
        try:
            keys.check(settings.keys, self._nonces, reply.headers, reply.body, now_us())
            found = self._told(reply)
        except (Forged, NotFresh, Wrong) as error:
            return BillLost(f"HTTP {reply.status}: {error}"[:200])
        if not isinstance(found, tuple):
            return found
        told, target = found
        request = signed(settings, self._wire.prefix, Asked("GET", target), now_us())
        return await download(self._wire, request, told, sink)

    def _told(self, reply: Reply) -> tuple[Told, str] | BillAnswer:
        """What the file is, and where. Raises Wrong."""
        body = parsed(reply.body)
        if reply.status != 200:
            code, said = answers.code_of(body), body.maybe("message", 256)
            if code == CREATING:
                return BillNotReady(said or code)
            if code == NOTHING:
                return NoTrade(said or code)
            return BillLost(f"{code}: {said}"[:200], again=False)
        body.must_be("hash_type", "SHA1")
        base, url = self._settings.base_url.rstrip("/"), body.text("download_url", 2048)
        if not url.startswith(f"{base}/"):
            raise Wrong("download_url: it is at another place than the channel")
        return Told("sha1", body.text("hash_value", 64)), url.removeprefix(base)

    async def aclose(self) -> None:
        await self._wire.aclose()
