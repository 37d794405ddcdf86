"""Merchant agreement (签约): what a merchant may use from a date on, and on which terms.

    (none) ──sign──▶ signed ──sign──▶ signed anew
                       └────end─────▶ ended ──sign──▶ signed again

Versions are effective-dated: the newest whose date has come applies, and what was accepted under an
older one goes on. Only what can still apply is kept; the history is in the facts. A merchant that
registered before there were agreements goes on as `STANDARD` says, until its first one begins. The
narrow agreement for mode instant (`member.AgreementSigned`) is an addendum: it adds that product to
an agreement in force, and opens nothing by itself.
"""

import re
from datetime import date
from typing import Literal, assert_never, get_args

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream
from domain.member import member
from domain.member.terms import check_effective, dated
from domain.money import MAX_FEN
from domain.refusals import Code, Refused

# What can be signed, in the words of `payment/protocol.py`, where a test finds every one of them.
Product = Literal["ESCROW_PURCHASE", "INSTANT_PURCHASE"]
MethodCode = Literal["WALLET_BALANCE", "BANK_CARD", "WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS"]
# Channels that know each merchant of ours by a number of its own (服务商).
Partnered = Literal["WECHAT_PAY"]
PARTNERED: tuple[str, ...] = get_args(Partnered)
LONGEST_REFUND_DAYS = 3_650
_is_sub_mchid = re.compile(r"[0-9A-Za-z_-]{1,32}", re.ASCII).fullmatch
_is_time = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII).fullmatch


class Method(Struct, frozen=True, omit_defaults=True):
    """A payment code that may pay this merchant; what one payment by it may be, and all of a day
    together, in fen (None: not agreed)."""

    code: MethodCode
    least_fen: int = 1
    most_fen: int | None = None
    day_fen: int | None = None


class SubMerchant(Struct, frozen=True):
    """The merchant's number at a channel where we are a partner."""

    channel: Partnered
    sub_mchid: str


class Terms(Struct, frozen=True, omit_defaults=True):
    """`refund_days`: a sale may be refunded until so many days after its payment (None: for ever).
    `debt_limit_fen`: the most it may owe for advanced refunds, beside the limit the institution
    sets. `cut_off`: HH:MM in Shanghai, from when on a day's releases clear with the next; "": with
    the institution's own."""

    products: tuple[Product, ...]
    methods: tuple[Method, ...]
    sub_mchids: tuple[SubMerchant, ...] = ()
    refund_days: int | None = None
    debt_limit_fen: int | None = None
    cut_off: str = ""

    def sub_mchid(self, channel: str) -> str:
        """The merchant's number at a channel, "" when it has none."""
        return next((one.sub_mchid for one in self.sub_mchids if one.channel == channel), "")


# Escrow by every payment code: what merchants had before there were agreements, beside mode instant
# by its addendum.
STANDARD = Terms(("ESCROW_PURCHASE",), tuple(Method(code) for code in sorted(get_args(MethodCode))))


class Signed(Fact, frozen=True):
    """From this date on the merchant may use what these terms say, and nothing else."""

    effective_from: date
    terms: Terms


class Ended(Fact, frozen=True):
    """The first date on which the merchant may use nothing any more."""

    effective_from: date


Event = Signed | Ended


class State(Struct, frozen=True, gc=False):
    """(effective from, terms), oldest first; None: ended. The newest whose date has come applies,
    and at most MAX_TERMS are kept. `debt_limits` are those that were signed, in fen, in the same
    way; an end takes none away."""

    versions: tuple[tuple[date, Terms | None], ...] = ()
    debt_limits: tuple[tuple[date, int | None], ...] = ()


def stream(member_id: str) -> "Stream[State]":
    return Stream(f"agreement-{member_id}")


def terms_on(owner: member.State, state: State, day: date) -> Terms | None:
    """What a merchant may use on a date; None: nothing."""
    before = None if owner.needs_agreement else STANDARD
    return next((terms for since, terms in reversed(state.versions) if since <= day), before)


def debt_limit_on(state: State, day: date) -> int | None:
    """The most a merchant may owe on a date, in fen, as it signed last; None: nothing is agreed.
    It outlives the agreement: refunds of earlier sales go on, and so does the debt they make."""
    return next((fen for since, fen in reversed(state.debt_limits) if since <= day), None)


def has_begun(state: State, day: date) -> bool:
    """Whether an agreement, or the end of one, has begun by a date."""
    return any(since <= day for since, _ in state.versions)


def need_product(
    owner: member.State, state: State, product: Product, day: date, field: str
) -> Terms:
    """The terms of a date, which have the product. Raises Refused(AGREEMENT_MISSING), naming the
    field that asks for it."""
    terms = terms_on(owner, state, day)
    beside = product == "INSTANT_PURCHASE" and owner.has_agreement("instant", day)
    if terms is None or not (beside or product in terms.products):
        raise _missing(owner, product, day, field)
    return terms


def need_method(owner: member.State, state: State, code: str, day: date, field: str) -> Method:
    """The payment code as it is agreed on a date. Raises Refused(AGREEMENT_MISSING)."""
    terms = terms_on(owner, state, day)
    found = next((one for one in terms.methods if one.code == code), None) if terms else None
    if found is None:
        raise _missing(owner, code, day, field)
    return found


def _missing(owner: member.State, what: str, day: date, field: str) -> Refused:
    detail = f"{owner.member_id}: no agreement for {what} on {day}"
    return Refused(Code.AGREEMENT_MISSING, field, detail)


def refuse_amount(
    owner: member.State, agreed: Method, amount_fen: int, field: str, used_fen: int = 0
) -> None:
    """Raises Refused(AGREEMENT_LIMIT) for a payment outside what is agreed; `used_fen` are those of
    the same day and method before it."""
    most_fen = agreed.most_fen
    if amount_fen < agreed.least_fen or (most_fen is not None and amount_fen > most_fen):
        upto = "" if most_fen is None else f" to {most_fen}"
        detail = f"{owner.member_id}: {agreed.code} from {agreed.least_fen}{upto} fen"
        raise Refused(Code.AGREEMENT_LIMIT, field, f"{detail}, not {amount_fen}")
    if agreed.day_fen is not None and used_fen + amount_fen > agreed.day_fen:
        detail = f"{owner.member_id}: {agreed.code} to {agreed.day_fen} fen a day, {used_fen} used"
        raise Refused(Code.AGREEMENT_LIMIT, field, f"{detail}, not {amount_fen} more")


def sign(
    owner: member.State, state: State, effective_from: date, terms: Terms, today: date
) -> list[Event]:
    """From a date on these terms are the merchant's. Again: [].

    Raises MEMBER_NOT_FOUND, MEMBER_FORGOTTEN, MEMBER_KIND_WRONG, TERMS_INVALID.
    """
    member.need_enterprise(owner)
    wanted = _in_order(terms)
    if (effective_from, wanted) in state.versions:
        return []
    check_effective(effective_from, today, [day for day, _ in state.versions])
    return [Signed(effective_from, wanted)]


def end(owner: member.State, state: State, effective_from: date, today: date) -> list[Event]:
    """From a date on the merchant has no agreement. Again: [].

    Raises MEMBER_NOT_FOUND, MEMBER_FORGOTTEN, MEMBER_KIND_WRONG, AGREEMENT_MISSING, TERMS_INVALID.
    """
    member.need_enterprise(owner)
    if (effective_from, None) in state.versions:
        return []
    if terms_on(owner, state, effective_from) is None:
        raise _missing(owner, "anything", effective_from, "effective_from")
    check_effective(effective_from, today, [day for day, _ in state.versions])
    return [Ended(effective_from)]


def _in_order(terms: Terms) -> Terms:
    """The same terms as they are kept. Raises Refused(TERMS_INVALID) naming the field."""
    products = tuple(sorted(set(terms.products)))
    methods = tuple(sorted(terms.methods, key=lambda one: one.code))
    subs = tuple(sorted(terms.sub_mchids, key=lambda one: one.channel))
    _need(bool(products), "products", "at least one is needed")
    _need(bool(methods), "methods", "at least one is needed")
    _need(len({one.code for one in methods}) == len(methods), "methods", "a code stands twice")
    for one in methods:
        most_fen = MAX_FEN if one.most_fen is None else one.most_fen
        whole = 1 <= one.least_fen <= most_fen <= MAX_FEN
        _need(whole, "methods", f"{one.code}: fen, least_fen from 1, most_fen not below it")
        daily = one.day_fen is None or one.least_fen <= one.day_fen <= MAX_FEN
        _need(daily, "methods", f"{one.code}: fen, day_fen not below least_fen")
    _need(len({one.channel for one in subs}) == len(subs), "sub_mchids", "a channel stands twice")
    for sub in subs:
        _need(bool(_is_sub_mchid(sub.sub_mchid)), "sub_mchids", "1 to 32 letters, digits, _ and -")
    days, limit_fen = terms.refund_days, terms.debt_limit_fen
    refund = days is None or 0 <= days <= LONGEST_REFUND_DAYS
    _need(refund, "refund_days", f"0 to {LONGEST_REFUND_DAYS} days")
    debt = limit_fen is None or 0 <= limit_fen <= MAX_FEN
    _need(debt, "debt_limit_fen", f"0 to {MAX_FEN} fen")
    _need(not terms.cut_off or bool(_is_time(terms.cut_off)), "cut_off", "HH:MM, or empty")
    return replace(terms, products=products, methods=methods, sub_mchids=subs)


def _need(right: bool, field: str, detail: str) -> None:
    if not right:
        raise Refused(Code.TERMS_INVALID, field, detail)


def evolve(state: State, event: Event) -> State:
    match event:
        case Signed(effective_from=day, terms=terms):
            limits = dated(state.debt_limits, day, terms.debt_limit_fen)
            return State(dated(state.versions, day, terms), limits)
        case Ended(effective_from=day):
            return State(dated(state.versions, day, None), _limits_at_end(state.debt_limits, day))
        case _:
            assert_never(event)


def _limits_at_end(
    limits: tuple[tuple[date, int | None], ...], day: date
) -> tuple[tuple[date, int | None], ...]:
    """An end replaces what was signed for its own date. Whether that was in force for some hours is
    not known here: so the lower of its limit and the one before goes on, and nothing is lifted."""
    if not any(since == day for since, _ in limits):
        return limits
    newest = [fen for since, fen in limits if since <= day][-2:]
    return dated(limits, day, min((one for one in newest if one is not None), default=None))
