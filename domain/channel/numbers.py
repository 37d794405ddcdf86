"""The number a channel knows an instruction by: in the channel's alphabet and length, injective.

Two instructions never share a number, and a number that was given is never given again. Where the
instruction's id itself fits it is the number, so that people find it in the channel's pages. Else
it is `z` and a hash of the id. No plain number begins with `z`, so the two kinds never meet.

    channel             instruction          number
    WeChat and others   pay-536365           pay-536365
    WeChat and others   pay-<60 characters>  z + 31 characters
    UnionPay            pay-536365           pay536365         (its cards, and its QuickPass)
    UnionPay            pay-536365-2         z + 31 characters
    UnionPay            payb-536365          z + 31 characters
    combined, part 2    pay-536365           part2-536365

UnionPay takes no dash. It is left out only where the number can be read as one id alone: `pay-out7`
and `payout-7` would both be `payout7`, which reads as the second; so the first is hashed.
"""

import re
from base64 import b32hexencode
from hashlib import sha256

# What an id of an instruction begins with. A longer one stands before one that it begins with.
PREFIXES = ("payout", "pay", "back", "refund")
# Channels that UnionPay carries: their numbers are letters and digits.
NARROW = frozenset(("UNIONPAY_CARD", "CLOUD_QUICKPASS"))

_wide = re.compile(r"[0-9A-Za-z_-]{6,32}", re.ASCII).fullmatch
_narrow = re.compile(r"[0-9A-Za-z]{8,32}", re.ASCII).fullmatch
_part = re.compile(r"part[0-9]+-", re.ASCII).match


def wide_number(instruction_id: str) -> str:
    """6 to 32 of 0-9 A-Z a-z _ - : WeChat Pay and all channels but UnionPay."""
    if _wide(instruction_id) and not instruction_id.startswith("z") and not _part(instruction_id):
        return instruction_id
    return _hashed(instruction_id)


def narrow_number(instruction_id: str) -> str:
    """8 to 32 letters and digits: UnionPay."""
    number = instruction_id.replace("-", "", 1)
    if _narrow(number) and _read(number) == instruction_id:
        return number
    return _hashed(instruction_id)


def sought_by(channel: str, number: str) -> str:
    """What to look for when a channel's bill has a number: the id of the instruction, where the
    number can be read as one, in whichever form; else the number itself."""
    if channel in NARROW and _narrow(number):
        return _read(number) or number
    return number


def part_number(instruction_id: str, part: int) -> str:
    """The number of one transaction of a combined order (合单), the `part`-th, counted from 1."""
    kind, _, rest = instruction_id.partition("-")
    number = f"part{part}-{rest}"
    if kind == "pay" and _wide(number):
        return number
    return _hashed(f"{instruction_id}/{part}")  # No id has a slash.


def _read(number: str) -> str:
    """The one id that a number without its dash is read as; "" if there is none."""
    prefix = next((prefix for prefix in PREFIXES if number.startswith(prefix)), "")
    return f"{prefix}-{number.removeprefix(prefix)}" if prefix else ""


def _hashed(text: str) -> str:
    """`z` and 155 bits of SHA-256 in digits and small letters: 32 characters. Small letters only,
    for a channel that does not tell them from capitals."""
    return "z" + b32hexencode(sha256(text.encode()).digest()).decode().lower()[:31]
