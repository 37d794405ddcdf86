"""What `zhangfang verify` says of a drill's books."""

import json
import subprocess
import sys
from typing import Any

from benchmarks.drills.served import environment


def verified(url: str) -> dict[str, Any]:
    """The answer of `zhangfang verify --json` on the books."""
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "verify", "--json", "--database", url],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"clean": False, "findings": [done.stdout + done.stderr]}
    return answer
