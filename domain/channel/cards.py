"""The port to a bank that signs cards (签约), to whoever knows identities, and to whoever carries
messages to telephones.

Asking twice under one number is asking once: a signing, the n-th code, an end may be repeated until
an answer is heard. Nothing of an exchange is kept, masked or not: what counts of it is a fact.
"""

from typing import Literal, Protocol

from msgspec import Struct

Kind = Literal["code_sent", "signed", "code_wrong", "refused", "ended", "unknown"]


class Particulars(Struct, frozen=True):
    """In clear, on its way to the bank and nowhere else. Printed, it shows nothing."""

    owner: Literal["personal", "enterprise"]
    account: str
    name: str
    identity: str
    phone: str

    def __repr__(self) -> str:
        return "Particulars(…)"


class Reply(Struct, frozen=True):
    """What the bank said, in words without anything personal; `reason` is a code of capitals."""

    kind: Kind
    bank: str = ""
    card_kind: str = ""
    expires_us: int = 0
    agreement: str = ""
    tries_left: int = 0
    reason: str = ""


class CardBank(Protocol):
    """A bank, or the network that leads to it. `now_us` is the wall's time, UTC µs. It never raises
    for what the outside does: not knowing is `unknown`."""

    async def sign(self, number: str, what: Particulars, now_us: int) -> Reply:
        """Compare the particulars, and send the holder a code."""

    async def confirm(self, number: str, entry: int, code: str, now_us: int) -> Reply:
        """The `entry`-th code that the holder gave."""

    async def end(self, number: str, now_us: int) -> Reply:
        """The card is not used any more."""

    async def identify(self, name: str, identity: str, now_us: int) -> bool | None:
        """Whether name and identity belong together; None: nobody could say. It changes nothing."""

    async def text(self, number: str, phone: str, words: str, now_us: int) -> bool:
        """Send a message to a telephone, once for each number; whether that was taken on."""

    async def aclose(self) -> None:
        """Close its connections."""


def signing_number(member_id: str, binding: int) -> str:
    """What the bank knows a signing by."""
    return f"sign-{member_id}-{binding}"
