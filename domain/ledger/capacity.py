"""Capacity: all that the ledger has promised to post, counted, and where the door closes.

Every sum of money is kept in signed 64-bit columns. No account, day or total can leave them while
all that was ever posted, and all that may still be posted without asking at the door again, is
below 2^63 together. That sum is *promised*: one number for the whole ledger.

    a payment is started        + SHARES × amount: everything it can come to is counted at once
    it is declined              − the same: nothing was posted, nothing will be
    a transfer, a reversal      + what its entry debits
    a payout is paid again      + what that can come to
    a withdrawal is asked for   + likewise, fee and all
    a deduction is asked for    + likewise
    a deposit is taken          + likewise

What posts later (a success, a release, a settlement, a refund, a return) promises nothing: it was
counted at the door. So only who starts something can hear `ledger_full`, never an outcome.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from domain.accounting import account, deposit, reversal
from domain.authority import deduction
from domain.kernel import Fact, Recorded
from domain.payment import payment, suspense, transfer, withdrawal
from domain.refusals import Code, Refused
from domain.settlement import batch

LAST_FEN = 2**63 - 1  # The largest number of a column.
DOOR_FEN = 2**62  # Members start nothing beyond; the other half is for the operators' own steps.

# How much can be debited in all for each fen of a payment, on all accounts together.
#   order     1 purchase, 1 release; of what falls due 1, and 3 for its payout: instructed, paid,
#             returned (what recovers a debt costs 2 in place of 4); a refund after release 3:
#             taken back 1, advanced into the reserve 1, paid to the buyer 1. One before release
#             takes 2 in place of all but the purchase. Sent back whole: 2. What is withheld for
#             a reserve falls due with its release instead: 1, or 2 in place of all where that
#             recovers a debt.
#             A plan of several legs waits for itself: 1 more.
#   recharge  1 purchase, or 2 when it is sent back.
SHARES: dict[payment.Purpose, int] = {"order": 9, "recharge": 2}
# A suspense item: booked, on its way back, sent back or kept, placed.
SUSPENSE_SHARES = 4
PAYOUT_SHARES = 3  # Instructed; paid or failed; returned.
# Of a withdrawal, fee and all: asked for; paid or given back; late, or returned; the fee out of own
# funds, which moves them, too.
WITHDRAWAL_SHARES = 4
DEDUCTION_SHARES = 4  # Asked for; paid or given back; late; returned.
# Of a deposit: taken or paid in; given back, and its payout (what recovers a debt costs less).
DEPOSIT_SHARES = 2 + PAYOUT_SHARES


def _started(started: payment.Started) -> int:
    waits = len(started.legs) > 1
    return (SHARES[started.purpose] + waits) * started.amount_fen


def _returned(state: payment.State) -> int:
    """What a decline gives back of the promise. Legs that came in have posted, and go back: a plan
    of several keeps its promise."""
    started = state.started
    return _started(started) if started is not None and len(started.legs) == 1 else 0


def _turned(_state: reversal.State, fact: reversal.Reversed) -> int:
    return sum(line.debit_fen for line in fact.entry.lines)


class Promise(NamedTuple):
    """What a fact adds to what is promised, in fen, given the state of its stream before it; and
    whether a member may start it, or only an operator."""

    fen: Callable[[Any, Any], int]
    by_operators: bool = False


PROMISES: dict[type[Fact], Promise] = {
    payment.Started: Promise(lambda _, fact: _started(fact)),
    payment.Declined: Promise(lambda state, _: -_returned(state)),
    payment.Reopened: Promise(lambda state, _: _returned(state), by_operators=True),
    suspense.Opened: Promise(lambda _, fact: SUSPENSE_SHARES * fact.amount_fen, by_operators=True),
    withdrawal.Requested: Promise(
        lambda _, fact: WITHDRAWAL_SHARES * (fact.amount_fen + fact.fee_fen)
    ),
    deduction.Asked: Promise(lambda _, fact: DEDUCTION_SHARES * fact.amount_fen, by_operators=True),
    deposit.Taken: Promise(lambda _, fact: DEPOSIT_SHARES * fact.amount_fen, by_operators=True),
    transfer.Transferred: Promise(lambda _, fact: fact.amount_fen),
    reversal.Reversed: Promise(_turned, by_operators=True),
    batch.PayoutRetried: Promise(
        lambda _, fact: PAYOUT_SHARES * fact.amount_fen, by_operators=True
    ),
}


def refuse_beyond(promise: Promise, promised_fen: int) -> None:
    """Raises Refused(LEDGER_FULL) when `promised_fen` would be more than who asks may come to."""
    if promised_fen > (LAST_FEN if promise.by_operators else DOOR_FEN):
        raise Refused(Code.LEDGER_FULL)


class CapacityBook:
    """For `verify`: what is promised and what was posted, from the facts alone."""

    def __init__(self, report: Callable[[str, str, str], None], kept: dict[int, int]) -> None:
        """`kept`: what snapshots say was promised, by position."""
        self._report = report
        self._kept = kept
        self._started: dict[str, payment.State] = {}  # Payments without an outcome.
        self._declined: dict[str, payment.State] = {}  # They may come in after all.
        self._promised_fen = 0
        self._posted_fen = 0
        self._said = False

    def take(self, recorded: Recorded) -> None:
        fact, stream = recorded.fact, recorded.stream
        if isinstance(fact, account.Posted):
            self._posted_fen += sum(line.debit_fen for line in fact.lines)
        elif isinstance(fact, payment.Succeeded):
            self._started.pop(stream, None)
        elif promise := PROMISES.get(type(fact)):
            state = self._started.pop(stream, None)
            if isinstance(fact, payment.Reopened):
                state = state or self._declined.pop(stream, None)
            if isinstance(fact, payment.Declined | payment.Reopened) and state is None:
                return  # Never started: another check's finding.
            self._promised_fen += promise.fen(state, fact)
            if isinstance(fact, payment.Declined) and state is not None:
                self._declined[stream] = state
            if isinstance(fact, payment.Reopened) and state is not None:
                self._started[stream] = state
            if isinstance(fact, payment.Started):
                self._started[stream] = payment.State("paying", fact)

    def end_commit(self, number: int, position: int) -> None:
        """Once for each thing that is wrong: what follows cannot be right either."""
        where = f"commit {number}"
        kept_fen = self._kept.pop(position, self._promised_fen)
        if kept_fen != self._promised_fen:
            said = f"{kept_fen} fen are kept as promised, the facts give {self._promised_fen}"
            self._report("capacity", where, said)
        if self._said:
            return
        if self._posted_fen > LAST_FEN:
            said = f"{self._posted_fen} fen were posted in all: sums have left 64 bits"
            self._report("capacity", where, said)
            self._said = True
        elif self._posted_fen > self._promised_fen:
            said = f"{self._posted_fen} fen were posted, {self._promised_fen} promised at the door"
            self._report("capacity", where, said)
            self._said = True

    def end(self, position: int) -> None:
        """What is kept for where no commit ends was never right; beyond `position` the log goes on,
        and the next run will tell."""
        for at in sorted(self._kept):
            if at <= position:
                self._report("capacity", f"position {at}", "is kept where no commit ends")
