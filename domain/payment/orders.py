"""What a channel is asked for: an instruction in the words of the channel's port."""

from domain.channel.network import Order
from domain.channel.network import Part as OrderPart
from domain.channel.port import ChannelRequest
from domain.payment.instruction import State
from domain.payment.plan import merchant_of
from domain.payment.protocol import PRODUCTS
from domain.refusals import Code, Refused


def channel_request(instruction_id: str, state: State) -> ChannelRequest:
    """What to send to a channel in this process."""
    assert state.purpose is not None
    return ChannelRequest(
        instruction_id, state.purpose, state.channel, state.amount_fen, state.party
    )


def number_at_channel(instruction_id: str, state: State) -> str:
    """What the channel knows an instruction by."""
    return state.number or instruction_id


def other_number(instruction_id: str, state: State) -> str:
    """The name of an instruction's next number, for `Adapter.number`: no other instruction can
    have it as its id, for `#` stands in none."""
    return f"{instruction_id}#{state.tried.renumbered + 2}"


def network_order(
    instruction_id: str, state: State, original: State | None = None, serial: str = ""
) -> Order:
    """What to send to a channel over a network. `original` is the state of the instruction that a
    refund is of; `serial` the charge that is asked about, "" for the first. Raises
    INSTRUCTION_NOT_FOUND when the original is needed and does not exist."""
    asked = state.asked
    assert asked is not None
    number, original_fen, merchant = "", asked.original_fen, asked.merchant
    sub_mchid = asked.sub_mchid
    if asked.original:
        if original is None or original.asked is None:
            raise Refused(Code.INSTRUCTION_NOT_FOUND, "original", asked.original)
        number = number_at_channel(asked.original, original)
        original_fen = original.moved_fen or original.amount_fen
        merchant = merchant or original.asked.merchant
        sub_mchid = original.asked.sub_mchid
        for part in original.asked.parts:
            if part.transaction == asked.part:
                paid = {one.number: one.amount_fen for one in original.paid}
                number = part.number
                original_fen = paid.get(part.number, part.amount_fen)
                merchant, sub_mchid = merchant_of(part.transaction), part.sub_mchid
        original_fen = asked.original_fen or original_fen
    # Channels take no order without one. It follows from facts alone: a send that is repeated must
    # be the same as the first.
    product = PRODUCTS.get(asked.product)
    subject = asked.subject or (product.title if product is not None else asked.purpose)
    return Order(
        instruction_id=instruction_id,
        number=number_at_channel(instruction_id, state),
        purpose=asked.purpose,
        channel=asked.channel,
        amount_fen=asked.amount_fen,
        party=asked.party,
        subject=subject,
        sent_us=state.tried.sent_us,
        expires_us=asked.expires_us,
        original=number,
        original_fen=original_fen,
        merchant=merchant,
        sub_mchid=sub_mchid,
        serial=asked.serial or serial,
        parts=tuple(
            OrderPart(
                one.number, merchant_of(one.transaction), one.amount_fen, subject, one.sub_mchid
            )
            for one in asked.parts
        ),
    )
