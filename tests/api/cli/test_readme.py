"""The README's purchase does what it says, as it stands there."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.api.cli.terminal import ROOT, Terminal
from tests.api.cli.test_serve import first_answer

SERVED = "localhost:8000"


def block(heading: str) -> str:
    """The indented lines below a heading."""
    _, _, rest = Path(ROOT, "README.md").read_text("utf-8").partition(f"\n## {heading}\n")
    lines = rest.partition("\n## ")[0].splitlines()
    return "\n".join(line[4:] for line in lines if line.startswith("    ")) + "\n"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the block is for curl")
def test_one_payment_by_hand_can_be_pasted_and_pasted_again(lone: Terminal) -> None:
    pasted = block("One payment by hand")
    assert SERVED in pasted
    with lone.process("run", "--port", "0", "--json") as process:
        begun = first_answer(process)
        host = begun["urls"]["health"].split("/")[2]
        answers = []
        for _ in range(2):  # What is over when it is pasted again must not be waited for.
            shell = subprocess.run(
                ["bash"],
                input=pasted.replace(SERVED, host),
                env={**os.environ, "KEY": begun["keys"]["operator"]},
                stdout=subprocess.PIPE,
                text=True,
                timeout=120,
                check=True,
            )
            answers.append(json.loads(shell.stdout.splitlines()[-1])["data"]["transaction"])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert answers[0] == answers[1]
    assert answers[0]["state"] == "completed"
    assert answers[0]["fee"] == {"decimal": "0.60"}
    assert [one["rule"] for one in answers[0]["entries"]] == ["escrow_purchase.1", "release.1"]
