"""Cursors: what was made comes back, everything else is refused."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection

from domain.refusals import Code, Refused
from projections.engine.model import METADATA
from projections.models import (
    account_days,
    balances,
    clearing_positions,
    instructions,
    journal,
    members,
    orders,
    payments,
    refunds,
    settlement_batches,
    settlement_items,
    settlement_payouts,
    statements,
    transactions,
)
from projections.tables.paging import (
    Int,
    Page,
    after_key,
    columns_of,
    cursor,
    day_start_us,
    every,
    page_of,
)
from tests.examples import MERCHANT, PAID_AT, SUBJECT

GOOD = cursor("journal", (date(2010, 12, 1), 5, 1))


def test_a_cursor_gives_its_key_back() -> None:
    assert after_key("journal", GOOD, date, Int, Int) == (date(2010, 12, 1), 5, 1)
    assert after_key("x", cursor("x", ("三只松鼠",)), str) == ("三只松鼠",)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param("", id="empty"),
        pytest.param("rubbish", id="no cursor"),
        pytest.param("AAAA", id="no JSON"),
        pytest.param(GOOD + "=", id="padded"),
        pytest.param(GOOD + "AAAA", id="longer"),
        pytest.param(GOOD[:-4], id="cut"),
        pytest.param(GOOD[:5] + "\n" + GOOD[5:], id="with a line break"),
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param("é" * 8, id="not ASCII"),
        pytest.param("A" * 2_000, id="too long"),
        pytest.param(cursor("balances", (date(2010, 12, 1), 5, 1)), id="of another list"),
        pytest.param(cursor("journal", (date(2010, 12, 1), 5)), id="too short a key"),
        pytest.param(cursor("journal", (date(2010, 12, 1), "5", 1)), id="another type"),
        pytest.param(cursor("journal", (date(2010, 12, 1), True, 1)), id="a boolean"),
        pytest.param(cursor("journal", (date(2010, 12, 1), 2**63, 1)), id="beyond 64 bits"),
    ],
)
def test_anything_else_is_refused(after: str) -> None:
    with pytest.raises(Refused) as refused:
        after_key("journal", after, date, Int, Int)
    assert (refused.value.code, refused.value.field) == (Code.REQUEST_INVALID, "after")


def test_a_text_that_no_database_takes_is_no_key() -> None:
    with pytest.raises(Refused):
        after_key("x", cursor("x", ("a\0b",)), str)


def test_a_page_knows_whether_more_follows() -> None:
    page: Page[int] = page_of("x", [(1,), (2,), (3,)], 2, lambda n: n, lambda n: (n,))
    assert page == Page([1, 2], [cursor("x", (1,)), cursor("x", (2,))], True)
    whole: Page[int] = page_of("x", [(1,), (2,)], 2, lambda n: n, lambda n: (n,))
    assert not whole.has_next


def test_a_day_of_shanghai_begins_eight_hours_before_utc() -> None:
    assert day_start_us(date(1970, 1, 2)) == 16 * 3_600_000_000
    assert day_start_us(date(2010, 12, 1)) == PAID_AT - 10 * 3_600_000_000
    assert day_start_us(date.min) < 0 < day_start_us(date.max)


def test_columns_are_found_by_the_names_of_the_fields() -> None:
    table = METADATA.tables["balances"]
    assert [c.name for c in columns_of(table, balances.Account)][:2] == ["account", "code"]


LISTS: list[Callable[..., Page[Any]]] = [
    balances.accounts,
    transactions.transactions,
    settlement_batches.settlement_batches,
    members.members,
    lambda books, **options: journal.journal(books, "1001.01", **options),
    lambda books, **options: statements.lines(books, MERCHANT, **options),
    lambda books, **options: transactions.transactions(
        books, transactions.Wanted(text=SUBJECT[1:3]), newest_first=True, **options
    ),
    lambda books, **options: orders.orders(books, orders.Wanted(), **options),
    lambda books, **options: orders.orders(
        books, orders.Wanted(MERCHANT), newest_first=True, **options
    ),
    lambda books, **options: payments.payments(books, payments.Wanted(), **options),
    lambda books, **options: payments.payments(
        books, payments.Wanted(MERCHANT), newest_first=True, **options
    ),
    lambda books, **options: refunds.refunds(books, refunds.Wanted(), **options),
    lambda books, **options: refunds.refunds(
        books, refunds.Wanted(MERCHANT), newest_first=True, **options
    ),
    lambda books, **options: instructions.instructions(books, instructions.Wanted(), **options),
    lambda books, **options: instructions.instructions(
        books, instructions.Wanted("succeeded"), newest_first=True, **options
    ),
]


@pytest.mark.parametrize("query", LISTS)
def test_every_list_pages_through_all_its_rows(
    told: Connection, query: Callable[..., Page[Any]]
) -> None:
    """One by one, in twos and at once: the same rows, none twice; and no odd page is taken."""
    whole = query(told)
    assert len(whole.items) > 2 and not whole.has_next
    for first in (1, 2):
        items: list[Any] = []
        page = query(told, first=first)
        while True:
            items += page.items
            if not page.has_next:
                break
            page = query(told, first=first, after=page.cursors[-1])
        assert items == whole.items
    assert query(told, after=whole.cursors[-1]) == Page([], [], False)
    odd: tuple[Any, ...] = (0, -1, 101, True, "5")
    for wrong in odd:
        with pytest.raises(Refused, match="first"):
            query(told, first=wrong)
    with pytest.raises(Refused, match="after"):
        query(told, after=cursor("elsewhere", ("x",)))


BAD_TEXTS = ("a\0b", "\ud800", "x" * 201)
LOOKUPS: list[Callable[[Connection, str], Any]] = [
    balances.account,
    lambda books, text: balances.accounts(books, text),
    lambda books, text: balances.accounts(books, None, text),
    transactions.transaction,
    lambda books, text: transactions.transactions(books, transactions.Wanted(merchant=text)),
    lambda books, text: transactions.transactions(books, transactions.Wanted(state=text)),
    journal.journal,
    journal.entries_of,
    lambda books, text: clearing_positions.clearing_positions(books, date(2010, 12, 1), text),
    statements.statement,
    statements.lines,
    settlement_batches.settlement_batch,
    settlement_batches.settlement_batches,
    lambda books, text: settlement_payouts.payouts(books, [text]),
    instructions.instruction,
    members.member,
    members.members,
    lambda books, text: transactions.transactions(books, transactions.Wanted(buyer=text)),
    lambda books, text: transactions.transactions(books, transactions.Wanted(order_no=text)),
    lambda books, text: transactions.transactions(books, transactions.Wanted(text=text)),
    orders.order,
    lambda books, text: orders.lines(books, [text]),
    lambda books, text: orders.orders(books, orders.Wanted(text)),
    payments.payment,
    lambda books, text: payments.payments(books, payments.Wanted(text)),
    lambda books, text: payments.payments(books, payments.Wanted(order_no=text)),
    refunds.refund,
    lambda books, text: refunds.refunds(books, refunds.Wanted(text)),
    lambda books, text: refunds.refunds(books, refunds.Wanted(transaction_id=text)),
    lambda books, text: instructions.instructions(books, instructions.Wanted(text)),
    lambda books, text: instructions.instructions(books, instructions.Wanted(None, text)),
    lambda books, text: settlement_items.items(books, [(text, 1, None)])[0],
    lambda books, text: account_days.account_as_of(books, text, date(2010, 12, 1)),
]


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_texts_that_no_database_takes_are_refused_and_unknown_ones_find_nothing(
    books: Connection, lookup: Callable[[Connection, str], Any]
) -> None:
    for text in BAD_TEXTS:
        with pytest.raises(Refused) as refused:
            lookup(books, text)
        assert refused.value.code is Code.IDENTIFIER_INVALID
    for text in ("NOBODY", "", "' OR 1=1 --", "%", "三只松鼠"):
        found = lookup(books, text)
        assert not (found.items if isinstance(found, Page) else found)


def test_the_ends_of_time_are_dates_like_others(told: Connection) -> None:
    for from_, to in ((date.min, date.max), (date.max, date.min)):
        rows = [
            len(
                transactions.transactions(
                    told, transactions.Wanted(MERCHANT, from_=from_, to=to)
                ).items
            ),
            len(journal.journal(told, "1001.01", from_, to).items),
            len(statements.lines(told, MERCHANT, from_, to).items),
            len(settlement_batches.settlement_batches(told, MERCHANT, from_, to).items),
        ]
        assert all(rows) if from_ < to else not any(rows)


def test_every_row_of_a_list_whatever_its_pages() -> None:
    pages = {
        None: Page(["a", "b"], ["1", "2"], has_next=True),
        "2": Page(["c"], ["3"], has_next=True),
        "3": Page(["d"], ["4"], has_next=False),
    }
    assert every(pages.__getitem__) == ["a", "b", "c", "d"]
    assert every(lambda after: Page[str]([], [], has_next=False)) == []
