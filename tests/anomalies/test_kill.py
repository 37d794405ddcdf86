"""kill -9 of a process that pays with several threads, fifty times over one ledger.

What the process was told it writes to a file, a line per answer, before it asks for more. So the
file is what its callers know: all of that must be in the books, once, whatever was cut short.
"""

import random
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from tests.anomalies.child import Acknowledged, Job, caller
from tests.anomalies.conftest import Nursery
from tests.anomalies.market import (
    BUYERS,
    assert_sound,
    count,
    kept,
    merchant_fen,
    net_fen,
    opened,
    purchase,
)
from tests.servers import wait_until

KILLS, THREADS, SEED = 50, 6, 20101201
MOST_ANSWERS = 40  # Of one process, before it is killed.


def lines(path: Path) -> list[Acknowledged]:
    """What the callers were told; nothing may be half a line."""
    text = path.read_bytes() if path.exists() else b""
    assert text == b"" or text.endswith(b"\n")
    return [msgspec.json.decode(line, type=Acknowledged) for line in text.splitlines()]


def told(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def purchases_done(answers: list[Acknowledged]) -> list[int]:
    """Per thread the index of its first purchase that is not known to be confirmed."""
    confirmed: dict[str, int] = defaultdict(int)
    for answer in answers:
        kind, _, order_no = answer.number.partition(":")
        if kind == "confirm":
            name, _, index = order_no.partition("x")
            confirmed[name] = max(confirmed[name], int(index) + 1)
    return [confirmed[caller(index)] for index in range(THREADS)]


@pytest.mark.timeout(240)
def test_every_acknowledged_command_is_there_once(
    market: str, nursery: Nursery, tmp_path: Path
) -> None:
    file, dice = tmp_path / "answers.jsonl", random.Random(SEED)
    for _ in range(KILLS):
        job = Job("buy", market, str(file), purchases_done(lines(file)))
        # From none at all, in the middle of opening the ledger, to some that were answered.
        enough = told(file) + dice.randrange(MOST_ANSWERS)
        process = nursery.start(job)
        assert wait_until(lambda e=enough: told(file) >= e, 30)  # type: ignore[misc]
        assert nursery.lives(process), "it must be killed, not end"
        nursery.kill(process)

    answers = lines(file)
    results: dict[str, dict[str, object]] = {}
    for one in answers:  # Who asked again was told the same.
        assert results.setdefault(one.number, one.result) == one.result
    assert len(results) > KILLS * MOST_ANSWERS // 4

    with opened(market) as ledger:
        assert_sound(ledger)
        starts = purchases_done(answers)
        everything = [
            one
            for index, start in enumerate(starts)
            for number in range(start + 1)  # One more than is confirmed: it may be half-way.
            for one in purchase(caller(index), number)
        ]
        acknowledged = [one for one in everything if one.number in results]
        assert len(acknowledged) == len(results)
        for request, answer in zip(acknowledged, kept(ledger, acknowledged), strict=True):
            assert answer.result == results[request.number]

        # What nobody answered is completed, the rest replayed.
        for request, answer in zip(everything, ledger.submit_all(everything), strict=True):
            assert answer.refused is None
            if request.number in results:
                assert answer.replayed and answer.result == results[request.number]
        bought = sum(start + 1 for start in starts)
        for name in ("order.placed.1", "order.paid.1", "transaction.cleared.1"):
            assert count(ledger, name) == bought, name
        assert count(ledger, "payment.succeeded.2") == bought + BUYERS
        assert merchant_fen(ledger) == sum(net_fen(start + 1) for start in starts)
        assert_sound(ledger)
