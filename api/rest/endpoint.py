"""What one REST command is: method, path, command, and how it shows in OpenAPI."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct

from api.context import AppContext
from api.operations.personal import Personal
from domain.approval.kinds import Limits
from domain.kernel import Command, Request
from domain.ledger.answer import Answer


class Endpoint(Struct, frozen=True, kw_only=True):
    """One row of the REST interface.

    `path` parameters are fields of the command; the other fields are the body. `number` is
    (prefix, field): the request's own business number, from which its request number is made when
    there is no Idempotency-Key; None: the header must be given. `sample` are the path parameters,
    `body` the body and `result` the answer of the example, `also` the answers of another form that
    it may give; `created` answers 201.

    Where personal data comes in, `wish` is what the caller says in clear, and `tokenised` puts it
    into the vault and makes the command, which holds tokens alone; `settled` makes it of a wish and
    of what settings say. `afterwards` is what has to happen beside the books once it is decided, in
    a thread; what it returns is shown beside the answer, and stands in no receipt. `beforehand`
    refuses what the settings do not allow, likewise.
    """

    method: str
    path: str
    command: type[Command]
    summary: str
    sample: Mapping[str, str]
    body: Mapping[str, Any]
    result: Mapping[str, Any]
    number: tuple[str, str] | None = None
    created: bool = False
    defaults: Mapping[str, Any] = {}
    also: tuple[Mapping[str, Any], ...] = ()
    wish: type[Struct] | None = None
    tokenised: Callable[[Personal, Any], Awaitable[Command]] | None = None
    settled: Callable[[Limits, Any], Command] | None = None
    beforehand: Callable[[AppContext, Any], None] | None = None
    afterwards: Callable[[AppContext, Request, Answer], Mapping[str, Any] | None] | None = None

    @property
    def asked(self) -> type[Struct]:
        """What a body and the path are read as."""
        return self.wish or self.command

    @property
    def name(self) -> str:
        """`POST /v1/orders`: the row's name in the table of access."""
        return f"{self.method} {self.path}"

    @property
    def status(self) -> int:
        return 201 if self.created else 200
