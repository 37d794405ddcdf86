"""Which rows of a file stay when some stand out of order: as many as can, the earlier first."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator


def longest_in_order(at: "array[int]") -> bytearray:
    """A byte per time (UTC µs): 1 if it belongs to the longest non-decreasing subsequence, else 0.

    Of several longest ones the one whose rows come earliest: in `5, 3` the 5 stays. Patience
    sorting from the end tells how long a sequence can begin at each row; O(n log n), about
    25 bytes per row.
    """
    count = len(at)
    reach = array("q", bytes(8 * count))  # The longest sequence that begins at each row.
    heads = array("q")  # Negated: the largest time that begins a sequence of length index + 1.
    for index in range(count - 1, -1, -1):
        place = bisect_right(heads, -at[index])
        if place == len(heads):
            heads.append(-at[index])
        else:
            heads[place] = -at[index]
        reach[index] = place + 1
    kept = bytearray(count)
    for index in _earliest(at, reach, len(heads)):
        kept[index] = 1
    return kept


def _earliest(at: "array[int]", reach: "array[int]", longest: int) -> Iterator[int]:
    """Indices of the longest sequence, each the first row from which the rest can be reached."""
    needed = longest
    last: int | None = None
    for index, time in enumerate(at):
        if reach[index] == needed and (last is None or time >= last):
            yield index
            last = time
            needed -= 1
