"""What is said of bills and quotas, in the same words at the terminal and over HTTP."""

from typing import Any

from msgspec.structs import asdict

from domain.reconciliation.bills.fault import Fault
from projections.models.quotas import Quota


def fault_json(fault: Fault) -> dict[str, Any]:
    """The first thing that is wrong with a bill's file."""
    return {"line": fault.line, "code": fault.code.value, "detail": fault.detail}


def quota_json(one: Quota) -> dict[str, Any]:
    """What a clearing network may move of the reserve account; fen."""
    told = {**asdict(one), "on": one.on.isoformat()}
    return {**told, "available_fen": one.available_fen}
