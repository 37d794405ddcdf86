"""Fetching a bill from its channel: asked for, written aside, and taken in as a file is.

What is lost on the way is asked for again, a few times; *not ready* is not: whoever asked comes
again later. *No trade* is recorded, for it is an answer about the day.
"""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from api.operations.bills.importing import Importer, Wanted
from domain.channel.bills import BillAnswer, BillLost, BillNotReady, BillSource, NoTrade
from domain.refusals import Code, Refused

PAUSES = (1, 3, 9)  # Seconds before it is asked for again.


def fetch_bill(
    source: BillSource,
    importer: Importer,
    wanted: Wanted,
    clock: Callable[[], int],
    *,
    at_us: Callable[[], int] | None = None,
    pauses: Sequence[int] | None = None,
) -> dict[str, Any]:
    """What the bill's version holds. `clock`: the wall's; `at_us`: the books', where it is another.
    Raises BillRefused as an import does; Refused: BILL_NOT_READY, BILL_UNREACHABLE, and as an
    import does."""
    at_us = at_us or clock
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "bill"
        answer = asyncio.run(
            _fetched(source, wanted, path, clock, PAUSES if pauses is None else pauses)
        )
        if isinstance(answer, BillNotReady):
            raise Refused(Code.BILL_NOT_READY, "date", f"{_named(wanted)}: {answer.reason}")
        if isinstance(answer, BillLost):
            raise Refused(Code.BILL_UNREACHABLE, "channel", f"{_named(wanted)}: {answer.reason}")
        if isinstance(answer, NoTrade):
            reason = f"the channel says: {answer.reason}"[:200]
            day: date = wanted.date
            return importer.tell_no_trade(wanted.channel, wanted.kind, day, reason, at_us())
        return importer.import_file(path, wanted, at_us())


async def _fetched(
    source: BillSource,
    wanted: Wanted,
    path: Path,
    clock: Callable[[], int],
    pauses: Sequence[int],
) -> BillAnswer:
    """The answer; of a bill that came, its bytes are at `path`."""
    try:
        for pause in (*pauses, None):
            with path.open("wb") as file:
                answer = await source.fetch_bill(wanted.kind, wanted.date, file.write, clock)
            if pause is None or not isinstance(answer, BillLost) or not answer.again:
                return answer
            await asyncio.sleep(pause)
        raise AssertionError("the last one is answered")
    finally:
        await source.aclose()


def _named(wanted: Wanted) -> str:
    return f"{wanted.channel} {wanted.kind} {wanted.date}"
