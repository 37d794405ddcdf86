"""Netting (轧差): what each channel owes us and we owe it for one accounting date.

Read from the channels' own accounts: debits of 应收渠道 are what was received through a channel,
credits of 应付渠道 what was paid out through it.
"""

from collections.abc import Callable
from datetime import date

from domain.accounting import account
from domain.accounting.chart import CHANNEL_PAYABLE, CHANNEL_RECEIVABLE, account_id
from domain.channel.routing import CHANNELS
from domain.clearing.day import Position


def positions_on(day: date, load: Callable[[str], account.State]) -> tuple[Position, ...]:
    """The positions of a date that has had movements, by channel; `load` reads account states."""
    positions = []
    for channel in CHANNELS.values():
        receivable = load(account.stream(account_id(CHANNEL_RECEIVABLE, channel.name)))
        payable = load(account.stream(account_id(CHANNEL_PAYABLE, channel.name)))
        received_fen = receivable.moved_on(day)[0]
        paid_fen = payable.moved_on(day)[1]
        if received_fen or paid_fen:
            net_fen = received_fen - paid_fen
            positions.append(
                Position(channel.name, channel.network, received_fen, paid_fen, net_fen)
            )
    return tuple(positions)
