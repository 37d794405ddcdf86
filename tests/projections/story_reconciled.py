"""The part of the story in which a channel's bill is compared with the books."""

from typing import Any

from msgspec.structs import replace

from domain.reconciliation.commands import ImportBill, TellNoTrade
from domain.reconciliation.judging import Finding, Gone, ReachVerdict, RecordDifferences
from tests.bill_examples import READ
from tests.difference_examples import ABOUT
from tests.examples import MERCHANT
from tests.projections.story_reserves import KEPT
from tests.verdict_examples import FOUND


def reconciled(told: Any) -> None:
    day, channel = told.day, ABOUT.channel
    told.sell("RC1", (MERCHANT, 300), (KEPT, 200), method=channel)  # One order for two merchants.
    told.do(ImportBill(channel, "trade", day, READ))
    told.do(TellNoTrade("JD_PAY", "fund", day, "NO_STATEMENT_EXIST"))
    about = replace(ABOUT, on=day)
    waits = Finding(replace(about, number="pay-1"), "answer_lost", False)
    certain = Finding(replace(about, number="pay-2"), "not_ours", True)
    none = Finding(replace(about, number="pay-3"), "not_ours", True)
    told.do(RecordDifferences(channel, day, 1, 0, (waits, certain, none)))
    told.do(RecordDifferences(channel, day, 1, 0, (), (Gone(none.id, "matched"),)))
    told.do(RecordDifferences(channel, day, 1, 0, (replace(waits, certain=True),)))
    told.do(ReachVerdict(channel, day, 0, 10, FOUND))
    told.do(ReachVerdict(channel, day, 1, 20, replace(FOUND, matched=3, paid_fen=90_000)))
