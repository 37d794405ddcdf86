"""Spending (余额付款累计) of a customer: what was paid from its wallets since they were opened, in
this year and on this day.

    (none) ──count──▶ counted ──count──▶ counted ──hand over──▶ handed over
                        │  ▲                 ▲
                        └──┘ give back       └── take over: sums of a member that is the same person

One stream per customer, because the caps are counted over all accounts of one person: members that
are certified as the same person share it. A member that is not certified is its own customer; when
it is found to be somebody who has a count already, its sums go there.

State is totals: a new day, or year, begins at nothing. What was paid back counts as not paid, in
the period in which it was paid: the day and the year of a payment get it back while they last, and
an earlier year gives nothing to this one. The sum since opening has no period, and gets it always.
"""

from datetime import date
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream
from domain.member.member import State as Member
from domain.payment.caps import Band, Period

Kind = Literal["payment", "transfer", "withdrawal"]


class Counted(Fact, frozen=True):
    """`use` is the movement that is counted, on `day`. Of a withdrawal, which goes to the own card,
    only the sum since opening takes note: its band is ""."""

    use: str
    day: date
    amount_fen: int
    band: Band | Literal[""]
    static: bool


class GivenBack(Fact, frozen=True):
    """So much of what was counted on `day` was not paid after all, or paid back."""

    use: str
    day: date
    amount_fen: int
    band: Band | Literal[""]
    static: bool


class Sums(Struct, frozen=True, gc=False):
    """Totals in fen: since opening; of the year of `day`; of `day` by band, and of static codes."""

    day: date | None = None
    opening_fen: int = 0
    year_fen: int = 0
    signed_fen: int = 0
    two_fen: int = 0
    few_fen: int = 0
    static_fen: int = 0


class HandedOver(Fact, frozen=True):
    """The member is this customer: its sums are counted there from now on."""

    customer: str
    sums: Sums


class TakenOver(Fact, frozen=True):
    """A member turned out to be this customer."""

    member_id: str
    sums: Sums


Event = Counted | GivenBack | HandedOver | TakenOver


class State(Struct, frozen=True, gc=False):
    sums: Sums = Sums()
    customer: str = ""

    def on(self, day: date) -> Sums:
        """The totals as they count on a date; on one before the last that was counted, those of
        that one: nobody gains by dating back."""
        return _on(self.sums, day)


def stream(customer: str) -> "Stream[State]":
    return Stream(f"spending-{customer}")


def customer_of(owner: Member) -> str:
    """Whose count a member's payments are in. A member's id has no dash, so no two meet."""
    return counted_by(owner.customer) if owner.customer else owner.member_id


def counted_by(customer: str) -> str:
    """The count of a person that has been found."""
    return f"c-{customer}"


def band_fen(sums: Sums, band: Band) -> int:
    """What was paid on the day by a band, in fen."""
    return {"signed": sums.signed_fen, "two": sums.two_fen, "few": sums.few_fen}[band]


def period_fen(sums: Sums, period: Period) -> int:
    """What counts towards the cap of a class, in fen."""
    return {"opening": sums.opening_fen, "year": sums.year_fen}[period]


def day_counted(state: State, day: date) -> date:
    """On which date something of a date is counted."""
    return max(day, state.sums.day or day)


def count(
    use: str, day: date, amount_fen: int, band: Band | Literal[""], *, static: bool
) -> list[Event]:
    """`day` is one that `day_counted` has said. What may not be is refused before."""
    return [Counted(use, day, amount_fen, band, static)]


def give_back(
    use: str, day: date, amount_fen: int, band: Band | Literal[""], *, static: bool
) -> list[Event]:
    """Of what was counted on `day`."""
    return [GivenBack(use, day, amount_fen, band, static)]


def hand_over(state: State, customer: str) -> list[Event]:
    """Again, or with nothing counted: []."""
    return [] if state.sums == Sums() else [HandedOver(customer, state.sums)]


def take_over(member_id: str, handed: list[Event]) -> list[Event]:
    """What a member's count has handed over."""
    return [TakenOver(member_id, one.sums) for one in handed if isinstance(one, HandedOver)]


def _on(sums: Sums, day: date) -> Sums:
    """A new day forgets the day's totals, a new year the year's."""
    if sums.day is None or sums.day >= day:
        return sums if sums.day is not None else replace(sums, day=day)
    year_fen = sums.year_fen if sums.day.year == day.year else 0
    return Sums(day, sums.opening_fen, year_fen)


def _added(sums: Sums, event: Counted | GivenBack, sign: int) -> Sums:
    """With what an event changes of each total whose period its day is in."""
    fen, day, on = sign * event.amount_fen, event.day, sums.day
    if not event.band:
        return replace(sums, opening_fen=sums.opening_fen + fen)
    year_fen = fen if on is not None and on.year == day.year else 0
    day_fen = fen if on == day else 0
    return replace(
        sums,
        opening_fen=sums.opening_fen + fen,
        year_fen=sums.year_fen + year_fen,
        signed_fen=sums.signed_fen + (day_fen if event.band == "signed" else 0),
        two_fen=sums.two_fen + (day_fen if event.band == "two" else 0),
        few_fen=sums.few_fen + (day_fen if event.band == "few" else 0),
        static_fen=sums.static_fen + (day_fen if event.static else 0),
    )


def _together(one: Sums, other: Sums) -> Sums:
    """Two counts that turn out to be one person's."""
    days = [day for day in (one.day, other.day) if day is not None]
    if not days:
        return one
    here, there = _on(one, max(days)), _on(other, max(days))
    return Sums(
        max(days),
        *(getattr(here, name) + getattr(there, name) for name in Sums.__struct_fields__[1:]),
    )


def evolve(state: State, event: Event) -> State:
    match event:
        case Counted(day=day):
            return replace(state, sums=_added(_on(state.sums, day), event, 1))
        case GivenBack():
            return replace(state, sums=_added(state.sums, event, -1))
        case HandedOver(customer=customer):
            return State(Sums(), customer)
        case TakenOver(sums=sums):
            return replace(state, sums=_together(state.sums, sums))
        case _:
            assert_never(event)
