"""Withdrawal (提现): a person's money from the wallet to a bank card of his own, less a fee.

    (none) ──request──▶ waiting ──when due──▶ instructed ──▶ succeeded ──▶ returned, days later
              │           ▲  └──no card any more──┐  │          ▲          (the wallet has it, with
              ▼           │                       ▼  ▼          │           or without the fee)
          unapproved ──approve                   failed ───late success
              └──turn down──▶ turned_down        (the wallet has it again, fee and all)

The wallet is debited when it asks: amount and fee wait on 2241.05 until the channel has said what
became of it, and only then is the fee earned. What is to be instructed at once is never seen as
waiting. One above a limit waits for a second operator first. Unknown is no state of its own: the
money stays in transit. Where a wallet is closed meanwhile, what comes back is kept in suspense.

The card is carried as tokens of the vault and the last four digits.
"""

from datetime import date
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import asdict, replace

from domain.accounting.chart import PAYOUT_IN_TRANSIT
from domain.accounting.open_items import NONE, OpenItems, suspense_of
from domain.kernel import Entry, Fact, Stream, key
from domain.member.persons import refuse_other_than_staff, refuse_same_person
from domain.payment.asked import Destination
from domain.payment.withdrawal_terms import Speed
from domain.refusals import Code, Refused


class Requested(Fact, frozen=True):
    """`due`: the date from which it may be instructed, on which it is to arrive; `free`: one of
    those that cost nothing; `fee_back`: the fee goes back with what the bank returns; `unapproved`:
    another operator than `maker` has to approve it first."""

    member_id: str
    to: Destination
    amount_fen: int
    fee_fen: int
    speed: Speed
    day: date
    due: date
    free: bool
    fee_back: bool
    unapproved: bool
    maker: str
    entry: Entry


class Approved(Fact, frozen=True):
    checker: str


class TurnedDown(Fact, frozen=True):
    """An operator did not approve it; the money is the wallet's again, or in suspense."""

    reason: str
    checker: str
    entry: Entry


class Instructed(Fact, frozen=True):
    instruction_id: str


class Succeeded(Fact, frozen=True):
    """The channel has paid the amount, and the fee is earned."""

    amount_fen: int
    fee_fen: int
    entry: Entry


class Failed(Fact, frozen=True):
    """Not paid; the money is the wallet's again, or in suspense."""

    reason: str
    entry: Entry


class SucceededLate(Fact, frozen=True):
    """Paid in spite of the decline; `fee_fen` of the fee was taken again. Without an entry it
    stands on the suspense item of what the channel said."""

    amount_fen: int
    fee_fen: int
    entry: Entry | None


class Returned(Fact, frozen=True):
    """The bank returned the amount; `fee_fen` of the fee was given back with it."""

    reason: str
    amount_fen: int
    fee_fen: int
    entry: Entry


Event = (
    Requested | Approved | TurnedDown | Instructed | Succeeded | Failed | SucceededLate | Returned
)
Status = Literal[
    "none", "unapproved", "waiting", "instructed", "succeeded", "failed", "turned_down", "returned"
]
IN_TRANSIT: frozenset[Status] = frozenset(("unapproved", "waiting", "instructed"))


class State(Struct, frozen=True, gc=False):
    """`kept_fen` lie on `suspense`, where the wallet was closed. `fee_fen` is earned by it."""

    status: Status = "none"
    asked: Requested | None = None
    approved: bool = False
    suspense: str = ""
    kept_fen: int = 0
    fee_fen: int = 0


class Wish(Struct, frozen=True):
    """What is asked for, once it was decided what it costs and when it leaves."""

    member_id: str
    to: Destination
    amount_fen: int
    fee_fen: int
    speed: Speed
    day: date
    due: date
    free: bool
    fee_back: bool
    unapproved: bool


def stream(withdrawal_no: str) -> "Stream[State]":
    return Stream(f"withdrawal-{withdrawal_no}")


def number_of(stream: str) -> str:
    return key(stream)


def instruction_id(withdrawal_no: str) -> str:
    """Of the instruction that asks the bank to pay it."""
    return f"withdraw-{withdrawal_no}"


def is_repeat(state: State, member_id: str, amount_fen: int, speed: Speed, card: str) -> bool:
    """Whether the same was asked for before; a `card` that is not named is any. Raises
    WITHDRAWAL_EXISTS for another one under its number."""
    asked = state.asked
    if asked is None:
        return False
    same = (asked.member_id, asked.amount_fen, asked.speed) == (member_id, amount_fen, speed)
    if not same or card not in ("", asked.to.card):
        raise Refused(Code.WITHDRAWAL_EXISTS, "withdrawal_no")
    return True


def request(state: State, wish: Wish, maker: str, entry: Entry) -> list[Event]:
    """Once under its number: see `is_repeat`."""
    if state.asked is not None:
        raise Refused(Code.WITHDRAWAL_EXISTS, "withdrawal_no")
    return [Requested(**asdict(wish), maker=maker, entry=entry)]


def approve(state: State, checker: str) -> list[Event]:
    """Let it leave. Again: []. Raises WITHDRAWAL_NOT_FOUND, WITHDRAWAL_STATE_WRONG, and what
    `persons` does: a person of the institution, and not who asked."""
    asked = needed(state)
    if state.approved:
        return []
    _need_unapproved(state, asked, checker)
    return [Approved(checker)]


def turn_down(state: State, reason: str, checker: str, entry: Entry) -> list[Event]:
    """Give the money back. Again: []. Raises as `approve` does."""
    asked = needed(state)
    if state.status == "turned_down":
        return []
    _need_unapproved(state, asked, checker)
    return [TurnedDown(reason, checker, entry)]


def _need_unapproved(state: State, asked: Requested, checker: str) -> None:
    if state.status != "unapproved":
        raise Refused(Code.WITHDRAWAL_STATE_WRONG, "withdrawal_no", f"it is {state.status}")
    refuse_other_than_staff(checker)  # Who asks is often a system, for the member.
    refuse_same_person(asked.maker, checker)


def is_due(state: State, on: date) -> bool:
    """Whether it may be instructed on an accounting date; at T+0 on any."""
    asked = state.asked
    if asked is None or state.status != "waiting":
        return False
    return asked.speed == "T+0" or asked.due <= on


def instruct(state: State, withdrawal_no: str, on: date) -> list[Event]:
    """It leaves now. Once it has, or is over: []. Raises WITHDRAWAL_NOT_FOUND,
    WITHDRAWAL_STATE_WRONG, WITHDRAWAL_NOT_DUE."""
    asked = needed(state)
    if state.status == "unapproved":
        raise Refused(Code.WITHDRAWAL_STATE_WRONG, "withdrawal_no", "nobody has approved it")
    if state.status != "waiting":
        return []
    if not is_due(state, on):
        raise Refused(Code.WITHDRAWAL_NOT_DUE, "withdrawal_no", f"it is due on {asked.due}")
    return [Instructed(instruction_id(withdrawal_no))]


def succeed(state: State, entry: Entry) -> list[Event]:
    asked = needed(state)
    if state.status != "instructed":
        return []
    return [Succeeded(asked.amount_fen, asked.fee_fen, entry)]


def fail(state: State, reason: str, entry: Entry) -> list[Event]:
    """It was not paid, or could not leave."""
    needed(state)
    return [Failed(reason, entry)] if state.status in ("waiting", "instructed") else []


def succeed_late(state: State, fee_fen: int, entry: Entry | None) -> list[Event]:
    asked = needed(state)
    if state.status != "failed":
        return []
    return [SucceededLate(asked.amount_fen, fee_fen, entry)]


def come_back(state: State, reason: str, fee_fen: int, entry: Entry) -> list[Event]:
    """The bank returned it. Again: []. Raises WITHDRAWAL_NOT_FOUND, WITHDRAWAL_STATE_WRONG."""
    asked = needed(state)
    if state.status == "returned":
        return []
    if state.status != "succeeded":
        raise Refused(Code.WITHDRAWAL_STATE_WRONG, "withdrawal_no", f"it is {state.status}")
    return [Returned(reason, asked.amount_fen, fee_fen, entry)]


def needed(state: State) -> Requested:
    """What was asked for. Raises WITHDRAWAL_NOT_FOUND."""
    if state.asked is None:
        raise Refused(Code.WITHDRAWAL_NOT_FOUND, "withdrawal_no")
    return state.asked


def open_items(state: State) -> OpenItems:
    """What is on its way, fee and all; or what is kept for a wallet that is closed."""
    asked = state.asked
    if asked is not None and state.status in IN_TRANSIT:
        return {PAYOUT_IN_TRANSIT: asked.amount_fen + asked.fee_fen}
    return {state.suspense: state.kept_fen} if state.suspense else NONE


def evolve(state: State, event: Event) -> State:
    match event:
        case Requested(unapproved=unapproved):
            return State("unapproved" if unapproved else "waiting", event)
        case Approved():
            return replace(state, status="waiting", approved=True)
        case Instructed():
            return replace(state, status="instructed")
        case TurnedDown(entry=entry):
            return _back(state, "turned_down", entry)
        case Failed(entry=entry):
            return _back(state, "failed", entry)
        case Succeeded(fee_fen=fee_fen):
            return replace(state, status="succeeded", fee_fen=fee_fen)
        case SucceededLate(fee_fen=fee_fen):
            return replace(state, status="succeeded", fee_fen=fee_fen, suspense="", kept_fen=0)
        case Returned(entry=entry, fee_fen=given_fen, amount_fen=fen):
            kept = suspense_of(entry)
            kept_fen, left_fen = (fen + given_fen if kept else 0), state.fee_fen - given_fen
            return replace(
                state, status="returned", suspense=kept, kept_fen=kept_fen, fee_fen=left_fen
            )
        case _:
            assert_never(event)


def _back(state: State, status: Status, entry: Entry) -> State:
    """The money is where the entry has put it."""
    asked, kept = needed(state), suspense_of(entry)
    kept_fen = asked.amount_fen + asked.fee_fen if kept else 0
    return replace(state, status=status, suspense=kept, kept_fen=kept_fen)
