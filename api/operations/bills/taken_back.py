"""What owners were told by a statement, and its newest version does not show any more.

A payout that came back, or a movement of own funds, is posted by its owner, who has acted on it: it
stays. What the bank has taken back of it is a difference, so that the reserve is what it says.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from msgspec import Struct
from sqlalchemy import Connection

from api.operations.bills import bank_lines
from domain.channel.channels import PAYOUT_CHANNEL
from domain.kernel import Command
from domain.ledger.ledger import Ledger
from domain.reconciliation import difference, statement
from domain.reconciliation.difference import About, difference_id
from domain.reconciliation.funding import ClearDifference, FindDifference
from domain.reconciliation.statement import Told
from projections.models import outgoings
from projections.models.outgoings import Outgoing

CHUNK = 400


class Finding(Struct, frozen=True):
    """A difference that there is, or was, and the command that says so."""

    difference: str
    command: Command


def compared(
    ledger: Ledger, connection: Connection, shown: Mapping[date, tuple[Told, ...]]
) -> Iterator[Finding]:
    """Of the statements of some days, and what their newest versions show."""
    back: dict[str, None] = {}
    for day, now in shown.items():
        last = ledger.state(statement.stream(PAYOUT_CHANNEL, day)).last
        for told in last.told if last is not None else ():
            if told.what == "came_back":
                back[told.about] = None
            else:
                yield from _own(ledger, day, told, now)
    yield from _returns(ledger, connection, list(back))


def _own(ledger: Ledger, day: date, told: Told, now: tuple[Told, ...]) -> Iterator[Finding]:
    came = told.amount_fen > 0
    shown_fen = sum(
        one.amount_fen
        for one in now
        if (one.what, one.about, one.amount_fen > 0) == (told.what, told.about, came)
    )
    about = _about(told.about, day, came=came, told_fen=told.amount_fen, shown_fen=shown_fen)
    yield from _said(ledger, about, f"told+{told.what}+{told.about}")


def _returns(ledger: Ledger, connection: Connection, back: list[str]) -> Iterator[Finding]:
    """A payout comes back once, whichever statement shows it: its difference is of the day on which
    it was paid."""
    for start in range(0, len(back), CHUNK):
        some = back[start : start + CHUNK]
        shown = bank_lines.came_back(connection, some)
        for one in outgoings.outgoings(connection, some):
            yield from _return(ledger, one, shown.get(one.instruction_id, 0))


def _return(ledger: Ledger, one: Outgoing, shown_fen: int) -> Iterator[Finding]:
    about = _about(
        one.number, one.paid_on or one.asked_on, came=True, told_fen=one.came_fen,
        shown_fen=shown_fen, instruction_id=one.instruction_id,
    )  # fmt: skip
    yield from _said(ledger, about, f"told+{one.instruction_id}")


def _about(
    number: str, on: date, *, came: bool, told_fen: int, shown_fen: int, instruction_id: str = ""
) -> About:
    """What came in and did not come has left again; what went out and did not go is there."""
    return About(
        kind="payout_missing_here" if came else "receipt_unknown",
        channel=PAYOUT_CHANNEL,
        number=number,
        on=on,
        flow="payout" if came else "receipt",
        lacks="here",
        ours_fen=abs(told_fen),
        bill_fen=abs(shown_fen),
        amount_fen=abs(told_fen) - abs(shown_fen),
        instruction_id=instruction_id,
    )


def _said(ledger: Ledger, about: About, place: str) -> Iterator[Finding]:
    one = difference_id(about.kind, about.channel, about.number, about.on, place)
    if about.amount_fen > 0:
        yield Finding(one, FindDifference(about, place=place))
    elif ledger.state(difference.stream(one)).status != "none":
        yield Finding(one, ClearDifference(one, "matched"))
