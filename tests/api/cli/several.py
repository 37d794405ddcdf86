"""A server of two processes, and how its tests reach the one or the other."""

import http.client
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from tests.api.cli.terminal import Ran, Terminal
from tests.api.cli.test_serve import first_answer
from tests.servers import wait_until


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


def connections_of(pid: int) -> int:
    """Open sockets of a process; those of its databases do not change while nobody asks."""
    folder = f"/proc/{pid}/fd"
    count = 0
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):  # Closed since.
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
    return count
