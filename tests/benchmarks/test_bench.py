"""`zhangfang bench`: the shape of what it prints and that it leaves nothing; never how fast."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from benchmarks import rebuild
from tests import servers

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "benchmarks.run", "--seconds", "0.2", "--json"]
FIELDS = {
    "transfers": {"backend", "callers", "shape", "per_second", "p50_ms", "p99_ms"},
    "lifecycles": {
        "backend",
        "per_second",
        "facts_per_second",
        "bytes_per_lifecycle",
        "callers",
        "callers_per_second",
    },
    "visible": {
        "backend",
        "p50_ms",
        "p99_ms",
        "lifecycles_per_second",
        "loaded_p50_ms",
        "loaded_p99_ms",
    },
    "rebuild": {
        "backend",
        "facts",
        "facts_per_second",
        "peak_rss_mib",
        "rss_mib",
        "live_per_second",
    },
    "feed": {
        "backend",
        "rows",
        "checked_per_second",
        "check_mib",
        "checked_peak_mib",
        "imported",
        "imported_per_second",
        "import_mib",
        "peak_mib",
    },
    "floor": {"backend", "rows_per_second", "transfers_per_second"},
    "library": {"backend", "transfers_per_second"},
    "queries": set(),  # On request only: test_graphql.py.
    "payments": set(),  # On request only: test_payments.py.
    "beside": set(),
    "subscriptions": set(),  # On request only: test_listening.py.
    "webhooks": set(),  # On request only: test_webhooks.py.
    "cashier": set(),  # On request only: test_cashier.py.
    "cashier_told": set(),
    "bills_read": set(),  # On request only: test_reconcile.py.
    "bills_matched": set(),
}
SINGLE = ("lifecycles", "visible", "rebuild", "feed", "floor", "library")  # One line a backend.
TEXTS = {"backend", "shape"}
CASES = {(callers, shape) for callers in (1, 8, 32, 256) for shape in ("uniform", "hot")}


def bench(temporary: Path, *options: str) -> dict[str, list[dict[str, Any]]]:
    done = subprocess.run(
        [*COMMAND, *options],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "turn 1 of" in done.stderr or "--only" in options, "progress goes to stderr"
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return found


def schemas(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^bench_'")
        return sorted(row[0] for row in rows)


@pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_every_figure_is_there_and_nothing_is_left(
    backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    options = ["--backend", backend]
    before: list[str] = []
    if backend == "postgresql":
        server = request.getfixturevalue("postgres_url")
        options += ["--postgres", server]
        before = schemas(server)
    found = bench(tmp_path, *options)

    assert set(found) == set(FIELDS)
    for kind, lines in found.items():
        for line in lines:
            assert set(line) == FIELDS[kind]
            assert line["backend"] == backend
            for name in FIELDS[kind] - TEXTS:
                figures = line[name] if isinstance(line[name], list) else [line[name]]
                assert figures and all(figure > 0 for figure in figures), (kind, name)
    assert {(one["callers"], one["shape"]) for one in found["transfers"]} == CASES
    assert all(one["p50_ms"] <= one["p99_ms"] for one in found["transfers"])
    assert [len(found[kind]) for kind in SINGLE] == [1] * len(SINGLE)
    assert found["rebuild"][0]["facts"] >= rebuild.FACTS_PER_SECOND * 2 // 10

    assert list(tmp_path.iterdir()) == []
    if backend == "postgresql":
        assert schemas(server) == before


def test_only_what_is_asked_for_is_measured(tmp_path: Path) -> None:
    found = bench(tmp_path, "--only", "floor", "--only", "library", "--backend", "sqlite")
    assert {kind for kind, lines in found.items() if lines} == {"floor", "library"}
    assert set(found) == set(FIELDS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "--seconds", "60", "--only", "transfers", "--backend", "sqlite"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=servers.heed_ctrl_c,
    ) as running:
        assert servers.wait_until(lambda: any(tmp_path.rglob("ledger.db-wal")), 60)
        running.send_signal(number)
        printed, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert printed == ""
    assert list(tmp_path.iterdir()) == []
