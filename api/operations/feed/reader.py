"""Reads a feed's directory: checks all that can be checked alone, and sorts what is good.

    every file read to its end: is it whole, in what encoding, under what header?
    every row checked by itself ──▶ orders by number ──▶ checkouts ─┐
                                └─▶ refunds by number ─────────────┴─▶ all by time

When `read_feed` returns, every row is a good one in its place or a reject with a reason, whatever
the order of the rows in the files. Rows are sorted on disk: memory does not grow with the feed.
"""

from collections.abc import Callable, Iterator
from datetime import date
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from api.operations.feed import rows
from api.operations.feed.checkouts import Part, checkouts, place_of
from api.operations.feed.encoding import UTF_8
from api.operations.feed.mapping import PLAIN, FeedMap
from api.operations.feed.rejects import Reject, Rejects
from api.operations.feed.rows import FeedOrder, MerchantRow, OrderRow, RefundRow
from api.operations.feed.sorting import Sorter
from api.operations.feed.table import Bad, Table
from domain.fields import LATEST_US, checked_number
from domain.kernel import iso_time, shanghai_date
from domain.refusals import Code, Refused

REPORT_EVERY = 10_000  # Records between two calls of `told`.
KNOWN = 65_536  # Merchants of the ledger that are remembered.

Progress = Callable[[str, int], None]


class Action(Struct, frozen=True, gc=False, array_like=True):
    """What a feed asks for: exactly one of a checkout and a refund."""

    checkout: FeedOrder | None
    refund: RefundRow | None


def _place(action: Action) -> tuple[int, int, str, str]:
    """By time; at one instant orders first, then refund files by name, then by number."""
    if action.checkout is not None:
        return action.checkout.placed_at_us, 0, "", action.checkout.order_no
    refund = action.refund
    assert refund is not None
    return refund.requested_at_us, 1, refund.file, refund.refund_no


def _refund_place(row: RefundRow) -> tuple[str, int, str, int]:
    return row.refund_no, row.requested_at_us, row.file, row.line


class Feed:
    """A feed that was read, checked and sorted; made by `read_feed`.

    `merchants` are good, distinct and sorted by id. `rejects` are all rows refused, with their
    reasons; whoever refuses more of them adds to it. `total_rows` counts the records of all files,
    `consumed` those used so far. `days` are the Shanghai dates of good orders and refunds,
    ascending; `first_day` and `last_day` the first and last of them, None when no row is good.
    `files` has the records of each file, `encodings` those files that are not in UTF-8.
    """

    def __init__(
        self,
        tables: tuple[Table[MerchantRow], Table[OrderRow], list[Table[RefundRow]]],
        ids: set[str],
        told: Progress,
    ) -> None:
        """`ids` is told the merchants' ids before an order is read."""
        merchants, orders, refunds = tables
        self.merchants: list[MerchantRow] = []
        self.rejects = Rejects()
        self.files: dict[str, int] = {}
        self.total_rows = 0
        self.encodings: dict[str, str] = {}
        self.merchants_file, self.orders_file = merchants.file, orders.file
        self._told = told
        self._days: set[date] = set()
        self._actions: Sorter[Action] = Sorter(Action, _place)
        self._inspect(merchants)
        self._inspect(orders)
        for table in refunds:
            self._inspect(table)
        self._take_merchants(merchants)
        ids.update(row.merchant for row in self.merchants)
        self._take_orders(orders)
        self._take_refunds(refunds)
        self.days = sorted(self._days)
        self.first_day = self.days[0] if self.days else None
        self.last_day = self.days[-1] if self.days else None
        self.unused = len(self.rejects) + self.files[self.merchants_file] - self._bad_merchants
        self.consumed = self.unused

    @property
    def refused_merchants(self) -> list[Reject]:
        """Without their merchants nothing of a feed can be booked."""
        if not self._bad_merchants:
            return []
        return [one for one in self.rejects if one.file == self.merchants_file]

    def actions(self) -> Iterator[FeedOrder | RefundRow]:
        """Checkouts and refunds by time; at one instant orders first, then refunds by file and
        number. Asked again, it begins anew, and `consumed` with it."""
        self.consumed = self.unused
        for action in self._actions:
            if action.checkout is not None:
                self.consumed += len(action.checkout.lines)
                yield action.checkout
            elif action.refund is not None:
                self.consumed += 1
                yield action.refund

    def checkouts(self) -> Iterator[FeedOrder]:
        """The checkouts alone, by time; nothing is counted."""
        return (one.checkout for one in self._actions if one.checkout is not None)

    def refuse(self, row: OrderRow | RefundRow, why: Refused) -> None:
        """Add a row to the rejects."""
        file = row.file if isinstance(row, RefundRow) else self.orders_file
        self.rejects.add(Reject(file, row.line, why.code, why.field, why.detail, row.text))

    def _inspect(self, table: Table[MerchantRow] | Table[OrderRow] | Table[RefundRow]) -> None:
        encoding = table.inspect(lambda done: self._told(f"checking {table.file}", done))
        if encoding != UTF_8:
            self.encodings[table.file] = encoding

    def _counted(self, file: str) -> None:
        self.files[file] = self.files.get(file, 0) + 1
        self.total_rows += 1
        if self.total_rows % REPORT_EVERY == 0:
            self._told("reading", self.total_rows)

    def _take_merchants(self, table: Table[MerchantRow]) -> None:
        """All merchants; one that stands twice with the same terms is the same."""
        taken: dict[str, tuple[MerchantRow, int]] = {}
        self.files[table.file] = 0
        for item in table.read():
            self._counted(table.file)
            if isinstance(item, Bad):
                self.rejects.add(item.reject)
                continue
            first, line = taken.setdefault(item.row.merchant, (item.row, item.line))
            if first != item.row:
                detail = f"{first.merchant} stands at line {line} with other content"
                code = Code.REQUEST_CONFLICT
                reject = Reject(table.file, item.line, code, "merchant", detail, item.text)
                self.rejects.add(reject)
        self.merchants = [row for _, (row, _) in sorted(taken.items())]
        self._bad_merchants = len(self.rejects)

    def _take_orders(self, table: Table[OrderRow]) -> None:
        parts: Sorter[Part] = Sorter(Part, place_of)
        self.files[table.file] = 0
        for item in table.read():
            self._counted(table.file)
            if isinstance(item, Bad):
                self.rejects.add(item.reject)
                if _is_number(item.number):
                    parts.add(Part(item.number, 0, item.reject.line))
            else:
                row = item.row
                parts.add(Part(row.order_no, row.placed_at_us, row.line, row))
        for checkout in checkouts(parts, self.refuse):
            self._days.add(shanghai_date(checkout.placed_at_us))
            self._actions.add(Action(checkout, None))

    def _take_refunds(self, tables: list[Table[RefundRow]]) -> None:
        """A number counts once in all files, the first time it is asked for."""
        asked: Sorter[RefundRow] = Sorter(RefundRow, _refund_place)
        for table in tables:
            self.files[table.file] = 0
            for item in table.read():
                self._counted(table.file)
                if isinstance(item, Bad):
                    self.rejects.add(item.reject)
                else:
                    asked.add(item.row)
        first: RefundRow | None = None
        for row in asked:
            if first is None or first.refund_no != row.refund_no:
                first = row
                self._days.add(shanghai_date(row.requested_at_us))
                self._actions.add(Action(None, row))
                continue
            detail = f"refund {row.refund_no} stands already in {first.file}, line {first.line}"
            self.refuse(row, Refused(Code.REQUEST_CONFLICT, "refund_no", detail))


def read_feed(
    directory: Path,
    known_merchant: Callable[[str], bool] = lambda _: False,
    told: Progress = lambda *_: None,
    latest_us: int = LATEST_US,
    *,
    mapping: FeedMap = PLAIN,
    encoding: str | None = None,
) -> Feed:
    """Read a feed: `merchants`, `orders` and every `*refunds*`, each `.csv` or `.csv.gz`.

    `known_merchant` tells whether the ledger has a merchant that the feed does not list; `told`
    hears what is done and how much of it; rows of a time after `latest_us` (UTC µs) cannot have
    happened. `mapping` is how the files are spelled, `encoding` the one that all are in; None: each
    is found out. Single rows are refused one by one, into `Feed.rejects`.

    Raises Refused(REQUEST_INVALID), naming the file, when merchants or orders are missing, when a
    file stands there in both forms, or when one of them is damaged, in no encoding we read, or
    under a wrong header; OSError when there is no room to sort it.
    """
    merchants, orders, refunds = _files(directory)
    table: Table[MerchantRow] = Table(
        merchants,
        rows.MERCHANT_COLUMNS,
        lambda _line, fields, _text: rows.parse_merchant(fields),
        mapping.merchants,
        encoding,
    )
    ids: set[str] = set()
    in_ledger = lru_cache(KNOWN)(known_merchant)

    def order(line: int, fields: list[str], text: str) -> OrderRow:
        row = rows.parse_order(line, fields, text)
        _refuse_future(row.placed_at_us, "placed_at", latest_us)
        if row.merchant not in ids and not in_ledger(row.merchant):
            detail = f"{row.merchant} is no merchant of this feed or of the ledger"
            raise Refused(Code.MEMBER_NOT_FOUND, "merchant", detail)
        return row

    def refund(path: Path) -> Table[RefundRow]:
        def parse(line: int, fields: list[str], text: str) -> RefundRow:
            row = rows.parse_refund(path.name, line, fields, text)
            _refuse_future(row.requested_at_us, "requested_at", latest_us)
            return row

        return Table(path, rows.REFUND_COLUMNS, parse, mapping.refunds, encoding)

    placed = Table(orders, rows.ORDER_COLUMNS, order, mapping.orders, encoding)
    return Feed((table, placed, [refund(path) for path in refunds]), ids, told)


def _refuse_future(at_us: int, column: str, latest_us: int) -> None:
    if at_us > latest_us:  # One mistyped year would end all days up to it.
        detail = f"{iso_time(at_us)} lies in the future"
        raise Refused(Code.DATE_INVALID, column, detail)


def _is_number(text: str) -> bool:
    try:
        return bool(checked_number(text, ""))
    except Refused:
        return False


def _files(directory: Path) -> tuple[Path, Path, list[Path]]:
    """Merchants, orders, and the files of refunds by name."""
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
    return merchants, orders, [directory / name for name in refunds]


def _plain(name: str) -> str:
    return name.removesuffix(".gz")


def _required(directory: Path, names: list[str], name: str) -> Path:
    for form in (name, f"{name}.gz"):
        if form in names:
            return directory / form
    raise Refused(Code.REQUEST_INVALID, name, f"neither {name} nor {name}.gz is in the directory")
