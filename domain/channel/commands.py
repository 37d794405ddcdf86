"""Commands of the channel subsystem: an operator registers a channel, so that it may be used, and
says when it is under maintenance; what it reports of numbers that nobody knows; and which of them
may carry a payment."""

from collections.abc import Mapping

from domain.channel import channel
from domain.channel.channels import CHANNELS, FOUNDING, channel_named
from domain.channel.network import Word
from domain.channel.port import Purpose
from domain.channel.routing import Candidate, Choice, choose
from domain.fields import checked_moment, checked_reason, checked_text
from domain.kernel import Command, States, Unit
from domain.refusals import Code, Refused


class RegisterChannel(Command, frozen=True):
    """`channel` is a name of `channels.py`. A policy opens its accounts."""

    channel: str


class PlanMaintenance(Command, frozen=True):
    """From one time in Shanghai to before another (`2026-11-23T22:00:00+08:00`) no payment is begun
    through a channel."""

    channel: str
    begins_at: str
    ends_at: str
    reason: str


class WithdrawMaintenance(Command, frozen=True):
    """A time of maintenance, by its number on the channel, does not happen, or is done with."""

    channel: str
    window: int
    reason: str


class ReportUnknownNumber(Command, frozen=True):
    """A channel calls, its signature verified, about a number of ours that nobody knows; its texts
    were made legible. `exchange` is the SHA-256 (hex) of what came, "" when nothing is kept."""

    channel: str
    number: str
    purpose: Purpose
    said: Word
    serial: str = ""
    amount_fen: int | None = None
    reason: str = ""
    exchange: str = ""


class SettleReport(Command, frozen=True):
    """An operator has found out what a channel's report of an unknown number was about."""

    channel: str
    report: int
    reason: str


def register_channel(unit: Unit, command: RegisterChannel) -> dict[str, object]:
    """Once; a channel that every ledger has does not need it. Raises CHANNEL_UNKNOWN."""
    named = channel_named(command.channel)
    stream = channel.stream(named.name)
    unit.record(stream, channel.register(unit.load(stream), named))
    return {"channel": named.name, "network": named.network}


def plan_maintenance(unit: Unit, command: PlanMaintenance) -> dict[str, object]:
    """Raises CHANNEL_UNKNOWN, CHANNEL_NOT_REGISTERED, DATE_INVALID, TEXT_INVALID,
    MAINTENANCE_INVALID."""
    from_us = checked_moment(command.begins_at, "begins_at")
    until_us = checked_moment(command.ends_at, "ends_at")
    reason = checked_reason(command.reason)
    name = channel_named(command.channel).name
    if not is_registered(unit.load, name):
        raise Refused(Code.CHANNEL_NOT_REGISTERED, "channel", name)
    stream = channel.stream(name)
    facts = channel.plan_maintenance(unit.load(stream), from_us, until_us, reason, unit.at_us)
    unit.record(stream, facts)
    window = channel.window_of(unit.load(stream), from_us, until_us)
    return {"channel": name, "window": window}


def withdraw_maintenance(unit: Unit, command: WithdrawMaintenance) -> dict[str, object]:
    """Raises CHANNEL_UNKNOWN, TEXT_INVALID, MAINTENANCE_NOT_FOUND, MAINTENANCE_OVER."""
    reason = checked_reason(command.reason)
    name = channel_named(command.channel).name
    stream, state = channel.stream(name), unit.load(channel.stream(name))
    facts = channel.withdraw_maintenance(state, command.window, reason, unit.at_us)
    unit.record(stream, facts)
    return {"channel": name, "window": command.window}


def report_unknown_number(unit: Unit, command: ReportUnknownNumber) -> dict[str, object]:
    """Idempotent; `reports` counts those of the channel. Raises CHANNEL_UNKNOWN, TEXT_INVALID."""
    stream = channel.stream(channel_named(command.channel).name)
    facts = channel.report_unknown(
        unit.load(stream),
        checked_text(command.number, "number", longest=80),
        command.purpose,
        command.said,
        serial=command.serial,
        amount_fen=command.amount_fen,
        reason=command.reason,
        exchange=command.exchange,
    )
    unit.record(stream, facts)
    return {"channel": command.channel, "reports": unit.load(stream).reported}


def settle_report(unit: Unit, command: SettleReport) -> dict[str, object]:
    """Raises CHANNEL_UNKNOWN, TEXT_INVALID, REPORT_NOT_FOUND."""
    reason = checked_reason(command.reason)
    name = channel_named(command.channel).name
    stream = channel.stream(name)
    facts = channel.settle_report(unit.load(stream), command.report, reason, unit.actor)
    unit.record(stream, facts)
    return {"channel": name, "report": command.report}


def is_registered(load: States, name: str) -> bool:
    """Whether a channel has accounts here."""
    return _has_accounts(name, load(channel.stream(name)))


def _has_accounts(name: str, state: channel.State) -> bool:
    return name in FOUNDING or state.registered


def chosen_channel(
    unit: Unit, names: tuple[str, ...], amount_fen: int, gone: Mapping[str, str]
) -> Choice:
    """Which of some channels carries a payment, in the order in which they are tried; `gone`: those
    that are out of the question, and why. Where there is but one its health is nobody's question.
    """
    if len(names) == 1 and not gone and _is_free(unit, names[0], amount_fen):  # Nearly always.
        return _ALONE[names[0]]
    health = unit.health if len(names) > 1 else {}
    candidates = [candidate(unit.load, name, gone.get(name, "")) for name in names]
    return choose(candidates, amount_fen, unit.at_us, health)


_ALONE = {name: Choice(name, "first in order") for name in CHANNELS}


def _is_free(unit: Unit, name: str, amount_fen: int) -> bool:
    """Whether nothing stands in the way of a channel that is no choice."""
    row, state = CHANNELS[name], unit.load(channel.stream(name))
    fits = row.least_fen <= amount_fen and (row.most_fen is None or amount_fen <= row.most_fen)
    return fits and not state.times and _has_accounts(name, state)


def candidate(states: States, name: str, gone: str = "") -> Candidate:
    """A channel that may carry a payment; `gone`: why it is out of the question."""
    row, state = CHANNELS[name], states(channel.stream(name))
    if not _has_accounts(name, state):
        gone = "has no accounts here yet"
    limits = (row.least_fen, row.most_fen)
    return Candidate(name, *limits, channel.maintenance(state) if state.times else (), gone)
