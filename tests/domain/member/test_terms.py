"""A settlement cycle has one spelling: T+n or D+n, n from 0 to 90, or a day of a week or month."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.member.terms import (
    LAST_DAY,
    LONGEST_DAYS,
    WEEKDAYS,
    Cycle,
    SettlementTerms,
    check_settlement_terms,
    parse_cycle,
)
from domain.money import MAX_FEN
from domain.refusals import Code, Refused

PERIODS = [
    text + rule
    for text in (
        *(f"weekly:{day}" for day in WEEKDAYS),
        *(f"monthly:{day}" for day in range(1, 29)),
        "monthly:last",
    )
    for rule in ("", ":D")
]


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
        pytest.param("weekly:mon", Cycle("T", 0, "week"), id="every Monday"),
        pytest.param("weekly:sun:D", Cycle("D", 6, "week"), id="every Sunday, and on no other day"),
        pytest.param("monthly:1", Cycle("T", 1, "month"), id="the first of a month"),
        pytest.param("monthly:28:D", Cycle("D", 28, "month"), id="the 28th, and on no other day"),
        pytest.param("monthly:last", Cycle("T", LAST_DAY, "month"), id="the last of a month"),
    ],
)
def test_a_cycle_is_read(text, cycle):
    assert parse_cycle(text, "settlement_cycle") == cycle


@pytest.mark.parametrize("kind", ["T", "D"])
@pytest.mark.parametrize("days", range(LONGEST_DAYS + 1))
def test_every_cycle_is_written_as_it_was_read(kind, days):
    assert str(parse_cycle(f"{kind}+{days}", "settlement_cycle")) == f"{kind}+{days}"


@pytest.mark.parametrize("text", PERIODS)
def test_every_period_is_written_as_it_was_read(text):
    assert str(parse_cycle(text, "settlement_cycle")) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("weekly", id="a week without a day"),
        pytest.param("weekly:", id="a week with no day"),
        pytest.param("weekly:Mon", id="a weekday in capitals"),
        pytest.param("weekly:monday", id="a weekday in full"),
        pytest.param("weekly:1", id="a weekday by number"),
        pytest.param("weekly:mon:T", id="a rule that goes without saying"),
        pytest.param("weekly:mon:D:D", id="a rule twice"),
        pytest.param("monthly:0", id="the day before a month"),
        pytest.param("monthly:01", id="a day with a leading zero"),
        pytest.param("monthly:29", id="a day that not every month has"),
        pytest.param("monthly:mon", id="a weekday of a month"),
        pytest.param("monthly:last\n", id="with a line end after a month"),
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
    said = f"{quoted} is not a cycle: T+n or D+n with n from 0 to 90, "
    assert refused.value.detail.startswith(said)


# What a merchant's terms may be.

WITH_RESERVE = SettlementTerms("weekly:mon", 5_000, 1_000, 1_000, 30)


@pytest.mark.parametrize(
    "terms",
    [
        pytest.param(SettlementTerms("T+1"), id="a cycle alone"),
        pytest.param(WITH_RESERVE, id="everything"),
        pytest.param(replace(WITH_RESERVE, reserve_bps=10_000), id="all is withheld"),
        pytest.param(replace(WITH_RESERVE, reserve_bps=0, reserve_days=0), id="no reserve"),
        pytest.param(replace(WITH_RESERVE, reserve_days=540), id="the longest reserve"),
        pytest.param(replace(WITH_RESERVE, min_payout_fen=MAX_FEN), id="the largest least payout"),
    ],
)
def test_terms_that_may_be(terms):
    check_settlement_terms(terms)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"cycle": "weekly"}, "settlement_cycle"),
        ({"max_transfer_fen": 0}, "max_transfer_fen"),
        ({"max_transfer_fen": MAX_FEN + 1}, "max_transfer_fen"),
        ({"min_payout_fen": -1}, "min_payout_fen"),
        ({"min_payout_fen": MAX_FEN + 1}, "min_payout_fen"),
        ({"reserve_bps": -1}, "reserve_bps"),
        ({"reserve_bps": 10_001}, "reserve_bps"),
        ({"reserve_days": -1}, "reserve_days"),
        ({"reserve_days": 541}, "reserve_days"),
        ({"reserve_days": 0}, "reserve_days"),
        ({"reserve_bps": 0}, "reserve_bps"),
    ],
)
def test_terms_that_may_not_be(changed, field):
    with pytest.raises(Refused) as refused:
        check_settlement_terms(replace(WITH_RESERVE, **changed))
    assert (refused.value.code, refused.value.field) == (Code.TERMS_INVALID, field)


# What of a week or month is settled together.


@pytest.mark.parametrize(
    ("text", "clearing_date", "end"),
    [
        ("T+1", "2010-12-08", "2010-12-08"),
        ("weekly:mon", "2010-12-06", "2010-12-12"),  # A Monday begins the week it pays for.
        ("weekly:mon", "2010-12-12", "2010-12-12"),
        ("weekly:wed", "2010-12-07", "2010-12-07"),
        ("weekly:wed", "2010-12-08", "2010-12-14"),
        ("monthly:1", "2010-12-31", "2010-12-31"),
        ("monthly:15", "2010-12-15", "2011-01-14"),
        ("monthly:28", "2011-02-28", "2011-03-27"),
        ("monthly:last", "2011-02-27", "2011-02-27"),
        ("monthly:last", "2011-02-28", "2011-03-30"),
        ("monthly:last", "2012-02-28", "2012-02-28"),
    ],
)
def test_the_clearing_dates_that_are_settled_together(text, clearing_date, end):
    cycle = parse_cycle(text, "cycle")
    assert cycle.period_end(date.fromisoformat(clearing_date)).isoformat() == end


@given(
    text=st.sampled_from(PERIODS),
    day=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
)
def test_every_clearing_date_of_a_period_has_the_same_end(text, day):
    cycle = parse_cycle(text, "cycle")
    end = cycle.period_end(day)
    assert day <= end <= day + timedelta(days=30)
    assert cycle.period_end(end) == end
    assert cycle.period_end(end + timedelta(days=1)) > end
    assert all(cycle.period_end(day + timedelta(days=n)) == end for n in range((end - day).days))
