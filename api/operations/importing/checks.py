"""What stops an import before anything is booked: merchants that are refused, and long gaps."""

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from api.operations.desk import CHUNK
from api.operations.feed import Feed, MerchantRow, RefundRow, Reject
from domain.kernel import shanghai_date
from domain.ledger.ledger import Ledger
from domain.ledger.states import fold_streams
from domain.member import member
from domain.refusals import Code, Refused

LONGEST_GAP = 31  # Days from one day with rows to the next.


def known_merchants(ledger: Ledger, feed: Feed) -> Iterator[tuple[MerchantRow, int, member.State]]:
    """The feed's merchants with their versions and states in the books."""
    for start in range(0, len(feed.merchants), CHUNK):
        some = feed.merchants[start : start + CHUNK]
        streams = [member.stream(row.merchant) for row in some]
        known = fold_streams(ledger.recorder, streams)
        for row, stream in zip(some, streams, strict=True):
            yield row, *known[stream]


def refuse_merchants(ledger: Ledger | None, feed: Feed) -> None:
    """An order cannot be booked without its merchant, and the day would end without it: a merchant
    that is refused stops the import. Raises Refused; `feed.rejects` has each of them."""
    if ledger is not None:
        for row, _, known in known_merchants(ledger, feed):
            if known.kind == "personal":
                detail = f"{row.merchant} is a personal member of the ledger"
                feed.rejects.add(
                    Reject(
                        feed.merchants_file,
                        0,
                        Code.MEMBER_KIND_WRONG,
                        "merchant",
                        detail,
                        row.merchant,
                    )
                )
    if count := feed.rejects.of(feed.merchants_file):
        first = next(one for one in feed.rejects if one.file == feed.merchants_file)
        where = f"line {first.line}: " if first.line else ""
        detail = f"{where}{first.field or 'row'}: {first.detail}"
        more = f"; {count - 1:,} more are refused" if count > 1 else ""
        said = f"{detail}{more}; nothing was booked"
        raise Refused(first.code, feed.merchants_file, said)


def refuse_gaps(feed: Feed, open_date: date | None, *, allow_gap: bool) -> None:
    """One mistyped year would end every day up to it. Days that are over count no more, and the
    open one counts as a day with rows. Raises Refused(DATE_INVALID)."""
    if allow_gap:
        return
    days = [day for day in feed.days if open_date is None or day > open_date]
    if open_date is not None:
        days.insert(0, open_date)
    for before, after in pairwise(days):
        if (after - before).days > LONGEST_GAP:
            what = "the open business day is" if before == open_date else "there is nothing after"
            detail = (
                f"{what} {before}, and the next row is of {after}, {_first_of(feed, after)}: "
                f"{(after - before).days} days; --allow-gap takes it as it is"
            )
            raise Refused(Code.DATE_INVALID, "feed", detail)


def _first_of(feed: Feed, day: date) -> str:
    """Where the first row of a day stands."""
    for action in feed.actions():
        if isinstance(action, RefundRow):
            at_us, file, line = action.requested_at_us, action.file, action.line
        else:
            at_us, file, line = action.placed_at_us, feed.orders_file, action.lines[0].line
        if shanghai_date(at_us) == day:
            return f"line {line} of {file}"
    raise AssertionError(f"no row of {day}")
