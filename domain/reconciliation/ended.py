"""Differences that persons have ended, beside what is found now. Pure.

What persons have decided stays: its money has moved by their word, and the entry of its
confirmation stands. What is found does not follow from it. Found again with the same money, it has
its place, and is no news. Found with more money, the rest is a difference of its own. Found with
less, or not any more (another bill was issued, our side has learned of it since), what its
confirmation posted is too much: that is a difference too, which leads it back into suspense, until
persons decide again. So lines and ours are on the books once, whatever was decided when.
"""

from collections.abc import Callable, Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from domain.accounting.rules.differences import NO_MORE
from domain.reconciliation.difference import About, Resolution
from domain.reconciliation.judging import Finding

MADE_UP = "no_more+"


class Ended(Struct, frozen=True, gc=False):
    """A difference that was brought to an end, and has not let its money go. `position`: of the
    fact that first found it; what came of another's end was found after that."""

    id: str
    about: About
    resolution: Resolution
    position: int = 0


def beside(
    found: Sequence[Finding], ended: Sequence[Ended], complete: Callable[[date], bool]
) -> list[Finding]:
    """What of the findings of one group persons have not ended, and what they have ended in vain.
    `complete`: as in `match.py:Rules`."""
    left, ids = list(found), {one.id for one in ended}
    for one in sorted(ended, key=lambda one: (one.position, one.id)):
        again = _again(left, one, ids)
        if again is not None:
            left.remove(again)
        left += _made_up(one, again, complete)
    return left


def is_made_up(found: Finding) -> bool:
    """Whether it comes of an ended difference, and is in no bill."""
    return found.place.startswith(MADE_UP)


def _again(found: Sequence[Finding], ended: Ended, ids: set[str]) -> Finding | None:
    """By its id, whatever else has its money: a line that is there several times makes differences
    that are alike. Only then the same money of the same line, of which by now another kind is said,
    or which is there fewer times; what has the id of another that was ended is that one."""
    known = {one.id: one for one in found}
    if ended.id in known:
        return known[ended.id]
    return next((one for one in found if one.id not in ids and _is_same(one, ended)), None)


def _is_same(found: Finding, ended: Ended) -> bool:
    one, other = found.about, ended.about
    return bool(one.amount_fen) and _money(one) == _money(other) and one.serial == other.serial


def _money(about: About) -> tuple[object, ...]:
    return (about.number, about.amount_fen, *_where(about))


def _where(about: About) -> tuple[object, ...]:
    return about.flow, about.lacks, about.gross


def _made_up(
    ended: Ended, again: Finding | None, complete: Callable[[date], bool]
) -> list[Finding]:
    about = ended.about
    if again is None:
        return _no_more(ended, about.amount_fen, certain=complete(about.on))
    other = again.about
    if not about.amount_fen:
        if (other.ours_fen, other.bill_fen) == (about.ours_fen, about.bill_fen):
            return []
        return [_anew(again, ended, other.amount_fen), *_no_more(ended, 0, certain=True)]
    if _where(other) != _where(about):
        more = [_anew(again, ended, other.amount_fen)] if other.amount_fen else []
        return more + _no_more(ended, about.amount_fen, certain=True)
    more_fen = other.amount_fen - about.amount_fen
    if more_fen > 0:
        return [_anew(again, ended, more_fen)]
    return _no_more(ended, -more_fen, certain=True) if more_fen else []


def _anew(again: Finding, ended: Ended, amount_fen: int) -> Finding:
    """What is found beyond what was ended."""
    about = replace(again.about, amount_fen=amount_fen)
    return Finding(about, again.cause, again.certain, f"{again.place}+{ended.id}")


def _no_more(ended: Ended, amount_fen: int, *, certain: bool) -> list[Finding]:
    """So much of what was ended is there no more. Of a fee that was corrected: the other way."""
    about, fee = ended.about, ended.resolution == "correct_fee"
    if not amount_fen and not fee:
        return []
    left_fen = about.ours_fen if fee else about.amount_fen - amount_fen
    made = replace(
        about,
        kind="fee" if fee else "amount",
        lacks=NO_MORE[about.lacks],
        ours_fen=about.bill_fen if fee else about.amount_fen,
        bill_fen=left_fen,
        amount_fen=amount_fen,
        bill="",
        line=0,
        linked="",
    )
    return [Finding(made, "", certain, f"{MADE_UP}{ended.id}")]
