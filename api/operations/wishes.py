"""What callers say of a payer's factors, in clear: no command, and kept nowhere as it is said."""

from typing import Literal

from api.operations.personal import Wish
from domain.payment.proof import Kind


class PasswordWanted(Wish, frozen=True, forbid_unknown_fields=True):
    payment_password: str


class PasswordChanged(Wish, frozen=True, forbid_unknown_fields=True):
    payment_password: str
    new_payment_password: str


class PasswordForgotten(Wish, frozen=True, forbid_unknown_fields=True):
    """Who the member is, as it is certified, and the code that went to its telephone."""

    name: str
    identity: str
    code: str
    new_payment_password: str


class CodeWanted(Wish, frozen=True, forbid_unknown_fields=True):
    """A code for one movement, whose fields are those of its proof; for `reset` of the password
    there are none."""

    kind: Literal["payment", "transfer", "withdrawal", "reset"]
    number: str = ""
    payee: str = ""
    amount_fen: int = 0


class ProofWanted(Wish, frozen=True, forbid_unknown_fields=True):
    """The factors that are given, for one movement. Base64 in `signature`."""

    kind: Kind
    number: str
    payee: str
    amount_fen: int
    payment_password: str = ""
    code: str = ""
    certificate: str = ""
    signature: str = ""


class KeyShown(Wish, frozen=True, forbid_unknown_fields=True):
    """A public key: Base64 of its SubjectPublicKeyInfo (DER)."""

    public_key: str
