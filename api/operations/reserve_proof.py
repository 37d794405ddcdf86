"""The reserve proof: certified for every business day that is closed, shown, and recomputed.

What is certified comes from read models, as they stand at the end of the date. `recomputed` reads
every fact up to the same position instead, and shares no figure with them.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import Connection

from api.operations.desk import WORKER, Desk, request
from domain.accounting import account
from domain.accounting.chart import (
    CHART,
    MERCHANT_DEPOSIT,
    OWN_IN_RESERVE,
    RESERVE_IDENTITY,
    split_id,
)
from domain.clearing import certificate, day
from domain.clearing.certificate import Section, Total, Waiting, left_of, section_of, totals_of
from domain.clearing.commands import CertifyReserve
from domain.eventstore.recorder import CommitRow, LedgerRecorder
from domain.kernel import Recorded
from domain.ledger import codec
from domain.ledger.answer import Answer
from domain.ledger.controls import ItemBook
from domain.refusals import Code, Refused
from projections import reserve_figures
from projections.engine import checkpoints
from projections.models import business_days
from projections.registry import READ_MODELS
from projections.reserve_figures import LONGEST, UNMATCHED

PAGE = 10_000
FROM = ("business_days", "trial_balance", "account_days", "open_items")  # Read models.
VIEWED = [table for name in FROM for table in READ_MODELS[name].tables]

Since = date | None  # In the class below `date` is a field.


class Proof(Struct, frozen=True):
    """What there is for customers, and what they are owed, at a position; `certified`: as it was
    recorded when the day was closed. `head_hash` is that of the commit that holds the position;
    `mirror_since` the first day of which 2202.09 and 1122.05 must be equal, None: there is none
    yet. `differences` are what the facts say otherwise."""

    date: date
    position: int
    head_hash: str
    certified: bool
    totals: tuple[Total, ...]
    sections: tuple[Section, ...]
    mirror_since: Since
    differences: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        return not self.differences

    @property
    def mirrored(self) -> bool:
        """Whether the two accounts of the mirror must be equal on this day."""
        return self.mirror_since is not None and self.mirror_since <= self.date

    def as_json(self) -> dict[str, Any]:
        """For whoever checks it by hand: every code with its title, each side with its sum."""
        there_fen, owed_fen = certificate.sides_of(self.totals)
        return {
            "date": self.date.isoformat(),
            "position": self.position,
            "head_hash": self.head_hash,
            "certified": self.certified,
            "there_fen": there_fen,
            "owed_fen": owed_fen,
            "totals": [
                {
                    "code": one.code,
                    "title": CHART[one.code].title,
                    "type": CHART[one.code].type,
                    "in_identity": one.code in RESERVE_IDENTITY,
                    "balance_fen": one.balance_fen,
                }
                for one in self.totals
            ],
            **{
                section.name: [
                    {
                        "code": row.code,
                        "days": row.days,
                        "items": row.items,
                        "amount_fen": row.amount_fen,
                    }
                    for row in section.rows
                ]
                for section in self.sections
            },
            "mirror_since": self.mirror_since.isoformat() if self.mirror_since else None,
            "agrees": self.agrees,
            "differences": list(self.differences),
        }


def certify(desk: Desk, on: date, at_us: int) -> Answer | None:
    """Certify a day that is closed; None: it is certified already, never was open, or was closed
    before fees had a mirror. Raises Refused(BUSY) while a read model that it is made from is
    paused."""
    state = desk.ledger.state(day.STREAM)
    if state.first_date is None or on < state.first_date or not day.is_over(state, on):
        return None
    if desk.ledger.state(certificate.stream(on)).certified:
        return None
    positions = desk.projector.catch_up()
    with desk.engine.connect() as connection:
        closed = next(iter(business_days.days(connection, on, on + timedelta(days=1))), None)
        position = closed.closed_position if closed is not None else None
        behind = [name for name in FROM if position is None or positions.get(name, 0) < position]
        if behind or position is None:
            raise Refused(Code.BUSY, "projections", f"read model {behind[0]} is behind")
        mirrored = mirror_position(desk.ledger.recorder)
        if mirrored is None or position < mirrored:
            return None
        totals = reserve_figures.totals_at(connection, on)
        sections = reserve_figures.sections_at(connection, on)
    head_hash = commit_at(desk.ledger.recorder, position).hash.hex()
    command = CertifyReserve(on, position, head_hash, totals, sections)
    return desk.ledger.submit(request(f"reserve.certify:{on}", at_us, command, WORKER))


def commit_at(recorder: LedgerRecorder, position: int) -> CommitRow:
    """The commit that a position stands in. Raises LookupError."""
    low, high = 0, recorder.head().number
    while low < high:  # The last one that ends before the position.
        middle = (low + high + 1) // 2
        found = recorder.read_commits(middle - 1, 1)
        if found and found[0].last_position < position:
            low = middle
        else:
            high = middle - 1
    for commit in recorder.read_commits(low, 1):
        if commit.first_position <= position <= commit.last_position:
            return commit
    raise LookupError(f"no commit has position {position}")


def mirror_position(recorder: LedgerRecorder) -> int | None:
    """Where 1122.05 was opened: from there on it mirrors 2202.09. None: an older ledger's books
    have no such account yet."""
    rows = recorder.read_stream(account.stream(OWN_IN_RESERVE), 0, 1)
    return next((row.position for row in rows), None)


def _mirror_since(recorder: LedgerRecorder, connection: Connection) -> date | None:
    """The business day that was open then."""
    position = mirror_position(recorder)
    if position is None:
        return None
    for known in business_days.days(connection):
        if known.closed_position is None or known.closed_position > position:
            return known.accounting_date
    return None


def proof_of(recorder: LedgerRecorder, connection: Connection, on: date) -> Proof:
    """The certificate of a closed day, or what it would say of one without, or of the open day as
    of now, from read models in one view (`VIEWED`). Raises DAY_NOT_THE_OPEN_ONE for a date that was
    never open, BUSY while read models do not stand at one position."""
    known = business_days.days(connection, on, on + timedelta(days=1))
    if not known:
        raise Refused(Code.DAY_NOT_THE_OPEN_ONE, "date", f"{on} was never open")
    since = _mirror_since(recorder, connection)
    for row in recorder.read_stream(certificate.stream(on), 0, 1):
        said: certificate.Certified = codec.decode(row).fact
        return Proof(on, said.position, said.head_hash, True, said.totals, said.sections, since)
    position = _position(connection, known[0].closed_position)
    # Not the head's hash: commits after it may hold receipts only, and then it is another.
    head_hash = commit_at(recorder, position).hash.hex()
    totals = reserve_figures.totals_at(connection, on)
    sections = reserve_figures.sections_at(connection, on)
    return Proof(on, position, head_hash, False, totals, sections, since)


def _position(connection: Connection, closed: int | None) -> int:
    """Where a day was closed; of the open one, where the read models stand: others may write
    meanwhile."""
    states = checkpoints.load(connection, FROM)
    positions = {name: states[name].position if name in states else 0 for name in FROM}
    wanted = max(positions.values()) if closed is None else closed
    for name, position in positions.items():
        if position < wanted:
            raise Refused(Code.BUSY, "projections", f"read model {name} is behind")
    return wanted


def checked(recorder: LedgerRecorder, proof: Proof) -> Proof:
    """The same with every figure recomputed from the facts up to its position."""
    totals, sections = recomputed(recorder, proof.position, proof.date)
    differences = [*_different(proof.totals, totals)]
    said = {section.name: section.rows for section in proof.sections}
    for section in sections:
        if said.pop(section.name, None) != section.rows:
            differences.append(f"{section.name}: the facts give {_shown(section)}")
    differences += [f"{name}: the facts give no such section" for name in said]
    if wrong := certificate.fault_of(totals, mirrored=proof.mirrored):
        differences.append(wrong)
    try:
        if commit_at(recorder, proof.position).hash.hex() != proof.head_hash:
            differences.append(f"the commit of position {proof.position} has another hash")
    except LookupError as missing:
        differences.append(str(missing))
    return structs.replace(proof, differences=tuple(differences))


def recomputed(
    recorder: LedgerRecorder, position: int, on: date
) -> tuple[tuple[Total, ...], tuple[Section, ...]]:
    """Totals and sections from every fact up to a position, read in order."""
    debits_fen: defaultdict[str, int] = defaultdict(int)
    moves: defaultdict[str, dict[date, list[int]]] = defaultdict(dict)
    items = ItemBook(lambda *_: None)
    for recorded in _facts(recorder, position):
        items.take(recorded, recorded.reference)
        if isinstance(recorded.fact, account.Posted):
            leaf = account.id_of(recorded.stream)
            code = split_id(leaf)[0]
            for line in recorded.fact.lines:
                debits_fen[code] += line.debit_fen - line.credit_fen
                if code in UNMATCHED:
                    sums = moves[leaf].setdefault(recorded.fact.date, [0, 0])
                    sums[0] += line.debit_fen
                    sums[1] += line.credit_fen
    waiting = [
        Waiting(split_id(item.account)[0], since, item.amount_fen, 1)
        for item, since in items.waiting()
        if split_id(item.account)[0] != MERCHANT_DEPOSIT
    ]
    unmatched = [one for leaf, dates in moves.items() for one in _left(leaf, dates, on)]
    sections = (section_of("unmatched", on, unmatched), section_of("suspense", on, waiting))
    return totals_of(debits_fen), sections


def _left(leaf: str, dates: dict[date, list[int]], on: date) -> list[Waiting]:
    code, oldest = split_id(leaf)[0], on - timedelta(days=LONGEST)
    came, went = (0, 1) if CHART[code].debit_normal else (1, 0)
    moves = [(day, sums[came], sums[went]) for day, sums in sorted(dates.items(), reverse=True)]
    balance_fen = sum(in_fen - out_fen for _, in_fen, out_fen in moves)
    return left_of(code, balance_fen, (one for one in moves if one[0] >= oldest), oldest)


def _facts(recorder: LedgerRecorder, until: int) -> Iterator[Recorded]:
    after = 0
    while after < until and (rows := recorder.read_log(after, PAGE, until)):
        yield from map(codec.decode, rows)
        after = rows[-1].position


def _different(said: tuple[Total, ...], found: tuple[Total, ...]) -> Iterator[str]:
    ours, theirs = ({one.code: one.balance_fen for one in side} for side in (said, found))
    for code in sorted(ours.keys() | theirs.keys()):
        if ours.get(code, 0) != theirs.get(code, 0):
            yield f"{code}: {ours.get(code, 0)} fen said, the facts give {theirs.get(code, 0)}"


def _shown(section: Section) -> str:
    return ", ".join(f"{row.code} {row.days}: {row.amount_fen}" for row in section.rows) or "none"
