"""`zhangfang drill doors`: attack a server of one's own, and see what others notice of it."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.drills.attacks import ATTACKS
from benchmarks.drills.second_client import HEALTH, TRANSFER, SecondClient, Seen
from benchmarks.drills.served import served

P99_MS = 250
GROWN_BYTES = 64 * 1024 * 1024
QUIET_S = 3  # Before and after the attacks: what it is like without.


def drill(url: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """Attack a server on an empty place for a ledger; `passed` is what it comes to.

    Memory is measured once everything was used a first time: what a cache holds when it is full is
    no growth that goes on, but counts.
    """
    found: dict[str, Any] = {}
    times: dict[str, tuple[float, float]] = {}
    with served(url) as server:
        with SecondClient(server) as client:
            began = time.monotonic()
            time.sleep(QUIET_S)
            times["quiet"] = (began, time.monotonic())
            before = server.memory_bytes()
            for name, attack in ATTACKS.items():
                tell(name)
                began = time.monotonic()
                found[name] = attack(server)
                times[name] = (began, time.monotonic())
                found[name]["grown_bytes"] = server.memory_bytes() - before
            time.sleep(QUIET_S)
            after = server.memory_bytes()
        seen = client.seen
    for name in ATTACKS:
        found[name]["second_client"] = _times(seen, *times[name])
    whole = _times(seen, times["quiet"][1], float("inf"))
    passed = (
        all(one["ok"] for one in found.values())
        and after - before < GROWN_BYTES
        and all(one["p99_ms"] < P99_MS and not one["failed"] for one in whole.values())
    )
    return {
        "attacks": found,
        "memory": {
            "before_bytes": before,
            "after_bytes": after,
            "grown_bytes": after - before,
            "limit_bytes": GROWN_BYTES,
        },
        "quiet": _times(seen, *times["quiet"]),
        "second_client": whole,
        "limit_p99_ms": P99_MS,
        "passed": passed,
    }


def _times(seen: Sequence[Seen], since: float, until: float) -> dict[str, dict[str, Any]]:
    """How long the second client's requests took that began within a time, by what they were."""
    found = {}
    for what in (HEALTH, TRANSFER):
        mine = [one for one in seen if one.what == what and since <= one.began_s < until]
        took = sorted(one.took_ms for one in mine)
        found[what] = {
            "count": len(took),
            "failed": sum(not 200 <= one.status < 300 for one in mine),
            "p50_ms": _at(took, 50),
            "p99_ms": _at(took, 99),
            "max_ms": _at(took, 100),
        }
    return found


def _at(ordered: Sequence[float], percent: int) -> float:
    """The value below which so many percent lie; 0.0 for none."""
    if not ordered:
        return 0.0
    return round(ordered[max(0, -(-len(ordered) * percent // 100) - 1)], 1)
