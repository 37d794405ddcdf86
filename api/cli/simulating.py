"""`zhangfang simulator`: the outside, a program of its own that shares no code with this one.

This process becomes it. Nothing of it is imported here.
"""

import os
import sys

import typer

from api.cli.output import GIVEN


def simulator(context: typer.Context) -> None:
    """Play the outside: banks, clearing networks, WeChat Pay; `zhangfang simulator --help`."""
    arguments = list(context.args)
    if GIVEN.get()[1] and "--json" not in arguments:
        arguments.append("--json")
    os.execv(sys.executable, [sys.executable, "-m", "simulator", *arguments])  # Never comes back.
