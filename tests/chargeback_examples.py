"""One fact of every stored name of chargebacks: a sale of which a payer's bank takes 50.00 back, of
what the merchant has and a debt; and a retrieval request."""

from datetime import date

from domain.accounting.entry import reversed_entry
from domain.accounting.rules.chargeback import charged_back, met, won_back
from domain.kernel import Fact
from domain.reconciliation import chargeback

ON, DUE = date(2010, 12, 3), date(2010, 12, 17)
SOLD, BATCH = "SQUIRRELS-JD1001", "SQUIRRELS-2010-12-03"
TAKEN = chargeback.Shares(0, 2_000, 1_000, 2_000, BATCH, ON)
GIVEN = chargeback.Shares(0, 2_000, 1_500, 1_500, BATCH, ON)
ENTRY = charged_back(
    ON,
    "JD_PAY",
    "SQUIRRELS",
    escrow_fen=0,
    pending_fen=2_000,
    available_fen=1_000,
    advanced_fen=2_000,
)
BACK = won_back(
    ON,
    "JD_PAY",
    "SQUIRRELS",
    escrow_fen=0,
    pending_fen=2_000,
    available_fen=1_500,
    recovered_fen=1_500,
)
DIFFERENCE = "5b2c1a0d9e8f7a6b5c4d3e2f"
MET = met(ON, "1122.04.WECHAT_PAY", "JD_PAY", 5_000, "off")
EXAMPLES: dict[str, Fact] = {
    "chargeback.received.1": chargeback.Received(
        "chargeback", "JD_PAY", "C1", "JD1", SOLD, "SQUIRRELS", 5_000, "4853", DUE,
        5_000, TAKEN, ENTRY,
    ),
    "chargeback.represented.1": chargeback.Represented("alice", "ab" * 32, "signed for"),
    "chargeback.accepted.1": chargeback.Accepted("alice", "never sent", SOLD, "SQUIRRELS", 5_000),
    "chargeback.won.1": chargeback.Won("bob", "the bank", SOLD, "SQUIRRELS", GIVEN, BACK),
    "chargeback.lost.1": chargeback.Lost("bob", "the bank", SOLD, "SQUIRRELS", 5_000),
    "chargeback.met.1": chargeback.Met("off", "bob", DIFFERENCE, MET),
    "chargeback.unmet.1": chargeback.Unmet(
        "off", "bob", "it was another", DIFFERENCE, reversed_entry(MET, ON)
    ),
}  # fmt: skip
FULL: dict[str, Fact] = {
    "chargeback.received.1": chargeback.Received(
        "retrieval", "JD_PAY", "C2", "", SOLD, "SQUIRRELS", 5_000, "", DUE
    ),
}
