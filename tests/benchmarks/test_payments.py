"""`zhangfang bench payments`: what it measures and that it leaves nothing; never how fast."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.payments import measuring
from benchmarks.payments.outside import FAST, USUAL
from migrations.run import migrate


def test_payments_go_through_and_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, less in (("IN_FLIGHT", (1, 4)), ("BESIDE", 4), ("STUCK", 3), ("MARGIN", 300)):
        monkeypatch.setattr(measuring, name, less)
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    told: list[str] = []
    found, beside = measuring.measure(url, "sqlite", 0.3, told.append)
    cells = [(one.answer_ms, one.in_flight) for one in found]
    assert cells == [(lane.answer_ms, n) for lane in (FAST, USUAL) for n in (1, 4)]
    for one in found:
        assert one.per_second > 0 < one.bare_per_second
        assert one.paid_p99_ms >= one.paid_p50_ms > 0
        assert one.visible_p99_ms >= one.visible_p50_ms > 0
        assert one.server_cpu_ms > 0 == one.database_cpu_ms
    assert beside.beside_per_second > 0 < beside.per_second
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, check=False)
    assert left.stdout == b""
