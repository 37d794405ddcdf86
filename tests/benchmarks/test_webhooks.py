"""`zhangfang bench webhooks`: what it measures; never how fast."""

from pathlib import Path

import pytest

from benchmarks import webhooks
from migrations.run import migrate


def test_payments_go_on_beside_an_endpoint_that_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, less in (("PENDING", 20), ("WAVE", 10), ("TURNS", 1)):
        monkeypatch.setattr(webhooks, name, less)
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    found = webhooks.measure(url, "sqlite", 0.3, lambda _: None)
    assert found.pending == 20
    assert found.tried > 0
    assert found.waiting >= 20, "nothing has arrived, and nothing is lost"
    for quick, slow in (
        (found.p50_ms, found.p99_ms),
        (found.dead_p50_ms, found.dead_p99_ms),
        (found.silent_p50_ms, found.silent_p99_ms),
    ):
        assert slow >= quick > 0
