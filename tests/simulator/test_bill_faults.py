"""How bills misbehave by seed: each fault does what it says, in the file alone, and is counted."""

from typing import Any

import pytest

from tests.simulator.bill_days import DAY, NEXT, Day

COUNT = 40


def numbers() -> list[str]:
    return [f"pay-{place:06d}" for place in range(COUNT)]


def sold(day: Day) -> Day:
    member = day.member("jdpay")
    for place, number in enumerate(numbers()):
        member.place(number, amount=10_000 + place)
    day.settle()
    return day


def rows(content: bytes) -> list[list[str]]:
    """Rows of a bill of JD Pay and, last, its total."""
    lines = content.decode("gbk").split("\r\n")
    return [line.split(",") for line in lines[5:-1]]


def fen(text: str) -> int:
    return int(text.replace(".", ""))


def struck(day: Day, fault: str) -> set[str]:
    """The numbers of the orders whose lines a fault is on record for."""
    keys = {
        one["key"]
        for one in day.outside.get("/faults?limit=1000")["faults"]
        if one["fault"] == fault
    }
    return {
        order["number"]
        for order in day.outside.book()
        for charge in order["charges"]
        if f"jdpay/bill/{charge['serial']}" in keys
    }


def whole(day: Day, content: bytes) -> None:
    """A bill with each order once, as the book has it, and a total that fits."""
    *lines, total = rows(content)
    assert sorted(line[1] for line in lines) == numbers()
    paid = {order["number"]: order["charges"][0] for order in day.outside.book()}
    for line in lines:
        charge = paid[line[1]]
        assert (fen(line[5]), fen(line[6])) == (charge["amount"], charge["fee"])
    assert fen(total[5]) == sum(one["amount"] for one in paid.values())
    assert fen(total[6]) == sum(one["fee"] for one in paid.values())


@pytest.mark.parametrize(
    "fault", ["bill_missing_line", "bill_double_line", "bill_wrong_amount", "bill_wrong_fee"]
)
def test_a_line_goes_wrong_in_the_file_and_its_total_alone(day: Any, fault: str) -> None:
    shop = sold(day("--faults", f"{fault}=200"))
    shop.advance(22)
    *lines, total = rows(shop.fetch("jdpay")[1])
    hit = struck(shop, fault)
    assert 1 <= len(hit) < COUNT and shop.outside.get("/faults")["counts"] == {fault: len(hit)}
    times = {number: [line[1] for line in lines].count(number) for number in numbers()}
    wanted = {"bill_missing_line": 0, "bill_double_line": 2}.get(fault, 1)
    assert times == {number: wanted if number in hit else 1 for number in numbers()}
    paid = {order["number"]: order["charges"][0] for order in shop.outside.book()}
    for line in lines:
        charge = paid[line[1]]
        same = (fen(line[5]) == charge["amount"], fen(line[6]) == charge["fee"])
        wrong = {"bill_wrong_amount": (False, True), "bill_wrong_fee": (True, False)}
        assert same == (wrong.get(fault, (True, True)) if line[1] in hit else (True, True))
    assert fen(total[5]) == sum(fen(line[5]) for line in lines), "it adds up all the same"
    sessions = shop.ask("bank", DAY, "sessions")[1]["sessions"]
    true = sum(one["amount"] - one["fee"] for one in paid.values())
    assert [one["amount"] for one in sessions] == [true], "money knows nothing of it"


def test_a_bill_is_issued_again_with_the_line_it_had_lost(day: Any) -> None:
    shop = sold(day("--faults", "bill_reissue=1000"))
    shop.advance(22)
    told, content = shop.fetch("jdpay")
    assert told["version"] == 1 and len(rows(content)) == COUNT
    shop.advance(48)
    told, content = shop.fetch("jdpay")
    assert told["version"] == 2
    whole(shop, content)
    assert shop.outside.get("/faults")["counts"] == {"bill_reissue": 1}


def test_a_total_is_wrong_until_the_bill_is_issued_again(day: Any) -> None:
    shop = sold(day("--faults", "bill_wrong_total=1000"))
    shop.merchant.place("pay-000099", 10_000)
    shop.member("quickpass").place("pay000099")
    shop.settle()
    shop.advance(22)
    *lines, total = rows(shop.fetch("jdpay")[1])
    assert fen(total[5]) == sum(fen(line[5]) for line in lines) + 1
    assert shop.wechat().decode("utf-8-sig").split("\r\n")[-2].startswith("`1,`100.01,`0.00,")
    assert b",`100.01," in shop.wechat(fund=True).split(b"\r\n")[-2]
    assert shop.fetch("quickpass")[0]["version"] == 1, "a file without totals has no wrong one"
    shop.advance(48)
    *_, total = rows(shop.fetch("jdpay")[1])
    assert fen(total[5]) == sum(fen(line[5]) for line in lines)
    assert shop.wechat().decode("utf-8-sig").split("\r\n")[-2].startswith("`1,`100.00,`0.00,")
    assert shop.fetch("quickpass")[0]["version"] == 1


def test_a_bill_is_late_by_at_most_thirty_hours(day: Any) -> None:
    shop = sold(day("--faults", "bill_late=1000"))
    shop.advance(22)
    assert shop.ask("jdpay")[1]["code"] == "BILL_NOT_READY"
    shop.advance(30)
    whole(shop, shop.fetch("jdpay")[1])
    assert shop.outside.get("/faults")["counts"] == {"bill_late": 1}


def test_a_line_of_the_last_hour_stands_in_the_next_bill_and_is_paid_with_it(day: Any) -> None:
    shop = sold(day("--faults", "bill_cut_off=500", epoch="2026-11-25T23:30:00+08:00"))
    shop.advance(11)
    own = rows(shop.fetch("jdpay")[1])[:-1]
    shop.outside.post("/simulate/conduct", {"faults": "none"})  # What was cut off stays so.
    shop.advance(24)
    later = rows(shop.fetch("jdpay", NEXT)[1])[:-1]
    cut = struck(shop, "bill_cut_off")
    assert 1 <= len(cut) < COUNT
    assert {line[1] for line in later} == cut and len(own) + len(later) == COUNT
    assert {line[1] for line in own} == set(numbers()) - cut
    assert all(line[0].startswith(DAY) for line in later), "with the time it has"
    for on, lines in ((DAY, own), (NEXT, later)):
        sessions = shop.ask("bank", on, "sessions")[1]["sessions"]
        assert [one["due"] for one in sessions] == [
            sum(fen(line[5]) - fen(line[6]) for line in lines)
        ]


@pytest.mark.parametrize(("fault", "more"), [("session_short", -1), ("session_over", 1)])
def test_a_session_brings_another_sum_than_is_due(day: Any, fault: str, more: int) -> None:
    shop = sold(day("--faults", f"{fault}=1000"))
    shop.advance(22)
    (session,) = shop.ask("bank", DAY, "sessions")[1]["sessions"]
    assert session["amount"] - session["due"] == more * (session["due"] // 100)
    shop.advance(24)
    content = shop.fetch("bank", NEXT, "statements")[1].decode()
    yuan = f"{session['amount'] // 100}.{session['amount'] % 100:02d}"
    assert f'<Amt Ccy="CNY">{yuan}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>' in content
    assert shop.outside.get("/faults")["counts"] == {fault: 1}


def test_faults_of_bills_are_asked_for_by_name(day: Any) -> None:
    shop = day("--faults", "all")
    faults = shop.outside.get("/health")["faults"]
    assert faults and not any(kind.startswith(("bill_", "session_")) for kind in faults)
    shop.outside.post("/simulate/conduct", {"faults": "bills,bill_late=0"})
    faults = shop.outside.get("/health")["faults"]
    assert "bill_reissue" in faults and "bill_late" not in faults and "delay" not in faults
