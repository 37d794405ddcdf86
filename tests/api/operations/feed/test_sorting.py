"""More than memory holds, in order: whatever the sizes of runs, as often as asked."""

import os
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from api.operations.feed.sorting import FAN_IN, Sorter


class Item(Struct, frozen=True, array_like=True):
    key: int
    text: str


class Size(NamedTuple):
    run_items: int
    run_bytes: int


def sorter(size: Size) -> "Sorter[Item]":
    return Sorter(Item, lambda item: item.key, run_items=size.run_items, run_bytes=size.run_bytes)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 9), max_size=60),
    st.sampled_from([Size(1, 1 << 20), Size(2, 1 << 20), Size(1000, 40), Size(1000, 1 << 20)]),
)
def test_items_come_in_order_and_equal_ones_as_they_came(keys: list[int], size: Size) -> None:
    items = [Item(key, f"{place}" * 5) for place, key in enumerate(keys)]
    mine = sorter(size)
    for item in items:
        mine.add(item)
    expected = sorted(items, key=lambda item: item.key)
    assert list(mine) == expected
    assert list(mine) == expected
    assert len(mine) == len(items)


def test_runs_are_merged_so_that_few_files_are_open() -> None:
    mine = sorter(Size(1, 1 << 20))
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    count = FAN_IN * FAN_IN * 2 + 3
    for number in range(count, 0, -1):
        mine.add(Item(number, "x"))
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) - before <= 3 * FAN_IN
    assert [item.key for item in mine] == list(range(1, count + 1))


def test_two_may_read_at_once() -> None:
    mine = sorter(Size(3, 1 << 20))
    for number in range(20):
        mine.add(Item(number, "y" * 50_000))
    one, other = iter(mine), iter(mine)
    assert [(a.key, b.key) for a, b in zip(one, other, strict=True)] == [(n, n) for n in range(20)]


@pytest.mark.parametrize("length", [0, 1, 65_532, 65_536, 200_000])
def test_an_item_of_any_length_comes_back(length: int) -> None:
    mine = sorter(Size(1, 1 << 30))
    mine.add(Item(2, "z" * length))
    mine.add(Item(1, ""))
    assert [len(item.text) for item in mine] == [0, length]
