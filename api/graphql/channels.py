"""Channels, as the books know them and as they have been doing: `channels`."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLError
from graphql.execution.values import get_argument_values
from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import CompoundSelect, Connection
from strawberry import ID

from api.graphql.describing import resolved
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, First
from api.graphql.plan.books import Books
from api.graphql.plan.declared import INLINE, ROOTS, Compiled, Given, Inline
from api.graphql.plan.levels import Level
from api.graphql.plan.selecting import Selected, Unplanned
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Instant
from api.graphql.shapes import of, shape, shape_of
from api.http.keys import Role
from domain.accounting.chart import CHANNEL_RECEIVABLE
from domain.channel.channels import CHANNELS
from domain.channel.health import Summary
from domain.refusals import Refused
from projections.models import balances, instruction_attempts
from projections.models import channels as model
from projections.tables.listing import Names
from projections.tables.paging import checked_first


@shape()
class ChannelHealth:
    """How the requests of the last five minutes went, the newest 200 at most: how many of 10000
    were answered (a decline for the channel's own reasons is no answer), and the median time of
    those in µs. `well`: no other channel is preferred; `configured`: something here is set up to
    ask it, whether or not it answers."""

    requests: int
    answered_bps: int
    median_us: BigInt
    well: bool
    reachable: bool = of(
        "reachable",
        deprecated="It says whether something here can ask the channel, not whether that answers: "
        "`configured` is its name.",
    )
    configured: bool = of("reachable")


@shape()
class ChannelMaintenance:
    """From one time to before another no payment is begun through the channel; `withdrawn` says why
    that was taken back."""

    window: BigInt = of("window_no")
    begins_at: Instant = of("from_us")
    ends_at: Instant = of("until_us")
    reason: str
    withdrawn: str | None


@shape()
class RejectedChannel:
    """A channel that was not chosen, and why."""

    channel: str
    reason: str


@shape()
class RoutingDecision:
    """Which channel was chosen for an instruction, and why."""

    instruction: ID = of("instruction_id")
    position: BigInt
    at: Instant
    chosen: str
    reason: str
    rejected: list[RejectedChannel]


@shape()
class Channel:
    """A payment channel: the `network` that clears it, whether it `paysIn` or `paysOut`, whether
    this ledger has its accounts, and the `least` and the `most` that one payment may be."""

    name: ID
    network: str
    pays_in: bool
    pays_out: bool
    registered: bool
    least: Money
    most: Money | None

    @resolved
    async def health(self, info: Info) -> ChannelHealth:
        """How it has been doing."""
        (found,) = await info.context.channel_health.load(self.name)
        return _HEALTH.node(found)

    @resolved
    async def maintenance(self, info: Info) -> list[ChannelMaintenance]:
        """The newest 20 times of maintenance, the newest first."""
        return [_TIME.node(row) for row in await info.context.channel_times.load(self.name)]

    @resolved
    async def routing_decisions(
        self, info: Info, first: First = DEFAULT_FIRST
    ) -> list[RoutingDecision]:
        """The newest choices between it and others, whichever was chosen, the newest first."""
        checked_first(first)
        rows = await info.context.channel_choices.load((self.name, first))
        return [
            _DECISION.node(row, rejected=[_REJECTED.node(one) for one in row.rejected])
            for row in rows
        ]


class _Row(Struct, frozen=True):
    """What the table of channels and the books say of one."""

    name: str
    network: str
    pays_in: bool
    pays_out: bool
    registered: bool
    least_fen: int
    most_fen: int | None


_HEALTH, _TIME = shape_of(ChannelHealth), shape_of(ChannelMaintenance)
_DECISION, _REJECTED = shape_of(RoutingDecision), shape_of(RejectedChannel)
_CHANNEL = shape_of(Channel)


async def channels(info: Info) -> list[Channel]:
    """Every channel there is, by name."""
    there = await info.context.read(_registered)
    return [_CHANNEL.node(row) for row in _rows(there)]


def _registered(connection: Connection) -> set[str]:
    """Those that have the account of what they owe us, which is opened when one is registered."""
    return set(connection.execute(_accounts()).scalars())


def _accounts(_names: Names = frozenset()) -> CompoundSelect[Any]:
    return balances.with_account_query(CHANNEL_RECEIVABLE, list(CHANNELS))


def _rows(there: set[str]) -> list[_Row]:
    return [
        _Row(
            one.name,
            one.network,
            one.pays_in,
            one.pays_out,
            one.name in there,
            one.least_fen,
            one.most_fen,
        )
        for _, one in sorted(CHANNELS.items())
    ]


_TABLES = {
    "registered": balances.TABLE.name,
    "health": instruction_attempts.TABLE.name,
    "maintenance": model.MAINTENANCE.name,
    "decisions": model.DECISIONS.name,
}


class _Every:
    """All channels, with what is selected of them: a statement for each kind of thing."""

    def compiled(self, one: Selected, role: Role) -> Compiled:
        level = Level(one, role)
        choices = [field for field in one.inner if field.name == "routingDecisions"]
        if level.below or level.pages or len(choices) > 1:
            raise Unplanned(one.name)
        names = tuple(level.code.columns)
        shown = level.code.function("items", ["rows"], [f"return [{level.object} for r in rows]"])

        def read(books: Books, given: Given) -> Any:
            first = _first(choices[0], given) if choices else 0
            there: set[str] = set()
            if "registered" in names:
                there = {owner for (owner,) in books.rows(_said(books, _accounts), {})}
            beside = {name: _BESIDE[name](books, given, first) for name in names if name in _BESIDE}
            return shown(
                [
                    tuple(
                        beside[name][row.name] if name in beside else getattr(row, name)
                        for name in names
                    )
                    for row in _rows(there)
                ]
            )

        tables = frozenset(str(_TABLES[name]) for name in names if name in _TABLES)
        return Compiled(read, len(tables), tables)


def _first(one: Selected, given: Given) -> int:
    try:
        arguments = get_argument_values(one.within.fields[one.name], one.node, given.variables)
        return checked_first(arguments["first"])
    except (GraphQLError, Refused) as error:
        raise Unplanned("arguments") from error


def _said(books: Books, query: Any) -> Any:
    return books.prepared(query, frozenset())


def _health(books: Books, given: Given, _first: int) -> Mapping[str, Any]:
    watch = given.scope.watch
    rows = books.rows(_said(books, instruction_attempts.lately_query), watch.values())
    return {name: astuple(one) for name, one in watch.summaries(rows).items()}


def _times(books: Books, _given: Given, _first: int) -> Mapping[str, Any]:
    return _each(model.maintenance_of(books.rows(_said(books, model.maintenance_query), {})))


def _decisions(books: Books, _given: Given, first: int) -> Mapping[str, Any]:
    rows = books.rows(_said(books, model.decisions_query), {"first": first})
    return {
        name: [(*one[:-1], [astuple(other) for other in one[-1]]) for one in found]
        for name, found in _each(model.decisions_of(rows)).items()
    }


def _each(found: Mapping[str, Sequence[Any]]) -> dict[str, list[tuple[Any, ...]]]:
    return {name: [astuple(row) for row in found.get(name, ())] for name in CHANNELS}


_BESIDE = {"health": _health, "maintenance": _times, "decisions": _decisions}
INLINE["Channel", "health"] = Inline("health", Summary.__struct_fields__, alone=True)
INLINE["Channel", "maintenance"] = Inline("maintenance", model.Maintenance.__struct_fields__)
INLINE["Channel", "routingDecisions"] = Inline("decisions", model.Decision.__struct_fields__)
INLINE["RoutingDecision", "rejected"] = Inline("rejected", ("channel", "reason"))
ROOTS["channels"] = _Every()
