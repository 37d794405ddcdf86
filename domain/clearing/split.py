"""Clearing split (清分): who gets what of a release, and who gives what back for a refund.

Both reactions record the transaction's own clearing fact with its entry; the day's clearing date
and the merchant's cycle say which settlement batch it belongs to. What of a release is withheld for
the merchant's rolling reserve is collected by the bucket of its release date, as is what a refund
takes out again.
"""

from datetime import date, timedelta

from domain.accounting import reserve
from domain.accounting.chart import MERCHANT_DEPOSIT
from domain.accounting.commands import open_accounts
from domain.accounting.owning import there_of, topped_up
from domain.accounting.rules.refund import refund_after_release
from domain.accounting.rules.release import release as release_entry
from domain.clearing import day
from domain.kernel import Reaction, Unit, iso_time, shanghai_date
from domain.member import agreement, member
from domain.member.terms import SettlementTerms, parse_cycle
from domain.refusals import Code, Refused
from domain.transaction import transaction
from domain.transaction.advance import shares_now


def batch_id(merchant: str, clearing_date: date) -> str:
    """The settlement batch of a merchant and a clearing date: `SHOP22-2010-12-08`."""
    return f"{merchant}-{clearing_date.isoformat()}"


def merchant_of_batch(batch_id: str) -> str:
    """The merchant, from a batch's id: what stands before the first dash."""
    return batch_id.partition("-")[0]


def date_of_batch(batch_id: str) -> date:
    """The last clearing date that a batch collects, from its id."""
    return date.fromisoformat(batch_id.partition("-")[2])


def clearing_date(unit: Unit, merchant: str = "") -> date:
    """The date that collects releases now, those of a merchant by its own cut-off. Raises
    DAY_NOT_OPEN."""
    on = unit.load(day.STREAM).clearing_date
    if on is None:
        raise Refused(Code.DAY_NOT_OPEN, "date")
    if not merchant:
        return on
    owner, signed = unit.load(member.stream(merchant)), unit.load(agreement.stream(merchant))
    terms = agreement.terms_on(owner, signed, shanghai_date(unit.at_us))
    return after_own_cut_off(on, terms.cut_off if terms else "", unit.at_us)


def after_own_cut_off(on: date, cut_off: str, at_us: int) -> date:
    """The clearing date of what happens at an instant while `on` is collecting: the next one, once
    a merchant's own cut-off (HH:MM in Shanghai; "": it has none) has passed on that date. What the
    common cut-off has moved on already, and what comes late or early, stays with `on`."""
    if not cut_off or shanghai_date(at_us) != on:
        return on
    return on + timedelta(days=1) if iso_time(at_us)[11:16] >= cut_off else on


def terms_now(unit: Unit, merchant: str) -> SettlementTerms | None:
    """How a merchant is settled by the terms of today; None: it has none yet."""
    state = unit.load(member.stream(merchant))
    return state.settlement_terms_in_force(shanghai_date(unit.at_us))


def batch_for(unit: Unit, merchant: str, on: date) -> str:
    """The batch that what clears on a date belongs to: that of the date by itself or, by a weekly
    or monthly cycle, that of the last date before the next pay day."""
    terms = terms_now(unit, merchant)
    last = on if terms is None else parse_cycle(terms.cycle, "cycle").period_end(on)
    return batch_id(merchant, last)


def release(unit: Unit, reaction: Reaction[transaction.Completed, transaction.State]) -> None:
    """A transaction was completed: release what was not refunded, less the fee on it and less what
    is withheld for the merchant's reserve."""
    state = unit.load(reaction.stream)
    assert state.created is not None
    merchant = state.created.merchant
    on = clearing_date(unit, merchant)
    share = transaction.release_of(state)
    withheld = _withheld(unit, merchant, on, share.net_fen)
    withheld_fen = 0
    if withheld is not None:
        withheld_fen = withheld.amount_fen
        share = share._replace(withheld=withheld)
        open_accounts(unit, (MERCHANT_DEPOSIT,), merchant)
    entry = release_entry(unit.accounting_date, merchant, *share[:2], withheld_fen)
    facts = transaction.clear(share, on, batch_for(unit, merchant, on), entry)
    unit.record(reaction.stream, facts)
    if withheld is not None:
        _collect(unit, merchant, withheld.release_on, withheld_fen, 0)


def _withheld(unit: Unit, merchant: str, on: date, net_fen: int) -> reserve.Share | None:
    """What of a net amount is withheld by the terms of today; None: nothing."""
    terms = terms_now(unit, merchant)
    if terms is None or not (withheld_fen := reserve.share_fen(terms.reserve_bps, net_fen)):
        return None
    release_on = reserve.released_on(on, terms.reserve_days)
    rounds = unit.load(reserve.stream(merchant, release_on)).rounds
    return reserve.Share(release_on, terms.reserve_bps, withheld_fen, rounds)


def _collect(
    unit: Unit, merchant: str, release_on: date, withheld_fen: int, returned_fen: int
) -> None:
    stream = reserve.stream(merchant, release_on)
    unit.record(stream, reserve.open_bucket(unit.load(stream), merchant, release_on))
    unit.record(stream, reserve.collect(withheld_fen, returned_fen))


def take_back(
    unit: Unit, reaction: Reaction[transaction.RefundAccepted, transaction.State]
) -> None:
    """A refund after release: the fee on it comes back, so does its share of the reserve, the
    merchant's money pays the rest, and what is missing is advanced. What of the fee was swept
    comes out of own funds, as what is advanced does."""
    accepted = reaction.fact
    if accepted.stage != "released":
        return
    state = unit.load(reaction.stream)
    assert state.created is not None
    merchant = state.created.merchant
    on = clearing_date(unit, merchant)
    shares = shares_now(unit, state, accepted.amount_fen)
    own_fen = shares.fee_returned_fen - there_of(unit, shares.fee_returned_fen)
    entry = refund_after_release(
        unit.accounting_date, merchant, **shares._asdict(), fee_own_fen=own_fen
    )
    batch = batch_for(unit, merchant, on)
    unit.record(reaction.stream, transaction.clear_refund(accepted, shares, on, batch, entry))
    topped_up(unit, reaction.stream, shares.advanced_fen + own_fen)
    if state.withheld is not None and shares.reserve_returned_fen:
        _collect(unit, merchant, state.withheld.release_on, 0, shares.reserve_returned_fen)
