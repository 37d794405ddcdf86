"""One fact of every stored name of the fund side: a session that WeChat Pay's and JD Pay's day is
paid with, of which a fen is lacking, and the statement that shows it."""

from datetime import date

from domain.kernel import Fact
from domain.reconciliation import quota, session, statement

ON = date(2011, 1, 11)
SHARES = (
    session.Expected("JD_PAY", 1, 20_000, 0, 36),
    session.Expected("WECHAT_PAY", 2, 100_000, 20_000, 160, 500, 1),
)
ARRIVED = (session.Arrival(ON, 7, 1, 100_302),)
TARGET = session.target(SHARES, ARRIVED)
(SETTLED,) = session.settle(session.State(), TARGET, 100, ON)
GROUPS = (
    statement.Group("payout", "BANK_TRANSFER", 2, 30_000),
    statement.Group("returned", "BANK_TRANSFER", 1, 10_000),
    statement.Group("session", "BANK_TRANSFER", 1, 100_302),
)
(MATCHED,) = statement.match(statement.State(), 1, GROUPS, "2c" * 32, 0, ON)
(MAPPED,) = quota.map_quota(
    quota.State(), 5_000_000, ON, "operator:lin", "the week before New Year"
)
EXAMPLES: dict[str, Fact] = {
    "quota.mapped.1": MAPPED,
    "session.settled.1": SETTLED,
    "statement.matched.1": MATCHED,
}
FULL: dict[str, Fact] = {
    "session.settled.1": session.Settled(
        (session.Expected("NETSUNION_CARD", 1, 20_000, gross=True),),
        ARRIVED,
        "NETSUNION_CARD",
        20_000,
        20_000,
    ),
    "statement.matched.1": statement.Matched(1, GROUPS, "2c" * 32),
}
