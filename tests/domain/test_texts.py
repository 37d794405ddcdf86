"""What a text may have, and that no Python thinks otherwise."""

import hashlib
import unicodedata
from pathlib import Path

import pytest

from domain import texts

ALL = range(0x110000)
# Of every code point that is taken, with a space for every other one: no two machines may differ.
# It changes when the table is changed on purpose; a row may only go.
TAKEN = "d2d0564189df73dbcb931c0a38c8dbcc6edd508e5b1784f2a9b29f8e7c993f60"


def test_every_python_gives_the_same_verdict_on_every_code_point() -> None:
    taken = texts.without_faults("".join(map(chr, ALL)))
    assert hashlib.sha256(taken.encode()).hexdigest() == TAKEN
    ends = {end for row in texts.REFUSED for point in row[:2] for end in (point - 1, point + 1)}
    for point in {*range(0x3100), *(point % len(ALL) for point in ends)}:
        assert (texts.fault(chr(point)) == "") == (taken[point] == chr(point)), hex(point)


def test_what_any_python_could_print_is_taken() -> None:
    """Histories hold such texts: the interpreter took them before the table was."""
    assert [hex(p) for p in ALL if chr(p).isprintable() and texts.fault(chr(p))] == []


def test_the_table_is_in_order_and_without_overlap() -> None:
    points = [point for row in texts.REFUSED for point in row[:2]]
    assert points == sorted(points)
    assert all(a[1] < b[0] for a, b in zip(texts.REFUSED, texts.REFUSED[1:], strict=False))


@pytest.mark.parametrize(
    "text",
    [
        "老字号\u3000点心铺",
        "2\u00a0kg nuts",
        "a\u2009b\u202fc\u1680d",
        "三只松鼠™ №1 ½价",
        "𠮷野家",
        "葛󠄀城",
        "\U0002ebf0\U00031350\U000323b0",
        "Ünïcödé é",
        "🥜🧧👍🏽☕️",
        "ⵣ ქართული ༀ ᠮᠣᠩᠭᠣᠯ",
        "﷽",
        "\ufffd",
    ],
)
def test_what_people_write_is_taken(text: str) -> None:
    assert texts.fault(text) == ""
    assert texts.without_faults(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\tnuts", "character 1 is U+0009, a control character"),
        ("nuts\n", "character 5 is U+000A, an end of a line"),
        ("nu\0ts", "character 3 is U+0000, a control character"),
        ("nuts\x85", "character 5 is U+0085, a control character"),
        ("坚果\u200b", "character 3 is U+200B, a character that is not seen"),
        ("\ufeff坚果", "character 1 is U+FEFF, a character that is not seen"),
        ("👩\u200d🌾", "character 2 is U+200D, a character that is not seen"),
        ("坚\u00ad果", "character 2 is U+00AD, a character that is not seen"),
        ("a\u2028b", "character 2 is U+2028, an end of a line"),
        ("pay \u202ecod", "character 5 is U+202E, a mark of writing direction"),
        ("\u2066x\u2069", "character 1 is U+2066, a mark of writing direction"),
        ("𠮷\ud842", "character 2 is U+D842, half of a surrogate pair"),
        ("坚果\ue000", "character 3 is U+E000, a character for private use"),
        ("\uffff", "character 1 is U+FFFF, no character"),
        ("🏴\U000e0067", "character 2 is U+E0067, a character that is not seen"),
        ("\U0010ffff", "character 1 is U+10FFFF, no character"),
        ("\U00050000", "character 1 is U+50000, no character"),
    ],
)
def test_what_is_refused_is_named_with_its_place(text: str, said: str) -> None:
    assert texts.fault(text) == said


def test_each_such_character_becomes_one_space() -> None:
    assert texts.without_faults("a\nb\u202ec\0\0") == "a b c  "


def test_a_text_is_quoted_as_python_quotes_it() -> None:
    """Refusals on record have such sentences, and a newer Python must write the same ones."""
    for point in ALL:
        if unicodedata.category(chr(point)) != "Cn":
            assert texts.quoted(chr(point)) == repr(chr(point)), hex(point)


@pytest.mark.parametrize(
    "text", ["", "it's", 'say "no"', 'it\'s "no"', "a\\b", "\\'", "a\r\n'\x7f"]
)
def test_quotes_and_backslashes_too(text: str) -> None:
    assert texts.quoted(text) == repr(text)


def test_what_no_python_may_know_yet_is_quoted_as_it_is() -> None:
    assert texts.quoted("\U0002ebf0\U000323b0") == "'\U0002ebf0\U000323b0'"


def test_the_page_for_writers_of_feeds_has_every_row() -> None:
    page = (Path(__file__).parents[2] / "docs/texts.md").read_text(encoding="utf-8")
    for first, last, what in texts.REFUSED:
        span = f"U+{first:04X}" + (f"–U+{last:04X}" if last > first else "")
        assert f"| {span} | {what} |" in page
