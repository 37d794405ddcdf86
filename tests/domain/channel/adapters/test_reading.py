"""What a channel wrote is read strictly: types, lengths, ranges, times."""

import pytest

from domain.channel.adapters.freshness import Nonces, NotFresh, at_second
from domain.channel.adapters.reading import Wrong, compact, instant_us, iso, parsed, safe
from domain.money import MAX_FEN
from tests.domain.channel.adapters.outside import NOW_S, NOW_US


@pytest.mark.parametrize(
    "raw",
    ["1.0", "1e3", "true", '"1"', "null", "-1", "0", str(MAX_FEN + 1), "1" + "0" * 40, "NaN", "[]"],
)
def test_an_amount_is_a_whole_number_of_fen_above_zero(raw: str) -> None:
    with pytest.raises(Wrong):
        parsed(b'{"amount":%s}' % raw.encode()).fen("amount")


def test_the_largest_amount_is_taken() -> None:
    assert parsed(b'{"amount":%d}' % MAX_FEN).fen("amount") == MAX_FEN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"1",
        b"\xff\xfe",
        b'{"a":' + b"[" * 100_000,
        b'{"a":NaN}',
        b'{"a":1}{',
        b"1" * 50_000,
    ],
)
def test_what_is_not_an_object_is_wrong(body: bytes) -> None:
    with pytest.raises(Wrong):
        parsed(body)


@pytest.mark.parametrize(
    "value", ['""', "1", "null", '"%s"' % ("x" * 65), '"a\\u200bb"', '"a\\nb"']
)
def test_a_serial_is_a_text_of_ours(value: str) -> None:
    with pytest.raises(Wrong, match="serial"):
        parsed(b'{"serial":%s}' % value.encode()).text("serial")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("2026-11-28T10:00:00", True),
        ("2026-11-28", True),
        ("2026-11-28 10:00:00+08:00", True),
        ("2026-02-30T10:00:00+08:00", True),
        ("2026-11-28T10:00:00+99:00", True),
        ("0001-01-01T00:00:00+08:00", True),
        ("9999-12-31T23:59:59-08:00", True),
        ("２０２６-11-28T10:00:00+08:00", True),
        ("2026-11-28T10:00:00+08:00", False),
        ("2026-11-28T02:00:00Z", False),
        ("2026-11-28T10:00:00.000000+08:00", False),
    ],
)
def test_a_time_has_its_offset_and_lies_within_our_years(text: str, wrong: bool) -> None:
    if wrong:
        with pytest.raises(Wrong):
            instant_us(text, "at")
    else:
        assert instant_us(text, "at") == 1_795_831_200_000_000


def test_times_are_written_in_shanghai() -> None:
    assert iso(NOW_US + 999_999) == "2026-11-28T18:00:00+08:00"
    assert compact(NOW_US) == "20261128180000"


def test_a_reason_from_outside_is_one_safe_line() -> None:
    assert safe("a\x00b\n c\u202e" + "x" * 900) == ("a b c " + "x" * 900)[:200]


@pytest.mark.parametrize(
    ("timestamp", "fresh"),
    [
        (str(NOW_S), True),
        (str(NOW_S - 299), True),
        (str(NOW_S + 299), True),
        (str(NOW_S - 300), False),
        (str(NOW_S + 300), False),
        ("", False),
        ("-1", False),
        ("1e9", False),
        (f"{NOW_S}.0", False),
        ("１７９５８６００００", False),
        ("9" * 400, False),
    ],
)
def test_a_message_is_good_for_less_than_300_seconds_either_way(
    timestamp: str, fresh: bool
) -> None:
    if fresh:
        assert at_second(timestamp, NOW_US) == int(timestamp)
    else:
        with pytest.raises(NotFresh):
            at_second(timestamp, NOW_US)


def test_a_nonce_is_taken_once_while_its_message_is_fresh() -> None:
    nonces = Nonces()
    nonces.take("k", "n" * 32, NOW_S, NOW_US)
    nonces.take("other", "n" * 32, NOW_S, NOW_US)
    for later_s in (0, 299, 300):
        with pytest.raises(NotFresh, match="seen before"):
            nonces.take("k", "n" * 32, NOW_S, NOW_US + later_s * 1_000_000)
    nonces.take("k", "n" * 32, NOW_S + 301, NOW_US + 301_000_000)


@pytest.mark.parametrize(
    "nonce", ["", "short", "x" * 65, "with a blank", "中" * 32, "x" * 31 + "\n"]
)
def test_a_nonce_is_8_to_64_printable_characters(nonce: str) -> None:
    with pytest.raises(NotFresh):
        Nonces().take("k", nonce, NOW_S, NOW_US)


def test_what_is_remembered_is_bounded_and_the_oldest_goes() -> None:
    nonces = Nonces(most=3)
    for count in range(10):
        nonces.take("k", f"nonce-{count:04d}", NOW_S, NOW_US)
    assert len(nonces) == 3
    with pytest.raises(NotFresh):
        nonces.take("k", "nonce-0009", NOW_S, NOW_US)
