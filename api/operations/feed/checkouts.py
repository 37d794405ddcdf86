"""Rows of one order number become one checkout; a row that does not fit its order is refused."""

from collections.abc import Callable, Iterable, Iterator

from api.operations.feed.rows import Checkout, OrderRow
from api.operations.feed.table import Good
from domain.refusals import Code, Refused

MOST_LINES = 100  # What the order system takes.


def checkouts(
    rows: Iterable[Good[OrderRow]], refuse: Callable[[Good[OrderRow], Refused], None]
) -> Iterator[Checkout]:
    """Checkouts in the order of the rows; every other row goes to `refuse` with the reason.

    A refused row does not end the checkout it stands in. Order numbers are remembered for ever,
    so that one that comes back is noticed.
    """
    begun: dict[str, int] = {}  # order number → its first line
    lines: dict[str, OrderRow] = {}  # of the checkout at hand, by merchant
    head: OrderRow | None = None
    for good in rows:
        row = good.row
        if head is not None and row.order_no == head.order_no:
            why = _misfit(head, lines, row)
            if why is None:
                lines[row.merchant] = row
            else:
                refuse(good, why)
            continue
        first = begun.setdefault(row.order_no, row.line)
        if first != row.line:
            detail = f"order {row.order_no} was already placed at line {first}"
            refuse(good, Refused(Code.REQUEST_CONFLICT, "order_no", detail))
            continue
        if head is not None:
            yield _checkout(head, lines)
        head, lines = row, {row.merchant: row}
    if head is not None:
        yield _checkout(head, lines)


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
    if len(lines) >= MOST_LINES:
        detail = f"order {row.order_no} has {MOST_LINES} lines already"
        return Refused(Code.ORDER_LINES_INVALID, "order_no", detail)
    return None


def _checkout(head: OrderRow, lines: dict[str, OrderRow]) -> Checkout:
    return Checkout(
        head.order_no, head.placed_at_us, head.buyer, head.method, tuple(lines.values())
    )
