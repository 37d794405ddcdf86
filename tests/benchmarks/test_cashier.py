"""`zhangfang bench cashier`: what it measures and that it leaves nothing; never how fast."""

import resource
import subprocess
from pathlib import Path

import pytest

from benchmarks.cashier import measuring, paying, told
from migrations.run import migrate


def test_payers_pay_and_pages_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    less = {
        told: {"LISTENERS": 10, "FEWEST": 4, "MOST": 10, "SETTLED_S": 0.1},
        paying: {"PAYERS": 4, "WARM_UP_S": 0.1},
        measuring: {"MARGIN": 100},
    }
    for module, figures in less.items():
        for name, figure in figures.items():
            monkeypatch.setattr(module, name, figure)
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    may_open = resource.getrlimit(resource.RLIMIT_NOFILE)
    pages, listened = measuring.measure(url, "sqlite", 0.5, lambda _: None)
    assert (pages.backend, pages.payers, listened.listeners) == ("sqlite", 4, 10)
    assert pages.page_bytes > 1_000 and pages.server_cpu_ms > 0
    for quick, slow in (
        (pages.page_p50_ms, pages.page_p99_ms),
        (pages.journey_p50_ms, pages.journey_p99_ms),
        (pages.bare_p50_ms, pages.bare_p99_ms),
        (listened.alone_p50_ms, listened.alone_p99_ms),
        (listened.told_p50_ms, listened.told_p99_ms),
    ):
        assert slow >= quick > 0
    assert pages.bare_per_second > 0 < listened.committed_p50_ms
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, check=False)
    assert left.stdout == b""
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == may_open
