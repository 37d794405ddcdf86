"""Generated REST requests: Schemathesis makes them from the server's own OpenAPI document.

Half of the values that have a name in the books are then replaced by one that stands there, so that
requests reach what they are about. Whether a request fits the document is asked of the document
itself, whatever the generator meant:

    fits             never refused as malformed
    does not fit     never accepted
    whatever         a documented status, media type, headers and body; nothing above 499
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.rest.shapes import TEXT
from benchmarks.drills.generating.findings import Findings
from domain.refusals import Code
from domain.texts import fault

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# What a request is refused with for its form alone, whatever is in the books.
MALFORMED = frozenset(
    {
        Code.REQUEST_INVALID,
        Code.IDENTIFIER_INVALID,
        Code.AMOUNT_INVALID,
        Code.DATE_INVALID,
        Code.TEXT_INVALID,
    }
)
# What no schema can say: the members of a request that must fit each other. The document says it in
# words, in the descriptions of these fields.
BETWEEN_FIELDS = frozenset(
    {
        ("POST /v1/transfers", "payee"),
        ("POST /v1/calendars", "years"),
        ("POST /v1/members/{member_id}/webhooks/{endpoint_id}/redeliver-range", "until"),
        ("POST /v1/suspense-items/{item}/place", "order_no"),
        ("POST /v1/differences/{difference}/propose", "to"),
        ("POST /v1/chargebacks", "channel"),
        ("POST /v1/chargebacks", "amount_fen"),
        ("POST /v1/bills", "format"),
        ("POST /v1/bills/fetch", "format"),
    }
)
# Numbers that a request gives to what it makes: taken ones seldom, so that it is made.
OWN_NUMBERS = frozenset(
    {
        *("order_no", "payment_no", "refund_no", "transfer_no", "hold_id", "session_no"),
        *("withdrawal_no", "deposit_no", "deduction_no", "endpoint_id", "movement_no"),
    }
)
SURE, SELDOM = 0.8, 0.2
KEY = "Idempotency-Key"
JSON = "application/json"
A_FILE = b"no bill"  # The example of a body that is a file: no document can show one.
TIMEOUT_S = 30
# Events are sent to whoever is named: a name under `.invalid` is nobody's (RFC 2606).
_HOST, NOBODYS = re.compile(r"^(https?://)(\[[^\]]*\]|[A-Za-z0-9_.-]+)"), r"\1hooks.invalid"
_PRINTABLE = "zhangfang-text"


class Operations:
    """The operations of a document, each with a strategy of cases that fit it or do not."""

    def __init__(self, document: dict[str, Any], known: Mapping[str, Sequence[str]]) -> None:
        schemathesis.openapi.format(_PRINTABLE, _texts())
        self._known = {name: list(values) for name, values in known.items()}
        self._document = document
        self._made = 0
        generated = schemathesis.openapi.from_dict(_with_formats(document))
        self._modes = (
            schemathesis.GenerationMode.POSITIVE,
            schemathesis.GenerationMode.NEGATIVE,
        )
        self._generated = {one.label: one for one in _all(generated)}
        self.fitting = {
            label: _Fitting(document, one.path, one.method)
            for label, one in self._generated.items()
        }

    @property
    def labels(self) -> list[str]:
        """`POST /v1/orders` and the others, in the order of the document."""
        return list(self._generated)

    def learn(self, name: str, value: str) -> None:
        """A value that stands in the books now, under the name of its field."""
        values = self._known.setdefault(name, [])
        if value not in values:
            values.append(value)

    def example(self, label: str, **path: str) -> Any:
        """The case that an operation's example in the document is; `path` are parameters that only
        an answer tells."""
        operation = self._generated[label]
        said = self._document["paths"][operation.path][operation.method.lower()]
        given: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
        for one in said.get("parameters", ()):
            given[one["in"]][one["name"]] = one["example"]
        body: dict[str, Any] = {}
        if "requestBody" in said:
            kind, content = _content(said["requestBody"])
            body = {"body": content.get("example", A_FILE), "media_type": kind}
        return operation.Case(
            path_parameters={**given["path"], **path},
            query=given["query"],
            headers=given["header"],
            **body,
        )

    def cases(self, label: str) -> st.SearchStrategy[Any]:
        """Cases of one operation."""
        operation = self._generated[label]
        fits: st.SearchStrategy[Any] = operation.as_strategy(generation_mode=self._modes[0])
        if not list(operation.iter_parameters()) and not operation.body:
            return fits  # Nothing about it can be wrong.
        fails = operation.as_strategy(generation_mode=self._modes[1])
        # The first of a run are always the simplest draws: those that fit.
        either = st.integers(0, 3).flatmap(lambda luck: fits if luck < 3 else fails)
        return either.map(self._named)

    def _named(self, case: Any) -> Any:
        self._made += 1
        chance = Random(self._made)  # Not drawn: the simplest draw is always the same choice.
        key = (case.headers or {}).get(KEY)
        if isinstance(key, str) and chance.random() < SURE:
            case.headers[KEY] = f"{key[:80]}{self._made}"  # Or it is another request's, a conflict.
        case.path_parameters = self._replaced(case.path_parameters, chance, SURE)
        if isinstance(case.body, dict):
            case.body = self._replaced(_whole(case.body), chance)
        return case

    def _replaced(self, value: Any, chance: Any, odds: float | None = None, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: self._replaced(one, chance, odds, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self._replaced(one, chance, odds) for one in value]
        if isinstance(value, str) and name == "url":
            return _HOST.sub(NOBODYS, value)
        if isinstance(value, str) and name in self._known:
            likely = odds or (SELDOM if name in OWN_NUMBERS else SURE)
            if chance.random() < likely:
                return chance.choice(self._known[name])
        return value


class Sender:
    """Sends cases in one role and judges the answers."""

    def __init__(self, base: str, key: str, operations: Operations, findings: Findings) -> None:
        self._base = base
        self._operations = operations
        self._findings = findings
        self._session = requests.Session()
        self._authorization = f"Bearer {key}"

    def close(self) -> None:
        self._session.close()

    def send(self, label: str, case: Any, allowed: Callable[[int], str | None]) -> Any:
        """The answer, None if there is none. `allowed` says what is wrong with a status in this
        role; None: nothing."""
        given = {k: v for k, v in (case.headers or {}).items() if k.lower() != "authorization"}
        case.headers = given | {"Authorization": self._authorization}
        try:
            answer = case.call(base_url=self._base, session=self._session, timeout=TIMEOUT_S)
        except (requests.exceptions.InvalidHeader, UnicodeError):
            return None  # No client can send it.
        except requests.exceptions.RequestException as error:
            self._findings.fault("no answer", label, self.shown(label, case), error)
            return None
        self._findings.answered(answer.status_code, label)
        shown = self.shown(label, case)
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as failures:
            for one in failures.exceptions:
                kind = type(one).__name__
                where = f"{label} {answer.status_code}"
                self._findings.fault(kind, where, shown, f"{one}\n{answer.text}")
        self._judge(label, case, answer, allowed)
        return answer

    def _judge(
        self, label: str, case: Any, answer: Any, allowed: Callable[[int], str | None]
    ) -> None:
        code, field = said(answer, "code"), said(answer, "field")
        fits = self._operations.fitting[label](case)
        found = []
        if fits and code in MALFORMED and (label, field) not in BETWEEN_FIELDS:
            found.append((f"fits, and is refused as {code}", f"{label} {field}"))
        if not fits and answer.status_code < 300:
            found.append(("does not fit, and is accepted", label))
        if wrong := allowed(answer.status_code):
            found.append((wrong, label))
        for kind, where in found:
            self._findings.fault(kind, where, self.shown(label, case), answer.text)

    def shown(self, label: str, case: Any) -> str:
        headers = {k: v for k, v in case.headers.items() if k.lower() != "authorization"}
        parts = (case.path_parameters, headers, case.query, case.body)
        return f"{label} path, headers, query, body: {parts!r}"


class _Fitting:
    """Whether a case fits what the document says of its operation."""

    def __init__(self, document: dict[str, Any], path: str, method: str) -> None:
        said = document["paths"][path][method.lower()]
        components = {"components": document["components"]}
        self._parameters = [
            (one["in"], one["name"], one["required"], _validator(one["schema"], components))
            for one in said.get("parameters", ())
        ]
        body = said.get("requestBody")
        self._body = None
        self._kind = JSON
        self._body_required = False
        if body is not None:
            self._kind, content = _content(body)
            self._body = _validator(content["schema"], components)
            self._body_required = body["required"]

    def __call__(self, case: Any) -> bool:
        query = {name: _whole(value) for name, value in (case.query or {}).items()}
        for place, name, required, validator in self._parameters:
            if place == "query":
                value = query.pop(name, None)
                if (value is None and required) or (
                    value is not None and not _fits(value, validator)
                ):
                    return False
                continue
            value = (case.path_parameters if place == "path" else case.headers).get(name)
            if value is None and not required:
                continue
            if not isinstance(value, str):
                return False
            if not validator.is_valid(unquote(value) if place == "path" else value):
                return False
        if query:  # Names that the document does not know.
            return False
        given = case.body
        if isinstance(given, schemathesis.core.NotSet):
            return not self._body_required
        if self._body is None or case.media_type != self._kind:
            return False
        if self._kind != JSON:  # A file may be any bytes.
            return True
        if isinstance(given, bytes):
            return False
        return not _has_float(given) and self._body.is_valid(given)


def _content(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind of a body and what is said of it: JSON where it may be that."""
    content: dict[str, dict[str, Any]] = body["content"]
    kind = JSON if JSON in content else next(iter(content))
    return kind, content[kind]


def _fits(value: Any, validator: Any) -> bool:
    """Whether a value of a query fits: there everything is text, and a number is its digits."""
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit():
        return bool(validator.is_valid(value) or validator.is_valid(int(value[:40])))
    return bool(validator.is_valid(value))


def _validator(schema: dict[str, Any], components: dict[str, Any]) -> Any:
    return jsonschema_rs.Draft202012Validator({**schema, **components})


def _all(schema: Any) -> list[Any]:
    return [one.ok() for one in schema.get_all_operations()]


def _whole(value: Any) -> Any:
    """With 8.0 written as 8: the same number to a schema, and refused by us, as the document says
    in words, for it can say it in no other way."""
    if isinstance(value, dict):
        return {key: _whole(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value


def _has_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_float(one) for one in value.values())
    if isinstance(value, list):
        return any(_has_float(one) for one in value)
    return isinstance(value, float)


def _with_formats(value: Any) -> Any:
    """The document with a format in the place of the pattern of texts: the same texts, but made a
    thousand times faster than from a pattern of every character there is."""
    if isinstance(value, dict):
        if value.get("pattern") == TEXT["pattern"]:
            return {"type": "string", "format": _PRINTABLE}
        return {key: _with_formats(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_formats(one) for one in value]
    return value


def _texts() -> st.SearchStrategy[str]:
    alphabet = st.characters(codec="utf-8").filter(lambda one: not fault(one))
    return st.text(alphabet, min_size=1, max_size=TEXT["maxLength"])


def said(answer: Any, name: str) -> str:
    """What a JSON answer has under a name; "" if nothing."""
    try:
        found = json.loads(answer.content)
    except ValueError:
        return ""
    return str(found.get(name, "")) if isinstance(found, dict) else ""
