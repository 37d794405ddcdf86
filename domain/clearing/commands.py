"""Commands of the clearing core: the operator opens the books, cuts a day off, closes it."""

from datetime import date

from domain.accounting.commands import open_institution_accounts
from domain.channel.channels import FOUNDING
from domain.clearing import certificate, day
from domain.clearing.netting import positions_on
from domain.kernel import Command, Unit, shanghai_date
from domain.refusals import Code, Refused


class OpenBooks(Command, frozen=True):
    """Open the institution's accounts and the ledger's first business day, once."""

    first_date: date


class CertifyReserve(Command, frozen=True):
    """Certify the reserve as it was when a business day was closed, once. The figures come from the
    read models; `verify` proves them from the facts."""

    date: date
    position: int
    head_hash: str
    totals: tuple[certificate.Total, ...]
    sections: tuple[certificate.Section, ...]


class CutOffDay(Command, frozen=True):
    date: date


class CloseDay(Command, frozen=True):
    date: date


def open_books(unit: Unit, command: OpenBooks) -> dict[str, object]:
    state = unit.load(day.STREAM)
    unit.record(day.STREAM, day.open_first(state, command.first_date))
    open_institution_accounts(unit, FOUNDING)
    return {"open_date": command.first_date.isoformat()}


def cut_off_day(unit: Unit, command: CutOffDay) -> dict[str, object]:
    _refuse_future(unit, command.date)
    unit.record(day.STREAM, day.cut_off(unit.load(day.STREAM), command.date))
    return {"date": command.date.isoformat()}


def close_day(unit: Unit, command: CloseDay) -> dict[str, object]:
    """Close the open day with its net positions and open the next one. Closing it twice changes
    nothing. Raises DAY_NOT_OPEN, DAY_NOT_THE_OPEN_ONE, DAY_NOT_BEGUN."""
    _refuse_future(unit, command.date)
    state = unit.load(day.STREAM)
    facts = day.close(state, command.date, positions_on(command.date, unit.load))
    unit.record(day.STREAM, facts)
    after = unit.load(day.STREAM)
    open_date = after.open_date.isoformat() if after.open_date else None
    return {"date": command.date.isoformat(), "closed_now": bool(facts), "open_date": open_date}


def certify_reserve(unit: Unit, command: CertifyReserve) -> dict[str, object]:
    """Raises DAY_NOT_OPEN, DAY_NOT_THE_OPEN_ONE for a day that is not over, RESERVE_PROOF_WRONG."""
    if not day.is_over(unit.load(day.STREAM), command.date):
        raise Refused(Code.DAY_NOT_THE_OPEN_ONE, "date", f"{command.date} is not closed")
    stream = certificate.stream(command.date)
    facts = certificate.certify(
        unit.load(stream), command.position, command.head_hash, command.totals, command.sections
    )
    unit.record(stream, facts)
    return {"date": command.date.isoformat(), "certified_now": bool(facts)}


def _refuse_future(unit: Unit, on: date) -> None:
    if shanghai_date(unit.at_us) < on:
        raise Refused(Code.DAY_NOT_BEGUN, "date", f"{on} has not begun in Shanghai")
