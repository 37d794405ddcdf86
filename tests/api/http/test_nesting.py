"""How deep a text is, whatever its texts and comments hold, and that looking is quick."""

import contextlib
import time
from collections.abc import Callable

import pytest

from api.http.nesting import MAX_NESTING, refuse_deep_graphql, refuse_deep_json
from domain.refusals import Code, Refused

Check = Callable[[str], None]
MANY = "[" * 200
OPEN = "{" * 200

JSON_FLAT = [
    "[" * MAX_NESTING + "]" * MAX_NESTING,
    '{"a":' * MAX_NESTING + "1" + "}" * MAX_NESTING,
    "[" + "[],{}," * 500 + "1]",
    f'["{MANY}"]',
    f'["\\"{MANY}"]',
    f'["\\\\", "{MANY}"]',
    f'{{"{OPEN}": "{MANY}\\\\"}}',
    f'["坚果{MANY}',
]
JSON_DEEP = [
    "[" * (MAX_NESTING + 1),
    '{"a":' * (MAX_NESTING + 1),
    "[" * 5_000 + "]" * 5_000,
    '[{"a":' * 40 + "}]" * 40,
    f'["\\\\", {MANY}',
    f'["]]]]", {MANY}',
    "[" + "[]," * 500 + MANY,
]
GRAPHQL_FLAT = [
    "{" * MAX_NESTING + "}" * MAX_NESTING,
    f'{{ a(s: "{OPEN}") }}',
    f'{{ a(s: "\\"{OPEN}") }}',
    f'{{ a(s: """{OPEN}""") }}',
    f'{{ a(s: """"{OPEN} \\""" {OPEN}\n"" {OPEN}""") }}',
    f"{{ a # {OPEN}\n}}",
]
GRAPHQL_DEEP = [
    "{" * (MAX_NESTING + 1),
    "query(" + "$a: " + "[" * MAX_NESTING,
    "{ a(x: " + "[{y: " * 40,
    f'{{ a(s: "") {OPEN}',
    f'{{ a(s: """""") {OPEN}',
    f'{{ a(s: """ \\""" """) {OPEN}',
    f"{{ a # {{\r{OPEN}",
    f"{{ a # \n{OPEN}",
]


@pytest.mark.parametrize(
    ("check", "text"),
    [(refuse_deep_json, text) for text in JSON_FLAT]
    + [(refuse_deep_graphql, text) for text in GRAPHQL_FLAT],
)
def test_what_is_not_deep_passes(check: Check, text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    ("check", "text", "field", "detail"),
    [(refuse_deep_json, text, "body", "nested too deeply") for text in JSON_DEEP]
    + [(refuse_deep_graphql, text, "query", "it is nested too deeply") for text in GRAPHQL_DEEP],
)
def test_what_is_deep_is_refused(check: Check, text: str, field: str, detail: str) -> None:
    with pytest.raises(Refused) as no:
        check(text)
    assert (no.value.code, no.value.field, no.value.detail) == (
        Code.REQUEST_INVALID,
        field,
        detail,
    )


LARGE = 1 << 20


@pytest.mark.parametrize("check", [refuse_deep_json, refuse_deep_graphql])
@pytest.mark.parametrize(
    "text",
    [
        "[" * LARGE,
        "[]" * (LARGE // 2),
        '"",' * (LARGE // 3) + MANY,
        '"' * LARGE + MANY,
        '"' + "[\\" * (LARGE // 2),
        '"""' + '""\\' * (LARGE // 3) + MANY,
        "#" * LARGE + MANY,
    ],
    ids=lambda text: text[:6],
)
def test_a_mebibyte_is_looked_through_quickly(check: Check, text: str) -> None:
    began = time.perf_counter()
    with contextlib.suppress(Refused):
        check(text)
    assert time.perf_counter() - began < 2  # A tenth of a second; quadratic would be minutes.
