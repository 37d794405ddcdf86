"""Processes of `zhangfang serve --workers 2` are killed, come back, and end together."""

import http.client
import json
import os
import signal
import sys
import threading
from contextlib import closing

import pytest

from api.cli.opening import open_desk
from tests.api.cli.several import Several, register, runs, send, serving, sound
from tests.api.cli.terminal import Terminal
from tests.servers import wait_until

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc"),
]


# Dying.


def register_on_and_on(
    server: Several, name: str, acknowledged: list[str], stop: threading.Event
) -> None:
    """Members, one after the other, on another connection when a process dies."""
    count = 0
    while not stop.is_set():
        try:
            with closing(server.connect()) as connection:
                while not stop.is_set():
                    member = f"{name}x{count}"
                    count += 1
                    server.ask(connection, "POST", "/v1/members", register(member))
                    acknowledged.append(member)
        except (OSError, http.client.HTTPException):
            continue


@pytest.mark.parametrize("number", [0, 1], ids=["the first", "the second"])
def test_a_process_that_is_killed_comes_back_and_nothing_is_lost(
    books: Terminal, number: int
) -> None:
    with serving(books) as server:
        acknowledged: list[str] = []
        stop = threading.Event()

        def work(name: str) -> None:
            register_on_and_on(server, name, acknowledged, stop)

        threads = [threading.Thread(target=work, args=(f"K{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        assert wait_until(lambda: len(acknowledged) > 20, 30)
        commands = server.figure("zhangfang_commands_total")
        os.kill(server.pids[number], signal.SIGKILL)
        so_far = len(acknowledged)
        assert wait_until(lambda: len(acknowledged) > so_far + 20, 30), "the other serves on"
        server.pids[number] = server.successor(number)
        so_far = len(acknowledged)
        assert wait_until(lambda: len(acknowledged) > so_far + 20, 30)
        stop.set()
        for thread in threads:
            thread.join(40)
        assert not any(thread.is_alive() for thread in threads)
        assert wait_until(lambda: server.figure("zhangfang_processes") == 2, 20)
        assert server.figure("zhangfang_commands_total") >= commands + 40, "no counter falls"
        with server.of(number) as connection:
            assert wait_until(lambda: send(connection, "GET", "/ready")[0] == 200, 20)
            last = acknowledged[-1]
            query = f'{{ member(id: "{last}") {{ name }} }}'

            def there() -> bool:
                read = server.ask(connection, "POST", "/graphql", {"query": query})
                return bool(read["data"]["member"] == {"name": last})

            assert wait_until(there, 20), "somebody writes the read models again"
    sound(books)
    with open_desk(books.url) as desk:
        lost = [one for one in acknowledged if not desk.ledger.version(f"member-{one}")]
    assert not lost


def test_no_child_outlives_a_parent_that_was_killed(books: Terminal) -> None:
    with serving(books) as server:
        server.process.kill()
        server.process.wait(10)
        assert wait_until(lambda: not any(map(runs, server.pids)), 30)
    sound(books)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"]
)
def test_all_end_when_the_parent_is_told(
    books: Terminal, number: signal.Signals, code: int
) -> None:
    with serving(books) as server:
        with closing(server.connect()) as connection:
            server.ask(connection, "POST", "/v1/members", register("LAST"))
            server.process.send_signal(number)
            _, said = server.process.communicate(timeout=60)
        assert server.process.returncode == code, said
        assert "Traceback" not in said
        assert not any(map(runs, server.pids))
    sound(books)


def test_a_ledger_that_is_not_there_is_refused_once(lone: Terminal) -> None:
    with lone.process("serve", "--workers", "2", "--port", "0", "--json") as process:
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    error = json.loads(said)["error"]
    assert error["field"] == "database" and "zhangfang init" in error["detail"]


@pytest.mark.parametrize("wrong", ["0", "65", "two"])
def test_a_number_of_processes_that_cannot_be_is_refused(
    lone: Terminal, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lone.process("serve", "--workers", wrong, "--json") as process:
        _, said = process.communicate(timeout=60)
    assert (process.returncode, json.loads(said)["error"]["field"]) == (2, "workers")
    monkeypatch.setenv("ZHANGFANG_WORKERS", wrong)
    assert lone("serve", "--json").refused()["field"] == "ZHANGFANG_WORKERS"
