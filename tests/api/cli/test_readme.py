"""The README's purchase does what it says, as it stands there."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.api.cli.terminal import ROOT, Terminal
from tests.api.cli.test_serve import first_answer, get

SERVED = "localhost:8000"


def block(heading: str, readme: str = "README.md") -> str:
    """The indented lines below a heading."""
    _, _, rest = Path(ROOT, readme).read_text("utf-8").partition(f"\n## {heading}\n")
    lines = rest.partition("\n## ")[0].splitlines()
    return "\n".join(line[4:] for line in lines if line.startswith("    ")) + "\n"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the block is for curl")
def test_one_payment_by_hand_can_be_pasted_and_pasted_again(lone: Terminal) -> None:
    with lone.process("run", "--port", "0", "--json") as process:
        begun = first_answer(process)

        def paste(text: str) -> str:
            """What is printed in the end."""
            assert SERVED in text
            key, simulator = begun["keys"]["operator"], begun["simulator"]["url"]
            shell = subprocess.run(
                ["bash"],
                input=text.replace(SERVED, begun["urls"]["health"].split("/")[2]),
                env={**os.environ, "KEY": key, "SIMULATOR": simulator},
                stdout=subprocess.PIPE,
                text=True,
                timeout=120,
                check=True,
            )
            return shell.stdout.splitlines()[-1]

        pasted = block("One payment by hand")
        # What is over when it is pasted again must not be waited for.
        answers = [json.loads(paste(pasted))["data"]["transaction"] for _ in range(2)]
        there = begun["simulator"]["url"] + "/book?limit=1000"
        orders = {one["number"]: one["state"] for one in get(there)["orders"]}
        by_hand = paste(block("手工支付一笔", "README.zh.md"))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert answers[0] == answers[1]
    assert answers[0]["state"] == "completed"
    assert answers[0]["fee"] == {"decimal": "0.60"}
    assert [one["rule"] for one in answers[0]["entries"]] == ["escrow_purchase.1", "release.2"]
    assert orders["pay-P1"] == "SUCCEEDED"
    assert '"payment":{"state":"succeeded"' in by_hand
