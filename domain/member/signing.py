"""Signing with a bank (签约): what is wished, and what the bank says, whatever the wire is."""

from typing import Literal

from msgspec import Struct

Owner = Literal["personal", "enterprise"]
Relation = Literal["", "legal_representative", "guardian", "authorised"]


class Wish(Struct, frozen=True):
    """What is to be bound. `same_name`: of an enterprise, whether the account is in its registered
    name, which only the door can tell; a person's cards are compared by their holder."""

    owner: Owner
    card: str
    particulars: str
    holder: str
    tail: str
    same_name: bool = True
    relation: Relation = ""
    document: str = ""


class Said(Struct, frozen=True):
    """What the bank said, whatever the wire was; the fields are those of its kind."""

    kind: Literal["code_sent", "signed", "code_wrong", "refused", "ended", "unknown"]
    bank: str = ""
    card_kind: str = ""
    expires_us: int = 0
    agreement: str = ""
    tries_left: int = 0
    reason: str = ""
