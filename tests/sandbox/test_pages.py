"""The sandbox's pages over HTTP: what is chosen there happens, once, and comes out here."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from benchmarks.drills.channels.outside import Outside
from domain.channel.numbers import narrow_number
from domain.kernel import shanghai_date
from domain.ledger.ledger import utc_us
from tests.sandbox.conftest import Box, until
from tests.sandbox.test_outcomes import _is_paid, _status, market

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Bank:
    """A payer's browser at the simulator."""

    def __init__(self, outside: Outside) -> None:
        self.client = httpx2.Client(base_url=outside.url, timeout=20, follow_redirects=True)

    def page(self, number: str) -> str:
        """Where the list of orders leads to for one of them, under the number its channel took."""
        listed = self.client.get("/sandbox").text
        either = f"{re.escape(number)}|{narrow_number(number)}"
        found = re.search(rf'href="(/pay/\d+)">\w+ (?:{either})<', listed)
        assert found is not None, listed
        return found[1]

    def choose(self, number: str, what: str) -> None:
        path = self.page(number)
        shown = self.client.get(path).text
        buttons = {said: name for name, said in re.findall(r'value="(\w+)">([^<]*)<', shown)}
        assert what in buttons, shown
        assert self.client.post(path, data={"choice": buttons[what]}).status_code == 200


@pytest.fixture
def bank(box: Box) -> Iterator[Bank]:
    opened = Bank(box.outside)
    yield opened
    opened.client.close()


def payment(box: Box, number: str) -> tuple[str, list[str]]:
    found = box.query(f'{{ payment(no: "P{number}") {{ state suspenseItems {{ kind }} }} }}')[
        "payment"
    ]
    return found["state"], [one["kind"] for one in found["suspenseItems"]]


CHOICES = [
    ("paid at once", "succeeded", []),
    ("declined: the payer cancelled", "declined", []),
    ("unknown for 12 seconds, then paid", "succeeded", []),
    ("unknown for 12 seconds, then declined", "declined", []),
    ("paid, and charged a second time", "succeeded", ["second"]),
    ("less is taken: 90 instead of 100", "declined", ["less"]),
]


def test_what_is_chosen_for_a_waiting_payment_happens(box: Box, bank: Bank) -> None:
    market(box)
    methods = ("JD_PAY", "CLOUD_QUICKPASS")
    for place, _ in enumerate(CHOICES):
        box.bought(f"C{place}", methods[place % 2], 10_000)
    for place, (what, _, _) in enumerate(CHOICES):
        until(lambda place=place: _status(box, f"C{place}") == "awaiting_payer")
        bank.choose(f"pay-PC{place}", what)
    silent = bank.client.get(bank.page("pay-PC2")).text
    assert "hears nothing" in silent and "<button" not in silent
    for place, (_, state, kinds) in enumerate(CHOICES):
        until(lambda place=place, wanted=(state, kinds): payment(box, f"C{place}") == wanted)


@on_sqlite
def test_what_has_ended_is_turned_round_by_hand(box: Box, bank: Bank) -> None:
    market(box)
    box.merchant("PAID1")
    today = shanghai_date(utc_us()).isoformat()
    box.bought("E1", "WECHAT_PAY", 5_000, 6_000)  # Of two merchants: nobody can scan it.
    box.bought("E2", "JD_PAY", 7_000, of="PAID1")
    for number in ("E1", "E2"):
        until(lambda number=number: _status(box, number) == "awaiting_payer")
        bank.choose(f"pay-P{number}", "paid at once")
        until(lambda number=number: _is_paid(box, number))
    box.post("/v1/transactions/PAID1-OE2/confirm", {"by": "buyer"}, key="c")
    box.post(f"/v1/business-days/{today}/settle", {})

    def payout() -> str:
        text = f'{{ settlementBatch(id: "PAID1-{today}") {{ payouts {{ status }} }} }}'
        payouts = box.query(text)["settlementBatch"]["payouts"]
        return str(payouts[0]["status"]) if payouts else ""

    until(lambda: payout() == "succeeded")
    bank.choose(f"payout-PAID1-{today}-1", "the payout comes back")
    until(lambda: payout() == "returned")
    bank.choose("pay-PE2", "charge a second time")
    until(lambda: payment(box, "E2") == ("succeeded", ["second"]))


def test_an_old_page_a_strangers_form_and_rubbish_change_nothing(tmp_path: Path) -> None:
    outside = Outside(tmp_path / "outside", "--payer", "manual", "--sandbox")
    try:
        with httpx2.Client(base_url=outside.url, timeout=20) as client:
            for path in ("/pay/1", "/pay/x", "/pay/" + "9" * 30, "/pay/-1", "/pay/%00", "/pay/é"):
                assert client.get(path).status_code in (400, 404)
                assert client.post(path, data={"choice": "10"}).status_code in (400, 404)
            other = {"origin": "http://evil.example"}
            assert client.post("/pay/1", data={"choice": "10"}, headers=other).status_code == 403
            rebound = {"origin": "http://evil.example", "host": "evil.example"}
            assert client.post("/pay/1", data={"choice": "10"}, headers=rebound).status_code == 403
            site = {"sec-fetch-site": "cross-site"}
            assert client.post("/pay/1", data={"choice": "10"}, headers=site).status_code == 403
            assert client.post("/pay/1", content=b"x" * 70_000).status_code == 413
            fields = "&".join(f"a{number}=1" for number in range(50))
            assert client.post("/pay/1", content=fields).status_code == 400
            policy = client.get("/sandbox").headers["content-security-policy"]
            assert "default-src 'none'" in policy and "script-src" not in policy
            assert outside.book() == [] and outside.get("/health")["sandbox"] is True
    finally:
        outside.stop()


def test_without_the_option_there_is_no_sandbox(tmp_path: Path) -> None:
    outside = Outside(tmp_path / "outside", "--payer", "manual", "--sandbox")
    outside.stop()
    outside = Outside(tmp_path / "outside")  # What is not given again is off.
    try:
        with httpx2.Client(base_url=outside.url, timeout=20) as client:
            for path in ("/sandbox", "/sandbox/outcomes", "/pay/1"):
                assert client.get(path).status_code == 404
            assert client.get("/health").json()["sandbox"] is False
    finally:
        outside.stop()
