"""What each field of a command may be, as JSON Schema: patterns, lengths, least and most.

Types come from the commands; here is what their handlers check beyond them, so that a request that
fits the OpenAPI document is never refused as malformed. A test generates such requests.
"""

from collections.abc import Mapping
from typing import Any, get_args

from api.rest import patterns
from api.rest.patterns import BASE64, MEMBER_ID, NAME, maybe, number, whole
from domain.accounting.own_funds import Posting
from domain.authority.authorities import AUTHORITIES
from domain.authority.order import LONGEST_DOCUMENT
from domain.cashier.commands import MAX_URL, TWO_HOURS_S
from domain.cashier.session import LEAST_S, LONGEST_NO, MOST_S
from domain.cashier.withdrawing import HALF_AN_HOUR_S
from domain.channel.channels import CHANNELS
from domain.member.agreement import LONGEST_REFUND_DAYS, PARTNERED, MethodCode
from domain.member.hooking import MAX_HOURS
from domain.member.hooking import MAX_URL as LONGEST_URL
from domain.member.member import Product
from domain.member.terms import LONGEST_RESERVE_DAYS, Source
from domain.member.webhook import KINDS
from domain.money import BASIS, MAX_FEN, MAX_TAKEN_FEN
from domain.order.order import MAX_LINES
from domain.payment.commands import LONGEST_ID
from domain.payment.protocol import PRODUCTS
from domain.reconciliation.bill import MOST_VERSIONS
from domain.reconciliation.bills.line import BillKind
from domain.reconciliation.charging import LONGEST_NUMBER as LONGEST_CASE
from domain.reconciliation.commands import MOST_SUM_FEN
from domain.reconciliation.funding import CLEARING
from domain.reconciliation.meeting import MOST
from domain.reconciliation.resolutions import WAYS
from domain.settlement.published import FIRST_YEAR, LAST_YEAR, MAX_VERSION

Shape = dict[str, Any]
FEN = 'fen, a JSON integer; 1.0, "1" and true are refused'
LONGEST_TEXT = 200
LONGEST_NUMBER = 64
_B64 = "[A-Za-z0-9+/]"
LARGEST = 2**63 - 1  # Of any number a request may have.


def _number(longest: int) -> Shape:
    return {"type": "string", "pattern": whole(number(longest))}


def amount(least: int) -> Shape:
    return {"type": "integer", "minimum": least, "maximum": MAX_FEN, "description": FEN}


def _whole(least: int, most: int) -> Shape:
    return {"type": "integer", "minimum": least, "maximum": most}


def _nullable(shape: Shape, default: Any = None) -> Shape:
    return {"anyOf": [shape, {"type": "null"}], "default": default}


DATE: Shape = {
    "type": "string",
    "description": "a date, YYYY-MM-DD, from 2000 to 2099",
    "pattern": patterns.DATE,
}
MOMENT: Shape = {
    "type": "string",
    "description": "a time in Shanghai, such as 2026-11-23T22:00:00+08:00",
    "pattern": patterns.MOMENT,
}
TEXT: Shape = {"type": "string", "maxLength": LONGEST_TEXT, "pattern": patterns.TEXT}
REASON: Shape = {**TEXT, "description": "with no number of a card, an identity or a telephone"}
MEMBER: Shape = {"type": "string", "pattern": whole(patterns.MEMBER_ID)}
NUMBER = _number(LONGEST_NUMBER)
CYCLE: Shape = {
    "type": "string",
    "description": "T+n working days or D+n days after each date; weekly or monthly on a pay day, "
    "which moves to the next working day unless :D stands after it",
    "pattern": patterns.CYCLE,
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
    "session_no": _number(LONGEST_NO),
    **dict.fromkeys(("withdrawal_no", "deduction_no"), NUMBER),
    "authority": {"type": "string", "enum": list(AUTHORITIES)},
    "ends": DATE,
    "list_name": _number(32),
    "entry_no": NUMBER,
    "payee_number": {"type": "string", "pattern": "^[0-9]{6,32}$"},
    "payee_name": {**TEXT, "maxLength": 64},
    **dict.fromkeys(("withdrawal_no", "deposit_no", "movement_no"), NUMBER),
    "statement": {**TEXT, "maxLength": 64, "description": "the bank's reference of a line"},
    **dict.fromkeys(("difference", "chargeback"), NUMBER),
    "clearing": {"type": "string", "enum": list(CLEARING)},
    "resolution": {"type": "string", "enum": list(WAYS)},
    **dict.fromkeys(("name", "subject"), TEXT),
    "reason": REASON,
    **dict.fromkeys(("succeeded", "declined", "unknown"), _nullable(TEXT)),
    **dict.fromkeys(("date", "first_date", "effective_from", "release_on", "due"), DATE),
    **dict.fromkeys(("begins_at", "ends_at"), MOMENT),
    **dict.fromkeys(("window", "report", "position"), _whole(1, LARGEST)),
    "amount_fen": amount(1),
    "fee_fen": amount(0),
    "fixed_fen": {**amount(0), "default": 0},
    "min_fen": {**amount(0), "default": 0},
    "cap_fen": _nullable(amount(0)),
    "max_transfer_fen": _nullable(amount(1)),
    "min_payout_fen": {**amount(0), "default": 0},
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
    "account": {"type": "string", "pattern": whole(patterns.ACCOUNT)},
    "transaction_id": {
        "type": "string",
        "pattern": whole(f"{MEMBER_ID}-{number(LONGEST_NUMBER)}"),
    },
    "batch_id": {
        "type": "string",
        "pattern": whole(f"{MEMBER_ID}-[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}"),
    },
    "item": {"type": "string", "pattern": "^[0-9a-f]{24}$"},
    "approval_id": NUMBER,
    "return_url": {
        "type": "string",
        "maxLength": MAX_URL,
        "pattern": maybe(patterns.web_address(fragment=True)),
        "default": "",
        "description": "http or https, without user; empty for none",
    },
    "endpoint_id": _number(32),
    "url": {
        "type": "string",
        "maxLength": LONGEST_URL,
        "pattern": whole(patterns.web_address(fragment=False)),
        "description": "without user or fragment; https, and everybody's address, unless the "
        "settings allow others",
    },
    "kinds": {
        "type": "array",
        "items": {"type": "string", "enum": list(KINDS)},
        "default": [],
        "description": "none named: all there are, those that come later too",
    },
    "payout_no": _number(LONGEST_ID),
    "instruction_id": _number(LONGEST_ID),
    "reference": {
        "type": "string",
        "pattern": f"^[a-z]{{1,20}}-{NAME}[A-Za-z0-9_.-]{{0,120}}#[1-9][0-9]{{0,9}}$",
    },
}
_DAYS: Shape = {
    "type": "array",
    "items": DATE,
    "uniqueItems": True,
    "maxItems": 366,
    "description": "days of that year, ascending; holidays are weekdays, makeup days are not",
}
_ABOUT: Shape = {"type": "string", "pattern": maybe(number(LONGEST_NUMBER)), "default": ""}
_MAYBE_TEXT: Shape = {
    "type": "string",
    "maxLength": 64,
    "pattern": maybe(patterns.TEXT[1:-1]),
    "default": "",
}
_PAYEE = "the order that is paid, or the member that money goes to"
# Named alike in several commands, and not the same in all of them; or too short to name one thing.
OWN: Mapping[tuple[str, str], Shape] = {
    ("PostOwnFunds", "kind"): {"type": "string", "enum": list(get_args(Posting))},
    ("ShowTopUp", "reference"): TEXT,
    ("HoldMoney", "amount_fen"): {**amount(1), "maximum": MAX_TAKEN_FEN},
    ("RefundTransaction", "amount_fen"): {**amount(1), "maximum": MAX_TAKEN_FEN},
    ("PublishCalendar", "version"): {"type": "integer", "minimum": 1, "maximum": MAX_VERSION},
    ("PublishCalendar", "published"): DATE,
    ("PublishCalendar", "source"): TEXT,
    ("YearDays", "year"): {"type": "integer", "minimum": FIRST_YEAR, "maximum": LAST_YEAR},
    ("YearDays", "holidays"): {**_DAYS, "minItems": 1},
    ("YearDays", "makeup_workdays"): _DAYS,
    ("PaymentWanted", "method"): {
        **METHODS,
        "enum": ["", *METHODS["enum"]],
        "default": "",
        "description": "a payment code; empty where legs are given",
    },
    ("RechargeWallet", "method"): {**METHODS, "enum": list(PRODUCTS["RECHARGE"].codes)},
    ("RegisterMember", "settlement_cycle"): _nullable(CYCLE),
    ("SetSettlementTerms", "settlement_cycle"): CYCLE,
    ("PlaceOrder", "amount_fen"): _nullable(amount(1)),
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
        "pattern": maybe(patterns.ACCOUNT),
        "default": "",
        "description": "likewise: the account it takes from",
    },
    ("CardWanted", "number"): {
        "type": "string",
        "pattern": "^[0-9]{6,32}$",
        "description": "a person's card: 12 to 19 digits, the last one right; a company's account",
    },
    ("CardWanted", "name"): {**TEXT, "maxLength": 64},
    ("CardWanted", "document"): {
        "type": "string",
        "pattern": maybe(number(LONGEST_NUMBER)),
        "default": "",
        "description": "of the relation's document; no eleven digits in a row",
    },
    ("CodeEntered", "code"): {"type": "string", "pattern": "^[0-9]{4,8}$"},
    ("IdentityShown", "name"): {**TEXT, "maxLength": 64},
    ("IdentityShown", "level"): {"type": "integer", "minimum": 1, "maximum": 3},
    ("IdentityShown", "sources"): {
        "type": "array",
        "items": {"type": "string", "enum": list(get_args(Source))},
        "uniqueItems": True,
        "minItems": 1,
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
    ("CodeWanted", "amount_fen"): {**amount(0), "default": 0},
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
        "pattern": BASE64,
        "maxLength": 200,
        "default": "",
        "description": "Base64 of the certificate's signature over the SHA-256 of the movement",
    },
    ("PasswordForgotten", "name"): {**TEXT, "maxLength": 64},
    ("PasswordForgotten", "code"): {"type": "string", "pattern": "^[0-9]{6}$"},
    ("KeyShown", "public_key"): {
        "type": "string",
        "pattern": BASE64,
        "maxLength": 400,
        "description": "Base64 of a SubjectPublicKeyInfo: Ed25519, or ECDSA P-256",
    },
    ("RotateSecret", "replaces"): _whole(1, LARGEST),
    ("RotateSecret", "hours"): {**_whole(0, MAX_HOURS), "default": 24},
    ("RedeliverEvents", "after"): _whole(0, LARGEST - 1),
    ("RedeliverEvents", "until"): {**_whole(1, LARGEST), "description": "above `after`"},
    ("OpenSession", "seconds"): {**_whole(LEAST_S, MOST_S), "default": TWO_HOURS_S},
    ("OpenWithdrawal", "seconds"): {**_whole(LEAST_S, MOST_S), "default": HALF_AN_HOUR_S},
    ("OpenWithdrawal", "amount_fen"): _nullable(amount(1)),
    ("OpenSession", "order_no"): _ABOUT,
    ("OpenSession", "member_id"): {**MEMBER, "pattern": maybe(MEMBER_ID), "default": ""},
    ("OpenSession", "amount_fen"): {
        **_nullable(amount(1)),
        "description": "of a wallet's filling alone",
    },
    ("PlaceSurplus", "order_no"): {
        **_ABOUT,
        "description": "an order of the payer whose it is, that it pays whole; empty: the wallet",
    },
    ("SetDebtLimit", "limit_fen"): {"anyOf": [amount(0), {"type": "null"}]},
    ("Terms", "refund_days"): {
        **_nullable(_whole(0, LONGEST_REFUND_DAYS)),
        "description": "a sale may be refunded until so many days after its payment; null: always",
    },
    ("Terms", "debt_limit_fen"): _nullable(amount(0)),
    ("Terms", "cut_off"): {
        "type": "string",
        "pattern": maybe(patterns.TIME_OF_DAY),
        "default": "",
        "description": "HH:MM in Shanghai; empty: with the institution's own",
    },
    ("Method", "least_fen"): {**amount(1), "default": 1},
    ("Method", "most_fen"): {**_nullable(amount(1)), "description": "not below least_fen"},
    ("Method", "day_fen"): {**_nullable(amount(1)), "description": "not below least_fen"},
    ("ProposeResolution", "to"): {
        "type": "string",
        "pattern": maybe(f"{number(LONGEST_NUMBER)}(,{number(LONGEST_NUMBER)}){{0,{MOST - 1}}}"),
        "default": "",
        "description": "whom or what it names: a member, another difference, chargebacks",
    },
    ("TellNoTrade", "kind"): {"type": "string", "enum": list(get_args(BillKind))},
    ("TellNoTrade", "replaces"): {
        **_whole(0, MOST_VERSIONS),
        "default": 0,
        "description": "the bill's newest version, where it has lines",
    },
    ("MapQuota", "amount_fen"): {**amount(0), "maximum": MOST_SUM_FEN},
    ("ReceiveChargeback", "number"): _number(LONGEST_CASE),
    ("ReceiveChargeback", "serial"): _MAYBE_TEXT,
    ("ReceiveChargeback", "reason_code"): _MAYBE_TEXT,
    ("RepresentWish", "evidence"): {
        "type": "string",
        "pattern": f"^({_B64}{{4}})*({_B64}{{4}}|{_B64}{{3}}=|{_B64}{{2}}==)$",
        "description": "its bytes in base64",
    },
    ("SubMerchant", "channel"): {"type": "string", "enum": list(PARTNERED)},
    ("SubMerchant", "sub_mchid"): {"type": "string", "pattern": "^[0-9A-Za-z_-]{1,32}$"},
    ("Consent", "by"): TEXT,
    ("Consent", "on"): DATE,
    ("Consent", "document"): TEXT,
}
MORE: Mapping[str, Shape] = {
    "lines": {"minItems": 1, "maxItems": MAX_LINES},
    "products": {"minItems": 1},
    "methods": {"minItems": 1, "maxItems": len(get_args(MethodCode)), "description": "each once"},
    "sub_mchids": {"maxItems": len(PARTNERED), "description": "each channel once"},
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
