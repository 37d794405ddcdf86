"""Bills read over GraphQL, by the institution alone; and a large one's bytes over REST."""

from typing import Any

import pytest

from domain.eventstore import blobs
from domain.reconciliation.commands import ImportBill, TellNoTrade
from tests.api.graphql.conftest import Books
from tests.bill_examples import READ
from tests.examples import PAY_DAY

FIELDS = """id channel kind date version sha256 format formatVersion mapping lines payments refunds
  feeMilliFen reason takenBy position paid { minor } refunded { minor } opening { minor }
  closing { minor }"""


@pytest.fixture
def with_bills(own_books: Books) -> Books:
    own_books.do(
        ImportBill("WECHAT_PAY", "trade", PAY_DAY, READ),
        TellNoTrade("JD_PAY", "trade", PAY_DAY, "NO_STATEMENT_EXIST"),
    )
    own_books.catch_up()
    return own_books


def found(books: Books, asked: str = "", fields: str = "channel") -> list[dict[str, Any]]:
    page = books.read(f"{{ bills{asked} {{ totalCount edges {{ node {{ {fields} }} }} }} }}")
    assert page["bills"]["totalCount"] == str(len(page["bills"]["edges"]))
    return [edge["node"] for edge in page["bills"]["edges"]]


def test_bills_are_read_with_their_sums(with_bills: Books) -> None:
    wechat, jd = found(with_bills, fields=FIELDS)
    assert (wechat["id"], wechat["version"]) == (f"WECHAT_PAY.trade.{PAY_DAY}.1", "1")
    assert (wechat["sha256"], wechat["mapping"], wechat["reason"]) == (READ.blob, None, None)
    assert (wechat["lines"], wechat["payments"], wechat["refunds"]) == ("3", "2", "1")
    assert (wechat["paid"]["minor"], wechat["refunded"]["minor"]) == ("13000", "3000")
    assert (wechat["feeMilliFen"], wechat["opening"]) == ("20000", None)
    assert (jd["sha256"], jd["format"], jd["reason"]) == (None, None, "NO_STATEMENT_EXIST")


def test_bills_are_found_by_channel_kind_and_day(with_bills: Books) -> None:
    for asked, channels in {
        "": ["WECHAT_PAY", "JD_PAY"],
        "(newestFirst: true)": ["JD_PAY", "WECHAT_PAY"],
        '(channel: "JD_PAY")': ["JD_PAY"],
        '(kind: "fund")': [],
        f'(from: "{PAY_DAY}", kind: "trade")': ["WECHAT_PAY", "JD_PAY"],
        f'(to: "{PAY_DAY}")': [],
    }.items():
        assert [one["channel"] for one in found(with_bills, asked)] == channels, asked
    for asked, field in (('channel: "X"', "channel"), ('kind: "paper"', "kind")):
        query = f"{{ bills({asked}) {{ edges {{ node {{ id }} }} }} }}"
        assert with_bills.refused(query) == ("request_invalid", field)


def test_a_large_blob_is_sent_in_pieces(own_books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "PIECE", 100)
    raw = bytes(range(256)) * 3
    name = blobs.name_of(raw)
    blobs.keep(own_books.context.writes, name, iter([raw]))
    for role, status in (("operator", 200), ("auditor", 200), ("merchant", 403)):
        key = {"Authorization": f"Bearer {own_books.keys[role]}"}
        answer = own_books.client.get(f"/v1/blobs/{name}", headers=key)
        assert answer.status_code == status
        assert status != 200 or answer.content == raw
