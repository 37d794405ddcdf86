"""One fact of every stored name of verdicts: on WeChat Pay's bill of one day."""

from datetime import date

from domain.accounting.rules.matching import Sums, bill_matched
from domain.kernel import Fact
from domain.reconciliation import verdict

ON = date(2011, 1, 11)
FOUND = verdict.Found(
    bill=1,
    lines=5,
    matched=4,
    paid_fen=100_000,
    refunded_fen=20_000,
    fee_milli_fen=160_000,
    digest="5e" * 32,
)
ENTRY = bill_matched(ON, "WECHAT_PAY", Sums(0, 0, 0), FOUND.sums, gross=False)
EXAMPLES: dict[str, Fact] = {
    "verdict.reached.1": verdict.Reached(FOUND, 4_711, ENTRY),
}
FULL: dict[str, Fact] = {
    "verdict.reached.1": verdict.Reached(FOUND, 4_711),
}
