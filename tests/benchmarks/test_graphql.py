"""`zhangfang bench graphql`: what it prints on a small feed and compares; never how fast."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api.operations.feed import generate, read_feed
from benchmarks.graphql.ledgers import quarter, repeat
from benchmarks.graphql.queries import QUERIES, plain

ROOT = Path(__file__).parent.parent.parent
FIELDS = {
    "backend",
    "name",
    "ledger",
    "rows",
    "per_second",
    "cpu_ms",
    "server_cpu_ms",
    "database_cpu_ms",
    "p50_ms",
    "p99_ms",
    "stock_cpu_ms",
    "floor_cpu_ms",
    "aim_ms",
}


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    directory = tmp_path / "small"
    generate(directory, orders=60, merchants=2, days=4, seed=5)
    return directory


def bench(temporary: Path, *options: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "bench", "graphql", "--json", *options],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [kind for kind, lines in found.items() if lines] == ["queries"]
    queries: list[dict[str, Any]] = found["queries"]
    return queries


@pytest.mark.skipif(not Path("/proc").exists(), reason="CPU of other processes is in /proc")
@pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_every_query_is_measured_on_both_ledgers(
    backend: str, feed: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    options = ["--backend", backend, "--seconds", "0.2", "--scale", "2", "--feed", str(feed)]
    if backend == "postgresql":
        options += ["--postgres", request.getfixturevalue("postgres_url")]
    found = bench(scratch, *options)

    names = [query.name for query in QUERIES]
    assert [(one["ledger"], one["name"]) for one in found] == [
        (ledger, name) for ledger in ("small", "small x2") for name in names
    ]
    for one in found:
        assert set(one) == FIELDS
        assert one["backend"] == backend
        measured = FIELDS - {"backend", "name", "ledger", "aim_ms", "database_cpu_ms"}
        assert all(one[name] > 0 for name in measured), one
        assert one["p50_ms"] <= one["p99_ms"]
        assert (one["database_cpu_ms"] > 0) == (backend == "postgresql")
        assert (one["aim_ms"] is None) == (backend == "sqlite")
    rows = {one["name"]: one["rows"] for one in found if one["ledger"] == "small x2"}
    assert rows["50 lines"] == rows["50 with entries"] == rows["50 lines, deep"] == 50
    assert rows["one account"] == 1
    assert list(scratch.iterdir()) == []


def test_a_longer_feed_is_the_same_trade_later(feed: Path, tmp_path: Path) -> None:
    repeat(feed, tmp_path / "longer", 3)
    once, longer = (read_feed(path, lambda _: False) for path in (feed, tmp_path / "longer"))
    assert not len(longer.rejects)
    orders, further = (
        gzip.decompress((path / "orders.csv.gz").read_bytes()).decode().splitlines()
        for path in (feed, tmp_path / "longer")
    )
    assert len(further) - 1 == 3 * (len(orders) - 1)
    assert once.days and longer.days
    assert (longer.days[0] - once.days[0]).days == 0
    assert (longer.last_day - once.last_day).days == 14  # type: ignore[operator]
    assert longer.last_day.weekday() == once.last_day.weekday()  # type: ignore[union-attr]


def test_a_given_feed_is_called_by_its_directory(feed: Path, tmp_path: Path) -> None:
    assert quarter(tmp_path / "unused", feed, lambda _: None) == (feed, "small")


@pytest.mark.parametrize(
    ("shown", "column"),
    [
        ({"minor": "-12", "currency": "CNY"}, -12),
        ("1970-01-01T08:00:01+08:00", 1_000_000),
        ("SHOP22-536365", "SHOP22-536365"),
        ({"edges": [{"node": {"seq": "7"}}, {"node": {"seq": "8"}}]}, [{"seq": 7}, {"seq": 8}]),
    ],
)
def test_answers_are_compared_by_what_the_columns_have(shown: Any, column: Any) -> None:
    assert plain(shown) == column
