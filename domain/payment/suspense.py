"""Suspense item (挂账): money that a channel moved otherwise than it was asked, one item each.

    (none) ──open──▶ waiting ──send back──▶ sending_back ──▶ sent_back
              │        │  ▲                      └──▶ waiting again, or placed: in the wallet
              │        └──┼──place──▶ placed      (an operator, reconciliation)
              └──▶ placed │ (it had a place at once)

Surplus (长款: a second charge, another amount) waits on 2241.08 or is on its way back on 2241.07;
shortage (短款: what a channel took back or paid twice) waits on 1122.04 for reconciliation. An item
is named after the instruction, the kind and the channel's serial, so that it is booked once.
"""

import hashlib
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.chart import CHANNEL_SURPLUS, REFUND_IN_TRANSIT, split_id
from domain.accounting.open_items import NONE, OpenItems, suspense_of
from domain.kernel import Entry, Fact, Stream, key
from domain.payment.contradiction import Kind
from domain.refusals import Code, Refused

Status = Literal["none", "waiting", "sending_back", "sent_back", "placed"]


class Opened(Fact, frozen=True, omit_defaults=True):
    """`amount_fen` is what `serial` moved beyond, or in place of, what was asked; `waits_fen` of it
    wait on `account`. `reference` is the stream the instruction was for, `party` whose money it is;
    `part` the transaction, of a combined order.
    """

    kind: Kind
    instruction_id: str
    reference: str
    serial: str
    channel: str
    party: str
    amount_fen: int
    waits_fen: int
    account: str
    entry: Entry
    part: str = ""


class SendBackStarted(Fact, frozen=True):
    """Without an entry its money was on its way back when it was booked."""

    amount_fen: int
    entry: Entry | None


class SentBack(Fact, frozen=True):
    amount_fen: int
    entry: Entry


class SendBackFailed(Fact, frozen=True):
    """The channel declined; the entry says where the money is kept."""

    amount_fen: int
    reason: str
    entry: Entry


class Placed(Fact, frozen=True):
    """Somebody has found its place."""

    amount_fen: int
    where: Literal["wallet"]
    by: str
    entry: Entry


Event = Opened | SendBackStarted | SentBack | SendBackFailed | Placed


class State(Struct, frozen=True, gc=False):
    status: Status = "none"
    opened: Opened | None = None
    account: str = ""  # Where it waits.


def item_id(instruction_id: str, kind: Kind, serial: str) -> str:
    """The item's id: short enough for every channel, whatever the serial is made of."""
    named = f"{instruction_id}\n{kind}\n{serial}"
    return hashlib.sha256(named.encode()).hexdigest()[:24]


def opened(
    kind: Kind,
    instruction_id: str,
    reference: str,
    serial: str,
    channel: str,
    party: str,
    amount_fen: int,
    waits_fen: int,
    account: str,
    entry: Entry,
    part: str = "",
) -> Opened:
    """What is to be opened."""
    return Opened(
        kind, instruction_id, reference, serial, channel, party, amount_fen, waits_fen, account,
        entry, part,
    )  # fmt: skip


def stream(item: str) -> "Stream[State]":
    return Stream(f"suspense-{item}")


def send_back_id(stream: str) -> str:
    """Of the instruction that asks the channel to take a surplus back."""
    return f"extra-{key(stream)}"


def open_item(state: State, wanted: Opened) -> list[Event]:
    """Once: the same money again returns []."""
    return [wanted] if state.opened is None else []


def is_surplus(state: State) -> bool:
    """Whether it waits for somebody to have it."""
    return state.status == "waiting" and split_id(state.account)[0] == CHANNEL_SURPLUS


def send_back(state: State, entry: Entry | None) -> list[Event]:
    """Of what waits. An item that is on its way, or has gone, returns []."""
    opened = needed(state)
    if state.status != "waiting":
        return []
    return [SendBackStarted(opened.waits_fen, entry)]


def complete_send_back(state: State, entry: Entry) -> list[Event]:
    opened = needed(state)
    return [SentBack(opened.waits_fen, entry)] if state.status == "sending_back" else []


def fail_send_back(state: State, reason: str, entry: Entry) -> list[Event]:
    opened = needed(state)
    if state.status != "sending_back":
        return []
    return [SendBackFailed(opened.waits_fen, reason, entry)]


def place(state: State, by: str, entry: Entry) -> list[Event]:
    """To the payer's wallet; again returns []. Raises SUSPENSE_NOT_FOUND, SUSPENSE_STATE_WRONG."""
    opened = needed(state)
    if state.status == "placed":
        return []
    if not is_surplus(state):
        detail = f"it is {state.status}"
        if state.status == "waiting":
            detail = f"it is a shortage, on {state.account}: there is nothing to give away"
        raise Refused(Code.SUSPENSE_STATE_WRONG, "item", detail)
    return [Placed(opened.waits_fen, "wallet", by, entry)]


def needed(state: State) -> Opened:
    """What was opened. Raises SUSPENSE_NOT_FOUND."""
    if state.opened is None:
        raise Refused(Code.SUSPENSE_NOT_FOUND, "item")
    return state.opened


def open_items(state: State) -> OpenItems:
    if state.opened is None or not state.account:
        return NONE
    return {state.account: state.opened.waits_fen}


def evolve(state: State, event: Event) -> State:
    match event:
        case Opened(account=account):
            return State("waiting" if account else "placed", event, account)
        case SendBackStarted():
            return replace(state, status="sending_back", account=REFUND_IN_TRANSIT)
        case SentBack():
            return replace(state, status="sent_back", account="")
        case SendBackFailed(entry=entry):
            kept = suspense_of(entry)
            return replace(state, status="waiting" if kept else "placed", account=kept)
        case Placed():
            return replace(state, status="placed", account="")
        case _:
            assert_never(event)
