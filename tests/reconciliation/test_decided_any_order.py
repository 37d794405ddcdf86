"""Bills with faults, persons who decide anything, channels that take their word back, in any order:
at the end every line and everything of ours is on the books once."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from domain.payment.asking import RecordAnswer
from domain.reconciliation.resolutions import FITS, WAYS
from domain.refusals import Refused
from tests.reconciliation.attacked import LAST, Town, back, pay, town_of
from tests.reconciliation.bill_oracle import Row


@pytest.fixture
def town(migrated_url: str, tmp_path: Path) -> Iterator[Town]:
    with town_of(migrated_url, tmp_path) as opened:
        yield opened
        opened.right()


def truth(town: Town, chance: random.Random) -> list[Row]:
    """Some trade, and what the channel knows of it."""
    rows = []
    for number in range(6):
        fen = chance.choice([1_000, 1_000, 2_000])
        town.sell(f"{number}", fen)
        rows.append(pay(f"{number}", fen, chance.choice([0, 0, 0, 1])))
        if chance.random() < 0.5:
            town.refund(f"R{number}", f"{number}", fen // 2)
            rows.append(back(f"R{number}", f"{number}", fen // 2, chance.choice([0, 0, 1])))
    for number in range(6, 9):
        town.order(f"{number}", 1_000)
        if chance.random() < 0.7:
            town.do(RecordAnswer(f"pay-P{number}", "declined", reason="no answer"))
        rows.append(pay(f"{number}", 1_000))
    return rows


def issued(rows: list[Row], chance: random.Random, share: float) -> dict[int, list[Row]]:
    """Bills of the days that may have lines, with faults."""
    bills: dict[int, list[Row]] = {count: [] for count in range(LAST)}
    for row in rows:
        day, made = row.at.day - 10, [row]
        if chance.random() < share:
            other = replace(row, serial=row.serial + "x")
            made = chance.choice([
                [], [replace(row, fen=row.fen + 100)], [replace(row, fen=row.fen - 100)],
                [row, other], [row, row], [other], [replace(row, currency="USD")],
                [replace(row, failed=row.refund)], [replace(row, milli=row.milli + 5_000)],
                [replace(row, number=row.number + "9")],
            ])  # fmt: skip
            day = chance.choice([day, day, (day + 1) % LAST])
        bills[day] += made
    if chance.random() < share:
        bills[0].append(pay("X", 1_000, number="nobody-1", serial="X1"))
    return bills


def decide(town: Town, chance: random.Random) -> None:
    """Persons do something about what they see, if the books let them."""
    for one in town.listed():
        try:
            if one["state"] == "confirmed" and chance.random() < 0.6:
                resolution = chance.choice([each for each in FITS[one["type"]] if each != "link"])
                town.propose(one["id"], resolution, "LILEI" if WAYS[resolution].to else "")
                if chance.random() < 0.9:
                    town.approve(one["id"])
            elif one["state"] in ("resolved", "approved") and chance.random() < 0.3:
                town.undo(one["id"])
        except Refused:
            continue


def contradict(town: Town, chance: random.Random) -> None:
    """The channel says something else than before."""
    number = chance.randrange(9)
    said = chance.choice(["succeeded", "declined"])
    serial = chance.choice([f"S{number}", f"S{number}x"])
    more = {"serial": serial, "amount_fen": 1_000} if said == "succeeded" else {"reason": "no"}
    town.do(RecordAnswer(f"pay-P{number}", said, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(6))
def test_every_line_has_one_place_whatever_was_decided(town: Town, seed: int) -> None:
    chance = random.Random(seed)
    rows = truth(town, chance)
    for _ in range(3):
        bills = issued(rows, chance, 0.4)
        for count in chance.sample(range(LAST), LAST):
            town.bill(count, *bills[count])
            if chance.random() < 0.5:
                town.run(count)
        town.no_more()
        town.run()
        decide(town, chance)
        if chance.random() < 0.7:
            contradict(town, chance)
        town.right(whole=False)
    for count, lines in issued(rows, chance, 0.2).items():
        town.bill(count, *lines)
    town.run()
