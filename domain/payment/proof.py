"""Proof (验证凭据): by which factors a payer agreed to one movement out of the wallet.

A door verifies what the payer knows or has (`api/operations/factors.py`) and gives a proof of it; a
command carries the proof, and no secret. It is for one number, one amount and one payee, and good
for a short time. A number starts one payment only, so a proof can be used once.
"""

import hashlib
from typing import Literal

from msgspec import Struct

from domain.fields import checked_member_id, checked_number
from domain.member.binding import checked_token
from domain.money import fen
from domain.payment.caps import Factor
from domain.refusals import Code, Refused

Kind = Literal["payment", "transfer", "withdrawal"]
FEN = "amount_fen"


class Out(Struct, frozen=True):
    """A movement out of a wallet, as its owner sees it: `number` of the payment, transfer or
    withdrawal, `payee` the order's number, the member who is paid or the card, as its token,
    `amount_fen` what leaves the wallet, a withdrawal's fee and all."""

    kind: Kind
    member_id: str
    number: str
    payee: str
    amount_fen: int


class Proof(Struct, frozen=True):
    """`proof` names it; `expires_us` is until when it is good, UTC µs."""

    proof: str
    out: Out
    factors: tuple[Factor, ...]
    expires_us: int


def checked_out(kind: Kind, member_id: str, number: str, payee: str, amount_fen: int) -> Out:
    """What a door is asked about. Raises Refused: IDENTIFIER_INVALID, AMOUNT_*."""
    out = Out(kind, member_id, checked_number(number, "number"), payee, fen(amount_fen, FEN))
    if kind == "transfer":
        checked_member_id(payee, "payee")
    elif kind == "withdrawal":
        checked_token(payee, "payee")
    else:
        checked_number(payee, "payee")
    return out


def digest_of(out: Out) -> bytes:
    """What a certificate signs: 32 bytes that no other movement has. A line for each field, and a
    first one that says what it is: none of them can hold the end of a line."""
    fields = (out.kind, out.member_id, out.number, out.payee, str(out.amount_fen))
    return hashlib.sha256("\n".join(("zhangfang-wallet-1", *fields, "")).encode()).digest()


def refuse_unfit(proof: Proof, out: Out, at_us: int) -> None:
    """Raises Refused(PROOF_UNFIT | PROOF_EXPIRED)."""
    for name in Out.__struct_fields__:
        if getattr(proof.out, name) != getattr(out, name):
            raise Refused(Code.PROOF_UNFIT, "proof", f"it was given for another {name}")
    if at_us >= proof.expires_us:
        raise Refused(Code.PROOF_EXPIRED, "proof")
