"""Broken CSV costs the broken rows, and no others."""

import io
from pathlib import Path

import pytest

from api.operations.feed.records import LONGEST_LINE, LONGEST_RECORD, records, split_row
from domain.refusals import Code, Refused
from tests.api.operations.feed.feeds import (
    NUTS,
    ORDERS,
    TEA,
    accepted_lines,
    orders,
    read,
    reasons,
    rejected,
    write,
)


@pytest.mark.parametrize(
    ("text", "fields", "sound"),
    [
        ("a,b", ["a", "b"], True),
        ("", [""], True),
        (",", ["", ""], True),
        ('"a,b",c', ["a,b", "c"], True),
        ('"a""b",""', ['a"b', ""], True),
        ('""""', ['"'], True),
        ('"a",', ["a", ""], True),
        ('a"b,c', [], False),
        ('"a"b,c', ["a"], False),
        ('"a, b', [], False),
        ('"a""', [], False),
        ('x, "a"', ["x"], False),
    ],
)
def test_a_row_is_split_by_the_rules_of_rfc_4180(text: str, fields: list[str], sound: bool) -> None:
    found, problem = split_row(text)
    assert (found, problem == "") == (fields, sound)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_fields_may_be_separated_by_something_else(delimiter: str) -> None:
    text = delimiter.join(("a", f'"b{delimiter}c"', "d,e"))
    assert split_row(text, delimiter) == (["a", f"b{delimiter}c", "d,e"], "")


def order(number: str, subject: str) -> str:
    return f"{number},2011-01-04T10:30:00+08:00,C1,SHOP1,1,1,{subject},JD_PAY"


@pytest.mark.parametrize(
    ("content", "accepted", "refused"),
    [
        pytest.param(orders(NUTS, order("B", '"A, ""B"""'), TEA), [2, 3, 4], [], id="quoted"),
        pytest.param(
            orders(NUTS, order("B", '"open'), TEA, order("C", '"A, B"').replace("10:30", "12:00")),
            [2, 4, 5],
            [(3, "request_invalid", "")],
            id="an open quote before a row with quotes",
        ),
        pytest.param(
            orders(NUTS, order("B", '"open'), TEA),
            [2, 4],
            [(3, "request_invalid", "")],
            id="an open quote and none after it",
        ),
        pytest.param(
            orders(NUTS, order("B", '"one'), order("C", '"two'), TEA),
            [2, 5],
            [(3, "request_invalid", ""), (4, "request_invalid", "")],
            id="two open quotes",
        ),
        pytest.param(
            orders(NUTS, order("B", '"open'), TEA, 'x"'),
            [2, 4],
            [(3, "request_invalid", ""), (5, "request_invalid", "")],
            id="an open quote that ends somewhere with columns missing",
        ),
        pytest.param(
            orders(NUTS, order("B", '"two\nlines"'), TEA),
            [2, 5],
            [(3, "text_invalid", "subject")],
            id="a line end in quotes is one row, at the line it begins on",
        ),
        pytest.param(
            orders(NUTS, order("B", f'"nice\n{TEA}\n"'), TEA),
            [2, 6],
            [(3, "text_invalid", "subject")],
            id="a row inside a quoted text is text",
        ),
        pytest.param(
            orders(NUTS, order("B", '12" nails'), TEA),
            [2, 4],
            [(3, "request_invalid", "")],
            id="a quote in an unquoted field",
        ),
        pytest.param(
            orders(NUTS, order("B", "nu\0ts"), TEA),
            [2, 4],
            [(3, "request_invalid", "")],
            id="a NUL byte",
        ),
        pytest.param(
            orders(NUTS, "B,C", TEA),
            [2, 4],
            [(3, "request_invalid", "")],
            id="columns missing",
        ),
        pytest.param(
            orders(NUTS, order("B", "a,b"), TEA),
            [2, 4],
            [(3, "request_invalid", "")],
            id="a column too many",
        ),
        pytest.param(
            orders(NUTS, order("B", "x" * LONGEST_LINE), TEA),
            [2, 4],
            [(3, "request_invalid", "")],
            id="a line without end",
        ),
        pytest.param(
            orders(NUTS, order("B", '"' + "x" * LONGEST_LINE + '"'), TEA),
            [2, 4],
            [(3, "request_invalid", "")],
            id="a quoted line without end",
        ),
        pytest.param(orders(NUTS, "", "", TEA), [2, 5], [], id="empty lines are no rows"),
        pytest.param(
            orders(NUTS, "  ", TEA), [2, 4], [(3, "request_invalid", "")], id="a blank line is"
        ),
        pytest.param(orders(NUTS, TEA).replace("\n", "\r\n"), [2, 3], [], id="CRLF"),
        pytest.param(orders(NUTS, TEA).rstrip("\n"), [2, 3], [], id="no line end at the end"),
        pytest.param("\ufeff" + orders(NUTS, TEA), [2, 3], [], id="a byte order mark"),
    ],
)
def test_only_the_broken_rows_are_lost(
    tmp_path: Path,
    content: str | bytes,
    accepted: list[int],
    refused: list[tuple[int, str, str]],
) -> None:
    feed, actions = read(write(tmp_path, orders=content))
    assert accepted_lines(actions) == accepted
    assert reasons(feed) == [("orders.csv", *reason) for reason in refused]


def test_a_quote_left_open_is_looked_after_for_a_bounded_stretch() -> None:
    plain = b"a,b\n" * (LONGEST_RECORD // 4 + 10)
    found = list(records(io.BytesIO(b'a,"b\n' + plain + b'c"\n'), 2))
    assert len(found) == plain.count(b"\n") + 2
    assert [record.line for record in found if record.problem] == [1, found[-1].line]


def test_many_open_quotes_do_not_slow_the_reader() -> None:
    # Quadratic reading ahead would take hours here; the limit of pytest-timeout would end it.
    body = b'a,"b\nc,""\n' * 100_000
    found = list(records(io.BytesIO(body), 2))
    assert sum(not record.problem for record in found) == 100_000


def test_columns_may_stand_in_another_order(tmp_path: Path) -> None:
    content = "amount,merchant,order_no,requested_at,refund_no\n"
    content += "500,SHOP1,A1,2011-01-04T12:00:00+08:00,R1\n"
    feed, actions = read(write(tmp_path, refunds=content))
    assert rejected(feed) == []
    assert [(row.refund_no, row.amount_fen) for row in actions] == [("R1", 500)]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            ORDERS.replace("amount", "betrag"),
            "column amount is missing; column 'betrag' is unknown",
        ),
        (ORDERS.replace(",method", ""), "column method is missing"),
        (ORDERS.replace("method", "method,note"), "column 'note' is unknown"),
        (ORDERS.replace("method", "method,buyer"), "column buyer stands twice"),
        (NUTS + "\n", "column order_no is missing"),
        ("\n" + ORDERS, "the first line is empty"),
        ('"order_no\n', "a quote is opened and not closed"),
    ],
)
def test_under_a_wrong_header_the_feed_is_refused_whole(
    tmp_path: Path, header: str, said: str
) -> None:
    write(tmp_path, orders=f"{header}{NUTS}\n{TEA}\n")
    with pytest.raises(Refused) as no:
        read(tmp_path)
    assert (no.value.code, no.value.field) == (Code.REQUEST_INVALID, "orders.csv")
    assert said in no.value.detail


@pytest.mark.parametrize("stem", ["merchants", "refunds", "late_refunds"])
def test_every_file_has_its_header(tmp_path: Path, stem: str) -> None:
    """A file of refunds that cannot be read must not look like one without refunds."""
    write(tmp_path, orders=orders(NUTS), **{stem: "退款单号,金额\nR1,1\n"})
    with pytest.raises(Refused) as no:
        read(tmp_path)
    assert no.value.field == f"{stem}.csv"
