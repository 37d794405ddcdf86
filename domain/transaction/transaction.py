"""Transaction (交易): what one merchant sells to one buyer in one order, escrow or instant.

    (none) ──create──▶ created ──pay──▶ paid ──complete──▶ completed
                          │               │   (buyer or timer)   │
                        close           refund               refund, to the last fen
                          ▼               ▼                       ▼
                        closed          refunded               refunded

`paid` holds the money in escrow. `completed` is followed in the same commit by the transaction's
own clearing fact, which releases what was not refunded. Refunds may be partial and repeated; their
sum never exceeds the amount, and this aggregate guards that. A refund that waits for an approval
has its amount reserved here, so that no other refund takes it. Amounts are fen; state is totals.
"""

from datetime import date, timedelta
from typing import Literal, NamedTuple, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.reserve import Share as ReserveShare
from domain.kernel import Entry, Fact, Stream, key
from domain.money import FeeRule, fee_fen
from domain.payment.plan import Share, take
from domain.refusals import Code, Refused
from domain.transaction.charged import Charged

Mode = Literal["escrow", "instant"]
Stage = Literal["escrow", "released"]


class Created(Fact, frozen=True, omit_defaults=True):
    """`fee_rule` is the merchant's rule in force when the transaction was created, `refund_days`
    how many days after its payment it may be refunded (None: always)."""

    order_no: str
    merchant: str
    buyer: str
    amount_fen: int
    subject: str
    items: int
    mode: Mode
    fee_rule: FeeRule
    refund_days: int | None = None


class Paid(Fact, frozen=True, omit_defaults=True):
    """`legs`: what each leg of the payment paid of it, in the order a refund takes it back.
    `confirm_by_us`: from then on the timer may confirm receipt (UTC µs). `refund_until`: the last
    date on which it may be refunded, None: there is none."""

    payment_no: str
    confirm_by_us: int
    legs: tuple[Share, ...]
    entry: Entry
    refund_until: date | None = None


class Completed(Fact, frozen=True):
    by: Literal["buyer", "timer", "instant"]


class Cleared(Fact, frozen=True, omit_defaults=True):
    """The release: gross is what was not refunded, net is gross less fee. `batch` settles it, less
    what of the net was withheld for the merchant's rolling reserve."""

    clearing_date: date
    batch: str
    gross_fen: int
    fee_fen: int
    net_fen: int
    entry: Entry
    withheld: ReserveShare | None = None


class RefundAccepted(Fact, frozen=True, omit_defaults=True):
    """Before release its entry takes the money out of escrow; after it, `RefundCleared` does. What
    was charged back and lost is in the stage "escrow", without an entry: its chargeback took it,
    in all `charged_back_fen` (0: an older fact)."""

    refund_no: str
    amount_fen: int
    stage: Stage
    entry: Entry | None
    charged_back_fen: int = 0


class RefundCleared(Fact, frozen=True, omit_defaults=True):
    """A refund after release: where its money came from; the fee on it was given back, and so was
    its share of the rolling reserve, to pay for it."""

    refund_no: str
    clearing_date: date
    batch: str
    amount_fen: int
    fee_returned_fen: int
    from_pending_fen: int
    from_available_fen: int
    advanced_fen: int
    entry: Entry
    reserve_returned_fen: int = 0


class RefundReserved(Fact, frozen=True, omit_defaults=True):
    """A refund after release waits for an approval, or so much is charged back (拒付) and disputed;
    nothing else may refund this amount, or release it. `charged_back_fen`: the whole chargeback;
    0 of a refund, and in older facts."""

    refund_no: str
    amount_fen: int
    charged_back_fen: int = 0


class ReservationEnded(Fact, frozen=True):
    """The refund was approved, and is accepted next, or rejected; or a chargeback has ended."""

    refund_no: str
    amount_fen: int


class Closed(Fact, frozen=True):
    reason: str


Event = (
    Created | Paid | Completed | Cleared | RefundAccepted | RefundCleared | RefundReserved
    | ReservationEnded | Closed
)  # fmt: skip


class State(Struct, frozen=True, gc=False):
    status: Literal["none", "created", "paid", "completed", "refunded", "closed"] = "none"
    created: Created | None = None
    payment_no: str = ""
    legs: tuple[Share, ...] = ()  # What of each leg is not refunded.
    confirm_by_us: int = 0
    refunded_fen: int = 0
    released: bool = False
    released_fen: int = 0  # What is released after later refunds.
    refund_until: date | None = None
    reserved_fen: int = 0  # Of refunds that wait for an approval, and what is charged back.
    withheld: ReserveShare | None = None  # What is in the reserve after later refunds.
    charged: Charged = Charged()

    @property
    def refundable_fen(self) -> int:
        if self.created is None:
            return 0
        return self.created.amount_fen - self.refunded_fen - self.reserved_fen


def identity(merchant: str, order_no: str) -> str:
    """The transaction's id: one per order and merchant."""
    return f"{merchant}-{order_no}"


def stream(transaction_id: str) -> "Stream[State]":
    return Stream(f"transaction-{transaction_id}")


def id_of(stream: str) -> str:
    """The transaction's id, from its stream."""
    return key(stream)


def merchant_of(transaction_id: str) -> str:
    """The merchant, from the id: what stands before the first dash, for member ids have none."""
    return transaction_id.partition("-")[0]


def create(
    state: State,
    *,
    order_no: str,
    merchant: str,
    buyer: str,
    amount_fen: int,
    subject: str,
    items: int,
    mode: Mode,
    fee_rule: FeeRule,
    refund_days: int | None = None,
) -> list[Event]:
    """The same transaction again returns []. Another one under its id is refused: ORDER_EXISTS."""
    sold = (order_no, merchant, buyer, amount_fen, subject, items, mode)
    wanted = Created(*sold, fee_rule, refund_days)
    if state.created is None:
        return [wanted]
    if state.created == wanted:
        return []
    raise Refused(Code.ORDER_EXISTS, "order_no", f"{wanted.merchant} has {wanted.order_no} already")


def refund_until(state: State, paid_on: date) -> date | None:
    """The last date on which it may be refunded, when it is paid on a date; None: there is none."""
    days = state.created.refund_days if state.created else None
    return None if days is None else paid_on + timedelta(days=days)


def pay(
    state: State,
    payment_no: str,
    legs: tuple[Share, ...],
    confirm_by_us: int,
    entry: Entry,
    refund_until: date | None = None,
) -> list[Event]:
    _need(state)
    if state.status != "created":
        return []
    return [Paid(payment_no, confirm_by_us, legs, entry, refund_until)]


def complete(state: State, by: Literal["buyer", "timer", "instant"], at_us: int) -> list[Event]:
    """Receipt is confirmed. What was refunded whole has nothing to confirm: the timer says nothing.

    Raises TRANSACTION_NOT_FOUND, TRANSACTION_NOT_PAID, TRANSACTION_CLOSED, CONFIRMATION_TOO_EARLY.
    """
    _need(state)
    confirmed = state.status == "completed" or state.released
    if confirmed or (state.status == "refunded" and by == "timer"):
        return []
    if state.status == "created":
        raise Refused(Code.TRANSACTION_NOT_PAID, "transaction_id")
    if state.status != "paid":
        raise Refused(Code.TRANSACTION_CLOSED, "transaction_id")
    if not state.refundable_fen:  # Nothing is left to release.
        if by == "timer":
            return []
        detail = "all of it is charged back, or refunded"
        raise Refused(Code.TRANSACTION_CLOSED, "transaction_id", detail)
    if by == "timer" and at_us < state.confirm_by_us:
        raise Refused(Code.CONFIRMATION_TOO_EARLY, "at")
    return [Completed(by)]


def refuse_refund(state: State, amount_fen: int) -> Stage:
    """Where a refund's money would come from.

    Raises TRANSACTION_NOT_FOUND, TRANSACTION_NOT_PAID, TRANSACTION_CLOSED, REFUND_EXCEEDS_PAID.
    """
    refuse_unpaid(state)
    if amount_fen > state.refundable_fen:
        detail = f"{amount_fen} fen asked, {state.refundable_fen} fen left to refund"
        if state.reserved_fen:
            detail += f"; {state.reserved_fen} fen wait for an approval, or are charged back"
        raise Refused(Code.REFUND_EXCEEDS_PAID, "amount_fen", detail)
    return "released" if state.released else "escrow"


def refuse_unpaid(state: State) -> None:
    """Raises TRANSACTION_NOT_FOUND, TRANSACTION_NOT_PAID, TRANSACTION_CLOSED."""
    _need(state)
    if state.status == "created":
        raise Refused(Code.TRANSACTION_NOT_PAID, "transaction_id")
    if state.status == "closed":
        raise Refused(Code.TRANSACTION_CLOSED, "transaction_id")


def refuse_late(state: State, today: date) -> None:
    """Raises Refused(REFUND_TOO_LATE) when the days for a refund are over."""
    if state.refund_until is not None and today > state.refund_until:
        detail = f"it could be refunded until {state.refund_until}"
        raise Refused(Code.REFUND_TOO_LATE, "transaction_id", detail)


def accept_refund(
    state: State, refund_no: str, amount_fen: int, entry: Entry | None
) -> list[Event]:
    """`entry` takes the money out of escrow; None after release, when `clear_refund` follows.

    Raises what `refuse_refund` raises.
    """
    return [RefundAccepted(refund_no, amount_fen, refuse_refund(state, amount_fen), entry)]


def refund_parts(state: State, amount_fen: int) -> tuple[Share, ...]:
    """What a refund takes of each leg: channels first, the wallet last. Accepting it takes the
    same of what is left."""
    return take(state.legs, amount_fen).parts


def reserve_refund(state: State, refund_no: str, amount_fen: int) -> list[Event]:
    """For a refund after release that waits for an approval. Raises what `refuse_refund` raises."""
    stage = refuse_refund(state, amount_fen)
    assert stage == "released", "out of escrow nothing is advanced"
    return [RefundReserved(refund_no, amount_fen)]


def end_reservation(refund_no: str, amount_fen: int) -> list[Event]:
    """The refund does not wait any more."""
    return [ReservationEnded(refund_no, amount_fen)]


def reserve_charged_back(chargeback: str, amount_fen: int, whole_fen: int) -> list[Event]:
    """Until it is decided, what is there of it (`amount_fen`) is neither refunded nor released."""
    return [RefundReserved(chargeback, amount_fen, whole_fen)]


def lose_charged_back(chargeback: str, amount_fen: int, whole_fen: int) -> list[Event]:
    """The payer keeps what was charged back: it counts as refunded."""
    lost = RefundAccepted(chargeback, amount_fen, "escrow", None, whole_fen)
    return [*end_reservation(chargeback, amount_fen), lost]


class Release(NamedTuple):
    """What is released of a transaction, in fen: `net_fen` to the merchant, the fee to us; and what
    of the net is withheld."""

    gross_fen: int
    fee_fen: int
    withheld: ReserveShare | None = None

    @property
    def net_fen(self) -> int:
        return self.gross_fen - self.fee_fen


def release_of(state: State) -> Release:
    """What a release gives out now: what was not refunded, and the fee on that."""
    assert state.created is not None
    gross_fen = state.refundable_fen
    return Release(gross_fen, fee_fen(state.created.fee_rule, gross_fen))


def clear(share: Release, on: date, batch: str, entry: Entry) -> list[Event]:
    """The release, once the receipt is confirmed: it clears on a date, and a batch settles it."""
    gross_fen, fee, net_fen = share.gross_fen, share.fee_fen, share.net_fen
    return [Cleared(on, batch, gross_fen, fee, net_fen, entry, share.withheld)]


class RefundShares(NamedTuple):
    """Where the money of a refund after release comes from, in fen. Their sum is the refund."""

    fee_returned_fen: int
    from_pending_fen: int
    from_available_fen: int
    advanced_fen: int
    reserve_returned_fen: int = 0


def clear_refund(
    accepted: RefundAccepted, shares: RefundShares, on: date, batch: str, entry: Entry
) -> list[Event]:
    """A refund after release, once it is accepted: who paid it, on which clearing date."""
    paid, unheld_fen = shares[:4], shares.reserve_returned_fen
    refund_no, amount_fen = accepted.refund_no, accepted.amount_fen
    return [RefundCleared(refund_no, on, batch, amount_fen, *paid, entry, unheld_fen)]


def close(state: State, reason: str) -> list[Event]:
    """An unpaid transaction is closed with its order."""
    return [Closed(reason)] if state.status == "created" else []


def _need(state: State) -> None:
    if state.created is None:
        raise Refused(Code.TRANSACTION_NOT_FOUND, "transaction_id")


def evolve(state: State, event: Event) -> State:
    match event:
        case Created():
            return State("created", event)
        case Paid(payment_no=payment_no, legs=legs, confirm_by_us=by_us):
            paid = replace(state, status="paid", payment_no=payment_no, legs=legs)
            return replace(paid, confirm_by_us=by_us, refund_until=event.refund_until)
        case Completed():
            return replace(state, status="completed")
        case Cleared(gross_fen=gross_fen, withheld=withheld):
            return replace(state, released=True, released_fen=gross_fen, withheld=withheld)
        case RefundAccepted(amount_fen=fen):
            refunded_fen = state.refunded_fen + fen
            whole = state.created is not None and refunded_fen == state.created.amount_fen
            status = "refunded" if whole else state.status
            if event.stage == "escrow" and event.entry is None:
                lost = state.charged.lost(event.charged_back_fen or fen)
                state = replace(state, charged=lost)
            legs = take(state.legs, fen).left
            return replace(state, status=status, refunded_fen=refunded_fen, legs=legs)
        case RefundCleared(amount_fen=fen, reserve_returned_fen=unheld_fen):
            left, share = state.released_fen - fen, state.withheld
            if share is not None and unheld_fen:
                share = replace(share, amount_fen=share.amount_fen - unheld_fen)
            return replace(state, released_fen=left, withheld=share)
        case RefundReserved(refund_no=by, amount_fen=fen, charged_back_fen=whole_fen):
            charged = state.charged.reserved(by, fen, whole_fen, released=state.released)
            return replace(state, reserved_fen=state.reserved_fen + fen, charged=charged)
        case ReservationEnded(refund_no=by, amount_fen=fen):
            left_fen, charged = state.reserved_fen - fen, state.charged.ended(by)
            return replace(state, reserved_fen=left_fen, charged=charged)
        case Closed():
            return replace(state, status="closed")
        case _:
            assert_never(event)
