"""Registered documents: queries that clients ask for by the digest of their text.

    folder, read at the start ──────────────┐
    POST /v1/documents, `document add` ──▶ table ──▶ looked up once, remembered ──▶ documentId=…

An id is `sha256:` and the hex digest of the text's UTF-8 bytes, so one id never stands for two
texts. A folder's documents are known to the processes that are started with it; what an operator
adds is in the ledger's database, for all of its processes. A text is compared with its id when it
is read: what was changed behind our back is not known under the old id.
"""

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.to_thread
from graphql import GraphQLError, GraphQLSchema
from msgspec import Struct
from sqlalchemy import BigInteger, Column, Engine, MetaData, Table, Text, func, select
from sqlalchemy.exc import SQLAlchemyError

from api.graphql.cost import MOST_COST, cost_of, refuse_costly
from api.graphql.limits import MAX_LENGTH, prepare
from domain.eventstore.database import to_write
from domain.refusals import Code, Refused

MOST = 500  # Documents in the table, and as many in a folder.
RETIRED_MS = 60_000  # A process goes on knowing what another one retired for at most this long.
UNKNOWN_MS = 1_000  # So long an id that was not found is not looked up again.
MOST_UNKNOWN = 1_000
LOOK_UPS = 2  # At once: ids that are none must not take the threads and connections of the rest.
SUFFIX = ".graphql"
SETTING = "ZHANGFANG_DOCUMENTS"

# Created by migration 0007.
DOCUMENTS = Table(
    "registered_documents",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("document", Text, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
)

_is_id = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII).fullmatch


class Document(Struct, frozen=True):
    """A registered document. `created_at_us` is UTC µs; `created_by` is who registered it."""

    id: str
    document: str
    created_at_us: int
    created_by: str


def id_of(text: str) -> str:
    """The id of a document's text, which has UTF-8 bytes."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def checked_id(document_id: str, field: str = "documentId") -> str:
    """The id if it is one. Raises Refused(REQUEST_INVALID)."""
    if not _is_id(document_id):
        raise Refused(Code.REQUEST_INVALID, field, "`sha256:` and 64 hexadecimal digits are needed")
    return document_id


def check_document(schema: GraphQLSchema, text: str, most_cost: int = MOST_COST) -> None:
    """That a text may be registered: within the limits, valid, and at most so costly by itself.

    Raises Refused(DOCUMENT_INVALID, "document"), which says on which line.
    """
    if len(text) > MAX_LENGTH:
        raise _invalid(f"above {MAX_LENGTH} characters")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise _invalid("it has a character that no database takes")
    try:
        prepared = prepare(schema, text)
        if prepared.errors:
            raise prepared.errors[0]
        for name in prepared.operations:
            refuse_costly(cost_of(schema, prepared, name or None, {}), most_cost)
    except GraphQLError as error:
        line = error.locations[0].line if error.locations else 1
        raise _invalid(error.message, line) from None
    except Refused as refused:
        raise _invalid(refused.detail) from None


def _invalid(detail: str, line: int = 1) -> Refused:
    return Refused(Code.DOCUMENT_INVALID, "document", f"line {line}: {detail}")


def read_folder(schema: GraphQLSchema, folder: str, most_cost: int = MOST_COST) -> dict[str, str]:
    """The texts of a folder's `*.graphql` files by their ids, each checked.

    Raises Refused(REQUEST_INVALID, "ZHANGFANG_DOCUMENTS"), which names the file and the line.
    """
    place = Path(folder)
    if not place.is_dir():
        raise Refused(Code.REQUEST_INVALID, SETTING, f"{folder}: there is no such folder")
    files = sorted(one for one in place.iterdir() if one.name.endswith(SUFFIX))
    if len(files) > MOST:
        raise Refused(Code.REQUEST_INVALID, SETTING, f"{folder}: above {MOST} documents")
    found = {}
    for file in files:
        text = text_of(file)
        try:
            check_document(schema, text, most_cost)
        except Refused as refused:
            raise Refused(Code.REQUEST_INVALID, SETTING, f"{file}: {refused.detail}") from None
        found[id_of(text)] = text
    return found


def text_of(file: Path, field: str = SETTING) -> str:
    """A file's text. Raises Refused(REQUEST_INVALID) on `field`, which names the file."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(4 * MAX_LENGTH + 1)
        if len(raw) <= 4 * MAX_LENGTH:  # No character has more bytes.
            return raw.decode()
        said = f"above {MAX_LENGTH} characters"
    except UnicodeDecodeError as error:
        said = f"byte {error.start} is not UTF-8"
    except OSError as error:
        said = error.strerror or str(error)
    raise Refused(Code.REQUEST_INVALID, field, f"{file}: {said}")


def add_document(engine: Engine, text: str, by: str, clock: Callable[[], int]) -> Document:
    """Keep a text that was checked; the one that is kept, which may have been there before.

    Raises Refused(DOCUMENT_INVALID, "document") when there are too many.
    """
    made = Document(id_of(text), text, clock(), by)
    columns = DOCUMENTS.c
    with to_write(engine) as connection:
        if connection.dialect.name == "postgresql":  # SQLite has one writer by nature.
            connection.exec_driver_sql(f"LOCK TABLE {DOCUMENTS.name} IN EXCLUSIVE MODE")
        row = connection.execute(select(DOCUMENTS).where(columns.id == made.id)).first()
        if row is not None and row.document == text:
            return Document(*row)
        connection.execute(DOCUMENTS.delete().where(columns.id == made.id))  # Of another text.
        if (connection.scalar(select(func.count()).select_from(DOCUMENTS)) or 0) >= MOST:
            detail = f"there are {MOST} documents already: retire one that nobody asks for"
            raise Refused(Code.DOCUMENT_INVALID, "document", detail)
        row_of = {name: getattr(made, name) for name in made.__struct_fields__}
        connection.execute(DOCUMENTS.insert(), row_of)
    return made


def retire_document(engine: Engine, document_id: str) -> bool:
    """Forget a document of the table; False when it is not there."""
    statement = DOCUMENTS.delete().where(DOCUMENTS.c.id == document_id)
    with to_write(engine) as connection:
        return connection.execute(statement).rowcount == 1


def list_documents(engine: Engine) -> list[Document]:
    """Those of the table, the oldest first."""
    statement = select(DOCUMENTS).order_by(DOCUMENTS.c.created_at_us, DOCUMENTS.c.id)
    with engine.connect() as connection:
        return [Document(*row) for row in connection.execute(statement)]


def find_document(engine: Engine, document_id: str) -> Document | None:
    """The document of the table with this id, if its text is the one that the id says."""
    with engine.connect() as connection:
        row = connection.execute(select(DOCUMENTS).where(DOCUMENTS.c.id == document_id)).first()
    found = None if row is None else Document(*row)
    return found if found is not None and id_of(found.document) == document_id else None


class _Remembered(NamedTuple):
    text: str
    until_s: float


class Registered:
    """The documents that a process knows, by their ids. Used by one event loop."""

    def __init__(
        self,
        engine: Engine,
        folder: Mapping[str, str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder or {}
        self._engine = engine
        self._monotonic = monotonic
        self._limiter = anyio.CapacityLimiter(LOOK_UPS)
        self._known: dict[str, _Remembered] = {}
        self._unknown: OrderedDict[str, float] = OrderedDict()

    async def text(self, document_id: str) -> str:
        """The text of an id.

        Raises Refused: REQUEST_INVALID for what is no id, DOCUMENT_UNKNOWN, and BUSY when the
        database does not answer.
        """
        text = self.folder.get(document_id)
        if text is not None:
            return text
        checked_id(document_id)
        now_s = self._monotonic()
        known = self._known.get(document_id)
        if known is not None and now_s < known.until_s:
            return known.text
        if now_s < self._unknown.get(document_id, now_s):
            raise _unknown()
        try:
            found = await anyio.to_thread.run_sync(
                find_document, self._engine, document_id, limiter=self._limiter
            )
        except SQLAlchemyError as error:
            raise Refused(Code.BUSY, "database", "the database does not answer") from error
        if found is None:
            self.forget(document_id)
            self._unknown[document_id] = now_s + UNKNOWN_MS / 1000
            if len(self._unknown) > MOST_UNKNOWN:
                self._unknown.popitem(last=False)
            raise _unknown()
        self._remember(document_id, found.document, now_s + RETIRED_MS / 1000)
        return found.document

    async def holds(self, text: str) -> bool:
        """Whether this very text is registered. Raises Refused(BUSY)."""
        try:
            await self.text(id_of(text))
        except (Refused, UnicodeEncodeError) as error:
            if isinstance(error, Refused) and error.code is Code.BUSY:
                raise
            return False
        return True

    def forget(self, document_id: str) -> None:
        """It was added or retired here: what was remembered of it is old."""
        self._known.pop(document_id, None)
        self._unknown.pop(document_id, None)

    def _remember(self, document_id: str, text: str, until_s: float) -> None:
        if document_id not in self._known and len(self._known) >= MOST:
            self._known.clear()  # As many were retired meanwhile as were added.
        self._known[document_id] = _Remembered(text, until_s)


def _unknown() -> Refused:
    return Refused(
        Code.DOCUMENT_UNKNOWN, "documentId", "no document with this id is registered here"
    )
