"""`zhangfang simulator` becomes the simulator: same process, same options, same answers."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "api.cli", "simulator"]


def test_the_command_starts_it_and_it_ends_when_told(tmp_path: Path) -> None:
    given = [*COMMAND, "--directory", str(tmp_path / "new"), "--seed", "42", "--json"]
    with subprocess.Popen(given, cwd=ROOT, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        said = json.loads(started.stdout.readline())
        assert said["seed"] == 42
        with urllib.request.urlopen(said["base_url"] + "/health", timeout=10) as answer:
            assert json.load(answer)["seed"] == 42
        started.send_signal(signal.SIGINT)
        assert started.wait(20) == 0


def started(directory: Path, *options: str) -> "subprocess.Popen[str]":
    given = [*COMMAND, "--directory", str(directory), "--json", *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(given, cwd=ROOT, text=True, stdin=pipe, stdout=pipe, stderr=pipe)


def address(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    url: str = json.loads(process.stdout.readline())["base_url"]
    return url


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def test_it_ends_with_whoever_started_it_and_only_one_works_in_a_directory(tmp_path: Path) -> None:
    with started(tmp_path, "--until-stdin-ends") as first:
        url = address(first)
        with started(tmp_path) as second:
            _, said = second.communicate(timeout=30)
            assert second.returncode == 3
            assert "in use by another simulator" in said
        assert get(f"{url}/health")["status"] == "ok"
        assert first.stdin is not None
        first.stdin.write("not the end\n")
        first.stdin.flush()
        assert get(f"{url}/health")["status"] == "ok"
        first.stdin.close()
        assert first.wait(20) == 0


def test_it_takes_another_port_when_its_own_is_taken_and_a_time_that_is_given_holds(
    tmp_path: Path,
) -> None:
    with started(tmp_path, "--epoch", "2026-11-25T08:00:00+08:00", "--until-stdin-ends") as first:
        url = address(first)
        body = json.dumps({"seconds": 86_400}).encode()
        with urllib.request.urlopen(f"{url}/simulate/clock", data=body, timeout=10) as answer:
            assert json.load(answer)["now"].startswith("2026-11-26T08:")
        first.terminate()
        assert first.wait(20) == 0
    port = int(url.rpartition(":")[2])
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with started(tmp_path, "--epoch", "2026-11-25T09:00:00+08:00") as second:
            other = address(second)
            assert other != url
            assert get(f"{other}/health")["now"].startswith("2026-11-25T0")
            second.terminate()
            assert second.wait(20) == 0
        with started(tmp_path, "--port", str(port)) as third:  # A port that is asked for holds.
            assert third.wait(30) == 2


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--faults", "earthquake"),
        ("--factor", "0"),
        ("--epoch", "tomorrow"),
        ("--epoch", "999999999999999999"),
        ("--start-unix-us", "-1000000000000000000000"),
        ("--payer", "generous"),
        ("--port", "http"),
        ("--port", "65536"),
        ("--port", "-1"),
    ],
)
def test_options_of_rubbish_are_refused(tmp_path: Path, option: str, value: str) -> None:
    given = [*COMMAND, "--directory", str(tmp_path), option, value]
    ended = subprocess.run(given, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr and ended.stderr


@pytest.mark.parametrize("file", ["book.db", "keys.json", "outside.json"])
def test_a_directory_that_is_damaged_is_refused(tmp_path: Path, file: str) -> None:
    for other in ("keys.json", "outside.json", file):
        (tmp_path / other).write_text("{ rubbish")
    with started(tmp_path) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.startswith("simulator: ") and "Traceback" not in said
