"""A program of ours beside this process: a child that ends when this process does.

    this process ── starts ─▶ python -m <module> … --until-stdin-ends --json
         │                          │
         └── holds a pipe open ────▶│   ends, however this process did (kill -9 too): it stops

It says in one line of JSON that it listens. Nothing of it is imported here.
"""

import logging
import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

log = logging.getLogger("zhangfang.child")

ROOT = Path(__file__).parents[2]  # Where the packages lie that are started.
START_S, END_S = 30, 15


class NotStarted(Exception):
    """`code`: its exit code; `said`: what it complained of."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code, self.said = code, said


class Child:
    """A running program. `said` is its first line."""

    def __init__(self, module: str, options: Sequence[str]) -> None:
        """Raises NotStarted."""
        self._module, self._stopping = module, False
        try:
            self.said = self._started(options)
        except OSError as error:
            raise NotStarted(2, error.strerror or str(error)) from None
        threading.Thread(target=self._watch, name=module, daemon=True).start()

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

    def _started(self, options: Sequence[str]) -> dict[str, Any]:
        # -P: what lies in the working directory under its name is not it.
        program = [sys.executable, "-P", "-m", self._module, *options]
        inherited = os.environ.get("PYTHONPATH")
        paths = os.pathsep.join([str(ROOT), *([inherited] if inherited else [])])
        with tempfile.TemporaryFile() as complaints:
            self._process = subprocess.Popen(
                [*program, "--until-stdin-ends", "--json"],
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
                said: dict[str, Any] = msgspec.json.decode(line)
                return said
            code = self._process.wait()
            complaints.seek(0)
            raise NotStarted(code or 2, complaints.read()[-2_000:].decode(errors="replace"))

    def _first_line(self) -> str:
        out = self._process.stdout
        assert out is not None
        if not select.select([out], [], [], START_S)[0]:
            raise OSError(None, f"it said nothing for {START_S} seconds")
        return out.readline().decode()

    def _watch(self) -> None:
        code = self._process.wait()
        if not self._stopping:
            log.error("the %s has ended (%d)", self._module, code)


def write_secret(path: Path, value: Any) -> None:
    """A file of JSON, whole or not at all, that its owner alone can read."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    content = msgspec.json.format(msgspec.json.encode(value), indent=2)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    partial.replace(path)
