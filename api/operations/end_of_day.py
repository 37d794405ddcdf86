"""The end of a business day: confirm what is due, release reserves, cut off, seal, settle, pay out,
close, certify the reserve.

Every step is a command of its own with a number made of what it is about and the day it runs on:
killed anywhere, the run is repeated and goes on where it stopped. A step that is refused (a frozen
account, an unpublished calendar) is reported, stays as it is, and is tried again the next day.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from msgspec import Struct

from api.operations import reserve_proof
from api.operations.desk import WORKER, Desk, in_chunks, outcomes, record_outcomes, request
from domain.clearing import day as business
from domain.clearing.commands import CloseDay, CutOffDay
from domain.kernel import DAY_US, MICROSECONDS, Command, Request, day_end_us
from domain.ledger.answer import Answer, Refusal
from domain.refusals import Code, Refused
from domain.settlement.commands import ReviewBatch, SealBatch, SettleBatch
from domain.settlement.reserving import ReleaseReserve
from domain.transaction.commands import ConfirmReceipt
from projections.models import instructions, reserves, settlement_batches, transactions

SEALER = "system:clearing"  # Seals; the settler reviews: two different hands.
SETTLER = "system:settlement"
PAGE = 1_000
HOUR_US = 3600 * MICROSECONDS
ALL = 2**31  # However many merchants there are: a day must not end with a batch left out.


class Hindrance(Struct, frozen=True):
    """A step that was refused, and why."""

    subject: str
    refusal: Refusal


class DayReport(Struct, frozen=True):
    """What an end-of-day run did; counts of this run only."""

    day: date
    confirmed: int
    released: int
    sealed: int
    settled: int
    payouts: int
    closed: bool
    open_date: date | None
    hindrances: list[Hindrance]


def _new(answers: Sequence[Answer]) -> int:
    return sum(answer.refused is None and not answer.replayed for answer in answers)


def _hindrances(subjects: Sequence[str], answers: Sequence[Answer]) -> list[Hindrance]:
    return [
        Hindrance(subject, answer.refused)
        for subject, answer in zip(subjects, answers, strict=True)
        if answer.refused is not None
    ]


def confirmation(transaction_id: str, at_us: int, now_us: int) -> Request:
    """The timer's confirmation of a transaction, at the time it ran out.

    It is tried once an hour until it is taken: a refusal (a frozen account) is kept with its
    number, which therefore is that of the attempt, and not of the timer.
    """
    command = ConfirmReceipt(transaction_id, "timer")
    return request(f"confirm:{transaction_id}:{now_us // HOUR_US}", at_us, command)


def confirm_due(desk: Desk, until_us: int) -> tuple[int, list[Hindrance]]:
    """Confirm every transaction whose timer has run out by an instant, at the time it ran out."""
    confirmed, hindrances = 0, list[Hindrance]()
    desk.catch_up()
    last: transactions.Timer | None = None
    while True:
        with desk.engine.connect() as connection:
            due = transactions.awaiting_confirmation(connection, until_us, PAGE, last)
        if not due:
            return confirmed, hindrances
        requests = [confirmation(one.transaction_id, one.confirm_by_us, until_us) for one in due]
        answers = in_chunks(desk.ledger, requests)
        hindrances += _hindrances([one.transaction_id for one in due], answers)
        confirmed += _new(answers)
        last = due[-1]


def release_due(desk: Desk, on: date, at_us: int) -> tuple[int, list[Hindrance]]:
    """Release every reserve whose date has come, before the cut-off: so that the batch of the day,
    which is opened if there is none, pays it out."""
    released, hindrances = 0, list[Hindrance]()
    desk.catch_up()
    last: reserves.Reserve | None = None
    while True:
        with desk.engine.connect() as connection:
            due = reserves.due(connection, on, PAGE, last)
        if not due:
            return released, hindrances
        requests = [
            request(
                f"reserve.release:{one.reserve_id}:{on}",
                at_us,
                ReleaseReserve(one.member_id, one.release_on),
                SETTLER,
            )
            for one in due
        ]
        answers = in_chunks(desk.ledger, requests)
        released += _new(answers)
        hindrances += _hindrances([one.reserve_id for one in due], answers)
        last = due[-1]


def _each(
    desk: Desk, ids: Sequence[str], make: Callable[[str], tuple[str, Command]], at_us: int, by: str
) -> list[Answer]:
    requests = []
    for one in ids:
        number, command = make(one)
        requests.append(request(number, at_us, command, by))
    return in_chunks(desk.ledger, requests)


def cut_off_and_seal(desk: Desk, on: date, at_us: int) -> tuple[int, list[Hindrance]]:
    """Cut the clearing date off, then seal and review every batch up to it."""
    desk.ledger.submit(request(f"day.cut_off:{on}", at_us, CutOffDay(on))).unwrap()
    desk.catch_up()
    with desk.engine.connect() as connection:
        ids = [item.batch_id for item in settlement_batches.to_seal(connection, on, ALL)]
    sealed = _each(desk, ids, lambda one: (f"batch.seal:{one}:{on}", SealBatch(one)), at_us, SEALER)
    return _new(sealed), _hindrances(ids, sealed)


def settle_due(desk: Desk, on: date, at_us: int) -> tuple[int, int, list[Hindrance]]:
    """Review and settle every sealed batch that is due, and pay out: (settled, payouts, …)."""
    desk.catch_up()
    with desk.engine.connect() as connection:
        due = [item.batch_id for item in settlement_batches.to_settle(connection, on, ALL)]
    reviewed = _each(
        desk, due, lambda one: (f"batch.review:{one}:{on}", ReviewBatch(one)), at_us, SETTLER
    )
    ids, unseen = _looked_at(desk, due, at_us)
    settled = _each(
        desk, ids, lambda one: (f"batch.settle:{one}:{on}", SettleBatch(one)), at_us, SETTLER
    )
    paid = record_outcomes(desk, outcomes(desk, _issued_payouts(desk)), at_us)
    hindrances = _hindrances(due, reviewed) + unseen + _hindrances(ids, settled)
    return _new(settled), _new(paid), hindrances


def _looked_at(desk: Desk, batch_ids: list[str], at_us: int) -> tuple[list[str], list[Hindrance]]:
    """Those whose merchants were looked up in the lists, before money leaves."""
    looked: list[str] = []
    hindrances: list[Hindrance] = []
    for one in batch_ids:
        try:
            if desk.screening is not None:
                desk.screening.before(SettleBatch(one), at_us)
        except Refused as no:
            hindrances.append(Hindrance(one, Refusal(no.code, no.field, no.detail)))
        else:
            looked.append(one)
    return looked, hindrances


def _issued_payouts(desk: Desk) -> list[str]:
    """Every payout that was instructed and not carried out, in the order they were issued.

    Those a killed run left behind are among them: their batches are no longer due to be settled.
    """
    desk.catch_up()
    found: list[str] = []
    after = 0
    with desk.engine.connect() as connection:
        while page := instructions.open_instructions(connection, PAGE, after):
            after = page[-1].issued_position
            issued = [one for one in page if one.purpose == "payout" and one.state == "issued"]
            found += [one.instruction_id for one in issued]
    return found


def _certified(desk: Desk, on: date, at_us: int) -> list[Hindrance]:
    """Certify the reserve of a day that is closed, if it is not yet."""
    subject = f"certificate-{on}"
    try:
        answer = reserve_proof.certify(desk, on, at_us)
    except Refused as no:  # Not now: the next day's end does it.
        return [Hindrance(subject, Refusal(no.code, no.field, no.detail))]
    return [] if answer is None else _hindrances([subject], [answer])


def certify_closed(desk: Desk) -> None:
    """Certify the day that was closed last, as its end would have: that was killed before it came
    to that."""
    open_date = desk.ledger.state(business.STREAM).open_date
    if open_date is not None:
        on = open_date - timedelta(days=1)
        _certified(desk, on, day_end_us(on) - 1)


def end_of_day(desk: Desk, on: date, at_us: int | None = None) -> DayReport:
    """Run the end of the open business day: 24:00 Shanghai unless another instant is given.

    Running it again for a day that is over changes nothing. Raises Refused(DAY_NOT_OPEN,
    DAY_NOT_THE_OPEN_ONE, DAY_NOT_BEGUN), before anything is submitted: a refusal is kept with its
    number for ever, and this day's numbers are still to be used.
    """
    at_us = day_end_us(on) - 1 if at_us is None else at_us
    state = desk.ledger.state(business.STREAM)
    if business.is_over(state, on):
        _certified(desk, on, at_us)  # A run that was killed before it came to that.
        return DayReport(on, 0, 0, 0, 0, 0, False, state.open_date, [])
    if at_us < day_end_us(on) - DAY_US:
        raise Refused(Code.DAY_NOT_BEGUN, "date", f"{on} has not begun in Shanghai")
    _certified(desk, on - timedelta(days=1), at_us)
    confirmed, hindrances = confirm_due(desk, at_us)
    released, more = release_due(desk, on, at_us)
    hindrances += more
    sealed, more = cut_off_and_seal(desk, on, at_us)
    hindrances += more
    settled, payouts, more = settle_due(desk, on, at_us)
    hindrances += more
    close = request(f"day.close:{on}", at_us, CloseDay(on), WORKER)
    closed = desk.ledger.submit(close)
    closed.unwrap()
    hindrances += _certified(desk, on, at_us)
    state = desk.ledger.state(business.STREAM)
    return DayReport(
        day=on,
        confirmed=confirmed,
        released=released,
        sealed=sealed,
        settled=settled,
        payouts=payouts,
        closed=_new([closed]) == 1,
        open_date=state.open_date,
        hindrances=hindrances,
    )
