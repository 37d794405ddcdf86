"""`zhangfang bench cashier`: pages that listen, and payers at once, on a server as `zhangfang
serve` starts it, with its worker, outbox and read models, and a simulator; all share this machine.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from api.cli.vault import add_key
from benchmarks.callers import run_in_loop
from benchmarks.cashier import paying, told
from benchmarks.cashier.place import Place
from benchmarks.cashier.prepared import begun, prepared, settings_file
from benchmarks.drills.channels.outside import Outside
from benchmarks.drills.served import running
from benchmarks.figures import Backend, CashierPages, CashierTold
from benchmarks.graphql.processes import Server
from benchmarks.listening.measuring import descriptors
from benchmarks.payments.load import Callbacks
from benchmarks.payments.wire import Client, listen

MOST_PER_SECOND = 120  # Journeys, for which there are orders; more than there can be here.
MARGIN = 500
SPARE = 400  # Connections and descriptors beside those of pages that listen.

Tell = Callable[[str], None]


def measure(
    url: str, backend: Backend, seconds: float, tell: Tell
) -> tuple[CashierPages, CashierTold]:
    """On an empty ledger with every table made; each cell for so many seconds."""
    with ExitStack() as stack:
        may_open = stack.enter_context(descriptors(told.LISTENERS + SPARE))
        listeners = min(told.LISTENERS, may_open - SPARE)
        orders = int((seconds + paying.WARM_UP_S) * MOST_PER_SECOND) + MARGIN
        waiting = listeners + 2 * told.MOST
        tell(f"{backend}: {orders:,} orders, {waiting:,} sessions that wait")
        key = prepared(url, waiting, orders)
        name = tempfile.TemporaryDirectory(prefix="zhangfang-bench-")
        directory = Path(stack.enter_context(name))
        options = ("--payer", "prompt", "--faults", "none", "--latency-ms", "5")
        outside = Outside(directory / "outside", *options)
        stack.callback(outside.stop)
        return run_in_loop(
            _measured(url, backend, seconds, (directory, outside, key, listeners), tell)
        )


async def _measured(
    url: str,
    backend: Backend,
    seconds: float,
    made: tuple[Path, Outside, str, int],
    tell: Tell,
) -> tuple[CashierPages, CashierTold]:
    directory, outside, key, listeners = made
    callbacks = Callbacks()
    listener, port = await listen(callbacks.answer)
    with ExitStack() as stack:
        stack.callback(listener.close)
        add_key(directory / "vault.key")
        environment = {
            "ZHANGFANG_CHANNELS": str(settings_file(directory, outside, port)),
            "ZHANGFANG_VAULT": f"sqlite:///{directory / 'vault.db'}",
            "ZHANGFANG_VAULT_KEY_FILE": str(directory / "vault.key"),
            "ZHANGFANG_RATE": "off",
            "ZHANGFANG_CONNECTIONS": str(4 * listeners + SPARE),
            "ZHANGFANG_LISTENERS": str(2 * (listeners + 2 * paying.PAYERS)),
            "PGAPPNAME": "bench-cashier",
        }
        started = running(
            url,
            settings=environment,
            program=("benchmarks.cashier.serving",),
            descriptors=5 * listeners + 2 * SPARE,
        )
        host, to, pid = stack.enter_context(started)
        server = Server((host, to), pid, url, "bench-cashier")
        stack.callback(server.close)
        client = callbacks.forward = Client((host, to))
        stack.callback(client.close)
        there = urlsplit(outside.url)
        assert there.hostname and there.port
        far = Client((there.hostname, there.port))
        stack.callback(far.close)
        place = Place(server, client, key, far, callbacks, tell, itertools.count(0))
        paid = await paying.measured(place, backend, seconds)
        await place.act("conduct", b'{"payer":"manual"}')
        await asyncio.to_thread(begun, url, listeners + 2 * told.MOST)
        return paid, await told.measured(place, backend, listeners, pid, seconds)
