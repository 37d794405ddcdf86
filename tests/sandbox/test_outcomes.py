"""docs/sandbox.md, row by row: what an amount asks for, and what is seen of it here."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from domain.kernel import shanghai_date
from domain.ledger.ledger import utc_us
from tests.sandbox.conftest import SLOW_S, Box, until

DOC = Path(__file__).parents[2] / "docs/sandbox.md"
BOTH = ("JD_PAY", "WECHAT_PAY")
PLAIN = 9_010  # Ends in 90.10: paid at once, whatever its refund asks for.


@pytest.fixture
def box(quick_box: Box) -> Box:
    """Outcomes are waited for: on the fast clock."""
    return quick_box


class Row(NamedTuple):
    """A row of a table: its amount (fen), what it says there, and a cell for each method."""

    fen: int
    what: str
    cells: tuple[str, ...]


def rows(heading: str) -> list[Row]:
    text = DOC.read_text("utf-8").partition(f"\n### {heading}\n")[2]
    found = []
    for line in re.split(r"\n##+ ", text)[0].splitlines():
        first, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"90\.\d\d", first):
            found.append(Row(int(first.replace(".", "")), cells[0], tuple(cells[1:])))
    return found


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


class Seen:
    """What is seen of one thing: states as they follow, and words that stand with it."""

    def __init__(self, cell: str, states: frozenset[str]) -> None:
        said = words(cell)
        main = words(cell.partition(";")[0])
        self.wanted = set(said)
        # The last state that stands before what contradicts it is where it ends.
        self.ends = [one for one in main if one in states][-1]
        self.states: list[str] = []
        self.words: set[str] = set()

    def look(self, state: str, *more: str | None) -> None:
        if self.states[-1:] != [state]:
            self.states.append(state)
        self.words |= {state}
        for one in more:
            self.words |= set(re.findall(r"\w+", one or ""))

    @property
    def is_complete(self) -> bool:
        return self.wanted <= self.words and self.states[-1] == self.ends


PAYMENT_STATES = frozenset(
    ("paying", "unknown", "succeeded", "declined", "giving_up", "sending_back", "sent_back")
)
REFUND_STATES = frozenset(("processing", "unknown", "succeeded", "failed"))
PAYOUT_STATES = frozenset(("instructed", "succeeded", "failed", "returned"))


def watch(box: Box, seen: dict[str, Seen], look: Any, seconds: float = SLOW_S) -> None:
    """Looks until all has come as the document says, and that for a while."""
    ends = time.monotonic() + seconds
    while not all(one.states and one.is_complete for one in seen.values()):
        if time.monotonic() > ends:
            break
        for name, one in seen.items():
            look(name, one)
        time.sleep(0.1)
    missing = {
        name: (one.states, sorted(one.wanted - one.words), one.ends)
        for name, one in seen.items()
        if not one.is_complete
    }
    assert not missing


def told(instructions: list[dict[str, Any]]) -> Iterator[str]:
    for one in instructions:
        yield one["answer"] or ""
        yield from (each["kind"] for each in one["contradictions"])


def market(box: Box) -> None:
    box.merchant("SHOP")
    box.merchant("TEA")
    box.post("/v1/members", {"member_id": "ann", "kind": "personal", "name": "Ann"})


def test_the_document_has_every_row_of_the_simulator(box: Box) -> None:
    there = [
        (one["fen"], one["kind"], one["what"])
        for one in box.outside.get("/sandbox/outcomes")["outcomes"]
    ]
    headings = {"payment": "Payments", "refund": "Refunds", "payout": "Payouts"}
    written = [
        (row.fen, kind, row.what) for kind, heading in headings.items() for row in rows(heading)
    ]
    assert written == there and len(there) > 20


def test_payments_come_out_as_their_amounts_ask(box: Box) -> None:
    market(box)
    seen: dict[str, Seen] = {}
    for row in rows("Payments"):
        for method, cell in zip(BOTH, row.cells, strict=True):
            number = f"{method[:2]}{row.fen}"
            box.bought(number, method, 120_000 + row.fen)
            seen[number] = Seen(cell, PAYMENT_STATES)
    box.bought("WHOLE", "WECHAT_PAY", 5_000, 4_012)  # Of two merchants: 90.12 together.
    seen["WHOLE"] = Seen("`unknown`, then `succeeded`", PAYMENT_STATES)
    for method in ("JD", "WE"):
        number = f"{method}9020"
        until(lambda number=number: _status(box, number) == "awaiting_payer")
        path = f"/v1/instructions/pay-P{number}/close"
        box.post(path, {"reason": "sold out"}, key=f"close-{number}")

    def look(number: str, one: Seen) -> None:
        paid = box.query(
            f'{{ payment(no: "P{number}") {{ state reason suspenseItems {{ state }} '
            "instructions { state answer contradictions { kind } } } }"
        )["payment"]
        if paid is not None:
            suspense = [item["state"] for item in paid["suspenseItems"]]
            one.look(paid["state"], paid["reason"], *suspense, *told(paid["instructions"]))

    watch(box, seen, look)
    book = {one["number"]: one for one in box.outside.book()}
    assert [one["sent"] for one in book["pay-PJD9017"]["callbacks"]] == [False]
    until(lambda: all(one["delivered_at"] for one in _callbacks(box, "pay-PJD9018")))
    assert len(_callbacks(box, "pay-PJD9018")) == 2
    assert len(book["pay-PJD9014"]["charges"]) == len(book["pay-PWE9014"]["charges"]) == 2


def _status(box: Box, number: str) -> str:
    text = f'{{ payment(no: "P{number}") {{ instructions {{ state }} }} }}'
    found = box.query(text)["payment"]
    return str(found["instructions"][0]["state"]) if found and found["instructions"] else ""


def _callbacks(box: Box, number: str) -> list[dict[str, Any]]:
    (found,) = [one for one in box.outside.book() if one["number"] == number]
    callbacks: list[dict[str, Any]] = found["callbacks"]
    return callbacks


def _is_paid(box: Box, number: str) -> bool:
    placed = box.query(f'{{ order(no: "O{number}") {{ state }} }}')["order"]
    return bool(placed and placed["state"] == "paid")


def test_refunds_come_out_as_their_amounts_ask(box: Box) -> None:
    market(box)
    seen: dict[str, Seen] = {}
    for row in rows("Refunds"):
        for method, cell in zip(BOTH, row.cells, strict=True):
            number = f"{method[:2]}{row.fen}"
            box.bought(number, method, 100_000 + PLAIN)
            seen[number] = Seen(cell, REFUND_STATES)
    for number in seen:
        until(lambda number=number: _is_paid(box, number))
    for number in seen:
        wish = {"refund_no": f"R{number}", "amount_fen": int(number[2:])}
        box.post(f"/v1/transactions/SHOP-O{number}/refunds", wish)

    def look(number: str, one: Seen) -> None:
        found = box.query(
            f'{{ refund(no: "R{number}") {{ state reason '
            "instructions { answer contradictions { kind } } } }"
        )["refund"]
        if found is not None:
            one.look(found["state"], found["reason"], *told(found["instructions"]))

    watch(box, seen, look)


def test_payouts_come_out_as_their_amounts_ask(box: Box) -> None:
    market(box)
    today = shanghai_date(utc_us()).isoformat()
    seen = {}
    for row in rows("Payouts"):
        merchant = f"PAID{row.fen - 9_000}"
        box.merchant(merchant)
        box.bought(merchant, "JD_PAY", row.fen, of=merchant)  # As a payment it asks for nothing.
        seen[merchant] = Seen(row.cells[0], PAYOUT_STATES)
    for merchant in seen:
        until(lambda merchant=merchant: _status(box, merchant) == "awaiting_payer")
        box.outside.act("pay", {"network": "jdpay", "number": f"pay-P{merchant}"})
        until(lambda merchant=merchant: _is_paid(box, merchant))
        path = f"/v1/transactions/{merchant}-O{merchant}/confirm"
        box.post(path, {"by": "buyer"}, key=merchant)
    box.post(f"/v1/business-days/{today}/settle", {})

    def look(merchant: str, one: Seen) -> None:
        found = box.query(
            f'{{ settlementBatch(id: "{merchant}-{today}") {{ payouts {{ status reason }} }} '
            f'instruction(id: "payout-{merchant}-{today}-1") '
            "{ answer contradictions { kind } } }"
        )
        if found["settlementBatch"]["payouts"] and found["instruction"]:
            (paid,) = found["settlementBatch"]["payouts"]
            one.look(paid["status"], paid["reason"], *told([found["instruction"]]))

    watch(box, seen, look)
