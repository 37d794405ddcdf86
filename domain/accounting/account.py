"""Account (账户): one leaf of the chart, its totals, holds and freezes.

    (none) ──open──▶ open ──close──▶ closed
                     │ ▲
              freeze ▼ │ unfreeze      in: nothing may come in; out: nothing may go out; both
                    frozen

Beside that, money is stopped (冻结) for orders of authorities, and for lists: each attaches an
amount, or all there is, behind those that came before; `attachment.py` says what that stops.

Postings of one commit are one `Posted` with many lines. State is totals: it stays small however
long the account lives. A closed account never reopens. Amounts are fen.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting import attachment
from domain.accounting.chart import MIRRORED, chart_account
from domain.accounting.open_items import is_controlled
from domain.accounting.reversal import UNMOVING
from domain.kernel import Fact, Line, MergeableFact, Stream
from domain.refusals import Code, Refused

Direction = Literal["in", "out", "both"]
MAX_HOLDS = 100
# Of signed 64-bit columns. What the door counts in (ledger/capacity.py) comes nowhere near.
MAX_TOTAL_FEN = 2**63 - 1
_PREFIX = len("account-")


class Opened(Fact, frozen=True):
    account: str
    code: str
    owner: str
    currency: str


class PostedLine(Struct, frozen=True, array_like=True, gc=False):
    """One line of an entry on this account; `entry` is `<stream>#<version>` of its fact."""

    entry: str
    debit_fen: int
    credit_fen: int


class Posted(MergeableFact, frozen=True):
    date: date
    lines: tuple[PostedLine, ...]

    def merge_key(self) -> object:
        return self.date

    @classmethod
    def merged(cls, facts: Sequence[Any]) -> "Posted":
        return Posted(facts[0].date, tuple(line for fact in facts for line in fact.lines))


class Held(Fact, frozen=True):
    hold_id: str
    amount_fen: int
    reason: str


class HoldReleased(Fact, frozen=True):
    hold_id: str
    amount_fen: int


class HoldTaken(Fact, frozen=True):
    """It leaves now, by the entries of this commit, whatever was stopped since."""

    hold_id: str
    amount_fen: int


class Attached(Fact, frozen=True):
    """Stopped for an authority's order, or a list; None: all there is, and all that comes."""

    order: str
    amount_fen: int | None


class AttachedChanged(Fact, frozen=True):
    """Below zero: it leaves now, by the entries of this commit; of no order, "": it only passes.
    Above: it came back. What is left to stop; None: all there is, or no order's."""

    order: str
    by_fen: int
    left_fen: int | None


class Detached(Fact, frozen=True):
    order: str
    left_fen: int | None


class Frozen(Fact, frozen=True):
    direction: Direction
    reason: str


class Unfrozen(Fact, frozen=True):
    reason: str


class Closed(Fact, frozen=True):
    pass


Event = (
    Opened | Posted | Held | HoldReleased | HoldTaken | Attached | AttachedChanged
    | Detached | Frozen | Unfrozen | Closed
)  # fmt: skip


class State(Struct, frozen=True, gc=False):
    """Totals of all time in fen, and those of `day`, the last accounting date posted to; the day's
    leave out what moves nothing outside (`UNMOVING`). Of what is `attached`, `stopped_fen` are
    there; `taking_fen` leave by the entries that follow."""

    status: Literal["none", "open", "closed"] = "none"
    account: str = ""
    debit_normal: bool = False
    floored: bool = False
    controlled: bool = False  # Its balance is proved from open items.
    mirrored: bool = False  # It has another that is always equal to it.
    debit_fen: int = 0
    credit_fen: int = 0
    held_fen: int = 0
    holds: tuple[tuple[str, int], ...] = ()
    frozen_in: bool = False
    frozen_out: bool = False
    day: date | None = None
    day_debit_fen: int = 0
    day_credit_fen: int = 0
    attached: attachment.Queue = ()
    stopped_fen: int = 0
    taking_fen: int = 0

    @property
    def balance_fen(self) -> int:
        """On the account's normal side: what an asset holds, what is owed on a liability."""
        difference = self.debit_fen - self.credit_fen
        return difference if self.debit_normal else -difference

    @property
    def available_fen(self) -> int:
        return self.balance_fen - self.held_fen - self.stopped_fen

    @property
    def wanted_fen(self) -> int:
        """Attached and not there yet: what comes in is stopped until it is."""
        return attachment.sum_fen(self.attached) - self.stopped_fen

    def stopped_for(self, order: str) -> int:
        """What of the money that is there is stopped for one order, in fen."""
        return attachment.share_fen(self.attached, order, self.stopped_fen)

    def moved_on(self, day: date) -> tuple[int, int]:
        """Debits and credits of one accounting date in fen, without `UNMOVING`; only the last date
        is known."""
        return (self.day_debit_fen, self.day_credit_fen) if self.day == day else (0, 0)


def stream(account: str) -> "Stream[State]":
    return Stream(f"account-{account}")


def id_of(stream: str) -> str:
    """The account's id, from its stream. It runs for every posting."""
    return stream[_PREFIX:]


def open_account(state: State, account: str, currency: str) -> list[Event]:
    """Open a leaf of the chart. Opening it again returns []."""
    code = chart_account(account).code
    if state.status == "closed":
        raise Refused(Code.ACCOUNT_CLOSED, "account", account)
    if state.status == "open":
        return []
    return [Opened(account, code, account[len(code) + 1 :], currency)]


def post(state: State, account: str, on: date, entry: str, line: Line) -> Posted:
    """One line of an entry. Floors are proved by `refuse_below_floor` when all lines are in."""
    if state.status != "open":
        code = Code.ACCOUNT_CLOSED if state.status == "closed" else Code.ACCOUNT_NOT_FOUND
        raise Refused(code, "account", account)
    if state.frozen_in or state.frozen_out:
        comes_in = (line.debit_fen > 0) == state.debit_normal
        if state.frozen_in if comes_in else state.frozen_out:
            raise Refused(Code.ACCOUNT_FROZEN, "account", f"{account}: {_direction(state)}")
    if max(state.debit_fen + line.debit_fen, state.credit_fen + line.credit_fen) > MAX_TOTAL_FEN:
        raise Refused(Code.AMOUNT_TOO_LARGE, "account", f"{account}: its total would overflow")
    return Posted(on, (PostedLine(entry, line.debit_fen, line.credit_fen),))


def refuse_below_floor(state: State) -> None:
    """Raises Refused(BALANCE_INSUFFICIENT) when an entry took more than is available, and
    ACCOUNT_FROZEN when it would be there and is stopped."""
    if not state.floored:
        return
    difference = state.debit_fen - state.credit_fen  # Spelled out: it runs for every line.
    left_fen = difference if state.debit_normal else -difference
    if left_fen < state.held_fen + state.stopped_fen:
        if state.held_fen <= left_fen:
            raise attachment.stopped(state.account, state.attached, -state.available_fen)
        raise Refused(
            Code.BALANCE_INSUFFICIENT,
            "account",
            f"{state.account}: {-state.available_fen} fen short",
        )


def hold(state: State, hold_id: str, amount_fen: int, reason: str) -> list[Event]:
    """Reserve money that is there. The same hold again returns []."""
    _need_open(state)
    if (hold_id, amount_fen) in state.holds:
        return []
    if any(held == hold_id for held, _ in state.holds):
        raise Refused(Code.HOLD_EXISTS, "hold_id", f"{hold_id} is already held with another amount")
    if len(state.holds) >= MAX_HOLDS:
        raise Refused(Code.HOLD_LIMIT, "hold_id")
    if state.available_fen < amount_fen <= state.available_fen + state.stopped_fen:
        short_fen = amount_fen - state.available_fen
        raise attachment.stopped(state.account, state.attached, short_fen, "amount_fen")
    if state.available_fen < amount_fen:
        detail = f"{state.account}: {amount_fen - state.available_fen} fen short"
        raise Refused(Code.BALANCE_INSUFFICIENT, "amount_fen", detail)
    return [Held(hold_id, amount_fen, reason)]


def release_hold(state: State, hold_id: str) -> list[Event]:
    """Give back what a hold reserved. Raises Refused(HOLD_NOT_FOUND)."""
    _need_open(state)
    for held, amount_fen in state.holds:
        if held == hold_id:
            return [HoldReleased(hold_id, amount_fen)]
    raise Refused(Code.HOLD_NOT_FOUND, "hold_id", hold_id)


def take_hold(state: State, hold_id: str) -> list[Event]:
    """What it reserved leaves by the entries that follow. Raises Refused(HOLD_NOT_FOUND)."""
    released = release_hold(state, hold_id)
    return [HoldTaken(hold_id, dict(state.holds)[hold_id])] if state.attached else released


def attach(state: State, order: str, fen: int | None, *, always: bool = False) -> list[Event]:
    """Stop an amount, behind those that came before; again: []. AUTHORITY_ORDER_LIMIT, ACCOUNT_*"""
    _need_open(state)
    if attachment.holds(state.attached, order):
        return []
    if len(state.attached) >= attachment.MOST and not always:
        raise Refused(Code.AUTHORITY_ORDER_LIMIT, "account", state.account)
    return [Attached(order, fen)]


def change_attached(state: State, order: str, by_fen: int) -> list[Event]:
    """Below zero: so much of what is there for an order leaves by the entry that follows. Above: it
    came back, and is stopped again where the order stands. Raises DEDUCTION_BEYOND."""
    attachment.refuse_beyond(order, state.stopped_for(order), -by_fen)
    if not by_fen or not attachment.holds(state.attached, order):
        return []
    queue = attachment.changed(state.attached, order, by_fen)
    return [AttachedChanged(order, by_fen, attachment.left_fen(queue, order))]


def pass_through(state: State, fen: int) -> list[Event]:
    """It comes in and leaves by the entries that follow, and no order stops it."""
    return [AttachedChanged("", -fen, None)] if state.attached and fen else []


def detach(state: State, order: str) -> list[Event]:
    left_fen = attachment.left_fen(state.attached, order)
    return [Detached(order, left_fen)] if attachment.holds(state.attached, order) else []


def freeze(state: State, direction: Direction, reason: str) -> list[Event]:
    _need_open(state)
    if _direction(state) == direction:
        return []
    return [Frozen(direction, reason)]


def unfreeze(state: State, reason: str) -> list[Event]:
    _need_open(state)
    return [Unfrozen(reason)] if state.frozen_in or state.frozen_out else []


def close(state: State) -> list[Event]:
    """Close an empty account. Closing it again returns []."""
    if state.status == "closed":
        return []
    _need_open(state)
    if attachment.sum_fen(state.attached):
        raise attachment.stopped(state.account, state.attached, 0)
    if state.balance_fen or state.holds:
        raise Refused(Code.ACCOUNT_NOT_EMPTY, "account", state.account)
    return [Closed()]


def _need_open(state: State) -> None:
    if state.status == "none":
        raise Refused(Code.ACCOUNT_NOT_FOUND, "account", state.account)
    if state.status == "closed":
        raise Refused(Code.ACCOUNT_CLOSED, "account", state.account)


def _filled(state: State, least_fen: int = 0) -> State:
    """What is there fills what is attached; a posting lets nothing go, `least_fen`."""
    there_fen = state.balance_fen - state.held_fen - state.taking_fen
    stopped_fen = attachment.filled_fen(state.attached, there_fen)
    return replace(state, stopped_fen=max(stopped_fen, least_fen))


def _direction(state: State) -> str:
    both = state.frozen_in and state.frozen_out
    return "both" if both else "in" if state.frozen_in else "out" if state.frozen_out else ""


def evolve(state: State, event: Event) -> State:
    match event:
        case Posted():
            return posted(state, event)
        case Opened():
            line = chart_account(event.account)
            return State(
                status="open",
                account=event.account,
                debit_normal=line.debit_normal,
                floored=line.floored,
                controlled=is_controlled(event.account),
                mirrored=event.account in MIRRORED,
            )
        case Held(hold_id=hold_id, amount_fen=fen):
            holds = (*state.holds, (hold_id, fen))
            return replace(state, holds=holds, held_fen=state.held_fen + fen)
        case HoldReleased(hold_id=hold_id, amount_fen=fen):
            holds = tuple(pair for pair in state.holds if pair[0] != hold_id)
            released = replace(state, holds=holds, held_fen=state.held_fen - fen)
            return _filled(released) if state.attached else released
        case HoldTaken(hold_id=hold_id, amount_fen=fen):
            holds = tuple(pair for pair in state.holds if pair[0] != hold_id)
            left = replace(state, holds=holds, held_fen=state.held_fen - fen)
            return replace(left, taking_fen=state.taking_fen + fen)
        case Attached(order=order, amount_fen=most_fen):
            queue = attachment.joined(state.attached, order, most_fen)
            return _filled(replace(state, attached=queue))
        case AttachedChanged(order=order, by_fen=fen):
            left = replace(state, attached=attachment.changed(state.attached, order, fen))
            return _filled(replace(left, taking_fen=state.taking_fen + max(-fen, 0)))
        case Detached(order=order):
            return _filled(replace(state, attached=attachment.without(state.attached, order)))
        case Frozen(direction=direction):
            return replace(state, frozen_in=direction != "out", frozen_out=direction != "in")
        case Unfrozen():
            return replace(state, frozen_in=False, frozen_out=False)
        case Closed():
            return replace(state, status="closed")
        case _:
            assert_never(event)


def posted(state: State, event: Posted) -> State:
    """`evolve` for a posting alone; it runs for every line of every entry."""
    debit_fen = credit_fen = turned_debit_fen = turned_credit_fen = 0
    for line in event.lines:
        debit_fen += line.debit_fen
        credit_fen += line.credit_fen
        if line.entry.startswith(UNMOVING):
            turned_debit_fen += line.debit_fen
            turned_credit_fen += line.credit_fen
    same_day = state.day == event.date
    day_debit_fen, day_credit_fen = debit_fen - turned_debit_fen, credit_fen - turned_credit_fen
    after = State(  # Positional, because that is quicker.
        state.status,
        state.account,
        state.debit_normal,
        state.floored,
        state.controlled,
        state.mirrored,
        state.debit_fen + debit_fen,
        state.credit_fen + credit_fen,
        state.held_fen,
        state.holds,
        state.frozen_in,
        state.frozen_out,
        event.date,
        state.day_debit_fen + day_debit_fen if same_day else day_debit_fen,
        state.day_credit_fen + day_credit_fen if same_day else day_credit_fen,
        state.attached,
        state.stopped_fen,
        max(0, state.taking_fen - debit_fen) if state.taking_fen else 0,
    )
    return _filled(after, state.stopped_fen) if state.attached else after
