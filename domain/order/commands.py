"""Commands of the order system: check out, pay, close; and what follows when a payment ends."""

from domain.accounting.chart import ESCROW, account_id
from domain.accounting.commands import is_closed, refuse_unbookable
from domain.accounting.rules.composite import composite_purchase
from domain.accounting.rules.purchase import escrow_purchase
from domain.fields import checked_member_id, checked_number, checked_reason, checked_text
from domain.kernel import DAY_US, Command, Entry, Reaction, Unit, shanghai_date
from domain.member import agreement, member
from domain.money import MAX_FEN, fen
from domain.order import order
from domain.order.order import MAX_ITEMS, MAX_LINES, Mode, OrderLine
from domain.payment import payment, signed
from domain.payment.asked import Destination
from domain.payment.combined import Sold
from domain.payment.commands import (
    LegAsked,
    expiry_us,
    planned,
    refuse_methods,
    release_wallet,
    start_payment,
)
from domain.payment.outcomes import send_back
from domain.payment.plan import Leg, Share, shares
from domain.payment.proof import Out, Proof
from domain.payment.protocol import PRODUCTS
from domain.payment.spent import spend
from domain.refusals import Code, Refused
from domain.transaction import transaction

CONFIRM_AFTER_US = 7 * DAY_US
_PRODUCT_OF: dict[Mode, agreement.Product] = {
    "escrow": "ESCROW_PURCHASE",
    "instant": "INSTANT_PURCHASE",
}


class Checkout(Command, frozen=True):
    """One line per merchant; every line becomes a transaction `<merchant>-<order_no>`."""

    order_no: str
    buyer: str
    lines: tuple[OrderLine, ...]
    mode: Mode = "escrow"


class PayOrder(Command, frozen=True, omit_defaults=True):
    """By one `method`, or by `legs`, whose amounts come to the order's total. `proof`: how the
    buyer agreed to what the wallet pays; `static`: by reading a code that does not change."""

    payment_no: str
    order_no: str
    method: str = ""
    legs: tuple[LegAsked, ...] = ()
    proof: Proof | None = None
    static: bool = False


class CloseOrder(Command, frozen=True):
    order_no: str
    reason: str


def checkout(unit: Unit, command: Checkout) -> dict[str, object]:
    """Place the order and create its transactions, each with its merchant's fee rule of today.

    Every merchant needs an agreement that has the product, today; what is placed stays as it was
    agreed. Raises ORDER_LINES_INVALID, AMOUNT_*, MEMBER_NOT_FOUND, MEMBER_KIND_WRONG,
    TERMS_MISSING, AGREEMENT_MISSING, ORDER_EXISTS.
    """
    order_no = checked_number(command.order_no, "order_no")
    buyer_stream = member.stream(checked_member_id(command.buyer, "buyer"))
    _check_lines(command.lines)
    buyer = unit.load(buyer_stream)
    if buyer.kind is None:
        raise Refused(Code.MEMBER_NOT_FOUND, "buyer", command.buyer)
    if buyer.forgotten:
        raise Refused(Code.MEMBER_FORGOTTEN, "buyer", command.buyer)
    if buyer.kind != "personal":  # A refund that a channel cannot pay goes to the buyer's wallet.
        raise Refused(Code.MEMBER_KIND_WRONG, "buyer", "only personal members have a wallet")
    stream = order.stream(order_no)
    facts = order.place(unit.load(stream), command.buyer, command.mode, command.lines)
    unit.record(stream, facts)
    if facts:
        for line in command.lines:
            _create_transaction(unit, order_no, command, line)
    ids = [transaction.identity(line.merchant, order_no) for line in command.lines]
    total_fen = order.total_fen(command.lines)
    return {"order_no": order_no, "total_fen": total_fen, "transaction_ids": ids}


def _check_lines(lines: tuple[OrderLine, ...]) -> None:
    if not 1 <= len(lines) <= MAX_LINES:
        raise Refused(Code.ORDER_LINES_INVALID, "lines", f"{len(lines)} lines")
    if len({line.merchant for line in lines}) != len(lines):
        raise Refused(Code.ORDER_LINES_INVALID, "lines", "a merchant stands in two lines")
    for index, line in enumerate(lines):
        fen(line.amount_fen, f"lines[{index}].amount_fen")
        if not 1 <= line.items <= MAX_ITEMS:
            raise Refused(Code.ORDER_LINES_INVALID, f"lines[{index}].items", f"{line.items}")
        checked_text(line.subject, f"lines[{index}].subject")
    if order.total_fen(lines) > MAX_FEN:
        raise Refused(Code.AMOUNT_TOO_LARGE, "lines", f"above {MAX_FEN} fen together")


def _create_transaction(unit: Unit, order_no: str, command: Checkout, line: OrderLine) -> None:
    merchant = unit.load(member.stream(checked_member_id(line.merchant, "merchant")))
    if merchant.kind is None:
        raise Refused(Code.MEMBER_NOT_FOUND, "merchant", line.merchant)
    if merchant.kind != "enterprise":
        raise Refused(Code.MEMBER_KIND_WRONG, "merchant", f"{line.merchant} cannot sell")
    today = shanghai_date(unit.at_us)
    rule = merchant.fee_rule_on(today)
    agreed, product = unit.load(agreement.stream(line.merchant)), _PRODUCT_OF[command.mode]
    terms = agreement.need_product(merchant, agreed, product, today, "mode")
    stream = transaction.stream(transaction.identity(line.merchant, order_no))
    created = transaction.create(
        unit.load(stream),
        order_no=order_no,
        merchant=line.merchant,
        buyer=command.buyer,
        amount_fen=line.amount_fen,
        subject=line.subject,
        items=line.items,
        mode=command.mode,
        fee_rule=rule,
        refund_days=terms.refund_days,
    )
    unit.record(stream, created)


def pay_order(unit: Unit, command: PayOrder) -> dict[str, object]:
    """Start paying an order by the plan that is asked for; the channels' answers come later. Raises
    what `pay` raises."""
    return pay(unit, command, counts=True)


def pay(
    unit: Unit, command: PayOrder, *, counts: bool, by: Destination | None = None
) -> dict[str, object]:
    """The same; what the wallet pays `counts` towards the caps and needs an agreement, unless the
    money only passes through: a channel took it, and the merchant need not have signed a wallet.
    `by`: the bound card that its leg is charged to.

    Raises what `planned`, `signed.refuse_unsigned` and `order.start_payment` raise, PAYMENT_EXISTS,
    and what a hold on the wallet, posting to escrow and the caps would: what could not be booked is
    not asked for.
    """
    payment_no = checked_number(command.payment_no, "payment_no")
    stream = order.stream(checked_number(command.order_no, "order_no"))
    refuse_methods(command.method, command.legs)
    state = unit.load(stream)
    placed = order.needed(state)
    product = PRODUCTS[_PRODUCT_OF[placed.mode]]
    legs = planned(unit, product, command.method, command.legs, placed.total_fen)
    sold = [
        Sold(transaction.identity(line.merchant, command.order_no), line.amount_fen)
        for line in placed.lines
    ]
    facts = order.start_payment(state, payment_no)
    if facts and unit.version(payment.stream(payment_no)):
        # Its instruction was carried out and will not be again: the order would wait for ever.
        raise Refused(Code.PAYMENT_EXISTS, "payment_no", f"{payment_no} was tried before")
    if facts:
        by_legs = bool(command.legs)
        uses = signed.refuse_unsigned(unit, legs, sold, by_legs=by_legs) if counts else ()
        _refuse_unbookable(unit, placed)
        facts = order.start_payment(state, payment_no, shanghai_date(unit.at_us), uses)
        signed.count(unit, payment_no, uses)
    whole = (command.order_no, placed.buyer, placed.total_fen, legs, sold)
    ids = start_payment(
        unit,
        payment_no,
        "order",
        *whole,
        product=product.code,
        payee=stream,
        expires_us=expiry_us(product, unit.at_us),
        merchant=placed.lines[0].merchant if len(sold) == 1 else "",
        by=by,
    )
    unit.record(stream, facts)
    if facts and counts:
        _count_wallet(unit, command, placed.buyer, legs)
    if len(legs) == 1 and ids:
        return {"payment_no": payment_no, "instruction_id": ids[0]}
    return {"payment_no": payment_no, "instruction_ids": ids}


def _refuse_unbookable(unit: Unit, placed: order.Placed) -> None:
    for line in placed.lines:
        refuse_unbookable(unit, account_id(ESCROW, line.merchant), line.amount_fen)


def _count_wallet(unit: Unit, command: PayOrder, buyer: str, legs: tuple[Leg, ...]) -> None:
    """What the wallet pays uses the buyer's caps from the moment it is held."""
    wallet = next((leg for leg in legs if leg.kind == "wallet"), None)
    if wallet is not None:
        out = Out("payment", buyer, command.payment_no, command.order_no, wallet.amount_fen)
        spend(unit, out, command.proof, static=command.static, field="legs")
    elif command.proof is not None:
        raise Refused(Code.PROOF_UNFIT, "proof", "nothing is paid from the wallet")


def close_order(unit: Unit, command: CloseOrder) -> dict[str, object]:
    order_no = checked_number(command.order_no, "order_no")
    reason = checked_reason(command.reason)
    stream = order.stream(order_no)
    state = unit.load(stream)
    _close(unit, order_no, state, order.close(state, reason), reason)
    return {"order_no": order_no, "status": "closed"}


def _close(
    unit: Unit, order_no: str, state: order.State, facts: list[order.Event], reason: str
) -> None:
    """Record that an order is closed, if it is so now, and close its transactions with it."""
    unit.record(order.stream(order_no), facts)
    if facts and state.placed is not None:
        for line in state.placed.lines:
            sold = transaction.stream(transaction.identity(line.merchant, order_no))
            unit.record(sold, transaction.close(unit.load(sold), reason))


def order_declined(unit: Unit, reaction: Reaction[payment.Declined, payment.State]) -> None:
    """The payment of an order was declined: the order may be paid anew."""
    stream = order.stream(reaction.fact.reference)
    payment_no = payment.number_of(reaction.stream)
    state = unit.load(stream)
    declined = order.payment_declined(state, payment_no, reaction.fact.reason)
    unit.record(stream, declined)
    if declined and state.day is not None:
        signed.give_back(unit, payment_no, state.day, state.uses)


def order_paid(unit: Unit, reaction: Reaction[payment.Succeeded, payment.State]) -> None:
    """The payment of an order succeeded: pay its transactions into escrow, or send back what the
    order does not wait for or what one of its merchants has no account for. That goes back whole,
    however many merchants there are: an order is paid by one payment, or not at all."""
    fact = reaction.fact
    stream, payment_no = order.stream(fact.reference), payment.number_of(reaction.stream)
    state = unit.load(stream)
    if unit.load(reaction.stream).late and state.status == "placed":  # It is the order's again.
        unit.record(stream, order.start_payment(state, payment_no))
        state = unit.load(stream)
    facts = order.payment_succeeded(state, payment_no)
    if not facts or state.placed is None:
        waits_for = f", for {state.payment_no}" if state.status == "paying" else ""
        send_back(unit, reaction.stream, f"order {fact.reference} is {state.status}{waits_for}")
        return
    for escrow in (account_id(ESCROW, line.merchant) for line in state.placed.lines):
        if is_closed(unit, escrow):
            reason = f"{escrow} is closed"
            closed = order.payment_sent_back(state, payment_no, reason)
            _close(unit, fact.reference, state, closed, reason)
            send_back(unit, reaction.stream, reason)
            return
    unit.record(stream, facts)
    _pay_transactions(unit, reaction, payment_no, state.placed)


def _pay_transactions(
    unit: Unit,
    reaction: Reaction[payment.Succeeded, payment.State],
    payment_no: str,
    placed: order.Placed,
) -> None:
    """Capture the plan: each transaction is paid into escrow by its shares of the legs."""
    fact, state = reaction.fact, unit.load(reaction.stream)
    assert state.started is not None
    release_wallet(unit, payment_no, placed.buyer, taken=True)
    unit.record(reaction.stream, payment.capture(state))
    confirm_by_us = unit.at_us + CONFIRM_AFTER_US
    amounts_fen = [line.amount_fen for line in placed.lines]
    parts = shares(state.started.legs, amounts_fen)
    for line, paid_by in zip(placed.lines, parts, strict=True):
        sold = transaction.stream(transaction.identity(line.merchant, fact.reference))
        entry = _purchase(unit, line.merchant, placed.buyer, paid_by, fact.leg)
        created = unit.load(sold)
        until = transaction.refund_until(created, shanghai_date(unit.at_us))
        paid = transaction.pay(created, payment_no, paid_by, confirm_by_us, entry, until)
        unit.record(sold, paid)
        if placed.mode == "instant":
            unit.record(sold, transaction.complete(unit.load(sold), "instant", unit.at_us))


def _purchase(
    unit: Unit, merchant: str, buyer: str, paid_by: tuple[Share, ...], last: int | None
) -> Entry:
    """The entry of one transaction; `last` is the leg that is booked only now."""
    on = unit.accounting_date
    if len(paid_by) == 1 and paid_by[0].leg == last:
        return escrow_purchase(on, paid_by[0].channel, merchant, paid_by[0].amount_fen)
    wallet_fen = sum(one.amount_fen for one in paid_by if one.kind == "wallet")
    newly = [one for one in paid_by if one.leg == last]
    newly_fen = sum(one.amount_fen for one in newly)
    return composite_purchase(
        on,
        merchant,
        buyer,
        wallet_fen=wallet_fen,
        waiting_fen=sum(one.amount_fen for one in paid_by) - wallet_fen - newly_fen,
        channel=newly[0].channel if newly else "",
        channel_fen=newly_fen,
    )
