"""Bills of WeChat Pay: the trade bill and the fund bill of a day, and their files.

An answer names the file's SHA-1 (of what is in it, not of its packing) and an address that lives
five minutes. Fetching that is signed like every request; the answer to it is not.
"""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from simulator.bills.days import day_of
from simulator.bills.desk import Desk, NoTrade, NotReady, What
from simulator.bills.serving import Tokens, handed_out
from simulator.problems import Problem
from simulator.wechat.door import Asked, Door, Endpoint, Ready
from simulator.wire import Answer, carry_out

KEPT_DAYS = 92
TYPES, ACCOUNTS = ("ALL", "SUCCESS", "REFUND"), ("BASIC", "OPERATION", "FEES")
FILE = "/v3/billdownload/file"


class Bills:
    """The endpoints."""

    def __init__(self, door: Door, desk: Desk) -> None:
        self._door, self._desk = door, desk
        self._tokens = Tokens()

    def table(self) -> list[tuple[str, str, Endpoint]]:
        return [
            ("GET", "/v3/bill/tradebill", self._door.endpoint(self._trade)),
            ("GET", "/v3/bill/fundflowbill", self._door.endpoint(self._fund)),
            ("GET", FILE, self._file),
        ]

    async def _trade(self, asked: Asked) -> Ready:
        wanted = _one_of(asked, "bill_type", TYPES)
        return await self._asked(asked, "trade", wanted)

    async def _fund(self, asked: Asked) -> Ready:
        account = _one_of(asked, "account_type", ACCOUNTS)
        return await self._asked(asked, "fund", account)

    async def _asked(self, asked: Asked, kind: str, variant: str) -> Ready:
        text = asked.query.get("bill_date", "")
        gzip = "tar_type" in asked.query
        if gzip and asked.query["tar_type"] != "GZIP":
            raise Problem(400, "PARAM_ERROR", "tar_type is GZIP, or is left out")
        day = self._desk.day(text)
        today = day_of(self._door.world.clock.now_us())
        if day is None or day < today - timedelta(days=KEPT_DAYS):
            said = "bill_date is a day before today, of the last three months: 2026-11-25"
            raise Problem(400, "PARAM_ERROR", said)
        if kind == "fund" and variant != "BASIC":
            raise _none()  # Nothing moves on the other accounts.
        try:
            found = await self._desk.publish(What("wechat", kind, day, variant))
        except NotReady:
            said = "账单生成中，请稍后再试"
            raise Problem(400, "STATEMENT_CREATING", said) from None
        except NoTrade:
            raise _none() from None
        url = f"{self._door.world.keys.base_url}{FILE}?token="
        told = {"hash_type": "SHA1", "hash_value": found.sha1}
        told["download_url"] = url + self._tokens.made(found.id, gzip=gzip)
        key = f"wechat/bill/{kind}/{day}/{variant}/ask"
        return Ready(key, lambda _: Answer(200, told), writes=False)

    async def _file(self, request: Request) -> Response:
        wanted = self._tokens.read(request.query_params.get("token", ""))
        bill_id, gzip = wanted or (0, False)
        found = await self._desk.found(bill_id)

        def read(_: Asked) -> Ready:
            if found is None:
                raise Problem(400, "PARAM_ERROR", "token is none of ours, or its time is over")
            return Ready("", lambda _: Answer(200), writes=False)

        refused = await self._door.refused(request, read)
        if refused is not None:
            return refused
        assert found is not None
        world, key = self._door.world, f"wechat/bill/{found.file}/fetch"
        fate = await carry_out(world, "wechat", key, False, lambda _: Answer(200))
        return await handed_out(world, request, fate, self._desk.path(found), gzip=gzip)


def _one_of(asked: Asked, name: str, known: tuple[str, ...]) -> str:
    said = asked.query.get(name, known[0])
    if said not in known:
        raise Problem(400, "PARAM_ERROR", f"{name} is one of {', '.join(known)}")
    return said


def _none() -> Problem:
    return Problem(400, "NO_STATEMENT_EXIST", "账单文件不存在")
