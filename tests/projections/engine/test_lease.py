"""A lease has one holder, who loses it with its process or its connection, and not before."""

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from migrations.run import migrate
from projections.engine.lease import LeaseLost, LeaseTaken, lease

HOLDER = textwrap.dedent("""
    import sys, time
    from domain.eventstore.database import parse_database_url, sqlalchemy_engine
    from projections.engine.lease import lease
    with lease(sqlalchemy_engine(parse_database_url(sys.argv[1])), "test"):
        print("held", flush=True)
        time.sleep(60)
""")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    migrate(database_url)
    made = sqlalchemy_engine(parse_database_url(database_url))
    yield made
    made.dispose()


def test_a_lease_has_one_holder(engine: Engine) -> None:
    with lease(engine, "test"):
        with pytest.raises(LeaseTaken), lease(engine, "test"):
            pass
        with lease(engine, "another"):
            pass
    with lease(engine, "test"):
        pass


def test_who_is_patient_gets_it(engine: Engine) -> None:
    taken, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with lease(engine, "test"):
            taken.set()
            let_go.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait(30)
    with pytest.raises(LeaseTaken), lease(engine, "test", patience_ms=50):
        pass
    threading.Timer(0.1, let_go.set).start()
    with lease(engine, "test", patience_ms=30_000) as held:
        held.check()
    holder.join()


def test_a_killed_holder_leaves_it_free(engine: Engine, database_url: str) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, database_url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LeaseTaken), lease(engine, "test"):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with lease(engine, "test", patience_ms=30_000):
        pass


def test_a_lease_ends_with_its_connection(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("a file's lease has no connection to lose")
    with lease(engine, "test") as held:
        pid = held._connection.scalar(text("SELECT pg_backend_pid()"))
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with pytest.raises(LeaseLost):
            held.check()
    with lease(engine, "test", patience_ms=30_000):
        pass
