"""Certificates of the reserve over GraphQL, for the institution alone; the plan and the stock
executor read the same."""

from datetime import timedelta
from typing import Any

import pytest

from api.operations.reserve_proof import certify
from domain.clearing.commands import CloseDay, OpenBooks
from domain.kernel import DAY_US
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.transaction.commands import ConfirmReceipt
from tests.api.graphql.conftest import Books
from tests.examples import MERCHANT, PAY_DAY
from tests.member_examples import BUYER, PAID_AT
from tests.shops import shop

FIELDS = """date position headHash there { minor } owed { minor } certifiedAt
  totals { code title type inIdentity balance { minor } }
  unmatched { code title days items amount { minor } }
  suspense { code days items amount { minor } }"""


def proof(books: Books, on: Any, fields: str = FIELDS) -> Any:
    return books.read(f'{{ reserveProof(date: "{on}") {{ {fields} }} }}')["reserveProof"]


@pytest.fixture
def certified(own_books: Books) -> tuple[Books, Any]:
    own_books.do(
        OpenBooks(PAY_DAY),
        RegisterMember(BUYER, "personal", "李雷"),
        shop(MERCHANT, "三只松鼠", FeeRule(60), "T+1"),
    )
    own_books.sell("1", (MERCHANT, 10_000))
    own_books.do(ConfirmReceipt(f"{MERCHANT}-1", "buyer"), CloseDay(PAY_DAY))
    on = PAY_DAY
    answer = certify(own_books.context.desk, on, PAID_AT + 4 * DAY_US)
    assert answer is not None and answer.refused is None
    own_books.catch_up()
    return own_books, on


def test_a_certificate_is_read_whole(certified: tuple[Books, Any]) -> None:
    books, on = certified
    said = proof(books, on)
    assert (said["date"], said["there"]) == (f"{on}", said["owed"])
    assert len(said["headHash"]) == 64 and int(said["position"]) > 0
    totals = {one["code"]: one for one in said["totals"]}
    assert totals["1122.01"]["title"] == "应收渠道待清算-入款"
    assert (totals["1122.05"]["inIdentity"], totals["2202.09"]["inIdentity"]) == (False, True)
    assert totals["1122.05"]["balance"] == totals["2202.09"]["balance"]
    assert totals["6001.01"]["type"] == "income"
    unmatched = sum(int(one["amount"]["minor"]) for one in said["unmatched"])
    channels = sum(
        int(totals[code]["balance"]["minor"]) for code in ("1122.01", "2202.01") if code in totals
    )
    assert unmatched == channels > 0
    assert {one["items"] for one in said["unmatched"]} == {"0"}


def test_an_open_day_has_none(certified: tuple[Books, Any]) -> None:
    books, on = certified
    assert proof(books, on + timedelta(days=1), "position") is None
    assert proof(books, on, "position") is not None
