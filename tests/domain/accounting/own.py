"""Rows of the table in test_rules.py: the institution's own books, with the figures of the domain
notes."""

from domain.accounting.rules import own
from domain.kernel import Entry
from tests.examples import PAY_DAY

OWN: list[tuple[str, Entry, str]] = [
    (
        "the opening set of a ledger from before",
        own.mirror_opened(PAY_DAY, 4_000),
        "Dr 1122.05 4_000 / Cr 6001.01 4_000",
    ),
    (
        "capital paid in",
        own.capital_paid_in(PAY_DAY, 50_000),
        "Dr 1001.02 50_000 / Cr 4001 50_000",
    ),
    (
        "a buffer put into the reserve",
        own.buffer_put_in(PAY_DAY, 50_000),
        "Dr 1001.01 50_000 / Dr 1122.05 50_000 / Cr 2202.09 50_000 / Cr 1001.02 50_000",
    ),
    (
        "interest credited by the central bank",
        own.interest_credited(PAY_DAY, 300),
        "Dr 1001.01 300 / Cr 2202.09 300 / Dr 1122.05 300 / Cr 6011 300",
    ),
    (
        "fees swept to the own account",
        own.swept(PAY_DAY, 4_000),
        "Dr 2202.09 4_000 / Dr 1001.02 4_000 / Cr 1001.01 4_000 / Cr 1122.05 4_000",
    ),
    (
        "a top-up arrives in the reserve",
        own.top_up_arrived(PAY_DAY, 3_000),
        "Dr 1001.01 3_000 / Cr 1122.06 3_000",
    ),
    (
        "what was on its way back has left the reserve",
        own.take_out_left(PAY_DAY, 3_000),
        "Dr 1122.06 3_000 / Cr 1001.01 3_000",
    ),
]
