"""Proof (验证凭据): by which factors a payer agreed to one movement out of the wallet.

A door verifies what the payer knows or has (`api/operations/factors.py`) and keeps a proof of it;
a command carries the proof, and no secret. It is for one number, one amount and one payee, and good
for a short time. A number starts one payment only, so a proof can be used once.
"""

from msgspec import Struct

from domain.payment.caps import Factor
from domain.refusals import Code, Refused


class Proof(Struct, frozen=True):
    """`number` of the payment or transfer, `payee` the order's number or the member who is paid,
    `amount_fen` what leaves the wallet, `expires_us` until when it is good, UTC µs."""

    proof: str
    member_id: str
    number: str
    payee: str
    amount_fen: int
    factors: tuple[Factor, ...]
    expires_us: int


def refuse_unfit(
    proof: Proof, member_id: str, number: str, payee: str, amount_fen: int, at_us: int
) -> None:
    """Raises Refused(PROOF_UNFIT | PROOF_EXPIRED)."""
    wanted = {
        "member_id": member_id,
        "number": number,
        "payee": payee,
        "amount_fen": amount_fen,
    }
    for name, value in wanted.items():
        if getattr(proof, name) != value:
            detail = f"it was given for another {name}"
            raise Refused(Code.PROOF_UNFIT, "proof", detail)
    if at_us >= proof.expires_us:
        raise Refused(Code.PROOF_EXPIRED, "proof")
