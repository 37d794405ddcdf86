"""What the OpenAPI document says of a field is what the code takes: no text, number or list is left
open, defaults and lists of words are the code's own, and patterns speak the code's language."""

from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.rest import factors, patterns
from api.rest.documents import GRAPHQL
from api.rest.patterns import maybe, number, web_address, whole
from api.rest.routes import ENDPOINTS
from api.rest.shapes import SHAPES, TEXT, shaped
from domain.accounting.commands import FreezeAccount
from domain.fields import checked_moment, checked_number, checked_text, is_web_address
from domain.member.terms import parse_cycle
from domain.refusals import Refused
from tests.api.conftest import Server

# Whatever is here is left open, and why.
OPEN = {
    "POST /v1/documents application/json.document": "whether it is GraphQL, no pattern says",
    f"POST /v1/documents {GRAPHQL}": "likewise",
    "#Problem.title": "words for people, in an answer",
    "#Problem.field": "likewise",
    "#Problem.detail": "likewise",
    "#Problem.refused[].detail": "likewise",
    # Words of a list, in any number: one that is said twice counts once.
    "POST /v1/members/{member_id}/api-commands application/json.commands": "any number of words",
    "POST /v1/members/{member_id}/webhooks application/json.kinds": "any number of words",
    "POST /v1/members/{member_id}/webhooks/{endpoint_id} application/json.kinds": "likewise",
    "#Terms.products": "likewise",
}
SPEAKING = {
    *("type", "$ref", "enum", "const", "oneOf", "anyOf", "allOf"),
    *("properties", "minItems", "maxItems"),
}
SAYS = {
    "string": lambda one: one.keys() & {"pattern", "enum", "format", "const"},
    "integer": lambda one: {"minimum", "maximum"} <= one.keys(),
    "array": lambda one: "maxItems" in one or (one.get("uniqueItems") and "enum" in one["items"]),
}


def open_ends(schema: dict[str, Any], place: str) -> Iterator[str]:
    """Where a schema lets through what it names no bound of."""
    for form in ("oneOf", "anyOf", "allOf"):
        for one in schema.get(form, ()):
            yield from open_ends(one, place)
    kinds = schema.get("type", ())
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if kind in SAYS and not SAYS[kind](schema):
            yield place
        if kind == "number":
            yield f"{place}: no amount, and nothing else, has a fraction"
    if not schema.keys() & SPEAKING:
        yield f"{place}: anything"
    if "items" in schema:
        yield from open_ends(schema["items"], f"{place}[]")
    for name, one in schema.get("properties", {}).items():
        yield from open_ends(one, f"{place}.{name}")


def asked(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of a request, and those that have a name."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name = f"{method.upper()} {path}"
            for one in operation.get("parameters", ()):
                yield f"{name} {one['in']}: {one['name']}", one["schema"]
            for kind, one in operation.get("requestBody", {}).get("content", {}).items():
                yield f"{name} {kind}", one["schema"]
    for name, schema in document["components"]["schemas"].items():
        yield f"#{name}", schema


def test_no_text_number_or_list_is_left_open(server: Server) -> None:
    document = server.client.get("/openapi.json").json()
    found = {one for place, schema in asked(document) for one in open_ends(schema, place)}
    assert found == set(OPEN)


@pytest.mark.parametrize(
    ("schema", "left"),
    [
        ({"type": "string", "maxLength": 9}, ["x"]),
        ({"type": "string", "enum": ["a"]}, []),
        ({"type": ["string", "null"]}, ["x"]),
        ({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]}, ["x"]),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 2}, ["x[]"]),
        ({"type": "array", "items": {"enum": ["a"]}}, ["x"]),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, ["x.a"]),
        ({"type": "number"}, ["x: no amount, and nothing else, has a fraction"]),
        ({}, ["x: anything"]),
    ],
)
def test_what_is_left_open_is_seen(schema: dict[str, Any], left: list[str]) -> None:
    assert list(open_ends(schema, "x")) == left


KINDS = [endpoint.asked for endpoint in ENDPOINTS] + [
    one.wish for one in factors.OPERATIONS.values()
]
FIELDS = [
    (kind, name, schema)
    for kind, parts in msgspec.json.schema_components(KINDS)[1].items()
    for name, schema in parts["properties"].items()
]


@pytest.mark.parametrize(
    ("kind", "name", "raw"), FIELDS, ids=[f"{kind}.{name}" for kind, name, _ in FIELDS]
)
def test_a_shape_is_of_its_own_field(kind: str, name: str, raw: dict[str, Any]) -> None:
    """A name in several commands may mean several things: words and defaults are the code's."""
    shape = shaped(kind, name, raw)
    words = _words(raw)
    if words is not None:
        assert _words(shape) == words
    if "default" in raw and "$ref" not in str(raw):
        default = list(raw["default"]) if raw.get("type") == "array" else raw["default"]
        assert shape.get("default") == default
        assert jsonschema_rs.Draft202012Validator(shape).is_valid(default)


def _words(schema: dict[str, Any]) -> set[str] | None:
    """The words that a field, or each item of it, may be."""
    found = schema.get("items", schema).get("enum")
    return None if found is None else set(found)


def test_a_shape_of_another_field_is_seen() -> None:
    """As `channel` was: any channel to the document, one of a few to the code."""
    raw = msgspec.json.schema_components([FreezeAccount])[1]["FreezeAccount"]
    with pytest.raises(AssertionError):
        test_a_shape_is_of_its_own_field("X", "channel", raw["properties"]["direction"])


def _takes(check: Callable[[str], Any]) -> Callable[[str], bool]:
    def taken(text: str) -> bool:
        try:
            check(text)
        except Refused:
            return False
        return True

    return taken


LANGUAGES: dict[str, tuple[str, Callable[[str], bool]]] = {
    "number": (whole(number(64)), _takes(lambda text: checked_number(text, "x"))),
    "short number": (whole(number(32)), _takes(lambda text: checked_number(text, "x", longest=32))),
    "cycle": (patterns.CYCLE, _takes(lambda text: parse_cycle(text, "x"))),
    "text": (TEXT["pattern"], lambda text: _takes(lambda one: checked_text(one, "x"))(text[:200])),
    "address": (
        whole(web_address(fragment=True)),
        lambda text: is_web_address(text, 10_000),
    ),
    "target": (
        whole(web_address(fragment=False)),
        lambda text: is_web_address(text, 10_000) and "#" not in text,
    ),
}
LETTERS = st.sampled_from("0159aAfFgzZ_-.:/?#[]\\@%é+TDwmon \n\x00٣")


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_pattern_is_what_the_code_takes(name: str) -> None:
    """Also of texts that are one change away from it."""
    pattern, takes = LANGUAGES[name]
    validator = jsonschema_rs.Draft202012Validator({"type": "string", "pattern": pattern})

    @given(st.from_regex(pattern, fullmatch=True), st.data())
    @settings(max_examples=150, deadline=None)
    def same(text: str, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 2))
        other = text[:place] + data.draw(st.text(LETTERS, max_size=2)) + text[place + cut :]
        for one in (text, other):
            assert validator.is_valid(one) == takes(one), one

    same()


@pytest.mark.parametrize(
    "host",
    [
        "[::]", "[::1]", "[1::]", "[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7::]", "[::2:3:4:5:6:7:8]",
        "[1::3:4:5:6:7:8]", "[1:2:3:4:5:6:1.2.3.4]", "[::1.2.3.4]", "[1:2:3:4:5::1.2.3.4]",
        "[1:2:3:4:5:6::1.2.3.4]", "[::01.2.3.4]", "[::256.1.1.1]", "[1:2:3:4:5:6:7:8:9]", "[1]",
        "[:::]", "[1::2::3]", "[12345::]", "[g::]", "[]", "[::1%eth0]", "[1:2:3:4:5:6:7]",
        "[::ffff:1.2.3.4]", "[1.2.3.4]", "[:1]", "[1:]", "a:65535", "a:65536", "a:0", "a:080", "a:",
        "a:9999", "a:10000", "a:70000", "user@a", "a b", "", "-", "a\\b",
    ],
)  # fmt: skip
def test_a_host_is_what_the_code_takes(host: str) -> None:
    pattern = whole(web_address(fragment=True))
    validator = jsonschema_rs.Draft202012Validator({"pattern": pattern})
    for text in (f"https://{host}", f"http://{host}/x?y#z", f"https://{host}#", f"ftp://{host}"):
        assert validator.is_valid(text) == is_web_address(text, 10_000), text


def test_a_moment_is_one() -> None:
    moment = jsonschema_rs.Draft202012Validator({"pattern": patterns.MOMENT})
    for text in ("2026-11-23T22:00:00+08:00", "2000-01-01T00:00:00+08:00"):
        assert moment.is_valid(text) and _takes(lambda one: checked_moment(one, "x"))(text)
    for text in ("2026-02-29T00:00:00+08:00", "2026-11-23T24:00:00+08:00", "2026-11-23"):
        assert not moment.is_valid(text)


def test_nothing_is_what_may_be_left_out() -> None:
    assert jsonschema_rs.Draft202012Validator({"pattern": maybe("a")}).is_valid("")
    assert not jsonschema_rs.Draft202012Validator(SHAPES["order_no"]).is_valid("")
