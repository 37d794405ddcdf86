"""One-time codes (验证码): sent to a telephone that a bank has verified, for one thing alone.

A code is kept sealed until it is used, or another one is sent. What it is `about` is a text that
nothing else has: a movement, the reset of a password, the opening of a page. Times are UTC µs.
"""

import hmac
import secrets
from collections.abc import Callable

import anyio.to_thread
import msgspec
from msgspec import Struct

from api.operations.personal import Personal
from domain.fields import checked_member_id
from domain.kernel import MICROSECONDS, iso_time
from domain.member import card, member
from domain.member.particulars import checked_code, masked_phone
from domain.refusals import Code, Refused
from domain.vault import factors
from domain.vault.vault import MemberKey

CODE: factors.Kind = "code"
GOOD_FOR_US = 5 * 60 * MICROSECONDS  # A code, and a proof.
BETWEEN_US = 60 * MICROSECONDS  # Two codes.
DIGITS = 6


class Sent(Struct, frozen=True):
    """A code as it is kept, sealed, while it is good: for `about`. Printed, it shows nothing."""

    code: str
    about: str
    sent_us: int

    def __repr__(self) -> str:
        return "Sent(…)"


async def send(
    personal: Personal, member_id: str, about: str, words: Callable[[str], str], now_us: int
) -> dict[str, object]:
    """A new code to the telephone of a card that is bound in the member's own name; the one before
    is over. `words` says what the message says of a code.

    Raises Refused: FACTOR_MISSING where no telephone is known, FACTOR_LOCKED, BUSY when the message
    was not taken on, and what `person` raises.
    """
    sent, phone = await anyio.to_thread.run_sync(_new_code, personal, member_id, about, now_us)
    number = f"text-{secrets.token_hex(12)}"
    if not await personal.text(number, phone, words(sent.code)):
        await anyio.to_thread.run_sync(_not_sent, personal, member_id, sent)
        raise Refused(Code.BUSY, "code", "the message was not taken on; ask again")
    until = iso_time(sent.sent_us + GOOD_FOR_US * personal.factor)
    return {"member_id": member_id, "sent_to": masked_phone(phone), "expires_at": until}


def try_code(personal: Personal, key: MemberKey, given: str, about: str, now_us: int) -> str:
    """The code as it is kept. Raises Refused: FACTOR_MISSING, FACTOR_LOCKED, FACTOR_WRONG,
    CODE_EXPIRED, PARTICULARS_INVALID."""
    code = checked_code(given)
    kept = factors.begin(personal.vault, key, CODE, now_us, "code")
    sent = _sent(kept)
    if not hmac.compare_digest(sent.code.encode(), code.encode()):
        raise Refused(Code.FACTOR_WRONG, "code", "it is not the code that was sent")
    if sent.about != about:
        raise Refused(Code.FACTOR_WRONG, "code", "it was sent for something else")
    if now_us >= sent.sent_us + GOOD_FOR_US * personal.factor:
        raise Refused(Code.CODE_EXPIRED, "code")
    return kept


def use_up(personal: Personal, key: MemberKey, kept: str) -> None:
    """Raises Refused(FACTOR_WRONG) when another was faster."""
    if not factors.right(personal.vault, key, CODE, kept, used_up=True):
        raise Refused(Code.FACTOR_WRONG, "code", "it was used before")


def person(personal: Personal, member_id: str) -> tuple[member.State, MemberKey]:
    """Raises Refused: VAULT_LOCKED, MEMBER_NOT_FOUND, MEMBER_FORGOTTEN, MEMBER_KIND_WRONG."""
    owner, key = personal.known(checked_member_id(member_id))
    if owner.kind != "personal":
        raise Refused(Code.MEMBER_KIND_WRONG, "member_id", "only personal members have a wallet")
    return owner, key


def _new_code(personal: Personal, member_id: str, about: str, now_us: int) -> tuple[Sent, str]:
    _, key = person(personal, member_id)
    phone = _phone(personal, member_id)
    before = factors.look(personal.vault, key, CODE, now_us, "code")
    soon = Refused(Code.FACTOR_LOCKED, "code", "a code was sent less than a minute ago")
    if before is not None and now_us < _sent(before).sent_us + BETWEEN_US * personal.factor:
        raise soon
    sent = Sent(f"{secrets.randbelow(10**DIGITS):0{DIGITS}}", about, now_us)
    if not factors.put(personal.vault, key, CODE, _text(sent), instead=before):
        raise soon  # Another was asked for meanwhile, or the one before was used.
    return sent, phone


def _not_sent(personal: Personal, member_id: str, sent: Sent) -> None:
    """As far as anybody knows: another one may be asked for at once, and this one goes."""
    _, key = person(personal, member_id)
    factors.withdraw(personal.vault, key, CODE, _text(sent))


def _phone(personal: Personal, member_id: str) -> str:
    """Of the default card, or another one, in the member's own name."""
    state = personal.ledger.state(card.stream(member_id))
    bound = [one for one in state.bindings if one.status == "bound" and not one.relation]
    bound.sort(key=lambda one: one.card != state.default)
    for one in bound:
        known = personal.particulars(member_id, one.particulars)
        if known is not None:
            return known.phone
    raise Refused(Code.FACTOR_MISSING, "code", "no telephone is known: bind a card")


def _sent(kept: str) -> Sent:
    return msgspec.json.decode(kept, type=Sent)


def _text(sent: Sent) -> str:
    return msgspec.json.encode(sent).decode()
