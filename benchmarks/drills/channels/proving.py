"""How buyers of the drill prove themselves: a payment password, and a key of their own."""

import hashlib
from base64 import b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.payment.proof import Kind, Out, digest_of

PASSWORD = "271828"
WALLET = "WALLET_BALANCE"


class Signer:
    """A buyer's key, the same in every run."""

    def __init__(self, member_id: str) -> None:
        seed = hashlib.sha256(member_id.encode()).digest()
        self._key, self._member_id = Ed25519PrivateKey.from_private_bytes(seed), member_id
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        content = self._key.public_key().public_bytes(*form)
        self.public_key = b64encode(content).decode()
        self.certificate = hashlib.sha256(content).hexdigest()

    def agreed(self, about: dict[str, Any]) -> dict[str, Any]:
        """What is sent for a proof of a movement."""
        kind: Kind = about["kind"]
        out = Out(kind, self._member_id, about["number"], about["payee"], about["amount_fen"])
        signature = b64encode(self._key.sign(digest_of(out))).decode()
        signed = {"certificate": self.certificate, "signature": signature}
        return {**about, **signed, "payment_password": PASSWORD}


def out_of_a_wallet(
    path: str, body: dict[str, Any], order: dict[str, Any]
) -> tuple[str, dict[str, Any]] | None:
    """Whose wallet a request takes from, and what its owner agrees to; `order` was placed before.
    None: from nobody's."""
    if path == "/v1/transfers":
        fen = body["amount_fen"]
        about = {"kind": "transfer", "number": body["transfer_no"], "payee": body["payee"]}
        return body["payer"], {**about, "amount_fen": fen}
    if not path.endswith("/payments"):
        return None
    fen = sum(line["amount_fen"] for line in order["lines"])
    if body.get("method") != WALLET:
        legs = body.get("legs", ())
        fen = sum(leg["amount_fen"] for leg in legs if leg["method"] == WALLET)
    about = {"kind": "payment", "number": body["payment_no"], "payee": order["order_no"]}
    return (order["buyer"], {**about, "amount_fen": fen}) if fen else None
