"""The channel of what has happened: a feed says what was paid and refunded, so every answer is
success. It remembers nothing, however long the feed is."""

from datetime import date

from domain.channel.port import BillLine, Order, Result, Succeeded


class HistoryChannel:
    """Implements `ChannelPort`. The serial is made of the instruction's id, so it is the same
    anywhere, and asking twice gets the same answer."""

    def pay(self, order: Order) -> Result:
        return Succeeded(f"SIM-{order.instruction_id}")

    def refund(self, order: Order) -> Result:
        return Succeeded(f"SIM-{order.instruction_id}")

    def payout(self, order: Order) -> Result:
        return Succeeded(f"SIM-{order.instruction_id}")

    def query(self, order: Order) -> Result:
        return Succeeded(f"SIM-{order.instruction_id}")

    def bill(self, channel: str, day: date) -> list[BillLine]:
        """None: a bill is another witness, and a feed has but one."""
        return []
