"""Rows of one order number become one checkout; a row that does not fit its order is refused.

An order is paid by one payment, so it is booked whole or not at all: when one of its rows is wrong
by itself, all of them are refused, and the order comes whole once that row is put right. A row that
repeats or contradicts another one of its order is refused alone.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from msgspec import Struct

from api.operations.feed.rows import FeedOrder, OrderRow
from domain.money import MAX_FEN
from domain.order.order import MAX_LINES
from domain.refusals import Code, Refused

Refuse = Callable[[OrderRow, Refused], None]


class Part(Struct, frozen=True, gc=False, array_like=True):
    """A row of an order; without `row` it is one that was refused by itself."""

    order_no: str
    at_us: int
    line: int
    row: OrderRow | None = None


def place_of(part: Part) -> tuple[str, bool, int, int]:
    """By number; of one order the refused rows first, then by time and line."""
    return part.order_no, part.row is not None, part.at_us, part.line


def checkouts(parts: Iterable[Part], refuse: Refuse) -> Iterator[FeedOrder]:
    """The checkouts of parts in order of `place_of`; every row that is in none goes to `refuse`."""
    for _, of_order in groupby(parts, key=lambda part: part.order_no):
        checkout = _checkout(of_order, refuse)
        if checkout is not None:
            yield checkout


def _checkout(parts: Iterator[Part], refuse: Refuse) -> FeedOrder | None:
    lines: dict[str, OrderRow] = {}
    head: OrderRow | None = None
    broken: int | None = None
    for part in parts:
        row = part.row
        if row is None:
            broken = part.line if broken is None else broken
        elif broken is not None:
            detail = f"line {broken} of the same order is refused; an order is booked whole"
            refuse(row, Refused(Code.ORDER_LINES_INVALID, "order_no", detail))
        elif head is None:
            head, lines = row, {row.merchant: row}
        elif (why := _misfit(head, lines, row)) is not None:
            refuse(row, why)
        else:
            lines[row.merchant] = row
    if head is None:
        return None
    if sum(row.amount_fen for row in lines.values()) > MAX_FEN:
        detail = f"the lines of the order are above {MAX_FEN} fen together"
        for row in lines.values():
            refuse(row, Refused(Code.AMOUNT_TOO_LARGE, "amount", detail))
        return None
    return FeedOrder(
        head.order_no, head.placed_at_us, head.buyer, head.method, tuple(lines.values())
    )


def _misfit(head: OrderRow, lines: dict[str, OrderRow], row: OrderRow) -> Refused | None:
    """Why a row cannot belong to the checkout that its order number names."""
    for field, same in (
        ("placed_at", row.placed_at_us == head.placed_at_us),
        ("buyer", row.buyer == head.buyer),
        ("method", row.method == head.method),
    ):
        if not same:
            detail = f"{field} differs from line {head.line} of the same order"
            return Refused(Code.REQUEST_CONFLICT, field, detail)
    other = lines.get(row.merchant)
    if other is not None:
        if (other.amount_fen, other.items, other.subject) == (
            row.amount_fen,
            row.items,
            row.subject,
        ):
            detail = f"the same line again: it stands at line {other.line}"
        else:
            detail = f"the order has another line of {row.merchant}, at line {other.line}"
        return Refused(Code.REQUEST_CONFLICT, "merchant", detail)
    if len(lines) >= MAX_LINES:
        detail = f"order {row.order_no} has {MAX_LINES} lines already"
        return Refused(Code.ORDER_LINES_INVALID, "order_no", detail)
    return None
