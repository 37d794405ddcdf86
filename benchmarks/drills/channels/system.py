"""The system under the drill: a server process that is started again whenever it was killed."""

import subprocess
import sys
import threading
import time
from typing import IO

import httpx2
import msgspec

from benchmarks.drills.channels.clocked import Given
from benchmarks.drills.served import ROOT, STOP_SECONDS, environment

START_S = 30
WATCH_S = 0.05
KILLED = -9


class System:
    """Use as a context. `kills` is how often it died by SIGKILL; `failed` says what else ended
    it."""

    def __init__(self, given: Given, log: IO[str]) -> None:
        self._given, self._log = given, log
        self.url = f"http://127.0.0.1:{given.port}"
        self.kills, self.failed = 0, ""
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "System":
        self._start()
        until = time.monotonic() + START_S
        try:
            while not self._answers():
                if time.monotonic() > until or self._process.poll() not in (None, KILLED):
                    raise RuntimeError("the server did not start")
                time.sleep(WATCH_S)
        except BaseException:
            self._end()
            raise
        self._watcher.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._end()

    def _start(self) -> None:
        argument = msgspec.json.encode(self._given).decode()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.drills.channels.clocked", argument],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,  # Closed when the drill is gone, and then so is the server.
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/health", timeout=5).is_success
        except httpx2.HTTPError:
            return False

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_S):
            code = self._process.poll()
            if code is None:
                continue
            if code != KILLED:
                self.failed = f"the server ended with {code}"
                return
            self.kills += 1
            self._start()
