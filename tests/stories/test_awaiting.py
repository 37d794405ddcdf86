"""A feed's refunds above a debt limit: in the books as requested, listed, and never lost."""

import csv
from datetime import date, datetime
from pathlib import Path

import pytest

from api.operations.desk import Desk
from domain.kernel import SHANGHAI, Command, Request, to_us
from domain.ledger.proof import verify_log
from domain.member.commands import SetDebtLimit
from domain.refusals import Code
from domain.transaction.commands import ApproveRefund, RejectRefund
from tests.api.cli.terminal import Terminal
from tests.api.operations.feed import feeds
from tests.stories.books import import_feed, open_books, statement_of

SINCE = date(2011, 1, 20)
NOON_US = to_us(datetime(2011, 1, 20, 12, tzinfo=SHANGHAI))
# Of 2,000 the fee was 8; a refund of 500 gives 2 of it back, and 498 are advanced.
LATE = feeds.refunds(
    "R1,2011-01-20T10:00:00+08:00,A2,SHOP2,500",
    "R2,2011-01-20T11:00:00+08:00,A2,SHOP2,500",
)


def send(desk: Desk, number: str, command: Command) -> None:
    desk.ledger.submit(Request(number, NOON_US, "operator:1", command)).unwrap()


def settled(desk: Desk, tmp_path: Path) -> Path:
    """A sale, settled long ago by a merchant who may owe 500; and a feed that refunds it."""
    (tmp_path / "sales").mkdir()
    sales = feeds.write(tmp_path / "sales", orders=feeds.orders(feeds.TEA), refunds=feeds.refunds())
    import_feed(desk, sales, date(2011, 1, 19))
    send(desk, "limit", SetDebtLimit("SHOP2", SINCE, 500))
    (tmp_path / "back").mkdir()
    return feeds.write(tmp_path / "back", orders=feeds.orders(), refunds=LATE)


def debt(desk: Desk) -> int:
    return int(desk.ledger.state("account-1122.03.SHOP2").balance_fen)


def status(desk: Desk, refund_no: str) -> str:
    return str(desk.ledger.state(f"refund-{refund_no}").status)


def test_what_is_above_the_limit_waits_and_goes_on_when_it_is_approved(
    database_url: str, tmp_path: Path
) -> None:
    with open_books(database_url) as desk:
        feed = settled(desk, tmp_path)
        report, importer = import_feed(desk, feed, SINCE)
        assert (report.refunds, report.rejected, report.awaiting_approval) == (1, 0, 1)
        assert report.hindrances == []
        assert [(one.line, one.refund_no) for one in importer.awaiting] == [(3, "R2")]
        assert (status(desk, "R1"), status(desk, "R2")) == ("succeeded", "requested")
        assert debt(desk) == 498
        again, _ = import_feed(desk, feed)
        assert (again.new, again.awaiting_approval) == (0, 1)
        send(desk, "approve", ApproveRefund("R2"))
        last, _ = import_feed(desk, feed)
        assert (last.refunds, last.awaiting_approval) == (2, 0)
        assert status(desk, "R2") == "succeeded"
        assert debt(desk) == 996
        desk.catch_up()
        assert statement_of(desk, "SHOP2").refunds_fen == 1_000
        assert verify_log(desk.ledger.recorder) == []


def test_a_row_that_was_rejected_is_listed_as_refused(database_url: str, tmp_path: Path) -> None:
    with open_books(database_url) as desk:
        feed = settled(desk, tmp_path)
        import_feed(desk, feed, SINCE)
        send(desk, "reject", RejectRefund("R2", "no goods came back"))
        report, importer = import_feed(desk, feed)
        assert (report.refunds, report.rejected, report.awaiting_approval) == (1, 1, 0)
        (one,) = importer.rejects
        assert (one.line, one.code, one.detail) == (3, Code.REFUND_REJECTED, "no goods came back")
        assert debt(desk) == 498


@pytest.mark.parametrize("strict", [False, True])
def test_the_command_line_writes_their_list(tmp_path: Path, strict: bool) -> None:
    url = f"sqlite:///{tmp_path / 'lone.db'}"
    with open_books(url) as desk:
        feed = settled(desk, tmp_path)
    words = ["import", feed, "--rejected", tmp_path / "rejected.csv"]
    words += ["--strict"] if strict else []  # It is in the books: nothing of it was refused.
    told = Terminal(url)(*words, "--json").json()
    assert (told["awaiting_approval"], told["rejected"]) == (1, 0)
    with open(told["awaiting_file"], encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["line"], row["refund_no"]) == ("3", "R2")
    assert row["row"] == "R2,2011-01-20T11:00:00+08:00,A2,SHOP2,500"
    assert "1 refunds wait for an approval" in Terminal(url)(*words).out
    desk_json = Terminal(url)("desk", "--json").json()
    assert [one["refund_no"] for one in desk_json["refunds"]["items"]] == ["R2"]
    assert desk_json["refunds"]["items"][0]["asked_by"] == "system:import"
    assert "Refunds to approve or reject" in Terminal(url)("desk").out
