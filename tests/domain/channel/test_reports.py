"""What a channel reports of numbers that nobody knows: once, bounded, until somebody settles it."""

from typing import Any

import pytest

from domain.channel import channel
from domain.channel.channel import MOST_REPORTS, State, UnknownNumberReported, UnknownNumberSettled
from domain.channel.commands import ReportUnknownNumber, SettleReport
from domain.kernel import Command
from domain.refusals import Code
from tests.books import Books, names, refusal
from tests.scenario import Scenario

given = Scenario(channel.evolve, State()).given
SAID = ("pay-P9", "payment", "succeeded")
FIRST = UnknownNumberReported(1, "pay-P9", "payment", "succeeded", "S1", 700)
SETTLED = UnknownNumberSettled(1, "a test", "operator:1")


def report(state: State, serial: str = "S1", **more: Any) -> list[channel.Event]:
    return channel.report_unknown(state, *SAID, serial=serial, amount_fen=700, **more)


def settle(state: State, number: int = 1, reason: str = "a test") -> list[channel.Event]:
    return channel.settle_report(state, number, reason, "operator:1")


def test_the_same_said_again_is_the_same_report() -> None:
    given().when(report).then(FIRST)
    given(FIRST).when(report).then()
    given(FIRST, SETTLED).when(report).then()
    other = UnknownNumberReported(2, "pay-P9", "payment", "succeeded", "S2", 700)
    given(FIRST).when(report, "S2").then(other)


def test_it_is_settled_once() -> None:
    given(FIRST).when(settle).then(SETTLED)
    given(FIRST, SETTLED).when(settle).then()
    given(FIRST, SETTLED).when(settle, 1, "no test").refused(Code.REPORT_SETTLED, "report")
    given(FIRST).when(settle, 2).refused(Code.REPORT_NOT_FOUND, "report")
    given(FIRST).when(settle, 0).refused(Code.REPORT_NOT_FOUND, "report")


def test_so_many_are_kept_and_none_that_is_open_is_forgotten() -> None:
    state = State()
    for place in range(MOST_REPORTS):
        for fact in report(state, f"S{place}"):
            state = channel.evolve(state, fact)
    assert (state.reported, report(state, "one too many")) == (MOST_REPORTS, [])
    (settled,) = settle(state, 7)
    state = channel.evolve(state, settled)
    (more,) = report(state, "one more")
    state = channel.evolve(state, more)
    assert (state.reported, len(state.reports)) == (MOST_REPORTS + 1, MOST_REPORTS)
    assert [one.report for one in state.reports][5:7] == [6, 8]
    given_up = channel.settle_report
    with pytest.raises(Exception, match="long ago"):
        given_up(state, 7, "a test", "operator:1")


@pytest.mark.parametrize(
    ("command", "no"),
    [
        (ReportUnknownNumber("NOBODY", *SAID), Code.CHANNEL_UNKNOWN),  # type: ignore[arg-type]
        (ReportUnknownNumber("JD_PAY", "", "payment", "succeeded"), Code.TEXT_INVALID),
        (SettleReport("NOBODY", 1, "x"), Code.CHANNEL_UNKNOWN),
        (SettleReport("JD_PAY", 1, ""), Code.TEXT_INVALID),
        (SettleReport("JD_PAY", 1, "x"), Code.REPORT_NOT_FOUND),
    ],
)
def test_what_is_refused(books: Books, command: Command, no: Code) -> None:
    assert refusal(books, command) is no


def test_a_founding_channel_reports_too_and_still_carries_payments(books: Books) -> None:
    said = ReportUnknownNumber("JD_PAY", "pay-P9", "payment", "succeeded", "S1", 700)
    assert names(books, said) == ["channel.unknown_number_reported.1"]
    assert books.do(said) == books.do(said) == {"channel": "JD_PAY", "reports": 1}
    assert books.do(SettleReport("JD_PAY", 1, "a test")) == {"channel": "JD_PAY", "report": 1}
