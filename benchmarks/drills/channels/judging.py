"""What a drill of channels comes to: both books, what has no end, what the log complains of."""

from collections.abc import Sequence
from typing import Any

from api.cli.opening import open_desk
from benchmarks.drills.books import verified
from benchmarks.drills.channels.comparing import Ours, compare, read_ours


def compared(url: str, book: Any, used: Sequence[str], *, passed: bool) -> dict[str, Any]:
    """What the two books say, and whether the whole has passed. On the channels `used` money must
    have moved; `passed`: what ran, did."""
    ours = read(url)
    found = compare(book, ours)
    # Two empty books are equal too: that would prove nothing.
    idle = [name for name in used if not found["totals"].get(name, [0])[0]]
    stranded = stranded_of(ours)
    books = verified(url)
    verify = "clean" if books["clean"] else books
    sound = not idle and not stranded and verify == "clean" and bool(found["books_equal"])
    return {
        "instructions": len(ours.instructions),
        "stranded": stranded,
        "withheld": sum(one.withheld is not None for one in ours.instructions.values()),
        "suspense": ours.suspense,
        "withdrawals": ours.withdrawals,
        **found,
        "idle": idle,
        "verify": verify,
        "passed": passed and sound,
    }


def read(url: str) -> Ours:
    """Our side at the end."""
    with open_desk(url) as context:
        context.projector.catch_up()
        with context.engine.connect() as view:
            return read_ours(view)


def stranded_of(ours: Ours) -> list[str]:
    """What has no end, and nothing that is listed says why."""
    named = {name for name, said in ours.contradictions.items() if said[-1].stage != "ended"}
    going_on = [
        f"{name}: {one.state} {one.answer}"
        for name, one in ours.instructions.items()
        if one.state not in ("succeeded", "declined", "differs")
        and one.withheld is None
        and name not in named
    ]
    return going_on + ours.waiting


def incidents(log: Any) -> list[str]:
    """What the server logged as an error, as much as anybody reads."""
    log.seek(0)
    text = log.read()
    at = text.find("Traceback")
    return [text[max(0, at - 300) : at + 3_000]] if at >= 0 else []
