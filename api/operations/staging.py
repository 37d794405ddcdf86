"""The story's payments over the network: the outbox, stepped; callbacks, served; payers, played.

    outbox ──signed──▶ simulator ──signed──▶ /callbacks/{channel}: a server of its own, in a thread
                          ▲                          │
    a payer, a bank ──────┘                          ▼ booked

Every step is taken on the story's clock, here and there, and is over when its answer is in the
books. What was broken off anywhere goes on: whatever is on record already is not done again.
"""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import uvicorn
from msgspec.structs import replace
from starlette.applications import Starlette

from api.callbacks import routes as callbacks
from api.context import AppContext, open_context
from api.operations.desk import Desk
from api.operations.outbox import OUTBOX, Outbox
from api.operations.outside import PAYEES, Outside
from domain.channel.adapters.loading import load
from domain.channel.adapters.signed.networks import NETWORKS
from domain.channel.adapters.simulated import SimulatedChannel
from domain.channel.network import Adapter, Pace
from domain.channel.port import Declined, Result, Unknown
from domain.kernel import Request
from domain.payment import instruction
from domain.payment.asking import AskChannel
from domain.payment.orders import number_at_channel
from domain.refusals import Code, Refused

TRIES = 5
HEARD_S = 3.0  # A callback comes within milliseconds; later it is asked about.
NETWORK_OF = {"WECHAT_PAY": "wechat", **{one.channel: one.name for one in NETWORKS}}
AT_ONCE = Pace(at_once=1)  # One after the other: the same order of facts every time.


class Stage:
    """Carries instructions out over the network, on the story's clock."""

    def __init__(
        self, context: AppContext, outside: Outside, adapters: Mapping[str, Adapter]
    ) -> None:
        self.context = context
        self.desk: Desk = context.desk
        self.outside = outside
        self.now_us = 0
        self._adapters = adapters
        self._outbox = Outbox(
            context.ledger,
            context.engine,
            adapters,
            lambda: self.now_us,
            paces=dict.fromkeys(NETWORK_OF, AT_ONCE),
            payees=PAYEES,
        )
        self.runner = asyncio.Runner()  # One loop for all steps: connections live in it.
        self._committed = threading.Event()
        self.desk.ledger.on_commit(lambda _: self._committed.set())

    def carry(self, wanted: Mapping[str, Result], at_us: int, asked: int = 0) -> None:
        """Carry instructions out, so that they end as wanted; `asked`: how often they were asked
        about before. Raises Refused(BUSY, "simulator") when one does not."""
        left = self._left(wanted, asked)
        if not left:
            return
        self.now_us = at_us
        self.outside.advance_to(at_us)
        with self._rigged(left):
            for _ in range(TRIES):
                self._ask(list(left))
                acted = [self._payer_acts(one, result, asked) for one, result in left.items()]
                until_s = time.monotonic() + (HEARD_S if any(acted) else 0)
                while (left := self._left(left, asked)) and time.monotonic() < until_s:
                    self._committed.wait(0.05)
                    self._committed.clear()
                if not left:
                    return
        one = next(iter(left))
        told = f"{one} is {self._state(one).status}, and does not come to its end"
        raise Refused(Code.BUSY, "simulator", told)

    def close(self) -> None:
        """End what it holds; the ledger stays open."""
        self.runner.run(self._closed())
        self.runner.close()
        self._outbox.stop()

    async def _closed(self) -> None:
        for adapter in self._adapters.values():
            await adapter.aclose()

    def _state(self, instruction_id: str) -> instruction.State:
        return self.desk.ledger.state(instruction.stream(instruction_id))

    def _left(self, wanted: Mapping[str, Result], asked: int) -> dict[str, Result]:
        return {one: result for one, result in wanted.items() if not self._done(one, result, asked)}

    def _done(self, instruction_id: str, result: Result, asked: int) -> bool:
        state = self._state(instruction_id)
        if isinstance(result, Unknown) and state.status == "unknown":
            return state.tried.answered > asked
        return state.status not in instruction.OPEN

    # Asking.

    def _ask(self, ids: Sequence[str]) -> None:
        """Let the outbox ask about each, whether or not it would be due."""
        for one in ids:
            state = self._state(one)
            if state.tried.under_way and state.due_us is not None:
                self.now_us = max(self.now_us, state.due_us)  # A killed process asked: wait for it.
            number = f"demo:ask:{one}:{state.tried.attempt}:{self.now_us}"
            request = Request(number, self.now_us, OUTBOX, AskChannel(one))
            self.desk.ledger.submit(request).unwrap()
        self.runner.run(self._turns(len(ids)))
        self.desk.catch_up()  # Callbacks are looked up in the read models.

    async def _turns(self, most: int) -> None:
        for _ in range(most):
            self.desk.catch_up()
            if not await self._outbox.turn():
                break
            await self._outbox.idle()

    # Outside.

    def _payer_acts(self, instruction_id: str, result: Result, asked: int) -> bool:
        """The payer does what is wanted, where one has to; whether we shall hear of it."""
        state = self._state(instruction_id)
        unheard = isinstance(result, Unknown) and state.status == "unknown" and not asked
        if state.status != "awaiting_payer" and not unheard:
            return False
        assert state.asked is not None
        act, more = "pay", {}
        if isinstance(result, Declined):
            act, more = "fail", {"code": "PAYER_NO_FUNDS"}
        self.outside.act(
            act,
            network=NETWORK_OF[state.channel],
            number=number_at_channel(instruction_id, state),
            kind="whole" if state.asked.parts else "payment",
            **more,
        )
        return not unheard

    @contextmanager
    def _rigged(self, wanted: Mapping[str, Result]) -> Iterator[None]:
        """The outside as the story has it, and good again afterwards."""
        faults, closed = set[str](), []
        for one, result in wanted.items():
            state = self._state(one)
            if isinstance(result, Unknown):
                faults |= {"lost_answer=1000", "callback_never=1000"}
            elif isinstance(result, Declined) and state.purpose == "refund":
                faults.add("refund_declined=1000")
            elif isinstance(result, Declined) and state.purpose == "payout":
                closed.append(PAYEES[state.party])
        for account in closed:
            self.outside.act("account", kind="account", id=account, state="closed")
        if faults:
            self.outside.act("conduct", faults=",".join(sorted(faults)))
        try:
            yield
        finally:
            if faults:
                self.outside.act("conduct", faults="none")
            for account in closed:
                self.outside.act("account", kind="account", id=account)


@contextmanager
def staged(database_url: str, outside: Outside) -> Iterator[Stage]:
    """A stage on a migrated ledger; everything but the outside is closed at the end.

    Raises what `open_context` raises.
    """
    with socket.create_server(("127.0.0.1", 0)) as sock:
        path = outside.channels(f"http://127.0.0.1:{sock.getsockname()[1]}/callbacks")
        network = partial(load, path)
        context = open_context(database_url, SimulatedChannel(), network=network)
        try:
            with _quiet():
                stage = Stage(context, outside, network())
                heard = replace(context, clock=lambda: stage.now_us)
                with _served(Starlette(routes=callbacks.routes(heard, context.callbacks)), sock):
                    try:
                        yield stage
                    finally:
                        stage.close()
        finally:
            context.close()


@contextmanager
def _served(app: Starlette, sock: socket.socket) -> Iterator[None]:
    """An application on a socket, in a thread."""
    config = uvicorn.Config(
        app, ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [sock]}, name="callbacks", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def _quiet() -> Iterator[None]:
    """That an answer is lost belongs to the story: no warnings of it on the terminal."""
    logger = logging.getLogger()
    before = logger.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
