"""The port to channels over a network: what an adapter is asked, and what it may answer.

The outbox sends what is committed. An adapter never raises for what the outside does: not knowing
is `Unknown`, whatever was the reason (a time-out, a broken answer, a signature that is wrong). Its
answer is a fact's worth of words, and what went over the wire, masked, for the blob store.

How a channel may be asked again differs: `Adapter.repeatable` says for which purposes a send may be
repeated under the same number. Elsewhere a send is made once, and from then on only queried.
"""

from collections.abc import Mapping
from typing import Literal, Protocol

from msgspec import Struct

from domain.channel.port import Declined, Purpose, Succeeded, Unknown


class AwaitingPayer(Struct, frozen=True):
    """The channel has the order; the payer must act at `url` (a QR code's text, or a page). "" when
    the channel does not say it again: then the one of an earlier answer holds."""

    url: str


class Processing(Struct, frozen=True):
    """The channel has the order and works on it."""


class NotFound(Struct, frozen=True):
    """The channel says it has no such order. That is never the same as declined: a send may still
    be on its way there."""

    reason: str


class Returned(Struct, frozen=True):
    """A payout or refund that had succeeded came back (退汇), under a serial of its own."""

    serial: str
    reason: str


Said = Succeeded | Declined | Unknown | AwaitingPayer | Processing | NotFound | Returned
# The same in a word each.
Word = Literal[
    "succeeded", "declined", "unknown", "awaiting_payer", "processing", "not_found", "returned"
]


class Charge(Struct, frozen=True):
    """One movement of money that the channel has on record for an order."""

    serial: str
    amount_fen: int
    at_us: int  # UTC µs, by the channel's clock.


class Part(Struct, frozen=True):
    """One transaction's share of a combined order: `number` is its own at the channel, `sub_mchid`
    its merchant's."""

    number: str
    merchant: str
    amount_fen: int
    subject: str
    sub_mchid: str = ""


class Order(Struct, frozen=True, kw_only=True):
    """What a channel is asked to carry out, or about: everything an adapter needs.

    `number` is what the channel knows it by; `party` the payer of a payment, the payee of a refund
    or payout; `sent_us` the time of the first send (UTC µs), which some channels take as part of
    the key. A refund names the payment it is of: `original` is that one's number at the channel,
    `original_fen` its amount. `parts`: of a combined order, empty for a single one.
    `merchant`: whose transaction it is, if there is one: needed where we act as a partner;
    `sub_mchid`: its number at the channel, as it is agreed, else the settings say it.
    `serial`: which charge is meant, where an order has several: the one that is asked about, or the
    one a refund gives back. "": the order's first. `party_kind`: what the party is, where that is
    not the same for all of the channel's; `party_name`: in whose name it is. Printed, it shows no
    party.
    """

    instruction_id: str
    number: str
    purpose: Purpose
    channel: str
    amount_fen: int
    party: str
    subject: str
    sent_us: int
    expires_us: int | None = None
    original: str = ""
    original_fen: int = 0
    parts: tuple[Part, ...] = ()
    merchant: str = ""
    sub_mchid: str = ""
    serial: str = ""
    party_kind: Literal["", "card", "account"] = ""
    party_name: str = ""

    def __repr__(self) -> str:
        return f"Order({self.instruction_id}, {self.purpose}, {self.amount_fen} fen, …)"


class Exchange(Struct, frozen=True):
    """What went over the wire, with secrets and personal data masked. `status` 0: no answer."""

    method: str
    url: str
    sent: bytes
    status: int
    received: bytes


class PaidPart(Struct, frozen=True):
    """One transaction of a combined order that was paid: the channel has a serial for each."""

    number: str
    serial: str
    amount_fen: int


class Answer(Struct, frozen=True):
    """What a channel said to one request. `charges` are all movements it has on record, where it
    lists them: more than one is a second charge (重复扣款).

    A combined order that was paid has `parts`, no charges; its own serial is the least of theirs.
    `sent` is False only when it is certain that nothing left: then another channel may be tried.
    `earlier`: what went over the wire before `exchange`, when one question took several requests.
    """

    said: Said
    charges: tuple[Charge, ...] = ()
    exchange: Exchange | None = None
    parts: tuple[PaidPart, ...] = ()
    sent: bool = True
    earlier: tuple[Exchange, ...] = ()


class Heard(Struct, frozen=True):
    """A callback that was verified: `event_id` is the channel's, the same for a repetition."""

    event_id: str
    number: str
    purpose: Purpose
    answer: Answer


class Pace(Struct, frozen=True):
    """How a channel may be asked: so many requests at once, so many in a second (0: no limit), and
    after how many seconds one is given up."""

    at_once: int = 64
    per_second: int = 0
    deadline_s: int = 15


class CallbackInvalid(Exception):
    """A callback that is not from the channel, stale, replayed or unreadable. The text says why."""


class Adapter(Protocol):
    """One channel over the network.

    `now_us` is the wall's time (UTC µs), also where the books' clock runs faster: signatures are
    made and judged by it. Times of business stand in the order.
    """

    channel: str
    repeatable: frozenset[Purpose]
    pace: Pace

    def number(self, instruction_id: str) -> str:
        """What the channel knows an instruction by: in its alphabet and length, and injective."""

    async def send(self, order: Order, now_us: int) -> Answer:
        """Ask the channel to carry an order out."""

    async def query(self, order: Order, now_us: int) -> Answer:
        """Ask what became of an order."""

    async def close(self, order: Order, now_us: int) -> Answer:
        """Close an order that is not paid. `Declined` when it is closed; when it was paid before,
        what a query says."""

    def heard(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, now_us: int
    ) -> Heard:
        """A callback, verified. `target` is path and query. Raises CallbackInvalid."""

    def acknowledgement(self, *, taken: bool) -> tuple[int, bytes]:
        """Status and body of the answer to a callback."""

    async def aclose(self) -> None:
        """Close its connections."""
