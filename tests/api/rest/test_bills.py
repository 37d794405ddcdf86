"""Bills over REST, on both databases: sent, fetched, told that there is none; the same answers as
at the terminal, and files that mean harm."""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.operations.bills.lines import FILLS
from api.rest import bill_files
from domain.eventstore import blobs
from domain.reconciliation import bill
from tests.api.conftest import Server, problem
from tests.domain.reconciliation.camt import ENTRIES, statement
from tests.domain.reconciliation.rendering import (
    DAY,
    MOVES,
    ONE,
    TWO,
    USUAL,
    Sale,
    alipay_bill,
    archive,
    fund_bill,
    jd_bill,
    wechat_bill,
    zm_bill,
)

BYTES = {"content-type": "application/octet-stream"}
WECHAT = {"channel": "WECHAT_PAY", "date": str(DAY)}
JD = {"channel": "JD_PAY", "date": str(DAY)}


def sent(market: Server, raw: bytes, asked: Mapping[str, str], **how: Any) -> Any:
    how = {"headers": BYTES, **how}
    return market.send("POST", f"/v1/bills?{urlencode(asked)}", raw=raw, **how)


def taken(market: Server, raw: bytes, asked: Mapping[str, str] = WECHAT, **how: Any) -> Any:
    response = sent(market, raw, asked, **how)
    assert response.status_code == 200, response.text
    return response.json()["result"]


def at_terminal(market: Server, *words: str) -> Any:
    url = market.context.ledger.database.url
    run = CliRunner().invoke(app, [*words, "--operator", "lin", "--database", url, "--json"])
    return msgspec.json.decode(run.stdout or run.stderr)


def in_force(market: Server, channel: str = "WECHAT_PAY") -> list[tuple[int, int]]:
    """Number and lines of each version."""
    state = market.context.ledger.state(bill.stream(channel, "trade", DAY))
    return [(one.number, one.lines) for one in state.versions]


def matched_by(market: Server) -> list[tuple[str, int]]:
    """The bills whose lines matching reads, and how many they are."""
    with market.context.engine.connect() as connection:
        live = connection.execute(FILLS.select().where(FILLS.c.live == 1)).all()
    return [(one.bill_id, one.written) for one in live]


BILLS = [
    (wechat_bill(USUAL), WECHAT, (1, 3, 12_970, 970, 24_000)),
    (fund_bill(MOVES), {**WECHAT, "kind": "fund"}, (1, 3, 2_970, 970, 6_000)),
    (zm_bill(USUAL), {**WECHAT, "channel": "CLOUD_QUICKPASS"}, (1, 3, 12_970, 970, 24_000)),
    (gzip.compress(jd_bill(USUAL)), JD, (1, 3, 12_970, 970, 24_000)),
    (alipay_bill(USUAL), {**JD, "format": "alipay_trade"}, (2, 3, 12_970, 970, 24_000)),
    (statement(ENTRIES), {**WECHAT, "channel": "BANK_TRANSFER", "kind": "bank"},
     (1, 3, 106_946, 8_946, 0)),
]  # fmt: skip


def test_a_bill_of_each_format_is_taken_in_as_at_the_terminal(
    market: Server, tmp_path: Path
) -> None:
    for raw, asked, sums in BILLS:
        head = market.context.ledger.head().position
        response = sent(market, raw, asked)
        assert response.status_code == 200, response.text
        found, position = response.json()["result"], response.json()["position"]
        names = ("version", "lines", "paid_fen", "refunded_fen", "fee_milli_fen")
        assert tuple(found[name] for name in names) == sums
        assert position == head + 1
        assert found["sha256"] == hashlib.sha256(raw).hexdigest()
        assert market.send("GET", f"/v1/blobs/{found['sha256']}", role="auditor").content == raw
        (tmp_path / "file").write_bytes(raw)
        words = [word for name, text in asked.items() for word in (f"--{name}", text)]
        told = at_terminal(market, "bill", "import", str(tmp_path / "file"), *words)
        assert (told, list(told)) == (found, list(found)), "the same version, in the same words"
        assert sent(market, raw, asked).json()["result"] == found, "and again"
        assert market.context.ledger.head().position == head + 1


def test_other_bytes_are_the_next_version_and_their_lines_are_there(market: Server) -> None:
    assert taken(market, wechat_bill([ONE, TWO]))["version"] == 1
    assert taken(market, wechat_bill(USUAL))["version"] == 2
    assert taken(market, wechat_bill(USUAL))["version"] == 2, "and again"
    assert matched_by(market) == [("WECHAT_PAY.trade.2011-01-10.2", 3)], "of the version in force"


def test_a_file_that_is_no_bill_is_refused_whole_with_its_first_fault(
    market: Server, tmp_path: Path
) -> None:
    raw = wechat_bill(USUAL, totals={"订单总金额": "1.00"})
    head = market.context.ledger.head()
    no = problem(sent(market, raw, WECHAT), 422, "bill_invalid", "body")
    assert no["sha256"] == hashlib.sha256(raw).hexdigest()
    (fault,) = no["refused"]
    assert (fault["line"], fault["code"]) == (6, "total_wrong") and "订单总金额" in fault["detail"]
    assert no["detail"] == f"line 6: total_wrong: {fault['detail']}"
    (tmp_path / "file").write_bytes(raw)
    words = ("--channel", "WECHAT_PAY", "--date", str(DAY))
    told = at_terminal(market, "bill", "import", str(tmp_path / "file"), *words)
    assert (told["refused"], told["sha256"]) == (no["refused"], no["sha256"])
    assert market.context.ledger.head() == head
    with market.context.engine.connect() as view:
        assert blobs.read(view, no["sha256"]) is None


_head, _row, *_ = wechat_bill([ONE]).splitlines(keepends=True)
BOMB = _head + _row * (6 * 1024 * 1024 // len(_row))
HARM = [
    ("nothing", b"", "header_missing", None),
    ("cut off", wechat_bill(USUAL)[:-30], "total_missing", None),
    ("another format", jd_bill(USUAL), None, None),
    ("a ZIP bomb", archive({"a.csv": BOMB}), "too_large", 0),
    ("a gzip bomb", gzip.compress(BOMB), "too_large", 0),
    ("a bomb in a bomb", archive({"a.zip": archive({"a": BOMB})}), None, None),
    ("a cut archive", archive({"a.csv": wechat_bill(USUAL)})[:-9], "archive_invalid", 0),
    ("a cut gzip file", gzip.compress(wechat_bill(USUAL))[:-9], "archive_invalid", 0),
    ("two files", archive({"a": b"1", "b": b"2"}), "archive_invalid", 0),
    ("no text", bytes(range(256)) * 40, None, None),
    ("one endless line", b"`" * (1 << 20), None, None),
    ("a page", b"<!DOCTYPE html><html>", "header_missing", None),
]


@pytest.mark.parametrize(
    ("raw", "code", "line"), [one[1:] for one in HARM], ids=[one[0] for one in HARM]
)
def test_a_file_that_means_harm_is_refused(
    market: Server, raw: bytes, code: str | None, line: int | None
) -> None:
    no = problem(sent(market, raw, WECHAT), 422, "bill_invalid", "body")
    (fault,) = no["refused"]
    assert code in (None, fault["code"]) and line in (None, fault["line"])
    assert in_force(market) == []


def test_an_external_entity_is_not_read(market: Server, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("4711")
    doctype = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>'
    raw = f'<?xml version="1.0"?>{doctype}<Document>&e;</Document>'.encode()
    asked = {**WECHAT, "channel": "BANK_TRANSFER", "kind": "bank"}
    no = problem(sent(market, raw, asked), 422, "bill_invalid", "body")
    assert no["refused"][0]["code"] == "xml_invalid" and "4711" not in str(no)


@pytest.mark.parametrize(
    ("asked", "status", "code", "field"),
    [
        ({}, 400, "request_invalid", "channel"),
        ({"channel": "JD_PAY"}, 400, "request_invalid", "date"),
        ({**JD, "channel": "NOBODY"}, 404, "channel_unknown", "channel"),
        ({**JD, "channel": "UNIONPAY_CARD"}, 409, "channel_not_registered", "channel"),
        ({**JD, "date": "2011-1-10"}, 422, "date_invalid", "date"),
        ({**JD, "date": "1999-01-10"}, 422, "date_invalid", "date"),
        ({**JD, "date": "2026-11-24"}, 409, "day_not_begun", "date"),
        ({**JD, "date": "9999-12-31"}, 422, "date_invalid", "date"),
        ({**JD, "kind": "paper"}, 400, "request_invalid", "kind"),
        ({**JD, "kind": "fund"}, 400, "request_invalid", "format"),
        ({**JD, "format": "excel"}, 400, "request_invalid", "format"),
        ({**JD, "format": "camt053"}, 400, "request_invalid", "format"),
        ({**JD, "map": "x"}, 400, "request_invalid", "map"),
        ({**JD, "channel": "JD\u0000"}, 422, "text_invalid", "channel"),
        ({**JD, "channel": "x" * 501}, 422, "text_invalid", "channel"),
    ],
)
def test_a_wrong_word_is_refused_by_name(
    market: Server, asked: dict[str, str], status: int, code: str, field: str
) -> None:
    problem(sent(market, jd_bill(USUAL), asked), status, code, field)
    assert in_force(market, "JD_PAY") == []


def test_a_parameter_stands_once_and_the_body_says_what_it_is(market: Server) -> None:
    twice = f"/v1/bills?{urlencode(JD)}&date=2011-01-10"
    problem(market.send("POST", twice, headers=BYTES), 400, "request_invalid", "date")
    for said in ("application/json", "multipart/form-data; boundary=x", "text/csv", ""):
        response = sent(market, jd_bill(USUAL), JD, headers={"content-type": said})
        problem(response, 415, "request_invalid", "Content-Type")
    with_more = {"content-type": "Application/Octet-Stream; charset=gbk"}
    assert taken(market, jd_bill(USUAL), JD, headers=with_more)["version"] == 1


def test_a_body_that_is_too_large_is_refused_also_where_no_length_is_said(
    market: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = jd_bill(USUAL)
    monkeypatch.setattr(bill_files, "MOST_BYTES", len(raw) - 1)
    problem(sent(market, raw, JD), 413, "request_invalid", "body")
    # By its own word a body is longer than it is; and one comes in pieces without a word.
    lies = {**BYTES, "content-length": str(1 << 40)}
    problem(sent(market, b"x", JD, headers=lies), 413, "request_invalid", "body")

    def pieces() -> Iterator[bytes]:
        yield raw[:100]
        yield raw[100:]

    headers = {**BYTES, "authorization": f"Bearer {market.keys['operator']}"}
    path = f"/v1/bills?{urlencode(JD)}"
    response = market.client.post(path, content=pieces(), headers=headers)
    problem(response, 413, "request_invalid", "body")
    assert in_force(market, "JD_PAY") == []
    monkeypatch.setattr(bill_files, "MOST_BYTES", len(raw))
    assert market.client.post(path, content=pieces(), headers=headers).status_code == 200


def test_a_long_bill_is_written_aside_in_pieces(
    market: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bill_files, "PIECE", 1_000)
    raw = wechat_bill([Sale(f"pay-{at}", 100, 200, serial=f"42{at}") for at in range(2_000)])
    headers = {**BYTES, "authorization": f"Bearer {market.keys['operator']}"}

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(raw), 700):
            yield raw[at : at + 700]

    path = f"/v1/bills?{urlencode(WECHAT)}"
    found = market.client.post(path, content=pieces(), headers=headers).json()["result"]
    assert (found["lines"], found["sha256"]) == (2_000, hashlib.sha256(raw).hexdigest())
    assert market.send("GET", f"/v1/blobs/{found['sha256']}").content == raw


def test_only_so_many_at_once(market: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bill_files, "MOST_AT_ONCE", 0)
    busy = sent(market, jd_bill(USUAL), JD)
    problem(busy, 503, "busy", "bill")
    assert busy.headers["retry-after"]
    monkeypatch.setattr(bill_files, "MOST_AT_ONCE", 1)
    for _ in range(3):  # Also one that is refused makes room again.
        problem(sent(market, b"x", JD), 422, "bill_invalid", "body")
    assert taken(market, jd_bill(USUAL), JD)["version"] == 1


@pytest.mark.parametrize("role", ["merchant", "auditor", "reviewer", "risk", "owner", None])
def test_who_may_not_reconcile_sends_and_tells_no_bills(market: Server, role: str | None) -> None:
    market.appoint()
    market.employ()
    head = market.context.ledger.head().position
    status = 401 if role is None else 403
    code = "not_authenticated" if role is None else "not_allowed"
    which = {**WECHAT, "kind": "trade"}
    quota = {"amount_fen": 1, "reason": "x"}
    for response in (
        sent(market, wechat_bill(USUAL), WECHAT, role=role),
        market.send("POST", "/v1/bills/fetch", which, role=role),
        market.send("POST", "/v1/bills/no-trade", {**which, "reason": "x"}, role=role, key="k"),
        market.send("POST", "/v1/reserve-quotas/NETSUNION", quota, role=role, key="k"),
    ):
        problem(response, status, code, "Authorization")
    assert market.context.ledger.head().position == head


# That there is none.


def no_trade(market: Server, key: str, role: str = "operator", **more: Any) -> Any:
    body = {**WECHAT, "reason": "NO_STATEMENT_EXIST", **more}
    return market.send("POST", "/v1/bills/no-trade", body, key=key, role=role)


def test_no_trade_is_told_with_a_reason_and_as_at_the_terminal(market: Server) -> None:
    problem(
        market.send("POST", "/v1/bills/no-trade", WECHAT, key="a"), 400, "request_invalid", "reason"
    )
    market.appoint()
    told = no_trade(market, "b", role="cashier")
    assert told.status_code == 200, told.text
    found = told.json()["result"]
    assert (found["version"], found["lines"], found["replaces"], found["refused"]) == (1, 0, 0, [])
    assert no_trade(market, "c").json()["result"] == found, "said already"
    words = ("--channel", "WECHAT_PAY", "--date", str(DAY))
    again = at_terminal(market, "bill", "no-trade", *words)
    assert (again, list(again)) == (found, list(found))
    assert in_force(market) == [(1, 0)]
    again = no_trade(market, "b", role="cashier").json()
    assert (again["result"]["version"], again["replayed"]) == (1, True)


def test_no_trade_replaces_lines_only_where_their_version_is_named(market: Server) -> None:
    taken(market, wechat_bill(USUAL))
    words = ("--channel", "WECHAT_PAY", "--date", str(DAY))
    wrong: list[dict[str, Any]] = [{}, {"replaces": 2}, {"replaces": 0}]
    for more in wrong:
        no = problem(no_trade(market, f"{more}".replace(" ", ""), **more), 409, "bill_has_lines",
                     "replaces")  # fmt: skip
        assert "version 1 has 3 lines" in no["detail"]
    error = at_terminal(market, "bill", "no-trade", *words)["error"]
    assert (error["code"], error["field"]) == ("bill_has_lines", "replaces")
    assert in_force(market) == [(1, 3)]
    found = no_trade(market, "sure", replaces=1).json()["result"]
    assert (found["version"], found["lines"], found["replaces"]) == (2, 0, 1)
    told = at_terminal(market, "bill", "no-trade", *words, "--replaces", "1")
    assert told == found, "again, it says what it replaced"
    assert matched_by(market) == [("WECHAT_PAY.trade.2011-01-10.2", 0)]


@pytest.mark.parametrize(
    ("more", "status", "code", "field"),
    [
        ({"replaces": -1}, 400, "request_invalid", "replaces"),
        ({"replaces": 51}, 400, "request_invalid", "replaces"),
        ({"replaces": 2**70}, 400, "request_invalid", "replaces"),
        ({"replaces": True}, 400, "request_invalid", "replaces"),
        ({"kind": "paper"}, 400, "request_invalid", "kind"),
        ({"reason": ""}, 422, "text_invalid", "reason"),
        ({"date": "2026-11-24"}, 409, "day_not_begun", "date"),
        ({"channel": "NOBODY"}, 404, "channel_unknown", "channel"),
        ({"version": 1}, 400, "request_invalid", "version"),
    ],
)
def test_what_is_wrong_with_no_trade_is_named(
    market: Server, more: dict[str, Any], status: int, code: str, field: str
) -> None:
    problem(no_trade(market, "k", **more), status, code, field)
    assert in_force(market) == []
