"""Difference (差错): one thing that the books and the outside say differently, to its end.

    (none) ──suspect──▶ suspected ──confirm──▶ confirmed ──propose──▶ proposed ──approve──▶ approved
       │                    │                  ▲ │  ▲ ▲                  │                     │
       └──────confirm───────┼──────────────────┘ │  │ └────turn down─────┘                     ▼
                            ▼                    ▼  └───────────undo──────────────────────  resolved
                         reversed ◀────clear─────┘

Suspected: one side is missing, and bills that may bring it are still to come. Confirmed: they are
in without it, or the bill contradicts us; from then on its money waits on a suspense account. What
turns out to be none (its line came, another bill was issued) is cleared, and its entry reversed;
found again, it begins anew. Two operators resolve it: one proposes, another approves. A resolution
that needs the outside (a refund, a claim) is approved until its money has moved; where the outside
does not do it, or brings it back, the difference is confirmed again. An undo is wanted by one
operator and approved by another, too. `resolving.py` says what each resolution does.
"""

import hashlib
from datetime import date
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.open_items import NONE, OpenItems
from domain.accounting.rules.differences import Flow, Lacks
from domain.kernel import Entry, Fact, Stream, key
from domain.member.persons import refuse_same
from domain.refusals import Code, Refused

Kind = Literal[
    "missing_here", "missing_at_channel", "amount", "status", "fee", "currency", "duplicate",
    "refund_missing_here", "refund_missing_at_channel", "payout_missing_here",
    "payout_missing_at_bank", "receipt_unknown", "session_short", "session_over",
]  # fmt: skip
# Read from the payment's own history. "": it does not say.
Cause = Literal[
    "", "answer_lost", "late_success", "second_charge", "cut_off", "callback_never_came",
    "never_sent", "not_ours", "declined_here", "in_process_here", "bank_returned",
]  # fmt: skip
Status = Literal["none", "suspected", "confirmed", "proposed", "approved", "resolved", "reversed"]
Resolution = Literal[
    "adopt", "refund_payer", "to_wallet", "credit_payee", "reissue", "write_off", "claim", "link",
    "correct_fee", "accept",
]  # fmt: skip
A_BILL = "bill"  # What a claim awaits.
# It is none: its line came, another bill was issued, our side has learned of it.
Why = Literal["matched", "other_bill", "agrees"]
UNDECIDED: tuple[Status, ...] = ("suspected", "confirmed", "proposed")
DECIDED: tuple[Status, ...] = ("approved", "resolved")
STATES: tuple[Status, ...] = (*UNDECIDED, *DECIDED, "reversed")
OPEN: tuple[Status, ...] = (*UNDECIDED, "approved")
# By what a state is asked for. What is suspected waits in the pool, and goes by either name.
NAMED: dict[str, Status] = {"pool": "suspected", **{one: one for one in STATES}}


class About(Struct, frozen=True, omit_defaults=True, gc=False):
    """What differs. `number`: the channel's, of a session its id; `on`: the day whose bill lacks
    it or has it. `ours_fen` and `bill_fen`: what each side says, 0 for a side that is missing; of a
    fee in milli-fen. `amount_fen` is what waits once it is confirmed; `flow` and `lacks` say where
    (`accounting/rules/differences.py`). `bill` and `line`: where the bill has it, or "" and 0.
    `linked`: the stream that has posted this money already, so that it is not posted again."""

    kind: Kind
    channel: str
    number: str
    on: date
    flow: Flow
    lacks: Lacks
    ours_fen: int
    bill_fen: int
    amount_fen: int
    gross: bool = False
    serial: str = ""
    bill: str = ""
    line: int = 0
    instruction_id: str = ""
    linked: str = ""


class Suspected(Fact, frozen=True):
    about: About
    cause: Cause


class Confirmed(Fact, frozen=True, omit_defaults=True):
    """`account`: where its money waits, "" for none: then there is no entry."""

    about: About
    cause: Cause
    account: str = ""
    entry: Entry | None = None


class Cleared(Fact, frozen=True, omit_defaults=True):
    """It is none. `entry`: that of its confirmation, reversed."""

    why: Why
    entry: Entry | None = None


class Proposed(Fact, frozen=True, omit_defaults=True):
    """`to`: whom or what the resolution names: a member, another difference, chargebacks."""

    resolution: Resolution
    by: str
    reason: str
    to: str = ""


class TurnedDown(Fact, frozen=True):
    by: str
    reason: str


class Approved(Fact, frozen=True, omit_defaults=True):
    """`account`: where its money waits from here on, "" if it waits on what `awaits` names."""

    by: str
    account: str = ""
    awaits: str = ""
    entry: Entry | None = None


class Resolved(Fact, frozen=True, omit_defaults=True):
    """Nothing of it waits any more. `by`: a person, or what brought its money; `was`: the account
    it waited on until now. `linked`: the difference that ends with it, by one entry on one of
    them; or the chargebacks that it is the money of, which have the entries."""

    by: str
    was: str = ""
    linked: str = ""
    entry: Entry | None = None


class UndoWanted(Fact, frozen=True):
    """Somebody wants a resolution taken back; another person decides."""

    by: str
    reason: str


class Undone(Fact, frozen=True, omit_defaults=True):
    """A resolution was taken back, by persons or by the channel: it is confirmed again, and
    `waits_fen` wait on `account`. `was`: where they waited until now, "" for nowhere."""

    by: str
    reason: str
    account: str = ""
    waits_fen: int = 0
    was: str = ""
    entry: Entry | None = None


Event = (
    Suspected | Confirmed | Cleared | Proposed | TurnedDown | Approved | Resolved | UndoWanted
    | Undone
)  # fmt: skip


class State(Struct, frozen=True, gc=False):
    """`waits_fen` on `account`, "" for nothing; `kept`: where it waits while it is confirmed.
    `confirmation`: the entry that was posted then, `approval` and `ending` those of its resolution.
    `instructed` counts the instructions that it has ever had: it numbers the next."""

    status: Status = "none"
    about: About | None = None
    cause: Cause = ""
    account: str = ""
    confirmation: Entry | None = None
    proposed: Proposed | None = None
    approved_by: str = ""
    awaits: str = ""
    approval: Entry | None = None
    ending: Entry | None = None
    undoing: UndoWanted | None = None
    kept: str = ""
    instructed: int = 0

    @property
    def waits_fen(self) -> int:
        return self.about.amount_fen if self.about is not None and self.account else 0


def difference_id(kind: Kind, channel: str, number: str, on: date, place: str = "") -> str:
    """The same difference has the same id, whoever finds it and when. `place` tells apart what is
    there several times: the second, third line of one number."""
    named = f"{kind}\n{channel}\n{number}\n{on.isoformat()}\n{place}"
    return hashlib.sha256(named.encode()).hexdigest()[:24]


def stream(difference: str) -> "Stream[State]":
    return Stream(f"difference-{difference}")


def suspect(state: State, about: About, cause: Cause) -> list[Event]:
    """[] if that is on record, or it is confirmed; one that is resolved stays so, unless it has let
    its money go."""
    if not _is_free(state):
        return []
    if (state.status, state.about, state.cause) == ("suspected", about, cause):
        return []
    return [Suspected(about, cause)]


def confirm(
    state: State, about: About, cause: Cause, account: str, entry: Entry | None
) -> list[Event]:
    """[] if it is confirmed already. What is confirmed with other amounts is cleared first."""
    if not _is_free(state):
        return []
    return [Confirmed(about, cause, account, entry)]


def is_same(state: State, about: About) -> bool:
    """Whether that is confirmed or claimed with the same money, or was brought to an end by
    persons."""
    if state.about is None or _is_free(state):
        return False
    if is_ended(state):
        return True
    one, other = state.about, about
    money = (one.ours_fen, one.bill_fen, one.amount_fen, one.flow, one.lacks, one.gross, one.linked)
    return money == (
        other.ours_fen, other.bill_fen, other.amount_fen, other.flow, other.lacks, other.gross,
        other.linked,
    )  # fmt: skip


def clear(state: State, why: Why, entry: Entry | None) -> list[Event]:
    """It is none: `entry` turns that of its confirmation round. [] of what was never found, is
    cleared, or was resolved by persons: that stays."""
    return [Cleared(why, entry)] if state.status in UNDECIDED else []


def propose(
    state: State, resolution: Resolution, by: str, reason: str, to: str = ""
) -> list[Event]:
    """One operator says what is to be done. The same again by the same returns []. Raises
    DIFFERENCE_NOT_FOUND, DIFFERENCE_STATE_WRONG."""
    needed(state)
    wanted = Proposed(resolution, by, reason, to)
    if state.status == "proposed" and state.proposed is not None:
        known = state.proposed
        if (known.resolution, known.by, known.to) == (resolution, by, to):
            return []
        raise _wrong(f"{known.by} has proposed {known.resolution}")
    if state.status != "confirmed":
        raise _wrong(_standing(state))
    return [wanted]


def turn_down(state: State, by: str, reason: str) -> list[Event]:
    """What is proposed is not done, be it a resolution or its undoing: another says so, or who
    proposed takes it back. Raises DIFFERENCE_NOT_FOUND, DIFFERENCE_STATE_WRONG."""
    needed(state)
    if state.status != "proposed" and state.undoing is None:
        raise _wrong(f"nothing is proposed: {_standing(state)}")
    return [TurnedDown(by, reason)]


def refuse_approval(state: State, checker: str) -> bool:
    """Four eyes, of two persons: whether there is something to approve; False: this person has
    done so already. Raises DIFFERENCE_NOT_FOUND, DIFFERENCE_STATE_WRONG, CHECKER_IS_MAKER,
    PERSON_UNKNOWN."""
    needed(state)
    if state.undoing is not None:
        refuse_same(state.undoing.by, checker)
        return True
    if state.status in DECIDED and state.approved_by == checker:
        return False
    if state.status != "proposed" or state.proposed is None:
        raise _wrong(f"nothing is proposed: {_standing(state)}")
    refuse_same(state.proposed.by, checker)
    return True


def approve(
    state: State, by: str, account: str, awaits: str = "", entry: Entry | None = None
) -> list[Event]:
    """What is proposed is done: its money waits on `account` until what `awaits` names is there,
    or the fact that ends it follows at once. Who may say so is asked before (`refuse_approval`).
    [] when it is done."""
    return [Approved(by, account, awaits, entry)] if state.status == "proposed" else []


def resolve(state: State, by: str, entry: Entry | None, linked: str = "") -> list[Event]:
    """Nothing of it waits any more. One that is resolved returns []."""
    return [] if state.status == "resolved" else [Resolved(by, state.account, linked, entry)]


def want_undone(state: State, by: str, reason: str) -> list[Event]:
    """Somebody wants the resolution taken back. The same person again returns []. Raises
    DIFFERENCE_NOT_FOUND, DIFFERENCE_STATE_WRONG."""
    needed(state)
    if state.status not in DECIDED:
        raise _wrong(_standing(state))
    if state.undoing is not None:
        if state.undoing.by == by:
            return []
        raise _wrong(f"{state.undoing.by} wants that already: it is to be approved")
    return [UndoWanted(by, reason)]


def is_claimed(state: State) -> bool:
    """Whether its money is claimed at the channel: a later bill or statement is to bring it."""
    return state.status == "approved" and state.awaits == A_BILL


def has_let_go(state: State) -> bool:
    """Whether it was resolved by turning its confirmation's entry round: it was adopted, or what
    was claimed has come. Found again, it begins anew."""
    adopted = state.proposed is not None and state.proposed.resolution == "adopt"
    return state.status == "resolved" and (adopted or state.awaits == A_BILL)


def is_ended(state: State) -> bool:
    """Whether persons have ended it: its money has gone where they said. A claim waits for it; what
    has let it go begins anew."""
    return state.status in DECIDED and not is_claimed(state) and not has_let_go(state)


def _is_free(state: State) -> bool:
    return state.status in ("none", "reversed", "suspected") or has_let_go(state)


def lead_back(state: State, by: str, reason: str, account: str, entry: Entry | None) -> list[Event]:
    """It is confirmed again, and waits on `account`. One that is no longer resolved returns []."""
    about = needed(state)
    if state.status not in DECIDED:
        return []
    waits_fen = about.amount_fen if account else 0
    return [Undone(by, reason, account, waits_fen, state.account, entry)]


def instruction_id(difference: str, state: State) -> str:
    """Of the next instruction that a difference asks a channel by."""
    return f"diff-{difference}-{state.instructed + 1}"


def id_of(stream: str) -> str:
    return key(stream)


def _standing(state: State) -> str:
    by = state.approved_by
    return f"it is {state.status}, by {by}" if by else f"it is {state.status}"


def _wrong(detail: str) -> Refused:
    return Refused(Code.DIFFERENCE_STATE_WRONG, "difference", detail)


def needed(state: State) -> About:
    """What differs. Raises DIFFERENCE_NOT_FOUND."""
    if state.about is None:
        raise Refused(Code.DIFFERENCE_NOT_FOUND, "difference")
    return state.about


def open_items(state: State) -> OpenItems:
    return {state.account: state.waits_fen} if state.waits_fen else NONE


def evolve(state: State, event: Event) -> State:
    match event:
        case Suspected(about=about, cause=cause):
            return State("suspected", about, cause, instructed=state.instructed)
        case Confirmed(about=about, cause=cause, account=account, entry=entry):
            found = State("confirmed", about, cause, account, entry)
            return replace(found, kept=account, instructed=state.instructed)
        case Cleared():
            return State("reversed", state.about, state.cause, instructed=state.instructed)
        case Proposed():
            return replace(state, status="proposed", proposed=event)
        case TurnedDown():
            if state.undoing is not None:
                return replace(state, undoing=None)
            return replace(state, status="confirmed", proposed=None)
        case Approved(by=by, account=account, awaits=awaits, entry=entry):
            after = replace(state, status="approved", approved_by=by, account=account)
            count = state.instructed + (entry is not None)
            return replace(after, awaits=awaits, approval=entry, instructed=count)
        case Resolved(entry=entry):
            ended = replace(state, status="resolved", account="", ending=entry)
            return replace(ended, undoing=None)
        case UndoWanted():
            return replace(state, undoing=event)
        case Undone(account=account):
            again = State("confirmed", state.about, state.cause, account, state.confirmation)
            return replace(again, kept=account, instructed=state.instructed)
        case _:
            assert_never(event)
