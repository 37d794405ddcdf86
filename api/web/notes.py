"""What a page says of what was sent to it: a note in the address that is gone on to, looked up
there among the texts."""

from domain.ledger.answer import Refusal
from domain.refusals import Refused

FACTOR = "factor"  # The note of what was wrong with a password or a code.


def noted(note: str, no: Refused | Refusal | None = None) -> dict[str, str]:
    """`at` says which factor it is about."""
    said = {"note": note} if note else {}
    if no is not None:
        said |= {"why": str(no.code), "at": "code" if no.field == "code" else "password"}
    return said


def is_of_a_factor(no: Refused | Refusal) -> bool:
    return no.field in ("code", "payment_password")
