"""The simulated outside as a child of this process, for the demo and for `zhangfang run`.

    this process ── starts ─▶ python -m simulator --directory DIR     its book and keys stay in DIR
         └── HTTP, signed ─────────▶│   as any outside; nothing of it is imported

What we are to know of it, as of any channel, is a settings file (`channels.json` in DIR). Here is
also what people outside do by hand: a payer who pays, a bank that closes an account.
"""

import fcntl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from api.operations.child import Child, NotStarted, write_secret
from domain.kernel import MICROSECONDS
from domain.ledger.ledger import utc_us
from domain.refusals import Code, Refused

ANSWER_S = 20
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
        self._options = ["--directory", str(directory), "--payer", "manual", "--faults", "none"]
        self._options.append("--sandbox")
        if epoch_us is not None:
            self._options += ["--epoch", str(epoch_us), "--start-unix-us", str(utc_us())]
        self._child = self._started(patience_s)
        self.url: str = self._child.said["base_url"]
        self.keys = Path(self._child.said["keys"])
        # Calls on loopback: no proxy of the environment has to do with them.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __enter__(self) -> "Outside":
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._child.pid

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        self._child.stop()

    def _started(self, patience_s: float) -> Child:
        until_s = time.monotonic() + patience_s
        while True:
            try:
                return Child("simulator", self._options)
            except NotStarted as no:
                last = no
            if last.code != IN_USE or time.monotonic() > until_s:
                break
            time.sleep(0.1)
        hint = " (does another `zhangfang run` serve this ledger?)" if last.code == IN_USE else ""
        told = last.said.strip().removeprefix("simulator: ")[-300:]
        raise Refused(Code.REQUEST_INVALID, "simulator", f"it did not start: {told}{hint}{HINT}")

    # What we are told of it.

    def channels(self, notify_url: str) -> Path:
        """The settings file of its channels, written anew; it calls us at `notify_url`. Accounts of
        merchants (`payees`) that somebody has put into it stay."""
        path = self.directory / "channels.json"
        keys: dict[str, Any] = msgspec.json.decode(self.keys.read_bytes())
        here = {"notify_url": notify_url, "allow_http": True, "payees": PAYEES | _payees(path)}
        write_secret(path, {**keys, **here})
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
        return renamed(directory)


def renamed(directory: Path) -> Path:
    """Put aside under the next free number."""
    number = 1
    while (aside := directory.with_name(f"{directory.name}.{number}")).exists():
        number += 1
    return directory.rename(aside)
