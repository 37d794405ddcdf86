"""A day reconciled over REST, told over REST and GraphQL, and by `zhangfang reconcile`."""

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from api.cli.app import app
from api.context import AppContext
from api.operations.bills import lines
from api.operations.bills.importing import Importer, Wanted
from api.operations.reconciling.running import Books, Reconciler
from domain.reconciliation.bills.formats import format_for
from tests.api.conftest import Server
from tests.domain.reconciliation.rendering import JD_COLUMNS, Sale, yuan

DAY = date(2026, 11, 23)
SHANGHAI = timezone(timedelta(hours=8))
Bring = Callable[..., None]


def bill(sales: list[Sale], day: date) -> bytes:
    at = datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI)
    rows = [
        f"{at:%Y-%m-%d %H:%M:%S},{one.number},,支付,成功,{yuan(one.fen)},"
        f"{yuan((2 * one.fen * 18 + 10_000) // 20_000)},{one.serial}"
        for one in sales
    ]
    fees = sum((2 * one.fen * 18 + 10_000) // 20_000 for one in sales)
    total = f"合计,{len(sales)},,,,{yuan(sum(one.fen for one in sales))},{yuan(fees)},"
    return "\r\n".join(["京东支付", "a", "b", "单位：元", JD_COLUMNS, *rows, total, ""]).encode(
        "gbk"
    )


@pytest.fixture
def bring(market: Server, tmp_path: Path) -> Bring:
    """Imports JD Pay's bill of a day."""
    importer = Importer(market.context.ledger, market.context.writes, "operator:lin")

    def brought(day: date, *sales: Sale) -> None:
        path = tmp_path / "bill"
        path.write_bytes(bill(list(sales), day))
        market.now_us += 1
        wanted = Wanted("JD_PAY", day, "trade", format_for("JD_PAY", "trade", None))
        importer.import_file(path, wanted, market.now_us)

    return brought


def sold(market: Server) -> None:
    for number in (1, 2):
        market.sell(f"JD{number}")
        market.pay(f"JD{number}", f"P-{number}")


def reconciled(market: Server, day: date = DAY) -> Any:
    body = {"date": day.isoformat(), "channel": "JD_PAY"}
    (one,) = market.ok("POST", "/v1/reconciliations", body)["result"]["reconciliations"]
    return one


def states(one: Any) -> list[tuple[str, ...]]:
    return [
        (each["type"], each["number"], each["state"], each["cause"]) for each in one["differences"]
    ]


PAID, STRANGE = Sale("pay-P-1", 8_900, serial="S-P-1"), Sale("pay-P-9", 500, serial="S9")


def test_a_day_from_its_bill_to_the_end_of_its_pool(market: Server, bring: Bring) -> None:
    sold(market)
    bring(DAY, PAID, STRANGE)
    one = reconciled(market)
    assert (one["bill_version"], one["lines"], one["pool"]) == (1, 2, 2)
    assert one["matched"] == {"count": 1, "paid_fen": 8_900, "refunded_fen": 0}
    assert states(one) == [
        ("missing_here", "pay-P-9", "suspected", "not_ours"),
        ("missing_at_channel", "pay-P-2", "suspected", ""),
    ]
    again = market.context.ledger.head()
    assert reconciled(market) == one
    assert market.context.ledger.head() == again, "found again, nothing is recorded"

    for after in (1, 2, 3):
        market.now_us += 86_400_000_000
        bring(DAY + timedelta(days=after))
        reconciled(market, DAY + timedelta(days=after))
    told = market.ok("GET", f"/v1/reconciliations?date={DAY}&channel=JD_PAY")["result"]
    (one,) = told["reconciliations"]
    assert (one["pool"], {each["state"] for each in one["differences"]}) == (0, {"confirmed"})
    assert balance(market, "1122.01.JD_PAY") == 0
    assert balance(market, "1122.04.JD_PAY") == 8_900
    assert balance(market, "2241.08.JD_PAY") == 500
    assert balance(market, "1122.02.JD_PAY") == 9_400

    # The channel issues its bill again: what it lacked is there, and what nobody knows is not.
    bring(DAY, PAID, Sale("pay-P-2", 8_900, serial="S-P-2"))
    one = reconciled(market)
    assert (one["bill_version"], one["matched"]["count"], one["differences"]) == (2, 2, [])
    for code, fen in (("1122.01", 0), ("1122.04", 0), ("2241.08", 0), ("1122.02", 17_800)):
        assert balance(market, f"{code}.JD_PAY") == fen, code


def balance(market: Server, account: str) -> int:
    query = f'{{ account(id: "{account}") {{ balance {{ minor }} }} }}'
    market.context.projector.catch_up()
    return int(
        market.ok("POST", "/graphql", {"query": query})["data"]["account"]["balance"]["minor"]
    )


def test_graphql_tells_the_match_rate_and_what_is_at_risk(market: Server, bring: Bring) -> None:
    fields = "billVersion revision lines matched matchRateBps pool open valueAtRisk { minor }"
    query = f'{{ reconciliation(date: "{DAY}", channel: "JD_PAY") {{ {fields} }} }}'
    assert market.ok("POST", "/graphql", {"query": query})["data"]["reconciliation"] is None
    sold(market)
    bring(DAY, PAID, STRANGE)
    reconciled(market)
    found = market.ok("POST", "/graphql", {"query": query})["data"]["reconciliation"]
    assert found == {
        "billVersion": "1", "revision": "1", "lines": "2", "matched": "1", "matchRateBps": "5000",
        "pool": "2", "open": "0", "valueAtRisk": {"minor": "9400"},
    }  # fmt: skip


def test_what_is_wrong_is_refused_by_its_field(market: Server) -> None:
    for body, code, field in (
        ({}, "request_invalid", "date"),
        ({"date": "2026-02-30"}, "date_invalid", "date"),
        ({"date": "2030-01-01"}, "day_not_begun", "date"),
        ({"date": str(DAY), "channel": "NOBODY"}, "channel_unknown", "channel"),
        ({"date": str(DAY), "state": "x"}, "request_invalid", "state"),
    ):
        said = market.send("POST", "/v1/reconciliations", body).json()
        assert (said["code"], said["field"]) == (code, field), body
    said = market.send("GET", "/v1/reconciliations?date=tomorrow").json()
    assert (said["code"], said["field"]) == ("date_invalid", "date")
    none = market.ok("GET", f"/v1/reconciliations?date={DAY}")["result"]["reconciliations"]
    assert {one["channel"] for one in none} == {"WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS"}
    assert {one["bill_version"] for one in none} == {0}


def test_the_command_says_the_same(
    market: Server, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold(market)
    bring(DAY, PAID)
    one = reconciled(market)
    monkeypatch.setattr("api.cli.reconciling.utc_us", lambda: market.now_us)
    url = market.context.ledger.database.url
    given = ["reconcile", "--date", str(DAY), "--channel", "JD_PAY", "--operator", "lin"]
    run = CliRunner().invoke(app, [*given, "--database", url, "--json"])
    assert run.exit_code == 0, run.output
    assert msgspec.json.decode(run.stdout) == [one]
    run = CliRunner().invoke(app, [*given, "--database", url])
    assert "1 of 1 lines matched" in run.stdout and "missing_at_channel" in run.stdout


def test_lines_that_were_dropped_are_filled_again(market: Server, bring: Bring) -> None:
    sold(market)
    bring(DAY, PAID, STRANGE)
    one = reconciled(market)
    lines.forget(market.context.writes)
    head = market.context.ledger.head()
    assert reconciled(market) == one
    assert market.context.ledger.head() == head
    whole = rows(market)
    url = market.context.ledger.database.url
    run = CliRunner().invoke(app, ["bill", "lines", "--again", "--database", url, "--json"])
    assert msgspec.json.decode(run.stdout) == {"bills": 1, "lines": 2}
    assert rows(market) == whole


def test_dropping_that_was_stopped_is_ended_by_who_fills_next(
    market: Server, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold(market)
    bring(DAY, PAID, STRANGE, *(Sale(f"pay-X-{n}", 100 + n, serial=f"X{n}") for n in range(30)))
    one, whole, writes = reconciled(market), rows(market), market.context.writes
    begun = lines.to_write
    left = iter([True, True, True])

    def stopping(engine: Engine) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return begun(engine)

    monkeypatch.setattr(lines, "AT_ONCE", 7)
    monkeypatch.setattr(lines, "to_write", stopping)
    with pytest.raises(KeyboardInterrupt):
        lines.forget(writes)
    monkeypatch.undo()
    assert 0 < len(rows(market)) < len(whole)
    assert reconciled(market) == one
    assert rows(market) == whole


def test_who_fills_notices_that_the_lines_are_being_dropped(market: Server, bring: Bring) -> None:
    """Else its lines would come back among what is dropped, and nobody would know of them."""
    sold(market)
    bring(DAY, PAID, STRANGE, *(Sale(f"pay-X-{n}", 100 + n, serial=f"X{n}") for n in range(30)))
    context = market.context
    whole = rows(market)
    wanted = forgotten(context)

    def dropping(done: int, _of: int) -> None:
        if done == 7:
            with context.writes.begin() as connection:
                connection.execute(lines.FILLS.update().values(digest=lines.NONE))

    with pytest.raises(lines.OthersFill):
        lines.fill(context.writes, wanted, progress=dropping, at_once=7)
    assert len(rows(market)) == 7
    lines.fill(context.writes, wanted)
    assert rows(market) == whole


def test_of_two_that_begin_to_fill_at_once_one_goes_on(
    market: Server, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold(market)
    bring(DAY, PAID, STRANGE)
    context = market.context
    whole = rows(market)
    wanted = forgotten(context)

    begun = lines.to_write

    def overtaken(engine: Engine) -> Any:
        monkeypatch.setattr(lines, "to_write", begun)
        lines.fill(engine, wanted)
        return begun(engine)

    monkeypatch.setattr(lines, "to_write", overtaken)
    with pytest.raises(lines.OthersFill):
        lines.fill(context.writes, wanted)
    assert rows(market) == whole


def test_filling_goes_on_where_it_stopped(market: Server, bring: Bring) -> None:
    sold(market)
    bring(DAY, PAID, STRANGE, *(Sale(f"pay-X-{n}", 100 + n, serial=f"X{n}") for n in range(30)))
    context = market.context
    whole = rows(market)
    wanted = forgotten(context)

    class Stopped(Exception):
        pass

    def stop(done: int, _of: int) -> None:
        if done >= 14:
            raise Stopped

    with pytest.raises(Stopped):
        lines.fill(context.writes, wanted, progress=stop, at_once=7)
    assert len(rows(market)) == 14
    books = Books(context.ledger, context.engine, context.writes, context.projector)
    Reconciler(books, "operator:lin", context.clock).run(DAY, "JD_PAY")
    assert rows(market) == whole and len(whole) == 32


def forgotten(context: AppContext) -> lines.Wanted:
    """The day's bill, whose lines were dropped."""
    lines.forget(context.writes)
    version = context.ledger.state(lines.bill.stream("JD_PAY", "trade", DAY)).newest
    assert version is not None
    return lines.Wanted("JD_PAY", "trade", DAY, version)


def rows(market: Server) -> list[Any]:
    with market.context.engine.connect() as connection:
        return list(connection.execute(lines.LINES.select().order_by(lines.LINES.c.line)))
