"""`zhangfang serve --workers 2`: real processes, one socket; they are killed, and end together."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.cli.opening import open_desk
from tests.api.cli.terminal import Ran, Terminal
from tests.api.cli.test_serve import first_answer
from tests.servers import wait_until

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc"),
]


class Several:
    """A server of two processes; `pids` are theirs, the first one's first."""

    def __init__(self, process: "subprocess.Popen[str]", keys: dict[str, str]) -> None:
        self.process = process
        self.said = first_answer(process)
        self.keys = keys
        self.pids = [one["pid"] for one in self.said["processes"]]
        where = urlsplit(self.said["urls"]["health"])
        assert where.hostname and where.port
        self.host, self.port = where.hostname, where.port
        assert wait_until(lambda: self.figure("zhangfang_processes") == 2, 60)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=30)

    @contextmanager
    def of(self, number: int) -> Iterator[http.client.HTTPConnection]:
        """A connection that is the first process's, or the second's: the other cannot take it."""
        other = self.pids[1 - number]
        os.kill(other, signal.SIGSTOP)
        try:
            connection = self.connect()
            status, _ = send(connection, "GET", "/docs")
        finally:
            os.kill(other, signal.SIGCONT)
        assert status == 200
        with closing(connection):
            yield connection

    def ask(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Any = None
    ) -> Any:
        """As an operator; what must go well."""
        status, answer = send(connection, method, path, body, self.keys["operator"])
        assert status in (200, 201), (status, answer)
        return answer

    def figures(self) -> dict[str, float]:
        """Of /metrics, as whichever process is asked gives them."""
        with closing(self.connect()) as connection:
            _, text = send(connection, "GET", "/metrics", key=self.keys["auditor"])
        lines = re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in lines}

    def figure(self, name: str) -> float:
        return self.figures()[name]

    def child(self, number: int) -> int:
        """The process that has that place now; 0 while nobody has it."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        try:
            with open(path) as file:
                now = [int(pid) for pid in file.read().split()]
        except FileNotFoundError:
            return 0
        other = self.pids[1 - number]
        return next((pid for pid in now if pid != other and runs(pid)), 0)

    def successor(self, number: int) -> int:
        """Who was started in the place of a process that died."""
        assert wait_until(lambda: self.child(number) not in (0, self.pids[number]), 15)
        return self.child(number)


def send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Any = None,
    key: str | None = None,
    more: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    headers = {"content-type": "application/json", **(more or {})}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    content = None if method == "GET" else json.dumps({} if body is None else body)
    connection.request(method, path, content, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    kind = answer.headers["content-type"]
    return answer.status, json.loads(text) if "json" in kind else text


@contextmanager
def serving(terminal: Terminal, *options: str) -> Iterator[Several]:
    keys = {
        role: terminal("key", "create", "--role", role).out.strip()
        for role in ("operator", "auditor")
    }
    words = ("serve", "--workers", "2", "--port", "0", "--no-auto-day", "--json", *options)
    with terminal.process(*words) as process:
        server = Several(process, keys)
        try:
            yield server
        finally:
            for pid in (*server.pids, *(server.child(0), server.child(1))):
                if pid and runs(pid):
                    os.kill(pid, signal.SIGCONT)
            process.terminate()
            try:
                process.wait(60)
            finally:
                process.kill()


def runs(pid: int) -> bool:
    """Whether a process lives; one that nobody has buried yet does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def register(member: str) -> dict[str, str]:
    return {"member_id": member, "kind": "personal", "name": member}


def sound(terminal: Terminal) -> Ran:
    ran = terminal("verify")
    assert ran.code == 0, ran.out + ran.err
    return ran


# Answering.


def test_each_process_answers_alive_and_ready_and_says_what_it_does(books: Terminal) -> None:
    with serving(books) as server:
        assert server.said["workers"] == 2
        assert [one["does"] for one in server.said["processes"]] == [
            ["commands", "queries", "read models", "worker"],
            ["commands", "queries"],
        ]
        for number in (0, 1):
            with server.of(number) as connection:
                assert send(connection, "GET", "/ready") == (
                    200,
                    {"ready": True, "hindrances": []},
                )
                status, health = send(connection, "GET", "/health")
                assert (status, health["status"]) == (200, "ok")
                assert health["worker"] in ("working", "waiting")  # The first one's, for both.
                member = f"BOTH{number}"
                answer = server.ask(connection, "POST", "/v1/members", register(member))
                query = f'{{ member(id: "{member}", atLeast: {answer["position"]}) {{ name }} }}'
                read = server.ask(connection, "POST", "/graphql", {"query": query})
                assert read == {"data": {"member": {"name": member}}}


def test_new_connections_are_dealt_out_evenly(books: Terminal) -> None:
    with serving(books) as server:
        time.sleep(1)  # Until what was asked at the start has hung up.
        before = [connections_of(pid) for pid in server.pids]
        held = [server.connect() for _ in range(20)]
        for connection in held:
            connection.connect()
        found: list[int] = []

        def all_there() -> bool:
            now = [connections_of(pid) for pid in server.pids]
            found[:] = [after - was for after, was in zip(now, before, strict=True)]
            return sum(found) >= 19  # One of another kind may have been closed since.

        assert wait_until(all_there, 8), found  # Silent ones are closed after 10 s.
        assert min(found) >= 8, found
        for connection in held:
            connection.close()


def connections_of(pid: int) -> int:
    """Open sockets of a process; those of its databases do not change while nobody asks."""
    folder = f"/proc/{pid}/fd"
    count = 0
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):  # Closed since.
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
    return count


def test_who_waits_in_the_second_process_is_woken(books: Terminal) -> None:
    """It has no projections: without a hint it would look every 500 ms."""
    with serving(books) as server, server.of(1) as connection:

        def one_round(name: str) -> float:
            took_s = []
            for n in range(9):
                member = f"{name}{n}"
                answer = server.ask(connection, "POST", "/v1/members", register(member))
                at = answer["position"]
                began = time.monotonic()
                query = f'{{ member(id: "{member}", atLeast: {at}) {{ name }} }}'
                read = server.ask(connection, "POST", "/graphql", {"query": query})
                took_s.append(time.monotonic() - began)
                assert read == {"data": {"member": {"name": member}}}
                time.sleep(0.02 * n)
            return median(took_s)

        assert min(one_round(f"W{name}") for name in range(3)) < 0.15


# What they share.


def test_a_key_has_one_limit_over_all_processes(
    books: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHANGFANG_RATE", "50/second")
    with serving(books) as server:
        time.sleep(1.1)
        let_in: list[int] = []
        statuses: set[int] = set()
        stop = threading.Event()

        def hammer() -> None:
            with closing(server.connect()) as connection:
                while not stop.is_set():
                    query = {"query": "{ trialBalance { balanced } }"}
                    status, answer = send(
                        connection, "POST", "/graphql", query, server.keys["operator"]
                    )
                    statuses.add(status)
                    if status == 200:
                        let_in.append(int(time.time()))
                    else:
                        assert answer["code"] == "busy"

        threads = [threading.Thread(target=hammer) for _ in range(8)]
        began = time.time()
        for thread in threads:
            thread.start()
        time.sleep(4)
        stop.set()
        for thread in threads:
            thread.join(30)
        seconds = int(time.time()) - int(began) + 1
    assert statuses == {200, 429}
    # At most one more in a window, when both count within the same nanoseconds.
    assert len(let_in) <= seconds * 51, (len(let_in), seconds)
    assert len(let_in) >= (seconds - 2) * 50, (len(let_in), seconds)


def test_any_process_tells_the_figures_of_all(books: Terminal) -> None:
    with serving(books) as server:
        for number in (0, 1, 1):
            with server.of(number) as connection:
                server.ask(
                    connection, "POST", "/v1/members", register(f"M{number}{time.time_ns()}")
                )
                body = register("M-0") | {"kind": "neither"}
                assert (
                    send(connection, "POST", "/v1/members", body, server.keys["operator"])[0] > 399
                )
        told = []
        for number in (0, 1):
            with server.of(number) as connection:
                _, text = send(connection, "GET", "/metrics", key=server.keys["auditor"])
                told.append(dict(re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)))
        for name in (
            "zhangfang_commands_total",
            "zhangfang_commits_total",
            "zhangfang_facts_total",
            "zhangfang_position",
            "zhangfang_worker_trouble",
            'zhangfang_read_model_running{model="members"}',
            "zhangfang_commit_seconds_count",
            "zhangfang_processes",
        ):
            assert told[0][name] == told[1][name], name
        assert float(told[1]["zhangfang_commands_total"]) == 3
        assert float(told[1]['zhangfang_read_model_running{model="members"}']) == 1
        assert float(told[1]["zhangfang_processes"]) == 2
        assert float(told[0]["zhangfang_connections"]) >= 1


def test_the_log_says_which_process_wrote_a_line(
    books: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHANGFANG_LOG", "json")
    monkeypatch.setenv("ZHANGFANG_LOG_LEVEL", "info")
    with serving(books) as server:
        for number in (1, 0):  # A line is written after the answer: not by who is killed next.
            with server.of(number) as connection:
                send(connection, "GET", "/health")
        os.kill(server.pids[1], signal.SIGKILL)
        server.successor(1)
        server.process.terminate()
        _, said = server.process.communicate(timeout=60)
    lines = [json.loads(line) for line in said.splitlines()]
    asked = {line["process"] for line in lines if "/health" in line["event"]}
    assert asked == {1, 2}
    died = [line for line in lines if "signal 9" in line["event"]]
    assert [line["process"] for line in died] == [0]
    assert f"process 2 (pid {server.pids[1]})" in died[0]["event"]


# Dying.


@pytest.mark.parametrize("number", [0, 1], ids=["the first", "the second"])
def test_a_process_that_is_killed_comes_back_and_nothing_is_lost(
    books: Terminal, number: int
) -> None:
    with serving(books) as server:
        acknowledged: list[str] = []
        stop = threading.Event()

        def work(name: str) -> None:
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
                    continue  # Its process died.

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
