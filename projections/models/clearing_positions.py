"""Clearing positions (清算头寸): what each channel owes us and we owe it, per accounting date.

Figures come from facts that follow from an instruction's outcome. `COUNTED` says which facts those
are and what each one counts as. A reversal (冲正), and a reversal of a reversal, moves money on our
books only: no channel has paid or received anything, so it counts nowhere.
The business day counts its own figures the same way (`domain/clearing/netting.py`). So what a
closed day sealed equals the running figures; nothing posts to a closed day.
"""

from datetime import date
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Date, Select, Table, select

from domain.accounting.chart import CHANNEL_PAYABLE, CHANNEL_RECEIVABLE, split_id
from domain.authority import deduction
from domain.channel.channels import network_of
from domain.clearing.day import Closed
from domain.kernel import Entry, Fact, Recorded
from domain.payment import suspense, withdrawal
from domain.payment.payment import LegSucceeded, SendBackStarted, SentBack, WalletRecharged
from domain.settlement.batch import PayoutReturned, PayoutSucceeded
from domain.transaction.refund import PartSucceeded
from domain.transaction.refund import Succeeded as RefundSucceeded
from domain.transaction.transaction import Paid
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import add_rows, merge_rows
from projections.tables.listing import Names, given
from projections.tables.paging import columns_of, sought_text

_SUMS = (
    "received_fen",
    "received_count",
    "refunded_fen",
    "refunded_count",
    "paid_out_fen",
    "paid_out_count",
    "net_fen",
)

TABLE = Table(
    "clearing_positions",
    METADATA,
    Column("accounting_date", Date, primary_key=True),
    Column("channel", TEXT, primary_key=True),
    Column("network", TEXT, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in _SUMS),
    Column("sealed_received_fen", BigInteger),
    Column("sealed_paid_fen", BigInteger),
    Column("sealed_net_fen", BigInteger),
)
_NET = _SUMS.index("net_fen")
_SEALED = ("sealed_received_fen", "sealed_paid_fen", "sealed_net_fen")
_KEY = ("accounting_date", "channel")


class Counted(NamedTuple):
    """What a fact counts as: the lines of its entry on one of the channel's two accounts.

    `code` is the account's code in the chart. Money received through a channel is a debit of its
    receivable; money paid through it is a credit of its payable. `fen` names the column of the sum;
    the column after it has the number of lines.
    """

    code: str
    fen: str


_RECEIVED = Counted(CHANNEL_RECEIVABLE, "received_fen")
_REFUNDED = Counted(CHANNEL_PAYABLE, "refunded_fen")
_PAID_OUT = Counted(CHANNEL_PAYABLE, "paid_out_fen")

COUNTED: dict[type[Fact], tuple[Counted, ...]] = {
    Paid: (_RECEIVED,),
    LegSucceeded: (_RECEIVED,),
    WalletRecharged: (_RECEIVED,),
    SendBackStarted: (_RECEIVED,),
    SentBack: (_REFUNDED,),
    RefundSucceeded: (_REFUNDED,),
    PartSucceeded: (_REFUNDED,),
    PayoutSucceeded: (_PAID_OUT,),
    PayoutReturned: (_RECEIVED,),
    withdrawal.Succeeded: (_PAID_OUT,),
    withdrawal.SucceededLate: (_PAID_OUT,),
    withdrawal.Returned: (_RECEIVED,),
    deduction.Succeeded: (_PAID_OUT,),
    deduction.SucceededLate: (_PAID_OUT,),
    deduction.Returned: (_RECEIVED,),
    # What a channel moved otherwise than asked: it has received it, or paid it.
    suspense.Opened: (_RECEIVED, _REFUNDED),
    suspense.SentBack: (_REFUNDED,),
}


class Delta(Struct):
    """Sums by (date, channel), in the order of `_SUMS`; sealed figures of the days that closed."""

    moved: dict[tuple[date, str], list[int]]
    sealed: dict[tuple[date, str], tuple[int, int, int]]


def _new_delta() -> Delta:
    return Delta({}, {})


def _count(delta: Delta, recorded: Recorded) -> None:
    entry = recorded.fact.entry
    if entry is None:  # A leg that was counted when it came in.
        return
    for counted in COUNTED[type(recorded.fact)]:
        _count_lines(delta, counted, entry)


def _count_lines(delta: Delta, counted: Counted, entry: Entry) -> None:
    received = counted.code == CHANNEL_RECEIVABLE
    column = _SUMS.index(counted.fen)
    for line in entry.lines:
        fen = line.debit_fen if received else line.credit_fen
        if not fen:
            continue
        code, channel = split_id(line.account)
        if code != counted.code:
            continue
        sums = delta.moved.get((entry.date, channel))
        if sums is None:
            sums = delta.moved[entry.date, channel] = [0] * len(_SUMS)
        sums[column] += fen
        sums[column + 1] += 1
        sums[_NET] += fen if received else -fen


def _closed(delta: Delta, recorded: Recorded) -> None:
    fact: Closed = recorded.fact
    for position in fact.positions:
        figures = (position.received_fen, position.paid_fen, position.net_fen)
        delta.sealed[fact.date, position.channel] = figures


def _write(connection: Connection, tables: Tables, delta: Delta) -> None:
    table = tables[TABLE.name]
    moved = [
        (day, channel, network_of(channel), *sums, None, None, None)
        for (day, channel), sums in delta.moved.items()
    ]
    add_rows(connection, table, moved, _KEY, _SUMS)
    zeros = (0,) * len(_SUMS)
    sealed = [
        (day, channel, network_of(channel), *zeros, *figures)
        for (day, channel), figures in delta.sealed.items()
    ]
    merge_rows(connection, table, sealed, _KEY, replace=_SEALED)


MODEL = ReadModel(
    name="clearing_positions",
    tables=(TABLE,),
    folds={
        **dict.fromkeys(COUNTED, _count),
        Closed: _closed,
    },
    new_delta=_new_delta,
    write=_write,
)


def is_sealed(sealed_net_fen: int | None) -> bool:
    """Whether the day of a position is closed, by its sealed figure."""
    return sealed_net_fen is not None


class ClearingPosition(Struct, frozen=True):
    """A channel's figures for one accounting date, in fen; the counts are of entry lines.

    `net_fen` = received − refunded − paid out. The sealed figures are None until the day closes;
    `sealed_paid_fen` is refunds and payouts together.
    """

    accounting_date: date
    channel: str
    network: str
    received_fen: int
    received_count: int
    refunded_fen: int
    refunded_count: int
    paid_out_fen: int
    paid_out_count: int
    net_fen: int
    sealed_received_fen: int | None
    sealed_paid_fen: int | None
    sealed_net_fen: int | None

    @property
    def closed(self) -> bool:
        return is_sealed(self.sealed_net_fen)


_COLUMNS = columns_of(TABLE, ClearingPosition)


def clearing_positions(
    connection: Connection, day: date, channel: str | None = None
) -> list[ClearingPosition]:
    """The positions of an accounting date by channel, of those that moved; or of one channel."""
    values = filters(day, channel)
    query = positions_query(tuple(_COLUMNS), frozenset(values))
    return [ClearingPosition(*row) for row in connection.execute(query, values)]


def filters(day: date, channel: str | None) -> dict[str, Any]:
    """The bind parameters of `positions_query`. Raises Refused(IDENTIFIER_INVALID)."""
    given_channel = {} if channel is None else {"channel": sought_text(channel, "channel")}
    return {"day": day, **given_channel}


def positions_query(columns: tuple[Column[Any], ...], names: Names) -> Select[Any]:
    """The positions of `day` by channel, or that of `channel`, which are bind parameters."""
    day, channel = TABLE.c.accounting_date, TABLE.c.channel
    query = select(*columns).where(day == given("day", day)).order_by(channel)
    return query.where(channel == given("channel", channel)) if "channel" in names else query
