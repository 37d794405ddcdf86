"""The simulator as a process: started, killed and started again in its directory."""

import json
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.drills.served import ROOT, environment

TIMEOUT_S = 20
NOT_POSSIBLE = 409
MOVED = ("charges", "reversals", "returns")


class Outside:
    """`python -m simulator` on a virtual clock; what is not given again is as it was."""

    def __init__(self, directory: Path, *options: str) -> None:
        self._directory = directory
        self.kills = 0
        self._killing = threading.Lock()
        self._start(*options)

    def _start(self, *options: str) -> None:
        command = [sys.executable, "-m", "simulator", "--json", "--until-stdin-ends"]
        self._process = subprocess.Popen(
            [*command, "--directory", str(self._directory), *options],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,  # It ends when the drill is gone.
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        try:
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError("the simulator did not start")
        except BaseException:
            self.stop()
            raise
        said = json.loads(line)
        self.url, self.keys = said["base_url"], Path(said["keys"])

    def kill(self) -> None:
        """`kill -9`, and a new start; one after the other, whoever wants it."""
        with self._killing:
            self._process.kill()
            self._process.wait()
            self.kills += 1
            self._start()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def get(self, path: str) -> dict[str, Any]:
        answer = httpx2.get(self.url + path, timeout=TIMEOUT_S)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def act(self, act: str, wish: dict[str, Any]) -> None:
        """What people and banks do by hand. One that is not possible any more is none."""
        answer = httpx2.post(f"{self.url}/simulate/{act}", json=wish, timeout=TIMEOUT_S)
        if answer.status_code != NOT_POSSIBLE:
            answer.raise_for_status()

    def next_us(self) -> int | None:
        """When something happens there or is told (UTC µs), None: never."""
        totals = self.get("/book/totals")
        times = (totals["next_task_at"], totals["next_callback_at"])
        instants = (datetime.fromisoformat(one) for one in times if one is not None)
        return min((int(one.timestamp() * 1_000_000) for one in instants), default=None)

    def book(self) -> list[dict[str, Any]]:
        """Every order."""
        found: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = self.get(f"/book?after={after}&limit=1000")
            found, after = found + page["orders"], page["next"]
        return found
