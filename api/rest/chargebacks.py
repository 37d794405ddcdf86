"""Chargebacks: what channels say that payers' banks dispute, evidence, and how it ended."""

import base64
import binascii
import hashlib
from typing import Any

from msgspec import Struct

from api.context import AppContext
from api.rest.endpoint import Endpoint
from domain.approval.kinds import Limits
from domain.eventstore import blobs
from domain.reconciliation.charging import (
    AcceptChargeback,
    EndChargeback,
    ReceiveChargeback,
    RepresentChargeback,
)
from domain.refusals import Code, Refused

CASE, OTHER = {"chargeback": "JD_PAY-C1001"}, {"chargeback": "JD_PAY-C1002"}
PROOF = b"signed for by the buyer"


class RepresentWish(Struct, frozen=True, forbid_unknown_fields=True):
    """Evidence in clear: `evidence` is its bytes in base64."""

    chargeback: str
    evidence: str
    reason: str


def _bytes(wish: RepresentWish) -> bytes:
    """Raises Refused(REQUEST_INVALID, "evidence")."""
    try:
        content = base64.b64decode(wish.evidence, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(Code.REQUEST_INVALID, "evidence", "base64 is needed") from None
    if not content:
        raise Refused(Code.REQUEST_INVALID, "evidence", "it is empty")
    return content


def _keep(context: AppContext, wish: Any) -> None:
    """The bytes are in the blob store before a command names them."""
    blobs.put(context.writes, [_bytes(wish)])


def _named(_limits: Limits, wish: Any) -> RepresentChargeback:
    digest = hashlib.sha256(_bytes(wish)).hexdigest()
    return RepresentChargeback(wish.chargeback, digest, wish.reason)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/chargebacks",
        command=ReceiveChargeback,
        summary="A channel disputes a payment, or wants evidence of it: its money is held",
        sample={},
        body={
            "channel": "JD_PAY",
            "number": "C1001",
            "transaction_id": "WALNUTS-JD4001",
            "amount_fen": 5_000,
            "due": "2026-12-07",
            "serial": "JD20261123000001",
            "reason_code": "4853",
        },
        result={**CASE, "state": "evidence_due"},
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/chargebacks/{chargeback}/represent",
        command=RepresentChargeback,
        summary="Hand evidence in: its bytes are kept, under their SHA-256",
        sample=CASE,
        body={"evidence": base64.b64encode(PROOF).decode(), "reason": "it was delivered"},
        result={**CASE, "state": "represented"},
        wish=RepresentWish,
        beforehand=_keep,
        settled=_named,
    ),
    Endpoint(
        method="POST",
        path="/v1/chargebacks/{chargeback}/end",
        command=EndChargeback,
        summary="The channel's word: won or lost",
        sample=CASE,
        body={"outcome": "won", "reason": "the bank takes it back"},
        result={**CASE, "state": "won"},
    ),
    Endpoint(
        method="POST",
        path="/v1/chargebacks/{chargeback}/accept",
        command=AcceptChargeback,
        summary="It is not disputed: the payer keeps the money",
        sample=OTHER,
        body={"reason": "it was never sent"},
        result={**OTHER, "state": "accepted"},
    ),
)
