"""Which channel carries a payment: chosen among candidates, for a reason that is kept.

A channel is passed over for what is certain (maintenance, an amount it does not carry, a decline of
its own) and put behind others for what is likely (it hardly answers, or slowly). So a payment is
never refused because every channel looks bad: then the one that answers most carries it.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from domain.channel.health import UNSEEN, WELL_BPS, Summary


class Rejected(Struct, frozen=True, gc=False):
    """A channel that was not chosen, and why."""

    channel: str
    reason: str


class Window(Struct, frozen=True, gc=False):
    """A time of maintenance, from one instant to before another (UTC µs)."""

    from_us: int
    until_us: int


class Candidate(Struct, frozen=True):
    """A channel that may carry a payment: what of, and when it does not. In fen. `gone`: why it is
    out of the question anyway, "" if it is not."""

    channel: str
    least_fen: int = 1
    most_fen: int | None = None
    maintenance: tuple[Window, ...] = ()
    gone: str = ""


class Choice(Struct, frozen=True, gc=False):
    """The channel, "" when none may carry it; why; and why not each of the others."""

    channel: str
    reason: str
    rejected: tuple[Rejected, ...] = ()


def hindrance(candidate: Candidate, amount_fen: int, now_us: int) -> str:
    """Why a channel cannot carry an amount now; "" if it can."""
    if candidate.gone:
        return candidate.gone
    if amount_fen < candidate.least_fen:
        return f"carries no less than {candidate.least_fen} fen"
    if candidate.most_fen is not None and amount_fen > candidate.most_fen:
        return f"carries no more than {candidate.most_fen} fen"
    if any(one.from_us <= now_us < one.until_us for one in candidate.maintenance):
        return "is under maintenance"
    return ""


def choose(
    candidates: Sequence[Candidate], amount_fen: int, now_us: int, health: Mapping[str, Summary]
) -> Choice:
    """The first of the candidates, in their order, that can carry the amount and is well; if none
    is well, the one that answers most. One that nothing here can ask comes after all others."""
    rejected: list[Rejected] = []
    able: list[Candidate] = []
    for one in candidates:
        if why := hindrance(one, amount_fen, now_us):
            rejected.append(Rejected(one.channel, why))
        else:
            able.append(one)
    if not able:
        return Choice("", "no channel can carry it", tuple(rejected))
    here = [one for one in able if _of(health, one).reachable] or able
    well = [one for one in here if _of(health, one).well]
    chosen = well[0] if well else max(here, key=lambda one: _of(health, one).answered_bps)
    reason = "first in order" if chosen is candidates[0] else "the first that can and is well"
    if not well:
        reason = "none is well; it answers most"
    for one in able:
        if one is not chosen:
            rejected.append(Rejected(one.channel, _why_not(_of(health, one))))
    return Choice(chosen.channel, reason, tuple(rejected))


def _of(health: Mapping[str, Summary], one: Candidate) -> Summary:
    return health.get(one.channel) or UNSEEN


def _why_not(summary: Summary) -> str:
    if not summary.reachable:
        return "nothing here can ask it"
    if summary.well:
        return "comes later in order"
    if summary.answered_bps < WELL_BPS:
        return f"answered {summary.answered_bps} of 10000 requests"
    return f"took {summary.median_us // 1000} ms to answer"
