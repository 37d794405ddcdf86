"""Matching one group: tables of what comes of it; and, whatever the group, each line and each of
ours has exactly one place, in whatever order they come."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.channel.costs import terms_of
from domain.kernel import day_end_us
from domain.reconciliation.difference import Resolution
from domain.reconciliation.ended import Ended
from domain.reconciliation.match import BillLine, Judged, Rules, judge
from domain.reconciliation.ours import Against, Asked, Ours, Stand, ours_of

DAY = date(2011, 1, 10)
NOON = day_end_us(DAY) - 12 * 3600 * 1_000_000
CHANNEL = "WECHAT_PAY"


def rules(*, complete: bool = False) -> Rules:
    return Rules(CHANNEL, lambda on: terms_of(CHANNEL, on), lambda _: complete)


def line(fen: int = 10_000, **other: Any) -> BillLine:
    usual = BillLine(
        "b1", DAY, 1, "payment", "pay-1", "pay-1", "S1", fen, fen // 50_000 * 100_000, "succeeded",
        "CNY", NOON,
    )  # fmt: skip
    usual = replace(usual, fee_milli_fen=(2 * fen * 2_000 + 1_000_000) // 2_000_000 * 1_000)
    if other.get("flow") == "refund":
        usual = replace(usual, fee_milli_fen=-usual.fee_milli_fen)
    return replace(usual, **other)


def asked(**other: Any) -> Asked:
    usual = Asked(
        "pay-1", "payment", CHANNEL, 10_000, "succeeded", "S1", None, False, NOON, NOON - 1
    )
    return replace(usual, **other)


def ours(**other: Any) -> Ours:
    return ours_of(asked(**other), None)


def told(judged: Judged) -> tuple[list[Any], list[Any]]:
    pairs = [(pair.line.line, pair.taken_fen) for pair in judged.pairs]
    found = [
        (one.about.kind, one.about.lacks, one.about.amount_fen, one.certain, one.cause)
        for one in judged.found
    ]
    return pairs, found


REFUND = asked(instruction_id="refund-1", flow="refund")
BACK: dict[str, Any] = {"flow": "refund", "number": "refund-1", "sought": "refund-1"}
PARTS = (("part1-1", 4_000), ("part2-1", 6_000))

CASES: dict[str, tuple[list[BillLine], Ours | None, list[Any], list[Any]]] = {
    "the same": ([line()], ours(), [(1, 10_000)], []),
    "another serial, our number": ([line(serial="S9")], ours(), [(1, 10_000)], []),
    "another number, our serial": (
        [line(number="x1", sought="x1")], ours(), [(1, 10_000)], [],
    ),
    "more in the bill": (
        [line(10_300)], ours(), [(1, 10_000)], [("amount", "here", 300, True, "")],
    ),
    "less in the bill": (
        [line(9_700)], ours(), [(1, 9_700)], [("amount", "there", 300, True, "")],
    ),
    "a fen more fee": (
        [line(fee_milli_fen=21_000)], ours(), [(1, 10_000)], [("fee", "here", 0, True, "")],
    ),
    "less than a fen more": ([line(fee_milli_fen=20_999)], ours(), [(1, 10_000)], []),
    "nobody knows it": (
        [line()], None, [], [("missing_here", "here", 10_000, False, "not_ours")],
    ),
    "no answer was heard": (
        [line()], ours(state="unknown", ended_at_us=None), [],
        [("missing_here", "here", 10_000, False, "answer_lost")],
    ),
    "declined here": (
        [line()], ours(state="declined"), [], [("status", "here", 10_000, True, "declined_here")],
    ),
    "declined here, paid after that": (
        [line(at_us=NOON + 1)], ours(state="declined"), [],
        [("status", "here", 10_000, True, "late_success")],
    ),
    "a late success that was booked": (
        [line()],
        ours_of(asked(state="declined"), None, [Against("late", "S1", 10_000, NOON + 1)]),
        [(1, 10_000)], [],
    ),
    "not in the bill": (
        [], ours(), [], [("missing_at_channel", "there", 10_000, False, "")],
    ),
    "not in the bill, an hour before midnight": (
        [], ours(ended_at_us=NOON + 11 * 3600 * 1_000_000), [],
        [("missing_at_channel", "there", 10_000, False, "cut_off")],
    ),
    "twice": (
        [line(), line(line=2)], ours(), [(1, 10_000)], [("duplicate", "here", 10_000, True, "")],
    ),
    "charged twice": (
        [line(), line(line=2, serial="S2")], ours(), [(1, 10_000)],
        [("duplicate", "here", 10_000, True, "second_charge")],
    ),
    "charged twice, as was booked": (
        [line(), line(line=2, serial="S2")],
        ours_of(asked(), None, [Against("second", "S2", 10_000, NOON)]),
        [(1, 10_000), (2, 10_000)], [],
    ),
    "in other money": (
        [line(currency="USD")], ours(), [], [("currency", "there", 10_000, True, "")],
    ),
    "in two lines": (
        [line(4_000), line(6_000, line=2, serial="S2")], ours(), [(1, 4_000), (2, 6_000)], [],
    ),
    "a refund": ([line(**BACK)], ours_of(REFUND, None), [(1, 10_000)], []),
    "a refund under way here": (
        [line(**BACK, state="processing")],
        ours_of(replace(REFUND, state="processing", ended_at_us=None), None),
        [(1, 10_000)], [],
    ),
    "a refund under way here alone": (
        [], ours_of(replace(REFUND, state="processing", ended_at_us=None), None), [], [],
    ),
    "a refund that failed there": (
        [line(**BACK, state="failed", fee_milli_fen=0)], ours_of(REFUND, None), [],
        [("status", "there", 10_000, True, "")],
    ),
    "a refund that nobody knows": (
        [line(**BACK)], None, [], [("refund_missing_here", "here", 10_000, False, "not_ours")],
    ),
    "a refund that the bill lacks": (
        [], ours_of(REFUND, None), [], [("refund_missing_at_channel", "there", 10_000, False, "")],
    ),
    "a combined order, part by part": (
        [line(4_000, number="part1-1", sought="part1-1"),
         line(6_000, line=2, number="part2-1", sought="part2-1", serial="S2")],
        ours(parts=PARTS), [(1, 4_000), (2, 6_000)], [],
    ),
    "a combined order in one line": ([line()], ours(parts=PARTS), [(1, 10_000)], []),
    "a combined order, one part of it": (
        [line(4_000, number="part1-1", sought="part1-1")], ours(parts=PARTS), [(1, 4_000)],
        [("missing_at_channel", "there", 6_000, False, "")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_comes_of_a_group(name: str) -> None:
    lines, mine, pairs, found = CASES[name]
    assert told(judge(lines, mine, [], rules())) == (pairs, found)


def test_what_is_missing_is_certain_when_the_next_bills_are_in() -> None:
    (one,) = judge([], ours(), [], rules(complete=True)).found
    assert one.certain
    (other,) = judge([line()], None, [], rules(complete=True)).found
    assert other.certain


def ended_of(judged: Judged, resolution: Resolution = "to_wallet") -> list[Ended]:
    """Persons have ended all that was found."""
    return [Ended(one.id, one.about, resolution, place) for place, one in enumerate(judged.found)]


def test_what_persons_have_ended_is_no_news_until_it_changes() -> None:
    unknown = ours(state="unknown", ended_at_us=None)
    given = ended_of(judge([line()], unknown, [], rules()))
    assert judge([line()], unknown, given, rules()) == ([], [])
    declined = ours(state="declined")  # Of the same line another kind is said by now.
    assert judge([line()], declined, given, rules()) == ([], [])
    (more,) = judge([line(10_300)], unknown, given, rules()).found
    assert (more.about.kind, more.about.lacks) == ("missing_here", "here")
    assert more.about.amount_fen == 300
    for lines, mine, too_much_fen in (
        ([line(9_900)], unknown, 100),
        ([], unknown, 10_000),  # The bill has it no more.
        ([line()], ours(), 10_000),  # Our side has learned of it.
    ):
        (less,) = judge(lines, mine, given, rules()).found
        assert (less.about.lacks, less.about.amount_fen) == ("here_no_more", too_much_fen)


def test_what_was_made_up_for_is_ended_like_any_other() -> None:
    first = ended_of(judge([], ours(), [], rules()), "write_off")
    found = judge([line()], ours(), first, rules())
    assert told(found) == ([(1, 10_000)], [("amount", "there_no_more", 10_000, False, "")])
    (second,) = ended_of(found)
    both = [*first, replace(second, position=9)]
    assert judge([line()], ours(), both, rules()) == found._replace(found=[])
    # And without the line again, it is the shortage that was written off, and a surplus given away.
    (again,) = judge([], ours(), both, rules()).found
    assert (again.about.lacks, again.about.amount_fen) == ("there", 10_000)


def test_a_corrected_fee_is_corrected_back() -> None:
    dear = line(fee_milli_fen=29_000)
    corrected = ended_of(judge([dear], ours(), [], rules()), "correct_fee")
    assert judge([dear], ours(), corrected, rules()).found == []
    (one,) = judge([line()], ours(), corrected, rules()).found
    assert (one.about.kind, one.about.ours_fen, one.about.bill_fen) == ("fee", 29_000, 20_000)


NUMBERS = st.sampled_from(["pay-1", "part1-1", "part2-1", "pay-9"])
SERIALS = st.sampled_from(["", "S1", "S2", "S3"])
FEN = st.sampled_from([1_000, 4_000, 6_000, 10_000, 10_001])


@st.composite
def lines_of_a_group(draw: st.DrawFn) -> list[BillLine]:
    made = []
    for number in range(draw(st.integers(0, 5))):
        name = draw(NUMBERS)
        made.append(
            line(
                draw(FEN),
                line=number + 1,
                day=DAY + timedelta(days=draw(st.integers(0, 2))),
                number=name,
                sought=name,
                serial=draw(SERIALS),
                state=draw(st.sampled_from(["succeeded", "succeeded", "failed"])),
                currency=draw(st.sampled_from(["CNY", "CNY", "CNY", "USD"])),
            )
        )
    return made


@st.composite
def ours_of_a_group(draw: st.DrawFn) -> Ours | None:
    if draw(st.booleans()) and draw(st.booleans()):
        return None
    state = draw(st.sampled_from(["succeeded", "succeeded", "unknown", "declined"]))
    ended = NOON if state in ("succeeded", "declined") else None
    against = [
        Against("second", serial, draw(FEN), NOON)
        for serial in draw(st.sets(st.sampled_from(["S2", "S3"])))
    ]
    parts = draw(st.sampled_from([(), PARTS]))
    return ours_of(asked(state=state, ended_at_us=ended, parts=parts), None, against)


@settings(max_examples=400)
@given(lines_of_a_group(), ours_of_a_group(), st.randoms(use_true_random=False))
def test_each_has_one_place_and_order_changes_nothing(
    lines: list[BillLine], mine: Ours | None, chance: Any
) -> None:
    judged = judge(lines, mine, [], rules())
    shuffled = list(lines)
    chance.shuffle(shuffled)
    assert judge(shuffled, mine, [], rules()) == judged
    ids = [one.id for one in judged.found]
    assert len(set(ids)) == len(ids), "two differences with one id"

    paired = [pair.line.line for pair in judged.pairs]
    alone = [
        one.about.line for one in judged.found if one.about.bill and one.about.kind in LINE_ALONE
    ]
    assert len(set(paired + alone)) == len(paired + alone), "a line has two places"
    without = {one.line for one in lines} - set(paired + alone)
    assert all(not one.moves for one in lines if one.line in without), "a line has no place"

    _money_adds_up(lines, mine, judged)


LINE_ALONE = ("missing_here", "status", "currency", "duplicate")


def _money_adds_up(lines: list[BillLine], mine: Ours | None, judged: Judged) -> None:
    """What was taken and what is listed is each side's whole money."""
    stands: tuple[Stand, ...] = mine.stands if mine is not None else ()
    taken = sum(pair.taken_fen for pair in judged.pairs)
    here = sum(one.about.amount_fen for one in judged.found if one.about.lacks == "here")
    there = sum(one.about.amount_fen for one in judged.found if one.about.lacks == "there")
    moved = sum(one.amount_fen for one in lines if one.moves and one.currency == "CNY")
    assert taken + here == moved
    assert taken + there == sum(one.amount_fen for one in stands)
