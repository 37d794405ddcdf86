"""Particulars (要素) of a person or a company: which of them can be real. Pure.

Nothing here says which value was wrong with what it was: a refusal names the field and the rule,
never the number or the name.
"""

import re
from collections.abc import Mapping
from typing import Any

from domain.fields import checked_text, is_luhn
from domain.refusals import Code, Refused

# Of a card, what nobody but its holder and its bank may keep (order 768, article 26).
SECRETS = frozenset(
    (
        "cardpin", "cardcvv", "cardcvn2", "cardexpiry",
        "cvn", "cvn2", "cvv", "cvv2", "cvc", "cvc2", "cid", "securitycode", "pin", "pinblock",
        "password", "cardpassword", "track", "track1", "track2", "track3", "trackdata",
        "magneticstripe", "expiry", "expirydate", "expires", "exp", "validthru", "validuntil",
    )
)  # fmt: skip

_is_card = re.compile(r"[0-9]{12,19}", re.ASCII).fullmatch
_is_account = re.compile(r"[0-9]{6,32}", re.ASCII).fullmatch
_is_identity = re.compile(r"[1-9][0-9]{5}(18|19|20)[0-9]{9}[0-9X]", re.ASCII).fullmatch
_is_credit_code = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}", re.ASCII).fullmatch
_is_phone = re.compile(r"1[3-9][0-9]{9}", re.ASCII).fullmatch
_is_document = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", re.ASCII).fullmatch
_is_long = re.compile(r"[0-9]([ _-]?[0-9]){10}", re.ASCII).search
_is_code = re.compile(r"[0-9]{4,8}", re.ASCII).fullmatch

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643
_CHECKS = "10X98765432"
_CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100


def is_secret(name: str) -> bool:
    """Whether a field of this name would hold what is never taken."""
    return name.lower().replace("_", "").replace("-", "").replace(" ", "") in SECRETS


def refuse_secrets(body: Any, path: str = "") -> None:
    """Raises Refused(CARD_SECRET) naming the field, at any depth of a JSON value."""
    if isinstance(body, Mapping):
        for name, value in body.items():
            where = f"{path}.{name}" if path else str(name)
            if is_secret(str(name)):
                raise Refused(Code.CARD_SECRET, where[:60], "leave the field out, whatever it has")
            refuse_secrets(value, where)
    elif isinstance(body, list | tuple):
        for value in body:
            refuse_secrets(value, path)


def checked_card(value: str, field: str = "number") -> str:
    """A person's card: 12 to 19 digits whose last one is right (Luhn)."""
    if not isinstance(value, str) or not _is_card(value):
        raise Refused(Code.PARTICULARS_INVALID, field, "12 to 19 digits are needed, without spaces")
    if not is_luhn(value):
        raise Refused(Code.PARTICULARS_INVALID, field, "its last digit does not fit the others")
    return value


def checked_account(value: str, field: str = "number") -> str:
    """A company's account at a bank: 6 to 32 digits."""
    if not isinstance(value, str) or not _is_account(value):
        raise Refused(Code.PARTICULARS_INVALID, field, "6 to 32 digits are needed, without spaces")
    return value


def checked_identity(value: str, field: str = "identity") -> str:
    """A resident's identity number: 18 characters whose last one is right."""
    if not isinstance(value, str) or not _is_identity(value):
        raise Refused(Code.PARTICULARS_INVALID, field, "17 digits and a digit or X are needed")
    total = sum(int(digit) * weight for digit, weight in zip(value, _WEIGHTS, strict=False))
    if _CHECKS[total % 11] != value[17]:
        raise Refused(Code.PARTICULARS_INVALID, field, "its last character does not fit the others")
    return value


def checked_credit_code(value: str, field: str = "identity") -> str:
    """A company's unified social credit code (统一社会信用代码): 18, the last a check."""
    if not isinstance(value, str) or not _is_credit_code(value):
        raise Refused(Code.PARTICULARS_INVALID, field, "a credit code of 18 characters is needed")
    total = sum(_CREDIT.index(one) * pow(3, place, 31) for place, one in enumerate(value[:17]))
    if _CREDIT[-total % 31] != value[17]:
        raise Refused(Code.PARTICULARS_INVALID, field, "its last character does not fit the others")
    return value


def checked_phone(value: str, field: str = "phone") -> str:
    """A mobile number of mainland China: 11 digits."""
    if not isinstance(value, str) or not _is_phone(value):
        raise Refused(Code.PARTICULARS_INVALID, field, "11 digits that begin 13 to 19 are needed")
    return value


def checked_name(value: str, field: str = "name") -> str:
    """A person's or company's name: 1 to 64 characters, as any text of ours."""
    return checked_text(value, field, longest=64)


def checked_code(value: str, field: str = "code") -> str:
    """A one-time code: 4 to 8 digits."""
    if not isinstance(value, str) or not _is_code(value):
        raise Refused(Code.PARTICULARS_INVALID, field, "4 to 8 digits are needed")
    return value


def checked_document(value: str, field: str = "document") -> str:
    """The number of a document: 1 to 64 of A-Z a-z 0-9 _ -, and none that could be a person's: it
    stands on record in clear. "" for none."""
    if isinstance(value, str) and (not value or _is_document(value)) and not _is_long(value):
        return value
    detail = "1-64 of A-Z a-z 0-9 _ - are needed, with no 11 digits in a row: no person's number"
    raise Refused(Code.PARTICULARS_INVALID, field, detail)


def masked_number(tail: str) -> str:
    """A card or account as it is shown."""
    return f"**** {tail}"


def masked_name(name: str) -> str:
    """韩梅梅 -> 韩**: whoever knows it recognises it."""
    return name[:1] + "*" * (len(name) - 1)


def masked_phone(phone: str) -> str:
    """13812345678 -> 138****5678, as operators of telephones write it."""
    return f"{phone[:3]}****{phone[-4:]}"
