"""`demo` and `run` with the simulator beside them: paid over HTTP, and nothing is left running."""

import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.api.cli.terminal import Terminal
from tests.api.cli.test_serve import ask, first_answer
from tests.servers import wait_until

PAYMENT = '{ payment(no: "P1") { state instructions { state channelNumber } } }'


def send(url: str, key: str, body: dict[str, Any]) -> Any:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def lives(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5):
            return True
    except OSError:
        return False


class Served:
    """What a `run` prints when it serves."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        begun = first_answer(process)
        self.base = begun["urls"]["health"].removesuffix("/health")
        self.key = begun["keys"]["operator"]
        self.simulator = begun["simulator"]["url"]
        self.directory = Path(begun["simulator"]["directory"])

    def command(self, path: str, **body: Any) -> Any:
        return send(self.base + path, self.key, body)

    def payment(self) -> Any:
        """Without anything in it while the read models do not know it yet."""
        status, answer = ask(f"{self.base}/graphql", PAYMENT, self.key)
        assert status == 200
        return answer["data"]["payment"] or {"state": "", "instructions": []}

    def instruction(self) -> str:
        return "".join(one["state"] for one in self.payment()["instructions"])

    def comes_to(self, state: str) -> bool:
        return wait_until(lambda: self.payment()["state"] == state, 60)


def test_run_pays_at_the_simulator_which_goes_on_with_its_book_and_ends_with_it(
    lone: Terminal,
) -> None:
    with lone.process("run", "--port", "0", "--json") as process:
        served = Served(process)
        served.command("/v1/members", member_id="ANN", kind="personal", name="Ann")
        lines = [{"merchant": "SANZHI", "amount_fen": 10_000, "subject": "nuts"}]
        served.command("/v1/orders", order_no="N1", buyer="ANN", lines=lines)
        served.command("/v1/orders/N1/payments", payment_no="P1", method="JD_PAY")
        assert wait_until(
            lambda: (
                [one["state"] for one in served.payment()["instructions"]] == ["awaiting_payer"]
            ),
            60,
        )
        keys = json.loads((served.directory / "keys.json").read_bytes())
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert not lives(served.simulator)

    with lone.process("run", "--port", "0", "--json") as process:
        again = Served(process)
        assert again.directory == served.directory == Path(f"{_path(lone)}-outside")
        kept = json.loads((again.directory / "keys.json").read_bytes())
        assert {**kept, "base_url": ""} == {**keys, "base_url": ""}
        assert again.instruction() == "awaiting_payer"
        act = {"network": "jdpay", "number": "pay-P1"}
        assert send(f"{again.simulator}/simulate/pay", "", act)["state"] == "SUCCEEDED"
        assert again.comes_to("succeeded")
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    assert wait_until(lambda: not lives(again.simulator), 20)

    with lone.process("run", "--port", "0", "--json") as process:  # At once, after a kill.
        last = Served(process)
        assert last.payment()["state"] == "succeeded"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in said) == (130, False)
    assert "the same command goes on" in said
    assert not lives(last.simulator)
    assert lone("verify").code == 0


def _path(terminal: Terminal) -> str:
    return terminal.url.removeprefix("sqlite:///")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)], ids=["Ctrl-C", "kill -9"]
)
def test_a_demo_that_is_stopped_half_way_goes_on(
    lone: Terminal, number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    with lone.process("demo") as process:
        assert process.stdout is not None
        while not (line := process.stdout.readline()).startswith(" 31 "):
            assert line, process.communicate()[1]
        url = json.loads(Path(f"{_path(lone)}-outside/keys.json").read_bytes())["base_url"]
        assert lives(url)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in said
    assert wait_until(lambda: not lives(url), 20)
    ran = lone("demo", "--json")
    told = ran.json()
    moved = {one["id"]: one["moved"] for one in told["simulator"]["accounts"]}
    assert (moved["account:6222000000000001"], moved["user:laowang"]) == (42_494, -20_000)
    assert told["statement"]["closing"] == 0
    assert lone("verify").code == 0


def test_an_operator_who_has_channels_gets_no_simulator(
    lone: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHANGFANG_CHANNELS", str(tmp_path / "channels.json"))
    told = lone("demo", "--json").json()
    assert "simulator" not in told
    assert not Path(f"{_path(lone)}-outside").exists()
    for words in (("demo",), ("run", "--port", "0")):
        error = lone(*words, "--simulator", tmp_path / "o", "--json").refused()
        assert (error["code"], error["field"]) == ("request_invalid", "simulator")
        assert "ZHANGFANG_CHANNELS" in error["detail"]
    # Theirs are used, and what is wrong with them is said.
    error = lone("run", "--port", "0", "--no-simulator", "--json").refused()
    assert error["field"] == "ZHANGFANG_CHANNELS"


def test_a_simulator_that_cannot_start_is_said_and_what_to_do(
    lone: Terminal, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for words in (("demo",), ("run", "--port", "0")):
        error = lone(*words, "--simulator", tmp_path / "file", "--json").refused()
        assert (error["code"], error["field"]) == ("request_invalid", "simulator")
        assert "--no-simulator" in error["detail"]
    ran = lone("demo", "--no-simulator", "--simulator", tmp_path / "other")
    assert ran.code == 2
    assert "not together with --no-simulator" in ran.err


def test_the_book_of_a_ledger_that_is_gone_is_set_aside(lone: Terminal, tmp_path: Path) -> None:
    assert "simulator" in lone("demo", "--json").json()
    for suffix in ("", "-wal", "-shm", "-operations"):
        Path(_path(lone) + suffix).unlink(missing_ok=True)
    ran = lone("demo")
    assert ran.code == 0, ran.err
    assert "-outside.1 now" in ran.out
    assert "facts are new" in ran.out
    assert sorted(one.name for one in tmp_path.glob("*-outside*")) == [
        "lone.db-outside",
        "lone.db-outside.1",
    ]


def test_help_says_so() -> None:
    from typer.testing import CliRunner

    from api.cli.app import app

    for command in ("demo", "run"):
        said = CliRunner().invoke(app, [command, "--help"], env={**os.environ, "COLUMNS": "200"})
        assert "--no-simulator" in said.stdout
        assert "over HTTP" in said.stdout
