"""What persons have ended, beside what is found: whatever they ended, undid and saw billed anew,
what stands confirmed and what was ended together post what the bills and the books differ by."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.accounting.chart import CHANNEL_SHORTAGE, CHANNEL_SURPLUS
from domain.accounting.rules.differences import codes_of
from domain.reconciliation.difference import About
from domain.reconciliation.ended import Ended
from domain.reconciliation.judging import Finding
from domain.reconciliation.match import BillLine, judge
from domain.reconciliation.ours import Ours
from tests.domain.reconciliation.test_match import (
    line,
    lines_of_a_group,
    ours,
    ours_of_a_group,
    rules,
)

SUSPENSE = (CHANNEL_SURPLUS, CHANNEL_SHORTAGE)


def posted(abouts: Sequence[About]) -> Counter[str]:
    """What they post but to suspense, where persons have moved it on: fen, debits above zero."""
    sums: Counter[str] = Counter()
    for about in abouts:
        taken, given = codes_of(about.flow, about.lacks, gross=about.gross)
        sums[taken] += about.amount_fen
        sums[given] -= about.amount_fen
    return Counter({code: fen for code, fen in sums.items() if fen and code not in SUSPENSE})


def ended_by_persons(found: Sequence[Finding], first: int = 0) -> list[Ended]:
    return [Ended(one.id, one.about, "to_wallet", at) for at, one in enumerate(found, first)]


def same_line(times: int, fen: int = 10_000) -> list[BillLine]:
    """One sale's line, so many times."""
    return [line(fen, line=at + 1) for at in range(times)]


def in_all(
    lines: Sequence[BillLine], mine: Ours | None, ended: Sequence[Ended]
) -> tuple[list[Finding], Counter[str]]:
    """What stands, and what that and the ended ones post."""
    found = judge(lines, mine, ended, rules()).found
    return found, posted([*(one.about for one in found), *(one.about for one in ended)])


@pytest.mark.parametrize("times", [2, 3, 4, 5])
def test_a_line_that_is_there_several_times_and_some_of_it_ended(times: int) -> None:
    alike = judge(same_line(times), ours(), [], rules()).found
    assert len({one.id for one in alike}) == len(alike) == times - 1
    every = ended_by_persons(alike)
    for count in range(len(every) + 1):
        for ended in combinations(every, count):
            ids = {one.id for one in ended}
            found, _ = in_all(same_line(times), ours(), ended)
            # Each of the others stands as it did, whichever was ended.
            assert found == [one for one in alike if one.id not in ids]
            for again in range(1, times):  # The bill is issued again, with fewer of them.
                plain = judge(same_line(again), ours(), [], rules()).found
                _, both = in_all(same_line(again), ours(), ended)
                assert both == posted([one.about for one in plain])


SUMS = (500, 1_000)


def test_lines_of_one_serial_and_other_amounts_ended_and_billed_anew() -> None:
    def billed(sums: Sequence[int]) -> list[BillLine]:
        return same_line(1) + [line(fen, line=at) for at, fen in enumerate(sums, 2)]

    bills = [billed(sums) for count in range(4) for sums in product(SUMS, repeat=count)]
    for first, second in product(bills, repeat=2):
        every = ended_by_persons(judge(first, ours(), [], rules()).found)
        plain = posted([one.about for one in judge(second, ours(), [], rules()).found])
        for count in range(len(every) + 1):
            for ended in combinations(every, count):
                found, both = in_all(second, ours(), ended)
                assert both == plain
                assert not {one.id for one in found} & {one.id for one in ended}


@settings(max_examples=300)
@given(
    st.lists(st.tuples(lines_of_a_group(), ours_of_a_group()), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_whatever_was_ended_and_undone_it_adds_up(
    bills: list[tuple[list[BillLine], Ours | None]], chance: object
) -> None:
    pick = chance.random  # type: ignore[attr-defined]
    ended: list[Ended] = []
    for turn, (lines, mine) in enumerate(bills):
        plain = judge(lines, mine, [], rules()).found
        found, both = in_all(lines, mine, ended)
        assert both == posted([one.about for one in plain])
        ids = [one.id for one in found] + [one.id for one in ended]
        assert len(set(ids)) == len(ids), "what was ended stands again"
        assert in_all(lines, mine, ended[::-1])[0] == found, "the order changes something"
        new = [one for one in ended_by_persons(found, turn * 100) if pick() < 0.6]
        ended = [one for one in ended if pick() < 0.8] + new  # The others are undone.
        found, both = in_all(lines, mine, ended)
        assert both == posted([one.about for one in plain])
