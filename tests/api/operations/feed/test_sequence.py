"""Of rows out of order as few as possible go, and of two that exclude each other the later."""

from array import array
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.operations.feed.sequence import longest_in_order


@pytest.mark.parametrize(
    ("times", "kept"),
    [
        ([], []),
        ([7], [1]),
        ([5, 3], [1, 0]),
        ([5, 5, 5], [1, 1, 1]),
        ([1, 9, 2, 3], [1, 0, 1, 1]),
        ([1, 2, 0, 3], [1, 1, 0, 1]),
        ([1, 5, 3, 6], [1, 1, 0, 1]),
        ([3, 4, 1, 2], [1, 1, 0, 0]),
        ([9, 1, 2, 3, 4], [0, 1, 1, 1, 1]),
    ],
)
def test_the_rows_that_stay(times: list[int], kept: list[int]) -> None:
    assert list(longest_in_order(array("q", times))) == kept


@settings(derandomize=True, max_examples=300)
@given(st.lists(st.integers(0, 6), max_size=9))
def test_it_is_the_first_of_the_longest_in_order(times: list[int]) -> None:
    best: tuple[int, ...] = ()
    for size in range(len(times), 0, -1):
        fitting = (
            chosen
            for chosen in combinations(range(len(times)), size)
            if all(times[a] <= times[b] for a, b in pairwise(chosen))
        )
        if (first := next(fitting, None)) is not None:
            best = first
            break
    kept = longest_in_order(array("q", times))
    assert tuple(index for index, stays in enumerate(kept) if stays) == best
