"""The command line as its users have it: in this process where that is enough, else a process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from api.cli.app import app
from tests import servers

PROGRAM = (sys.executable, "-m", "api.cli")
ROOT = Path(__file__).parents[3]


class Ran:
    """What a command left: exit code, stdout, stderr."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def json(self) -> Any:
        """Stdout, which must be one JSON value and nothing else."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    def refused(self) -> dict[str, str]:
        """The error of a command run with --json; it left nothing on stdout."""
        assert self.code == 2, (self.code, self.out, self.err)
        assert self.out == ""
        error: dict[str, str] = json.loads(self.err)["error"]
        return error


class Terminal:
    """Runs `zhangfang` on one ledger."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, *arguments: str | Path) -> Ran:
        """A command, the ledger given before it."""
        words = ["--database", self.url, *map(str, arguments)]
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        return Ran(result.exit_code, result.stdout, result.stderr)

    @contextmanager
    def process(self, *arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
        """A command in a process of its own, ended at the latest when the block ends."""
        process = subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            env={**os.environ, "ZHANGFANG_DATABASE": self.url, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=servers.heed_ctrl_c,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()
