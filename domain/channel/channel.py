"""Channel (渠道) in a ledger: registered by a fact of its own, which opens its accounts; and its
times of maintenance (维护), which operators publish; and what it reports, signed, of numbers that
nobody here knows (未知单号).

    (none) ──register──▶ registered          (a time) ──plan──▶ planned ──▶ over
                                                                    └─withdraw─▶ withdrawn
                                            (a report) ──report──▶ open ──settle──▶ settled

The founding channels need no registration: every ledger has opened their accounts with its books.
So an upgrade that brings a new channel writes nothing to books that are open already; an operator
does, when the channel is to be used.

A time of maintenance is called by its number on the channel, its `window`, from 1. What is over is
forgotten with the next one: the state holds few.

A report moves no money: nobody can say whose it is. It waits for an operator, who finds out and
settles it. The same said again is the same report.
"""

import hashlib
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.channel.channels import FOUNDING, Channel
from domain.channel.network import Word
from domain.channel.port import Purpose
from domain.channel.routing import Window
from domain.kernel import Fact, Stream
from domain.refusals import Code, Refused

MOST_PLANNED = 20  # Times of one channel that are not over.
MOST_REPORTS = 100  # Of one channel; the oldest that are settled make room.


class ChannelRegistered(Fact, frozen=True):
    name: str
    network: str
    pays_in: bool
    pays_out: bool


class MaintenancePlanned(Fact, frozen=True):
    """From one instant to before another no payment is begun through it; `at_us` is when that was
    planned (UTC µs)."""

    window: int
    from_us: int
    until_us: int
    reason: str
    at_us: int


class MaintenanceWithdrawn(Fact, frozen=True):
    """It does not happen, or is done with."""

    window: int
    reason: str


class UnknownNumberReported(Fact, frozen=True, omit_defaults=True):
    """It says, signed, what became of a `number` that no instruction has. `report` counts these
    from 1; `exchange` is the SHA-256 (hex) of what came; `amount_fen` None: it did not say."""

    report: int
    number: str
    purpose: Purpose
    said: Word
    serial: str = ""
    amount_fen: int | None = None
    reason: str = ""
    exchange: str = ""


class UnknownNumberSettled(Fact, frozen=True):
    """Somebody has found out what a report was about: the `reason` says it."""

    report: int
    reason: str
    by: str


Event = (
    ChannelRegistered | MaintenancePlanned | MaintenanceWithdrawn | UnknownNumberReported
    | UnknownNumberSettled
)  # fmt: skip


class Planned(Struct, frozen=True, gc=False):
    """A time of maintenance (UTC µs) and its reason; `withdrawn`: why it was, "" if it was not."""

    window: int
    from_us: int
    until_us: int
    reason: str
    withdrawn: str = ""


class Report(Struct, frozen=True, array_like=True, gc=False):
    """A report by its number, and a digest of what it says; `settled`: why it was, "" while it is
    open."""

    report: int
    digest: str
    settled: str = ""


class State(Struct, frozen=True, gc=False):
    """`planned` counts all times there ever were; `times` holds those that were not over when the
    last of them was planned. Likewise `reported` and `reports`, the newest and all open ones."""

    registered: bool = False
    planned: int = 0
    times: tuple[Planned, ...] = ()
    reported: int = 0
    reports: tuple[Report, ...] = ()


def stream(name: str) -> "Stream[State]":
    return Stream(f"channel-{name}")


def register(state: State, channel: Channel) -> list[Event]:
    """Registering a channel again, or a founding one, returns []."""
    if state.registered or channel.name in FOUNDING:
        return []
    return [ChannelRegistered(channel.name, channel.network, channel.pays_in, channel.pays_out)]


def plan_maintenance(
    state: State, from_us: int, until_us: int, reason: str, at_us: int
) -> list[Event]:
    """The same time again, while it is planned, returns []. Raises MAINTENANCE_INVALID, also for
    one that is planned for another reason."""
    if until_us <= from_us:
        raise Refused(Code.MAINTENANCE_INVALID, "ends_at", "it ends before it begins")
    if there := window_of(state, from_us, until_us):
        planned_for = next(one.reason for one in state.times if one.window == there)
        if planned_for == reason:
            return []
        detail = f"it is planned already, for: {planned_for}"
        raise Refused(Code.MAINTENANCE_INVALID, "reason", detail)
    if until_us <= at_us:
        raise Refused(Code.MAINTENANCE_INVALID, "ends_at", "it is over already")
    if sum(_counts(one, at_us) for one in state.times) >= MOST_PLANNED:
        detail = f"{MOST_PLANNED} times are planned already"
        raise Refused(Code.MAINTENANCE_INVALID, "begins_at", detail)
    return [MaintenancePlanned(state.planned + 1, from_us, until_us, reason, at_us)]


def window_of(state: State, from_us: int, until_us: int) -> int:
    """Which window a time is that is planned; 0: there is none."""
    wanted = (from_us, until_us, "")
    found = (one for one in state.times if (one.from_us, one.until_us, one.withdrawn) == wanted)
    return next((one.window for one in found), 0)


def withdraw_maintenance(state: State, window: int, reason: str, at_us: int) -> list[Event]:
    """Again: []. Raises MAINTENANCE_NOT_FOUND, MAINTENANCE_OVER, also for one that was withdrawn
    for another reason."""
    if not 1 <= window <= state.planned:
        raise Refused(Code.MAINTENANCE_NOT_FOUND, "window")
    known = next((one for one in state.times if one.window == window), None)
    if known is not None and known.withdrawn:
        if known.withdrawn == reason:
            return []
        raise Refused(
            Code.MAINTENANCE_OVER, "reason", f"it was withdrawn before: {known.withdrawn}"
        )
    if known is None or known.until_us <= at_us:
        raise Refused(Code.MAINTENANCE_OVER, "window")
    return [MaintenanceWithdrawn(window, reason)]


def maintenance(state: State) -> tuple[Window, ...]:
    """When it carries nothing new."""
    return tuple(Window(one.from_us, one.until_us) for one in state.times if not one.withdrawn)


def _counts(one: Planned, at_us: int) -> bool:
    return one.until_us > at_us and not one.withdrawn


def report_unknown(
    state: State,
    number: str,
    purpose: Purpose,
    said: Word,
    *,
    serial: str = "",
    amount_fen: int | None = None,
    reason: str = "",
    exchange: str = "",
) -> list[Event]:
    """The channel speaks of a number that nobody knows. The same again returns []; so does what is
    one too many: nothing is forgotten that is open, and the channel says it again."""
    wanted = UnknownNumberReported(
        state.reported + 1, number, purpose, said, serial, amount_fen, reason, exchange
    )
    digest = _digest(wanted)
    known = any(one.digest == digest for one in state.reports)
    full = len(state.reports) >= MOST_REPORTS and not any(one.settled for one in state.reports)
    return [] if known or full else [wanted]


def _digest(one: UnknownNumberReported) -> str:
    """Of what is said, however it was wrapped."""
    words = (one.number, one.purpose, one.said, one.serial, str(one.amount_fen))
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]


def settle_report(state: State, report: int, reason: str, by: str) -> list[Event]:
    """An operator knows what it was about. Again: []. Raises REPORT_NOT_FOUND, REPORT_SETTLED."""
    if not 1 <= report <= state.reported:
        raise Refused(Code.REPORT_NOT_FOUND, "report")
    before = next((one.settled for one in state.reports if one.report == report), None)
    if before == "":
        return [UnknownNumberSettled(report, reason, by)]
    if before == reason:
        return []
    detail = f"it was settled before: {before}" if before else "it was settled long ago"
    raise Refused(Code.REPORT_SETTLED, "report", detail)


def evolve(state: State, event: Event) -> State:
    match event:
        case ChannelRegistered():
            return replace(state, registered=True)
        case MaintenancePlanned(window=window, from_us=from_us, until_us=until_us):
            there = tuple(one for one in state.times if _counts(one, event.at_us))
            planned = Planned(window, from_us, until_us, event.reason)
            return replace(state, planned=window, times=(*there, planned))
        case MaintenanceWithdrawn(window=window, reason=reason):
            times = tuple(
                replace(one, withdrawn=reason) if one.window == window else one
                for one in state.times
            )
            return replace(state, times=times)
        case UnknownNumberReported(report=report):
            reports = (*_with_room(state.reports), Report(report, _digest(event)))
            return replace(state, reported=report, reports=reports)
        case UnknownNumberSettled(report=report, reason=reason):
            settled = tuple(
                replace(one, settled=reason) if one.report == report else one
                for one in state.reports
            )
            return replace(state, reports=settled)
        case _:
            assert_never(event)


def _with_room(reports: tuple[Report, ...]) -> tuple[Report, ...]:
    """Without the oldest that is settled, where there is no room for another."""
    if len(reports) < MOST_REPORTS:
        return reports
    gone = next(one for one in reports if one.settled)
    return tuple(one for one in reports if one is not gone)
