"""What each field of a command may be, as JSON Schema: patterns, lengths, least and most.

Types come from the commands; here is what their handlers check beyond them, so that a request that
fits the OpenAPI document is never refused as malformed. A test generates such requests.
"""

from collections.abc import Mapping
from typing import Any, get_args

from domain.authority.authorities import AUTHORITIES
from domain.authority.order import LONGEST_DOCUMENT
from domain.cashier.commands import TWO_HOURS_S
from domain.cashier.session import LEAST_S, MOST_S
from domain.channel.channels import CHANNELS
from domain.member.member import Product
from domain.member.terms import LONGEST_RESERVE_DAYS, WEEKDAYS, Source
from domain.member.webhook import KINDS
from domain.money import BASIS, MAX_FEN, MAX_TAKEN_FEN
from domain.order.order import MAX_LINES
from domain.payment.commands import LONGEST_ID
from domain.payment.protocol import PRODUCTS
from domain.settlement.published import FIRST_YEAR, LAST_YEAR, MAX_VERSION
from domain.texts import HALF, REFUSED

Shape = dict[str, Any]
FEN = 'fen, a JSON integer; 1.0, "1" and true are refused'
LONGEST_TEXT = 200
LONGEST_NUMBER = 64

_NAME, _INNER = "[A-Za-z0-9_]", "[A-Za-z0-9_-]"


def _text_pattern() -> str:
    """No character that `domain/texts.py` refuses. Halves of a pair stand in no JSON text."""
    spans = (f"{_escaped(first)}-{_escaped(last)}" for first, last, what in REFUSED if what != HALF)
    return f"^[^{''.join(spans)}]+$"


def _escaped(point: int) -> str:
    return f"\\u{point:04x}" if point < 0x10000 else chr(point)


def _number(longest: int) -> Shape:
    return {"type": "string", "pattern": f"^{_NAME}{_INNER}{{0,{longest - 1}}}$"}


def _amount(least: int) -> Shape:
    return {"type": "integer", "minimum": least, "maximum": MAX_FEN, "description": FEN}


def _nullable(shape: Shape, default: Any = None) -> Shape:
    return {"anyOf": [shape, {"type": "null"}], "default": default}


# 2000 to 2099, in which every fourth year is a leap year.
DATE: Shape = {
    "type": "string",
    "description": "a date, YYYY-MM-DD, from 2000 to 2099",
    "pattern": "^(20[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    "|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    "|20([02468][048]|[13579][26])-02-29)$",
}
MOMENT: Shape = {
    "type": "string",
    "description": "a time in Shanghai, such as 2026-11-23T22:00:00+08:00",
    "pattern": f"{DATE['pattern'][:-1]}T([01][0-9]|2[0-3])(:[0-5][0-9]){{2}}\\+08:00$",
}
TEXT: Shape = {"type": "string", "maxLength": LONGEST_TEXT, "pattern": _text_pattern()}
MEMBER: Shape = {"type": "string", "pattern": f"^{_NAME}{{1,32}}$"}
NUMBER = _number(LONGEST_NUMBER)
CYCLE: Shape = {
    "type": "string",
    "description": "T+n working days or D+n days after each date; weekly or monthly on a pay day, "
    "which moves to the next working day unless :D stands after it",
    "pattern": "^([TD]\\+(0|[1-9]|[1-8][0-9]|90)"
    f"|weekly:({'|'.join(WEEKDAYS)})(:D)?|monthly:([1-9]|1[0-9]|2[0-8]|last)(:D)?)$",
}
METHODS: Shape = {
    "type": "string",
    "enum": list(PRODUCTS["ESCROW_PURCHASE"].codes),
    "description": "a payment code",
}
MOST_LEGS = PRODUCTS["ESCROW_PURCHASE"].most_legs

_PASSWORD: Shape = {"type": "string", "pattern": "^[0-9]{6}$", "description": "six digits, no row"}

SHAPES: Mapping[str, Shape] = {
    **dict.fromkeys(("member_id", "operator_id", "buyer", "merchant", "payer", "payee"), MEMBER),
    **dict.fromkeys(("order_no", "payment_no", "refund_no", "transfer_no", "hold_id"), NUMBER),
    "session_no": {**NUMBER, "maxLength": 48},
    **dict.fromkeys(("withdrawal_no", "deduction_no"), NUMBER),
    "authority": {"type": "string", "enum": list(AUTHORITIES)},
    "ends": DATE,
    "list_name": _number(32),
    "entry_no": {"type": "string", "pattern": f"^{_NAME}{_INNER}{{0,63}}$"},
    "payee_number": {"type": "string", "pattern": "^[0-9]{6,32}$"},
    "payee_name": {**TEXT, "maxLength": 64},
    **dict.fromkeys(("withdrawal_no", "deposit_no"), NUMBER),
    **dict.fromkeys(("name", "reason", "subject"), TEXT),
    **dict.fromkeys(("succeeded", "declined", "unknown"), _nullable(TEXT)),
    **dict.fromkeys(("date", "first_date", "effective_from", "release_on"), DATE),
    **dict.fromkeys(("begins_at", "ends_at"), MOMENT),
    "window": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
    "amount_fen": _amount(1),
    "fee_fen": _amount(0),
    "fixed_fen": {**_amount(0), "default": 0},
    "min_fen": {**_amount(0), "default": 0},
    "cap_fen": _nullable(_amount(0)),
    "max_transfer_fen": _nullable(_amount(1)),
    "min_payout_fen": {**_amount(0), "default": 0},
    "reserve_bps": {"type": "integer", "minimum": 0, "maximum": BASIS, "default": 0},
    "reserve_days": {
        "type": "integer",
        "minimum": 0,
        "maximum": LONGEST_RESERVE_DAYS,
        "default": 0,
        "description": "calendar days; with reserve_bps, or neither",
    },
    "product": {"type": "string", "enum": list(get_args(Product))},
    "rate_bps": {"type": "integer", "minimum": 0, "maximum": BASIS},
    "items": {"type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1},
    "method": METHODS,
    "card": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "identity": {"type": "string", "pattern": "^[0-9A-Z]{18}$"},
    "phone": {"type": "string", "pattern": "^1[3-9][0-9]{9}$"},
    "channel": {"type": "string", "enum": sorted(CHANNELS)},
    "certificate": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "payment_password": _PASSWORD,
    "new_payment_password": _PASSWORD,
    "proof": {
        "type": "string",
        "pattern": "^([A-Za-z0-9_-]{40,460}\\.[0-9a-f]{32})?$",
        "default": "",
        "description": "what POST /v1/members/{member_id}/proofs gave; less may be paid without",
    },
    "static": {
        "type": "boolean",
        "default": False,
        "description": "whether the payer read a code that does not change",
    },
    "account": {"type": "string", "pattern": "^[0-9][0-9.]{0,30}(\\.[A-Za-z0-9_]{1,32})?$"},
    "transaction_id": {
        "type": "string",
        "pattern": f"^{_NAME}{{1,32}}-{_NAME}{_INNER}{{0,{LONGEST_NUMBER - 1}}}$",
    },
    "batch_id": {
        "type": "string",
        "pattern": f"^{_NAME}{{1,32}}-[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$",
    },
    "item": {"type": "string", "pattern": "^[0-9a-f]{24}$"},
    "approval_id": NUMBER,
    "return_url": {
        "type": "string",
        "maxLength": 400,
        "pattern": "^(https?://[A-Za-z0-9_.-]{1,253}(:[1-9][0-9]{0,3})?([/?#][!-\\[\\]-~]*)?)?$",
        "default": "",
        "description": "http or https, without user; empty for none",
    },
    "endpoint_id": _number(32),
    "url": {
        "type": "string",
        "maxLength": 400,
        "pattern": "^https://[a-z0-9]{1,20}\\.example(/[a-z0-9/]{0,100})?$",
        "description": "https, a public address; no user, no fragment",
    },
    "kinds": {
        "type": "array",
        "items": {"type": "string", "enum": list(KINDS)},
        "uniqueItems": True,
        "default": [],
        "description": "none named: all there are, those that come later too",
    },
    "position": {"type": "integer", "minimum": 1, "maximum": 2**53},
    "payout_no": _number(LONGEST_ID),
    "instruction_id": _number(LONGEST_ID),
    "reference": {
        "type": "string",
        "pattern": f"^[a-z]{{1,20}}-{_NAME}[A-Za-z0-9_.-]{{0,120}}#[1-9][0-9]{{0,9}}$",
    },
}
_DAYS: Shape = {
    "type": "array",
    "items": DATE,
    "uniqueItems": True,
    "maxItems": 366,
    "description": "days of that year, ascending; holidays are weekdays, makeup days are not",
}
_ABOUT: Shape = {"type": "string", "pattern": f"^({_NAME}{_INNER}{{0,63}})?$", "default": ""}
_PAYEE = "the order that is paid, or the member that money goes to"
_BASE64 = "^[A-Za-z0-9+/]*={0,2}$"
# Named alike in several commands, and not the same in all of them; or too short to name one thing.
OWN: Mapping[tuple[str, str], Shape] = {
    ("HoldMoney", "amount_fen"): {**_amount(1), "maximum": MAX_TAKEN_FEN},
    ("RefundTransaction", "amount_fen"): {**_amount(1), "maximum": MAX_TAKEN_FEN},
    ("PublishCalendar", "version"): {"type": "integer", "minimum": 1, "maximum": MAX_VERSION},
    ("PublishCalendar", "published"): DATE,
    ("PublishCalendar", "source"): TEXT,
    ("YearDays", "year"): {"type": "integer", "minimum": FIRST_YEAR, "maximum": LAST_YEAR},
    ("YearDays", "holidays"): {**_DAYS, "minItems": 1},
    ("YearDays", "makeup_workdays"): _DAYS,
    ("RechargeWallet", "method"): {**METHODS, "enum": list(PRODUCTS["RECHARGE"].codes)},
    ("RegisterMember", "settlement_cycle"): _nullable(CYCLE),
    ("SetSettlementTerms", "settlement_cycle"): CYCLE,
    ("PlaceOrder", "amount_fen"): _nullable(_amount(1)),
    **{
        (kind, "document"): {**TEXT, "maxLength": LONGEST_DOCUMENT}
        for kind in ("PlaceOrder", "ExtendOrder", "LiftOrder", "DeductionWanted")
    },
    ("DeductionWanted", "authority"): {
        "type": "string",
        "enum": ["", *AUTHORITIES],
        "default": "",
        "description": "where nothing was stopped before: whose document it is",
    },
    ("DeductionWanted", "account"): {
        "type": "string",
        "pattern": "^([0-9][0-9.]{0,30}(\\.[A-Za-z0-9_]{1,32})?)?$",
        "default": "",
        "description": "likewise: the account it takes from",
    },
    ("CardWanted", "number"): {
        "type": "string",
        "pattern": "^[0-9]{6,32}$",
        "description": "a person's card: 12 to 19 digits, the last one right; a company's account",
    },
    ("CardWanted", "name"): {**TEXT, "maxLength": 64},
    ("CardWanted", "document"): {"type": "string", "pattern": f"^({_NAME}{_INNER}{{0,63}})?$"},
    ("CodeEntered", "code"): {"type": "string", "pattern": "^[0-9]{4,8}$"},
    ("IdentityShown", "name"): {**TEXT, "maxLength": 64},
    ("IdentityShown", "level"): {"type": "integer", "minimum": 1, "maximum": 3},
    ("IdentityShown", "sources"): {
        "type": "array",
        "items": {"type": "string", "enum": list(get_args(Source))},
        "uniqueItems": True,
        "description": "who confirmed it: level 1 needs one, 2 three, 3 five, or in_person",
    },
    ("RequestWithdrawal", "card"): {
        "type": "string",
        "pattern": "^([0-9a-f]{32})?$",
        "default": "",
        "description": "the member's default where it is left out",
    },
    ("TransferWanted", "payee"): {**MEMBER, "description": "another member than the payer"},
    ("CodeWanted", "number"): {**_ABOUT, "description": "of the payment or transfer"},
    ("ProofWanted", "number"): {**NUMBER, "description": "of the payment or transfer"},
    ("CodeWanted", "payee"): {**_ABOUT, "description": _PAYEE},
    ("ProofWanted", "payee"): {**NUMBER, "description": _PAYEE},
    ("CodeWanted", "amount_fen"): {**_amount(0), "default": 0},
    ("ProofWanted", "payment_password"): {**_PASSWORD, "pattern": "^([0-9]{6})?$", "default": ""},
    ("ProofWanted", "code"): {"type": "string", "pattern": "^([0-9]{6})?$", "default": ""},
    ("ProofWanted", "certificate"): {
        "type": "string",
        "pattern": "^([0-9a-f]{64})?$",
        "default": "",
        "description": "the certificate that signs",
    },
    ("ProofWanted", "signature"): {
        "type": "string",
        "pattern": _BASE64,
        "maxLength": 200,
        "default": "",
        "description": "Base64 of the certificate's signature over the SHA-256 of the movement",
    },
    ("PasswordForgotten", "name"): {**TEXT, "maxLength": 64},
    ("PasswordForgotten", "code"): {"type": "string", "pattern": "^[0-9]{6}$"},
    ("KeyShown", "public_key"): {
        "type": "string",
        "pattern": _BASE64,
        "maxLength": 400,
        "description": "Base64 of a SubjectPublicKeyInfo: Ed25519, or ECDSA P-256",
    },
    ("RotateSecret", "replaces"): {"type": "integer", "minimum": 1, "maximum": 2**53},
    ("RotateSecret", "hours"): {"type": "integer", "minimum": 0, "maximum": 168, "default": 24},
    ("RedeliverEvents", "after"): {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
    ("RedeliverEvents", "until"): {
        "type": "integer",
        "minimum": 1,
        "maximum": 2**53,
        "description": "above `after`",
    },
    ("OpenSession", "seconds"): {
        "type": "integer",
        "minimum": LEAST_S,
        "maximum": MOST_S,
        "default": TWO_HOURS_S,
    },
    ("OpenSession", "amount_fen"): {**_amount(1), "description": "of a wallet's filling alone"},
    ("SetDebtLimit", "limit_fen"): {"anyOf": [_amount(0), {"type": "null"}]},
}
MORE: Mapping[str, Shape] = {
    "lines": {"minItems": 1, "maxItems": MAX_LINES},
    "years": {
        "minItems": 1,
        "maxItems": LAST_YEAR - FIRST_YEAR + 1,
        "description": "one entry for each year, ascending",
    },
    "legs": {
        "maxItems": MOST_LEGS,
        "description": "sources of the money, each with a method of its own; their amounts come to "
        "what is to be paid. Channels pay first, the wallet what is left",
    },
}


def shaped(kind: str, name: str, schema: Shape) -> Shape:
    """The schema of a command's field, with all that is asked of it."""
    own = OWN.get((kind, name)) or SHAPES.get(name) or schema
    return {**own, **MORE.get(name, {})}


def _exactly_one(given: Mapping[str, Shape], absent: Mapping[str, Shape]) -> list[Shape]:
    """One of these fields is given; the others are missing, or say that they are not."""
    return [
        {
            "required": [name],
            "properties": {
                other: given[other] if other == name else absent[other] for other in given
            },
        }
        for name in given
    ]


_NOT: Shape = {"not": {}}
_OUTCOMES = ("succeeded", "declined", "unknown")
ONE_OF: Mapping[str, list[Shape]] = {
    "RecordOutcome": _exactly_one(
        dict.fromkeys(_OUTCOMES, TEXT), {name: {"type": "null"} for name in _OUTCOMES}
    ),
    "PaymentWanted": _exactly_one(
        {"method": METHODS, "legs": {"minItems": 1}},
        {"method": _NOT, "legs": {"maxItems": 0}},
    ),
    "OpenSession": [
        {"required": ["order_no"], "properties": {"member_id": _NOT, "amount_fen": _NOT}},
        {"required": ["member_id"], "properties": {"order_no": _NOT}},
    ],
}
