"""Commands of the fund side: what has arrived on the reserve account, against what is owed.

What is owed is read here, from the bills that are on record; what has arrived is told by whoever
has read the bank's statements. So a command that comes late, or twice, decides by what is so now.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal, NamedTuple

from msgspec import Struct

from domain.accounting import mirror
from domain.accounting.owning import topped_up
from domain.channel.channels import CHANNELS, PAYOUT_CHANNEL
from domain.channel.commands import is_registered
from domain.channel.costs import pool_days, terms_of
from domain.fields import checked_reason
from domain.kernel import Command, States, Unit
from domain.money import fen, fen_of_milli
from domain.reconciliation import bill, difference, quota, session, statement
from domain.reconciliation.commands import MOST_SUM_FEN, begun_day, checked_channel
from domain.reconciliation.difference import About, Cause, Why, difference_id
from domain.reconciliation.finding import found, gone
from domain.reconciliation.session import Arrival, Expected, Target
from domain.reconciliation.statement import Group, Told
from domain.refusals import Code, Refused

# So many statements after its own a session waits for what is lacking, and a payout for its line.
STATEMENT_DAYS = pool_days(PAYOUT_CHANNEL, "bank")
MOST_ARRIVALS = 60
MOST_GROUPS = 100
CLEARING = tuple(dict.fromkeys(one.network for one in CHANNELS.values()))


class Restored(Struct, frozen=True, gc=False):
    """Refunds that a channel had taken off on an earlier day, and gave up on this one."""

    channel: str
    amount_fen: int
    fee_fen: int


class SettleSession(Command, frozen=True):
    """What the statements show of the session in which a clearing network pays for a day."""

    clearing: str
    date: date
    arrived: tuple[Arrival, ...] = ()
    restored: tuple[Restored, ...] = ()


class MatchStatement(Command, frozen=True):
    """What the lines of a day's statement are, as sums; of the newest version of the bill. `told`:
    what owners post of them."""

    channel: str
    date: date
    version: int
    groups: tuple[Group, ...]
    digest: str
    gap_fen: int | None = None
    told: tuple[Told, ...] = ()


class FindDifference(Command, frozen=True):
    """A comparison has found a difference. `place` tells it apart from others of the number."""

    about: About
    cause: Cause = ""
    certain: bool = True
    place: str = ""


class ClearDifference(Command, frozen=True):
    """A comparison finds that it is none."""

    difference: str
    why: Why


class MapQuota(Command, frozen=True):
    """An operator has set so much of the reserve account aside with a clearing network (圈存)."""

    clearing: str
    amount_fen: int
    reason: str


def channels_of(clearing: str, load: States) -> list[str]:
    """The channels through which a network takes payments, as far as they have accounts here."""
    mine = (one for one in CHANNELS.values() if one.network == clearing and one.pays_in)
    return [one.name for one in mine if is_registered(load, one.name)]


def expected(
    load: States, channels: Iterable[str], day: date, restored: Iterable[Restored] = ()
) -> tuple[Expected, ...]:
    """What each channel owes for a day, by the newest version of its bill."""
    again = {one.channel: one for one in restored}
    return tuple(_expected(load, name, day, again.get(name)) for name in channels)


def _expected(load: States, channel: str, day: date, restored: Restored | None) -> Expected:
    newest = load(bill.stream(channel, "trade", day)).newest
    back_fen, fee_fen = (restored.amount_fen, restored.fee_fen) if restored else (0, 0)
    gross = terms_of(channel, day).gross
    if newest is None or newest.read is None:
        version = newest.number if newest is not None else 0
        return Expected(channel, version, 0, 0, 0, back_fen, fee_fen, gross)
    read = newest.read
    fees_fen = fen_of_milli(read.fee_milli_fen)
    paid_fen, refunded_fen = read.paid_fen, read.refunded_fen
    return Expected(
        channel, newest.number, paid_fen, refunded_fen, fees_fen, back_fen, fee_fen, gross
    )


def statements_in(load: States, first: date, days: int) -> bool:
    """Whether the bank's statements of so many days are there, empty ones too."""
    return all(
        load(bill.stream(PAYOUT_CHANNEL, "bank", first + timedelta(days=after))).newest is not None
        for after in range(days)
    )


def settle_session(unit: Unit, command: SettleSession) -> dict[str, object]:
    """Post what has arrived of a session; what is lacking or too much is a difference. Raises
    REQUEST_INVALID, DATE_INVALID, DAY_NOT_BEGUN, DAY_NOT_OPEN."""
    _check_session(unit, command)
    clearing, day = command.clearing, command.date
    channels = channels_of(clearing, unit.load)
    stream = session.stream(clearing, day)
    state = unit.load(stream)
    if not channels:
        raise Refused(Code.REQUEST_INVALID, "clearing", f"{clearing} takes no payments here")
    shares = expected(unit.load, channels, day, command.restored)
    short, over = (differences_of(unit.load, kind, clearing, day) for kind in KINDS)
    wanted = session.target(
        shares,
        command.arrived,
        short_ended_fen=_ended_fen(short),
        over_ended_fen=_ended_fen(over),
        decided=_decided_on(short),
    )
    _differ(unit, clearing, day, wanted, {"session_short": short, "session_over": over})
    available_fen = max(unit.load(mirror.OF).available_fen, 0)
    unit.record(stream, session.settle(state, wanted, available_fen, unit.accounting_date))
    last, before_fen = unit.load(stream).last, state.last.own_fen if state.last else 0
    topped_up(unit, stream, (last.own_fen if last else 0) - before_fen)
    return {
        "clearing": clearing,
        "date": day.isoformat(),
        "status": session.status_of(last),
        "due_fen": wanted.due_fen,
        "arrived_fen": sum(one.amount_fen for one in command.arrived),
        "awaits": [one.channel for one in shares if not one.version],
    }


_Kind = Literal["session_short", "session_over"]
KINDS: tuple[_Kind, ...] = ("session_short", "session_over")


class Standing(NamedTuple):
    """A difference of a session, as it is on record."""

    id: str
    state: difference.State


def session_id(clearing: str, day: date) -> str:
    """What a network calls the first session that pays for a day."""
    return f"{clearing}-{day:%Y%m%d}-1"


def differences_of(load: States, kind: _Kind, clearing: str, day: date) -> list[Standing]:
    """All of a kind that a session ever had, whichever channel led: the first, what was found
    beyond that once persons had decided about it, beyond that again; the last was never found."""
    number, place = session_id(clearing, day), ""
    chain: list[Standing] = []
    while not chain or chain[-1].state.about is not None:
        one = difference_id(kind, clearing, number, day, place)
        chain.append(Standing(one, load(difference.stream(one))))
        place = f"more+{one}"
    return chain


def _ended_fen(chain: list[Standing]) -> int:
    """What persons have ended, be it beyond something that they have taken up again."""
    return sum(
        one.state.about.amount_fen
        for one in chain
        if one.state.about is not None and difference.is_ended(one.state)
    )


def _decided_on(chain: list[Standing]) -> str:
    """Whose account has what persons have decided about; "" for nobody's."""
    for _, state in chain:
        if state.about is not None and _is_decided(state):
            return state.about.channel
    return ""


def _is_decided(state: difference.State) -> bool:
    return difference.is_ended(state) or difference.is_claimed(state)


def _differ(
    unit: Unit, clearing: str, day: date, wanted: Target, chains: dict[_Kind, list[Standing]]
) -> None:
    """What is lacking is suspected until the statements of the days after are in without it; what
    is too much is certain at once."""
    arrives = day + timedelta(days=1)
    looked = bool(wanted.arrived) or statements_in(unit.load, arrives, 1)
    short_fen = wanted.short_fen if looked else 0  # Else it is still on its way.
    waits_fen = {"session_short": short_fen, "session_over": wanted.over_fen}
    for kind in KINDS:
        certain = kind == "session_over" or statements_in(unit.load, arrives, STATEMENT_DAYS + 1)
        for one, amount_fen in _spread(chains[kind], waits_fen[kind]):
            if not amount_fen:
                gone(unit, one, "agrees")
                continue
            short = kind == "session_short"
            about = About(
                kind=kind,
                channel=wanted.lead,
                number=session_id(clearing, day),
                on=day,
                flow="session",
                lacks="there" if short else "here",
                ours_fen=wanted.arrived_fen + amount_fen if short else wanted.due_fen,
                bill_fen=wanted.arrived_fen,
                amount_fen=amount_fen,
            )
            found(unit, one, about, "", certain=certain)


def _spread(chain: list[Standing], amount_fen: int) -> list[tuple[str, int]]:
    """What is found beyond what was ended, by difference; 0 for one that is none. What is claimed
    waits as it does, as long as there is so much; the rest is the first that is free."""
    free: list[str] = []
    changed: list[tuple[str, int]] = []
    for one, state in chain:
        if state.about is None or not _is_decided(state):
            free.append(one)
        elif difference.is_claimed(state):
            claimed_fen = state.about.amount_fen
            kept_fen = min(claimed_fen, amount_fen)
            amount_fen -= kept_fen
            if kept_fen < claimed_fen:
                changed.append((one, kept_fen))
    first, *others = free
    return [*changed, *((one, 0) for one in others), (first, amount_fen)]


def match_statement(unit: Unit, command: MatchStatement) -> dict[str, object]:
    """Post what a statement shows of payouts, returns and single refunds. Raises REQUEST_INVALID,
    DATE_INVALID, DAY_NOT_BEGUN, DAY_NOT_OPEN, BILL_INVALID where that version is not the newest any
    more."""
    channel = checked_channel(command.channel, unit.load)
    day = begun_day(command.date, unit.at_us)
    newest = unit.load(bill.stream(channel, "bank", day)).newest
    if newest is None or newest.number != command.version:
        known = "there is none" if newest is None else f"the newest is version {newest.number}"
        raise Refused(Code.BILL_INVALID, "version", f"version {command.version}: {known}")
    _check_groups(unit, command.groups)
    stream = statement.stream(channel, day)
    state, on = unit.load(stream), unit.accounting_date
    version, gap_fen, told = command.version, command.gap_fen, command.told
    found = statement.match(state, version, command.groups, command.digest, gap_fen, on, told)
    unit.record(stream, found)
    return {"channel": channel, "date": day.isoformat(), "version": command.version}


def find_difference(unit: Unit, command: FindDifference) -> dict[str, object]:
    """Raises CHANNEL_UNKNOWN, CHANNEL_NOT_REGISTERED, DAY_NOT_OPEN."""
    about = command.about
    checked_channel(about.channel, unit.load)
    one = difference_id(about.kind, about.channel, about.number, about.on, command.place)
    found(unit, one, about, command.cause, certain=command.certain)
    return {"difference": one, "state": unit.load(difference.stream(one)).status}


def clear_difference(unit: Unit, command: ClearDifference) -> dict[str, object]:
    gone(unit, command.difference, command.why)
    status = unit.load(difference.stream(command.difference)).status
    return {"difference": command.difference, "state": status}


def map_quota(unit: Unit, command: MapQuota) -> dict[str, object]:
    """Record a quota from the open accounting date on. Raises REQUEST_INVALID, AMOUNT_INVALID,
    AMOUNT_TOO_LARGE, TEXT_INVALID, DAY_NOT_OPEN."""
    _check_clearing(command.clearing)
    amount_fen = fen(command.amount_fen, "amount_fen", minimum=0, most=MOST_SUM_FEN)
    reason, on = checked_reason(command.reason), unit.accounting_date
    stream = quota.stream(command.clearing)
    facts = quota.map_quota(unit.load(stream), amount_fen, on, unit.actor, reason)
    unit.record(stream, facts)
    return {"clearing": command.clearing, "mapped_fen": amount_fen, "on": on.isoformat()}


def _check_clearing(clearing: str) -> None:
    if clearing not in CLEARING:
        raise Refused(Code.REQUEST_INVALID, "clearing", f"one of {', '.join(CLEARING)} is needed")


def _check_session(unit: Unit, command: SettleSession) -> None:
    _check_clearing(command.clearing)
    begun_day(command.date, unit.at_us)
    if len(command.arrived) > MOST_ARRIVALS:
        detail = f"more than {MOST_ARRIVALS} statements show one session"
        raise Refused(Code.REQUEST_INVALID, "arrived", detail)
    amounts_fen = [abs(one.amount_fen) for one in command.arrived]
    amounts_fen += [abs(one.amount_fen) + abs(one.fee_fen) for one in command.restored]
    _check_sum(sum(amounts_fen), "arrived")


def _check_groups(unit: Unit, groups: tuple[Group, ...]) -> None:
    if len(groups) > MOST_GROUPS or any(one.amount_fen < 0 for one in groups):
        raise Refused(Code.REQUEST_INVALID, "groups", "sums are not below zero, and not many")
    for one in groups:
        checked_channel(one.channel, unit.load)
    _check_sum(sum(one.amount_fen for one in groups), "groups")


def _check_sum(amount_fen: int, field: str) -> None:
    if amount_fen > MOST_SUM_FEN:
        raise Refused(Code.AMOUNT_TOO_LARGE, field, f"above {MOST_SUM_FEN} fen")
