"""kill -9 of who delivers, once a receiver has the event and before that is recorded."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from api.operations.webhooks import deliveries
from domain.ledger.ledger import utc_us
from tests.api.conftest import VAULT_KEY
from tests.api.operations.hooked import Hooks
from tests.api.operations.receiver import HANG, Answer, Got, Receiver

ROOT = Path(__file__).parent.parent.parent.parent
DELIVERS = """
import sys, time
from api.context import open_context
from api.operations.personal import Keeping
from domain.channel.adapters.simulated import SimulatedChannel
from domain.eventstore.database import parse_database_url
from domain.vault.keys import parse_keys
from domain.vault.place import vault_database
from domain.vault.vault import Vault

url, key = sys.argv[1:]
vault = Vault(vault_database(parse_database_url(url)), parse_keys(key, "key"))
kept = Keeping(vault, hooks_to="local")
context = open_context(url, SimulatedChannel(), projections=True, worker=True, auto_day=False,
                       keeping=kept)
context.start()
time.sleep(60)
"""


def test_a_process_that_is_killed_between_sending_and_recording(hooks: Hooks) -> None:
    """Whatever it had under way is sent once more by the next one, under the same id."""
    server = hooks.server
    children: list[int] = []

    def kills(got: Got) -> Answer:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        return HANG

    with Receiver(kills) as receiver:
        secret = hooks.add(receiver.url)
        hooks.paid()
        child = subprocess.Popen(
            [sys.executable, "-c", DELIVERS, server.url, VAULT_KEY],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        children.append(child.pid)
        assert child.wait(timeout=60) == -signal.SIGKILL
        assert len(receiver.got) == 1
        assert hooks.attempts() == []
        with server.context.engine.connect() as view:
            assert deliveries.waiting(view) == 1
        children.clear()
        server.now_us = utc_us()  # The clock that the other process went by.
        receiver.answers = lambda got: 204
        assert hooks.step() == 1
        first, second = receiver.verified(secret)
        assert first == second
        assert len({one.headers["webhook-id"] for one in receiver.got}) == 1
