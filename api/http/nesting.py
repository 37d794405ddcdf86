"""How deep JSON and GraphQL may be nested: a limit of ours, looked for before anything is parsed.

Parsers recurse. Without this, what is refused would depend on the interpreter's recursion limit,
which differs between Python versions and, in C code, is not always there.
"""

import re
from itertools import accumulate

from domain.refusals import Code, Refused

MAX_NESTING = 64

# What may hold a bracket that opens nothing: texts and comments. One that is not closed ends where
# a parser gives up. Possessive, so that no text makes it slow.
_JSON_TEXTS = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_GRAPHQL_TEXTS = re.compile(
    r'"""(?:[^"\\]++|\\"""|\\|"(?!""))*+(?:""")?|"(?:[^"\\\r\n]++|\\.)*+"?|#[^\r\n]*+'
)
_STEP = {**dict.fromkeys(b"[{(", 1), **dict.fromkeys(b"]})", -1)}
_NO_BRACKETS = bytes(set(range(256)) - set(_STEP))


def refuse_deep_json(text: str) -> None:
    """Raises Refused(REQUEST_INVALID, "body") for lists and objects more than 64 deep."""
    if _is_deep(text, _JSON_TEXTS):
        raise Refused(Code.REQUEST_INVALID, "body", "nested too deeply")


def refuse_deep_graphql(text: str) -> None:
    """Raises Refused(REQUEST_INVALID, "query") for brackets of any kind more than 64 deep."""
    if _is_deep(text, _GRAPHQL_TEXTS):
        raise Refused(Code.REQUEST_INVALID, "query", "it is nested too deeply")


def _is_deep(text: str, texts: re.Pattern[str]) -> bool:
    if sum(map(text.count, "[{(")) <= MAX_NESTING:
        return False  # Nearly every text: counting costs next to nothing.
    brackets = texts.sub("", text).encode("ascii", "ignore").translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > MAX_NESTING
