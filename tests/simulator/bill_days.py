"""A simulator whose clock stands (nearly) at a time, and how its bills are fetched.

Nothing here imports the simulator: a file is fetched as the protocol says, and its hash compared.
"""

import gzip
import hashlib
import json
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.simulator.outside import Member, Outside
from tests.simulator.test_wechat import Merchant

NOON = "2026-11-25T12:00:00+08:00"
DAY, NEXT = "2026-11-25", "2026-11-26"
HOUR = 3_600


class Day:
    """One simulator with prompt payers; its clock runs by seconds, and is advanced by hand."""

    def __init__(self, directory: Path, *options: str, epoch: str = NOON) -> None:
        self.outside = Outside(directory, "--epoch", epoch, *options)
        self.merchant = Merchant(self.outside)

    def member(self, network: str) -> Member:
        return Member(self.outside, network)

    def advance(self, hours: int) -> None:
        assert self.outside.post("/simulate/clock", {"seconds": hours * HOUR})[0] == 200

    def settle(self) -> None:
        """Until everything that is due has happened; callbacks reach nobody here."""
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            due = self.outside.get("/book/totals")["next_task_at"]
            if due is None or due > self.outside.get("/health")["now"]:
                return
            time.sleep(0.02)
        raise AssertionError("not at rest")

    def wechat(
        self, day: str = DAY, kind: str = "ALL", tar_type: str | None = None, *, fund: bool = False
    ) -> bytes:
        """A bill of WeChat Pay."""
        packed = f"&tar_type={tar_type}" if tar_type else ""
        path = f"/v3/bill/tradebill?bill_date={day}&bill_type={kind}{packed}"
        if fund:
            path = f"/v3/bill/fundflowbill?bill_date={day}&account_type=BASIC{packed}"
        status, text = self.merchant.client._core.request(path)
        assert status == 200, text
        told = json.loads(text)
        assert told["hash_type"] == "SHA1"
        status, body = self.merchant.client.download_bill(told["download_url"])
        assert status == 200
        content: bytes = gzip.decompress(body) if tar_type else body
        assert hashlib.sha1(content).hexdigest() == told["hash_value"]
        return content

    def refused(self, day: str = DAY, kind: str = "ALL") -> tuple[int, str]:
        status, text = self.merchant.client.trade_bill(day, kind)
        return status, json.loads(text)["code"]

    def ask(self, network: str, day: str = DAY, what: str = "bills") -> tuple[int, Any]:
        member = self.member(network)
        return member.ask("GET", f"/{network}/{what}/{day}?merchant={member.merchant}")

    def fetch(self, network: str, day: str = DAY, what: str = "bills") -> tuple[Any, bytes]:
        """What was told of a file of signed JSON, and its bytes."""
        status, told = self.ask(network, day, what)
        assert status == 200, told
        signed = self.member(network).sign("GET", told["path"], b"")
        request = urllib.request.Request(self.outside.base_url + told["path"], headers=signed)
        with urllib.request.urlopen(request, timeout=20) as answer:
            content: bytes = answer.read()
        assert hashlib.sha256(content).hexdigest() == told["sha256"]
        assert len(content) == told["bytes"]
        return told, content
