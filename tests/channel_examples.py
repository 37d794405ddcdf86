"""One fact of every stored name of channels."""

from domain.channel import channel
from domain.kernel import Fact
from tests.member_examples import PAID_AT

MAKER = "operator:lin"

EXAMPLES: dict[str, Fact] = {
    "channel.registered.1": channel.ChannelRegistered("UNION_QR", "UNIONPAY", True, False),
    "channel.maintenance_planned.1": channel.MaintenancePlanned(
        1, PAID_AT, PAID_AT + 3_600_000_000, "a new release of the network", PAID_AT
    ),
    "channel.maintenance_withdrawn.1": channel.MaintenanceWithdrawn(1, "done early"),
    "channel.unknown_number_reported.1": channel.UnknownNumberReported(
        1, "pay-P9999", "payment", "succeeded", "JD20101201000009", 8_900
    ),
    "channel.unknown_number_settled.1": channel.UnknownNumberSettled(
        1, "an order of the test system", MAKER
    ),
}
