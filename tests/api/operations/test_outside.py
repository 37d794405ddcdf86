"""The simulator as a child: it starts or says why not, and is gone with whoever started it."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from api.cli.outside import beside
from api.operations.outside import PAYEES, Outside, set_aside
from domain.channel.adapters.loading import load, load_payees
from domain.refusals import Code, Refused
from tests.servers import wait_until
from tests.source import ROOT

STARTS = """
import sys, time
from pathlib import Path
from api.operations.outside import Outside
print(Outside(Path(sys.argv[1])).url, flush=True)
time.sleep(600)
"""


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return bool(json.load(answer)["status"] == "ok")
    except OSError:
        return False


def test_it_is_found_by_its_settings_file_and_goes_on_with_its_book(tmp_path: Path) -> None:
    with Outside(tmp_path / "outside", epoch_us=1_762_822_800_000_000) as first:
        path = first.channels("http://127.0.0.1:1/callbacks")
        assert path.stat().st_mode & 0o777 == 0o600
        assert set(load(path)) >= {"WECHAT_PAY", "JD_PAY", "BANK_TRANSFER"}
        assert first.act("account", kind="user", id="ann", balance=500)
        first.advance_to(1_762_909_200_000_000)
        assert 0 <= first.get("/health")["now_us"] - 1_762_909_200_000_000 < 60_000_000
        keys = json.loads(first.keys.read_bytes())
        with pytest.raises(Refused, match="NO_SUCH_ORDER"):
            first.act("pay", network="jdpay", number="pay-P1")
    assert not answers(first.url)
    with Outside(tmp_path / "outside") as second:
        again = json.loads(second.keys.read_bytes())
        assert {**again, "base_url": ""} == {**keys, "base_url": ""}
        (ann,) = second.accounts()
        assert (ann["id"], ann["balance"]) == ("user:ann", 500)
        with pytest.raises(Refused) as no:
            Outside(tmp_path / "outside", patience_s=0)
        assert (no.value.code, no.value.field) == (Code.REQUEST_INVALID, "simulator")
        assert "in use by another simulator" in no.value.detail
        assert "zhangfang run" in no.value.detail
        assert set_aside(tmp_path / "outside") is None, "somebody works in it"
    aside = set_aside(tmp_path / "outside")
    assert aside == tmp_path / "outside.1"
    assert (aside / "book.db").exists()
    assert set_aside(tmp_path / "outside") is None, "there is none"


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_what_it_cannot_have_is_said_with_a_way_out(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(Refused) as no:
        Outside(tmp_path / place)
    assert (no.value.code, no.value.field) == (Code.REQUEST_INVALID, "simulator")
    assert "did not start" in no.value.detail
    assert "--simulator DIR" in no.value.detail
    assert "Traceback" not in no.value.detail


def test_nothing_is_left_of_it_when_its_owner_is_killed(tmp_path: Path) -> None:
    given = [sys.executable, "-c", STARTS, str(tmp_path / "outside")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(given, env=environment, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        url = owner.stdout.readline().strip()
        assert answers(url)
        owner.send_signal(signal.SIGKILL)
        owner.wait(20)
    assert wait_until(lambda: not answers(url), 20)
    with Outside(tmp_path / "outside") as next_one:  # Also while the other one is just ending.
        assert answers(next_one.url)


def test_what_lies_in_the_working_directory_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "simulator.py").write_text("raise SystemExit('not me')")
    monkeypatch.chdir(tmp_path)
    with Outside(Path("outside")) as running:
        assert answers(running.url)


def test_that_it_has_ended_by_itself_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Outside(tmp_path / "outside") as running:
        os.kill(running.pid, signal.SIGKILL)
        assert wait_until(lambda: "the simulator has ended (-9)" in caplog.text, 20)
        with pytest.raises(Refused) as no:
            running.accounts()
        assert (no.value.code, no.value.field) == (Code.BUSY, "simulator")


@pytest.mark.parametrize(
    ("url", "directory"),
    [
        ("sqlite:///zhangfang.db", "zhangfang.db-outside"),
        ("sqlite:////var/lib/books/a.db", "/var/lib/books/a.db-outside"),
        ("postgresql://user:secret@host/books?schema=cell_0", "books.cell_0-outside"),
    ],
)
def test_each_ledger_has_its_own_directory(url: str, directory: str) -> None:
    assert beside(url) == Path(directory)


def test_accounts_that_somebody_put_into_the_settings_stay(tmp_path: Path) -> None:
    with Outside(tmp_path / "outside") as running:
        path = running.channels("http://127.0.0.1:1/callbacks")
        file = json.loads(path.read_bytes())
        file["payees"]["NUTS"] = "6222000000000009"
        path.write_text(json.dumps(file))
        running.channels("http://127.0.0.1:2/callbacks")
        assert load_payees(path) == {**PAYEES, "NUTS": "6222000000000009"}
        path.write_text("rubbish")
        running.channels("http://127.0.0.1:2/callbacks")
        assert load_payees(path) == PAYEES
