"""Cards over network `bank`, in signed JSON: `CardBank` by the protocol of that network."""

import logging
import re
import secrets

import msgspec

from domain.channel.adapters.freshness import Forged, NotFresh
from domain.channel.adapters.reading import Fields, Wrong, parsed
from domain.channel.adapters.signed.adapter import SignedSettings
from domain.channel.adapters.signed.signing import check_answer, signed_headers
from domain.channel.adapters.wire import Lost, Request, Wire
from domain.channel.cards import Kind, Particulars, Reply
from domain.kernel import MICROSECONDS

log = logging.getLogger("zhangfang.channel")

_is_word = re.compile(r"[A-Z0-9_]{1,40}", re.ASCII).fullmatch
_KINDS: dict[str, Kind] = {"SIGNED": "signed", "REFUSED": "refused", "ENDED": "ended"}
# Errors that end the matter: what was asked for cannot be done under this number, however often.
_ENDS = frozenset(("PARAM_INVALID", "NUMBER_REUSED", "NO_SUCH_SIGNING"))


class SignedCardBank:
    """Implements `CardBank`. Logs name signings by their number, never by what they are about."""

    def __init__(self, settings: SignedSettings) -> None:
        self._settings = settings
        self._wire = Wire(settings.base_url, settings.limits)

    async def sign(self, number: str, what: Particulars, now_us: int) -> Reply:
        body: dict[str, object] = {
            "number": number,
            "owner": what.owner,
            "account": what.account,
            "name": what.name,
            "identity": what.identity,
            "phone": what.phone,
        }
        return await self._told(number, "/bank/signings", body, now_us)

    async def confirm(self, number: str, entry: int, code: str, now_us: int) -> Reply:
        body: dict[str, object] = {"entry": entry, "code": code}
        return await self._told(number, f"/bank/signings/{number}/confirm", body, now_us, entry)

    async def end(self, number: str, now_us: int) -> Reply:
        return await self._told(number, f"/bank/signings/{number}/end", {}, now_us)

    async def identify(self, name: str, identity: str, now_us: int) -> bool | None:
        body: dict[str, object] = {"name": name, "identity": identity}
        status, read = await self._ask("identity", "/bank/identities", body, now_us)
        if status != 200 or read is None:
            return None
        try:
            return read.flag("match")
        except Wrong as error:
            log.warning("bank: the answer about an identity: %s", error)
            return None

    async def text(self, number: str, phone: str, words: str, now_us: int) -> bool:
        body: dict[str, object] = {"number": number, "phone": phone, "words": words}
        status, read = await self._ask(number, "/bank/messages", body, now_us)
        try:
            return status == 200 and read is not None and read.text("number", 64) == number
        except Wrong as error:
            log.warning("bank: the answer to %s: %s", number, error)
            return False

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def _told(
        self, number: str, path: str, body: dict[str, object], now_us: int, entry: int = 0
    ) -> Reply:
        status, read = await self._ask(number, path, body, now_us)
        try:
            if read is None:
                return Reply("unknown", reason="NO_ANSWER")
            if status != 200:
                code = _word(read, "code")
                return Reply("refused" if code in _ENDS else "unknown", reason=code)
            read.must_be("number", number)
            return _reply(read, entry)
        except Wrong as error:
            log.warning("bank: the answer to %s: %s", number, error)
            return Reply("unknown", reason="ANSWER_INVALID")

    async def _ask(
        self, number: str, path: str, body: dict[str, object], now_us: int
    ) -> tuple[int, Fields | None]:
        """Status and body of an answer that is the bank's; None: there was none."""
        keys, nonce = self._settings.keys, secrets.token_hex(16)
        content = msgspec.json.encode({"merchant": self._settings.merchant, **body})
        target = self._wire.prefix + path
        second = now_us // MICROSECONDS
        headers = signed_headers(keys, "POST", target, content, second=second, nonce=nonce)
        reply = await self._wire.ask(Request("POST", target, headers, content))
        if isinstance(reply, Lost):
            log.warning("bank: no answer to %s: %s", number, reply.reason)
            return 0, None
        if reply.is_hindered:
            return reply.status, None
        try:
            check_answer(keys, reply.headers, reply.body, nonce, now_us)
            return reply.status, parsed(reply.body)
        except (Forged, NotFresh, Wrong) as error:
            log.warning("bank: the answer to %s: %s", number, error)
            return 0, None


def _reply(read: Fields, entry: int) -> Reply:
    """A signing as the bank tells it. Raises Wrong."""
    state = read.text("state")
    bank, card_kind = _word(read, "bank"), _word(read, "card_kind")
    if state == "CODE_SENT":
        if entry:  # It was no right code, or that one has not been looked at.
            if read.count("entry", 0) < entry:
                return Reply("unknown", reason="CODE_NOT_SEEN")
            return Reply("code_wrong", tries_left=read.count("tries_left", 0))
        return Reply("code_sent", bank, card_kind, read.instant("expires_at"))
    kind = _KINDS.get(state)
    if kind is None:
        raise Wrong("state: none of the protocol")
    if kind == "signed":
        return Reply(kind, bank, card_kind, agreement=_word(read, "agreement"))
    return Reply(kind, reason=_word(read, "reason") if kind == "refused" else "")


def _word(read: Fields, name: str) -> str:
    """A code of the protocol: nothing else of an answer's texts gets any further."""
    word = read.text(name, 40)
    if not _is_word(word):
        raise Wrong(f"{name}: 1 to 40 of A-Z 0-9 _ are needed")
    return word
