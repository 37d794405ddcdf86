"""From the bytes of a request to a command, with a typed refusal that names the field.

Strict on purpose, for it is a door to money: an amount is a JSON integer and nothing else (no
1.0, no "1", no true, no NaN), a name may stand once, unknown fields are refused, and text has no
control characters, so that whatever passes can be stored by both databases.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request

from api.http.bodies import read_body, refuse_other_types
from api.http.errors import printable
from api.http.nesting import refuse_deep_json
from domain.member.particulars import refuse_secrets
from domain.refusals import Code, Refused
from domain.texts import fault

MAX_TEXT = 500
_MOST_DIGITS = 40  # Far beyond every limit: cut off there, a number stays too large, and cheap.
_INT64 = 2**63
FIRST_YEAR, LAST_YEAR = 2000, 2099

AskedT = TypeVar("AskedT", bound=Struct)


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object of a request's body, {} when there is none.

    Raises Refused(REQUEST_INVALID, …), with 413 for a body above 1 MiB and 415 when it does not
    say it is JSON.
    """
    raw = await read_body(request)
    if not raw:
        return {}
    refuse_other_types(request)
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise Refused(Code.REQUEST_INVALID, "body", "a JSON object is needed")
    return value


def parse_json(raw: bytes) -> Any:
    """A JSON value; NaN and numbers with a fraction or exponent come out as floats, so that the
    field they stand in is what gets refused. Raises Refused(REQUEST_INVALID)."""
    try:
        text = raw.decode("utf-8")
        refuse_deep_json(text)
        return json.loads(text, object_pairs_hook=_once, parse_int=_integer)
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} is not UTF-8"
    except json.JSONDecodeError as error:
        detail = f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    raise Refused(Code.REQUEST_INVALID, "body", detail)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Refused(Code.REQUEST_INVALID, _shown(name), "the name stands twice")
        found[name] = value
    return found


def _integer(digits: str) -> int:
    return int(digits[:_MOST_DIGITS])


def _shown(name: str) -> str:
    return ascii(name)[1:-1][:60]


def build(
    kind: type[AskedT], body: Mapping[str, Any], path: Mapping[str, str], /, **defaults: Any
) -> AskedT:
    """The command of a body and the parameters of its path, or what is made into one.

    Raises Refused: CARD_SECRET, whatever else is wrong; REQUEST_INVALID, AMOUNT_INVALID,
    AMOUNT_TOO_LARGE, DATE_INVALID, TEXT_INVALID.
    """
    refuse_secrets(body)
    for name in body:
        if name in path:
            raise Refused(Code.REQUEST_INVALID, name, "it stands in the path, not in the body")
        if name not in kind.__struct_fields__:
            raise Refused(Code.REQUEST_INVALID, _shown(name), "no such field")
    raw = {**defaults, **body, **path}
    try:
        command = msgspec.convert(raw, kind, strict=True)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None
    except UnicodeEncodeError:  # Half of a surrogate pair, where no text was expected.
        field = next((name for name in raw if not _encodable(raw[name])), "body")
        raise Refused(Code.TEXT_INVALID, field, "half of a surrogate pair") from None
    _check(raw, command, "")
    return command


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refusal(message: str) -> Refused:
    """`Expected `int`, got `str` - at `$.lines[0].amount_fen`` as a refusal of that field."""
    what, at, where = message.rpartition(" - at `")
    if not at:
        what, where = message, ""
    field = where.removesuffix("`").removeprefix("$").removeprefix(".")
    missing = "missing required field `"
    if missing in what:
        name = what.partition(missing)[2].removesuffix("`")
        return Refused(Code.REQUEST_INVALID, _join(field, name), "the field is missing")
    code = Code.REQUEST_INVALID
    if field.endswith("_fen"):
        code = Code.AMOUNT_INVALID
    elif "RFC3339" in what or "`date" in what:
        code = Code.DATE_INVALID
    return Refused(code, field, printable(what)[:200])


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _check(raw: Any, built: Any, path: str) -> None:
    """What the types leave open: unknown names inside, sizes of numbers, dates and texts."""
    if isinstance(built, Struct):
        for name in raw:
            if name not in built.__struct_fields__:
                raise Refused(Code.REQUEST_INVALID, _join(path, _shown(name)), "no such field")
            _check(raw[name], getattr(built, name), _join(path, name))
    elif isinstance(built, tuple):
        for index, item in enumerate(built):
            _check(raw[index], item, f"{path}[{index}]")
    elif isinstance(built, str):
        check_text(built, path)
    elif isinstance(built, date):
        if not FIRST_YEAR <= built.year <= LAST_YEAR:
            raise Refused(Code.DATE_INVALID, path, f"between {FIRST_YEAR} and {LAST_YEAR}")
    elif isinstance(built, int) and not -_INT64 <= built < _INT64:
        code = Code.AMOUNT_TOO_LARGE if path.endswith("_fen") else Code.REQUEST_INVALID
        raise Refused(code, path, "the number is too large")


def check_text(text: str, field: str) -> None:
    """Refused(TEXT_INVALID) for what no field may hold: too much, or what no text may have."""
    if len(text) > MAX_TEXT:
        detail = f"longer than any text: {len(text)} characters"
        raise Refused(Code.TEXT_INVALID, field, detail)
    if wrong := fault(text):
        raise Refused(Code.TEXT_INVALID, field, f"printable characters are needed: {wrong}")
