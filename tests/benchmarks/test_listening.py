"""`zhangfang bench subscriptions`: what it measures and that it leaves nothing; never how fast."""

import resource
import subprocess
from pathlib import Path

import pytest

from benchmarks.listening import measuring
from migrations.run import migrate


def test_listeners_are_told_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, less in (("LISTENERS", 10), ("SPARE", 100), ("SETTLED_S", 0.1), ("FEWEST", 3)):
        monkeypatch.setattr(measuring, name, less)
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    told: list[str] = []
    may_open = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = measuring.measure(url, "sqlite", 0.2, told.append)
    assert (found.backend, found.listeners, len(told)) == ("sqlite", 10, 3)
    assert found.one_p99_ms >= found.one_p50_ms > 0 < found.answered_p50_ms
    assert found.all_p99_ms >= found.all_p50_ms > 0
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, check=False)
    assert left.stdout == b""
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == may_open
