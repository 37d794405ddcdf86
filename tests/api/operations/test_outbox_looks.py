"""When the read models go on, the outbox looks once for all channels, on each database."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection

from api.operations import outbox as module
from api.operations.desk import Desk
from projections.models import instructions_due
from projections.models.instructions_due import Due
from tests.api.operations.scripted import ScriptedNetwork
from tests.api.operations.test_outbox import Office, desk, until

__all__ = ["desk"]  # A fixture.
IDLE = ("WECHAT_PAY", "UNIONPAY_CARD", "CLOUD_QUICKPASS")


class Looks:
    """Counts what the outbox asks the database, by channel; looks for all of them together."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.of: Counter[str] = Counter()
        self.for_all = 0
        self.failing = False
        due, next_due = instructions_due.due, instructions_due.next_due
        monkeypatch.setattr(module, "POLL_US", 60_000_000)  # Only hints count.

        def counted(view: Connection, channel: str, *given: Any) -> list[Due]:
            self.of[channel] += 1
            return due(view, channel, *given)

        def together(view: Connection, channels: Sequence[str]) -> dict[str, int]:
            if len(channels) > 1:
                self.for_all += 1
                if self.failing:
                    raise OSError("the database is away")
            return next_due(view, channels)

        monkeypatch.setattr(instructions_due, "due", counted)
        monkeypatch.setattr(instructions_due, "next_due", together)


def test_a_channel_with_nothing_to_do_is_not_looked_at(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, busy = Looks(monkeypatch), ScriptedNetwork("JD_PAY")
    office = Office(desk, busy, *map(ScriptedNetwork, IDLE))

    async def served() -> None:
        outbox = office.outbox()
        running = asyncio.create_task(outbox.run())
        await until(lambda: len(looks.of) == 4)  # Each looks by itself when it begins.
        for number in range(3):
            office.recharge(f"P{number}")
            desk.catch_up()
            outbox.wake()
            await until(lambda number=number: office.status(f"P{number}") == "awaiting_payer")  # type: ignore[misc]
        assert looks.for_all >= 3
        assert {looks.of[channel] for channel in IDLE} == {1}
        outbox._stopping.set()  # type: ignore[union-attr]
        await running

    asyncio.run(served())
    assert len(busy.asked) == 3


def test_when_the_look_fails_every_channel_looks_for_itself(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, busy = Looks(monkeypatch), ScriptedNetwork("JD_PAY")
    office = Office(desk, busy, ScriptedNetwork(IDLE[0]))

    async def served() -> None:
        outbox = office.outbox()
        running = asyncio.create_task(outbox.run())
        await until(lambda: len(looks.of) == 2)
        looks.failing = True
        office.recharge("P1")
        desk.catch_up()
        outbox.wake()
        await until(lambda: office.status("P1") == "awaiting_payer")
        assert looks.for_all >= 1
        outbox._stopping.set()  # type: ignore[union-attr]
        await running

    asyncio.run(served())
    assert [kind for kind, _ in busy.asked] == ["send"]
