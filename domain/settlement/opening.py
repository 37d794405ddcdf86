"""Opening settlement batches: for what clears, and for money that no other batch is sure to pay."""

from datetime import date, timedelta

from domain.clearing import split
from domain.kernel import Stream, Unit, shanghai_date
from domain.member import member
from domain.settlement import batch


def open_batch(
    unit: Unit, stream: "Stream[batch.State]", merchant: str, clearing_date: date
) -> None:
    """A new batch, under the terms of today. Raises TERMS_MISSING."""
    terms = unit.load(member.stream(merchant)).settlement_terms_on(shanghai_date(unit.at_us))
    unit.record(stream, batch.open_batch(unit.load(stream), merchant, clearing_date, terms))


def open_next(unit: Unit, merchant: str, *, in_a_month: bool = False) -> None:
    """The batch that clears now, empty or not, if there is none yet; or that of the month's last
    date, for what is too little to be paid: it need not be tried again every day."""
    on = split.clearing_date(unit)
    batch_id = split.batch_for(unit, merchant, _month_end(on) if in_a_month else on)
    stream = batch.stream(batch_id)
    if not unit.version(stream):
        open_batch(unit, stream, merchant, split.date_of_batch(batch_id))


def _month_end(on: date) -> date:
    after = on.replace(day=1) + timedelta(days=31)
    return after.replace(day=1) - timedelta(days=1)
