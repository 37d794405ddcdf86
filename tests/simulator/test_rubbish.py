"""Whatever is sent, it is refused with a 4xx and a code, or taken; never a 500, never a stop."""

import json
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulator.outside import Member, Outside
from tests.simulator.test_wechat import authorization

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = ("merchant", "number", "kind", "amount", "currency", "party", "subject", "notify_url",
          "time", "original", "original_amount", "expires")  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(FIELDS), value=VALUES, network=st.sampled_from(["jdpay", "unionpay"]))
def test_a_signed_order_with_one_field_of_rubbish(
    outside: Outside, name: str, value: Any, network: str
) -> None:
    member = Member(outside, network)
    body = {**member.wish("rubbish-1" if network == "jdpay" else "rubbish01"), name: value}
    status, told = member.ask("POST", f"/{network}/orders", body)
    assert status == 200 or (400 <= status < 500 and told["code"] and told["message"])


BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b'{"a":' * 5_000,
    b"[" * 30_000,
    b'{"amount":1e999}',
    b'{"amount":' + b"9" * 20_000 + b"}",
    b'{"number":"\\ud800"}',
    b'{"number":"\x00"}',
    b'"' + b"x" * 60_000 + b'"',
]
DOORS = [
    "/jdpay/orders",
    "/jdpay/orders/abcdef/close",
    "/simulate/pay",
    "/simulate/nothing",
    "/simulate/clock",
    "/simulate/account",
    "/simulate/conduct",
    "/simulate/maintenance",
]


@pytest.mark.parametrize("door", DOORS)
def test_bodies_of_rubbish(outside: Outside, door: str) -> None:
    member = Member(outside, "jdpay")
    for body in BODIES:
        status, told, _ = outside.raw("POST", door, body, member.sign("POST", door, body))
        assert 400 <= status < 500 and told["code"], (body[:20], status)
    assert outside.raw("POST", door, b"x" * 70_000)[0] in (404, 413)


@pytest.mark.parametrize("body", BODIES)
def test_bodies_of_rubbish_at_wechat(outside: Outside, body: bytes) -> None:
    for door in (
        "/v3/pay/transactions/native",
        "/v3/pay/partner/transactions/native",
        "/v3/combine-transactions/native",
        "/v3/refund/domestic/refunds",
        "/v3/refund/domestic/refunds/1/apply-abnormal-refund",
        "/v3/pay/transactions/out-trade-no/abcdef/close",
    ):
        headers = {"Authorization": authorization(outside, door, method="POST", body=body)}
        status, told, _ = outside.raw("POST", door, body, headers)
        assert (status, told["code"]) == (400, "PARAM_ERROR")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/nowhere", 404),
        ("/book?after=-1", 400),
        ("/book?after=9223372036854775808", 400),
        ("/book?after=%D9%A3", 400),
        ("/book?limit=0", 400),
        ("/book?limit=100000", 400),
        ("/faults?after=x", 400),
        ("/book/accounts?after=%ff%00", 200),
        ("/jdpay/orders/abcdef", 401),
        ("/visa/orders/abcdef", 404),
        ("/jdpay/orders", 405),
        ("/v3/pay/transactions/out-trade-no/%00%ff", 401),
    ],
)
def test_paths_of_rubbish(outside: Outside, path: str, status: int) -> None:
    assert outside.raw("GET", path)[0] == status


def test_a_number_in_the_path_is_checked(outside: Outside) -> None:
    member = Member(outside, "jdpay")
    for mine in ("%00abcdef", "short", "x" * 33, "%F0%9F%98%80abcd", "%ffabcdef"):
        status, told = member.query(mine)
        assert status in (400, 404) and told["code"], mine
    assert member.query("abcdef", kind="bribe")[0] == 400


@pytest.mark.parametrize(
    "sent",
    [
        b"rubbish\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\n" + b"X: " + b"y" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /jdpay/orders HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /jdpay/orders HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
)
def test_bytes_of_rubbish(outside: Outside, sent: bytes) -> None:
    port = int(outside.base_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
        connection.sendall(sent)
        connection.settimeout(2)
        try:
            got = connection.recv(4_096)
        except (ConnectionError, TimeoutError):
            got = b""
    assert not got.startswith(b"HTTP/1.1 5")
    assert outside.get("/health")["status"] == "ok"


@pytest.mark.parametrize(
    "faults", ["everything", "delay", "delay=1001", "delay=-1", "delay=x", "delay=٣"]
)
def test_a_profile_that_is_none(outside: Outside, faults: str) -> None:
    status, told = outside.post("/simulate/conduct", {"faults": faults})
    assert (status, told["code"]) == (400, "PARAM_INVALID")


def test_it_still_stands(outside: Outside) -> None:
    assert outside.process.poll() is None
    assert outside.get("/book/totals")["balanced"]
    assert json.dumps(outside.get("/health"))
