"""Where events are sent to, and how they are signed: by tables, and a published vector."""

import asyncio
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.operations.webhooks.addresses import fault, is_public, parsed, target
from api.operations.webhooks.plan import DELAYS_S, MOST_TRIES, next_try_us, quiet_us
from api.operations.webhooks.sending import Outcome, Sender
from api.operations.webhooks.signing import new_secret, signed
from domain.kernel import MICROSECONDS, to_us
from domain.ledger.ledger import utc_us
from tests.api.operations.receiver import Receiver

# Of the specification and of every reference library (standard-webhooks, test_webhooks).
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT_US = 1_614_265_330 * MICROSECONDS
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


# By the same scheme, from the pages of who began it: how to check by hand.
BY_HAND = (
    "whsec_plJ3nmyCDGBKInavdOK15jsl",
    "msg_loFOjxBNrRLzqYUf",
    1_731_705_121,
    '{"event_type":"ping","data":{"success":true}}',
    "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
)
PLAYED = (
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
    1_649_367_553,
    '{"email":"test@example.com","username":"test_user"}',
    "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
)
LIBRARIES = (
    SECRET,
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    AT_US // MICROSECONDS,
    '{"test": 2432232314}',
    SIGNATURE,
)


@pytest.mark.parametrize(
    ("secret", "name", "at_s", "body", "signature"), [LIBRARIES, BY_HAND, PLAYED]
)
def test_published_vectors_are_signed_as_they_are_published(
    secret: str, name: str, at_s: int, body: str, signature: str
) -> None:
    headers = signed([secret], name, body, at_s * MICROSECONDS)
    assert headers == {
        "webhook-id": name,
        "webhook-timestamp": str(at_s),
        "webhook-signature": signature,
    }


def test_a_time_zone_of_the_machine_changes_nothing() -> None:
    assert to_us(datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC)) == AT_US


def test_two_secrets_sign_beside_each_other_and_none_is_like_another() -> None:
    other = new_secret()
    assert other != new_secret()
    assert other.startswith("whsec_")
    headers = signed([SECRET, other], "msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}', AT_US)
    first, second = headers["webhook-signature"].split(" ")
    assert first == SIGNATURE
    assert second.startswith("v1,") and second != first


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.8.9.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_everybodys(address: str) -> None:
    found = parsed(address)
    assert found is not None
    assert not is_public(found)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1",
     "223.255.255.255", "2400:3200::1", "2606:4700::1111", "2a00::1"],
)  # fmt: skip
def test_an_address_that_is(address: str) -> None:
    found = parsed(address)
    assert found is not None
    assert is_public(found)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://shop.example/hooks", ""),
        ("https://shop.example:8443/", ""),
        ("https://8.8.8.8/", ""),
        ("https://[2606:4700::1111]/", ""),
        ("http://shop.example/", "https"),
        ("https://shop.example:25/", "port"),
        ("https://192.168.0.1/", "public"),
        ("https://[fe80::1]/", "public"),
        ("https://intranet/", "whole name"),
        ("https://0x7f000001/", "whole name"),
        ("https://127.1/", "whole name"),
    ],
)
def test_what_speaks_against_an_address_before_anybody_is_asked(url: str, why: str) -> None:
    found = fault(target(url), "public")
    assert (why in found) if why else not found
    assert fault(target(url), "local") == ""


def send(sender: Sender, url: str) -> Outcome:
    try:
        return asyncio.run(sender.send(url, {"webhook-id": "evt_1_SHOP"}, b"{}"))
    finally:
        sender.close()


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]],
)
def test_a_name_that_means_a_private_address_gets_nothing(addresses: list[str]) -> None:
    """One of several is enough: who gives it out may give out others next time."""
    sender = Sender("public", resolve=lambda host, port: addresses)
    assert send(sender, "https://shop.example/hooks").result == "refused"


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """What the name means afterwards does not matter: it is asked for once."""
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    with Receiver() as receiver:
        url = f"http://shop.example:{receiver.port}/hooks?a=b"
        assert send(Sender("local", resolve=resolve), url).result == "delivered"
        assert asked == [("shop.example", receiver.port)]
        (got,) = receiver.got
        assert got.headers["host"] == f"shop.example:{receiver.port}"
        assert (got.path, got.body) == ("/hooks?a=b", b"{}")


def test_a_name_that_nobody_has_and_a_certificate_of_nobody() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise OSError(host)

    assert send(Sender("public", resolve=nowhere), "https://no.example/").result == "not_found"
    with Receiver() as receiver:  # It speaks no TLS at all.
        url = f"https://127.0.0.1:{receiver.port}/"
        assert send(Sender("local"), url).result in ("not_connected", "broken")
        assert receiver.got == []


def test_the_plan_is_the_one_that_is_published() -> None:
    minute, hour = 60, 3600
    assert (
        15, 15, 30, 3 * minute, 10 * minute, 20 * minute, 30 * minute, 30 * minute, 30 * minute,
        60 * minute, 3 * hour, 3 * hour, 3 * hour, 6 * hour, 6 * hour,
    ) == DELAYS_S  # fmt: skip
    assert sum(DELAYS_S) == 24 * hour + 4 * minute
    at_us, times = 0, []
    for tries in range(1, MOST_TRIES):
        due_us = next_try_us(tries, at_us)
        assert due_us is not None
        at_us = due_us
        times.append(at_us // MICROSECONDS)
    assert times[:4] == [15, 30, 60, 240]
    assert times[-1] == sum(DELAYS_S)
    assert next_try_us(MOST_TRIES, at_us) is None


def test_an_endpoint_that_fails_is_left_alone_for_no_longer_than_the_first_delay() -> None:
    waits = [quiet_us(failures) // MICROSECONDS for failures in (1, 2, 15, 16, 10_000)]
    assert waits == [1, 2, 15, 15, 15]
    assert waits[-1] <= min(DELAYS_S), "one event alone is tried by the plan"


DOCS = Path(__file__).parent.parent.parent.parent / "docs/webhooks.md"
BODY = '{"test": 2432232314}'
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"


def block(language: str, mark: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return next(one for one in found if mark in one)


def test_what_the_docs_say_in_python_verifies() -> None:
    """Run as it stands there."""
    shown: dict[str, Any] = {}
    exec(block("python", "def verified"), shown)
    now_us = utc_us()
    headers = signed([new_secret(), SECRET], ID, BODY, now_us)
    assert shown["verified"](SECRET, headers, BODY.encode())
    assert not shown["verified"](SECRET, headers, b"{}")
    assert not shown["verified"](new_secret(), headers, BODY.encode())
    old = signed([SECRET], ID, BODY, now_us - 301 * MICROSECONDS)
    assert not shown["verified"](SECRET, old, BODY.encode())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
def test_what_the_docs_say_in_a_shell_signs_the_same(tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text(BODY)
    done = subprocess.run(
        ["sh", "-c", block("sh", "openssl")],
        cwd=tmp_path,
        env={**os.environ, "SECRET": SECRET, "ID": ID, "TIMESTAMP": "1614265330"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"v1,{done.stdout.strip()}" == SIGNATURE


def test_the_plan_of_the_docs_is_the_plan() -> None:
    """15 s, 15 s, 30 s, 3 min …: as the page says them."""
    units = {"s": 1, "min": 60, "h": 3600}
    line = re.search(r"It is tried again after (.*?): the first", DOCS.read_text(), re.DOTALL)
    assert line is not None
    said = re.findall(r"(\d+) (s|min|h)\b", line[1])
    assert tuple(int(number) * units[unit] for number, unit in said) == DELAYS_S
