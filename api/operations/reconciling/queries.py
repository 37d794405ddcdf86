"""What matching asks of the tables: lines of bills joined with instructions, a chunk at a time.

Each query is bounded by a chunk, and each look-up in it has an index: a million lines never are in
memory, and no plan goes through a whole table for one of them.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    tuple_,
)

from api.operations.bills.lines import FILLS, LINES
from domain.kernel import DAY_US, day_end_us
from domain.reconciliation.difference import A_BILL, DECIDED
from projections.models.contradictions import TABLE as CONTRADICTIONS
from projections.models.differences import TABLE as DIFFERENCES
from projections.models.instruction_attempts import NUMBERS
from projections.models.instruction_parts import TABLE as PARTS
from projections.models.instructions import TABLE as INSTRUCTIONS

AT_ONCE = 5_000  # Rows of one chunk.
NAMES_AT_ONCE = 500  # Of one `IN`.
CERTAIN = ("certain", "ended")
FLOWS = ("payment", "refund")
TRADE_KINDS = (
    "missing_here", "missing_at_channel", "amount", "status", "fee", "currency", "duplicate",
    "refund_missing_here", "refund_missing_at_channel",
)  # fmt: skip
# Each look-up is by an index; a table that has just been filled has no statistics to say so.
POSTGRES_SETTINGS = """
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
        set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)"""

_I, _P, _L = INSTRUCTIONS, PARTS, LINES
_WHOLE = INSTRUCTIONS.alias("whole")
_OTHER = LINES.alias("other")
# An import's order has parts, too, but no channel was told of them: only its own number is billed.
_sent_in_parts = _WHOLE.c.attempts.is_not(None)


def set_up(connection: Connection) -> None:
    """Plans for the transaction that has begun."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(POSTGRES_SETTINGS)


def lines_with_ours(bill_id: str, channel: str, after: int) -> Select[Any]:
    """Lines of a bill above a line, each with the instruction that its number is the id of, or of
    which it is a part; whether the channel has said something against it, and whether persons have
    ended a difference of that number."""
    doubted = exists().where(
        CONTRADICTIONS.c.instruction_id == func.coalesce(_I.c.instruction_id, _P.c.instruction_id)
    )
    ended = exists().where(
        DIFFERENCES.c.channel == channel,
        DIFFERENCES.c.number == _L.c.number,
        DIFFERENCES.c.state.in_(DECIDED),
        *_without_line(),
    )
    parted = and_(_I.c.attempts.is_not(None), _has_parts())
    return (
        select(
            *(_L.c[name] for name in LINE[1:]),
            _I.c.instruction_id,
            _I.c.purpose,
            _I.c.channel,
            _I.c.amount_fen,
            _I.c.state,
            _I.c.number,
            _P.c.instruction_id,
            _P.c.amount_fen,
            _WHOLE.c.channel,
            _WHOLE.c.state,
            doubted,
            ended,
            parted,
        )
        .select_from(
            _L.outerjoin(_I, _I.c.instruction_id == _L.c.sought)
            .outerjoin(_P, _P.c.number == _L.c.sought)
            .outerjoin(_WHOLE, and_(_WHOLE.c.instruction_id == _P.c.instruction_id, _sent_in_parts))
        )
        .where(_L.c.bill_id == bill_id, _L.c.line > after)
        .order_by(_L.c.line)
        .limit(AT_ONCE)
    )


_of = PARTS.alias("part_of")
LINE = (
    "bill_id", "line", "kind", "number", "sought", "serial", "amount_fen", "fee_milli_fen", "state",
    "currency", "at_us",
)  # fmt: skip


def _has_parts() -> Any:
    """Of a combined order; one that went over no network is known by its own number alone."""
    return exists().where(_of.c.instruction_id == _I.c.instruction_id)


def doubled(connection: Connection, bill_id: str, channel: str, first: int, last: int) -> set[str]:
    """What lines of a bill, `first` to `last`, are looked for by, where bills in force have another
    line of it."""
    again = select(1).where(
        _OTHER.c.sought == _L.c.sought,
        or_(_OTHER.c.bill_id != _L.c.bill_id, _OTHER.c.line != _L.c.line),
        _is_live(_OTHER, channel),
    )
    mine = (_L.c.bill_id == bill_id, _L.c.line.between(first, last))
    query = select(_L.c.sought).distinct().where(*mine, exists(again.offset(0)))
    return set(connection.execute(query).scalars())


def _is_live(lines: Any, channel: str) -> Any:
    """Whether a line is of a channel's trade bill that is in force. OFFSET keeps it a question of
    its own: joined, a plan without statistics goes through all lines of the bill for each line."""
    table, on = _live(lines, channel)
    return exists(select(1).select_from(table).where(on).offset(0))


def _live(lines: Any, channel: str) -> tuple[Any, Any]:
    """A join that leaves those of a channel's trade bills that are in force."""
    live = (FILLS.c.live == 1, FILLS.c.channel == channel, FILLS.c.kind == "trade")
    return FILLS, and_(FILLS.c.bill_id == by_its_bill(lines), *live)


def by_its_bill(lines: Any) -> Any:
    """The bill of a line, for a join that starts from the line. As an expression no index of the
    lines has it: a planner without statistics would else go through a whole bill for each line."""
    return lines.c.bill_id.concat("")


def without_line(channel: str, day: date, after: tuple[int, str]) -> Select[Any]:
    """Ids and ends of instructions that succeeded on a day, and no line in force has their number,
    or that of one of their parts."""
    key = case(
        (
            or_(
                _I.c.number.is_(None),
                _I.c.number == _I.c.instruction_id,
                _I.c.number == func.replace(_I.c.instruction_id, "-", ""),
            ),
            _I.c.instruction_id,
        ),
        else_=_I.c.number,
    )
    parted = and_(_I.c.attempts.is_not(None), _has_parts())
    part_missing = and_(
        parted,
        exists().where(
            _P.c.instruction_id == _I.c.instruction_id, ~_has_line(_P.c.number, channel)
        ),
    )
    end_us = day_end_us(day)
    return (
        select(_I.c.ended_at_us, _I.c.instruction_id)
        .where(
            _I.c.channel == channel,
            _I.c.ended_at_us >= end_us - DAY_US,
            _I.c.ended_at_us < end_us,
            tuple_(_I.c.ended_at_us, _I.c.instruction_id) > tuple_(*after),
            _I.c.purpose.in_(FLOWS),
            _I.c.state.in_(("succeeded", "differs")),
            or_(and_(~parted, ~_has_line(key, channel)), part_missing),
        )
        .order_by(_I.c.ended_at_us, _I.c.instruction_id)
        .limit(AT_ONCE)
    )


def _has_line(key: Any, channel: str) -> Any:
    mine = (_L.c.sought == key, _L.c.kind == _I.c.purpose, _is_live(_L, channel))
    return exists(select(1).where(*mine).correlate(_I, _P).offset(0))


def contradicted_on(connection: Connection, channel: str, day: date) -> list[str]:
    """Instructions against which the channel said something that is certain: on a day, or about
    what ended on it."""
    end_us = day_end_us(day)
    said = and_(CONTRADICTIONS.c.at_us >= end_us - DAY_US, CONTRADICTIONS.c.at_us < end_us)
    about = and_(_I.c.ended_at_us >= end_us - DAY_US, _I.c.ended_at_us < end_us)
    query = (
        select(CONTRADICTIONS.c.instruction_id)
        .distinct()
        .join(_I, _I.c.instruction_id == CONTRADICTIONS.c.instruction_id)
        .where(
            or_(said, about),
            CONTRADICTIONS.c.stage.in_(CERTAIN),
            _I.c.channel == channel,
            _I.c.purpose.in_(FLOWS),
        )
    )
    return sorted(connection.execute(query).scalars())


def among(
    connection: Connection, query: Select[Any], column: Any, names: Iterable[str]
) -> list[Any]:
    """Rows whose column has one of these names, a few hundred names at a time."""
    wanted = sorted(set(names))
    rows: list[Any] = []
    for start in range(0, len(wanted), NAMES_AT_ONCE):
        part = wanted[start : start + NAMES_AT_ONCE]
        rows += connection.execute(query.where(column.in_(part)))
    return rows


def asked(connection: Connection, ids: Iterable[str]) -> list[Any]:
    columns = (
        "instruction_id", "purpose", "channel", "amount_fen", "state", "answer", "number",
        "attempts", "ended_at_us", "issued_at_us",
    )  # fmt: skip
    return among(connection, select(*(_I.c[name] for name in columns)), _I.c.instruction_id, ids)


def parts(connection: Connection, ids: Iterable[str]) -> list[Any]:
    query = select(_P.c.instruction_id, _P.c.number, _P.c.amount_fen).order_by(_P.c.number)
    return among(connection, query, _P.c.instruction_id, ids)


def against(connection: Connection, ids: Iterable[str]) -> list[Any]:
    columns = ("instruction_id", "kind", "serial", "amount_fen", "at_us")
    query = select(*(CONTRADICTIONS.c[name] for name in columns))
    certain = query.where(CONTRADICTIONS.c.stage.in_(CERTAIN))
    return among(connection, certain, CONTRADICTIONS.c.instruction_id, ids)


def in_force(connection: Connection, channel: str, column: str, names: Iterable[str]) -> list[Any]:
    """Lines in force by what they are looked for by, or by serial; each with its bill's day."""
    query = select(FILLS.c.bill_date, *(_L.c[name] for name in LINE)).select_from(
        _L.join(*_live(_L, channel))
    )
    return among(connection, query, _L.c[column], names)


def owners_of_parts(connection: Connection, numbers: Iterable[str]) -> list[Any]:
    return among(connection, select(_P.c.number, _P.c.instruction_id), _P.c.number, numbers)


def owners_of_numbers(connection: Connection, channel: str, numbers: Iterable[str]) -> list[Any]:
    """Number and instruction of a channel, by every number it was ever sent under."""
    query = (
        select(NUMBERS.c.number, NUMBERS.c.instruction_id)
        .join(_I, _I.c.instruction_id == NUMBERS.c.instruction_id)
        .where(_I.c.channel == channel)
        .order_by(NUMBERS.c.number, NUMBERS.c.instruction_id)
    )
    return among(connection, query, NUMBERS.c.number, numbers)


def answered(
    connection: Connection, channel: str, from_us: int, until_us: int, serials: Iterable[str]
) -> list[Any]:
    """Serial and instruction, of those that ended, or were charged late or again, in a span of
    time."""
    query = (
        select(_I.c.answer, _I.c.instruction_id)
        .where(_I.c.channel == channel, _I.c.ended_at_us >= from_us, _I.c.ended_at_us < until_us)
        .where(_I.c.state.in_(("succeeded", "differs")), _I.c.purpose.in_(FLOWS))
        .order_by(_I.c.answer, _I.c.instruction_id)
    )
    late = (
        select(CONTRADICTIONS.c.serial, CONTRADICTIONS.c.instruction_id)
        .join(_I, _I.c.instruction_id == CONTRADICTIONS.c.instruction_id)
        .where(CONTRADICTIONS.c.at_us >= from_us, CONTRADICTIONS.c.at_us < until_us)
        .where(CONTRADICTIONS.c.stage.in_(CERTAIN), CONTRADICTIONS.c.kind.in_(("late", "second")))
        .where(_I.c.channel == channel, _I.c.purpose.in_(FLOWS))
        .order_by(CONTRADICTIONS.c.serial, CONTRADICTIONS.c.instruction_id)
    )
    found = among(connection, query, _I.c.answer, serials)
    return found + among(connection, late, CONTRADICTIONS.c.serial, serials)


def unnumbered(channel: str, from_us: int, until_us: int) -> Select[Any]:
    """Ids of instructions of a span of time that nobody has given a number."""
    return select(_I.c.instruction_id).where(
        _I.c.channel == channel,
        _I.c.ended_at_us >= from_us,
        _I.c.ended_at_us < until_us,
        _I.c.number.is_(None),
    )


def ended(connection: Connection, channel: str, numbers: Iterable[str]) -> list[Any]:
    """Differences of matching that persons have brought to an end, by number, and that have not let
    their money go."""
    return among(connection, _ended(channel), DIFFERENCES.c.number, numbers)


def ended_on(connection: Connection, channel: str, day: date) -> list[Any]:
    """The same, of a day."""
    wanted = _ended(channel).where(DIFFERENCES.c.on_date == day)
    return list(connection.execute(wanted.order_by(DIFFERENCES.c.position)))


def _ended(channel: str) -> Select[Any]:
    columns = ("difference_id", "number", "serial", "resolution", "on_date", "position")
    return select(*(DIFFERENCES.c[name] for name in columns)).where(
        DIFFERENCES.c.channel == channel,
        DIFFERENCES.c.state.in_(DECIDED),
        DIFFERENCES.c.kind.in_(TRADE_KINDS),
        *_without_line(),
    )


def _without_line() -> tuple[Any, Any]:
    """A claim waits for the very line; what was adopted is ours, and matched with it."""
    return DIFFERENCES.c.awaits != A_BILL, DIFFERENCES.c.resolution != "adopt"


def chunks(values: Sequence[Any], size: int = NAMES_AT_ONCE) -> Iterable[Sequence[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
