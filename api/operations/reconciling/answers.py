"""What `reconcile` answers of a day, read from the read models: a channel's newest verdict, and the
differences of that day, as they are now."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection

from domain.kernel import iso_time
from projections.models import differences, verdicts
from projections.models.differences import Difference

LISTED = ("suspected", "confirmed", "proposed", "approved", "resolved")


def answer(connection: Connection, day: date, channels: Sequence[str]) -> list[dict[str, Any]]:
    """One item for each channel; `bill_version` 0: there is no bill of the day yet."""
    found = {one.channel: one for one in verdicts.newest(connection, day, channels)}
    return [_of_channel(connection, day, one, found.get(one)) for one in channels]


def differences_of(connection: Connection, channel: str, day: date) -> list[dict[str, Any]]:
    """A channel's differences of a day, as they are now."""
    return [_told(one) for one in differences.of_day(connection, channel, day, LISTED)]


def _of_channel(
    connection: Connection, day: date, channel: str, found: verdicts.Verdict | None
) -> dict[str, Any]:
    listed = differences.of_day(connection, channel, day, LISTED)
    return {
        "channel": channel,
        "date": day.isoformat(),
        "bill_version": found.bill_version if found else 0,
        "lines": found.lines if found else 0,
        "matched": {
            "count": found.matched if found else 0,
            "paid_fen": found.paid_fen if found else 0,
            "refunded_fen": found.refunded_fen if found else 0,
        },
        "pool": sum(one.state == "suspected" for one in listed),
        "differences": [_told(one) for one in listed],
    }


def _told(one: Difference) -> dict[str, Any]:
    return {
        "id": one.difference_id,
        "type": one.kind,
        "number": one.number,
        "ours_fen": one.ours_fen,
        "bill_fen": one.bill_fen,
        "state": one.state,
        "cause": one.cause,
        "since": iso_time(one.since_us),
    }
