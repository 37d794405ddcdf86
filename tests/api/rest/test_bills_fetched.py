"""Bills fetched over REST from channels that have one, are not ready, have none or are gone; and
quotas: on both databases."""

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from starlette.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from api.cli.app import app
from api.operations.bills import fetching
from domain.channel.bills import (
    BillAnswer,
    BillCame,
    BillKind,
    BillLost,
    BillNotReady,
    BillSource,
    NoTrade,
    Sink,
)
from tests.api.conftest import Server, problem
from tests.api.rest.test_bills import WECHAT, in_force, taken
from tests.domain.reconciliation.rendering import DAY, USUAL, wechat_bill


class Channel:
    """A channel that says one thing, and counts what it is asked."""

    channel = "WECHAT_PAY"

    def __init__(self, says: bytes | BillAnswer) -> None:
        self.says = says
        self.asked: list[tuple[BillKind, date]] = []
        self.open = True

    async def fetch_bill(
        self, kind: BillKind, day: date, sink: Sink, now_us: Callable[[], int]
    ) -> BillAnswer:
        assert now_us() > 0
        self.asked.append((kind, day))
        if isinstance(self.says, bytes):
            sink(self.says)
            return BillCame(len(self.says))
        return self.says

    async def aclose(self) -> None:
        self.open = False


def connected(market: Server, channel: Channel) -> TestClient:
    """The same books, served by who knows where the channel's bills are."""
    sources: dict[str, BillSource] = {channel.channel: channel}
    context = replace(market.context, bills=lambda: sources)
    return TestClient(create_app(context), raise_server_exceptions=False)


def fetched(market: Server, source: Channel, **more: str) -> Any:
    headers = {"authorization": f"Bearer {market.keys['operator']}"}
    return connected(market, source).post(
        "/v1/bills/fetch", json={**WECHAT, **more}, headers=headers
    )


def test_a_bill_is_fetched_and_taken_in(market: Server) -> None:
    channel = Channel(wechat_bill(USUAL))
    first = fetched(market, channel)
    assert first.status_code == 200, first.text
    assert (channel.asked, channel.open) == ([("trade", DAY)], False)
    found = first.json()["result"]
    assert found == taken(market, wechat_bill(USUAL)), "as if it had been sent"
    assert fetched(market, channel).json()["result"] == found
    assert in_force(market) == [(1, 3)]


def test_not_ready_no_trade_and_no_answer_are_three_things(
    market: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "PAUSES", (0, 0, 0))
    channel = Channel(BillNotReady("STATEMENT_CREATING"))
    no = problem(fetched(market, channel), 409, "bill_not_ready", "date")
    assert "STATEMENT_CREATING" in no["detail"] and len(channel.asked) == 1
    channel = Channel(BillLost("timed out"))
    no = problem(fetched(market, channel), 503, "bill_unreachable", "channel")
    assert "timed out" in no["detail"] and len(channel.asked) == 4
    channel = Channel(b"no bill")
    no = problem(fetched(market, channel), 422, "bill_invalid", "body")
    assert no["refused"][0]["code"] == "header_missing"
    assert in_force(market) == []
    found = fetched(market, Channel(NoTrade("NO_STATEMENT_EXIST"))).json()["result"]
    assert (found["version"], found["lines"], found["sha256"], found["refused"]) == (1, 0, "", [])
    assert in_force(market) == [(1, 0)]


def test_a_channel_that_takes_its_word_back_undoes_no_lines(market: Server) -> None:
    taken(market, wechat_bill(USUAL))
    no = fetched(market, Channel(NoTrade("NO_STATEMENT_EXIST")))
    problem(no, 409, "bill_has_lines", "replaces")
    assert in_force(market) == [(1, 3)]


def test_nothing_is_fetched_where_nobody_knows_from(market: Server) -> None:
    said = market.send("POST", "/v1/bills/fetch", WECHAT)
    problem(said, 409, "bill_source_missing", "channel")
    channel = Channel(b"")
    problem(fetched(market, channel, channel="JD_PAY"), 409, "bill_source_missing", "channel")
    for more, status, code, field in (
        ({"channel": "NOBODY"}, 404, "channel_unknown", "channel"),
        ({"date": "2026-11-24"}, 409, "day_not_begun", "date"),
        ({"kind": "paper"}, 400, "request_invalid", "kind"),
        ({"format": "jd_pay"}, 400, "request_invalid", "format"),
    ):
        problem(fetched(market, channel, **more), status, code, field)
    assert channel.asked == []


# Quotas.


def test_a_quota_is_mapped_and_told_as_at_the_terminal(market: Server) -> None:
    path, body = "/v1/reserve-quotas/NETSUNION", {"amount_fen": 500_000_000, "reason": "New Year"}
    first = market.ok("POST", path, body, key="q")
    assert first["result"] == {
        "clearing": "NETSUNION", "mapped_fen": 500_000_000, "on": "2026-11-23",
    }  # fmt: skip
    assert market.ok("POST", path, body, key="q")["replayed"]
    market.context.projector.catch_up()
    (one,) = market.ok("GET", "/v1/reserve-quotas", role="auditor")["quotas"]
    assert (one["mapped_fen"], one["available_fen"], one["reason"]) == (
        500_000_000, 500_000_000, "New Year",
    )  # fmt: skip
    url = market.context.ledger.database.url
    run = CliRunner().invoke(app, ["funds", "quota", "--database", url, "--json"])
    assert msgspec.json.decode(run.stdout) == [one]
    no = market.send("GET", "/v1/reserve-quotas", role="merchant")
    problem(no, 403, "not_allowed", "Authorization")
    no = market.send("GET", "/v1/reserve-quotas?date=2026-11-23")
    problem(no, 400, "request_invalid", "date")


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "field"),
    [
        ("NOBODY", {"amount_fen": 1, "reason": "x"}, 400, "request_invalid", "clearing"),
        ("NETSUNION", {"amount_fen": -1, "reason": "x"}, 422, "amount_invalid", "amount_fen"),
        ("NETSUNION", {"amount_fen": 10**15 + 1, "reason": "x"}, 422, "amount_too_large",
         "amount_fen"),
        ("NETSUNION", {"amount_fen": "1", "reason": "x"}, 422, "amount_invalid", "amount_fen"),
        ("NETSUNION", {"amount_fen": 1}, 400, "request_invalid", "reason"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_quota_is_named(
    market: Server, path: str, body: dict[str, Any], status: int, code: str, field: str
) -> None:
    response = market.send("POST", f"/v1/reserve-quotas/{path}", body, key="q")
    problem(response, status, code, field)
