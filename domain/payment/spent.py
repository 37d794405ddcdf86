"""What leaves wallets is counted, and what comes back is given back, over all of one customer's.

Counted when the money is held, so that two at once cannot pass a cap together: the customer's count
is one stream, and each command sees what the one before has counted. The rules are in `caps.py`,
the totals in `spending.py`, what one movement used in `wallet_use.py`.
"""

from datetime import date
from typing import NamedTuple

from domain.accounting import reversal
from domain.accounting.reversal import Reversed
from domain.kernel import Reaction, States, Unit, category, key, shanghai_date
from domain.member import member
from domain.member.member import Certified
from domain.member.terms import SOURCES, Level
from domain.payment import spending, wallet_use
from domain.payment.caps import LOWEST, Band, Caps, Period, band_of, caps_on
from domain.payment.proof import Out, Proof, refuse_unfit
from domain.payment.spending import Kind, Sums, band_fen, period_fen
from domain.payment.wallet_use import Use
from domain.refusals import Code, Refused

FIELD = "amount_fen"


class Room(NamedTuple):
    """What is left of the cap of the class, and of the day's by band. Fen."""

    class_fen: int
    days_fen: dict[Band, int]

    def most_fen(self, band: Band) -> int:
        return min(self.class_fen, self.days_fen[band])


def spend(unit: Unit, out: Out, proof: Proof | None, *, static: bool, field: str = FIELD) -> None:
    """A payment or transfer out of a wallet. Before there were caps, what has no proof is not
    counted. Raises PROOF_UNFIT, PROOF_EXPIRED, WALLET_CAP; `field` names the amount."""
    if proof is not None:
        refuse_unfit(proof, out, unit.at_us)
    today = shanghai_date(unit.at_us)
    caps = caps_on(today)
    if caps is None and proof is None:
        return
    factors = () if proof is None else proof.factors
    day, level, sums = _standing(unit.load, out.member_id, today)
    band = band_of(factors)
    if caps is not None:
        _refuse_class(caps, level, sums, out.amount_fen, field)
        _refuse_day(caps, band, static, sums, out.amount_fen, field)
    name = "" if proof is None else proof.proof
    what = (out.kind, out.member_id, out.amount_fen, day, level)
    _count(unit, out.number, Use(*what, band, factors, name, static))


def room(states: States, member_id: str, at_us: int) -> Room | None:
    """What a member's caps leave it to pay; None: there are no caps yet."""
    today = shanghai_date(at_us)
    caps = caps_on(today)
    if caps is None:
        return None
    _, level, sums = _standing(states, member_id, today)
    return Room(
        _class_left_fen(caps, level, sums),
        {band: max(0, most - band_fen(sums, band)) for band, most in caps.days.items()},
    )


def withdraw(unit: Unit, number: str, member_id: str, amount_fen: int) -> None:
    """To the own card: from a class that is counted since its opening, no more than is left of
    that; from the others as much as there is. Raises WALLET_CAP."""
    today = shanghai_date(unit.at_us)
    caps = caps_on(today)
    if caps is None:
        return
    day, level, sums = _standing(unit.load, member_id, today)
    if caps.classes[level].period == "opening":
        _refuse_class(caps, level, sums, amount_fen, FIELD)
    _count(unit, number, Use("withdrawal", member_id, amount_fen, day, level))


def withdrawn_late(unit: Unit, number: str) -> None:
    """A withdrawal that was given back is paid in spite of that."""
    _count_again(unit, "withdrawal", number)


class ClassLeft(NamedTuple):
    """What the class of a wallet leaves its owner to pay from balances, over all wallets of one
    customer. Fen."""

    level: Level
    period: Period
    left_fen: int


def class_left(states: States, member_id: str, today: date) -> ClassLeft | None:
    """For who looks: what is paid is decided anew. None before there were caps."""
    caps = caps_on(today)
    if caps is None:
        return None
    _, level, sums = _standing(states, member_id, today)
    return ClassLeft(level, caps.classes[level].period, _class_left_fen(caps, level, sums))


def give_back(unit: Unit, kind: Kind, number: str, amount_fen: int | None, reason: str) -> None:
    """So much of what a movement used was not paid, or paid back; None: all that is left of it. To
    the customer that the member is now. What was not counted gives nothing back."""
    stream = wallet_use.stream(kind, number)
    state = unit.load(stream)
    facts = wallet_use.give_back(state, amount_fen, reason)
    unit.record(stream, facts)
    used = state.counted
    for fact in facts:
        if isinstance(fact, wallet_use.GivenBack) and used is not None:
            owner = unit.load(member.stream(used.member_id))
            unit.record(
                spending.stream(spending.customer_of(owner)),
                spending.give_back(
                    stream, used.day, fact.amount_fen, used.band, static=used.static
                ),
            )


def same_person(unit: Unit, reaction: Reaction[Certified, member.State]) -> None:
    """A member is certified as somebody: what it has used counts with all that this person has."""
    owner = unit.load(reaction.stream)
    if not owner.customer:
        return
    own, shared = spending.stream(owner.member_id), spending.customer_of(owner)
    handed = spending.hand_over(unit.load(own), shared)
    unit.record(own, handed)
    unit.record(spending.stream(shared), spending.take_over(owner.member_id, handed))


def transfer_reversed(unit: Unit, reaction: Reaction[Reversed, reversal.State]) -> None:
    """An operator turned a transfer round, or that turning: what it used is given back, or used
    again, whatever the caps say."""
    first = reaction.fact.reference.removeprefix(reversal.PREFIX)
    if category(first) != "transfer":
        return
    number = key(first.partition("#")[0])
    if first == reaction.fact.reference:
        give_back(unit, "transfer", number, None, "turned round")
    else:
        _count_again(unit, "transfer", number)


def _count_again(unit: Unit, kind: Kind, number: str) -> None:
    """Whatever the caps say: the money has left. What was never counted is not now."""
    state = unit.load(wallet_use.stream(kind, number))
    if state.counted is not None:
        owner = unit.load(member.stream(state.counted.member_id))
        count = unit.load(spending.stream(spending.customer_of(owner)))
        day = spending.day_counted(count, shanghai_date(unit.at_us))
        _record(unit, kind, number, wallet_use.count_again(state, day))


def _count(unit: Unit, number: str, use: Use) -> None:
    state = unit.load(wallet_use.stream(use.kind, number))
    _record(unit, use.kind, number, wallet_use.count(state, use))


def _record(unit: Unit, kind: Kind, number: str, facts: list[wallet_use.Event]) -> None:
    """The movement knows what it used, and its customer's count does."""
    stream = wallet_use.stream(kind, number)
    unit.record(stream, facts)
    used = unit.load(stream).counted
    if facts and used is not None:
        owner = unit.load(member.stream(used.member_id))
        unit.record(
            spending.stream(spending.customer_of(owner)),
            spending.count(stream, used.day, used.amount_fen, used.band, static=used.static),
        )


class _Standing(NamedTuple):
    """The day that counts, the class of the member's account on it, and what its customer used."""

    day: date
    level: Level
    sums: Sums


def _standing(states: States, member_id: str, today: date) -> _Standing:
    owner = states(member.stream(member_id))
    count = states(spending.stream(spending.customer_of(owner)))
    day = spending.day_counted(count, today)
    return _Standing(day, _level(owner, day), count.on(day))


def _class_left_fen(caps: Caps, level: Level, sums: Sums) -> int:
    cap = caps.classes[level]
    return max(0, cap.most_fen - period_fen(sums, cap.period))


def _level(owner: member.State, day: date) -> Level:
    """The class of a member's account on a date: whose identity nobody has certified has the
    lowest."""
    certified = owner.certified_on(day)
    found = LOWEST if certified is None else certified.level
    return next(level for level in SOURCES if level == found)


def _refuse_class(caps: Caps, level: Level, sums: Sums, amount_fen: int, field: str) -> None:
    cap = caps.classes[level]
    used_fen = period_fen(sums, cap.period)
    if used_fen + amount_fen > cap.most_fen:
        since = "since its opening" if cap.period == "opening" else "in a year"
        _refuse(
            f"an account of class {level} may pay {cap.most_fen} fen {since}",
            cap.most_fen,
            used_fen,
            field,
        )


def _refuse_day(
    caps: Caps, band: Band, static: bool, sums: Sums, amount_fen: int, field: str
) -> None:
    most_fen, used_fen = caps.days[band], band_fen(sums, band)
    if used_fen + amount_fen > most_fen:
        how = {
            "signed": "by a certificate and another factor",
            "two": "by two factors",
            "few": "by fewer than two factors",
        }[band]
        _refuse(f"{most_fen} fen may be paid in a day {how}", most_fen, used_fen, field)
    if static and caps.static_fen is not None and sums.static_fen + amount_fen > caps.static_fen:
        _refuse(
            f"{caps.static_fen} fen may be paid in a day by static codes",
            caps.static_fen,
            sums.static_fen,
            field,
        )


def _refuse(what: str, most_fen: int, used_fen: int, field: str) -> None:
    left_fen = max(0, most_fen - used_fen)
    raise Refused(
        Code.WALLET_CAP, field, f"{what}, by all accounts of one customer: {left_fen} fen are left"
    )
