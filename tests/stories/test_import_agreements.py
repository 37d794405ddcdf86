"""A feed and its merchants' agreements: signed where there is none, never against one there is."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from api.operations.desk import Desk
from api.operations.feed import read_feed
from api.operations.importing.forecast import foresee
from domain.kernel import DAY_US, Request, day_end_us
from domain.ledger.proof import verify_log
from domain.member import agreement
from domain.member.agreement import STANDARD, Method, Terms
from domain.member.commands import EndMerchantAgreement, RegisterMember, SignMerchantAgreement
from domain.money import FeeRule
from domain.refusals import Code
from tests.stories.books import import_feed, open_books

DAY = date(2011, 1, 4)
BEGINS_US = day_end_us(DAY) - DAY_US
ORDER_OF = {2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 5}  # By line.
ONLY_JD = Terms(("ESCROW_PURCHASE",), (Method("JD_PAY", most_fen=1_500),))
BARE = RegisterMember("SHOP1", "enterprise", "One", FeeRule(60), "T+1")


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    (tmp_path / "merchants.csv").write_text(
        "merchant,name,fee_bps,settlement_cycle\nSHOP1,One,60,T+1\nSHOP2,Two,38,D+1\n"
    )
    (tmp_path / "orders.csv").write_text(
        "order_no,placed_at,buyer,merchant,amount,items,subject,method\n"
        "1,2011-01-04T09:00:00+08:00,C1,SHOP1,1500,1,nuts,JD_PAY\n"
        "2,2011-01-04T10:00:00+08:00,C1,SHOP1,1501,1,nuts,JD_PAY\n"
        "3,2011-01-04T11:00:00+08:00,C1,SHOP1,1000,1,nuts,WECHAT_PAY\n"
        "4,2011-01-04T12:00:00+08:00,C1,SHOP1,1000,1,nuts,WECHAT_PAY\n"
        "4,2011-01-04T12:00:00+08:00,C1,SHOP2,1000,1,tea,WECHAT_PAY\n"
        "5,2011-01-04T13:00:00+08:00,C1,SHOP2,1000,1,tea,WECHAT_PAY\n"
    )
    return tmp_path


def do(desk: Desk, *commands: Any) -> None:
    for number, command in enumerate(commands):
        desk.ledger.submit(Request(f"before-{number}", BEGINS_US, "operator:1", command)).unwrap()


def versions(desk: Desk, merchant: str) -> Any:
    return desk.ledger.state(agreement.stream(merchant)).versions


def test_a_refund_after_its_days_is_foreseen(database_url: str, feed: Path) -> None:
    """Of a sale of the feed, and of one that is in the books by then."""
    refunds = feed / "refunds.csv"
    header = "refund_no,requested_at,order_no,merchant,amount\n"
    rows = [f"R{day},2011-01-0{day}T10:00:00+08:00,1,SHOP1,100\n" for day in (4, 5, 6, 7)]
    refunds.write_text(header + "".join(rows[:3]))
    days = Terms(("ESCROW_PURCHASE",), STANDARD.methods, refund_days=1)
    with open_books(database_url) as desk:
        do(desk, BARE, SignMerchantAgreement("SHOP1", DAY, days))
        for late in ([4], [4, 5]):
            foreseen = read_feed(feed)
            foresee(desk.ledger, foreseen)
            _, importer = import_feed(desk, feed)
            for rejects in (foreseen.rejects, importer.rejects):
                assert [(one.line, one.code) for one in rejects] == [
                    (line, Code.REFUND_TOO_LATE) for line in late
                ]
            refunds.write_text(header + "".join(rows))


@pytest.mark.parametrize(
    ("before", "refused"),
    [
        pytest.param((), {}, id="a new merchant"),
        pytest.param((BARE,), {}, id="registered without one"),
        pytest.param(
            (BARE, SignMerchantAgreement("SHOP1", date(2011, 1, 5), ONLY_JD)),
            {},
            id="its first one begins later",
        ),
        pytest.param(
            (BARE, SignMerchantAgreement("SHOP1", DAY, ONLY_JD)),
            {
                2: Code.AGREEMENT_LIMIT,
                3: Code.AGREEMENT_MISSING,
                4: Code.AGREEMENT_MISSING,
            },
            id="it has signed less",
        ),
        pytest.param(
            (
                BARE,
                SignMerchantAgreement("SHOP1", DAY, STANDARD),
                EndMerchantAgreement("SHOP1", DAY),
            ),
            dict.fromkeys((1, 2, 3, 4), Code.AGREEMENT_MISSING),
            id="it has ended",
        ),
    ],
)
def test_what_an_agreement_does_not_cover_is_refused_before_anything_is_booked(
    database_url: str, feed: Path, before: tuple[Any, ...], refused: dict[int, Code]
) -> None:
    with open_books(database_url) as desk:
        do(desk, *before)
        foreseen = read_feed(feed)
        foresee(desk.ledger, foreseen)
        told = {ORDER_OF[one.line]: one.code for one in foreseen.rejects}
        report, importer = import_feed(desk, feed)
        assert {ORDER_OF[one.line]: one.code for one in importer.rejects} == refused
        assert (told, report.checkouts) == (refused, 5 - len(refused))
        assert versions(desk, "SHOP2") == ((DAY, STANDARD),)
        assert bool(versions(desk, "SHOP1"))
        assert verify_log(desk.ledger.recorder) == []
        head = desk.ledger.head()
        again, _ = import_feed(desk, feed)
        assert (again.new, desk.ledger.head()) == (0, head)
