"""The sandbox (沙箱): outcomes on demand, by an amount or by a page; only with `--sandbox`.

An amount that ends in 90.01, 90.02, … yuan asks for the outcome of that number, whatever payers and
chance would do; `simulator/pages.py` has a page for every order on which somebody chooses one. An
outcome is a row: which faults strike for certain, why it is declined, when it ends. What was asked
for stands with the order, so it holds over a restart, and nothing is drawn for that order any more.
"""

import json
from typing import Literal

from msgspec import Struct

from simulator.clock import SECOND
from simulator.orders import Order

Kind = Literal["payment", "refund", "payout"]
MARK, SILENT = "sandbox", "silent_until_us"  # In an order's detail.
FIRST_FEN, ROUND_FEN = 9_000, 10_000  # …90.00 asks for nothing, …90.01 for the first outcome.
SOON, SLOWLY, UNKNOWN_FOR = SECOND, 20 * SECOND, 12 * SECOND
NEXT = 5 * SECOND  # How long after an end what contradicts it comes.


class Outcome(Struct, frozen=True):
    """`faults`: those that strike; `code`: why it is declined; `after`: when it ends (µs; None:
    only by somebody's act); `silent`: until then nobody says what became of it."""

    number: int
    kind: Kind
    what: str
    faults: frozenset[str] = frozenset()
    code: str = ""
    after: int | None = SOON
    silent: bool = False


def _declined(number: int, what: str, code: str) -> Outcome:
    return Outcome(number, "payment", what, frozenset({"decline_payer"}), code)


OUTCOMES = {
    one.number: one
    for one in (
        _declined(1, "declined: the payer has not enough money", "PAYER_NO_FUNDS"),
        _declined(2, "declined: the payer cancelled", "PAYER_CANCELLED"),
        _declined(3, "declined: above the payer's limit", "PAYER_LIMIT"),
        Outcome(
            4,
            "payment",
            "declined by the channel, which is down",
            frozenset({"decline_channel"}),
            "CHANNEL_DOWN",
        ),
        Outcome(10, "payment", "paid at once"),
        Outcome(11, "payment", "paid slowly, after 20 seconds", after=SLOWLY),
        Outcome(
            12,
            "payment",
            "unknown for 12 seconds, then paid",
            after=UNKNOWN_FOR,
            silent=True,
        ),
        Outcome(
            13,
            "payment",
            "unknown for 12 seconds, then declined",
            frozenset({"decline_payer"}),
            "PAYER_NO_FUNDS",
            UNKNOWN_FOR,
            silent=True,
        ),
        Outcome(14, "payment", "paid, and charged a second time", frozenset({"second_charge"})),
        Outcome(15, "payment", "more is taken: 103 instead of 100", frozenset({"wrong_more"})),
        Outcome(16, "payment", "less is taken: 90 instead of 100", frozenset({"wrong_less"})),
        Outcome(17, "payment", "paid, and nobody calls back", frozenset({"callback_never"})),
        Outcome(18, "payment", "paid, and called back twice", frozenset({"callback_duplicate"})),
        Outcome(19, "payment", "paid, then taken back", frozenset({"decline_after_success"})),
        Outcome(
            20,
            "payment",
            "not paid; once it is closed it is paid after all",
            frozenset({"late_success"}),
            after=None,
        ),
        Outcome(41, "refund", "declined", frozenset({"refund_declined"})),
        Outcome(
            42,
            "refund",
            "declined, and paid after all",
            frozenset({"refund_declined", "late_end"}),
        ),
        Outcome(43, "refund", "paid slowly, after 20 seconds", after=SLOWLY),
        Outcome(44, "refund", "abnormal: the card is gone", frozenset({"refund_abnormal"})),
        Outcome(45, "refund", "unknown for 12 seconds, then paid", after=UNKNOWN_FOR, silent=True),
        Outcome(61, "payout", "declined: the account is closed", frozenset({"payee_closed"})),
        Outcome(62, "payout", "declined: another name's account", frozenset({"payee_name_wrong"})),
        Outcome(63, "payout", "paid, then returned", frozenset({"payout_returned"})),
        Outcome(64, "payout", "paid slowly, after 20 seconds", after=SLOWLY),
        Outcome(
            65,
            "payout",
            "declined, and paid after all",
            frozenset({"payee_closed", "late_end"}),
        ),
        Outcome(66, "payout", "unknown for 12 seconds, then paid", after=UNKNOWN_FOR, silent=True),
    )
}


def by_amount(kind: str, amount: int) -> Outcome | None:
    """What an amount asks for, of a payment (or a combined order), refund or payout."""
    found = OUTCOMES.get(amount % ROUND_FEN - FIRST_FEN)
    wanted = "payment" if kind == "whole" else kind
    return found if found is not None and found.kind == wanted else None


def mark(order: Order, outcome: Outcome, now_us: int) -> None:
    """Notes in an order's detail what is to become of it; the caller saves it."""
    noted: dict[str, int] = {MARK: outcome.number}
    if outcome.silent and outcome.after is not None:
        noted[SILENT] = now_us + outcome.after
    order.detail = json.dumps({**order.details(), **noted})


def marked(order: Order) -> Outcome | None:
    """What was asked for; None where nobody asked for anything."""
    if f'"{MARK}"' not in order.detail:  # Most orders: not worth a decoding.
        return None
    return OUTCOMES.get(order.details().get(MARK, 0))


def is_silent(order: Order, now_us: int) -> bool:
    """Whether nobody may say yet what became of it."""
    return f'"{SILENT}"' in order.detail and now_us < order.details().get(SILENT, 0)
