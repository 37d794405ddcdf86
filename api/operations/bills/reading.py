"""Reading a bill again: the lines of a version that is on record, out of its kept bytes.

They are a function of the bytes and of how the fact says they were read. What that function gives
today is compared at the end with what it gave then.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from datetime import date

import msgspec
from sqlalchemy import Connection, Engine

from api.operations.bills.files import BillFile
from domain.eventstore import blobs
from domain.reconciliation.bill import Read
from domain.reconciliation.bills.fault import Fault
from domain.reconciliation.bills.formats import FORMATS, Format, mapped_format
from domain.reconciliation.bills.line import Item


class BillChanged(Exception):
    """A bill's bytes are not there, or do not give the lines they gave when it was imported."""


def lines_of(engine: Engine, read: Read, day: date) -> Iterator[Item]:
    """The lines of a bill of a day, in the file's order, and balances, as they were read.

    Raises BillChanged, at the end too: only then is what was given before certain.
    """
    digest, encoder = hashlib.sha256(), msgspec.json.Encoder()
    with tempfile.TemporaryFile() as aside:
        size = 0
        with engine.connect() as connection:
            for piece in blobs.pieces(connection, read.blob):
                size += aside.write(piece)
            format_ = _format(connection, read)
        file = BillFile(aside, size, read.blob)
        try:
            for line in format_.read(file.content(format_.members), day):
                digest.update(encoder.encode(line))
                yield line
        except Fault as fault:
            raise BillChanged(f"{read.blob}: {fault}") from None
    if digest.hexdigest() != read.digest:
        detail = f"{read.blob}: {read.format} gives other lines than at the import"
        raise BillChanged(detail)


def _format(connection: Connection, read: Read) -> Format:
    if not read.mapping:
        found = FORMATS.get(read.format)
    else:
        raw = blobs.read(connection, read.mapping)
        found = mapped_format(raw) if raw is not None else None
    if found is None:
        raise BillChanged(f"{read.blob}: {read.format} {read.mapping} is not there to read it by")
    return found
