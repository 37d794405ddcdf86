"""Fen arithmetic: the only place where money is checked, multiplied and rounded.

Money is an `int` of fen (1 CNY = 100 fen); a rate is an `int` of basis points (1 bp = 1/10000).
No float, no Decimal: every door (feed, REST, command line) calls `fen` or `parse_fen`.
"""

import re

from msgspec import Struct

from domain.refusals import Code, Refused
from domain.texts import quoted

CURRENCY = "CNY"
_YUAN = re.compile(r"([0-9]{1,12})(?:[.]([0-9]{1,2}))?", re.ASCII)
BASIS = 10_000
MAX_FEN = 10**12  # Ten billion yuan: of one amount that somebody asks to be moved.
# What takes out of what is there may be as large as an amount that older versions took.
MAX_TAKEN_FEN = 10**15


class FeeRule(Struct, frozen=True):
    """What the institution charges on an amount, in fen: rate plus fixed part, then floor and cap.

    `rate_bps` is in basis points; `min_fen` applies to amounts above zero only; `cap_fen` None
    means no cap. The same rule that was in force when a transaction was created is kept on it.
    """

    rate_bps: int
    fixed_fen: int = 0
    min_fen: int = 0
    cap_fen: int | None = None


def fen(value: object, field: str, *, minimum: int = 1, most: int | None = None) -> int:
    """The amount itself, if it is one: an int (not a bool) within minimum..most (MAX_FEN).

    Raises Refused(AMOUNT_INVALID | AMOUNT_TOO_LARGE) naming the field.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        shown = quoted(value) if isinstance(value, str) else repr(value)
        raise Refused(Code.AMOUNT_INVALID, field, f"a whole number of fen is needed, not {shown}")
    if value < minimum:
        raise Refused(Code.AMOUNT_INVALID, field, f"{value} is below {minimum} fen")
    most = MAX_FEN if most is None else most
    if value > most:
        raise Refused(Code.AMOUNT_TOO_LARGE, field, f"above {most} fen")
    return value


def parse_fen(text: str, field: str, *, minimum: int = 1) -> int:
    """Fen from text: ASCII digits only. `NaN`, `1e3`, `１２`, `1.5` and `1_000` are refused."""
    digits = text[1:] if text.startswith("-") else text
    if not (digits.isascii() and digits.isdigit()):
        detail = f"{quoted(text[:40])} is not a whole number of fen"
        raise Refused(Code.AMOUNT_INVALID, field, detail)
    if len(digits) > 30:
        raise Refused(Code.AMOUNT_TOO_LARGE, field, f"above {MAX_FEN} fen")
    return fen(int(text), field, minimum=minimum)


def parse_yuan(text: str, field: str) -> int:
    """Fen from yuan as people write them: `12`, `12.5`, `12.50`; nothing else, and no rounding."""
    match = _YUAN.fullmatch(text)
    if match is None:
        raise Refused(Code.AMOUNT_INVALID, field, f"{quoted(text[:40])} is not an amount in yuan")
    whole, part = match[1], (match[2] or "").ljust(2, "0")
    return fen(int(whole) * 100 + int(part), field)


def round_half_up(numerator: int, denominator: int) -> int:
    """numerator / denominator to the nearest whole number, halves up (0.5 -> 1).

    The one rounding of the system. Both arguments are non-negative ints, denominator > 0.
    """
    return (2 * numerator + denominator) // (2 * denominator)


def fen_of_milli(milli_fen: int) -> int:
    """Thousandths of a fen as fen, halves away from zero: a sum of a bill's fees, rounded once."""
    sign = -1 if milli_fen < 0 else 1
    return sign * round_half_up(abs(milli_fen), 1_000)


def fee_fen(rule: FeeRule, amount_fen: int) -> int:
    """The fee on an amount under a rule, in fen: never negative, never above the amount."""
    if amount_fen <= 0:
        return 0
    fee = round_half_up(amount_fen * rule.rate_bps, BASIS) + rule.fixed_fen
    fee = max(fee, rule.min_fen)
    if rule.cap_fen is not None:
        fee = min(fee, rule.cap_fen)
    return min(fee, amount_fen)


def decimal_text(fen_amount: int) -> str:
    """Yuan with two decimals, for people: -1530 -> "-15.30"."""
    sign = "-" if fen_amount < 0 else ""
    yuan, cents = divmod(abs(fen_amount), 100)
    return f"{sign}{yuan}.{cents:02d}"
