"""`zhangfang serve --workers 2`: each process answers, and what is shared is shared."""

import json
import os
import re
import signal
import sys
import threading
import time
from contextlib import closing
from statistics import median
from urllib.parse import urlencode

import pytest

from tests.api.cli.several import connections_of, register, send, serving
from tests.api.cli.terminal import Terminal
from tests.servers import wait_until

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc"),
]


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
        assert min(found) >= 5, found  # Whoever is busy for a moment is not waited for.
        for connection in held:
            connection.close()


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


def test_who_listens_in_either_process_is_told(books: Terminal) -> None:
    with serving(books) as server, server.of(0) as first, server.of(1) as second:
        headers = {
            "authorization": f"Bearer {server.keys['auditor']}",
            "accept": "text/event-stream",
        }
        answers = []
        for connection in (first, second):
            query = urlencode({"query": "subscription { positionMoved }"})
            connection.request("GET", f"/graphql?{query}", headers=headers)
            answer = connection.getresponse()
            assert answer.status == 200 and answer.readline() == b"retry: 2000\n"
            answers.append(answer)
        with closing(server.connect()) as connection:
            position = server.ask(connection, "POST", "/v1/members", register("HEARD"))["position"]
        for answer in answers:
            heard = 0
            while heard < position:
                line = answer.readline()
                assert line, "the stream has ended"
                if line.startswith(b"id: "):
                    heard = int(line[4:])
        assert wait_until(lambda: server.figure("zhangfang_listeners") == 2, 20)


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
