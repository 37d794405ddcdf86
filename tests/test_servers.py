"""The fixtures themselves: a real server, a ledger of its own for each test, nothing left over."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from tests import servers

PROBE = """
import sys
from pathlib import Path
from tests import servers

run = servers.Run()
print(run.directory, servers.shared_url(run.directory), flush=True)
sys.stdin.read()
{ending}
"""


def test_the_server_is_real_and_durable(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute(
            "SELECT current_setting('fsync'), current_setting('synchronous_commit'),"
            " current_setting('server_version_num')::int >= 150000"
        ).fetchone()
    assert row == ("on", "on", True)


@pytest.mark.postgresql
def test_sqlalchemy_takes_the_same_url(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://h/db", "postgresql://h/db?schema=s"),
        ("postgresql://h/db?schema=old", "postgresql://h/db?schema=s"),
        ("postgresql://u@/db?host=/tmp/x&port=1", "postgresql://u@/db?host=/tmp/x&port=1&schema=s"),
    ],
)
def test_a_schema_is_put_into_any_url(url: str, expected: str) -> None:
    assert servers.with_query(url, schema="s") == expected
    assert "schema" not in servers.with_query(expected, schema=None)


@pytest.mark.postgresql
@pytest.mark.parametrize("ending", ["run.end()", "import os, signal; os.kill(os.getpid(), 9)"])
def test_no_server_outlives_its_run(ending: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROBE.format(ending=ending)],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as probe:
        assert probe.stdout is not None
        directory, _, url = probe.stdout.readline().strip().partition(" ")
        psycopg.connect(url).close()
        pid = int((Path(directory) / "server/data/postmaster.pid").read_text().split()[0])
        assert Path(directory).exists()
    assert servers.wait_until(lambda: not Path(directory).exists(), 30)
    assert servers.wait_until(lambda: not _runs(pid), 5)


def _runs(pid: int) -> bool:
    return subprocess.run(["kill", "-0", str(pid)], capture_output=True).returncode == 0
