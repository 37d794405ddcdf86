"""The simulator's book and ours: instruction by instruction, and per channel in total.

What is compared is money that moved, in fen. Ours is what the instruction came to, and what was
established beside it (a second charge, a late success, another amount, money taken back). What is
on record as a contradiction and waits for reconciliation is listed, and is no difference; nor is
what moved on an order that had ended here, of which the channel has never told: its bill will.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, func, select

from domain.accounting.chart import CHANNEL_PAYABLE, CHANNEL_RECEIVABLE
from domain.channel.adapters.signed.networks import NETWORKS
from projections.models import (
    balances,
    contradictions,
    instructions,
    orders,
    payments,
    refunds,
    withdrawals,
)
from projections.models.instruction_attempts import NUMBERS
from projections.models.suspense_items import waiting

CHANNEL_OF = {network.name: network.channel for network in NETWORKS} | {"wechat": "WECHAT_PAY"}
PLUS, MINUS = ("second", "late"), ("declined", "returned")
BACK = ("reversals", "returns")
INSTEAD = ("more", "less")  # What came in place of what was asked.
MOST = 10_000
Moved = dict[str, int]


class Ours(Struct):
    """Our side at the end: instructions by id, their contradictions, what waits, per channel."""

    instructions: dict[str, instructions.Instruction]
    known: dict[tuple[str, str, str], str]  # By channel, purpose and number.
    contradictions: dict[str, list[contradictions.Contradiction]]
    suspense: list[dict[str, Any]]
    totals: dict[str, int]
    waiting: list[str]  # Payments, refunds, orders and withdrawals without an end.
    withdrawals: dict[str, int] = {}  # How many, by state.


def read_ours(view: Connection) -> Ours:
    """Everything that is compared, from the read models."""
    found = {row[0]: instructions.Instruction(*row) for row in _rows(view, instructions.TABLE)}
    known = {
        (one.channel, one.purpose, number): one.instruction_id
        for number, instruction_id in view.execute(
            select(NUMBERS.c.number, NUMBERS.c.instruction_id)
        )
        if (one := found.get(instruction_id)) is not None
    }
    known |= {(one.channel, one.purpose, one.instruction_id): name for name, one in found.items()}
    said: dict[str, list[contradictions.Contradiction]] = defaultdict(list)
    for row in _rows(view, contradictions.TABLE):
        said[row[0]].append(contradictions.Contradiction(*row))
    totals: dict[str, int] = defaultdict(int)
    accounts = balances.TABLE
    wanted = accounts.c.code.in_((CHANNEL_RECEIVABLE, CHANNEL_PAYABLE))
    query = select(accounts.c.owner, accounts.c.debit_fen, accounts.c.credit_fen).where(wanted)
    for owner, debit_fen, credit_fen in view.execute(query):
        totals[owner] += debit_fen - credit_fen
    suspense = [
        {"item": one.item, "kind": one.kind, "instruction": one.instruction_id,
         "fen": one.waits_fen, "account": one.account, "reason": one.reason}
        for one in waiting(view, MOST)
    ]  # fmt: skip
    state = withdrawals.TABLE.c.state
    counted = view.execute(select(state, func.count()).group_by(state).order_by(state))
    drawn = {name: int(count) for name, count in counted}
    return Ours(found, known, dict(said), suspense, dict(totals), _without_end(view), drawn)


def _rows(view: Connection, table: Any) -> Sequence[Any]:
    return view.execute(select(*table.columns)).all()


def _without_end(view: Connection) -> list[str]:
    ends = (
        (payments.PAYMENTS, "payment", ("paying", "unknown", "giving_up", "sending_back")),
        (refunds.TABLE, "refund", ("processing", "unknown")),
        (orders.ORDERS, "order", ("paying",)),
        (withdrawals.TABLE, "withdrawal", ("unapproved", "waiting", "instructed")),
    )
    return [
        f"{name} {row[0]}: {row[1]}"
        for table, name, states in ends
        for row in view.execute(
            select(next(iter(table.primary_key.columns)), table.c.state).where(
                table.c.state.in_(states)
            )
        )
    ]


def compare(theirs: Sequence[Mapping[str, Any]], ours: Ours) -> dict[str, Any]:
    """`differences`, `untold`, `listed` and `books_equal`."""
    moved, strangers = _their_money(theirs, ours)
    hidden = kept_back(theirs, ours)
    differences = [f"{one}: not ours" for one in strangers]
    listed: list[str] = []
    untold: list[str] = []
    gap: dict[str, int] = defaultdict(int)
    for name, one in ours.instructions.items():
        said = ours.contradictions.get(name, [])
        their_fen, our_fen = moved.get(name, 0), our_money(one, said)
        open_ones = [row for row in said if row.stage != "ended"]
        listed += [f"{name}: {row.kind} {row.serial} {row.stage}" for row in open_ones]
        if their_fen == our_fen:
            continue
        text = f"{name} ({one.channel}, {one.state}): theirs {their_fen}, ours {our_fen}"
        gap[one.channel] += (their_fen - our_fen) * (1 if one.purpose == "payment" else -1)
        if their_fen - our_fen == hidden.get(name):
            untold.append(text)
        else:
            (listed if open_ones else differences).append(text)
    totals = _their_totals(theirs)
    for channel in sorted(totals.keys() | ours.totals.keys()):
        their_fen, our_fen = totals.get(channel, 0), ours.totals.get(channel, 0)
        if their_fen != our_fen + gap[channel]:
            differences.append(f"total of {channel}: theirs {their_fen}, ours {our_fen}")
    return {
        "differences": differences,
        "untold": untold,
        "listed": listed,
        "books_equal": not differences,
        "totals": {name: [totals.get(name, 0), fen] for name, fen in sorted(ours.totals.items())},
    }


def kept_back(theirs: Sequence[Mapping[str, Any]], ours: Ours) -> Moved:
    """By our instructions' ids: what moved last, in fen, where the event that tells of it was never
    sent. Only the channel's bill will tell of it."""
    found: Moved = {}
    parts: Moved = defaultdict(int)  # By the number of the combined order, which tells of them all.
    for order in theirs:
        if order["whole"] is not None:
            parts[order["whole"]] += _net(order)
    for order in theirs:
        lines = [(one["at"], one["amount"]) for one in order["charges"]]
        lines += [(one["at"], -one["amount"]) for part in BACK for one in order[part]]
        name, events = _name(order, ours), order["callbacks"]
        if name is None or not events or events[-1]["sent"]:
            continue
        if order["kind"] == "whole":
            found[name] = parts[order["number"]]
        elif lines:
            last = max(at for at, _ in lines)
            found[name] = sum(fen for at, fen in lines if at == last)
    return found


def _name(order: Mapping[str, Any], ours: Ours) -> str | None:
    """The instruction of ours that an order of theirs is."""
    purpose = "payment" if order["kind"] == "whole" else order["kind"]
    number = order["whole"] or order["number"]
    return ours.known.get((CHANNEL_OF[order["network"]], purpose, number))


def our_money(one: instructions.Instruction, said: Sequence[contradictions.Contradiction]) -> int:
    """What moved on an instruction by our books, in fen."""
    fen = one.amount_fen if one.state == "succeeded" else 0
    certain = [row for row in said if row.stage in ("certain", "ended") and row.amount_fen]
    instead = [row.amount_fen or 0 for row in certain if row.kind in INSTEAD]
    if instead:
        fen = instead[-1]
    fen += sum(row.amount_fen or 0 for row in certain if row.kind in PLUS)
    return fen - sum(row.amount_fen or 0 for row in certain if row.kind in MINUS)


def _net(order: Mapping[str, Any]) -> int:
    fen = sum(one["amount"] for one in order["charges"])
    return int(fen - sum(one["amount"] for part in BACK for one in order[part]))


def _their_money(theirs: Sequence[Mapping[str, Any]], ours: Ours) -> tuple[Moved, list[str]]:
    """What moved by our instructions' ids, and the orders that no instruction of ours is."""
    moved: Moved = defaultdict(int)
    strangers = []
    for order in theirs:
        name = _name(order, ours)
        if name is None:
            strangers.append(f"{order['network']} {order['kind']} {order['number']}")
        else:
            moved[name] += _net(order)
    return moved, strangers


def _their_totals(theirs: Sequence[Mapping[str, Any]]) -> Moved:
    """Per channel: what came in less what went out."""
    totals: Moved = defaultdict(int)
    for order in theirs:
        sign = -1 if order["kind"] in ("refund", "payout") else 1
        totals[CHANNEL_OF[order["network"]]] += sign * _net(order)
    return totals
