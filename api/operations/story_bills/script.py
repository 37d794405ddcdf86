"""The second chapter of the story: the bills of its day, and what they say otherwise.

Channels' bills and the bank's statements come in, morning by morning; they are compared with the
books. Of each kind of difference there is one. One operator proposes what is to be done about it,
another approves. `seeded.py` makes the bills, `playing.py` plays the chapter.
"""

from datetime import date, datetime

from api.operations.script import (
    DAY_AFTER,
    END,
    OPERATOR,
    SETTLEMENT_DAY,
    TRADE_DAY,
    Heading,
    Step,
    at_time,
)
from domain.channel.channels import PAYOUT_CHANNEL
from domain.reconciliation.difference import Kind, Resolution

LAST = date(2025, 11, 15)  # Whose bills make certain what is missing.
CHECKER = "operator:chenchen"
HEADING = Heading("The bills of the day, and what they say otherwise", True)


class Bring(Step, frozen=True):
    """A trade bill of the day, or the bank's statement of a day, is taken in: its n-th version."""

    at: datetime
    channel: str
    date: date
    version: int = 1
    actor: str = OPERATOR


class Quiet(Step, frozen=True):
    """The channels have no trade bill of a day: nothing moved."""

    at: datetime
    date: date
    actor: str = OPERATOR


class Compare(Step, frozen=True):
    """What has come in with a day's bills is compared with the books."""

    at: datetime
    date: date
    actor: str = OPERATOR


class Propose(Step, frozen=True):
    """`to`: the member, or the kind of the other difference, that the resolution names."""

    at: datetime
    kind: Kind
    resolution: Resolution
    reason: str
    to: str = ""
    actor: str = OPERATOR


class Approve(Step, frozen=True):
    at: datetime
    kind: Kind
    actor: str = CHECKER


BillStep = Bring | Quiet | Compare | Propose | Approve


def _bill(clock: str, channel: str, version: int = 1) -> Bring:
    again = " again: it had a currency wrong" if version > 1 else ""
    says = f"takes in {channel}'s trade bill of {TRADE_DAY}{again}"
    return Bring(says, at_time(DAY_AFTER, clock), channel, TRADE_DAY, version)


def _statement(on: date, clock: str, of: date) -> Bring:
    says = f"takes in the bank's statement of {of}"
    return Bring(says, at_time(on, clock), PAYOUT_CHANNEL, of)


def _quiet(on: date, clock: str, of: date) -> Quiet:
    return Quiet(f"hears from the channels that nothing moved on {of}", at_time(on, clock), of)


def _compare(on: date, clock: str, of: date) -> Compare:
    return Compare(f"compares the bills of {of} with the books", at_time(on, clock), of)


def _ends(
    on: date, hour: int, minute: int, kind: Kind, resolution: Resolution, reason: str, to: str = ""
) -> tuple[Propose, Approve]:
    """Proposed at a time, approved a minute later."""
    named = f" to {to}" if to else ""
    says = f"{kind}: proposes {resolution}{named}: {reason}"
    first, second = f"{hour:02}:{minute:02}", f"{hour:02}:{minute + 1:02}"
    proposed = Propose(says, at_time(on, first), kind, resolution, reason, to)
    return proposed, Approve(f"{kind}: approves", at_time(on, second), kind)


STEPS: tuple[BillStep, ...] = (
    _bill("10:00", "WECHAT_PAY"),
    _bill("10:01", "JD_PAY"),
    _bill("10:02", "CLOUD_QUICKPASS"),
    _quiet(DAY_AFTER, "10:03", SETTLEMENT_DAY),
    _compare(DAY_AFTER, "10:05", TRADE_DAY),
    *_ends(DAY_AFTER, 11, 0, "currency", "claim", "we sell for yuan alone: WeChat Pay is asked"),
    *_ends(DAY_AFTER, 11, 2, "amount", "to_wallet", "2.70 more were taken than ordered", "laowang"),
    *_ends(
        DAY_AFTER, 11, 4, "status", "to_wallet",
        "his card was charged after all, and he paid by WeChat Pay", "laowang",
    ),
    *_ends(DAY_AFTER, 11, 6, "fee", "correct_fee", "the agreed rate is 0.20%"),
    *_ends(DAY_AFTER, 11, 8, "duplicate", "to_wallet", "her card was charged twice", "xiaohong"),
    _bill("15:00", "WECHAT_PAY", 2),
    _statement(DAY_AFTER, "15:01", SETTLEMENT_DAY),
    _compare(DAY_AFTER, "15:05", TRADE_DAY),
    _quiet(END, "10:00", DAY_AFTER),
    _statement(END, "10:01", DAY_AFTER),
    _compare(END, "10:05", DAY_AFTER),
    *_ends(
        END, 11, 0, "receipt_unknown", "link",
        "the bank gave back what it had taken by mistake", "payout_missing_here",
    ),
    _quiet(LAST, "10:00", END),
    _statement(LAST, "10:01", END),
    _compare(LAST, "10:05", END),
    *_ends(
        LAST, 11, 0, "missing_here", "to_wallet",
        "she paid at JD Pay's till without an order", "xiaoli",
    ),
    *_ends(LAST, 11, 2, "missing_at_channel", "claim", "WeChat Pay told us that it was paid"),
    *_ends(
        LAST, 11, 4, "refund_missing_here", "write_off",
        "nobody here asked for it, and UnionPay does not give it back",
    ),
    *_ends(
        LAST, 11, 6, "refund_missing_at_channel", "credit_payee",
        "JD Pay never sent it: it goes to her wallet",
    ),
    _quiet(date(2025, 11, 16), "10:00", LAST),
    _statement(date(2025, 11, 16), "10:01", LAST),
    _compare(date(2025, 11, 16), "10:05", LAST),
    *_ends(
        date(2025, 11, 16), 11, 0, "payout_missing_at_bank", "credit_payee",
        "the bank does not find it: it is paid with the next batch",
    ),
    *_ends(
        date(2025, 11, 16), 11, 2, "session_over", "link",
        "ten yuan of NetsUnion's sum came with UnionPay's", "session_short",
    ),
)  # fmt: skip
