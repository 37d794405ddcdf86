"""The simulated outside as a child of this process, for the demo and for `zhangfang run`.

    this process ── starts ─▶ python -m simulator --directory DIR     its book and keys stay in DIR
         │                          │
         ├── holds a pipe open ────▶│   ends, however this process did (kill -9 too): it stops
         └── HTTP, signed ─────────▶│   as any outside; nothing of it is imported

What we are to know of it, as of any channel, is a settings file (`channels.json` in DIR). Here is
also what people outside do by hand: a payer who pays, a bank that closes an account.
"""

import fcntl
import logging
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from domain.kernel import MICROSECONDS
from domain.ledger.ledger import utc_us
from domain.refusals import Code, Refused

log = logging.getLogger("zhangfang.outside")

ROOT = Path(__file__).parents[2]  # Where the package `simulator` lies, beside ours.
START_S, END_S, ANSWER_S = 30, 15, 20
# Bank accounts of the story's merchants: member -> account.
PAYEES = {
    "SANZHI": "6222000000000001",
    "LONGJING": "6222000000000002",
    "SHUFANG": "6222000000000003",
}
IN_USE = 3  # Its exit code when another one works in the directory.
PATIENCE_S = 8  # So long one may take to end whose server was killed.
LONGEST_ADVANCE_S = 400 * 86_400
HINT = "; --simulator DIR names another directory, --no-simulator does without it"


class Outside:
    """A running simulator; use as a context. `url` is where it listens."""

    def __init__(
        self, directory: Path, *, epoch_us: int | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        """Payers do nothing by themselves. `epoch_us`: what time it is there now, else as its clock
        goes; `patience_s`: how long to wait for another one to leave the directory. Raises
        Refused(REQUEST_INVALID, "simulator") when it cannot be started."""
        self.directory = directory
        self._options = ["--payer", "manual", "--faults", "none"]
        if epoch_us is not None:
            self._options += ["--epoch", str(epoch_us), "--start-unix-us", str(utc_us())]
        self._stopping = False
        said = self._started(patience_s)
        self.url: str = said["base_url"]
        self.keys = Path(said["keys"])
        # Calls on loopback: no proxy of the environment has to do with them.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        threading.Thread(target=self._watch, name="outside", daemon=True).start()

    def __enter__(self) -> "Outside":
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        self._stopping = True
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    # Starting.

    def _started(self, patience_s: float) -> dict[str, Any]:
        until_s = time.monotonic() + patience_s
        while True:
            try:
                code, said = self._try()
            except OSError as error:
                code, said = 2, error.strerror or str(error)
            if code is None:
                answer: dict[str, Any] = msgspec.json.decode(said)
                return answer
            if code != IN_USE or time.monotonic() > until_s:
                break
            time.sleep(0.1)
        hint = " (does another `zhangfang run` serve this ledger?)" if code == IN_USE else ""
        detail = f"it did not start: {said.strip().removeprefix('simulator: ')[-300:]}{hint}{HINT}"
        raise Refused(Code.REQUEST_INVALID, "simulator", detail)

    def _try(self) -> tuple[int | None, str]:
        """No code and its line, or its exit code and what it complained of."""
        # -P: what lies in the working directory under its name is not it.
        program = [sys.executable, "-P", "-m", "simulator", "--directory", str(self.directory)]
        inherited = os.environ.get("PYTHONPATH")
        paths = os.pathsep.join([str(ROOT), *([inherited] if inherited else [])])
        with tempfile.TemporaryFile() as complaints:
            self._process = subprocess.Popen(
                [*program, "--until-stdin-ends", "--json", *self._options],
                env={**os.environ, "PYTHONPATH": paths},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                start_new_session=True,  # Ctrl-C is for us, who then end it in order.
            )
            try:
                line = self._first_line()
            except BaseException:
                self._process.kill()
                self._process.communicate()
                raise
            if line:
                return None, line
            code = self._process.wait()
            complaints.seek(0)
            return code or 2, complaints.read()[-2_000:].decode(errors="replace")

    def _first_line(self) -> str:
        out = self._process.stdout
        assert out is not None
        if not select.select([out], [], [], START_S)[0]:
            raise OSError(None, f"it said nothing for {START_S} seconds")
        return out.readline().decode()

    def _watch(self) -> None:
        code = self._process.wait()
        if not self._stopping:
            log.error("the simulator has ended (%d); channels do not answer any more", code)

    # What we are told of it.

    def channels(self, notify_url: str) -> Path:
        """The settings file of its channels, written anew; it calls us at `notify_url`. Accounts of
        merchants (`payees`) that somebody has put into it stay."""
        path = self.directory / "channels.json"
        keys: dict[str, Any] = msgspec.json.decode(self.keys.read_bytes())
        here = {"notify_url": notify_url, "allow_http": True, "payees": PAYEES | _payees(path)}
        content = msgspec.json.format(msgspec.json.encode({**keys, **here}), indent=2)
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        partial.replace(path)
        return path

    # What people do there, and its book.

    def act(self, what: str, **body: object) -> bool:
        """One of /simulate/…; whether it was possible. Raises Refused(BUSY, "simulator")."""
        request = urllib.request.Request(
            f"{self.url}/simulate/{what}", msgspec.json.encode(body), method="POST"
        )
        try:
            with self._opener.open(request, timeout=ANSWER_S):
                return True
        except urllib.error.HTTPError as error:
            if error.code == 409:  # It is so already.
                return False
            told = error.read(500).decode(errors="replace")
            raise Refused(Code.BUSY, "simulator", f"{what}: {told}") from None
        except OSError as error:
            raise Refused(Code.BUSY, "simulator", f"{what}: {error}") from None

    def get(self, path: str) -> dict[str, Any]:
        """One of its readings. Raises Refused(BUSY, "simulator")."""
        try:
            with self._opener.open(self.url + path, timeout=ANSWER_S) as answer:
                found: dict[str, Any] = msgspec.json.decode(answer.read())
                return found
        except OSError as error:
            raise Refused(Code.BUSY, "simulator", f"{path}: {error}") from None

    def accounts(self) -> list[dict[str, Any]]:
        """Every account at its banks: `{"id", "bank", "balance", "opening", …}`, in fen."""
        found: list[dict[str, Any]] = []
        after = ""
        while page := self.get(f"/book/accounts?limit=1000&after={quote(after)}")["accounts"]:
            found += page
            after = page[-1]["id"]
        return found

    def advance_to(self, at_us: int) -> None:
        """Let it be at least so late there (UTC µs)."""
        while (left_us := at_us - self.get("/health")["now_us"]) > 0:
            seconds = min(-(-left_us // MICROSECONDS), LONGEST_ADVANCE_S)
            self.act("clock", seconds=seconds)


def _payees(path: Path) -> dict[str, str]:
    """Those of an earlier file; none when there is no file, or none that can be read."""
    # Here and not above: most commands need neither HTTP nor signatures.
    from domain.channel.adapters.loading import SettingsInvalid, load_payees

    try:
        return load_payees(path)
    except SettingsInvalid:
        return {}


def set_aside(directory: Path) -> Path | None:
    """Rename the directory of a simulator that knows another ledger's payments; None when there is
    none, or one works in it."""
    if not (directory / "book.db").exists():
        return None
    with (directory / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return None
        number = 1
        while (aside := directory.with_name(f"{directory.name}.{number}")).exists():
            number += 1
        return directory.rename(aside)
