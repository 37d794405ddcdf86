"""API access (接口权限): the commands of the API that a merchant has been given, by effective date.

    (every command there is for merchants) ──give──▶ those given, from a date on ──give──▶ …

Beside the member, on a stream of its own: it is asked with every key, and says nothing else of it.
"""

from datetime import date
from typing import Literal

from msgspec import Struct

from domain.kernel import Fact, Stream
from domain.member.terms import check_effective, dated

# What the API has for merchants, by the commands' stored names.
ApiCommand = Literal[
    "member.add_operator",
    "member.remove_operator",
    "card.bind",
    "card.confirm",
    "card.choose",
    "card.unbind",
    "webhook.add",
    "webhook.change",
    "webhook.rotate",
    "webhook.pause",
    "webhook.resume",
    "webhook.remove",
    "webhook.redeliver",
    "webhook.redeliver_range",
    "webhook.ping",
    "order.checkout",
    "order.pay",
    "order.close",
    "cashier.open",
    "cashier.cancel",
    "transaction.refund",
    "approval.withdraw",
]
Commands = tuple[ApiCommand, ...] | None


class CommandsGiven(Fact, frozen=True):
    """From a date on; None: all there are for merchants."""

    effective_from: date
    commands: Commands


Event = CommandsGiven


class State(Struct, frozen=True, gc=False):
    """(effective from, commands), oldest first; the newest whose date has come applies."""

    given: tuple[tuple[date, Commands], ...] = ()

    def may_call(self, command: str, day: date) -> bool:
        """Whether a command has been given, by its stored name; before anything was said of it the
        merchant has all of them."""
        newest = reversed(self.given)
        given = next((commands for since, commands in newest if since <= day), None)
        return given is None or command in given


def stream(member_id: str) -> "Stream[State]":
    return Stream(f"access-{member_id}")


def give(state: State, effective_from: date, commands: Commands, today: date) -> list[Event]:
    """Raises TERMS_INVALID for a date that has passed, or too many changes that wait."""
    given = None if commands is None else tuple(sorted(set(commands)))
    if (effective_from, given) in state.given:
        return []
    check_effective(effective_from, today, [day for day, _ in state.given])
    return [CommandsGiven(effective_from, given)]


def evolve(state: State, event: Event) -> State:
    return State(dated(state.given, event.effective_from, event.commands))
