"""What is kept of a request and an answer: everything but secrets and personal data.

The rules are data: names of fields whose values go, patterns that go from every other text, and the
fields in which patterns are not looked for, because business numbers look like card numbers.
"""

import re
from functools import lru_cache

import msgspec
from msgspec import Struct

GONE = "***"
LONGEST = 64  # Of a field's name that is remembered.
SHORTEST = 6  # No pattern is shorter, such as a@b.cn.
TEXT_BYTES = 4096  # Of an answer that is not JSON, this much is kept.


class Field(Struct, frozen=True):
    """A field whose value goes, at any depth. `under`: only inside a field of that name. `tail`:
    how many of its last characters stay, so that people can tell two apart."""

    name: str
    under: str = ""
    tail: int = 0


# Names are compared in small letters and without `_` and `-`.
FIELDS: tuple[Field, ...] = (
    Field("id", under="party", tail=4),  # A card, an account, a user.
    Field("name"),
    Field("realname"),
    Field("username"),
    Field("accountname"),
    Field("cardholder"),
    Field("card", tail=4),
    Field("cardno", tail=4),
    Field("cardnumber", tail=4),
    Field("pan", tail=4),
    Field("account", tail=4),
    Field("accountno", tail=4),
    Field("accountnumber", tail=4),
    Field("userreceivedaccount"),
    Field("idcard"),
    Field("idnumber"),
    Field("phone"),
    Field("mobile"),
    Field("email"),
    Field("address"),
    Field("payerclientip"),
    Field("openid", tail=4),
    Field("spopenid", tail=4),
    Field("subopenid", tail=4),
    Field("cvv"),
    Field("cvn2"),
    Field("password"),
    Field("token"),
    Field("key"),
    Field("privatekey"),
    Field("apiv3key"),
    Field("secret"),
    Field("authorization"),
    Field("signature"),
    Field("sign"),
    Field("certificate"),
    Field("ciphertext"),
)

_rules = {(field.name, field.under): field for field in FIELDS}
_ruled = {field.name for field in FIELDS}
_NESTED = (dict, list)

# What goes from any text, whatever field it stands in. The first that fits wins.
PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a key", re.compile(r"-----BEGIN .*?(-----END [^-]*-----|\Z)", re.DOTALL)),
    ("an authorization", re.compile(r"(?i)\b(WECHATPAY2-\S+|Bearer|Basic)\s+[^\n]+")),
    ("an e-mail address", re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")),
    ("a card or identity number", re.compile(r"(?<!\d)\d(?:[ -]?\d){10,17}(?:[ -]?[\dXx])(?!\d)")),
    ("a telephone number", re.compile(r"(?<!\d)1[3-9]\d(?:[ -]?\d){8}(?!\d)")),
)

# Here no pattern is looked for: our numbers and the channel's, amounts, times, links.
# fmt: off
OPEN = frozenset((
    "number", "original", "serial", "returnserial", "merchant", "time", "paidat", "at",
    "returnedat", "expires", "amount", "originalamount", "notifyurl", "payurl", "codeurl",
    "id", "outtradeno", "outrefundno", "transactionid", "refundid", "combineouttradeno",
    "mchid", "spmchid", "submchid", "combinemchid", "appid", "spappid", "subappid",
    "combineappid", "attach", "total", "totalamount", "payertotal", "payeramount", "refund",
    "payerrefund", "settlementtotal", "settlementrefund", "discountrefund", "timeexpire",
    "successtime", "createtime",
))
# fmt: on


def masked(body: bytes) -> bytes:
    """A body without secrets and personal data: JSON with the same fields, or the beginning of any
    other text."""
    if not body:
        return b""
    try:
        return msgspec.json.encode(_value(msgspec.json.decode(body), "", ""))
    except (ValueError, RecursionError):  # Not JSON, or none that can be walked.
        return masked_text(body[:TEXT_BYTES].decode(errors="replace")).encode()


def _value(value: object, name: str, under: str) -> object:
    kind = type(value)  # What JSON decodes to, and nothing else.
    if kind is dict:
        return _members(value, name)  # type: ignore[arg-type]
    if kind is list:
        return [_value(inner, name, under) for inner in value]  # type: ignore[attr-defined]
    rule = _rules.get((name, under)) or _rules.get((name, ""))
    if rule is not None:
        return _tail(value, rule.tail)
    if name in OPEN:
        return value
    if kind is str:
        return masked_text(value)  # type: ignore[arg-type]
    if kind is int and masked_text(str(value)) != str(value):
        return GONE
    return value


def _members(value: dict[str, object], under: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, inner in value.items():
        shown, name, keeps = _named(key)
        found[shown] = inner if keeps and type(inner) not in _NESTED else _value(inner, name, under)
    return found


def _tail(value: object, tail: int) -> object:
    if value is None:
        return None
    text = str(value)
    return GONE + text[-tail:] if tail and len(text) >= 2 * tail else GONE


def masked_text(text: str) -> str:
    """Words for people without what `PATTERNS` finds."""
    if len(text) < SHORTEST:
        return text
    for _, pattern in PATTERNS:
        text = pattern.sub(GONE, text)
    return text


def _named(key: str) -> tuple[str, str, bool]:
    """A field's name as it is shown, and as it is compared; and whether what stands in it is kept
    whatever it is inside of."""
    return _usual(key) if len(key) <= LONGEST else _name_of(key)


@lru_cache(1024)  # Channels use the same few again and again.
def _usual(key: str) -> tuple[str, str, bool]:
    return _name_of(key)


def _name_of(key: str) -> tuple[str, str, bool]:
    name = _folded(key)
    return masked_text(key), name, name in OPEN and name not in _ruled


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
