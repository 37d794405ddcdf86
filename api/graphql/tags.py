"""Entity tags: what lets a page that nothing has changed be answered by 304 without the database.

A tag is a digest of everything that an answer is made of: where the read models stand, the ledger,
the release and its schema, the document, operation and variables, whose answer it is, in which
media type. It is made *before* anything is read, of what this process knows then. So the answer may
be newer than its tag, never older, and what a client holds under the tag that is still right is
no older than what this process knows; the database showed nothing newer a second ago. Two answers
under one tag may differ in how new they are: a weak tag.

No tag for answers that more than the read models decide: errors, `atLeast` (which waits), fields
about the log itself, which goes on before the read models do, and how channels are doing now.
"""

import asyncio
import hashlib
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import anyio.to_thread
import msgspec
from graphql import DocumentNode, FieldNode, Visitor, visit
from sqlalchemy import column, select, table
from sqlalchemy.exc import SQLAlchemyError

from api.context import AppContext
from api.graphql.limits import Prepared
from api.graphql.schema import schema_text
from api.http.keys import Caller
from projections.engine import checkpoints
from projections.registry import READ_MODELS

UNSTEADY = frozenset({"ledger", "projections", "desk", "health", "webhookEndpoints"})
# A ledger restored from a backup comes to positions that it had before, with other facts: whatever
# a tag does not know of lasts for an hour at most.
LASTING_US = 3_600_000_000
TAG_BYTES = 18

_COMMITS = table("commit_log", column("number"), column("recorded_at_us"), column("hash"))
_is_tag = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_canonical = msgspec.json.Encoder(order="sorted").encode


class Tags:
    """Of the answers of one ledger, in one process. Used by one event loop."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._ledger: bytes | None = None
        self._looking: asyncio.Task[None] | None = None

    async def tag(
        self, caller: Caller, prepared: Prepared, mark: bytes, asked: Any, media_type: str
    ) -> str | None:
        """The tag of an answer that is yet to be read; None when it gets none. `mark` is the digest
        of the document, `asked` has its operation and variables."""
        if not _is_steady(prepared):
            return None
        known = self._context.arrivals.known()
        if known is None or self._ledger is None:
            await self._look()
            known = self._context.arrivals.known()
        if known is None or self._ledger is None:
            return None
        parts = (
            _code(),
            self._ledger,
            str(self._context.clock() // LASTING_US).encode(),
            known,
            mark,
            _canonical([asked.operation_name or None, asked.variables or {}]),
            _canonical([caller.actor, caller.capacity, caller.member, media_type]),
        )
        digest = hashlib.sha256()
        for part in parts:
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return f'W/"{urlsafe_b64encode(digest.digest()[:TAG_BYTES]).decode()}"'

    async def _look(self) -> None:
        """Once for all who ask while it is under way."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(anyio.to_thread.run_sync(self._read))
        await asyncio.shield(self._looking)

    def _read(self) -> None:
        first = select(_COMMITS.c.recorded_at_us, _COMMITS.c.hash).where(_COMMITS.c.number == 1)
        began_ns = time.monotonic_ns()
        try:
            with self._context.engine.connect() as connection:
                states = checkpoints.load(connection, READ_MODELS)
                row = connection.execute(first).first()
        except SQLAlchemyError:
            return  # Whoever reads next says so.
        self._context.arrivals.looked(states, began_ns)
        if row is not None:
            self._ledger = f"{row.recorded_at_us} ".encode() + bytes(row.hash)


def matches(given: Iterable[str], tag: str) -> bool:
    """Whether the `If-None-Match` headers of a request name this tag; weakly, as RFC 9110 says.

    `*` names whatever there is, and only reading would show whether that is a page or an error.
    """
    whole = ",".join(given)
    opaque = tag.removeprefix("W/")[1:-1]
    return any(one == opaque for one in _is_tag.findall(whole))


def release() -> str:
    """The number of the release that runs; 0 from a tree that was not installed."""
    try:
        return version("zhangfang")
    except PackageNotFoundError:
        return "0"


@lru_cache(maxsize=1)
def _code() -> bytes:
    """Other code may answer the same question in another way."""
    return f"{release()} {hashlib.sha256(schema_text().encode()).hexdigest()}".encode()


def _is_steady(prepared: Prepared) -> bool:
    """Whether nothing but the read models decides the answers to a document."""
    kept = prepared.plans
    if kept.steady is None:
        kept.steady = _steady(prepared.document)
    return kept.steady


def _steady(document: DocumentNode) -> bool:
    finder = _Finder()
    visit(document, finder)
    return not finder.found


class _Finder(Visitor):
    """Finds fields that more than the read models decide, and `atLeast`."""

    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_field(self, node: FieldNode, *_rest: object) -> None:
        waits = any(argument.name.value == "atLeast" for argument in node.arguments or ())
        self.found = self.found or waits or node.name.value in UNSTEADY
