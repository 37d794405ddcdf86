"""The outside of the measurement: a simulator for each time an answer takes, without faults."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.drills.channels.outside import Outside
from domain.channel.numbers import narrow_number, wide_number


class Lane(NamedTuple):
    """A channel and how long its answers take, in ms: so that one run has them side by side.
    `method` is its payment code, `network` its name in the settings file, `number` what it knows
    an instruction by, `at_once` how many requests it may be asked at once."""

    method: str
    channel: str
    network: str
    answer_ms: int
    number: Callable[[str], str] = wide_number
    # What an operator sets for a busy channel: 260 a second, and 200 ms and half as long again to
    # send, sign and verify, are 76 on their way.
    at_once: int = 76


FAST = Lane("JD_PAY", "JD_PAY", "jdpay", 5)
USUAL = Lane("CLOUD_QUICKPASS", "CLOUD_QUICKPASS", "quickpass", 200, narrow_number)
SLOW = Lane("BANK_CARD", "UNIONPAY_CARD", "unionpay", 3_000, narrow_number, 64)
LANES = (FAST, USUAL, SLOW)


def settings_of(directory: Path, port: int, stack: ExitStack) -> dict[str, Any]:
    """Start the simulators; the content of a settings file that calls us back at a port."""
    networks: dict[str, Any] = {}
    for lane in LANES:
        options = ("--payer", "prompt", "--faults", "none", "--latency-ms", str(lane.answer_ms))
        outside = Outside(directory / lane.network, *options)
        stack.callback(outside.stop)
        keys = json.loads(outside.keys.read_text())
        given = {"base_url": outside.url, "at_once": lane.at_once}
        networks[lane.network] = keys["networks"][lane.network] | given
    return {"notify_url": f"http://127.0.0.1:{port}/callbacks", "networks": networks}


def written(directory: Path, settings: dict[str, Any]) -> Path:
    """The settings as a file that only we may read."""
    path = directory / "channels.json"
    path.write_text(json.dumps(settings))
    path.chmod(0o600)
    return path
