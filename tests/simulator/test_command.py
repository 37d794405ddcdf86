"""`zhangfang simulator` becomes the simulator: same process, same options, same answers."""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

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
