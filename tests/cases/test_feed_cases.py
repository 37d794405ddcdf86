"""F1 to F10: what happened to feeds on 2026-11-25, and what is right (docs/cases.md).

Each by the command line: the exit code, what is booked, what is listed, and then the feed that was
put right, of which everything is taken.
"""

import json
from datetime import date

import pytest

from domain.settlement.calendar import CALENDAR_VERSION
from tests.cases.conftest import ORDERS, Feeds, order, refund, refused, zipped

THROUGH = ("--settle-through", "2011-03-12")


def test_f1_a_file_cut_to_half_its_bytes(feeds: Feeds) -> None:
    rows = [order(f"A{n:04d}", f"2011-03-01T10:{n // 60:02d}:{n % 60:02d}") for n in range(600)]
    whole = zipped(ORDERS + "".join(rows))
    error = refused(feeds.run(feeds.write(orders_gz=whole[: len(whole) // 2]), *THROUGH))
    assert error["field"] == "orders.csv.gz"
    assert "gzip" in error["detail"] or "end" in error["detail"]
    assert feeds.nothing_is_booked()
    report = feeds.run(feeds.write(orders_gz=whole), *THROUGH).json()
    assert (report["checkouts"], report["rejected"], report["days_closed"]) == (600, 0, 12)
    statement = feeds.statement()
    assert statement["sales"] == 600 * 10_000
    assert statement["settled"] == 600 * 10_000 - statement["fees"]
    assert feeds.verified()


def test_f2_newest_first_as_bills_are_exported(feeds: Feeds) -> None:
    hours = range(18, 12, -1)
    feed = feeds.write(orders="".join(order(f"A{h}", f"2011-03-01T{h}:00:00") for h in hours))
    report = feeds.run(feed).json()
    assert (report["checkouts"], report["rejected"]) == (6, 0)
    assert feeds.listed(feed) == []
    assert feeds.statement()["in_escrow"] == 6 * 10_000
    assert {feeds.transaction(f"A{hour}").status for hour in hours} == {"paid"}


TEN = "".join(order(f"A{n}", f"2011-03-01T1{n}:00:00", f"M{1 + n % 2}") for n in range(10))
NAMES = "merchant,name,fee_bps,settlement_cycle\nM1,Shop,60,T+1\nM2,老字号点心铺,60,T+1\n"


def test_f3_a_name_in_gb18030_is_recognised_and_said(feeds: Feeds) -> None:
    report = feeds.run(feeds.write(merchants=NAMES.encode("gbk"), orders=TEN), *THROUGH).json()
    assert report["encodings"] == {"merchants.csv": "gb18030"}
    assert (report["checkouts"], report["rejected"]) == (10, 0)
    assert "老字号点心铺" in feeds.terminal("events", "member-M2").out


def test_f3_a_merchant_that_is_refused_stops_the_import(feeds: Feeds) -> None:
    """Also where the encoding is asked for and is not what the file has."""
    broken = feeds.write(merchants=NAMES.encode("gbk"), orders=TEN)
    assert refused(feeds.run(broken, *THROUGH, "--encoding", "utf-8"))["field"] == "merchants.csv"
    assert feeds.nothing_is_booked()
    wrong = feeds.write(merchants=NAMES.replace("M2,老字号点心铺,60", "M2,老,六十"), orders=TEN)
    refused(feeds.run(wrong, *THROUGH))
    assert feeds.nothing_is_booked()
    first, *others = feeds.listed(wrong)
    assert (first["file"], first["line"], first["field"]) == ("merchants.csv", "3", "fee_bps")
    assert {one["file"] for one in others} == {"orders.csv"}, "whose rows have no merchant"
    report = feeds.run(broken, *THROUGH, "--encoding", "gb18030").json()
    assert (report["checkouts"], report["rejected"], report["days_closed"]) == (10, 0, 12)
    for merchant in ("M1", "M2"):
        assert feeds.statement(merchant)["sales"] == 5 * 10_000


def test_f4_a_refund_that_was_dated_before_its_payment(feeds: Feeds) -> None:
    early = feeds.write(orders=order("A1"), refunds=refund("R1", "2011-03-01T09:00:00"))
    report = feeds.run(early).json()
    assert (report["checkouts"], report["refunds"], report["rejected"]) == (1, 0, 1)
    (one,) = feeds.listed(early)
    assert (one["file"], one["line"]) == ("refunds.csv", "2")
    assert feeds.transaction().refunded_fen == 0
    right = feeds.write(orders=order("A1"), refunds=refund("R1", "2011-03-02T09:00:00"))
    report = feeds.run(right).json()
    assert (report["refunds"], report["rejected"]) == (1, 0)
    assert feeds.transaction().refunded_fen == 10_000
    assert feeds.statement()["in_escrow"] == 0
    head = feeds.terminal("head").out
    assert feeds.run(right).json()["new"] == 0
    assert json.loads(feeds.terminal("head").out)["hash"] == json.loads(head)["hash"]


def test_f5_a_row_put_right_after_its_day_is_posted_late(feeds: Feeds) -> None:
    good, second = order("A1"), order("A2", "2011-03-01T11:00:00")
    wrong = feeds.write(orders=good + second.replace(",10000,", ",100.00,"))
    report = feeds.run(wrong).json()
    assert (report["checkouts"], report["rejected"], report["late"]) == (1, 1, 0)
    assert [(o["line"], o["code"], o["field"]) for o in feeds.listed(wrong)] == [
        ("3", "amount_invalid", "amount")
    ]
    assert feeds.open_date() == date(2011, 3, 2)
    right = feeds.write(orders=good + second)
    report = feeds.run(right).json()
    assert (report["checkouts"], report["rejected"], report["late"]) == (2, 0, 1)
    (late,) = feeds.listed(right, report["late_file"])
    assert (late["number"], late["posted_on"]) == ("A2", "2011-03-02")
    assert late["at"].startswith("2011-03-01T11:00:00")
    assert feeds.transaction("A2").status == "paid"
    journal = feeds.terminal("export", "journal", "--format", "csv").out
    assert "2011-03-02" in next(line for line in journal.splitlines() if "M1-A2" in line)
    assert feeds.verified()


def test_f6_a_header_that_nobody_knows(feeds: Feeds) -> None:
    rows = refund("R1", "2011-03-01T12:00:00")
    strange = feeds.write(orders=order("A1"), other_refunds=f"退款号,时间,订单,商户,金额\n{rows}")
    error = refused(feeds.run(strange, *THROUGH))
    assert error["field"] == "other_refunds.csv"
    assert feeds.nothing_is_booked()
    report = feeds.run(feeds.write(orders=order("A1"), refunds=rows), *THROUGH).json()
    assert (report["refunds"], report["rejected"]) == (1, 0)
    statement = feeds.statement()
    assert (statement["settled"], statement["in_escrow"]) == (0, 0)


def test_f7_strict_books_nothing_when_a_row_is_refused(feeds: Feeds) -> None:
    good, bad = order("A1"), order("A2", amount="NaN")
    wrong = feeds.write(orders=good + bad)
    ran = feeds.run(wrong, "--strict")
    assert ran.code == 1
    answer = json.loads(ran.out)
    assert (answer["booked"], answer["rejected"]) == (False, 1)
    assert len(feeds.listed(wrong)) == 1
    assert feeds.nothing_is_booked()
    report = feeds.run(feeds.write(orders=good + order("A2")), "--strict").json()
    assert (report["checkouts"], report["rejected"]) == (2, 0)


@pytest.mark.parametrize(
    ("rows", "refunds"),
    [
        pytest.param(order("A1", merchant="M9"), "", id="an unknown merchant"),
        pytest.param(order("A1").replace("JD_PAY", "BARTER"), "", id="an unknown method"),
        pytest.param(order("A1") + order("A1"), "", id="a row twice"),
        pytest.param(order("A1"), refund("R1", "2011-03-01T12:00:00", "A9"), id="no order"),
        pytest.param(
            order("A1"), refund("R1", "2011-03-01T12:00:00", amount="10001"), id="above its order"
        ),
        pytest.param(
            order("A1"),
            refund("R1", "2011-03-01T12:00:00", amount="6000")
            + refund("R2", "2011-03-01T13:00:00", amount="6000"),
            id="two above their order",
        ),
    ],
)
def test_f7_whatever_a_row_is_refused_for(feeds: Feeds, rows: str, refunds: str) -> None:
    wrong = feeds.write(orders=rows + order("B1", "2011-03-01T08:00:00"), refunds=refunds)
    assert feeds.run(wrong, "--strict").code == 1
    assert feeds.nothing_is_booked()
    assert feeds.listed(wrong)
    assert feeds.run(wrong).code == 0
    assert feeds.transaction("B1").status == "paid", "without --strict good rows are booked"


def test_f8_spaces_of_every_width_are_taken(feeds: Feeds) -> None:
    named = "merchant,name,fee_bps,settlement_cycle\nM1,老字号　点心铺,60,T+1\n"
    feed = feeds.write(merchants=named, orders=order("A1", subject="nuts\u00a0250 g"))
    report = feeds.run(feed).json()
    assert (report["checkouts"], report["rejected"]) == (1, 0)
    assert "老字号　点心铺" in feeds.terminal("events", "member-M1").out


def test_f8_what_is_refused_names_the_character_and_its_place(feeds: Feeds) -> None:
    feed = feeds.write(orders=order("A1", subject="nu\u0007ts") + order("A2"))
    assert feeds.run(feed).json()["checkouts"] == 1
    (one,) = feeds.listed(feed)
    assert (one["line"], one["code"], one["field"]) == ("2", "text_invalid", "subject")
    assert "character 3 is U+0007" in one["detail"]
    report = feeds.run(feeds.write(orders=order("A1") + order("A2"))).json()
    assert (report["checkouts"], report["rejected"], report["late"]) == (2, 0, 1)


def test_f9_a_gap_of_a_year_is_asked_about(feeds: Feeds) -> None:
    rows = order("A1") + order("A2", "2011-03-01T11:00:00") + order("A3", "2012-03-01T10:00:00")
    feed = feeds.write(orders=rows)
    error = refused(feeds.run(feed))
    assert "2011-03-01" in error["detail"] and "2012-03-01" in error["detail"]
    assert "--allow-gap" in error["detail"]
    assert feeds.nothing_is_booked()
    next_day = feeds.write(orders=order("A4", "2011-03-02T10:00:00"))
    assert feeds.run(feeds.write(orders=order("A1"))).json()["days_closed"] == 1
    assert feeds.run(next_day).json()["checkouts"] == 1, "the next day's feed is taken"
    report = feeds.run(feed, "--allow-gap").json()
    assert (report["checkouts"], report["rejected"], report["late"]) == (3, 0, 1)


def test_f10_a_due_date_in_a_year_without_a_calendar(feeds: Feeds) -> None:
    """Released on 9 November 2026, due forty working days later, in 2027."""
    terms = "merchant,name,fee_bps,settlement_cycle\nM1,Shop,60,T+40\n"
    feed = feeds.write(merchants=terms, orders=order("A1", "2026-11-02T10:00:00"))
    through = ("--settle-through", "2026-11-17")
    ran = feeds.run(feed, *through)
    report = json.loads(ran.out)
    assert (ran.code, report["checkouts"], report["days_closed"]) == (1, 1, 16)
    (hindrance,) = report["hindrances"]
    assert hindrance["subject"] == "M1-2026-11-09"
    assert hindrance["refusal"]["code"] == "calendar_unpublished"
    calendar = feeds.directory / "calendar.json"
    year = {"holidays": ["2027-01-01"], "makeup_workdays": []}
    notice = {"version": CALENDAR_VERSION + 1, "published": "2026-11-20", "source": "a notice"}
    calendar.write_text(json.dumps(notice | {"years": {"2027": year}}))
    published = feeds.terminal("calendar", "publish", calendar, "--operator", "lin", "--json")
    assert published.json()["years"] == [2027]
    report = feeds.run(feed, "--settle-through", "2026-11-18").json()
    assert report["hindrances"] == []
    assert feeds.verified()
