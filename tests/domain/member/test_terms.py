"""A settlement cycle has one spelling: T+n or D+n, n from 0 to 90."""

import pytest

from domain.member.terms import LONGEST_DAYS, Cycle, parse_cycle
from domain.refusals import Code, Refused


@pytest.mark.parametrize(
    ("text", "cycle"),
    [
        pytest.param("T+0", Cycle("T", 0), id="the same working day"),
        pytest.param("T+1", Cycle("T", 1), id="the next working day"),
        pytest.param("T+10", Cycle("T", 10), id="two digits"),
        pytest.param("T+90", Cycle("T", 90), id="the longest in working days"),
        pytest.param("D+0", Cycle("D", 0), id="the same calendar day"),
        pytest.param("D+1", Cycle("D", 1), id="the next calendar day"),
        pytest.param("D+90", Cycle("D", 90), id="the longest in calendar days"),
    ],
)
def test_a_cycle_is_read(text, cycle):
    assert parse_cycle(text, "settlement_cycle") == cycle


@pytest.mark.parametrize("kind", ["T", "D"])
@pytest.mark.parametrize("days", range(LONGEST_DAYS + 1))
def test_every_cycle_is_written_as_it_was_read(kind, days):
    assert str(parse_cycle(f"{kind}+{days}", "settlement_cycle")) == f"{kind}+{days}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("T", id="without days"),
        pytest.param("T+", id="with a plus but no days"),
        pytest.param("+1", id="without a kind"),
        pytest.param("1", id="only a number"),
        pytest.param("T1", id="without the plus"),
        pytest.param("T-1", id="before the clearing date"),
        pytest.param("T+-1", id="of negative days"),
        pytest.param("T++1", id="with two pluses"),
        pytest.param("T+91", id="a day too long"),
        pytest.param("D+91", id="a calendar day too long"),
        pytest.param("T+100", id="of three digits"),
        pytest.param("T+" + "9" * 5000, id="of thousands of digits"),
        pytest.param("T+00", id="with zero written twice"),
        pytest.param("T+01", id="with a leading zero"),
        pytest.param("t+1", id="in small letters"),
        pytest.param("W+1", id="of weeks"),
        pytest.param("T +1", id="with a space inside"),
        pytest.param(" T+1", id="with a space before"),
        pytest.param("T+1 ", id="with a space after"),
        pytest.param("T+1\n", id="with a line end after"),
        pytest.param("T+1.0", id="with a fraction"),
        pytest.param("T+1_0", id="with an underscore"),
        pytest.param("T+１", id="with a full-width digit"),
        pytest.param("T+١", id="with an Arabic digit"),
        pytest.param("T+1１", id="with a full-width second digit"),
        pytest.param("T+²", id="with a superscript digit"),
        pytest.param("Ｔ+1", id="with a full-width letter"),
        pytest.param("T＋1", id="with a full-width plus"),
        pytest.param("T+1\x00", id="with a NUL after"),
        pytest.param("T+1,D+1", id="two cycles at once"),
        pytest.param(None, id="nothing at all"),
        pytest.param(1, id="an int"),
        pytest.param(b"T+1", id="bytes"),
    ],
)
def test_what_is_no_cycle_is_refused(text):
    with pytest.raises(Refused) as refused:
        parse_cycle(text, "settlement_cycle")
    assert (refused.value.code, refused.value.field) == (Code.TERMS_INVALID, "settlement_cycle")


def test_a_refusal_quotes_no_more_than_the_start_of_what_was_sent():
    with pytest.raises(Refused) as refused:
        parse_cycle("x" * 10_000, "settlement_cycle")
    quoted = "'" + "x" * 40 + "'"
    assert refused.value.detail == f"{quoted} is not a cycle: T+n or D+n with n from 0 to 90"
