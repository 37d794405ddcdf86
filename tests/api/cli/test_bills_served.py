"""Long bills against a server that runs: more is let in of one who may, and of nobody else."""

import http.client
import json
import socket
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.cli.terminal import Terminal
from tests.api.cli.test_serve import first_answer
from tests.domain.reconciliation.rendering import Sale, wechat_bill

PATH = "/v1/bills?channel=WECHAT_PAY&date=2011-01-10"
TYPE = "application/octet-stream"
LINES = 14_000
CONNECTION_BYTES = 2 << 20  # What a connection lets in of whoever is not known.
ANSWER = 60


@pytest.fixture
def served(lone: Terminal) -> Iterator[tuple[str, dict[str, str]]]:
    """Where a server listens, and a key of each role."""
    assert lone("init").code == 0
    keys = {
        role: lone("key", "create", "--role", role).out.strip() for role in ("operator", "auditor")
    }
    with lone.process("serve", "--port", "0", "--no-worker", "--json") as process:
        yield urllib.parse.urlsplit(first_answer(process)["urls"]["health"]).netloc, keys


@pytest.fixture(scope="module")
def long_bill() -> bytes:
    raw = wechat_bill([Sale(f"pay-{at}", 100, 200, serial=f"42{at}") for at in range(LINES)])
    assert len(raw) > CONNECTION_BYTES + (1 << 20)
    return raw


def asked(host: str, key: str, path: str, body: Any, kind: str = TYPE) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(host, timeout=ANSWER)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
    connection.request("POST", path, body=body, headers=headers)
    answer = connection.getresponse()
    said = answer.status, json.loads(answer.read())
    connection.close()
    return said


def test_a_long_bill_is_taken_in(served: tuple[str, dict[str, str]], long_bill: bytes) -> None:
    host, keys = served
    status, said = asked(host, keys["operator"], PATH, long_bill)
    assert status == 200, said
    assert said["result"]["lines"] == LINES
    pieces = (long_bill[at : at + 50_000] for at in range(0, len(long_bill), 50_000))
    status, again = asked(host, keys["operator"], PATH, pieces)  # Without a word of its length.
    assert (status, again["result"]) == (200, said["result"])


def test_what_is_wrong_with_a_long_one_is_still_told(
    served: tuple[str, dict[str, str]], long_bill: bytes
) -> None:
    """It is refused before it is there, and yet heard to its end: who sends it hears why."""
    host, keys = served
    path = PATH.replace("2011", "2090")
    status, said = asked(host, keys["operator"], path, long_bill)
    assert (status, said["code"]) == (409, "day_not_begun")
    status, said = asked(host, keys["operator"], PATH, long_bill, "text/csv")
    assert (status, said["field"]) == (415, "Content-Type")


@pytest.mark.parametrize("role", ["auditor", ""])
def test_no_more_is_let_in_of_who_may_not(served: tuple[str, dict[str, str]], role: str) -> None:
    host, keys = served
    sent = _until_hung_up(host, PATH, keys.get(role, "none"))
    assert sent.startswith(b"HTTP/1.1 403" if role else b"HTTP/1.1 401")


def test_no_more_is_let_in_at_another_door(served: tuple[str, dict[str, str]]) -> None:
    host, keys = served
    assert _until_hung_up(host, "/v1/orders", keys["operator"]).startswith(b"HTTP/1.1 413")


def _until_hung_up(host: str, path: str, key: str) -> bytes:
    """The answer's beginning. Far more is sent than any connection may, until it is closed."""
    name, _, port = host.partition(":")
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
    head += f"Content-Type: {TYPE}\r\nContent-Length: {200 << 20}\r\n\r\n"
    with socket.create_connection((name, int(port)), timeout=ANSWER) as wire:
        wire.sendall(head.encode())
        answer = wire.recv(4096)
        with pytest.raises(OSError, match=r"reset|roken pipe|closed"):
            for _ in range(200):
                wire.sendall(b"x" * (1 << 20))
    return answer


def test_one_that_is_far_too_long_is_refused_by_its_head(
    served: tuple[str, dict[str, str]],
) -> None:
    host, keys = served
    name, _, port = host.partition(":")
    head = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {keys['operator']}\r\n"
    head += f"Content-Type: {TYPE}\r\nContent-Length: {(256 << 20) + 1}\r\n\r\n"
    with socket.create_connection((name, int(port)), timeout=ANSWER) as wire:
        wire.sendall(head.encode())
        assert wire.recv(4096).startswith(b"HTTP/1.1 413")
