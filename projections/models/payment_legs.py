"""Legs of payments (支付分支) and what happened to payments, step by step; `orders.py` keeps them.

Nearly every payment has one leg, and was started and succeeded: its own row says all of that. So
only plans of several legs have rows in `payment_legs`, and only other steps in `payment_steps`;
`LEGS` and `STEPS` are both together, in one shape.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    SmallInteger,
    Table,
    Text,
    case,
    cast,
    func,
    null,
    select,
    union_all,
)

from domain.kernel import Recorded, key
from domain.payment import payment as facts
from domain.payment.legs import LegStatus, first
from domain.payment.plan import WALLET_CODE, carrier
from projections.engine.model import METADATA, TEXT, Tables
from projections.models.payments import PAYMENTS
from projections.tables.bulk import Lookup, Row, insert_rows, update_rows
from projections.tables.paging import columns_of, sought_texts

LegState = LegStatus

LEGS_TABLE = Table(
    "payment_legs",
    METADATA,
    Column("payment_no", TEXT, primary_key=True),
    Column("leg", SmallInteger, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("code", TEXT, nullable=False),
    Column("channel", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("instruction_id", TEXT, nullable=False),
)
STEPS_TABLE = Table(
    "payment_steps",
    METADATA,
    Column("payment_no", TEXT, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("what", TEXT, nullable=False),
    Column("leg", SmallInteger),
)
_FIXED = 4  # So many columns of a leg never change; its place is the second of them.


class LegDraft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    payment_no: str
    leg: int
    kind: str
    code: str
    channel: str
    amount_fen: int
    state: str
    reason: str
    instruction_id: str


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class PaymentLeg(LegDraft, frozen=True, gc=False):  # type: ignore[misc]
    """One leg by its place in the plan, from 0. `channel` and `instruction_id` are "" for the
    wallet; `reason` says why it was declined or went back. Fen."""


class PaymentStep(Struct, frozen=True, gc=False):
    """What happened to a payment at a position of the ledger, and to which leg (None: to the
    whole). UTC µs."""

    payment_no: str
    position: int
    at_us: int
    what: str
    leg: int | None


Legs = list[LegDraft]
# What happened to the legs of plans, and what is no step of a payment's own row.
CHANGES = (
    facts.LegSucceeded,
    facts.LegDeclined,
    facts.LegRerouted,
    facts.Captured,
    facts.Reopened,
    facts.SendBackStarted,
    facts.SentBack,
    facts.SendBackFailed,
)
_WHAT: dict[type, str] = {
    facts.LegSucceeded: "leg_succeeded",
    facts.LegDeclined: "leg_declined",
    facts.LegRerouted: "leg_rerouted",
    facts.Captured: "captured",
    facts.Reopened: "reopened",
    facts.SendBackStarted: "sending_back",
    facts.SentBack: "sent_back",
    facts.SendBackFailed: "kept",
    facts.Declined: "declined",
    facts.BecameUnknown: "unknown",
    facts.BecameKnown: "known",
}
STEPS_OF = tuple(_WHAT)
STEPS = ("started", "succeeded", *_WHAT.values())


class Delta(Struct):
    """Legs of plans of several that were started in the batch, what happened to legs, steps; of
    payments with a leg that was rerouted who carries them."""

    started: dict[str, Legs]
    happened: dict[str, list[Recorded]]
    steps: list[tuple[Any, ...]]
    carriers: dict[str, str]


def new_delta() -> Delta:
    return Delta({}, {}, [], {})


def started(delta: Delta, recorded: Recorded) -> None:
    fact: facts.Started = recorded.fact
    if len(fact.legs) == 1:
        return
    payment_no = key(recorded.stream)
    delta.started[payment_no] = [
        LegDraft(
            payment_no,
            place,
            leg.kind,
            leg.code,
            leg.channel,
            leg.amount_fen,
            first(leg).status,
            "",
            facts.instruction_id(payment_no, place, len(fact.legs)) if leg.channel else "",
        )
        for place, leg in enumerate(fact.legs)
    ]


def happened(delta: Delta, recorded: Recorded) -> None:
    """A fact of a payment that its own row does not tell."""
    fact, payment_no = recorded.fact, key(recorded.stream)
    leg = getattr(fact, "leg", None)
    what = _WHAT[type(fact)]
    delta.steps.append((payment_no, recorded.position, recorded.at_us, what, leg))
    if isinstance(fact, facts.LegRerouted):
        delta.carriers[payment_no] = carrier(fact.legs)
    if isinstance(fact, CHANGES):
        legs = delta.started.get(payment_no)
        if legs is not None:
            _change(legs, fact)
        else:
            delta.happened.setdefault(payment_no, []).append(recorded)


def _change(legs: Legs, fact: Any) -> None:
    match fact:
        case facts.Captured():
            for one in legs:
                one.state = "captured"
        case facts.LegSucceeded(leg=place):
            legs[place].state = "in"
        case facts.LegDeclined(leg=place, reason=reason):
            legs[place].state, legs[place].reason = "declined", reason
            _release(legs)
        case facts.LegRerouted(leg=place):
            legs[place].channel = fact.legs[place].channel
            legs[place].instruction_id = fact.instruction_id
        case facts.Reopened(leg=place):
            legs[place].state, legs[place].reason = "waiting", ""
        case facts.SendBackStarted(leg=place, reason=reason):
            _release(legs)
            legs[place].state, legs[place].reason = "sending_back", reason
        case facts.SentBack(leg=place, leg_whole=whole):
            legs[place].state = whole or legs[place].state
        case facts.SendBackFailed(leg=place, reason=reason, leg_whole=whole):
            legs[place].state, legs[place].reason = whole or legs[place].state, reason


def _release(legs: Legs) -> None:
    for one in legs:
        if one.state == "held":
            one.state = "released"


def wanted(tables: Tables, delta: Delta) -> Lookup:
    """The legs of earlier batches that something happened to."""
    payment_nos = [(payment_no,) for payment_no in delta.happened]
    return Lookup(tables[LEGS_TABLE.name], ("payment_no",), payment_nos)


def write(connection: Connection, tables: Tables, delta: Delta, there: Sequence[Row]) -> None:
    """`there` is what was `wanted`. Payments that have no rows here have one leg: their own row
    says what became of it."""
    table = tables[LEGS_TABLE.name]
    insert_rows(
        connection, table, [astuple(one) for legs in delta.started.values() for one in legs]
    )
    insert_rows(connection, tables[STEPS_TABLE.name], delta.steps)
    carriers, paid = list(delta.carriers.items()), tables[PAYMENTS.name]
    update_rows(connection, paid, carriers, ("payment_no",), ("channel",))
    found: dict[str, Legs] = {}
    for row in there:
        found.setdefault(row[0], []).append(LegDraft(*row))
    changed = []
    for payment_no, legs in found.items():
        legs.sort(key=lambda one: one.leg)
        for recorded in delta.happened[payment_no]:
            _change(legs, recorded.fact)
        changed += [(payment_no, one.leg, *astuple(one)[_FIXED:]) for one in legs]
    names = [column.name for column in table.columns]
    update_rows(connection, table, changed, names[:2], names[_FIXED:])


_ROW = PAYMENTS.c
_BY_WALLET = _ROW.code == WALLET_CODE
# A payment of one leg stands where its leg does.
_STATES = {"paying": "waiting", "unknown": "waiting", "succeeded": "captured"}
# SQLite looks into a union only if its columns are of one kind, which casts say.
LEGS = union_all(
    select(*LEGS_TABLE.columns),
    select(
        _ROW.payment_no,
        cast(0, SmallInteger).label("leg"),
        cast(case((_BY_WALLET, "wallet"), else_="channel"), Text).label("kind"),
        _ROW.code,
        cast(case((_BY_WALLET, ""), else_=_ROW.channel), Text).label("channel"),
        _ROW.amount_fen,
        cast(
            case(*((_ROW.state == one, leg) for one, leg in _STATES.items()), else_=_ROW.state),
            Text,
        ).label("state"),
        _ROW.reason,
        cast(
            case(
                (_BY_WALLET, ""),
                else_=func.coalesce(_ROW.instruction_id, "pay-" + _ROW.payment_no),
            ),
            Text,
        ).label("instruction_id"),
    ).where(_ROW.code.is_not(None)),
).subquery("legs")
STEPS_TOLD = union_all(
    select(*STEPS_TABLE.columns),
    select(
        _ROW.payment_no,
        _ROW.started_position.label("position"),
        _ROW.started_at_us.label("at_us"),
        cast("started", Text).label("what"),
        cast(null(), SmallInteger).label("leg"),
    ),
    select(
        _ROW.payment_no,
        _ROW.succeeded_position,
        _ROW.ended_at_us,
        cast("succeeded", Text),
        cast(null(), SmallInteger),
    ).where(_ROW.succeeded_position.is_not(None)),
).subquery("steps")
# At which positions payments changed: their rows, their legs, what happened to them.
CHANGED = union_all(
    select(_ROW.payment_no, _ROW.last_position.label("position")),
    select(STEPS_TABLE.c.payment_no, STEPS_TABLE.c.position),
).subquery("changed")

_LEG_COLUMNS = columns_of(LEGS, PaymentLeg)
_STEP_COLUMNS = columns_of(STEPS_TOLD, PaymentStep)


def legs(connection: Connection, payment_nos: Sequence[str]) -> dict[str, list[PaymentLeg]]:
    """The legs of some payments (at most a few hundred), by payment, in the plan's order."""
    wanted = LEGS.c.payment_no.in_(sought_texts(payment_nos, "payment_no"))
    query = select(*_LEG_COLUMNS).where(wanted).order_by(LEGS.c.payment_no, LEGS.c.leg)
    found: dict[str, list[PaymentLeg]] = {}
    for row in connection.execute(query):
        found.setdefault(row[0], []).append(PaymentLeg(*row))
    return found


def steps(connection: Connection, payment_nos: Sequence[str]) -> dict[str, list[PaymentStep]]:
    """What happened to some payments (at most a few hundred), by payment, in order."""
    told = STEPS_TOLD.c
    wanted = told.payment_no.in_(sought_texts(payment_nos, "payment_no"))
    query = select(*_STEP_COLUMNS).where(wanted).order_by(told.payment_no, told.position)
    found: dict[str, list[PaymentStep]] = {}
    for row in connection.execute(query):
        found.setdefault(row[0], []).append(PaymentStep(*row))
    return found
