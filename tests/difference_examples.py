"""One fact of every stored name of differences: a payment that WeChat Pay's bill has and the books
have not, to its end, and a charged fee that is not the agreed one; and those of chargebacks."""

from datetime import date

from domain.accounting.entry import reversed_entry
from domain.accounting.rules.differences import (
    difference_confirmed,
    surplus_to_refund,
    surplus_to_wallet,
)
from domain.kernel import Fact
from domain.reconciliation import difference
from tests import chargeback_examples

ON = date(2011, 1, 14)
SURPLUS = "2241.08.WECHAT_PAY"
ABOUT = difference.About(
    kind="missing_here",
    channel="WECHAT_PAY",
    number="pay-536365",
    on=date(2011, 1, 10),
    flow="payment",
    lacks="here",
    ours_fen=0,
    bill_fen=13_912,
    amount_fen=13_912,
    serial="4200001234",
    bill="WECHAT_PAY.trade.2011-01-10.1",
    line=7,
    instruction_id="pay-536365",
)
FEE = difference.About(
    kind="fee",
    channel="WECHAT_PAY",
    number="pay-536366",
    on=date(2011, 1, 10),
    flow="payment",
    lacks="here",
    ours_fen=28_000,
    bill_fen=30_000,
    amount_fen=0,
    serial="4200001235",
    bill="WECHAT_PAY.trade.2011-01-10.1",
    line=8,
    instruction_id="pay-536366",
)
ENTRY = difference_confirmed(ON, "WECHAT_PAY", "payment", "here", 13_912)
TO_WALLET = surplus_to_wallet(ON, SURPLUS, "B1", 13_912)
TO_REFUND, TRANSIT = surplus_to_refund(ON, SURPLUS, 13_912), "2241.07"
EXAMPLES: dict[str, Fact] = {
    "difference.suspected.1": difference.Suspected(ABOUT, "answer_lost"),
    "difference.confirmed.1": difference.Confirmed(ABOUT, "answer_lost", SURPLUS, ENTRY),
    "difference.cleared.1": difference.Cleared("matched", reversed_entry(ENTRY, ON)),
    "difference.proposed.1": difference.Proposed("to_wallet", "alice", "the buyer wrote", "B1"),
    "difference.turned_down.1": difference.TurnedDown("bob", "no proof"),
    "difference.approved.1": difference.Approved("bob", TRANSIT, "diff-d1-1", TO_REFUND),
    "difference.resolved.1": difference.Resolved("bob", SURPLUS, "", TO_WALLET),
    "difference.undo_wanted.1": difference.UndoWanted("carol", "another buyer"),
    **chargeback_examples.EXAMPLES,
    "difference.undone.1": difference.Undone(
        "dave", "another buyer", SURPLUS, 13_912, "", reversed_entry(TO_WALLET, ON)
    ),
}
FULL: dict[str, Fact] = {
    **chargeback_examples.FULL,
    "difference.confirmed.1": difference.Confirmed(FEE, ""),
    "difference.proposed.1": difference.Proposed("claim", "alice", "the channel says so"),
    "difference.approved.1": difference.Approved("bob", "1122.04.WECHAT_PAY", "bill"),
    "difference.resolved.1": difference.Resolved("bob", SURPLUS, "0123456789abcdef01234567"),
    "difference.undone.1": difference.Undone("dave", "not so"),
}
