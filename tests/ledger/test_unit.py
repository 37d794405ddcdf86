"""The unit of work: money that would appear or vanish is a defect, and then nothing is recorded."""

from datetime import date
from typing import Any

import pytest

from domain.accounting.account import Posted, PostedLine
from domain.accounting.entry import balanced, credit, debit
from domain.clearing.commands import OpenBooks
from domain.commands import COMMANDS
from domain.kernel import Entry
from domain.ledger.unit import ConservationBroken, Overlay, UnitOfWork
from domain.member.commands import RegisterMember
from domain.payment.transfer import Transferred
from domain.refusals import Code, Refused
from tests.books import Books
from tests.examples import BUYER, FRIEND, MAKER, PAID_AT, PAY_DAY

WALLET, FRIENDS = f"2241.01.{BUYER}", f"2241.01.{FRIEND}"


@pytest.fixture
def books() -> Books:
    books = Books()
    books.do(OpenBooks(PAY_DAY))
    for member in (BUYER, FRIEND):
        books.do(RegisterMember(member, "personal", member))
    return books


@pytest.fixture
def unit(books: Books) -> UnitOfWork:
    return UnitOfWork(Overlay(books._fetch, books._fact_at), PAID_AT, MAKER, "request-1")


def moved(*lines: Any, on: date = PAY_DAY) -> Transferred:
    return Transferred(BUYER, FRIEND, 5, Entry("rule.1", on, "CNY", tuple(lines)))


@pytest.mark.parametrize(
    "fact",
    [
        pytest.param(moved(credit(FRIENDS, 5)), id="money from nowhere"),
        pytest.param(moved(debit("1122.01.JD_PAY", 5), credit(FRIENDS, 6)), id="a fen too much"),
        pytest.param(moved(debit("6711", 5), credit(FRIENDS, 5)), id="outside of the reserve"),
    ],
)
def test_an_entry_that_breaks_conservation_is_a_defect(unit: UnitOfWork, fact: Transferred) -> None:
    with pytest.raises(ConservationBroken):
        unit.record("transfer-X1", [fact])


def test_a_posting_without_its_entry_is_never_written(unit: UnitOfWork) -> None:
    posted = Posted(PAY_DAY, (PostedLine("transfer-X1#1", 0, 5),))
    unit.record(f"account-{WALLET}", [posted])
    unit.overlay.accept(unit)
    with pytest.raises(ConservationBroken):
        unit.overlay.rows(0)


def test_a_posting_of_another_amount_than_its_entry_is_never_written(unit: UnitOfWork) -> None:
    unit.record("transfer-X1", [moved(debit("1122.01.JD_PAY", 5), credit(FRIENDS, 5))])
    stream, version, fact, cause = unit.staged[-1]
    assert isinstance(fact, Posted)
    unit.staged[-1] = (stream, version, Posted(PAY_DAY, (PostedLine("x#1", 0, 4),)), cause)
    unit.overlay.accept(unit)
    with pytest.raises(ConservationBroken):
        unit.overlay.rows(0)


def test_the_floor_is_proved_for_the_whole_entry_not_line_by_line(unit: UnitOfWork) -> None:
    """Money that passes through an empty wallet in one entry is there when it leaves."""
    entry = balanced(
        "rule.1",
        PAY_DAY,
        debit(WALLET, 5),
        credit(FRIENDS, 5),
        debit("1122.01.JD_PAY", 5),
        credit(WALLET, 5),
    )
    unit.record("transfer-X1", [Transferred(BUYER, FRIEND, 5, entry)])
    assert unit.load(f"account-{FRIENDS}").balance_fen == 5


def test_a_refused_command_leaves_nothing_in_the_batch(books: Books, unit: UnitOfWork) -> None:
    with pytest.raises(Refused) as no:
        unit.record("transfer-X1", [moved(debit(WALLET, 5), credit(FRIENDS, 5))])
    assert no.value.code is Code.BALANCE_INSUFFICIENT
    assert (unit.overlay.changed, unit.overlay.slots, unit.overlay.rows(0)) == ({}, [], ([], []))


def test_later_commands_of_a_batch_see_the_earlier_ones(books: Books) -> None:
    batch = Overlay(books._fetch, books._fact_at)
    seen = []
    for n in (1, 2):
        unit = UnitOfWork(batch, PAID_AT, MAKER, f"request-{n}")
        command = RegisterMember("NEW", "personal", "x")
        COMMANDS[RegisterMember].handler(unit, command)
        unit.react()
        seen.append(len(unit.staged))
        batch.accept(unit)
    assert seen == [2, 0]
