"""How times, dates and stream ids meet."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain import kernel
from tests.examples import PAID_AT, PAY_DAY


def test_the_day_begins_at_midnight_in_shanghai() -> None:
    assert kernel.shanghai_date(PAID_AT) == PAY_DAY
    end = kernel.day_end_us(PAY_DAY)
    assert [kernel.shanghai_date(end + n) - PAY_DAY for n in (-1, 0)] == [
        timedelta(0),
        timedelta(days=1),
    ]
    assert kernel.iso_time(PAID_AT) == "2010-12-01T10:00:00+08:00"
    assert kernel.to_us(datetime(2010, 12, 1, 2, tzinfo=UTC)) == PAID_AT


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_a_date_ends_where_the_next_one_begins(day: date) -> None:
    assert kernel.shanghai_date(kernel.day_end_us(day) - 1) == day
    assert kernel.shanghai_date(kernel.day_end_us(day)) == day + timedelta(days=1)


def test_a_stream_is_a_category_and_a_key() -> None:
    assert kernel.category("transaction-SHOP22-1") == "transaction"
    assert kernel.key("transaction-SHOP22-1") == "SHOP22-1"
