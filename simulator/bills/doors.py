"""Bills over signed JSON: a network's trade bill, the bank's statement, and what a session pays.

GET /{network}/bills/{date}   GET /bank/statements/{date}   GET /bank/sessions/{date}
GET /{network}/files/{token}
"""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from simulator.bills.desk import Desk, NoTrade, NotReady, Published, What
from simulator.bills.serving import Tokens, handed_out
from simulator.bills.settling import Session
from simulator.bills.written import TRADE
from simulator.clock import iso
from simulator.problems import Problem, invalid
from simulator.wire import Answer, answered, body_of, carry_out, path_of, send
from simulator.world import World

BANK = "bank"


class SignedBills:
    """The endpoints."""

    def __init__(self, world: World, desk: Desk) -> None:
        self._world, self._desk = world, desk
        self._tokens = Tokens()

    async def bill(self, request: Request) -> Response:
        async def read(network: str) -> tuple[str, Answer]:
            day = self._asked(request, network)
            if network not in TRADE:
                raise Problem(404, "NO_SUCH_BILL", f"{network} has statements, not bills")
            if request.query_params.get("kind", "trade") != "trade":
                raise invalid("kind", "it is trade; what was paid stands in the bank's statement")
            return await self._told(What(network, "trade", day))

        return await self._exchange(request, request.path_params["network"], read)

    async def statement(self, request: Request) -> Response:
        async def read(network: str) -> tuple[str, Answer]:
            return await self._told(What(network, "bank", self._asked(request, network)))

        return await self._exchange(request, BANK, read)

    async def sessions(self, request: Request) -> Response:
        async def read(network: str) -> tuple[str, Answer]:
            day = self._asked(request, network)
            try:
                found = await self._desk.sessions(day)
            except NotReady:
                raise _not_ready(day) from None
            told = {
                "merchant": self._world.keys.networks[network].merchant,
                "date": day.isoformat(),
                "sessions": [_session(one) for one in found],
            }
            return f"{network}/sessions/{day}", Answer(200, told)

        return await self._exchange(request, BANK, read)

    async def file(self, request: Request) -> Response:
        """A file, to whoever signs and has its address. The bytes carry no signature: their SHA-256
        was told by one that does."""
        wanted = self._tokens.read(request.path_params["token"])
        found = await self._desk.found(wanted[0]) if wanted else None
        network, nonce = request.path_params["network"], ""
        try:
            nonce = await self._verified(request, network)
            if found is None or found.network != network:
                raise Problem(404, "NO_SUCH_FILE", "there is none, or the address is too old")
        except Problem as problem:
            return self._refused(network, nonce, problem)
        key = f"{network}/bill/{found.file}/fetch"
        fate = await carry_out(self._world, network, key, False, lambda _: Answer(200))
        path = self._desk.path(found)
        return await handed_out(self._world, request, fate, path, gzip=False)

    async def _exchange(
        self, request: Request, network: str, read: Callable[[str], Awaitable[tuple[str, Answer]]]
    ) -> Response:
        nonce = ""
        try:
            nonce = await self._verified(request, network)
            key, answer = await read(network)
        except Problem as problem:
            return self._refused(network, nonce, problem)
        signer = self._world.signers[network]
        fate = await carry_out(self._world, network, f"{key}/ask", False, lambda _: answer)
        return await send(
            self._world,
            request,
            fate,
            lambda made, _: signer.sign("ANSWER", nonce, made.bytes()),
        )

    async def _verified(self, request: Request, network: str) -> str:
        """The nonce of a request that its member signed. Raises Problem."""
        signer = self._world.signers.get(network)
        if signer is None:
            raise Problem(404, "NO_SUCH_NETWORK", "it is none of the simulated networks")
        body, path = await body_of(request), path_of(request)
        return signer.verify(request.method, path, body, request.headers, self._world.nonces)

    def _refused(self, network: str, nonce: str, problem: Problem) -> Response:
        answer, signer = answered(problem), self._world.signers.get(network)
        signed = signer.sign("ANSWER", nonce, answer.bytes()) if signer else {}
        return Response(answer.bytes(), answer.status, signed, "application/json")

    def _asked(self, request: Request, network: str) -> date:
        """The day that is asked about. Raises Problem."""
        if request.query_params.get("merchant") != self._world.keys.networks[network].merchant:
            raise invalid("merchant", "it is not a member of this network")
        day = self._desk.day(request.path_params["date"])
        if day is None:
            raise invalid("date", "a day before today, like 2026-11-25")
        return day

    async def _told(self, what: What) -> tuple[str, Answer]:
        try:
            found = await self._desk.publish(what)
        except NotReady:
            raise _not_ready(what.day) from None
        except NoTrade:
            raise Problem(404, "NO_TRADE", f"nothing moved on {what.day}") from None
        return what.key, Answer(200, self._file_told(found))

    def _file_told(self, found: Published) -> dict[str, Any]:
        return {
            "merchant": self._world.keys.networks[found.network].merchant,
            "date": found.day,
            "kind": found.kind,
            "version": found.version,
            "name": found.name,
            "bytes": found.bytes,
            "sha256": found.sha256,
            "path": f"/{found.network}/files/{self._tokens.made(found.id)}",
        }


def _not_ready(day: date) -> Problem:
    return Problem(409, "BILL_NOT_READY", f"the bill of {day} is still to come")


def _session(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "clearing": session.clearing,
        "serial": session.serial,
        "at": iso(session.at_us),
        "due": session.due,
        "amount": session.amount,
        "networks": {
            name: {**asdict(one), "net": one.net(name)} for name, one in session.networks.items()
        },
    }
