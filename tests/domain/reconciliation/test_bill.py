"""Bill: versions of what a channel said of one day."""

from datetime import date

import msgspec
import pytest
from msgspec.structs import replace

from domain.reconciliation import bill
from domain.reconciliation.commands import ImportBill, TellNoTrade
from domain.refusals import Code
from tests.bill_examples import READ
from tests.books import Books, refusal
from tests.domain.reconciliation.rendering import DAY
from tests.scenario import Scenario

given = Scenario(bill.evolve, bill.State()).given
OTHER = replace(READ, blob="ab" * 32, digest="3d" * 32, lines=5)
first = bill.Imported(1, READ)
none = bill.NoTradeTold(1, "NO_STATEMENT_EXIST")


def test_bytes_become_a_version_once() -> None:
    given().when(bill.import_read, READ).then(first)
    given(first).when(bill.import_read, READ).then()


def test_other_bytes_are_the_next_version_and_the_first_stays() -> None:
    second = bill.Imported(2, OTHER)
    given(first).when(bill.import_read, OTHER).then(second)
    given(first, second).when(bill.import_read, OTHER).then()
    given(first, second).when(bill.import_read, READ).then(bill.Imported(3, READ))
    assert [one.number for one in given(first, second).state.versions] == [1, 2]
    assert given(first, second).state.newest.number == 2


@pytest.mark.parametrize(
    "read",
    [
        replace(READ, format="jd_pay"),
        replace(READ, format_version=2),
        replace(READ, mapping="cd" * 32),
        replace(READ, digest="4e" * 32),
    ],
    ids=["by another format", "by its next version", "by a mapping", "as other lines"],
)
def test_the_same_bytes_read_otherwise_are_another_version(read: bill.Read) -> None:
    given(first).when(bill.import_read, read).then(bill.Imported(2, read))


def test_no_trade_is_a_version_and_bytes_after_it_are_the_next() -> None:
    given().when(bill.tell_no_trade, "NO_STATEMENT_EXIST").then(none)
    given(none).when(bill.tell_no_trade, "asked again").then()
    given(none).when(bill.import_read, READ).then(bill.Imported(2, READ))


EMPTY = bill.Imported(1, replace(READ, lines=0, paid=0, paid_fen=0, refunded=0, refunded_fen=0))
second = bill.Imported(2, OTHER)
taken_back = bill.NoTradeTold(2, "taken back")


def test_no_trade_replaces_lines_only_where_they_are_named() -> None:
    given(EMPTY).when(bill.tell_no_trade, "taken back").then(taken_back)
    given(first).when(bill.tell_no_trade, "taken back", 1).then(taken_back)
    given(first, taken_back).when(bill.tell_no_trade, "again", 1).then()
    refused = (Code.BILL_HAS_LINES, "replaces")
    given(first).when(bill.tell_no_trade, "taken back").refused(*refused)
    given(first, second).when(bill.tell_no_trade, "taken back", 1).refused(*refused)
    given(first).when(bill.tell_no_trade, "taken back", 2).refused(*refused)


@pytest.mark.parametrize(
    ("history", "number"),
    [
        ([], 0),
        ([first], 0),
        ([none], 0),
        ([EMPTY, taken_back], 0),
        ([first, taken_back], 1),
        ([first, second, bill.NoTradeTold(3, "x")], 2),
        ([first, taken_back, bill.Imported(3, OTHER)], 0),
    ],
)
def test_what_no_trade_replaced_is_known(history: list[bill.Event], number: int) -> None:
    assert given(*history).state.replaced == number


def test_a_bill_has_so_many_versions_and_no_more() -> None:
    versions = [
        bill.Imported(one, replace(READ, digest=f"{one:064x}"))
        for one in range(1, bill.MOST_VERSIONS + 1)
    ]
    given(*versions).when(bill.import_read, OTHER).refused(Code.BILL_LIMIT)
    given(*versions).when(bill.tell_no_trade, "x").refused(Code.BILL_LIMIT)
    given(*versions).when(bill.import_read, versions[7].read).refused(Code.BILL_LIMIT)
    given(*versions).when(bill.import_read, versions[-1].read).then()


def test_a_stream_names_channel_kind_and_day() -> None:
    stream = bill.stream("WECHAT_PAY", "trade", DAY)
    assert stream == "bill-WECHAT_PAY.trade.2011-01-10"
    assert bill.of_stream(stream) == ("WECHAT_PAY", "trade", DAY)


def wanted(**changed: object) -> ImportBill:
    fields = {"channel": "WECHAT_PAY", "kind": "trade", "date": date(2010, 12, 1), "read": READ}
    return ImportBill(**(fields | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (wanted(channel="NOBODY"), Code.CHANNEL_UNKNOWN),
        (wanted(channel="NETSUNION_CARD"), Code.CHANNEL_NOT_REGISTERED),
        (wanted(kind="paper"), Code.REQUEST_INVALID),
        (wanted(date=date(2090, 1, 1)), Code.DAY_NOT_BEGUN),
        (wanted(date=date(2099, 12, 31)), Code.DAY_NOT_BEGUN),
        (wanted(date=date(2100, 1, 1)), Code.DATE_INVALID),
        (wanted(date=date(1999, 1, 1)), Code.DATE_INVALID),
        (wanted(read=replace(READ, blob="xyz")), Code.REQUEST_INVALID),
        (wanted(read=replace(READ, mapping="xyz")), Code.REQUEST_INVALID),
        (wanted(read=replace(READ, lines=2)), Code.BILL_INVALID),
        (wanted(read=replace(READ, lines=-1)), Code.BILL_INVALID),
        (wanted(read=replace(READ, paid_fen=-1)), Code.AMOUNT_INVALID),
        (wanted(read=replace(READ, paid_fen=10**15 + 1)), Code.AMOUNT_TOO_LARGE),
        (wanted(read=replace(READ, fee_milli_fen=-(10**19))), Code.AMOUNT_TOO_LARGE),
        (wanted(read=replace(READ, closing_fen=-(10**16))), Code.AMOUNT_TOO_LARGE),
        (TellNoTrade("WECHAT_PAY", "trade", date(2010, 12, 1), "a\nb"), Code.TEXT_INVALID),
        (TellNoTrade("WECHAT_PAY", "fund", date(2090, 12, 1), "none"), Code.DAY_NOT_BEGUN),
        (TellNoTrade("WECHAT_PAY", "fund", date(2010, 12, 1), "none", -1), Code.REQUEST_INVALID),
        (TellNoTrade("WECHAT_PAY", "fund", date(2010, 12, 1), "none", 51), Code.REQUEST_INVALID),
    ],
)
def test_what_cannot_be_a_bill_is_refused(
    books: Books, command: ImportBill | TellNoTrade, code: Code
) -> None:
    assert refusal(books, command) is code


def test_the_same_import_again_answers_the_same_version(books: Books) -> None:
    result = books.do(wanted())
    assert (result["version"], result["lines"], result["fee_milli_fen"]) == (1, 3, 20_000)
    assert books.do(wanted()) == result
    assert books.do(wanted(read=OTHER))["version"] == 2
    told = books.do(TellNoTrade("WECHAT_PAY", "fund", date(2010, 12, 1), "no statement"))
    assert (told["version"], told["lines"], told["sha256"]) == (1, 0, "")
    assert told["replaces"] == 0


def test_no_trade_says_what_it_replaces(books: Books) -> None:
    books.do(wanted())
    told = ("WECHAT_PAY", "trade", date(2010, 12, 1), "taken back")
    assert refusal(books, TellNoTrade(*told)) is Code.BILL_HAS_LINES
    answer = books.do(TellNoTrade(*told, replaces=1))
    assert (answer["version"], answer["lines"], answer["replaces"]) == (2, 0, 1)
    assert books.do(TellNoTrade(*told, replaces=1)) == answer, "again, it is the same"


def test_a_request_of_before_is_the_same_request_still() -> None:
    """Of a number that was used before there was anything to replace."""
    told = TellNoTrade("WECHAT_PAY", "trade", date(2010, 12, 1), "none")
    assert b"replaces" not in msgspec.json.encode(told)


def test_a_correction_that_is_taken_back_leaves_the_first_bill_in_force(books: Books) -> None:
    first = books.do(wanted())
    assert [books.do(wanted(read=one))["version"] for one in (OTHER, READ, READ)] == [2, 3, 3]
    assert books.do(wanted()) == first | {"version": 3}
