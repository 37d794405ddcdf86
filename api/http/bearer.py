"""Who is calling: the bearer key of a request, looked up at most once in a few seconds.

What each role may do is in `api/http/access.py` for commands and in the GraphQL schema for reads.
"""

import hashlib
import time
from collections.abc import Callable, Collection, Sequence

import anyio
import anyio.to_thread
from msgspec.structs import replace
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from api.http.keys import Caller, find_caller, working_keys
from domain.kernel import States
from domain.member import api_access, member, staff
from domain.refusals import Code, Refused

REMEMBERED_S = 5  # A revoked key is refused everywhere after at most this long.
MOST_REMEMBERED = 10_000  # Each a digest and a caller, some 500 bytes, however long a header is.
LOOK_UPS = 4  # At once: keys that are none must not take the threads and connections of the rest.
_LONGEST = 200


def bearer_key(header: str | None) -> str:
    """The key in an Authorization header. Raises Refused(NOT_AUTHENTICATED)."""
    scheme, _, key = (header or "").partition(" ")
    key = key.strip(" ")
    if scheme.lower() != "bearer" or not key or len(key) > _LONGEST or not key.isascii():
        raise Refused(
            Code.NOT_AUTHENTICATED, "Authorization", "send `Authorization: Bearer <API key>`"
        )
    return key


def authorization(request: Request) -> str | None:
    """The request's one Authorization header; None without any.

    Raises Refused(NOT_AUTHENTICATED) for several: whoever stands between might take another one.
    """
    return only_authorization(request.headers.getlist("authorization"))


def only_authorization(given: Sequence[str]) -> str | None:
    """The one of a request's Authorization headers. Raises as `authorization` does."""
    if len(given) > 1:
        raise Refused(Code.NOT_AUTHENTICATED, "Authorization", "the header stands more than once")
    return given[0] if given else None


def authenticate(engine: Engine, header: str | None, states: States | None = None) -> Caller:
    """Whose key an Authorization header has, by the database, and what that person is, by the
    ledger's `states`; without them keys of persons are unknown. Raises NOT_AUTHENTICATED."""
    caller = find_caller(engine, bearer_key(header))
    if caller is not None:
        caller = _with_office(caller, states) if states else caller
        if caller.operator is None or caller.office is not None:
            return caller
    raise Refused(Code.NOT_AUTHENTICATED, "Authorization", "the API key is unknown or revoked")


def changed_callers(
    engine: Engine, callers: Collection[Caller], states: States | None
) -> list[Caller]:
    """Of those who were let in before, who are not what they were: the key was revoked, or with
    `states` the person has another office now, or none."""
    working = working_keys(engine, {caller.key_id for caller in callers})

    def same(caller: Caller) -> bool:
        if caller.key_id not in working or states is None or caller.operator is None:
            return caller.key_id in working
        now = _with_office(caller, states)
        return (now.role, now.office) == (caller.role, caller.office)

    return [caller for caller in callers if not same(caller)]


def _with_office(caller: Caller, states: States) -> Caller:
    """What the operator is now; one that was removed or dismissed is nothing any more."""
    if caller.member is not None:
        state = states(member.stream(caller.member))
        role = state.role_of(caller.operator) if caller.operator else None
        given = states(api_access.stream(caller.member))
        return replace(caller, office=role, given=given)
    if caller.operator is None:
        return caller
    office = states(staff.STREAM).office_of(caller.operator)
    reads = office == "auditor"
    return replace(caller, office=office, role="auditor" if reads else "operator")


class KeyRing:
    """Remembers, for a few seconds, which keys were good, so that a request costs no SQL.

    It holds no key, only the SHA-256 of one. What was refused is not remembered: a key works at
    once when it is made. Threads may share a ring.
    """

    def __init__(
        self,
        engine: Engine,
        states: States | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`states` reads the ledger."""
        self._engine = engine
        self._states = states
        self._monotonic = monotonic
        self._limiter = anyio.CapacityLimiter(LOOK_UPS)
        self._known: dict[bytes, tuple[Caller, float]] = {}

    async def caller(self, header: str | None) -> Caller:
        """The caller of an Authorization header.

        Raises Refused(NOT_AUTHENTICATED), Refused(BUSY) when the database does not answer.
        """
        mark = hashlib.sha256(bearer_key(header).encode()).digest()
        known = self._known.get(mark)
        if known is not None and self._monotonic() < known[1]:
            return known[0]
        until = self._monotonic() + REMEMBERED_S  # Counted from before the look-up.
        try:
            caller = await anyio.to_thread.run_sync(
                authenticate, self._engine, header, self._states, limiter=self._limiter
            )
        except SQLAlchemyError as error:
            raise Refused(Code.BUSY, "database", "the database does not answer") from error
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[mark] = (caller, until)
        return caller
