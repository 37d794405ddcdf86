"""What an import would book and refuse, found out without booking: feed and books together.

Foreseen is what the two say: a number that is taken, a buyer who is a company, a refund without an
order, before its payment, or above what is left of it. What only the books can refuse while days
pass (an account that is frozen, a channel that declines) is not.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby, islice
from typing import TypeVar

from msgspec import Struct

from api.operations.desk import CHUNK
from api.operations.feed.reader import Feed
from api.operations.feed.rows import FeedOrder, RefundRow
from api.operations.feed.sorting import Sorter
from domain.clearing import day
from domain.kernel import StateT, Stream, iso_time, shanghai_date
from domain.ledger import codec
from domain.ledger.ledger import Ledger
from domain.ledger.states import fold_streams
from domain.member import agreement, member
from domain.order import order
from domain.order.commands import CONFIRM_AFTER_US
from domain.order.order import OrderLine
from domain.refusals import Code, Refused
from domain.transaction import refund, transaction

ItemT = TypeVar("ItemT")


class FileForecast(Struct):
    """Rows of one file: what would be booked (`late`: on a day after their own), what is booked
    already, and what would be refused, by reason."""

    rows: int = 0
    new: int = 0
    late: int = 0
    known: int = 0
    refused: dict[str, int] = {}


class Forecast(Struct, frozen=True):
    """`refused` counts the rows of all files that would be."""

    files: dict[str, FileForecast]
    refused: int


class _Item(Struct, frozen=True, gc=False, array_like=True):
    """Something about one transaction: its sale (`row` is None), or a refund of it."""

    transaction_id: str
    at_us: int
    amount_fen: int
    row: RefundRow | None = None


def _place(item: _Item) -> tuple[str, bool, int, str, str]:
    row = item.row
    file, number = (row.file, row.refund_no) if row is not None else ("", "")
    return item.transaction_id, row is not None, item.at_us, file, number


def foresee(
    ledger: Ledger | None, feed: Feed, told: Callable[[str, int], None] = lambda *_: None
) -> Forecast:
    """Look a feed through beside the books, which are not there yet when `ledger` is None. Rows
    that would be refused are added to `feed.rejects`."""
    return _Foreseeing(ledger, feed).run(told)


class _Foreseeing:
    def __init__(self, ledger: Ledger | None, feed: Feed) -> None:
        self._ledger = ledger
        self._feed = feed
        self._open_date: date | None = None
        if ledger is not None:
            self._open_date = ledger.state(day.STREAM).open_date
        self._sellers = {row.merchant for row in feed.merchants}
        self._merchants: dict[str, tuple[member.State, agreement.State]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._items: Sorter[_Item] = Sorter(_Item, _place)

    def run(self, told: Callable[[str, int], None]) -> Forecast:
        for some in _chunks(self._feed.checkouts()):
            self._foresee_orders(some)
            told("comparing", self._counts.total())
        for action in self._feed.actions():
            if isinstance(action, RefundRow):
                sold = transaction.identity(action.merchant, action.order_no)
                self._items.add(_Item(sold, action.requested_at_us, action.amount_fen, action))
        groups = groupby(self._items, key=lambda item: item.transaction_id)
        refunded = (group for _, items in groups if (group := list(items))[-1].row is not None)
        for some_groups in _chunks(refunded):
            self._foresee_refunds(some_groups)
            told("comparing", self._counts.total())
        return self._forecast()

    def _foresee_orders(self, checkouts: Sequence[FeedOrder]) -> None:
        orders = self._states(order.stream(one.order_no) for one in checkouts)
        buyers = self._states(member.stream(one.buyer) for one in checkouts)
        for one in checkouts:
            known = orders[order.stream(one.order_no)]
            buyer = buyers[member.stream(one.buyer)]
            try:
                order.place(known, one.buyer, "escrow", _lines(one))
            except Refused:
                detail = f"order {one.order_no} is in the books with other content"
                self._refuse(one, Refused(Code.ORDER_EXISTS, "order_no", detail))
                continue
            if known.placed is None and (one.buyer in self._sellers or buyer.kind == "enterprise"):
                detail = f"{one.buyer} is a merchant"
                self._refuse(one, Refused(Code.MEMBER_KIND_WRONG, "buyer", detail))
                continue
            if known.placed is None and (missing := self._unsigned(one)) is not None:
                self._refuse(one, missing)
                continue
            what = "known" if known.placed is not None else self._when(one.placed_at_us)
            self._counts[self._feed.orders_file, what] += len(one.lines)
            for line in one.lines:
                sold = transaction.identity(line.merchant, one.order_no)
                self._items.add(_Item(sold, one.placed_at_us, line.amount_fen))

    def _unsigned(self, one: FeedOrder) -> Refused | None:
        """Why merchants that have an agreement already cannot be paid so; the import signs for all
        others what it needs."""
        on = shanghai_date(one.placed_at_us)
        for line in one.lines:
            owner, signed = self._agreed(line.merchant)
            if owner.kind is None or (
                owner.needs_agreement and not agreement.has_begun(signed, on)
            ):
                continue
            try:
                agreement.need_product(owner, signed, "ESCROW_PURCHASE", on, "merchant")
                agreed = agreement.need_method(owner, signed, one.method, on, "method")
                agreement.refuse_amount(owner, agreed, line.amount_fen, "method")
            except Refused as why:
                return why
        return None

    def _refund_until(
        self, sold: transaction.State, transaction_id: str, paid_us: int
    ) -> date | None:
        """The last date of a refund, by what the sale is or will be sold under."""
        if sold.status not in ("none", "created"):
            return sold.refund_until
        if sold.created is not None:
            return transaction.refund_until(sold, shanghai_date(paid_us))
        owner, signed = self._agreed(transaction.merchant_of(transaction_id))
        terms = agreement.terms_on(owner, signed, on := shanghai_date(paid_us))
        days = None if terms is None else terms.refund_days
        return None if days is None else on + timedelta(days=days)

    def _agreed(self, merchant: str) -> tuple[member.State, agreement.State]:
        """A merchant and its agreement, read once."""
        if merchant not in self._merchants:
            whose, signed = member.stream(merchant), agreement.stream(merchant)
            owner = self._states([whose])[whose]
            self._merchants[merchant] = (owner, self._states([signed])[signed])
        return self._merchants[merchant]

    def _foresee_refunds(self, groups: Sequence[list[_Item]]) -> None:
        rows = [item.row for group in groups for item in group if item.row is not None]
        sales = self._states(transaction.stream(group[0].transaction_id) for group in groups)
        refunds = self._states(refund.stream(row.refund_no) for row in rows)
        for group in groups:
            sold = sales[transaction.stream(group[0].transaction_id)]
            sale = group[0] if group[0].row is None else None
            left_fen, paid_us = sold.refundable_fen, sold.confirm_by_us - CONFIRM_AFTER_US
            if sold.status in ("none", "created") and sale is not None:
                left_fen, paid_us = sale.amount_fen, sale.at_us
            until = self._refund_until(sold, group[0].transaction_id, paid_us)
            for item in group:
                if item.row is None:
                    continue
                asked = refunds[refund.stream(item.row.refund_no)]
                try:
                    is_known = refund.is_repeat(asked, item.transaction_id, item.amount_fen)
                    if asked.status == "rejected":
                        raise Refused(Code.REFUND_REJECTED, "refund_no", asked.rejected)
                    if not is_known:
                        _refuse_refund(item, sold, sale, left_fen, paid_us)
                        _refuse_late(item, until)
                        left_fen -= item.amount_fen
                except Refused as why:
                    self._refuse(item.row, why)
                    continue
                what = "known" if is_known else self._when(item.at_us)
                self._counts[item.row.file, what] += 1

    def _states(self, streams: "Iterable[Stream[StateT]]") -> dict[str, StateT]:
        if self._ledger is None:
            return {stream: codec.initial_state(stream) for stream in streams}
        folded = fold_streams(self._ledger.recorder, streams)
        return {stream: state for stream, (_, state) in folded.items()}

    def _when(self, at_us: int) -> str:
        late = self._open_date is not None and shanghai_date(at_us) < self._open_date
        return "late" if late else "new"

    def _refuse(self, row: FeedOrder | RefundRow, why: Refused) -> None:
        for one in row.lines if isinstance(row, FeedOrder) else (row,):
            self._feed.refuse(one, why)

    def _forecast(self) -> Forecast:
        files = {name: FileForecast(rows=count) for name, count in self._feed.files.items()}
        for (name, what), count in self._counts.items():
            setattr(files[name], what, count)
        for (name, code), count in sorted(self._feed.rejects.counts.items()):
            files[name].refused[code.value] = count
        merchants = files[self._feed.merchants_file]
        merchants.known = merchants.rows - sum(merchants.refused.values())
        return Forecast(files, len(self._feed.rejects))


def _refuse_refund(
    item: _Item, sold: transaction.State, sale: _Item | None, left_fen: int, paid_us: int
) -> None:
    if sale is None and sold.status == "none":
        raise Refused(Code.TRANSACTION_NOT_FOUND, "order_no")
    if sale is None and sold.status == "created":
        raise Refused(Code.TRANSACTION_NOT_PAID, "order_no")
    if item.at_us < paid_us:
        detail = f"asked for at {iso_time(item.at_us)}, and paid at {iso_time(paid_us)}"
        raise Refused(Code.TRANSACTION_NOT_PAID, "requested_at", detail)
    if item.amount_fen > left_fen:
        detail = f"{item.amount_fen} fen asked, {left_fen} fen left to refund"
        raise Refused(Code.REFUND_EXCEEDS_PAID, "amount", detail)


def _refuse_late(item: _Item, until: date | None) -> None:
    on = shanghai_date(item.at_us)
    if until is not None and on > until:
        detail = f"asked for on {on}, and possible until {until}"
        raise Refused(Code.REFUND_TOO_LATE, "requested_at", detail)


def _lines(checkout: FeedOrder) -> tuple[OrderLine, ...]:
    return tuple(
        OrderLine(row.merchant, row.amount_fen, row.subject, row.items) for row in checkout.lines
    )


def _chunks(items: Iterable[ItemT]) -> Iterator[list[ItemT]]:
    source = iter(items)
    while some := list(islice(source, CHUNK)):
        yield some
