"""Importing a bill: its file is read beside the books, kept, and recorded as a version.

The order is what makes a crash harmless: first the file is read to its end, so that nothing is kept
of one that cannot be; then its bytes go into the blob store; then the fact names them.
"""

import hashlib
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Engine

from api.operations.bills.files import BillFile, opened
from api.operations.bills.lines import OthersFill, fill_newest
from domain.eventstore import blobs
from domain.kernel import Request
from domain.ledger.ledger import Ledger
from domain.reconciliation import bill
from domain.reconciliation.bill import Read
from domain.reconciliation.bills.fault import Fault
from domain.reconciliation.bills.formats import Format
from domain.reconciliation.bills.line import BillKind, Totals, near
from domain.reconciliation.commands import (
    ImportBill,
    TellNoTrade,
    begun_day,
    check_read,
    checked_channel,
)


class Wanted(NamedTuple):
    """Which bill a file is, and how it is read."""

    channel: str
    date: date
    kind: BillKind
    format: Format


class BillRefused(Exception):
    """A file that is no bill: its SHA-256 (hex, "" where it was not read whole), and why."""

    def __init__(self, sha256: str, fault: Fault) -> None:
        super().__init__(str(fault))
        self.sha256 = sha256
        self.fault = fault


class Importer:
    """Bills into one ledger, for one person."""

    def __init__(self, ledger: Ledger, writes: Engine, actor: str) -> None:
        self._ledger = ledger
        self._writes = writes
        self._actor = actor

    def import_file(self, path: Path, wanted: Wanted, at_us: int) -> dict[str, Any]:
        """What the bill's version holds. Raises BillRefused, Refused."""
        try:
            with opened(path) as file:
                return self.import_whole(file, wanted, at_us)
        except Fault as fault:
            raise BillRefused("", fault) from None

    def refuse_unfit(self, channel: str, day: date, at_us: int) -> None:
        """What no file can be a bill of. Raises CHANNEL_UNKNOWN, CHANNEL_NOT_REGISTERED,
        DATE_INVALID, DAY_NOT_BEGUN."""
        checked_channel(channel, self._ledger.state)
        begun_day(day, at_us)

    def import_whole(self, file: BillFile, wanted: Wanted, at_us: int) -> dict[str, Any]:
        """As `import_file`, of a file that is there already."""
        self.refuse_unfit(wanted.channel, wanted.date, at_us)
        stream = bill.stream(wanted.channel, wanted.kind, wanted.date)
        try:
            found = read_file(file, wanted)
        except Fault as fault:
            raise BillRefused(file.sha256, fault) from None
        check_read(found)
        state = self._ledger.state(stream)
        version = len(state.versions) + len(bill.import_read(state, found))
        blobs.keep(self._writes, found.blob, file.raw())  # Not of what was refused above.
        command = ImportBill(wanted.channel, wanted.kind, wanted.date, found)
        if given := wanted.format.mapping:
            blobs.put(self._writes, [given])
        return self._submit(_number(command, version), command, at_us)

    def tell_no_trade(
        self,
        channel: str,
        kind: BillKind,
        day: date,
        reason: str,
        at_us: int,
        *,
        replaces: int = 0,
    ) -> dict[str, Any]:
        """What the empty version holds, and which one with lines it replaces. Raises Refused."""
        command = TellNoTrade(channel, kind, day, reason, replaces)
        number = f"bill.no_trade:{channel[:32]}:{kind}:{day}:{at_us}"
        return self._submit(number, command, at_us)

    def _submit(self, number: str, command: ImportBill | TellNoTrade, at_us: int) -> dict[str, Any]:
        answer = self._ledger.submit(Request(number, at_us, self._actor, command))
        result: dict[str, Any] = answer.unwrap()
        fill(self._ledger, self._writes, command)
        return result


def fill(ledger: Ledger, writes: Engine, command: ImportBill | TellNoTrade) -> None:
    """The lines of a bill's newest version, where matching reads them."""
    if command.kind == "trade":
        with suppress(OthersFill):  # Whoever else does it ends it, or matching will.
            fill_newest(ledger, writes, command.channel, "trade", command.date)


def read_file(file: BillFile, wanted: Wanted) -> Read:
    """What a file holds. Raises Fault."""
    totals, digest = Totals(), hashlib.sha256()
    encoder = msgspec.json.Encoder()
    format_ = wanted.format
    for line in near(format_.read(file.content(format_.members), wanted.date), wanted.date):
        totals.add(line)
        digest.update(encoder.encode(line))
    return Read(
        file.sha256,
        format_.name,
        format_.version,
        blobs.name_of(format_.mapping) if format_.mapping else "",
        totals.lines,
        totals.paid,
        totals.paid_fen,
        totals.refunded,
        totals.refunded_fen,
        totals.fee_milli_fen,
        digest.hexdigest(),
        totals.opening_fen,
        totals.closing_fen,
    )


def _number(command: ImportBill, version: int) -> str:
    """One number for one reading of one file as one version of a bill."""
    said = hashlib.sha256(msgspec.json.encode(command)).hexdigest()[:32]
    return f"bill.import:{command.channel}:{command.kind}:{command.date}:{version}:{said}"
