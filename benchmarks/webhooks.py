"""What a payment waits for while 10,000 events wait for an endpoint that is dead, or never answers.

One process has the ledger, the projections and the deliverer, as `zhangfang serve` has. Payments
come one after another, each checked out, paid and answered for by its channel in three commits:
those are timed. Three lanes in turns: nobody delivers; the endpoint refuses every connection; it
takes connections and never answers. The events that wait are of the same ledger in all of them.
"""

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from api.context import AppContext, open_context
from api.operations.personal import Keeping
from api.operations.webhooks import deliveries
from api.operations.webhooks.deliverer import Deliverer
from api.operations.webhooks.sending import Sender
from api.operations.webhooks.signing import Secrets
from benchmarks.books import METHOD, open_books, open_market, request, submit
from benchmarks.figures import Backend, Webhooks, quantiles
from domain.channel.adapters.simulated import SimulatedChannel
from domain.eventstore.database import parse_database_url
from domain.kernel import Request
from domain.member.hooking import AddEndpoint, ChangeEndpoint
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.payment.payment import instruction_id
from domain.vault.keys import next_line, parse_keys
from domain.vault.vault import Vault

PENDING = 10_000
WAVE = 500
BUYERS = 50
TURNS = 3
_numbers = itertools.count(1)
Tell = Callable[[str], None]


def measure(url: str, backend: Backend, seconds: float, tell: Tell) -> Webhooks:
    """On an empty ledger; each lane gets `seconds`."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="bench-vault-")))
        context = _opened(url, directory)
        stack.callback(context.close)
        return _Bench(context, backend, tell).measure(seconds)


def _opened(url: str, directory: Path) -> AppContext:
    """With a vault, in a file of its own."""
    place = parse_database_url(f"sqlite:///{directory / 'vault.db'}")
    vault = Vault(place, parse_keys(next_line("")[1], "key"))
    context = open_context(url, SimulatedChannel(), projections=True, keeping=Keeping(vault))
    context.start()
    return context


class _Bench:
    def __init__(self, context: AppContext, backend: Backend, tell: Tell) -> None:
        self._context = context
        self._backend = backend
        self._tell = tell
        self._ledger = context.ledger
        open_books(self._ledger)
        (self._shop,), self._buyers = open_market(self._ledger, 1, BUYERS)
        self._url = "http://127.0.0.1:9/hooks"

    def measure(self, seconds: float) -> Webhooks:
        added = AddEndpoint(self._shop, "dead", self._url)
        (answer,) = submit(self._ledger, [request("endpoint", added)])
        Secrets(self._context.personal).make(self._shop, int(str(answer.unwrap()["secret_number"])))
        self._tell(f"{self._backend}: {PENDING:,} payments whose events wait")
        for _ in range(PENDING // WAVE):
            steps = [self._steps() for _ in range(WAVE)]
            submit(self._ledger, [step for one in steps for step in one[:2]])
            submit(self._ledger, [step for one in steps for step in one[2:]])
        self._context.projector.catch_up()
        none: list[float] = []
        dead: list[float] = []
        silent: list[float] = []
        tried = 0
        for turn in range(TURNS):
            self._tell(f"{self._backend}: turn {turn + 1} of {TURNS}")
            self._pay(seconds / TURNS, none)
            with _refusing() as url:
                tried += self._beside(url, seconds / TURNS, dead)
            with _silent() as url:
                tried += self._beside(url, seconds / TURNS, silent)
        with self._context.engine.connect() as connection:
            waiting = deliveries.waiting(connection)
        figures = (quantiles(none), quantiles(dead), quantiles(silent))
        (none_50, none_99), (dead_50, dead_99), (silent_50, silent_99) = figures
        return Webhooks(
            self._backend,
            PENDING,
            none_50,
            none_99,
            dead_50,
            dead_99,
            silent_50,
            silent_99,
            tried,
            waiting,
        )

    def _beside(self, url: str, seconds: float, found: list[float]) -> int:
        """Payments while a deliverer tries to send to an address: how many requests failed."""
        moved = request(f"move:{next(_numbers)}", ChangeEndpoint(self._shop, "dead", url))
        submit(self._ledger, [moved])
        self._context.projector.catch_up()
        context = self._context
        deliverer = Deliverer(
            context.ledger,
            context.engine,
            context.writes,
            Secrets(context.personal),
            Sender("local"),
            context.clock,
        )
        deliverer.start()
        try:
            self._pay(seconds, found)
        finally:
            deliverer.stop()
        return deliverer.status.failed + deliverer.status.under_way

    def _pay(self, seconds: float, found: list[float]) -> None:
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends:
            steps = self._steps()
            began = time.perf_counter()
            for step in steps:
                self._ledger.submit(step).unwrap()
            found.append((time.perf_counter() - began) * 1000)

    def _steps(self) -> list[Request]:
        number = next(_numbers)
        order_no = f"W{number}"
        line = OrderLine(self._shop, 1_000 + number % 50_000, "goods")
        asked = instruction_id(order_no)
        buyer = self._buyers[number % BUYERS]
        return [
            request(f"checkout:{order_no}", Checkout(order_no, buyer, (line,))),
            request(f"pay:{order_no}", PayOrder(order_no, order_no, METHOD)),
            request(f"outcome:{asked}", RecordOutcome(asked, succeeded=f"SIM-{asked}")),
        ]


@contextmanager
def _refusing() -> Iterator[str]:
    """Bound, and not listened on: every connection is refused."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{nobody.getsockname()[1]}/hooks"


@contextmanager
def _silent() -> Iterator[str]:
    """Connections are taken by the system, and nobody ever reads what comes."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        yield f"http://127.0.0.1:{silent.getsockname()[1]}/hooks"
