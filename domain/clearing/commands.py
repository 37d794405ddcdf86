"""Commands of the clearing core: the operator opens the books, cuts a day off, closes it."""

from datetime import date

from domain.accounting.commands import open_institution_accounts
from domain.channel.channels import FOUNDING
from domain.clearing import day
from domain.clearing.netting import positions_on
from domain.kernel import Command, Unit, shanghai_date
from domain.refusals import Code, Refused


class OpenBooks(Command, frozen=True):
    """Open the institution's accounts and the ledger's first business day, once."""

    first_date: date


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


def _refuse_future(unit: Unit, on: date) -> None:
    if shanghai_date(unit.at_us) < on:
        raise Refused(Code.DAY_NOT_BEGUN, "date", f"{on} has not begun in Shanghai")
