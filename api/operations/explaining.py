"""Every account that is a transit ends at zero, or says why not: its balance as named items.

The reserve account stands beside them where it is not what the bank's newest statement says.
Suspense and transits of single items are proved item by item (`open_items`); what the bank was
asked to pay, by the statement's lines. What channels owe is by day: what the books took in that
day, less what verdicts, sessions and differences of that day have moved on. A line that another
day's bill brought leaves one day of 1122.01 or 2202.01 with too much and another with too little:
those are set off, and what is left says so. 1122.02 and 2202.02 stand by the bill's day alone: each
session is named with what is due of it, also where we owe it. Beside them
stand chargebacks whose money the channel has not been seen to take off, or give back.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from msgspec import Struct, field
from sqlalchemy import Connection, and_, case, func, or_, select

from api.operations import bank_balance
from api.operations.bills import bank_lines
from api.operations.explained import UNEXPLAINED, Explained, Named
from domain.accounting import topup
from domain.accounting.chart import (
    CHANNEL_FEE_PAYABLE,
    CHANNEL_PAYABLE,
    CHANNEL_RECEIVABLE,
    CHANNEL_RECONCILED,
    CHART,
    MERCHANT_DEPOSIT,
    RESERVE,
    account_id,
    chart_account,
    split_id,
)
from domain.accounting.open_items import CONTROLLED
from domain.channel.channels import CHANNELS, PAYOUT_CHANNEL, network_of
from domain.channel.costs import pool_days, terms_of
from domain.kernel import category, key
from domain.money import decimal_text
from domain.reconciliation import session, verdict
from domain.reconciliation.funding import session_id
from domain.refusals import Code, Refused
from projections.models import (
    balances,
    bills,
    clearing_sessions,
    differences,
    journal,
    open_items,
    outgoings,
    verdicts,
)
from projections.models.open_items import OpenItem

AS_BILLED = (CHANNEL_RECONCILED, CHANNEL_FEE_PAYABLE)  # What bills, and their sessions, move.
BY_DAY = (CHANNEL_RECEIVABLE, CHANNEL_RECONCILED, CHANNEL_PAYABLE, CHANNEL_FEE_PAYABLE)
TRANSITS = tuple(sorted({*BY_DAY, *CONTROLLED} - {MERCHANT_DEPOSIT}))
LED_BACK = ("payout_missing_at_bank", "payout_missing_here", "receipt_unknown")


def transits(connection: Connection) -> list[str]:
    """The transit accounts that have a balance; and the reserve account where it is not what the
    newest statement says."""
    found = []
    for code in TRANSITS:
        owners = list(CHANNELS) if CHART[code].owner == "channel" else [""]
        found += [account_id(code, owner) for owner in owners]
    there = {one.account for one in balances.not_zero(connection, found)}
    differs = len(bank_balance.named(connection)) > 1
    return [*([RESERVE] if differs else []), *(one for one in found if one in there)]


def explain(connection: Connection, account: str) -> Explained:
    """The items whose sum is the balance; what no item accounts for is one named `unexplained`.
    The read models must be at the head. Raises ACCOUNT_CODE_UNKNOWN, ACCOUNT_NOT_FOUND,
    REQUEST_INVALID for one that is no transit, nor the reserve account."""
    code, owner = split_id(account)
    if code not in (RESERVE, *TRANSITS):
        known = ", ".join(TRANSITS)
        detail = f"it is neither {RESERVE} nor a transit; those are {known}"
        raise Refused(Code.REQUEST_INVALID, "account", detail)
    there = balances.account(connection, account)
    if there is None:
        raise Refused(Code.ACCOUNT_NOT_FOUND, "account", account[:80])
    if code == RESERVE:
        named = bank_balance.named(connection)
    elif code in CONTROLLED:
        named = [_item(one) for one in open_items.waiting_on(connection, account)]
    elif owner == PAYOUT_CHANNEL:
        named = list(_at_bank(connection, code))
    else:
        named = list(_by_day(connection, account))
    if code == CHANNEL_RECONCILED:
        named += _charged_back(connection, account)
    rest_fen = there.balance_fen - sum(one.amount_fen for one in named)
    if rest_fen:
        named.append(Named(UNEXPLAINED, None, rest_fen, "no item accounts for it"))
    return Explained(account, there.balance_fen, tuple(named))


def _item(one: OpenItem) -> Named:
    """By its stream; a top-up by what `own top-up` takes: the reference of what moved it."""
    kind = category(one.item)
    name = topup.reference_of(one.item) if kind == "topup" else one.item
    waits = _WAITS.get(kind, "for its owner's next step")
    return Named(name, one.opened_on, one.amount_fen, waits)


_WAITS = {
    "difference": "for persons to resolve it, or what was claimed to come",
    "suspense": "for somebody to have it, or a bill",
    "topup": "a top-up: for the statement to show it, or `own top-up`",
    "payout": "for the bank's answer",
    "withdrawal": "for the bank's answer",
    "deduction": "for the bank's answer",
    "refund": "for the channel's answer",
    "payment": "for its plan, or the channel's answer",
}


def _at_bank(connection: Connection, code: str) -> Iterator[Named]:
    """What the bank was asked to pay, and its statement has not shown; or told came back."""
    table, lines, missed = outgoings.TABLE, bank_lines.TABLE, differences.TABLE
    what = "payout" if code == CHANNEL_PAYABLE else "returned"
    shown = (
        select(func.coalesce(func.sum(lines.c.amount_fen), 0))
        .where(lines.c.about == table.c.instruction_id, lines.c.what == what)
        .scalar_subquery()
    )
    # Without a line: that it is missing, that this was ended in vain, and that that was.
    led = case((missed.c.kind == "payout_missing_here", -1), else_=1)
    waits = (
        select(func.coalesce(func.sum(missed.c.amount_fen * led), 0))
        .where(missed.c.channel == table.c.channel, missed.c.number == table.c.number)
        .where(missed.c.kind.in_(LED_BACK), missed.c.bill == "")
        .where(missed.c.state.in_(("confirmed", "proposed", "approved", "resolved")))
        .scalar_subquery()
    )
    owed = table.c.owed_fen - waits if code == CHANNEL_PAYABLE else table.c.back_fen
    left = (owed - shown).label("left")
    query = select(table.c.number, table.c.paid_on, table.c.asked_on, table.c.state, left)
    for number, paid_on, asked_on, state, left_fen in connection.execute(
        query.where(owed != shown).order_by(table.c.position)
    ):
        waits_for = "for the statement to show it"
        if left_fen < 0:
            waits_for = "shown by the statement; for the bank to say that it is paid"
        # What came back is a claim: on 1122.01 it stands on the other side.
        yield Named(f"{number} ({state})", paid_on or asked_on, int(left_fen), waits_for)


def _charged_back(connection: Connection, account: str) -> Iterator[Named]:
    """Chargebacks whose money is not met: all that one has moved here stands in its own stream."""
    table = journal.TABLE
    net = func.sum(table.c.debit_fen - table.c.credit_fen)
    won = case((table.c.fact == "chargeback.won.1", table.c.accounting_date))
    moved = (
        select(table.c.stream, net, func.min(table.c.accounting_date), func.max(won))
        .where(table.c.account == account, table.c.stream.like("chargeback-%"))
        .group_by(table.c.stream)
        .having(net != 0)
        .order_by(func.min(table.c.position))
    )
    for stream, fen, received_on, won_on in connection.execute(moved):
        back = fen > 0
        why = "for what the channel gives back" if back else "for what the channel takes off"
        yield Named(f"chargeback {key(stream)}", won_on if back else received_on, int(fen), why)


def _by_day(connection: Connection, account: str) -> Iterator[Named]:
    code, channel = split_id(account)
    debit_normal = chart_account(account).debit_normal
    sums: dict[date, int] = {}
    for day, net_fen in _moved(connection, account):
        sums[day] = sums.get(day, 0) + (net_fen if debit_normal else -net_fen)
    away = 0 if code in AS_BILLED else pool_days(channel)
    for day, rest in _set_off(sums, away).items():
        why = _why(connection, code, channel, day, rest.left_fen)
        if rest.with_days:
            others = ", ".join(str(one) for one in sorted(rest.with_days))
            why += f"; besides, {decimal_text(abs(sums[day] - rest.left_fen))} is set off: {others}"
        yield Named(f"{channel} {day}", day, rest.left_fen, why)


def _moved(connection: Connection, account: str) -> Iterator[tuple[date, int]]:
    """Debits less credits, by the day they are of: of verdicts, sessions and differences the day of
    the bill, of anything else the accounting date. Chargebacks are no day's."""
    table = journal.TABLE
    net = func.sum(table.c.debit_fen - table.c.credit_fen)
    compared = or_(*(table.c.stream.like(f"{one}-%") for one in ("verdict", "session")))
    differs = or_(*(table.c.stream.like(f"{one}-%") for one in ("difference", "chargeback")))
    mine = table.c.account == account
    by_date = (
        select(table.c.accounting_date, net)
        .where(and_(mine, ~compared, ~differs))
        .group_by(table.c.accounting_date)
    )
    yield from ((day, int(fen)) for day, fen in connection.execute(by_date))
    by_stream = select(table.c.stream, net).where(mine, compared).group_by(table.c.stream)
    for stream, fen in connection.execute(by_stream):
        of_stream = verdict.of_stream if category(stream) == "verdict" else session.of_stream
        yield of_stream(stream)[1], int(fen)
    found = differences.TABLE
    by_difference = (
        select(found.c.on_date, net)
        .where(mine, table.c.stream == "difference-" + found.c.difference_id)
        .group_by(found.c.on_date)
    )
    yield from ((day, int(fen)) for day, fen in connection.execute(by_difference))


class _Rest(Struct):
    """What a day has left, and the days that it was set off with."""

    left_fen: int
    with_days: set[date] = field(default_factory=set)


def _set_off(sums: dict[date, int], days: int) -> dict[date, _Rest]:
    """Days that have something left, once days with too little have taken from those with too much,
    at most `days` away, the nearest first: lines that were matched in another day's bill."""
    rests = {day: _Rest(fen) for day, fen in sorted(sums.items()) if fen}
    for away in range(1, days + 1):
        for day, mine in rests.items():
            other = day + timedelta(days=away)
            theirs = rests.get(other)
            if theirs is None or mine.left_fen * theirs.left_fen >= 0:
                continue
            part = min(abs(mine.left_fen), abs(theirs.left_fen))
            for one, partner in ((mine, other), (theirs, day)):
                one.left_fen -= part if one.left_fen > 0 else -part
                one.with_days.add(partner)
    return {day: rest for day, rest in rests.items() if rest.left_fen}


def _why(connection: Connection, code: str, channel: str, day: date, left_fen: int) -> str:
    """What a day's rest waits for."""
    newest = bills.newest_version(connection, channel, "trade", day)
    if not newest:
        return "for the bill of that day"
    reached = verdicts.newest(connection, day, [channel])
    if not reached or reached[0].bill_version != newest:
        return "for the bill to be matched"
    if code in AS_BILLED:
        if code == CHANNEL_FEE_PAYABLE and terms_of(channel, day).gross:
            return "for the channel's invoice to be paid"
        settled = clearing_sessions.session(connection, network_of(channel), day)
        if settled is None or settled.arrived_on is None:
            return f"for session {session_id(network_of(channel), day)}"
    some = _suspected(connection, channel, day)
    if some:
        numbers = ", ".join(one.number for one in some[:3])
        more = f" and {len(some) - 3} more" if len(some) > 3 else ""
        return f"suspected, until the bills after it are in: {numbers}{more}"
    if code == CHANNEL_RECONCILED:
        return f"session {session_id(network_of(channel), day)} is not settled"
    side = "more" if left_fen > 0 else "less"
    return f"the books have {side} than the bill"


def _suspected(connection: Connection, channel: str, day: date) -> Sequence[differences.Difference]:
    return differences.of_day(connection, channel, day, ("suspected",))
