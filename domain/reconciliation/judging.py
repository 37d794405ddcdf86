"""Commands of reconciliation: what matching has found is recorded, differences first, a few hundred
at a time, then the verdict.

Matching reads beside the books (`api/operations/reconciling/`). A command says which version of the
bill and which verdict it was found beside; if there is another by now it is refused, and whoever
asked finds it again.
"""

from datetime import date

from msgspec import Struct

from domain.channel.costs import terms_of
from domain.kernel import Command, Unit
from domain.reconciliation import bill, difference, verdict
from domain.reconciliation.commands import begun_day, checked_channel
from domain.reconciliation.deals import confirmation, reversal
from domain.reconciliation.difference import About, Cause, Why
from domain.reconciliation.sent import claim_arrived
from domain.reconciliation.verdict import Found
from domain.refusals import Code, Refused

MOST_CHANGES = 500  # Differences of one command: nobody waits long for its commit.


class Finding(Struct, frozen=True, omit_defaults=True, gc=False):
    """A difference that is there. `certain`: it is confirmed, with its entry; else suspected.
    `place`: as in `difference.difference_id`."""

    about: About
    cause: Cause
    certain: bool
    place: str = ""

    @property
    def id(self) -> str:
        about = self.about
        return difference.difference_id(
            about.kind, about.channel, about.number, about.on, self.place
        )


class Gone(Struct, frozen=True, gc=False):
    """A difference, by its id, that is none any more."""

    difference: str
    why: Why


class RecordDifferences(Command, frozen=True):
    """Of a channel's day: found in version `bill` of its bill, beside verdict `revision`."""

    channel: str
    date: date
    bill: int
    revision: int
    found: tuple[Finding, ...] = ()
    gone: tuple[Gone, ...] = ()


class ReachVerdict(Command, frozen=True):
    """`position`: that of the facts it was found in."""

    channel: str
    date: date
    revision: int
    position: int
    found: Found


def record_differences(unit: Unit, command: RecordDifferences) -> dict[str, object]:
    """Raises CHANNEL_UNKNOWN, CHANNEL_NOT_REGISTERED, DATE_INVALID, DAY_NOT_BEGUN, REQUEST_INVALID,
    RECONCILIATION_STALE."""
    _refuse_stale(unit, command, command.bill)
    if len(command.found) + len(command.gone) > MOST_CHANGES:
        raise Refused(Code.REQUEST_INVALID, "found", f"at most {MOST_CHANGES} at once")
    brought = f"bill-{command.channel}.trade.{command.date}"
    changed = sum(_clear(unit, one, brought) for one in command.gone)
    changed += sum(_find(unit, one, brought) for one in command.found)
    return {"channel": command.channel, "date": command.date.isoformat(), "changed": changed}


def reach_verdict(unit: Unit, command: ReachVerdict) -> dict[str, object]:
    """Raises as `record_differences` does."""
    _refuse_stale(unit, command, command.found.bill)
    stream = verdict.stream(command.channel, command.date)
    gross = terms_of(command.channel, command.date).gross
    facts = verdict.reach(
        unit.load(stream),
        command.found,
        command.position,
        command.channel,
        unit.accounting_date,
        gross=gross,
    )
    unit.record(stream, facts)
    return {
        "channel": command.channel,
        "date": command.date.isoformat(),
        "revision": unit.load(stream).revision,
        "changed": len(facts),
    }


def _refuse_stale(unit: Unit, command: RecordDifferences | ReachVerdict, version: int) -> None:
    channel = checked_channel(command.channel, unit.load)
    begun_day(command.date, unit.at_us)
    newest = unit.load(bill.stream(channel, "trade", command.date)).newest
    there = newest.number if newest is not None else 0
    if there != version or not version:
        detail = f"it was found in version {version} of the bill, the newest is {there}"
        raise Refused(Code.RECONCILIATION_STALE, "bill", detail)
    verdict.refuse_stale(unit.load(verdict.stream(channel, command.date)), command.revision)


def _find(unit: Unit, one: Finding, brought: str) -> bool:
    about, stream = one.about, difference.stream(one.id)
    state = unit.load(stream)
    if not one.certain:
        facts = difference.suspect(state, about, one.cause)
    elif difference.is_same(state, about):
        facts = []
    else:
        if difference.is_claimed(state):  # A part of it came, or more is claimable.
            claim_arrived(unit, one.id, brought)
        if state.status != "suspected":  # Else nothing of it is posted: it has become certain.
            unit.record(
                stream, difference.clear(state, "other_bill", reversal(state, unit.accounting_date))
            )
        account, entry = confirmation(about, unit.accounting_date)
        facts = difference.confirm(unit.load(stream), about, one.cause, account, entry)
    unit.record(stream, facts)
    return bool(facts)


def _clear(unit: Unit, one: Gone, brought: str) -> bool:
    """What was claimed at the channel is no mistake: it has come, and a bill has `brought` it."""
    stream = difference.stream(one.difference)
    state = unit.load(stream)
    if difference.is_claimed(state):
        claim_arrived(unit, one.difference, brought)
        return True
    facts = difference.clear(state, one.why, reversal(state, unit.accounting_date))
    unit.record(stream, facts)
    return bool(facts)
