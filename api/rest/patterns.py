"""Patterns of texts, as JSON Schema takes them: the same language as the code that reads them.

No lookahead and no class that means more than ASCII, so that every reader of the document
understands them alike. A test compares each with the code it stands for.
"""

from domain.member.terms import WEEKDAYS
from domain.texts import HALF, REFUSED

NAME, INNER = "[A-Za-z0-9_]", "[A-Za-z0-9_-]"
# 2000 to 2099, in which every fourth year is a leap year.
_DATE = (
    "(20[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    "|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    "|20([02468][048]|[13579][26])-02-29)"
)
_CYCLE = (
    "([TD]\\+(0|[1-9]|[1-8][0-9]|90)"
    f"|weekly:({'|'.join(WEEKDAYS)})(:D)?|monthly:([1-9]|1[0-9]|2[0-8]|last)(:D)?)"
)
_HEX, _OCTET = "[0-9A-Fa-f]{1,4}", "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = f"{_OCTET}(\\.{_OCTET}){{3}}"
_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"


def whole(inner: str) -> str:
    return f"^{inner}$"


def maybe(inner: str) -> str:
    """Or the empty text, which says that there is none."""
    return f"^({inner})?$"


def number(longest: int) -> str:
    """A number that somebody gives, as `checked_number` takes it."""
    return f"{NAME}{INNER}{{0,{longest - 1}}}"


MEMBER_ID = f"{NAME}{{1,32}}"
DATE = whole(_DATE)
MOMENT = whole(f"{_DATE}T([01][0-9]|2[0-3])(:[0-5][0-9]){{2}}\\+08:00")
CYCLE = whole(_CYCLE)
TIME_OF_DAY = "([01][0-9]|2[0-3]):[0-5][0-9]"
ACCOUNT = f"[0-9][0-9.]{{0,30}}(\\.{MEMBER_ID})?"
BASE64 = "^[A-Za-z0-9+/]*={0,2}$"


def _text() -> str:
    """No character that `domain/texts.py` refuses. Halves of a pair stand in no JSON text."""
    spans = (f"{_escaped(first)}-{_escaped(last)}" for first, last, what in REFUSED if what != HALF)
    return f"^[^{''.join(spans)}]+$"


def _escaped(point: int) -> str:
    return f"\\u{point:04x}" if point < 0x10000 else chr(point)


TEXT = _text()


def _ipv6() -> str:
    """Eight groups; or `::` for one or more of them, at any place; the last two may be an address
    of IPv4."""
    forms = [f"({_HEX}:){{7}}{_HEX}", f"({_HEX}:){{6}}{_IPV4}"]
    for before in range(8):
        left = f"{_HEX}(:{_HEX}){{{before - 1}}}" if before else ""
        after = [f"{_HEX}(:{_HEX}){{0,{6 - before}}}"] if before < 7 else []
        after += [f"({_HEX}:){{0,{5 - before}}}{_IPV4}"] if before < 6 else []
        forms.append(f"{left}::({'|'.join(after)})?" if after else f"{left}::")
    return f"({'|'.join(forms)})"


def web_address(*, fragment: bool) -> str:
    """An address as `domain/fields.py:is_web_address` takes it; with `#…` only where one may be."""
    begins, inner = ("[/?#]", "[!-\\[\\]-~]") if fragment else ("[/?]", '[!"$-\\[\\]-~]')
    host = f"([A-Za-z0-9_.-]{{1,253}}|\\[{_ipv6()}\\])"
    return f"https?://{host}(:{_PORT})?({begins}{inner}*)?"
