"""What was tried with a channel over a network and heard since: a part of an instruction's state.

    send ──(the channel has the order)──▶ wait ──(over)──▶ close
      ▲                                     │
      └──(renumbered)───────────────────────┘           ended, and doubted ──▶ doubt

Pure transitions, and the one question that matters: what is the channel to be asked next, and when.
"""

from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from domain.channel import network
from domain.channel.port import Declined, Purpose, Succeeded
from domain.payment import rhythm

AttemptKind = Literal["send", "query", "close"]
# What clears a doubt up, one way or the other.
CONCLUSIVE = (Succeeded, Declined, network.Returned, network.NotFound)
# What is to be done when a time has come: `decline` and `renumber` need no channel.
Next = Literal["send", "query", "close", "decline", "renumber"]
Phase = Literal["send", "wait", "close", "doubt"]
# What was said of what has ended, when it was asked about: the same, or something else.
Again = Literal[
    "", "confirmed", "succeeded", "differs", "declined", "returned", "not_found"
]  # fmt: skip
# What a channel may say that ends nothing.
Said = Literal["awaiting_payer", "processing", "not_found", "unknown"]


class Told(NamedTuple):
    """Around an answer: its attempt (0: none, a callback), the time here, what went over the wire
    (SHA-256, hex), whether it is certain that nothing left, the parts that were paid."""

    attempt: int = 0
    at_us: int = 0
    exchange: str = ""
    unsent: bool = False
    parts: tuple[network.PaidPart, ...] = ()


class Tried(Struct, frozen=True, gc=False):
    """`sends` are the attempts to send that may have left; `tries` all attempts of this phase;
    `missing` how often "no such order" was said since the channel last knew of it; `closing` why it
    is to be closed, `withheld` why it is not sent."""

    attempt: int = 0
    kind: AttemptKind = "send"
    under_way: bool = False
    answered: int = 0  # The newest attempt that was answered.
    phase: Phase = "send"
    tries: int = 0
    sends: int = 0
    sent_us: int = 0  # The first send under this number.
    renumbered: int = 0
    missing: int = 0
    missing_since_us: int = 0
    closing: str = ""
    withheld: str = ""
    url: str = ""
    by_hand: bool = False  # A channel was asked, and an operator said how it ended.
    planned_us: int = 0  # When it would have been asked, had nobody wanted it earlier.


UNTRIED = Tried()


def attempted(tried: Tried, attempt: int, kind: AttemptKind, at_us: int, *, ended: bool) -> Tried:
    """An attempt was claimed."""
    phase: Phase = "doubt" if ended else "close" if kind == "close" else tried.phase
    between = tried.planned_us > at_us  # Somebody wanted it earlier: that changes no rhythm.
    tries = tried.tries + (not between)
    return replace(
        tried,
        attempt=attempt,
        kind=kind,
        under_way=True,
        phase=phase,
        tries=tries if phase == tried.phase else 1,
        planned_us=tried.planned_us if between else 0,
        sends=tried.sends + (kind == "send"),
        sent_us=tried.sent_us or (at_us if kind == "send" else 0),
    )


def answered(tried: Tried, attempt: int) -> Tried:
    """An attempt was answered; 0: something came by itself."""
    if attempt <= tried.answered:
        return tried
    return replace(tried, answered=attempt, under_way=tried.under_way and attempt < tried.attempt)


def wanted(tried: Tried, planned_us: int | None) -> Tried:
    """Somebody wants it asked, at another time than was planned."""
    return replace(tried, withheld="", planned_us=planned_us or 0)


def ended(tried: Tried, attempt: int, exchange: str) -> Tried:
    """It has come to an end, by an answer to an attempt or by a callback, which has an exchange;
    or somebody has said so."""
    after = answered(tried, attempt) if attempt else tried
    by_hand = bool(tried.attempt) and not attempt and not exchange
    return replace(after, by_hand=True) if by_hand else after


def said_again(
    ended: tuple[str, str, int],
    said: Succeeded | Declined | network.Returned | network.NotFound,
) -> tuple[Again, str]:
    """What a channel said of what has `ended` (as what, with which serial or reason, how many fen
    it moved): "confirmed", or the word with its own serial or reason."""
    status, answer, moved_fen = ended
    if isinstance(said, Succeeded):
        if status not in ("succeeded", "differs") or said.serial != answer:
            return "succeeded", said.serial
        same = said.amount_fen in (None, moved_fen)
        return ("confirmed", "") if same else ("differs", said.serial)
    if isinstance(said, Declined):
        return ("confirmed", "") if status == "declined" else ("declined", said.reason)
    if isinstance(said, network.Returned):
        return "returned", said.reason or said.serial
    return "not_found", said.reason


def confirmed(tried: Tried, attempt: int, said: Again) -> Tried:
    """What has ended was asked about: what an operator had recorded may be the channel's own word
    now."""
    after = answered(tried, attempt)
    return replace(after, by_hand=False) if said == "confirmed" else after


def unanswered(tried: Tried, attempt: int, *, unsent: bool) -> Tried:
    """An attempt whose outcome nobody knows; `unsent`: but that nothing left."""
    after = answered(tried, attempt)
    if not unsent or tried.kind != "send" or attempt != tried.attempt or after is tried:
        return after
    return replace(after, sends=tried.sends - 1, sent_us=tried.sent_us if tried.sends > 1 else 0)


def taken(tried: Tried, answer: network.Said, told: Told) -> tuple[Said, str, Tried]:
    """An answer that ends nothing: in a word, its url or reason, and what is known after it."""
    said: Said = "unknown"
    text = getattr(answer, "reason", "")
    if isinstance(answer, network.AwaitingPayer):
        said, text = "awaiting_payer", answer.url
    elif isinstance(answer, network.Processing):
        said = "processing"
    elif isinstance(answer, network.NotFound):
        said = "not_found"
    return said, text, heard(tried, said, text, told)


def heard(tried: Tried, said: Said, text: str, told: Told) -> Tried:
    """What is known after an answer that ends nothing."""
    after = answered(tried, told.attempt)
    if said == "unknown":
        return unanswered(tried, told.attempt, unsent=told.unsent)
    if said == "not_found":
        since_us = tried.missing_since_us if tried.missing else told.at_us
        return replace(after, missing=tried.missing + 1, missing_since_us=since_us)
    url = text if said == "awaiting_payer" and text else tried.url
    if tried.phase == "send":
        return replace(after, missing=0, url=url, phase="wait", tries=0)
    return replace(after, missing=0, url=url)


def is_news(tried: Tried, status: str, said: Said, text: str, attempt: int) -> bool:
    """Whether an answer that ends nothing tells anything: the first to an attempt does, a callback
    (`attempt` 0) where it changes something."""
    if attempt:
        return attempt > tried.answered
    if said == "awaiting_payer":
        return status != "processing" and bool(text) and text != tried.url
    return said == "processing" and status != "processing"


def is_gone(tried: Tried, now_us: int) -> bool:
    """Whether what was to be closed does not exist at the channel, and will not."""
    held = rhythm.has_held(tried.missing, tried.missing_since_us, now_us)
    return tried.phase == "close" and held


def renumbered(tried: Tried) -> Tried:
    """It begins anew, under another number."""
    again = tried.renumbered + 1
    return replace(tried, phase="send", tries=0, sends=0, sent_us=0, missing=0, renumbered=again)


def is_over(tried: Tried, purpose: Purpose, expires_us: int | None, now_us: int) -> bool:
    """Whether a payment is to be closed: it has expired, or somebody wants it. Refunds and payouts
    end by the channel's word alone."""
    expired = expires_us is not None and expires_us <= now_us
    return purpose == "payment" and (bool(tried.closing) or expired)


def next_step(
    tried: Tried, purpose: Purpose, expires_us: int | None, now_us: int, *, repeatable: bool
) -> Next:
    """What is to be done with an open instruction now. `repeatable`: its channel takes a send of
    this purpose again under the same number."""
    if is_over(tried, purpose, expires_us, now_us):
        return "close" if tried.sends else "decline"
    if not tried.sends:
        return "send"
    if tried.missing:
        if purpose == "payment":
            return "close"
        if repeatable:
            return "send"
        held = rhythm.has_held(tried.missing, tried.missing_since_us, now_us)
        return "renumber" if held else "query"
    return "send" if tried.phase == "send" and repeatable else "query"


def next_us(tried: Tried, purpose: Purpose, expires_us: int | None, now_us: int) -> int:
    """When to ask again after an answer now that ended nothing; of a payment not later than its
    expiry, for then it is closed; and never later than was planned before somebody wanted it
    asked. Nobody makes up his mind about a refund or a payout."""
    due_us = _after_us(tried, purpose, expires_us, now_us)
    return min(due_us, tried.planned_us) if tried.planned_us > now_us else due_us


def _after_us(tried: Tried, purpose: Purpose, expires_us: int | None, now_us: int) -> int:
    if purpose == "payment" and tried.phase == "wait" and not tried.missing:
        wait_us = rhythm.awaiting_us(tried.tries)
    else:
        wait_us = rhythm.back_off_us(tried.tries)
    if tried.phase in ("close", "doubt") or purpose != "payment":
        return now_us + wait_us
    if tried.closing:
        return now_us
    return (
        now_us + wait_us if expires_us is None else max(now_us, min(now_us + wait_us, expires_us))
    )


def looks_again_us(tried: Tried, purpose: Purpose | None, now_us: int) -> int | None:
    """When to ask about what was declined now once more; None: never. A payer may have been faster
    than a close; a refund or payout that was declined may arrive after all."""
    if purpose != "payment":
        return now_us + rhythm.DECLINED_AGAIN_US
    return now_us + rhythm.CLOSED_AGAIN_US if tried.phase == "close" else None
