"""Netting (轧差): what each channel owes us and we owe it for one accounting date.

Received is what instructions brought in through a channel, paid is what they carried out through
it. The channel's own accounts keep both for the date at hand: what an instruction's outcome posts
to 应收渠道 is a debit, to 应付渠道 a credit. A reversal moves nothing at the channel, nor does what
a bill or a statement brings to light, so the accounts count those apart. `verify` adds the
instructions' own facts up and compares.
"""

from datetime import date

from domain.accounting import account
from domain.accounting.chart import CHANNEL_PAYABLE, CHANNEL_RECEIVABLE, account_id
from domain.channel.channels import CHANNELS
from domain.clearing.day import Position
from domain.kernel import States


def positions_on(day: date, load: States) -> tuple[Position, ...]:
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
