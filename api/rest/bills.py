"""That a channel has no bill of a day. Its files come through `bill_files.py`."""

from collections.abc import Mapping
from typing import Any

from api.context import AppContext
from api.operations.bills.importing import fill
from api.rest.endpoint import Endpoint
from domain.kernel import Request
from domain.ledger.answer import Answer
from domain.reconciliation.commands import TellNoTrade

PATH = "/v1/bills"
WHICH = {"channel": "WECHAT_PAY", "date": "2026-11-23", "kind": "trade"}
_NOTHING = {"sha256": "", "lines": 0, "paid_fen": 0, "refunded_fen": 0, "fee_milli_fen": 0}


def _filled(context: AppContext, asked: Request, answer: Answer) -> Mapping[str, Any] | None:
    """What matching reads is of the newest version again."""
    if answer.refused is not None:
        return None
    assert isinstance(asked.command, TellNoTrade)
    fill(context.ledger, context.writes, asked.command)
    return {"refused": []}


ENDPOINTS = (
    Endpoint(
        method="POST",
        path=f"{PATH}/no-trade",
        command=TellNoTrade,
        summary="Record that a channel has no bill of a day because nothing moved",
        sample={},
        body={**WHICH, "kind": "fund", "reason": "NO_STATEMENT_EXIST", "replaces": 0},
        result={**WHICH, "kind": "fund", "version": 1, **_NOTHING, "replaces": 0, "refused": []},
        defaults={"kind": "trade"},
        afterwards=_filled,
    ),
)
