"""The shop's forms and its receiver, by themselves: what comes at the wrong moment, and rubbish."""

import asyncio
import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook

from simulator.shop.hearing import Hearing
from simulator.shop.institution import Institution, Refused, Settings
from simulator.shop.memory import Memory
from simulator.shop.pages import Shop
from simulator.shop.shelf import lines

URL = "http://127.0.0.1:1"
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


class Told(Institution):
    """An institution that answers what a test says, and remembers a refusal as the real one."""

    def __init__(self) -> None:
        super().__init__(Settings(URL, "ann", {"SANZHI": "zf_x"}, "zf_y"))
        self.now = "placed"
        self.answers: dict[str, str] = {}

    async def send(
        self, method: str, path: str, key: str = "", body: Any = None, number: str = ""
    ) -> dict[str, Any]:
        if path == "/graphql":
            return {"data": {"order": {"state": self.now}}}
        if self.answers.setdefault(path, self.now) != "paid":
            raise Refused("transaction_not_paid")
        return {"result": {}}


class Pages:
    def __init__(self, directory: Path) -> None:
        self.institution, self.memory = Told(), Memory(directory)
        hearing = Hearing(self.institution, self.memory, URL)
        self.pages = Shop(self.institution, self.memory, hearing, URL).application()

    def post(self, path: str, **given: Any) -> httpx2.Response:
        async def sent() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.pages)
            async with httpx2.AsyncClient(transport=transport, base_url=URL) as client:
                return await client.post(path, **given)

        return asyncio.run(sent())


@pytest.mark.parametrize("act", ["refund", "confirm"])
def test_what_was_asked_too_early_can_be_asked_again(tmp_path: Path, act: str) -> None:
    shop = Pages(tmp_path)
    shop.memory.place("BOX1", lines(["nuts-daily"]))
    early = shop.post(f"/orders/BOX1/{act}", data={"merchant": "SANZHI"})
    assert early.headers["location"] == "/orders/BOX1?note=not_paid"
    shop.institution.now = "paid"
    again = shop.post(f"/orders/BOX1/{act}", data={"merchant": "SANZHI"})
    assert again.headers["location"] == f"/orders/BOX1?note=asked&{act}=SANZHI"


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"a","data":[1]}',
        b'{"type":"a","data":"x"}',
        b'{"type":"a","position":99999999999999999999}',
        b'{"type":"a","position":1e999}',
        b'{"type":"a","position":[1]}',
        b'{"data":{}}',
        b"[]",
        b"1",
    ],
)
def test_what_is_signed_and_no_event_is_refused(tmp_path: Path, body: bytes) -> None:
    shop = Pages(tmp_path)
    shop.memory.keep_secret("SANZHI", 1, SECRET)
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("m1", now, body.decode()),
    }
    assert shop.post("/hooks/SANZHI", content=body, headers=headers).status_code == 400
    assert shop.memory.heard(1) == []
