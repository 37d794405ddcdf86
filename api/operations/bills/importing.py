"""Importing a bill: its file is read beside the books, kept, and recorded as a version.

The order is what makes a crash harmless: first the file is read to its end, so that nothing is kept
of one that cannot be; then its bytes go into the blob store; then the fact names them.
"""

import hashlib
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Engine

from api.operations.bills.files import BillFile, opened
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
    check_read,
    checked_channel,
    checked_day,
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
        name = checked_channel(wanted.channel, self._ledger.version)
        checked_day(wanted.date, at_us)
        stream = bill.stream(name, wanted.kind, wanted.date)
        sha256 = ""
        try:
            with opened(path) as file:
                sha256 = file.sha256
                found = read_file(file, wanted)
                check_read(found)
                bill.import_read(self._ledger.state(stream), found)  # Refused: nothing is kept.
                blobs.keep(self._writes, found.blob, file.raw())
        except Fault as fault:
            raise BillRefused(sha256, fault) from None
        command = ImportBill(wanted.channel, wanted.kind, wanted.date, found)
        if given := wanted.format.mapping:
            blobs.put(self._writes, [given])
        return self._submit(_number("bill.import", command), command, at_us)

    def tell_no_trade(
        self, channel: str, kind: BillKind, day: date, reason: str, at_us: int
    ) -> dict[str, Any]:
        """What the empty version holds. Raises Refused."""
        command = TellNoTrade(channel, kind, day, reason)
        number = f"bill.no_trade:{channel[:32]}:{kind}:{day}:{at_us}"
        return self._submit(number, command, at_us)

    def _submit(self, number: str, command: ImportBill | TellNoTrade, at_us: int) -> dict[str, Any]:
        answer = self._ledger.submit(Request(number, at_us, self._actor, command))
        result: dict[str, Any] = answer.unwrap()
        return result


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


def _number(prefix: str, command: ImportBill) -> str:
    """One number for one reading of one file as one bill."""
    said = hashlib.sha256(msgspec.json.encode(command)).hexdigest()[:32]
    return f"{prefix}:{command.channel}:{command.kind}:{command.date}:{said}"
