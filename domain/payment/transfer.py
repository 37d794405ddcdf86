"""Internal transfer (内部转账): from one member's wallet to another's, done or refused at once.

(none) ──transfer──▶ done
"""

from typing import assert_never

from msgspec import Struct

from domain.kernel import Entry, Fact, Stream
from domain.refusals import Code, Refused


class Transferred(Fact, frozen=True):
    payer: str
    payee: str
    amount_fen: int
    entry: Entry


Event = Transferred


class State(Struct, frozen=True, gc=False):
    done: tuple[str, str, int] | None = None  # payer, payee, fen


def stream(transfer_no: str) -> "Stream[State]":
    return Stream(f"transfer-{transfer_no}")


def transfer(state: State, payer: str, payee: str, amount_fen: int, entry: Entry) -> list[Event]:
    if state.done is None:
        return [Transferred(payer, payee, amount_fen, entry)]
    if state.done == (payer, payee, amount_fen):
        return []
    raise Refused(Code.TRANSFER_EXISTS, "transfer_no")


def evolve(_state: State, event: Event) -> State:
    match event:
        case Transferred():
            return State((event.payer, event.payee, event.amount_fen))
        case _:
            assert_never(event)
