"""The institution's own books: what it earns while the money still lies in the reserve, what it
pays in, sweeps out and tops up. Source: section 4a of the domain notes.

Own money in the reserve stands on 2202.09, and its mirror 1122.05 has the same balance after every
commit. So whatever moves one moves the other, against the income that was earned or given back.
"""

from datetime import date

from domain.accounting.chart import (
    CAPITAL,
    FEE_EARNED,
    FEE_INCOME,
    INTEREST_INCOME,
    OWN_FUNDS,
    OWN_IN_RESERVE,
    RESERVE,
    TOP_UP_IN_TRANSIT,
)
from domain.accounting.entry import balanced, credit, debit
from domain.kernel import Entry, Line


def earned(income: str, fee_fen: int) -> tuple[Line, Line, Line]:
    """A fee is earned, and stays in the reserve: the lines of an entry that takes it."""
    return (
        credit(FEE_EARNED, fee_fen),
        debit(OWN_IN_RESERVE, fee_fen),
        credit(income, fee_fen),
    )


def given_back(income: str, there_fen: int, own_fen: int) -> tuple[Line, Line, Line]:
    """A fee is given back: `there_fen` still lay in the reserve, `own_fen` was swept, and has to be
    topped up by the same entry. The income of both is taken back."""
    return (
        debit(FEE_EARNED, there_fen),
        credit(OWN_IN_RESERVE, there_fen),
        debit(income, there_fen + own_fen),
    )


def topped_up(amount_fen: int) -> tuple[Line, Line]:
    """Own funds are on their way into the reserve, until the statement shows them."""
    return debit(TOP_UP_IN_TRANSIT, amount_fen), credit(OWN_FUNDS, amount_fen)


def taken_out(amount_fen: int) -> tuple[Line, Line]:
    """Own funds that were advanced are on their way back out of the reserve."""
    return debit(OWN_FUNDS, amount_fen), credit(TOP_UP_IN_TRANSIT, amount_fen)


def mirror_opened(on: date, amount_fen: int) -> Entry:
    """What a ledger from before has on 2202.09 was earned, and is booked as income once."""
    return balanced(
        "mirror_opened.1", on, debit(OWN_IN_RESERVE, amount_fen), credit(FEE_INCOME, amount_fen)
    )


def capital_paid_in(on: date, amount_fen: int) -> Entry:
    return balanced(
        "capital_paid_in.1", on, debit(OWN_FUNDS, amount_fen), credit(CAPITAL, amount_fen)
    )


def buffer_put_in(on: date, amount_fen: int) -> Entry:
    """Own funds are put into the reserve, and stay the institution's own there."""
    return balanced(
        "buffer_put_in.1",
        on,
        debit(RESERVE, amount_fen),
        debit(OWN_IN_RESERVE, amount_fen),
        credit(FEE_EARNED, amount_fen),
        credit(OWN_FUNDS, amount_fen),
    )


def interest_credited(on: date, amount_fen: int) -> Entry:
    """The central bank pays interest on the reserve account: it is own money, and still inside."""
    return balanced(
        "interest_credited.1",
        on,
        debit(RESERVE, amount_fen),
        *earned(INTEREST_INCOME, amount_fen),
    )


def swept(on: date, amount_fen: int) -> Entry:
    """Own money leaves the reserve. It became income when it was earned: nothing is earned now."""
    return balanced(
        "swept.1",
        on,
        debit(FEE_EARNED, amount_fen),
        debit(OWN_FUNDS, amount_fen),
        credit(RESERVE, amount_fen),
        credit(OWN_IN_RESERVE, amount_fen),
    )


def top_up_arrived(on: date, amount_fen: int) -> Entry:
    return balanced(
        "top_up_arrived.1", on, debit(RESERVE, amount_fen), credit(TOP_UP_IN_TRANSIT, amount_fen)
    )


def take_out_left(on: date, amount_fen: int) -> Entry:
    """What was on its way back to own funds has left the reserve."""
    return balanced(
        "take_out_left.1", on, debit(TOP_UP_IN_TRANSIT, amount_fen), credit(RESERVE, amount_fen)
    )
