"""Who pays a refund after release, and what comes back with it: pure figures, in fen."""

from domain.accounting.reserve import share_fen
from domain.money import fee_fen
from domain.transaction.transaction import RefundShares, State


def refund_shares(
    state: State, amount_fen: int, pending_fen: int, available_fen: int, reserve_fen: int = 0
) -> RefundShares:
    """The fee on it comes back, and its share of the rolling reserve, of which `reserve_fen` may
    still be held. The merchant pays the rest, first from what is not yet due, then from what is
    available. What is missing is advanced, and becomes the merchant's debt."""
    returned_fen = fee_returned_fen(state, amount_fen)
    unheld_fen = min(reserve_returned_fen(state, amount_fen), reserve_fen)
    owed_fen = amount_fen - returned_fen - unheld_fen
    from_pending_fen = min(owed_fen, max(pending_fen, 0))
    from_available_fen = min(owed_fen - from_pending_fen, max(available_fen, 0))
    advanced_fen = owed_fen - from_pending_fen - from_available_fen
    paid = (from_pending_fen, from_available_fen, advanced_fen)
    return RefundShares(returned_fen, *paid, unheld_fen)


def fee_returned_fen(state: State, amount_fen: int) -> int:
    """What a refund after release gives back of the fee: fee(released) − fee(released − refund)."""
    assert state.created is not None
    rule, before = state.created.fee_rule, state.released_fen
    return fee_fen(rule, before) - fee_fen(rule, before - amount_fen)


def reserve_returned_fen(state: State, amount_fen: int) -> int:
    """What a refund after release takes out of the reserve again: the share of the net before less
    the share of the net after, as the fee."""
    if state.withheld is None:
        return 0
    before, after = state.released_fen, state.released_fen - amount_fen
    return _withheld_of(state, before) - _withheld_of(state, after)


def _withheld_of(state: State, released_fen: int) -> int:
    assert state.created is not None and state.withheld is not None
    net_fen = released_fen - fee_fen(state.created.fee_rule, released_fen)
    return share_fen(state.withheld.bps, net_fen)
