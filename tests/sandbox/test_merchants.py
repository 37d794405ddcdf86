"""docs/merchants.md: every command of it, pasted into one shell, beside a fresh `zhangfang run`."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.api.cli.terminal import ROOT, Terminal
from tests.api.cli.test_serve import first_answer
from tests.sandbox.conftest import until

DOC = ROOT / "docs/merchants.md"
DONE = "__done__"
BUYER = "Open the link in a browser"


class Shell:
    """One bash that keeps its words and variables from block to block."""

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash"],
            cwd=directory,
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.paste("set -eo pipefail")

    def paste(self, text: str) -> str:
        """What is printed. Fails where a command does."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(f"{text}\necho {DONE}\n")
        stdin.flush()
        lines: list[str] = []
        for line in stdout:
            if line.strip() == DONE:
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"a command failed:\n{''.join(lines)}\nof:\n{text}")

    def end(self) -> None:
        """With what it has left running."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


@contextmanager
def shell(directory: Path, env: dict[str, str]) -> Iterator[Shell]:
    opened = Shell(directory, env)
    try:
        yield opened
    finally:
        opened.end()


def steps() -> list[tuple[str, str]]:
    """(heading, block) of what is to be run, and (heading, "") where the buyer acts."""
    found = []
    for section in DOC.read_text("utf-8").split("\n## ")[1:]:
        heading = section.splitlines()[0]
        for block, buyer in re.findall(rf"```sh\n(.*?)```|({BUYER})", section, re.DOTALL):
            found.append((heading, "" if buyer else block))
    return found


def pays(link: str) -> None:
    """The buyer, with a browser that is none: the cashier's form, then the bank's page."""
    with httpx2.Client(follow_redirects=True, timeout=20) as client:
        page = client.get(link).text
        form = dict(re.findall(r'name="(attempt|page|token)" value="([^"]*)"', page))
        session = link.rpartition("/")[0]
        client.post(session, data={**form, "method": "JD_PAY"})

        def at_the_bank() -> str:
            found = re.search(r'href="(http://127\.0\.0\.1:\d+/pay/\d+)"', client.get(session).text)
            return found[1] if found else ""

        bank: str = until(at_the_bank)
        shown = client.get(bank).text
        choice = re.search(r'value="(\d+)">paid at once<', shown)
        assert choice is not None, shown
        client.post(bank, data={"choice": choice[1]})


def box_of(begun: dict[str, Any], terminal: Terminal) -> dict[str, str]:
    return {
        "API": begun["urls"]["health"].removesuffix("/health"),
        "SIMULATOR": begun["simulator"]["url"],
        "OPERATOR": begun["keys"]["operator"],
        "ZHANGFANG_DATABASE": terminal.url,
    }


@pytest.mark.skipif(shutil.which("curl") is None, reason="the commands are for curl")
def test_ten_steps_lead_to_a_settled_payment(lone: Terminal, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "zhangfang"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m api.cli "$@"\n')
    program.chmod(0o755)
    path = {"PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    printed: dict[str, str] = {}
    with lone.process("run", "--port", "0", "--json") as process:
        env = box_of(first_answer(process), lone) | path
        with shell(tmp_path, env) as opened:
            for heading, block in steps():
                if block:
                    said = opened.paste(block)
                    printed[heading] = printed.get(heading, "") + said
                else:
                    pays(printed[heading].split()[-1])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    numbers = [heading.split(".")[0] for heading in printed]
    assert numbers == [str(number) for number in range(1, 11)]
    assert '"state":"paid"' in printed["8. Read what happened"]
    assert '"state":"succeeded"' in printed["9. Give some of it back"]
    paid = printed["10. Be paid"]
    amounts = re.findall(r'"(\w+)":\{"decimal":"([^"]*)"\}', paid)
    assert amounts == [
        ("sales", "80.00"),  # What was given back before its release was never released.
        ("refunds", "0.00"),
        ("fees", "0.48"),
        ("settled", "79.52"),
        ("closing", "0.00"),
    ]
    assert "7952" in paid.rpartition("account:1100012345678901234567")[2]
    assert lone("verify").code == 0
