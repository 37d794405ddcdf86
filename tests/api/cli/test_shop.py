"""`zhangfang demo shop` by itself, and where `run` has no shop; tests/pages/test_shop.py buys."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api.cli.shopping import is_for_this_machine
from tests.api.cli.terminal import PROGRAM, ROOT, Terminal
from tests.api.cli.test_serve import first_answer, get

SETTINGS: dict[str, Any] = {"api": "http://127.0.0.1:1", "buyer": "ann", "merchants": {}}


def shop(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, "demo", "shop", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="no file"),
        pytest.param("{", id="no JSON"),
        pytest.param("{}", id="nothing in it"),
        pytest.param(json.dumps(SETTINGS | {"merchants": ["SANZHI"]}), id="no keys"),
        pytest.param(json.dumps(SETTINGS | {"merchant": {}}), id="a word too many"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "shop.json").write_text(content)
    ran = shop("--directory", str(tmp_path))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("shop: ") and "Traceback" not in ran.stderr


def test_a_port_that_is_taken_or_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.json").write_text(json.dumps(SETTINGS))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for port in (str(taken.getsockname()[1]), "70000", "-1"):
            ran = shop("--directory", str(tmp_path), "--port", port)
            assert ran.returncode == 2 and "Traceback" not in ran.stderr, ran.stderr


def test_it_serves_while_nobody_answers_and_ends_when_told(tmp_path: Path) -> None:
    (tmp_path / "shop.json").write_text(json.dumps(SETTINGS | {"merchants": {"SANZHI": "zf_x"}}))
    process = subprocess.Popen(
        [*PROGRAM, "--json", "demo", "shop", "--directory", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        bought = subprocess.run(
            ["curl", "-s", "-L", f"{url}/orders", "-d", "sku=nuts-daily"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        assert "does not answer" in bought and "zf_x" not in bought
        several = ["-d", "sku=nuts-daily", "-d", "sku=tea-tin"]  # Without the platform's key.
        refused = subprocess.run(
            ["curl", "-s", "-L", f"{url}/orders", *several],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        assert "platform" in refused
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_a_run_without_it(lone: Terminal) -> None:
    with lone.process("run", "--port", "0", "--no-shop", "--json") as process:
        begun = first_answer(process)
        assert "shop" not in begun
        assert get(f"{begun['simulator']['url']}/health")["sandbox"] is True
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert not list(Path(lone.url.removeprefix("sqlite:///")).parent.glob("*-shop"))


def test_a_server_for_others_has_no_shop() -> None:
    hosts = ("127.0.0.1", "::1", "127.9.9.9", "0.0.0.0", "::", "10.0.0.7", "fe80::1%lo")
    assert [is_for_this_machine(host) for host in hosts] == 3 * [True] + 4 * [False]


def test_the_program_is_the_same_by_its_own_name() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "simulator.shop", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "shop.json" in ran.stdout and "shop.json" in shop("--help").stdout
