"""Facts of accounts in, balances out."""

import pytest
from sqlalchemy import Connection

from domain.accounting.account import (
    Closed,
    Frozen,
    Held,
    HoldReleased,
    Opened,
    Posted,
    PostedLine,
    Unfrozen,
)
from projections.models import balances
from projections.models.balances import MODEL, Account
from tests.examples import EXAMPLES, MERCHANT, PAY_DAY, log
from tests.projections.applied import apply

ESCROW = f"2241.04.{MERCHANT}"
WALLET = "2241.01.LILEI"
STREAM = f"account-{ESCROW}"

FACTS = log(
    (STREAM, EXAMPLES["account.opened.1"]),
    ("account-1001.01", Opened("1001.01", "1001.01", "", "CNY")),
    (f"account-{WALLET}", Opened(WALLET, "2241.01", "LILEI", "CNY")),
    (STREAM, EXAMPLES["account.posted.1"]),
    (STREAM, Posted(PAY_DAY, (PostedLine("a#1", 400, 0), PostedLine("b#1", 0, 150)))),
    ("account-1001.01", Posted(PAY_DAY, (PostedLine("a#1", 700, 0), PostedLine("b#1", 0, 900)))),
    (STREAM, Held("H1", 300, "dispute")),
    (STREAM, Held("H2", 50, "dispute")),
    (STREAM, HoldReleased("H1", 300)),
    (STREAM, EXAMPLES["account.frozen.1"]),
    ("account-1001.01", Frozen("both", "court")),
    ("account-1001.01", EXAMPLES["account.unfrozen.1"]),
    (f"account-{WALLET}", Closed()),
)
RESERVE_ROW = Account(
    "1001.01", "1001.01", "", "asset", "CNY", 700, 900, -200, 0, "open", "", 2, 12
)
WALLET_ROW = Account(
    WALLET, "2241.01", "LILEI", "liability", "CNY", 0, 0, 0, 0, "closed", "", 0, 13
)
ESCROW_ROW = Account(
    ESCROW, "2241.04", MERCHANT, "liability", "CNY", 400, 10_150, 9_750, 50, "open", "out", 3, 10
)


@pytest.mark.parametrize("size", [1, 2, 7, None])
def test_an_account_has_its_totals_holds_and_freezes(books: Connection, size: int | None) -> None:
    apply(books, MODEL, FACTS, size)
    assert balances.accounts(books).items == [RESERVE_ROW, WALLET_ROW, ESCROW_ROW]
    assert balances.account(books, ESCROW) == ESCROW_ROW
    assert ESCROW_ROW.available_fen == 9_700


def test_frozen_and_unfrozen_again_in_a_later_batch(books: Connection) -> None:
    apply(books, MODEL, FACTS)
    later = [*FACTS, *log((STREAM, Unfrozen("lifted")))][-1:]
    apply(books, MODEL, later)
    row = balances.account(books, ESCROW)
    assert row is not None and row.frozen == ""
    assert row.balance_fen == ESCROW_ROW.balance_fen


@pytest.mark.parametrize(
    ("owner", "prefix", "found"),
    [
        pytest.param(None, "", ["1001.01", WALLET, ESCROW], id="all"),
        pytest.param(MERCHANT, "", [ESCROW], id="of an owner"),
        pytest.param(None, "2241", [WALLET, ESCROW], id="of a prefix"),
        pytest.param(None, "2241.01", [WALLET], id="of a code"),
        pytest.param("LILEI", "2241.04", [], id="of neither"),
        pytest.param(None, "2241.01.LILEI", [], id="a prefix is one of codes"),
        pytest.param("", "", ["1001.01"], id="the institution's own"),
    ],
)
def test_accounts_are_found_by_owner_and_code(
    books: Connection, owner: str | None, prefix: str, found: list[str]
) -> None:
    apply(books, MODEL, FACTS)
    assert [row.account for row in balances.accounts(books, owner, prefix).items] == found
