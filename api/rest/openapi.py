"""The OpenAPI document: schemas from the commands themselves, examples from the endpoint tables."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from msgspec import Struct

from api.http.errors import INTERNAL_ERROR, INTERNAL_MEANING, PROBLEM, REFUSALS_PAGE
from api.rest.approvals import PROPOSED
from api.rest.endpoint import Endpoint
from api.rest.forms import ONE_OF
from api.rest.shapes import LARGEST, SHAPES, shaped
from domain.approval.kinds import KINDS
from domain.reconciliation.bills.fault import FaultCode
from domain.refusals import MEANING, Code

DESCRIPTION = """Commands of the Zhangfang accounting system; reads are at `/graphql`.

Amounts are whole numbers of fen (1 CNY = 100 fen). A command is idempotent by its number: the
`Idempotency-Key` header, or where that is missing the request's own business number. The same
request always gets the same answer, refusals too; the same number with another body is a
`request_conflict`. A command that needs two persons is answered 202: it is proposed, and done when
another person approves it. Every answer has a `position`: given as `atLeast` to a query, it shows
what the command did."""

_PARAMETER = re.compile(r"\{(\w+)\}")
_SCHEMAS = "#/components/schemas/{name}"
_POSITION = {"type": "integer", "minimum": 0, "maximum": LARGEST}
_INCIDENT = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_NAMED = {"type": "string", "pattern": "^([0-9a-f]{64})?$"}
_FAULTS = {
    "type": "array",
    "maxItems": 1,
    "items": {
        "type": "object",
        "required": ["line", "code", "detail"],
        "properties": {
            "line": {**_POSITION, "description": "from 1; 0 is the file itself"},
            "code": {"type": "string", "enum": list(FaultCode)},
            "detail": {"type": "string"},
        },
    },
}
_ERRORS = {
    "400": "The request is malformed",
    "401": "The API key is missing, unknown or revoked",
    "403": "The caller may not do this",
    "404": "What the command is about does not exist",
    "409": "The state of things does not permit it, or the number was used with another body",
    "408": "The request did not arrive in time",
    "413": "The body is above 1 MiB, or what the operation says",
    "414": "The path is too long",
    "415": "The body is not application/json, or what the operation says",
    "422": "A value is not one the ledger takes",
    "429": "The key asks too often; `Retry-After` says when to come back",
    "431": "The headers are too large",
    "500": "A defect, with an incident number",
    "503": "The ledger could not take the command now; nothing was recorded",
}


def operation(endpoint: Endpoint) -> dict[str, Any]:
    """What OpenAPI says of one command beyond its summary."""
    found: dict[str, Any] = {
        "parameters": [*path_parameters(endpoint.path, endpoint.sample), _key(endpoint)],
        "responses": {
            **_proposed(endpoint),
            **answers(endpoint.status, endpoint.result, *endpoint.also),
        },
        "security": [{"bearer": []}],
    }
    schema = _body_schema(endpoint)
    if schema["properties"]:
        content = {"schema": schema, "example": dict(endpoint.body)}
        required = bool(schema.get("required") or "oneOf" in schema)
        found["requestBody"] = {"required": required, "content": {"application/json": content}}
    return found


def _proposed(endpoint: Endpoint) -> dict[str, Any]:
    """The answer of a command that waits for a second person."""
    kind = KINDS.get(endpoint.command)
    if kind is None:
        return {}
    (said, *_) = answers(202, {**PROPOSED, "kind": kind.name}).values()
    return {"202": {**said, "description": "Proposed: another person approves or refuses it"}}


def path_parameters(path: str, sample: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": SHAPES[name],
            "example": sample[name],
        }
        for name in _PARAMETER.findall(path)
    ]


def _key(endpoint: Endpoint) -> dict[str, Any]:
    own = f" Without it, `{endpoint.number[1]}` names the request." if endpoint.number else ""
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": endpoint.number is None,
        "description": f"Names the request: repeated under it, it is carried out once.{own}",
        "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,100}$"},
        "example": "3f6c1c0a-retry-safe",
    }


def answers(status: int, result: Mapping[str, Any], *also: Mapping[str, Any]) -> dict[str, Any]:
    """The accepted answer with its example, the forms it may have, and every way to be refused."""
    example = {"result": dict(result), "position": 42, "replayed": False}
    schema: dict[str, Any] = {"$ref": _SCHEMAS.format(name="Accepted")}
    if also:
        forms = {"result": {"oneOf": [_form(one) for one in (result, *also)]}}
        schema = {"allOf": [schema, {"type": "object", "properties": forms}]}
    accepted = {
        "description": "Accepted and durable",
        "headers": {
            "Idempotent-Replayed": {
                "description": "`true` when this is the kept answer to an earlier request",
                "schema": {"type": "string", "enum": ["true"]},
            }
        },
        "content": {
            "application/json": {
                "schema": schema,
                "example": example,
            }
        },
    }
    return {str(status): accepted, **every_problem()}


def _form(result: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of answers like this one: these fields, and no other."""
    texts = {"type": "array", "items": {"type": "string"}}
    fields = {
        name: {**(texts if isinstance(value, list) else {"type": "string"}), "example": value}
        for name, value in result.items()
    }
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def every_problem() -> dict[str, Any]:
    """Every way to be refused."""
    return problems(*_ERRORS)


def problems(*statuses: str) -> dict[str, Any]:
    """Ways to be refused, by status."""
    return {status: {"$ref": f"#/components/responses/Problem{status}"} for status in statuses}


def described(
    asked: type[Struct], path: str, sample: Mapping[str, str], body: Any, answer: Any
) -> dict[str, Any]:
    """What OpenAPI says of a route that is no command: it reads `asked`, and answers like this."""
    fields = {name: _plain(value) for name, value in answer.items()}
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    content = {"schema": {**schema, "additionalProperties": False}, "example": dict(answer)}
    wanted = {"schema": _schema(asked, path, {}), "example": dict(body)}
    return {
        "parameters": path_parameters(path, sample),
        "requestBody": {"required": True, "content": {"application/json": wanted}},
        "responses": {
            "200": {"description": "Done", "content": {"application/json": content}},
            **every_problem(),
        },
        "security": [{"bearer": []}],
    }


def _plain(value: Any) -> dict[str, Any]:
    texts = {"type": "array", "items": {"type": "string"}}
    return texts if isinstance(value, list) else {"type": "string"}


def _body_schema(endpoint: Endpoint) -> dict[str, Any]:
    return _schema(endpoint.asked, endpoint.path, endpoint.defaults)


def _schema(asked: type[Struct], path: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What is read, without what stands in the path."""
    kind = asked.__name__
    whole = _components(asked)[kind]
    in_path = set(_PARAMETER.findall(path))
    optional = in_path | set(defaults)
    properties = {name: shaped(kind, name, x) for name, x in whole["properties"].items()}
    for name, value in defaults.items():
        properties[name] = {**properties[name], "default": value}
    one_of = {"oneOf": ONE_OF[kind]} if kind in ONE_OF else {}
    return {
        **one_of,
        "type": "object",
        "properties": {name: x for name, x in properties.items() if name not in in_path},
        "required": [name for name in whole.get("required", []) if name not in optional],
        "additionalProperties": False,
    }


@cache
def _components(asked: type[Struct]) -> dict[str, Any]:
    """As msgspec describes it; made once, to be read only."""
    return msgspec.json.schema_components([asked], ref_template=_SCHEMAS)[1]


def _parts(endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    """Schemas of the structs inside commands: order lines, fee rules."""
    kinds = [endpoint.asked for endpoint in endpoints]
    _, components = msgspec.json.schema_components(kinds, ref_template=_SCHEMAS)
    parts = {}
    for name, schema in components.items():
        if name not in {kind.__name__ for kind in kinds}:
            inner = {key: shaped(name, key, x) for key, x in schema["properties"].items()}
            parts[name] = {**schema, "properties": inner, "additionalProperties": False}
    return parts


def _problem_schema() -> dict[str, Any]:
    codes = [*Code, INTERNAL_ERROR]
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["type", "title", "status", "code", "field", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {**text, "description": "what the code means"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "code": {"type": "string", "enum": codes},
            "field": {
                **text,
                "description": "the field, header or parameter it is about, or empty",
            },
            "detail": text,
            "position": {**_POSITION, "description": "where the refusal is kept"},
            "replayed": {"type": "boolean"},
            "digest": {**_DIGEST, "description": "request_conflict: SHA-256 of this command"},
            "recorded_digest": {
                **_DIGEST,
                "type": ["string", "null"],
                "description": "request_conflict: of the one recorded",
            },
            "sha256": {**_NAMED, "description": "bill_invalid: of the file, where it was read"},
            "refused": {**_FAULTS, "description": "bill_invalid: the first fault of the file"},
            "incident": {**_INCIDENT, "description": "internal_error: the number in the log"},
        },
    }


def _problem_example(status: str) -> dict[str, Any]:
    code = {
        "400": Code.REQUEST_INVALID,
        "401": Code.NOT_AUTHENTICATED,
        "403": Code.NOT_ALLOWED,
        "404": Code.ORDER_NOT_FOUND,
        "409": Code.REFUND_EXCEEDS_PAID,
        "408": Code.REQUEST_INVALID,
        "413": Code.REQUEST_INVALID,
        "414": Code.REQUEST_INVALID,
        "415": Code.REQUEST_INVALID,
        "422": Code.AMOUNT_INVALID,
        "429": Code.BUSY,
        "431": Code.REQUEST_INVALID,
        "503": Code.BUSY,
    }.get(status)
    title = MEANING[code] if code else "Internal Server Error"
    field = {
        "404": "order_no",
        "408": "body",
        "413": "body",
        "414": "path",
        "415": "Content-Type",
        "422": "amount_fen",
        "429": "Authorization",
        "431": "headers",
    }
    return {
        "type": f"{REFUSALS_PAGE}#{code or INTERNAL_ERROR}",
        "title": title,
        "status": int(status),
        "code": code or INTERNAL_ERROR,
        "field": field.get(status, ""),
        "detail": title if code else INTERNAL_MEANING,
        **({} if code else {"incident": "9f86d081884c7d65"}),
    }


def document(app: FastAPI, endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    """The whole document: FastAPI's paths with our components."""
    found = get_openapi(
        title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes
    )
    problem = {"$ref": _SCHEMAS.format(name="Problem")}
    components = found.setdefault("components", {})
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key: `zf_<id>_<secret>`, made by `zhangfang key create`.",
        }
    }
    components.setdefault("schemas", {}).update(
        {
            **_parts(endpoints),
            "Problem": _problem_schema(),
            "Accepted": {
                "type": "object",
                "required": ["result", "position", "replayed"],
                "properties": {
                    "result": {"type": "object"},
                    "position": _POSITION,
                    "replayed": {"type": "boolean"},
                },
            },
        }
    )
    components["responses"] = {
        f"Problem{status}": {
            "description": meaning,
            "content": {PROBLEM: {"schema": problem, "example": _problem_example(status)}},
        }
        for status, meaning in _ERRORS.items()
    }
    return found
