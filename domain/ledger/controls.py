"""What each business fact opens and closes: open items, and what channels owe for a day.

The unit of work proves open items from the states of the aggregates, command by command. `verify`
proves them again from the facts alone, with the tables here, and the net positions of each closed
day from the instructions' own facts. The two ways share nothing but the facts.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

from domain.accounting import deposit, reserve, topup
from domain.accounting.chart import (
    MERCHANT_DEPOSIT,
    PAYMENT_IN_TRANSIT,
    PAYOUT_IN_TRANSIT,
    REFUND_IN_TRANSIT,
    TOP_UP_IN_TRANSIT,
    account_id,
)
from domain.accounting.open_items import OpenItems, is_controlled, suspense_of
from domain.accounting.rules.settlement import PAID_LATE
from domain.authority import deduction
from domain.clearing import day, split
from domain.kernel import Fact, Recorded
from domain.payment import payment, suspense, withdrawal
from domain.payment.plan import MAX_LEGS, Share
from domain.reconciliation import difference
from domain.settlement import batch
from domain.transaction import refund

Report = Callable[[str, str, str], None]

# Stream category -> the open items that a state of the aggregate has.
OPEN_ITEMS: dict[str, Callable[[Any], OpenItems]] = {
    "payment": payment.open_items,
    "refund": refund.open_items,
    "suspense": suspense.open_items,
    "settlement": batch.open_items,
    "withdrawal": withdrawal.open_items,
    "deduction": deduction.open_items,
    "reserve": reserve.open_items,
    "deposit": deposit.open_items,
    "difference": difference.open_items,
    "topup": topup.open_items,
}


class Item(NamedTuple):
    """An open item: whose it is, where it waits, and how much, in fen."""

    name: str
    account: str
    amount_fen: int


class Change(NamedTuple):
    """Items opened, and the name of one that is closed whole; "" for none. With `suspense`, what
    was closed is open again on that account. `part_fen`: only so much of it is closed, 0 for all.
    `closes_all` begins the names of items that are closed together, as many as there are. `adds`
    is put to the item of its name, or taken from it."""

    opens: tuple[Item, ...] = ()
    closes: str = ""
    suspense: str = ""
    closes_all: str = ""
    part_fen: int = 0
    adds: Item | None = None


def _instructed(_stream: str, fact: batch.Instructed) -> Change:
    opened = (Item(one.payout_no, PAYOUT_IN_TRANSIT, one.amount_fen) for one in fact.payouts)
    return Change(tuple(opened))


def _returned(_stream: str, fact: batch.PayoutReturned) -> Change:
    suspense = suspense_of(fact.entry)
    return Change((Item(fact.payout_no, suspense, fact.amount_fen),) if suspense else ())


def _parts(stream: str, parts: Sequence[Share], whole_fen: int = 0) -> Change:
    """A refund's parts; an approval of a refund before parts were known names the whole."""
    amounts_fen = [part.amount_fen for part in parts] or [whole_fen]
    opened = (
        Item(f"{stream}/{place}", REFUND_IN_TRANSIT, fen) for place, fen in enumerate(amounts_fen)
    )
    return Change(tuple(opened))


def _suspense_opened(stream: str, fact: suspense.Opened) -> Change:
    return Change((Item(stream, fact.account, fact.waits_fen),) if fact.account else ())


def _surplus_goes_back(stream: str, fact: suspense.SendBackStarted) -> Change:
    if fact.entry is None:
        return Change()
    return Change(closes=stream, suspense=REFUND_IN_TRANSIT)


def _send_back_started(stream: str, fact: payment.SendBackStarted) -> Change:
    """What has no entry waits already, since its leg came in."""
    if fact.entry is None:
        return Change()
    return Change((Item(f"{stream}/{fact.leg}", REFUND_IN_TRANSIT, fact.amount_fen),))


def _withdrawn(stream: str, fact: withdrawal.Requested) -> Change:
    return Change((Item(stream, PAYOUT_IN_TRANSIT, fact.amount_fen + fact.fee_fen),))


def _not_withdrawn(stream: str, fact: withdrawal.Failed | withdrawal.TurnedDown) -> Change:
    return Change(closes=stream, suspense=suspense_of(fact.entry))


def _withdrawal_returned(stream: str, fact: withdrawal.Returned) -> Change:
    suspense = suspense_of(fact.entry)
    kept = Item(stream, suspense, fact.amount_fen + fact.fee_fen)
    return Change((kept,) if suspense else ())


def _deduction_returned(stream: str, fact: deduction.Returned) -> Change:
    suspense = suspense_of(fact.entry)
    return Change((Item(stream, suspense, fact.amount_fen),) if suspense else ())


def _reserve(stream: str, fact: reserve.Collected) -> Change:
    merchant = split.merchant_of_batch(reserve.id_of(stream))
    held_at = account_id(MERCHANT_DEPOSIT, merchant)
    return Change(adds=Item(stream, held_at, fact.withheld_fen - fact.returned_fen))


def _reserve_released(stream: str, fact: reserve.Released) -> Change:
    return Change(closes=stream, part_fen=fact.amount_fen)


def _deposit_taken(stream: str, fact: deposit.Taken) -> Change:
    return Change((Item(stream, account_id(MERCHANT_DEPOSIT, fact.member_id), fact.amount_fen),))


def _difference_confirmed(stream: str, fact: difference.Confirmed) -> Change:
    return Change(_waiting(stream, fact.account, fact.about.amount_fen))


def _difference_approved(stream: str, fact: difference.Approved) -> Change:
    """Its entry moves it to where it is on its way; without one it waits where it did."""
    return Change(closes=stream, suspense=fact.account) if fact.entry else Change()


def _difference_undone(stream: str, fact: difference.Undone) -> Change:
    if fact.account == fact.was:
        return Change()
    if fact.was:
        return Change(closes=stream, suspense=fact.account)
    return Change(_waiting(stream, fact.account, fact.waits_fen))


def _waiting(stream: str, account: str, amount_fen: int) -> tuple[Item, ...]:
    return (Item(stream, account, amount_fen),) if account else ()


def _topped_up(stream: str, fact: topup.Decided) -> Change:
    waits_fen = topup.waits_fen(fact.direction, fact.amount_fen)
    return Change((Item(stream, TOP_UP_IN_TRANSIT, waits_fen),))


# A fact that is not named here neither opens nor closes an item.
CHANGES: dict[type[Fact], Callable[[str, Any], Change]] = {
    refund.Requested: lambda stream, fact: _parts(stream, fact.parts),
    refund.Approved: lambda stream, fact: _parts(stream, fact.parts, fact.amount_fen),
    refund.Succeeded: lambda stream, _: Change(closes=f"{stream}/0"),
    refund.Failed: lambda stream, fact: Change(
        closes=f"{stream}/0", suspense=suspense_of(fact.entry)
    ),
    refund.PartSucceeded: lambda stream, fact: Change(closes=f"{stream}/{fact.part}"),
    refund.PartFailed: lambda stream, fact: Change(
        closes=f"{stream}/{fact.part}", suspense=suspense_of(fact.entry)
    ),
    payment.LegSucceeded: lambda stream, fact: Change(
        (Item(f"{stream}/{fact.leg}", PAYMENT_IN_TRANSIT, fact.amount_fen),)
    ),
    payment.Captured: lambda stream, _: Change(closes_all=f"{stream}/"),
    payment.SendBackStarted: _send_back_started,
    payment.SentBack: lambda stream, fact: Change(
        closes=f"{stream}/{fact.leg}", part_fen=fact.amount_fen
    ),
    payment.SendBackFailed: lambda stream, fact: Change(
        closes=f"{stream}/{fact.leg}", suspense=suspense_of(fact.entry), part_fen=fact.amount_fen
    ),
    suspense.Opened: _suspense_opened,
    suspense.SendBackStarted: _surplus_goes_back,
    suspense.SentBack: lambda stream, _: Change(closes=stream),
    suspense.SendBackFailed: lambda stream, fact: Change(
        closes=stream, suspense=suspense_of(fact.entry)
    ),
    suspense.Placed: lambda stream, _: Change(closes=stream),
    batch.Instructed: _instructed,
    batch.PayoutRetried: lambda _, fact: Change(
        (Item(fact.new_payout_no, PAYOUT_IN_TRANSIT, fact.amount_fen),)
    ),
    batch.PayoutSucceeded: lambda _, fact: Change(  # One that comes late was closed before.
        closes="" if fact.entry.rule == PAID_LATE else fact.payout_no
    ),
    batch.PayoutFailed: lambda _, fact: Change(
        closes=fact.payout_no, suspense=suspense_of(fact.entry)
    ),
    batch.PayoutReturned: _returned,
    withdrawal.Requested: _withdrawn,
    withdrawal.Succeeded: lambda stream, _: Change(closes=stream),
    withdrawal.Failed: _not_withdrawn,
    withdrawal.TurnedDown: _not_withdrawn,
    withdrawal.SucceededLate: lambda stream, fact: Change(  # Out of what was kept in suspense.
        closes=stream if fact.entry is not None else ""
    ),
    withdrawal.Returned: _withdrawal_returned,
    deduction.Asked: lambda stream, fact: Change(
        (Item(stream, PAYOUT_IN_TRANSIT, fact.amount_fen),)
    ),
    deduction.Succeeded: lambda stream, _: Change(closes=stream),
    deduction.Failed: lambda stream, fact: Change(closes=stream, suspense=suspense_of(fact.entry)),
    deduction.SucceededLate: lambda stream, fact: Change(  # Out of what was kept in suspense.
        closes=stream if fact.entry is not None else ""
    ),
    deduction.Returned: _deduction_returned,
    reserve.Collected: _reserve,
    reserve.Released: _reserve_released,
    difference.Confirmed: _difference_confirmed,
    difference.Cleared: lambda stream, fact: Change(closes=stream if fact.entry else ""),
    difference.Approved: _difference_approved,
    difference.Resolved: lambda stream, fact: Change(closes=stream if fact.was else ""),
    difference.Undone: _difference_undone,
    deposit.Taken: _deposit_taken,
    deposit.Returned: lambda stream, fact: Change(closes=stream, part_fen=fact.amount_fen),
    topup.Decided: _topped_up,
    topup.Arrived: lambda stream, _: Change(closes=stream),
}


class ItemBook:
    """The open items of a ledger, as its facts open and close them."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._open: dict[str, Item] = {}
        self._since: dict[str, date] = {}
        self._on = date.min
        self._totals: defaultdict[str, int] = defaultdict(int)  # Fen by account.

    def take(self, recorded: Recorded, where: str) -> None:
        if isinstance(recorded.fact, day.Opened):
            self._on = recorded.fact.date
        change_of = CHANGES.get(type(recorded.fact))
        if change_of is None:
            return
        change = change_of(recorded.stream, recorded.fact)
        opened = list(change.opens)
        if change.closes:
            closed = self._open.pop(change.closes, None)
            if closed is None:
                self._report("open items", where, f"{change.closes} is closed, and was not open")
                return
            self._totals[closed.account] -= closed.amount_fen
            left = self._left(closed, change, where)
            since = self._since.pop(change.closes, self._on)
            if left and left[0].account == closed.account:  # The rest waits as before.
                self._since[left[0].name] = since
            opened += left
        if change.closes_all:
            for place in range(MAX_LEGS):
                if closed := self._open.pop(f"{change.closes_all}{place}", None):
                    self._since.pop(closed.name, None)
                    self._totals[closed.account] -= closed.amount_fen
        if change.adds is not None:
            self._add(change.adds, where)
        for item in opened:
            if item.name in self._open:
                self._report("open items", where, f"{item.name} is opened twice")
            self._open[item.name] = item
            self._since.setdefault(item.name, self._on)
            self._totals[item.account] += item.amount_fen

    def waiting(self) -> Iterator[tuple[Item, date]]:
        """What is open, and since which accounting date it is on its account."""
        for name, item in self._open.items():
            yield item, self._since.get(name, self._on)

    def _add(self, change: Item, where: str) -> None:
        """An item that grows and shrinks; at zero it is closed."""
        before = self._open.pop(change.name, change._replace(amount_fen=0))
        after_fen = before.amount_fen + change.amount_fen
        if after_fen < 0:
            self._report("open items", where, f"{change.name} is at {after_fen} fen")
        if after_fen:
            self._open[change.name] = change._replace(amount_fen=after_fen)
        self._totals[change.account] += change.amount_fen

    def _left(self, closed: Item, change: Change, where: str) -> list[Item]:
        """What is open after an item was closed, or a part of it: the rest, and what is kept."""
        part_fen = change.part_fen or closed.amount_fen
        rest_fen = closed.amount_fen - part_fen
        if rest_fen < 0:
            said = f"{part_fen} fen of {closed.name} are closed, {closed.amount_fen} were open"
            self._report("open items", where, said)
        rest = [closed._replace(amount_fen=rest_fen)] if rest_fen > 0 else []
        if not change.suspense:
            return rest
        name = f"{closed.name}/{where}" if rest else closed.name
        return [*rest, Item(name, change.suspense, part_fen)]

    def compare(self, account: str, balance_fen: int, where: str) -> None:
        """Report when an account's balance, on its normal side, is not the sum of its items."""
        total_fen = self._totals[account] if is_controlled(account) else balance_fen
        if total_fen != balance_fen:
            said = f"{account} is at {balance_fen} fen, its open items are {total_fen}"
            self._report("open items", where, said)
