"""What is attached to an account: a queue of orders, each with what it stops. Pure, in fen.

    balance ── fills ──▶ first order ── what is over ──▶ second ── … ──▶ free

Who came first is filled first, whatever arrives later. So a freeze that waits (轮候冻结) needs no
step of its own: it stops what the ones before it leave, at every moment. The queue is bounded.
"""

from domain.refusals import Code, Refused

WHOLE_FEN = 2**63 - 1  # All there is, and all that comes: more than an account can ever have.
MOST = 20  # Orders that stand on one account at once.

Queue = tuple[tuple[str, int], ...]  # (order, fen), in the order they came.


def sum_fen(queue: Queue) -> int:
    """All that is attached, whether it is there or not; at most `WHOLE_FEN`."""
    return min(sum(fen for _, fen in queue), WHOLE_FEN)


def filled_fen(queue: Queue, there_fen: int) -> int:
    """How much of the money that is there is stopped."""
    return min(sum_fen(queue), max(there_fen, 0))


def share_fen(queue: Queue, order: str, stopped_fen: int) -> int:
    """What of the stopped money is stopped for one order; 0 for one that waits."""
    left_fen = stopped_fen
    for one, fen in queue:
        mine_fen = min(fen, left_fen)
        if one == order:
            return mine_fen
        left_fen -= mine_fen
    return 0


def stopped_of(balance_fen: int, held_fen: int, attached_fen: int, attached_all: int) -> int:
    """What is stopped of a balance: `attached_fen` by orders over an amount, and everything where
    `attached_all` orders are over all there is."""
    there_fen = max(balance_fen - held_fen, 0)
    return there_fen if attached_all else min(attached_fen, there_fen)


def available_of(balance_fen: int, held_fen: int, attached_fen: int, attached_all: int) -> int:
    """What is neither held nor stopped."""
    stopped_fen = stopped_of(balance_fen, held_fen, attached_fen, attached_all)
    return balance_fen - held_fen - stopped_fen


def holds(queue: Queue, order: str) -> bool:
    return any(one == order for one, _ in queue)


def left_fen(queue: Queue, order: str) -> int | None:
    """What an order stops at most; None: all there is."""
    fen = dict(queue).get(order, 0)
    return None if fen == WHOLE_FEN else fen


def joined(queue: Queue, order: str, amount_fen: int | None) -> Queue:
    """With an order at the end; None: all there is."""
    return (*queue, (order, WHOLE_FEN if amount_fen is None else amount_fen))


def refuse_beyond(order: str, there_fen: int, wanted_fen: int) -> None:
    """Raises DEDUCTION_BEYOND: an order takes no more than what is there for it."""
    if wanted_fen > there_fen:
        detail = f"{there_fen} fen are there and stopped for {order}"
        raise Refused(Code.DEDUCTION_BEYOND, "amount_fen", detail)


def changed(queue: Queue, order: str, by_fen: int) -> Queue:
    """With so much more, or less, for one order; all there is stays all there is."""
    return tuple(
        (one, fen if one != order or fen == WHOLE_FEN else fen + by_fen) for one, fen in queue
    )


def without(queue: Queue, order: str) -> Queue:
    return tuple(pair for pair in queue if pair[0] != order)


def stopped(account: str, queue: Queue, short_fen: int, field: str = "account") -> Refused:
    """Why money does not leave: it is there, and stopped."""
    by = ", ".join(order.lstrip(":") for order, fen in queue if fen)
    return Refused(
        Code.ACCOUNT_FROZEN, field, f"{account}: {short_fen} fen short, stopped for {by}"
    )
