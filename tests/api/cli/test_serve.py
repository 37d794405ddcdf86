"""`zhangfang serve` and `run` in a process of their own: they answer, and they end when told."""

import json
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest

from tests.api.cli.terminal import Terminal
from tests.servers import wait_until

TOGETHER = "{ trialBalance { balanced } ledger { position } }"


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)


def ask(url: str, query: str, key: str | None) -> tuple[int, Any]:
    headers = {"content-type": "application/json"}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def first_answer(process: "subprocess.Popen[str]") -> Any:
    """The JSON that a server prints when it begins to listen."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1] != "}\n":
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        lines.append(line)
    return json.loads("".join(lines))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"]
)
def test_a_server_answers_and_ends_when_it_is_told(
    books: Terminal, number: signal.Signals, code: int
) -> None:
    key = books("key", "create", "--role", "auditor").out.strip()
    with books.process("serve", "--port", "0", "--no-auto-day", "--json") as process:
        urls = first_answer(process)["urls"]
        assert wait_until(lambda: get(urls["health"])["status"] == "ok", 30)
        status, answer = ask(urls["graphql"], TOGETHER, key)
        assert (status, answer["data"]["trialBalance"]) == (200, {"balanced": True})
        status, answer = ask(urls["graphql"], TOGETHER, None)
        assert "data" not in answer or answer["data"] is None, answer
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert books("verify").code == 0


def test_a_server_that_ends_hangs_up_on_who_listens(books: Terminal) -> None:
    """At once, with the end of the answer, and not when the time for answers is over."""
    key = books("key", "create", "--role", "auditor").out.strip()
    with books.process("serve", "--port", "0", "--no-auto-day", "--json") as process:
        urls = first_answer(process)["urls"]
        query = urllib.parse.urlencode({"query": "subscription { positionMoved }"})
        headers = {"authorization": f"Bearer {key}", "accept": "text/event-stream"}
        listens = urllib.request.Request(f"{urls['graphql']}?{query}", headers=headers)
        answers = [urllib.request.urlopen(listens, timeout=20) for _ in range(5)]
        for answer in answers:
            assert answer.readline() == b"retry: 2000\n"
        process.send_signal(signal.SIGTERM)
        for answer in answers:
            rest = answer.read()  # Raises IncompleteRead when the last chunk is missing.
            assert rest.startswith(b"id: ") and b"complete" not in rest
            answer.close()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert "exceeded" not in said and "Traceback" not in said


def test_run_does_everything_and_its_keys_work(lone: Terminal) -> None:
    with lone.process("run", "--port", "0", "--json") as process:
        begun = first_answer(process)
        urls, keys = begun["urls"], begun["keys"]
        assert list(keys) == ["merchant", "auditor", "operator"]
        query = '{ merchantStatement(merchantId: "SANZHI") { sales { minor } } }'
        for key in keys.values():
            status, answer = ask(urls["graphql"], query, key)
            assert status == 200 and "errors" not in answer, answer
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0
    with lone.process("run", "--port", "0", "--json") as process:
        again = first_answer(process)
        answer = ask(again["urls"]["graphql"], TOGETHER, keys["auditor"])[1]
        assert answer.get("data") is None, "the keys of the run before work no more"
    listed = lone("key", "list", "--json").json()["keys"]
    working = sorted(row["role"] for row in listed if row["revoked_at"] is None)
    printed, of_the_shop = ["auditor", "merchant", "operator"], [*["merchant"] * 3, "operator"]
    assert working == sorted([*printed, *of_the_shop]), "those of the run before work no more"


def test_a_port_that_is_taken_is_refused_before_anything_begins(lone: Terminal) -> None:
    lone("init")
    with lone.process("serve", "--port", "0", "--no-worker", "--json") as process:
        port = first_answer(process)["urls"]["health"].split(":")[2].partition("/")[0]
        error = lone("serve", "--port", port, "--json").refused()
    assert (error["code"], error["field"]) == ("request_invalid", "port")


def test_whoever_stops_reading_ends_a_command_quietly(books: Terminal) -> None:
    with books.process("events", "day-books", "--json") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.wait(20)
