"""What is asked: the queries of a merchant's dashboard, and an accountant's trial balance."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from api.http.keys import Role
from domain.kernel import to_us
from projections.tables.paging import cursor

ROWS = 50  # Of a page.
_LINES = """lines(first: 50, after: $after) { edges { node {
  at accountingDate kind reference amount { minor } balance { minor } position
} } }"""
_FIGURES = " ".join(
    f"{name} {{ minor }}"
    for name in (
        *("opening", "sales", "refunds", "fees", "settled", "recovered", "closing", "inEscrow"),
    )
)
_OF_MERCHANT = "query ($merchant: ID!, $after: String) { merchantStatement(merchantId: $merchant)"
_TRANSACTIONS = """query ($after: String) {
  transactions(first: 50, newestFirst: true, after: $after) { edges { node {
    id orderNo buyerId subject state createdAt amount { minor } refunded { minor } fee { minor } %s
} } } }"""
_ENTRIES = "entries { reference rule at lines { account debit { minor } credit { minor } } }"
_BATCHES = """{ settlementBatches(first: 50) { edges { node {
  id clearingDate dueDate state count gross { minor } fee { minor } net { minor } payout { minor }
} } } }"""
_ACCOUNT = """query ($account: ID!) {
  account(id: $account) { id code owner status balance { minor } available { minor } }
}"""
_TRIAL = """{ trialBalance {
  rows { code debit { minor } credit { minor } } debits { minor } credits { minor } balanced
} }"""


class Place(Struct, frozen=True):
    """Where a ledger is read: its busiest merchant, and the rows in the middle of that merchant's
    lines (number) and transactions (time of creation in UTC µs, id)."""

    merchant: str
    middle_line: int
    middle_transaction: tuple[int, str]


class Query(Struct, frozen=True):
    """A query: its text, what it is asked with, by whom, and where in the answer the rows are that
    the floor gives. `aim_ms`: of CPU on PostgreSQL, as issue 8 has it."""

    name: str
    text: str
    variables: Callable[[Place], Mapping[str, Any]]
    path: tuple[str, ...]
    aim_ms: float
    role: Role = "merchant"

    def rows(self, answer: Any) -> Any:
        """What an answer shows, without the forms of GraphQL."""
        found = answer["data"]
        for name in self.path:
            found = found[name]
        return plain(found)


def _nothing(_place: Place) -> dict[str, Any]:
    return {}


def _merchant(place: Place) -> dict[str, Any]:
    return {"merchant": place.merchant}


def _account(place: Place) -> dict[str, Any]:
    return {"account": f"2241.02.{place.merchant}"}


def _after_line(place: Place) -> dict[str, Any]:
    return {**_merchant(place), "after": cursor("statement_lines", (place.middle_line,))}


def _after_transaction(place: Place) -> dict[str, Any]:
    return {"after": cursor("transactions", place.middle_transaction)}


_LINES_TEXT = f"{_OF_MERCHANT} {{ {_LINES} }} }}"
_LINES_PATH, _TRANSACTIONS_PATH = ("merchantStatement", "lines"), ("transactions",)
# The aims: what PostGraphile takes, one account and the trial balance half as much again.
QUERIES: tuple[Query, ...] = (
    Query("50 lines", _LINES_TEXT, _merchant, _LINES_PATH, 0.96),
    Query(
        "50 lines and figures",
        f"{_OF_MERCHANT} {{ {_FIGURES} {_LINES} }} }}",
        _merchant,
        ("merchantStatement",),
        7.61,
    ),
    Query("one account", _ACCOUNT, _account, ("account",), 0.39),
    Query("50 transactions", _TRANSACTIONS % "", _nothing, _TRANSACTIONS_PATH, 0.71),
    Query("50 with entries", _TRANSACTIONS % _ENTRIES, _nothing, _TRANSACTIONS_PATH, 2.28),
    Query("50 batches", _BATCHES, _nothing, ("settlementBatches",), 0.76),
    Query("trial balance", _TRIAL, _nothing, ("trialBalance",), 0.84, "auditor"),
    Query("50 lines, deep", _LINES_TEXT, _after_line, _LINES_PATH, 0.96),
    Query(
        "50 transactions, deep", _TRANSACTIONS % "", _after_transaction, _TRANSACTIONS_PATH, 0.71
    ),
)


def plain(value: Any) -> Any:
    """A value as the columns of a row have it: amounts and numbers as numbers, instants as UTC µs,
    a page as the list of its rows."""
    match value:
        case {"minor": amount}:
            return int(amount)
        case {"edges": edges}:
            return [plain(edge["node"]) for edge in edges]
        case dict():
            return {name: plain(one) for name, one in value.items()}
        case list():
            return [plain(one) for one in value]
        case str() if value.isdecimal():
            return int(value)
        case str() if value[4:5] == "-" and value[10:11] == "T":
            return to_us(datetime.fromisoformat(value))
        case _:
            return value
