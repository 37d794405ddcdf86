"""Reads a feed's directory: checkouts and refunds in order of time, and every wrong row refused.

Two passes over the files. The first checks each row alone and finds which rows are in order; the
second hands out what is left. Rows are never all in memory: only the order and refund numbers
seen are, the rejects, and, of a file that turns out not to be in order, the times.
"""

from array import array
from collections.abc import Callable, Iterator
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from api.operations.feed import rows
from api.operations.feed.checkouts import checkouts
from api.operations.feed.rejects import Reject
from api.operations.feed.rows import Checkout, MerchantRow, OrderRow, RefundRow
from api.operations.feed.sequence import longest_in_order
from api.operations.feed.table import Good, Table
from domain.fields import LATEST_US
from domain.kernel import iso_time, shanghai_date
from domain.refusals import Code, Refused

REPORT_EVERY = 10_000  # records between two calls of `surveyed`

TimedT = TypeVar("TimedT", OrderRow, RefundRow)
Progress = Callable[[int], None]


class _Order(Struct, frozen=True):
    """What the first pass found in a file: how many rows are good alone, first and last time kept.

    `kept` has a byte per good row, 1 for those in order; None when all are.
    """

    good: int
    first_us: int
    last_us: int
    kept: bytearray | None


class Feed:
    """A feed that was looked through once and can be acted on; made by `read_feed`.

    `merchants` are good and distinct. `rejects` has the refused merchants at first, and grows while
    `actions()` runs. `total_rows` counts the records of all files, `consumed` those used so far.
    `first_day` and `last_day` are the Shanghai dates of the first and last row in order, None when
    no row is good; a row refused only later, as a repetition, still counts for them.
    """

    def __init__(
        self,
        merchants: Table[MerchantRow],
        orders: Path,
        refunds: list[Path],
        known_merchant: Callable[[str], bool],
        surveyed: Progress,
        latest_us: int,
    ) -> None:
        self.merchants: list[MerchantRow] = []
        self.rejects: list[Reject] = []
        self.total_rows = 0
        self.consumed = 0
        self.first_day: date | None = None
        self.last_day: date | None = None
        self.merchants_file, self.orders_file = merchants.file, orders.name
        self._surveyed = surveyed
        self._take_merchants(merchants)
        self._at_first = (len(self.rejects), self.total_rows)
        ids = {row.merchant for row in self.merchants}
        in_ledger = cache(known_merchant)  # Both passes must get the same answer.

        def happened(row: TimedT, column: str) -> TimedT:
            if row.at_us > latest_us:  # One mistyped year would end all days up to it.
                detail = f"{iso_time(row.at_us)} lies in the future"
                raise Refused(Code.DATE_INVALID, column, detail)
            return row

        def refund(file: str, line: int, fields: list[str]) -> RefundRow:
            return happened(rows.parse_refund(file, line, fields), "requested_at")

        def order(file: str, line: int, fields: list[str]) -> OrderRow:
            row = happened(rows.parse_order(file, line, fields), "placed_at")
            if row.merchant not in ids and not in_ledger(row.merchant):
                detail = f"{row.merchant} is no merchant of this feed or of the ledger"
                raise Refused(Code.MEMBER_NOT_FOUND, "merchant", detail)
            return row

        self._orders = Table(orders, rows.ORDER_COLUMNS, order, required=True)
        self._refunds = [
            Table(path, rows.REFUND_COLUMNS, refund, required=False) for path in refunds
        ]
        self._found = {self._orders.file: self._survey(self._orders)}
        self._found |= {table.file: self._survey(table) for table in self._refunds}
        held = [found for found in self._found.values() if found.good]
        if held:
            self.first_day = shanghai_date(min(found.first_us for found in held))
            self.last_day = shanghai_date(max(found.last_us for found in held))
        self.consumed = self._at_first[1]

    def actions(self) -> Iterator[Checkout | RefundRow]:
        """Checkouts and refunds by time, read as they are asked for; orders first at one instant.

        Asked again, it begins anew, and `rejects` and `consumed` with it. Raises
        Refused(REQUEST_INVALID) if a file is not what the first pass saw.
        """
        del self.rejects[self._at_first[0] :]
        self.consumed = self._at_first[1]
        file = self._orders.file

        def refuse(good: Good[OrderRow], why: Refused) -> None:
            self._refuse(file, good.line, good.text, why)

        placed = checkouts(self._in_order(self._orders, "placed_at"), refuse)
        streams: list[Iterator[tuple[int, Checkout | RefundRow, str]]] = [
            ((checkout.placed_at_us, checkout, "") for checkout in placed)
        ]
        streams += [map(_timed, self._in_order(table, "requested_at")) for table in self._refunds]
        seen: dict[str, tuple[str, int]] = {}
        for _, action, text in merge(*streams, key=itemgetter(0)):
            if isinstance(action, RefundRow):
                here = (action.file, action.line)
                first = seen.setdefault(action.refund_no, here)
                if first != here:
                    detail = (
                        f"refund {action.refund_no} stands already in {first[0]}, line {first[1]}"
                    )
                    self._refuse(*here, text, Refused(Code.REQUEST_CONFLICT, "refund_no", detail))
                    continue
            yield action

    def _refuse(self, file: str, line: int, text: str, why: Refused) -> None:
        self.rejects.append(Reject(file, line, why.code, why.field, why.detail, text))

    def _take_merchants(self, table: Table[MerchantRow]) -> None:
        """All merchants at once; one that stands twice with the same terms is the same."""
        taken: dict[str, tuple[MerchantRow, int]] = {}
        for item in table.read():
            self.total_rows += 1
            if isinstance(item, Reject):
                self.rejects.append(item)
                continue
            first, line = taken.setdefault(item.row.merchant, (item.row, item.line))
            if first != item.row:
                detail = f"{first.merchant} stands at line {line} with other content"
                conflict = Refused(Code.REQUEST_CONFLICT, "merchant", detail)
                self._refuse(table.file, item.line, item.text, conflict)
        self.merchants = [row for row, _ in taken.values()]

    def _survey(self, table: Table[TimedT]) -> _Order:
        """The first pass over one file. Times are collected only if they turn out to need it."""
        good, first_us, last_us, ordered = 0, 0, 0, True
        for item in table.read():
            self.total_rows += 1
            if self.total_rows % REPORT_EVERY == 0:
                self._surveyed(self.total_rows)
            if isinstance(item, Reject):
                continue
            at_us = item.row.at_us
            ordered = ordered and at_us >= last_us
            first_us, last_us = first_us if good else at_us, at_us
            good += 1
        if ordered:
            return _Order(good, first_us, last_us, None)
        times = array(
            "q", (item.row.at_us for item in table.read() if not isinstance(item, Reject))
        )
        kept = longest_in_order(times)
        if len(times) != good:
            raise _changed(table.file)
        return _Order(good, times[kept.index(1)], times[kept.rindex(1)], kept)

    def _in_order(self, table: Table[TimedT], column: str) -> Iterator[Good[TimedT]]:
        """The second pass over one file: its good rows in order of time; the rest is refused."""
        found = self._found[table.file]
        good, last_us, last_line = 0, 0, 0
        for item in table.read():
            self.consumed += 1
            if isinstance(item, Reject):
                self.rejects.append(item)
                continue
            at_us = item.row.at_us
            good += 1
            if good > found.good:
                raise _changed(table.file)
            if found.kept is not None and not found.kept[good - 1]:
                detail = f"out of order: {iso_time(at_us)}, but rows after it go back before that"
                if at_us < last_us:
                    after = f"{iso_time(last_us)} of line {last_line}"
                    detail = f"out of order: {iso_time(at_us)} comes after {after}"
                self._refuse(
                    table.file, item.line, item.text, Refused(Code.DATE_INVALID, column, detail)
                )
                continue
            if at_us < last_us:
                raise _changed(table.file)
            last_us, last_line = at_us, item.line
            yield item
        if good != found.good:
            raise _changed(table.file)


def read_feed(
    directory: Path,
    known_merchant: Callable[[str], bool] = lambda _: False,
    surveyed: Progress = lambda _: None,
    latest_us: int = LATEST_US,
) -> Feed:
    """Look a feed through: `merchants`, `orders` and every `*refunds*`, each `.csv` or `.csv.gz`.

    `known_merchant` tells whether the ledger has a merchant that the feed does not list;
    `surveyed` is told now and then how many records have been looked at; rows of a time after
    `latest_us` (UTC µs) cannot have happened. Single rows are refused
    one by one, into `Feed.rejects`; raises Refused(REQUEST_INVALID), naming the file, when
    merchants or orders are missing, empty or unreadable, or a file stands there in both forms.
    """
    try:
        names = sorted(path.name for path in directory.iterdir())
    except OSError as error:
        detail = f"{directory} cannot be read: {error.strerror}"
        raise Refused(Code.REQUEST_INVALID, "directory", detail) from error
    refunds = [name for name in names if fnmatchcase(_plain(name), "*refunds*.csv")]
    plain = [_plain(name) for name in names]
    for stem in ("merchants.csv", "orders.csv", *map(_plain, refunds)):
        if plain.count(stem) > 1:
            detail = f"both {stem} and {stem}.gz are there; it must be one of them"
            raise Refused(Code.REQUEST_INVALID, stem, detail)
    merchants = _required(directory, names, "merchants.csv")
    orders = _required(directory, names, "orders.csv")
    return Feed(
        Table(merchants, rows.MERCHANT_COLUMNS, rows.parse_merchant, required=True),
        orders,
        [directory / name for name in refunds],
        known_merchant,
        surveyed,
        latest_us,
    )


def _plain(name: str) -> str:
    return name.removesuffix(".gz")


def _required(directory: Path, names: list[str], name: str) -> Path:
    for form in (name, f"{name}.gz"):
        if form in names:
            return directory / form
    raise Refused(Code.REQUEST_INVALID, name, f"neither {name} nor {name}.gz is in the directory")


def _timed(good: Good[RefundRow]) -> tuple[int, Checkout | RefundRow, str]:
    return good.row.requested_at_us, good.row, good.text


def _changed(file: str) -> Refused:
    return Refused(Code.REQUEST_INVALID, file, "the file changed while it was being read")
