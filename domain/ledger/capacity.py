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
    own funds are paid in       + likewise, and what a sweep takes out again
    a verdict, a session, a statement   + what its entry debits
    a difference's money moves  + what its entry debits; a chargeback's, likewise

What posts later (a success, a release, a settlement, a refund, a return) promises nothing: it was
counted at the door. So only who starts something can hear `ledger_full`, never an outcome.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from domain.accounting import account, deposit, own_funds, reversal, topup
from domain.authority import deduction
from domain.kernel import Entry, Fact, Recorded
from domain.payment import payment, suspense, transfer, withdrawal
from domain.reconciliation import chargeback, difference, session, statement, verdict
from domain.refusals import Code, Refused
from domain.settlement import batch

LAST_FEN = 2**63 - 1  # The largest number of a column.
DOOR_FEN = 2**62  # Members start nothing beyond; the other half is for the operators' own steps.

# How much can be debited in all for each fen of a payment, on all accounts together.
#   order     1 purchase, 1 release; of what falls due 1, and 3 for its payout: instructed, paid,
#             returned (what recovers a debt costs 3 in place of 4); a refund after release 4:
#             taken back 1, advanced 1, which arrives in the reserve 1, paid to the buyer 1. A fee
#             costs 3 in place of the 4 for what falls due: earned 1, swept 2; given back it counts
#             as what is advanced. One before release takes 2 in place of all but the purchase.
#             Sent back whole: 2. What is withheld for a reserve falls due with its release
#             instead: 1, or 3 in place of all where that recovers a debt.
#             A plan of several legs waits for itself: 1 more.
#   recharge  1 purchase, or 2 when it is sent back.
SHARES: dict[payment.Purpose, int] = {"order": 10, "recharge": 2}
# A suspense item: booked, on its way back, sent back or kept, placed.
SUSPENSE_SHARES = 4
PAYOUT_SHARES = 3  # Instructed; paid or failed; returned.
# Of a withdrawal: asked for; paid or given back; late, or returned. Of its fee likewise, and
# earned 1, swept 2; given back 3, out of own funds, which arrive.
WITHDRAWAL_SHARES = 3
WITHDRAWAL_FEE_SHARES = 9
DEDUCTION_SHARES = 4  # Asked for; paid or given back; late; returned.
# Of a deposit: taken or paid in; given back, and its payout (what recovers a debt costs less).
DEPOSIT_SHARES = 2 + PAYOUT_SHARES
OWN_SHARES = 4  # Into the reserve, on two accounts; swept, from two.


def _started(started: payment.Started) -> int:
    waits = len(started.legs) > 1
    return (SHARES[started.purpose] + waits) * started.amount_fen


def _returned(state: payment.State) -> int:
    """What a decline gives back of the promise. Legs that came in have posted, and go back: a plan
    of several keeps its promise."""
    started = state.started
    return _started(started) if started is not None and len(started.legs) == 1 else 0


def _posted(_state: Any, fact: Any) -> int:
    """Bills are read, differences proposed and undone as often as it takes: each by itself."""
    entry: Entry | None = fact.entry
    if entry is None:
        return 0
    return sum(line.debit_fen for line in entry.lines) + abs(topup.moved_fen(entry))


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
        lambda _, fact: WITHDRAWAL_SHARES * fact.amount_fen + WITHDRAWAL_FEE_SHARES * fact.fee_fen
    ),
    deduction.Asked: Promise(lambda _, fact: DEDUCTION_SHARES * fact.amount_fen, by_operators=True),
    deposit.Taken: Promise(lambda _, fact: DEPOSIT_SHARES * fact.amount_fen, by_operators=True),
    own_funds.CapitalPaidIn: Promise(lambda _, fact: fact.amount_fen, by_operators=True),
    own_funds.BufferPutIn: Promise(lambda _, fact: OWN_SHARES * fact.amount_fen, by_operators=True),
    own_funds.InterestCredited: Promise(
        lambda _, fact: OWN_SHARES * fact.amount_fen, by_operators=True
    ),
    transfer.Transferred: Promise(lambda _, fact: fact.amount_fen),
    **dict.fromkeys(
        (
            reversal.Reversed,
            verdict.Reached,
            session.Settled,
            statement.Matched,
            difference.Confirmed,
            difference.Cleared,
            difference.Approved,
            difference.Resolved,
            difference.Undone,
            chargeback.Received,
            chargeback.Won,
            chargeback.Met,
            chargeback.Unmet,
        ),
        Promise(_posted, by_operators=True),
    ),
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
