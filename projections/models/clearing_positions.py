"""Clearing positions (清算头寸): what each channel owes us and we owe it, per accounting date.

Counted as the business day counts its own (`domain/clearing/netting.py`): debits of the channel's
receivable were received through it, credits of its payable were paid through it, as refunds or as
payouts. So what a closed day sealed equals the running figures; nothing posts to it afterwards. The
other sides, which only a reversal uses, are in neither.
"""

from datetime import date

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Date, Table, select

from domain.accounting.chart import CHANNEL_PAYABLE, CHANNEL_RECEIVABLE
from domain.accounting.reversal import Reversed
from domain.channel.channels import network_of
from domain.clearing.day import Closed
from domain.kernel import Recorded
from domain.payment.payment import SendBackStarted, SentBack, WalletRecharged
from domain.settlement.batch import PayoutSucceeded
from domain.transaction.refund import Succeeded as RefundSucceeded
from domain.transaction.transaction import Paid
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import add_rows, merge_rows
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
_SEALED = ("sealed_received_fen", "sealed_paid_fen", "sealed_net_fen")
_KEY = ("accounting_date", "channel")

_RECEIVABLE = CHANNEL_RECEIVABLE + "."
_PAYABLE = CHANNEL_PAYABLE + "."


class Delta(Struct):
    """Sums by (date, channel), in the order of `_SUMS`; sealed figures of the days that closed."""

    moved: dict[tuple[date, str], list[int]]
    sealed: dict[tuple[date, str], tuple[int, int, int]]


def _new_delta() -> Delta:
    return Delta({}, {})


def _entered(delta: Delta, recorded: Recorded) -> None:
    entry = recorded.fact.entry
    for line in entry.lines:
        if line.debit_fen and line.account.startswith(_RECEIVABLE):
            channel, fen, column, sign = line.account[len(_RECEIVABLE) :], line.debit_fen, 0, 1
        elif line.credit_fen and line.account.startswith(_PAYABLE):
            channel, fen, sign = line.account[len(_PAYABLE) :], line.credit_fen, -1
            # A reversal of a reversal does again what the first entry did, so it counts with it.
            column = 2 if "refund_succeeded." in entry.rule else 4
        else:
            continue
        sums = delta.moved.get((entry.date, channel))
        if sums is None:
            sums = delta.moved[entry.date, channel] = [0] * len(_SUMS)
        sums[column] += fen
        sums[column + 1] += 1
        sums[6] += sign * fen


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
        Paid: _entered,
        WalletRecharged: _entered,
        SendBackStarted: _entered,
        SentBack: _entered,
        RefundSucceeded: _entered,
        PayoutSucceeded: _entered,
        Reversed: _entered,
        Closed: _closed,
    },
    new_delta=_new_delta,
    write=_write,
)


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
        return self.sealed_net_fen is not None


_COLUMNS = columns_of(TABLE, ClearingPosition)


def clearing_positions(
    connection: Connection, day: date, channel: str | None = None
) -> list[ClearingPosition]:
    """The positions of an accounting date by channel, of those that moved; or of one channel."""
    query = select(*_COLUMNS).where(TABLE.c.accounting_date == day).order_by(TABLE.c.channel)
    if channel is not None:
        query = query.where(TABLE.c.channel == sought_text(channel, "channel"))
    return [ClearingPosition(*row) for row in connection.execute(query)]
