"""The channel of what has happened: a feed says what was paid and refunded, so every answer is
success. It remembers nothing, however long the feed is."""

from datetime import date

from domain.channel.port import BillLine, ChannelRequest, Result, Succeeded


class HistoryChannel:
    """Implements `ChannelPort`. The serial is made of the instruction's id, so it is the same
    anywhere, and asking twice gets the same answer."""

    def pay(self, wanted: ChannelRequest) -> Result:
        return Succeeded(f"SIM-{wanted.instruction_id}")

    def refund(self, wanted: ChannelRequest) -> Result:
        return Succeeded(f"SIM-{wanted.instruction_id}")

    def payout(self, wanted: ChannelRequest) -> Result:
        return Succeeded(f"SIM-{wanted.instruction_id}")

    def query(self, wanted: ChannelRequest) -> Result:
        return Succeeded(f"SIM-{wanted.instruction_id}")

    def bill(self, channel: str, day: date) -> list[BillLine]:
        """None: a bill is another witness, and a feed has but one."""
        return []
