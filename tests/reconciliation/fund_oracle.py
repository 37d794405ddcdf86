"""The bank's side of bill_oracle.py: statements of the reserve account, with what a bank and a
network get wrong put in by seed, and what must wait where once a day's statement is compared.

What a session brings follows from the bills, what is paid out from settlement_oracle.py: nothing
of the system is used.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from tests.reconciliation.bill_oracle import POOL, Bills, Row, Verdicts
from tests.settlement_oracle import settled

NETWORKS = {"NETSUNION": ("WECHAT_PAY", "JD_PAY"), "UNIONPAY": ("CLOUD_QUICKPASS",)}
BANK = "BANK_TRANSFER"
DAY = timedelta(days=1)


class Booked(NamedTuple):
    """An entry of a statement: fen above zero in, below zero out."""

    number: str
    serial: str
    fen: int


class Payout(NamedTuple):
    number: str
    fen: int
    on: date


@dataclass
class Session:
    """What a network owes for a day, by channel, and when which part of it comes."""

    number: str
    day: date
    due: dict[str, int]
    comes: list[tuple[date, int]]

    @property
    def due_fen(self) -> int:
        return sum(self.due.values())

    @property
    def lead(self) -> str:
        return max(self.due, key=lambda one: (abs(self.due[one]), one))

    def came(self, until: date) -> int:
        return sum(fen for on, fen in self.comes if on <= until)


class Difference(NamedTuple):
    """What is to be found of a day: kind, number, ours, the bank's, in fen."""

    kind: str
    number: str
    ours: int
    bank: int


@dataclass
class Bank:
    """Statements by day; `strange`: what nobody here knows of, `left`: when which payout does;
    `restored`: refunds of earlier days that WeChat Pay gives up, by day."""

    last: date
    statements: dict[date, list[Booked]] = field(default_factory=lambda: defaultdict(list))
    sessions: list[Session] = field(default_factory=list)
    payouts: list[Payout] = field(default_factory=list)
    left: dict[str, date] = field(default_factory=dict)
    strange: list[tuple[date, Difference]] = field(default_factory=list)
    restored: dict[date, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def balance(self, until: date) -> int:
        return sum(one.fen for day, some in self.statements.items() if day <= until for one in some)

    def book(self, day: date, number: str, fen: int) -> None:
        place = sum(map(len, self.statements.values()))
        self.statements[day].append(Booked(number, f"B{day:%Y%m%d}{place:06d}", fen))


def payouts_of(feed: Path, through: date) -> list[Payout]:
    """What merchants are paid up to a day, by the rules of the feed."""
    found = [
        Payout(f"payout-{merchant}-{cleared}-1", batch.payout, batch.paid_on)
        for merchant, books in settled(feed, {}, through).items()
        for cleared, batch in books.batches.items()
        if batch.paid_on is not None and batch.payout
    ]
    return sorted(found, key=lambda one: (one.on, one.number))


def fees(milli: int) -> int:
    """Of a bill, in fen, half a fen away from zero."""
    fen = (2 * abs(milli) + 1000) // 2000
    return -fen if milli < 0 else fen


def net(rows: list[Row]) -> int:
    """What the lines of a bill bring, but for fees."""
    counted = [one for one in rows if one.currency == "CNY" and not one.failed]
    return sum(-one.fen if one.refund else one.fen for one in counted)


def due(rows: list[Row]) -> int:
    return net(rows) - fees(sum(one.milli for one in rows))


def seeded_bank(bills: Bills, payouts: list[Payout], last: date, seed: int, share: float) -> Bank:
    """Statements of every day after the first bill's, up to `last`."""
    chance = random.Random(f"bank/{seed}")
    bank = Bank(last)
    first = min(day for _, day in bills)
    for day in (first + n * DAY for n in range((last - first).days + 1)):
        bank.statements[day] = []
    _restore(chance, bank, bills, share)
    for network, channels in NETWORKS.items():
        for day in sorted({day for _, day in bills}):
            owed = {name: due(bills[name, day]) for name in channels}
            if "WECHAT_PAY" in owed:
                owed["WECHAT_PAY"] += sum(one.fen + fees(one.milli) for one in bank.restored[day])
            session = Session(f"{network}-{day:%Y%m%d}-1", day, owed, [])
            comes = chance.choice(COMES) if chance.random() < 2 * share else _whole
            _arrive(bank, session, comes(chance, session))
    for one in payouts:
        if one.on <= last:
            bank.payouts.append(one)
            leaves = chance.choice(LEAVES) if chance.random() < share else _at_once
            leaves(chance, bank, one)
    for day in list(bank.statements):
        for sign in (1, -1):
            if chance.random() < share:
                _strange(chance, bank, day, sign)
    return bank


def _restore(chance: random.Random, bank: Bank, bills: Bills, share: float) -> None:
    """Some refunds that stand once in a bill, and in the books, come to nothing later on."""
    for (channel, day), rows in sorted(bills.items()):
        times = Counter(one.number for one in rows)
        for one in rows:
            known = one.refund and not one.number.startswith("refund-9") and not one.failed
            if channel == "WECHAT_PAY" and known and one.currency == "CNY":
                on = day + chance.randint(1, POOL) * DAY
                if times[one.number] == 1 and on <= bank.last and chance.random() < share:
                    bank.restored[on].append(one)


def _arrive(bank: Bank, session: Session, parts: list[tuple[int, int]]) -> None:
    bank.sessions.append(session)
    for after, fen in parts:
        on = session.day + DAY + after * DAY
        if fen and on <= bank.last:
            session.comes.append((on, fen))
            bank.book(on, session.number, fen)


def _whole(_chance: random.Random, one: Session) -> list[tuple[int, int]]:
    return [(0, one.due_fen)]


def _later(chance: random.Random, one: Session) -> list[tuple[int, int]]:
    return [(chance.randint(1, POOL) if one.due_fen > 0 else 0, one.due_fen)]


def _short(chance: random.Random, one: Session) -> list[tuple[int, int]]:
    if one.due_fen < 2:
        return _whole(chance, one)
    return [(0, one.due_fen - chance.randint(1, min(one.due_fen - 1, 5_000)))]


def _over(chance: random.Random, one: Session) -> list[tuple[int, int]]:
    return [(0, one.due_fen + chance.randint(1, 5_000))] if one.due_fen > 0 else [(0, one.due_fen)]


def _in_two(chance: random.Random, one: Session) -> list[tuple[int, int]]:
    if one.due_fen < 2:
        return _whole(chance, one)
    part = chance.randint(1, one.due_fen - 1)
    return [(0, part), (chance.randint(0, POOL), one.due_fen - part)]


COMES = (_later, _short, _over, _in_two)


def _at_once(_chance: random.Random, bank: Bank, one: Payout, after: int = 0) -> None:
    on = one.on + after * DAY
    if on <= bank.last:
        bank.left[one.number] = on
        bank.book(on, one.number, -one.fen)


def _leaves_later(chance: random.Random, bank: Bank, one: Payout) -> None:
    _at_once(chance, bank, one, chance.randint(1, POOL))


def _never(_chance: random.Random, _bank: Bank, _one: Payout) -> None:
    pass


def _twice(chance: random.Random, bank: Bank, one: Payout) -> None:
    _at_once(chance, bank, one)
    bank.book(one.on, one.number, -one.fen)
    found = Difference("payout_missing_here", one.number, 0, one.fen)
    bank.strange.append((one.on, found))


LEAVES = (_leaves_later, _never, _twice)


def _strange(chance: random.Random, bank: Bank, day: date, sign: int) -> None:
    fen, number = chance.randint(1, 50_000), f"X{chance.randint(10**8, 10**9)}"
    bank.book(day, number, sign * fen)
    kind = "receipt_unknown" if sign > 0 else "payout_missing_here"
    bank.strange.append((day, Difference(kind, number, 0, fen)))


# What must come out, once the bills and the statement of a day are compared.


def differences(bank: Bank, until: date) -> Iterator[tuple[str, date, Difference, bool]]:
    """Channel, day, what, and whether it is certain."""
    for day, one in bank.strange:
        if day <= until:
            yield BANK, day, one, True
    for payout in bank.payouts:
        if payout.on <= until and bank.left.get(payout.number, date.max) > until:
            missing = Difference("payout_missing_at_bank", payout.number, payout.fen, 0)
            yield BANK, payout.on, missing, payout.on + POOL * DAY <= until
    for session in bank.sessions:
        if session.day < until:
            came, owed = session.came(until), session.due_fen
            if came < owed:
                short = Difference("session_short", session.number, owed, came)
                yield session.lead, session.day, short, session.day + (1 + POOL) * DAY <= until
            elif came > owed > 0:
                over = Difference("session_over", session.number, owed, came)
                yield session.lead, session.day, over, True


def matched(bank: Bank, day: date) -> tuple[int, int, int, int]:
    """Of a statement: its lines, how many of them are known to be something, and what came in and
    went out by those."""
    booked = bank.statements[day]
    doubtful = Counter((one.number, one.bank) for on, one in bank.strange if on == day)
    known = []
    for one in reversed(booked):  # Of two lines of a payout the first one is its own.
        if doubtful[one.number, abs(one.fen)]:
            doubtful[one.number, abs(one.fen)] -= 1
        else:
            known.append(one.fen)
    came, went = (sum(abs(fen) for fen in known if (fen > 0) == way) for way in (True, False))
    return len(booked), len(known), came, went


def standing(bank: Bank, bills: Bills, verdicts: Verdicts, until: date) -> Counter[str]:
    """What stands on the accounts that money passes through: fen by account, on its own side. What
    is not reconciled yet (1122.01, channels' 2202.01) is so when all bills are there."""
    waits: Counter[str] = Counter({"1001.01": bank.balance(until), "2241.05": 0, "2241.07": 0})
    for (channel, day), verdict in verdicts.items():
        if day <= until:
            certain = day + POOL * DAY <= until
            _of_bill(waits, channel, verdict.differences, certain)
            waits[f"1122.02.{channel}"] += verdict.paid_fen - verdict.refunded_fen
            waits[f"2202.02.{channel}"] += fees(verdict.milli)
    for session in bank.sessions:
        if any(on <= until for on, _ in session.comes):
            for channel in session.due:
                rows = bills[channel, session.day]
                waits[f"1122.02.{channel}"] -= net(rows)
                waits[f"2202.02.{channel}"] -= fees(sum(one.milli for one in rows))
                if channel == "WECHAT_PAY":
                    waits["2202.01.WECHAT_PAY"] += sum(
                        one.fen for one in bank.restored[session.day]
                    )
            lacks = session.due_fen - session.came(until)
            waits[f"1122.02.{session.lead}"] += max(lacks, 0) if session.due_fen > 0 else 0
    waits[f"2202.01.{BANK}"] = sum(one.fen for one in bank.payouts if one.on <= until)
    waits[f"2202.01.{BANK}"] -= sum(
        one.fen for one in bank.payouts if bank.left.get(one.number, date.max) <= until
    )
    for channel, _, one, certain in differences(bank, until):
        if certain:
            _of_bank(waits, channel, one, abs(one.ours - one.bank))
    return waits


def _of_bank(waits: Counter[str], channel: str, one: Difference, fen: int) -> None:
    if one.kind in ("receipt_unknown", "session_over"):
        waits[f"2241.08.{channel}"] += fen
    elif one.kind == "payout_missing_here":
        waits[f"1122.04.{channel}"] += fen
    elif one.kind == "payout_missing_at_bank":
        waits[f"2202.01.{channel}"] -= fen
        waits[f"2241.08.{channel}"] += fen
    else:
        waits[f"1122.02.{channel}"] -= fen
        waits[f"1122.04.{channel}"] += fen


def _of_bill(
    waits: Counter[str], channel: str, listed: list[tuple[str, str, int, int]], certain: bool
) -> None:
    for kind, number, ours, bill in listed:
        refund = "refund" in number
        if kind == "fee":
            continue
        if "missing" in kind and not certain:
            waits[f"{'2202.01' if refund else '1122.01'}.{channel}"] += ours
            continue
        if bill > ours or kind == "refund_missing_here":
            waits[f"{'1122.04' if refund else '2241.08'}.{channel}"] += bill - ours
            waits[f"1122.02.{channel}"] += (ours - bill) if refund else (bill - ours)
        else:
            less = ours if kind in ("status", "currency") else ours - bill
            waits[f"{'2241.08' if refund else '1122.04'}.{channel}"] += less
