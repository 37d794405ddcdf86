"""Texts of a feed as people write them: kept to the letter from the file to the read model."""

from pathlib import Path

from domain.refusals import Code
from projections.models.members import member as member_read
from tests.stories.books import import_feed, open_books

NAME = "老字号\u3000点心铺\u00a0\U0002ebf0"  # A Han character that Python 3.11 has no name for yet.
SUBJECT = "绿豆糕\u00a02\u2009kg ☕️"
UNSEEN = "绿豆\u200b糕"


def test_spaces_of_every_width_are_taken_and_what_is_not_seen_is_named(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "merchants.csv").write_text(
        f"merchant,name,fee_bps,settlement_cycle\nCAKES,{NAME},60,T+1\n", encoding="utf-8"
    )
    order = "2011-01-04T09:00:00+08:00,C1,CAKES,1000,1"
    (tmp_path / "orders.csv").write_text(
        "order_no,placed_at,buyer,merchant,amount,items,subject,method\n"
        f"1,{order},{SUBJECT},JD_PAY\n2,{order},{UNSEEN},JD_PAY\n",
        encoding="utf-8",
    )
    with open_books(database_url) as desk:
        report, importer = import_feed(desk, tmp_path)
        assert report.checkouts == 1
        (no,) = importer.rejects
        assert (no.line, no.code, no.field) == (3, Code.TEXT_INVALID, "subject")
        assert no.detail.endswith(": character 3 is U+200B, a character that is not seen")
        assert desk.ledger.state("order-1").placed.lines[0].subject == SUBJECT
        with desk.engine.connect() as connection:
            kept = member_read(connection, "CAKES")
        assert kept is not None and kept.name == NAME
