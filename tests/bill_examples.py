"""One fact of every stored name of bills: WeChat Pay's of one day, and a day without trade."""

from domain.kernel import Fact
from domain.reconciliation import bill
from tests import verdict_examples

READ = bill.Read(
    blob="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    format="wechat_trade",
    format_version=1,
    mapping="",
    lines=3,
    paid=2,
    paid_fen=13_000,
    refunded=1,
    refunded_fen=3_000,
    fee_milli_fen=20_000,
    digest="2c" * 32,
)
EXAMPLES: dict[str, Fact] = {
    "bill.imported.1": bill.Imported(1, READ),
    **verdict_examples.EXAMPLES,
    "bill.no_trade_told.1": bill.NoTradeTold(2, "NO_STATEMENT_EXIST"),
}
