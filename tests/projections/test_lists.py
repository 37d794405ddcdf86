"""Every filter of a list is served by an index; a search looks at so many rows and no more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, select

from domain.kernel import Fact
from domain.money import FeeRule
from domain.transaction.transaction import Created
from projections.models import (
    account_days,
    balances,
    business_days,
    channels,
    clearing_positions,
    instruction_attempts,
    instructions,
    journal,
    members,
    orders,
    payment_legs,
    payments,
    refunds,
    settlement_batches,
    settlement_items,
    settlement_payouts,
    statements,
    transactions,
    trial_balance,
)
from projections.tables.paging import MOST_COUNTED, MOST_SEARCHED
from tests.examples import BUYER, MERCHANT, ORDER_NO, PAID_AT, SUBJECT, log
from tests.projections.applied import apply

ON = date(2010, 12, 2)
STORY: dict[str, Any] = {"from_": date(2010, 12, 1), "to": date(2011, 12, 1)}
DATES: dict[str, Any] = {"from_": ON, "to": date(2010, 12, 4)}


def _transactions(**wanted: Any) -> Callable[[Connection], Any]:
    def query(books: Connection) -> Any:
        chosen = transactions.Wanted(**wanted)
        transactions.count_transactions(books, chosen)
        page = transactions.transactions(books, chosen, newest_first=True, first=1)
        after = page.cursors[0] if page.cursors else None
        return transactions.transactions(books, chosen, after=after)

    return query


def _list(
    lister: Callable[..., Any], counter: Callable[..., Any], wanted: Any
) -> Callable[[Connection], Any]:
    def query(books: Connection) -> Any:
        counter(books, wanted)
        page = lister(books, wanted, first=1)
        after = page.cursors[0] if page.cursors else None
        return lister(books, wanted, newest_first=True, after=after)

    return query


def _payments(*args: Any, **wanted: Any) -> Callable[[Connection], Any]:
    return _list(payments.payments, payments.count_payments, payments.Wanted(*args, **wanted))


def _orders(*args: Any, **wanted: Any) -> Callable[[Connection], Any]:
    return _list(orders.orders, orders.count_orders, orders.Wanted(*args, **wanted))


def _refunds(*args: Any, **wanted: Any) -> Callable[[Connection], Any]:
    return _list(refunds.refunds, refunds.count_refunds, refunds.Wanted(*args, **wanted))


def _instructions(*args: Any) -> Callable[[Connection], Any]:
    wanted = instructions.Wanted(*args)
    return _list(instructions.instructions, instructions.count_instructions, wanted)


def _pages(lister: Callable[..., Any], *args: Any, **wanted: Any) -> Callable[[Connection], Any]:
    """Two pages of a list: the second goes on after a row of the first."""

    def query(books: Connection) -> Any:
        page = lister(books, *args, **wanted, first=1)
        return lister(books, *args, **wanted, after=page.cursors[0] if page.cursors else None)

    return query


QUERIES: dict[str, Callable[[Connection], Any]] = {
    "transactions": _transactions(),
    "transactions by date": _transactions(**DATES),
    "transactions by merchant": _transactions(merchant=MERCHANT, **DATES),
    "transactions by state": _transactions(state="completed", **DATES),
    "transactions by merchant and state": _transactions(
        merchant=MERCHANT, state="completed", **DATES
    ),
    "transactions by buyer": _transactions(buyer=BUYER, **DATES),
    "transactions by all": _transactions(
        merchant=MERCHANT, buyer=BUYER, state="completed", order_no="A1", **DATES
    ),
    "transactions by order": _transactions(order_no="A1"),
    "transactions by text": _transactions(text="nuts", merchant=MERCHANT),
    "payments": _payments(),
    "payments by date": _payments(**DATES),
    "payments by merchant": _payments(MERCHANT, **DATES),
    "payments by order": _payments(order_no="A1"),
    "payments by merchant and order": _payments(MERCHANT, "A1"),
    "orders": _orders(**DATES),
    "orders by merchant": _orders(MERCHANT, **DATES),
    "refunds": _refunds(**DATES),
    "refunds by merchant": _refunds(MERCHANT, **DATES),
    "refunds by transaction": _refunds(transaction_id="X"),
    "instructions": _instructions(),
    "instructions by state": _instructions("succeeded"),
    "instructions by reference": _instructions(None, "payment-PA1"),
    "instructions by state and reference": _instructions("succeeded", "payment-PA1"),
    "batches": _pages(settlement_batches.settlement_batches),
    "batches by date": _pages(settlement_batches.settlement_batches, **DATES),
    "batches by state": _pages(settlement_batches.settlement_batches, state="settled", **DATES),
    "batches by merchant": _pages(
        settlement_batches.settlement_batches, MERCHANT, state="settled", **DATES
    ),
    "number of batches by state": lambda books: settlement_batches.count_settlement_batches(
        books, state="settled"
    ),
    "journal by account": _pages(journal.journal, f"2241.02.{MERCHANT}", **DATES),
    "statement lines by merchant": _pages(statements.lines, MERCHANT),
    "statement lines by merchant and date": _pages(statements.lines, MERCHANT, **DATES),
    "figures by merchant": lambda books: statements.statement(books, MERCHANT),
    "figures by merchant and date": lambda books: statements.statement(books, MERCHANT, **DATES),
    "trial balance by now": trial_balance.trial_balance,
    "trial balance by date": lambda books: trial_balance.trial_balance(books, ON),
    "accounts": _pages(balances.accounts),
    "accounts by owner": _pages(balances.accounts, MERCHANT),
    "accounts by code": _pages(balances.accounts, None, "2241.0"),
    "accounts by owner and code": _pages(balances.accounts, MERCHANT, "2241.0"),
    "account by id": lambda books: balances.account(books, f"2241.02.{MERCHANT}"),
    "members": _pages(members.members),
    "members by kind": _pages(members.members, "enterprise"),
    "positions by date": lambda books: clearing_positions.clearing_positions(books, ON),
    "entries by stream": lambda books: journal.entries_of_all(
        books, [f"transaction-{MERCHANT}-A1"]
    ),
    "lines by orders": lambda books: orders.lines(books, ["A1", "A2"]),
    "lines by payments": lambda books: payments.lines(books, ["PA1"]),
    "legs by payments": lambda books: payment_legs.legs(books, ["PA1", "PE1"]),
    "steps by payments": lambda books: payment_legs.steps(books, ["PA1", "PE1"]),
    "parts by refunds": lambda books: refunds.parts(books, ["RE1", "RE2"]),
    "instructions by streams": lambda books: instructions.instructions_of(
        books, ["payment-PE1", "refund-RE2"]
    ),
    "attempts by instructions": lambda books: instructions.attempts_of(books, ["pay-PA1", "x"]),
    "channels by account": lambda books: books.execute(
        balances.with_account_query("1122.01", ["JD_PAY"])
    ),
    "maintenance by channel": lambda books: books.execute(channels.maintenance_query()),
    "choices by channel": lambda books: books.execute(channels.decisions_query(), {"first": 5}),
    "requests by channel": lambda books: books.execute(
        instruction_attempts.lately_query(), {"since_us": PAID_AT}
    ),
    "payouts by batches": lambda books: settlement_payouts.payouts(
        books, [f"{MERCHANT}-2010-12-02"]
    ),
    "items of batches": lambda books: settlement_items.items(
        books, [(f"{MERCHANT}-2010-12-02", 2, None), ("NOBODY", 5, None)]
    ),
    "payouts that came back": lambda books: settlement_payouts.came_back(books, 5),
    "account as of": lambda books: account_days.account_as_of(books, f"2241.02.{MERCHANT}", ON),
    "the open day": business_days.latest_day,
    "days": lambda books: business_days.days(books, **DATES),
    "newest lines of accounts": lambda books: journal.newest_of(
        books, [f"2241.02.{MERCHANT}", "1001.01"], 5
    ),
}
# What is sorted is what is answered: the rows that a search looks at, the entries of a page.
LIMITED_SORT = (
    "transactions by text",
    "entries by stream",
    "payments by merchant and order",
    "legs by payments",
    "steps by payments",
    "parts by refunds",
    "attempts by instructions",
)
# PostgreSQL plans a few rows as if they were none; with these settings it shows what it can do.
SETTINGS = ("enable_seqscan", "enable_sort", "enable_bitmapscan", "enable_hashjoin")


@contextmanager
def plans(books: Connection, sorts: bool = False) -> Iterator[list[str]]:
    """How the database finds the rows of each statement run meanwhile, a line for each step."""
    found: list[str] = []
    how, column = ("EXPLAIN QUERY PLAN", 3) if books.dialect.name == "sqlite" else ("EXPLAIN", 0)

    def explain(_c: Connection, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        rows = cursor.connection.execute(f"{how} {statement}", parameters)
        found.extend(row[column].strip() for row in rows)

    if books.dialect.name != "sqlite":
        for setting in SETTINGS:
            if setting != "enable_sort" or not sorts:
                books.exec_driver_sql(f"SET LOCAL {setting} = off")
    event.listen(books, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(books, "before_cursor_execute", explain)


@pytest.mark.parametrize("name", QUERIES)
def test_a_list_is_read_in_the_order_of_an_index(told: Connection, name: str) -> None:
    """No query goes through a table, none sorts more than it answers with, and a filter is what
    its index is searched by."""
    with plans(told, name in LIMITED_SORT) as found:
        QUERIES[name](told)
    assert found
    check = _check_sqlite if told.dialect.name == "sqlite" else _check_postgres
    check(found, sorts=name in LIMITED_SORT, filtered=" by " in name)


def _check_sqlite(found: list[str], *, sorts: bool, filtered: bool) -> None:
    inner = ("SCAN (", "SCAN looked", "SCAN anon", "SCAN CONSTANT")
    for step in (step for step in found if not step.startswith(inner)):
        assert sorts or "USE TEMP B-TREE" not in step, found
        assert not step.startswith("SCAN") or (not filtered and "USING" in step), found


def _check_postgres(found: list[str], *, sorts: bool, filtered: bool) -> None:
    text = "\n".join(found)
    assert "Seq Scan" not in text, text
    assert sorts or "Sort" not in text, text
    for number, step in enumerate(found):
        if filtered and "Scan using" in step:
            assert found[number + 1].startswith("Index Cond"), text


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_cursor_takes_the_place_of_the_bound_it_is_beyond(
    told: Connection, newest_first: bool
) -> None:
    """Whatever else is asked, page one thousand is looked for where page 999 ended."""
    if told.dialect.name != "sqlite":
        return  # PostgreSQL takes the sharper of two bounds by itself.
    for wanted in ({}, {"merchant": MERCHANT}, {"state": "completed"}, {"buyer": BUYER}):
        chosen = transactions.Wanted(**wanted, **STORY)  # type: ignore[arg-type]
        page = transactions.transactions(told, chosen, newest_first=newest_first, first=1)
        with plans(told) as found:
            following = transactions.transactions(
                told, chosen, newest_first=newest_first, after=page.cursors[0]
            )
        assert following.items[0].transaction_id != page.items[0].transaction_id
        sign = "<" if newest_first else ">"
        assert f"(created_at_us,transaction_id){sign}(?,?)" in found[0], found


def sold(number: int, subject: str) -> tuple[str, Fact, int]:
    created = Created(f"N{number:05}", MERCHANT, BUYER, 100, subject, 1, "escrow", FeeRule(60))
    return f"transaction-{MERCHANT}-N{number:05}", created, PAID_AT + number


def test_a_search_goes_on_where_it_stopped_looking(books: Connection) -> None:
    """One nut among thousands of teas: the page that looks at its fill says where to go on."""
    count = 2 * MOST_SEARCHED + 10
    hidden = {7, MOST_SEARCHED + 3, count - 1}
    facts = [sold(n, "100% nuts_" if n in hidden else "tea") for n in range(count)]
    apply(books, transactions.MODEL, log(*facts))
    for newest_first in (False, True):
        seen, pages, after = [], 0, None
        while True:
            page = transactions.transactions(
                books,
                transactions.Wanted(MERCHANT, text="% nuts_"),
                newest_first=newest_first,
                after=after,
            )
            seen += [one.created_at_us - PAID_AT for one in page.items]
            pages += 1
            if not page.has_next:
                break
            after = page.end or page.cursors[-1]
        assert seen == sorted(hidden, reverse=newest_first)
        assert pages == 3
    none = transactions.transactions(books, transactions.Wanted(text="NUTS"))
    assert none.items == [] and none.has_next and none.end, "letter for letter"
    assert transactions.count_transactions(books, transactions.Wanted(text="nuts")) is None
    assert transactions.count_transactions(books, transactions.Wanted()) is None
    assert count > MOST_COUNTED


def test_a_search_that_finds_enough_is_an_ordinary_page(told: Connection) -> None:
    wanted = transactions.Wanted(text=SUBJECT)
    page = transactions.transactions(told, wanted, first=2)
    assert len(page.items) == 2 and page.has_next and page.end is None
    assert transactions.transactions(told, transactions.Wanted(order_no=ORDER_NO)).items == []
    together = transactions.transactions(told, transactions.Wanted(order_no="A1")).items
    assert sorted(one.merchant for one in together) == [MERCHANT, "TEASHOP"]


def test_counts_are_those_of_the_lists(told: Connection) -> None:
    all_of_them = told.execute(select(func.count()).select_from(transactions.TABLE)).scalar_one()
    assert transactions.count_transactions(told, transactions.Wanted()) == all_of_them
    for state in ("paid", "completed", "closed"):
        wanted = transactions.Wanted(MERCHANT, BUYER, state=state)
        listed = transactions.transactions(told, wanted).items
        assert transactions.count_transactions(told, wanted) == len(listed)
        assert all(one.state == state and one.merchant == MERCHANT for one in listed)
