"""Broken CSV costs the broken rows, and no others."""

import gzip
import io
from pathlib import Path

import pytest

from api.operations.feed.records import LONGEST_LINE, LONGEST_RECORD, records, split_row
from tests.api.operations.feed.feeds import (
    NUTS,
    ORDERS,
    TEA,
    accepted_lines,
    orders,
    read,
    reasons,
    refunds,
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
        pytest.param(
            orders(NUTS, TEA).encode().replace(b"NUTS", b"NU\xffTS"),
            [3],
            [(2, "request_invalid", "")],
            id="bytes that are no UTF-8",
        ),
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
    assert feed.rejects == []
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
def test_under_a_wrong_header_every_row_is_refused(tmp_path: Path, header: str, said: str) -> None:
    back = "R1,2011-01-04T12:00:00+08:00,A1,SHOP1,500"
    feed, actions = read(write(tmp_path, orders=f"{header}{NUTS}\n{TEA}\n", refunds=refunds(back)))
    first = header.count("\n") + 1
    assert reasons(feed) == [
        ("orders.csv", first, "request_invalid", ""),
        ("orders.csv", first + 1, "request_invalid", ""),
    ]
    assert said in feed.rejects[0].detail
    assert [action.refund_no for action in actions] == ["R1"]


def test_a_gzip_file_that_ends_early_counts_up_to_where_it_breaks(tmp_path: Path) -> None:
    rows = [
        f"B{n},2011-01-04T10:30:00+08:00,C{n},SHOP1,{n},1,T {n * n},JD_PAY" for n in range(1, 999)
    ]
    write(tmp_path)
    (tmp_path / "orders.csv").unlink()
    whole = gzip.compress(orders(*rows).encode(), mtime=0)
    (tmp_path / "orders.csv.gz").write_bytes(whole[: len(whole) // 2])
    feed, actions = read(tmp_path)
    lines = accepted_lines(actions)
    assert 100 < len(lines) < 998
    assert lines == list(range(2, len(lines) + 2))
    assert reasons(feed) == [("orders.csv.gz", len(lines) + 2, "request_invalid", "")]
    assert "damaged" in feed.rejects[0].detail


def test_a_refund_file_that_is_no_gzip_is_refused_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path, orders=orders(NUTS))
    (tmp_path / "more_refunds.csv.gz").write_bytes(b"refund_no")
    feed, actions = read(tmp_path)
    assert reasons(feed) == [("more_refunds.csv.gz", 1, "request_invalid", "")]
    assert accepted_lines(actions) == [2]
