"""One fact of every stored name of the institution's own books."""

from datetime import date

from domain.accounting import mirror, own_funds, topup
from domain.accounting.rules import own
from domain.clearing import certificate
from domain.clearing.certificate import Aged, Section, Total
from domain.kernel import Fact

ON, BY, LINE = date(2010, 12, 9), "operator:lin", "PBOC20101209000017"

EXAMPLES: dict[str, Fact] = {
    "mirror.opened.1": mirror.Opened(4_000, own.mirror_opened(ON, 4_000)),
    "own.capital_paid_in.1": own_funds.CapitalPaidIn(
        10_000_000, LINE, BY, own.capital_paid_in(ON, 10_000_000)
    ),
    "own.buffer_put_in.1": own_funds.BufferPutIn(50_000, LINE, BY, own.buffer_put_in(ON, 50_000)),
    "own.interest_credited.1": own_funds.InterestCredited(
        300, LINE, BY, own.interest_credited(ON, 300)
    ),
    "own.sweep_instructed.1": own_funds.SweepInstructed(4_000, "fees of November", BY),
    "own.sweep_called_off.1": own_funds.SweepCalledOff("the bank was closed", BY),
    "own.swept.1": own_funds.Swept(4_000, LINE, BY, own.swept(ON, 4_000)),
    "clearing.reserve_certified.1": certificate.Certified(
        4_711,
        "1a8ee72d" * 8,
        (
            Total("1122.01", 10_000),
            Total("1122.05", 60),
            Total("2202.09", 60),
            Total("2241.07", 9_940),
            Total("6001.01", 60),
        ),
        (
            Section("unmatched", (Aged("1122.01", "0", 0, 10_000),)),
            Section("suspense", (Aged("2241.07", "2-3", 2, 9_940),)),
        ),
    ),
    "topup.decided.1": topup.Decided("in", 3_000),
    "topup.arrived.1": topup.Arrived(LINE, BY, own.top_up_arrived(ON, 3_000)),
}
