"""Bills fetched over HTTP from the simulator: what our own adapters had placed there comes back as
lines, of every channel, and by the command line as versions, on both databases."""

import asyncio
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from domain.channel.adapters.loading import load, load_bills
from domain.channel.bills import (
    BillAnswer,
    BillCame,
    BillKind,
    BillLost,
    BillNotReady,
    BillSource,
    NoTrade,
)
from domain.channel.network import Adapter, Order
from domain.ledger.ledger import utc_us
from domain.reconciliation.bills.formats import FORMATS, format_for
from domain.reconciliation.bills.line import Line, totals_of
from tests.api.cli.terminal import Terminal
from tests.simulator.bill_days import DAY, NEXT, Day

ON = date.fromisoformat(DAY)
WHO = ("--operator", "lin")
# The fee of 123.45 yuan, and what is given back with 9.70, in fen.
FEES = {
    "WECHAT_PAY": (25, 2),
    "JD_PAY": (22, 2),
    "CLOUD_QUICKPASS": (28, 2),
    "UNIONPAY_CARD": (37, 3),
    "NETSUNION_CARD": (25, 2),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """A day that is over at every channel: a payment, a refund of a part, and a payout."""
    day = Day(tmp_path_factory.mktemp("outside"))
    adapters = load(keys(day), notify_url="http://127.0.0.1:9/callbacks")
    asyncio.run(traded(day, adapters))
    day.settle()
    day.advance(46)
    yield day
    day.outside.stop()


def keys(day: Day) -> Path:
    return day.outside.directory / "keys.json"


def wish(day: Day, channel: str, instruction: str, purpose: Any, fen: int, **other: Any) -> Order:
    return Order(
        instruction_id=instruction,
        purpose=purpose,
        channel=channel,
        amount_fen=fen,
        party="6222020200112233",
        subject="nuts",
        sent_us=day.outside.get("/health")["now_us"],
        **other,
    )


async def traded(day: Day, adapters: dict[str, Adapter]) -> None:
    for channel in FEES:
        adapter = adapters[channel]
        number = adapter.number("pay-536365")
        paid = wish(day, channel, "pay-536365", "payment", 12_345, number=number)
        await adapter.send(paid, utc_us())
        await asyncio.to_thread(day.settle)
        again = {"original": number, "original_fen": 12_345}
        back = adapter.number("refund-R000001")
        await adapter.send(
            wish(day, channel, "refund-R000001", "refund", 970, number=back, **again), utc_us()
        )
    bank = adapters["BANK_TRANSFER"]
    number = bank.number("payout-S000001")
    await bank.send(
        wish(day, "BANK_TRANSFER", "payout-S000001", "payout", 3_000, number=number), utc_us()
    )
    for adapter in adapters.values():
        await adapter.aclose()


def fetched(source: BillSource, kind: BillKind, day: date = ON) -> tuple[BillAnswer, bytes]:
    into = bytearray()

    async def run() -> BillAnswer:
        try:
            return await source.fetch_bill(kind, day, into.extend, utc_us)
        finally:
            await source.aclose()

    return asyncio.run(run()), bytes(into)


@pytest.mark.parametrize("channel", list(FEES))
def test_what_we_placed_comes_back_as_lines(shop: Day, channel: str) -> None:
    answer, raw = fetched(load_bills(keys(shop))[channel], "trade")
    assert answer == BillCame(len(raw)), answer
    name = "jd_pay" if channel == "NETSUNION_CARD" else None
    lines = list(format_for(channel, "trade", name).read([raw], ON))
    number = load(keys(shop), notify_url="http://127.0.0.1:9/x")[channel].number
    fee, back = FEES[channel]
    told = {
        (one.kind, one.number, one.original, one.amount_fen, one.fee_milli_fen, one.state)
        for one in lines
        if isinstance(one, Line)
    }
    pay, refund = number("pay-536365"), number("refund-R000001")
    assert told == {
        ("payment", pay, "", 12_345, fee * 1_000, "succeeded"),
        ("refund", refund, pay, 970, -back * 1_000, "succeeded"),
    }
    serials = {
        charge["serial"]
        for order in shop.outside.book()
        if order["number"] in (pay, refund)
        for charge in order["charges"]
    }
    assert {one.serial for one in lines if isinstance(one, Line)} <= serials


def test_fund_bill_and_statements_are_a_chain(shop: Day) -> None:
    sources = load_bills(keys(shop))
    answer, raw = fetched(sources["WECHAT_PAY"], "fund")
    assert isinstance(answer, BillCame)
    fund = totals_of(FORMATS["wechat_fund"].read([raw], ON))
    assert (fund.opening_fen, fund.closing_fen) == (0, 12_345 - 25 - 970 + 2)
    closing = 0
    for day in (ON, date.fromisoformat(NEXT)):
        answer, raw = fetched(load_bills(keys(shop))["BANK_TRANSFER"], "bank", day)
        assert isinstance(answer, BillCame)
        found = totals_of(FORMATS["camt053"].read([raw], day))
        assert found.opening_fen == closing
        assert found.closing_fen is not None
        closing = found.closing_fen
    # Netted: four channels less fees and refunds; NetsUnion whole, its refund apart; the payout.
    net = sum(12_345 - fee - 970 + back for fee, back in FEES.values() if fee)
    net += FEES["NETSUNION_CARD"][0] - FEES["NETSUNION_CARD"][1]
    assert closing == net - 3_000


def test_not_ready_and_no_trade_and_a_wrong_question_are_different(shop: Day) -> None:
    today = date.fromisoformat(shop.outside.get("/health")["now"][:10])
    for channel in ("WECHAT_PAY", "JD_PAY"):
        answer, _ = fetched(load_bills(keys(shop))[channel], "trade", date(2026, 11, 20))
        assert isinstance(answer, NoTrade)
        answer, _ = fetched(load_bills(keys(shop))[channel], "trade", today)
        assert isinstance(answer, BillLost) and not answer.again
        answer, _ = fetched(load_bills(keys(shop))[channel], "bank")
        assert isinstance(answer, BillLost) and not answer.again


@pytest.fixture
def ledger(migrated_url: str, shop: Day, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("ZHANGFANG_CHANNELS", str(keys(shop)))
    return Terminal(migrated_url)


def options(channel: str, kind: str = "trade", on: str = DAY) -> tuple[str, ...]:
    return ("bill", "fetch", "--channel", channel, "--date", on, "--kind", kind, *WHO, "--json")


def test_a_bill_is_fetched_and_taken_in(
    ledger: Terminal, shop: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for channel in ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS"):
        found = ledger(*options(channel)).json()
        fee, back = FEES[channel]
        figures = (found["version"], found["lines"], found["paid_fen"], found["refunded_fen"])
        assert figures == (1, 2, 12_345, 970) and found["fee_milli_fen"] == (fee - back) * 1_000
        assert ledger(*options(channel)).json() == found, "the same bytes are the same version"
    found = ledger(*options("BANK_TRANSFER", "bank")).json()
    assert (found["lines"], found["paid_fen"], found["refunded_fen"]) == (2, 0, 3_970)
    assert ledger(*options("WECHAT_PAY", "fund")).json()["lines"] == 4
    found = ledger(*options("JD_PAY", on="2026-11-20")).json()
    assert (found["version"], found["lines"], found["sha256"]) == (1, 0, "")
    error = ledger(*options("NETSUNION_CARD")).refused()
    assert error["code"] == "request_invalid", "nobody knows its format"
    assert ledger(*options("CLOUD_QUICKPASS", "bank")).refused()["code"] == "bill_unreachable"
    assert ledger("verify").code == 0
    other = tmp_path / "other.json"
    content = json.loads(keys(shop).read_text())
    content["networks"].pop("jdpay")
    other.write_text(json.dumps(content))
    monkeypatch.setenv("ZHANGFANG_CHANNELS", str(other))
    assert ledger(*options("JD_PAY")).refused()["field"] == "channel"


def test_nothing_is_recorded_of_a_bill_that_is_not_ready(
    migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = Day(tmp_path / "outside", epoch="2026-11-25T08:00:00+08:00")
    try:
        answer, _ = fetched(load_bills(keys(day))["JD_PAY"], "trade", date(2026, 11, 24))
        assert isinstance(answer, BillNotReady)
        monkeypatch.setenv("ZHANGFANG_CHANNELS", str(keys(day)))
        terminal = Terminal(migrated_url)
        for channel in ("JD_PAY", "WECHAT_PAY"):
            error = terminal(*options(channel, on="2026-11-24")).refused()
            assert (error["code"], error["field"]) == ("bill_not_ready", "date")
        day.outside.kill()
        monkeypatch.setattr("api.operations.bills.fetching.PAUSES", ())
        error = terminal(*options("JD_PAY")).refused()
        assert error["code"] == "bill_unreachable"
        monkeypatch.setenv("ZHANGFANG_CHANNELS", "")
        assert terminal(*options("JD_PAY")).refused()["field"] == "ZHANGFANG_CHANNELS"
    finally:
        day.outside.stop()


def test_a_file_that_is_not_what_was_told_is_lost(shop: Day) -> None:
    folder = shop.outside.directory / "bills"
    source = load_bills(keys(shop))["JD_PAY"]
    assert isinstance(fetched(source, "trade")[0], BillCame)
    (file,) = folder.glob(f"jdpay-trade-{DAY}-*")
    whole = file.read_bytes()
    for wrong in (whole[:-1], whole + b"1", whole.replace(b"123.45", b"123.46")):
        file.write_bytes(wrong)
        answer, _ = fetched(load_bills(keys(shop))["JD_PAY"], "trade")
        assert isinstance(answer, BillLost)
    file.write_bytes(whole)
