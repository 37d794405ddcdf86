"""The agenda: what will happen to orders, done when its time has come, in virtual time.

It stands in the book, so what was to happen happens after a restart too. A task that fails ends the
simulator: a book that is wrong is worse than one that stands still.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from simulator.orders import Order, load
from simulator.world import World

Task = Callable[[World, sqlite3.Connection, Order, dict[str, Any]], None]
BATCH, LONGEST = 200, 60


async def run(world: World, signed: Mapping[str, Task], wechat: Mapping[str, Task]) -> None:
    """Does what is due, for ever."""

    def work(db: sqlite3.Connection) -> float:
        return _due(world, db, signed, wechat)

    while True:
        world.wake.clear()
        wait = await world.book.write(work)
        if wait <= 0:
            continue
        try:
            await asyncio.wait_for(world.wake.wait(), max(0.001, min(wait, LONGEST)))
        except TimeoutError:
            continue


def _due(
    world: World, db: sqlite3.Connection, signed: Mapping[str, Task], wechat: Mapping[str, Task]
) -> float:
    """Does a batch; returns the wall's seconds until the next task, 0 if there are due ones."""
    now = world.clock.now_us()
    rows = db.execute(
        "SELECT id, kind, order_id, due_us, detail FROM tasks WHERE due_us <= ? "
        "ORDER BY due_us, id LIMIT ?",
        (now, BATCH),
    ).fetchall()
    for row in rows:
        order = load(db, row["order_id"])
        tasks = wechat if order.network == "wechat" else signed
        # Late by a little, it is done as of its own time: an expiry close by makes no difference.
        detail = {**json.loads(row["detail"]), "due_us": row["due_us"]}
        tasks[row["kind"]](world, db, order, detail)
        db.execute("DELETE FROM tasks WHERE id = ?", (row["id"],))
    after = db.execute("SELECT min(due_us) FROM tasks").fetchone()[0]
    return LONGEST if after is None else world.clock.wall_seconds(after - now)
