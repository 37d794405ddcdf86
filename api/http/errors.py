"""Refusals as HTTP: one status per code, every answer a problem document (RFC 9457).

The domain knows no HTTP, so the mapping stands here, whole; a test proves that every code has a
status and a line in docs/refusals.md, to which the `type` of a problem points.
"""

import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from domain.eventstore.recorder import AWAY
from domain.refusals import MEANING, Code, Refused

PROBLEM = "application/problem+json"
REFUSALS_PAGE = "/docs/refusals.md"
INTERNAL_ERROR = "internal_error"
INTERNAL_MEANING = (
    "Something failed that should not have; `incident` is the number to look for in the log. "
    "Repeat the request under the same number to learn whether it was carried out."
)

STATUS: dict[Code, int] = {
    Code.REQUEST_INVALID: 400,
    Code.REQUEST_CONFLICT: 409,
    Code.NOT_AUTHENTICATED: 401,
    Code.NOT_ALLOWED: 403,
    Code.IDENTIFIER_INVALID: 422,
    Code.AMOUNT_INVALID: 422,
    Code.AMOUNT_TOO_LARGE: 422,
    Code.DATE_INVALID: 422,
    Code.TEXT_INVALID: 422,
    Code.DOCUMENT_INVALID: 422,
    Code.DOCUMENT_UNKNOWN: 404,
    Code.BLOB_NOT_FOUND: 404,
    Code.MEMBER_EXISTS: 409,
    Code.MEMBER_NOT_FOUND: 404,
    Code.MEMBER_KIND_WRONG: 422,
    Code.OPERATOR_LIMIT: 409,
    Code.OPERATOR_NOT_FOUND: 404,
    Code.TERMS_MISSING: 409,
    Code.TERMS_INVALID: 422,
    Code.AGREEMENT_MISSING: 409,
    Code.AGREEMENT_LIMIT: 409,
    Code.CONSENT_MISSING: 409,
    Code.NOTICE_TOO_SHORT: 409,
    Code.VAULT_LOCKED: 409,
    Code.VAULT_DAMAGED: 409,
    Code.CARD_SECRET: 422,
    Code.PARTICULARS_INVALID: 422,
    Code.MEMBER_FORGOTTEN: 409,
    Code.RETENTION_NOT_OVER: 409,
    Code.IDENTITY_DIFFERS: 409,
    Code.HOLDER_DIFFERS: 409,
    Code.CARD_NOT_FOUND: 404,
    Code.CARD_STATE_WRONG: 409,
    Code.CARD_LIMIT: 409,
    Code.CODE_EXPIRED: 409,
    Code.FACTOR_MISSING: 409,
    Code.FACTOR_ALREADY_SET: 409,
    Code.FACTOR_WRONG: 409,
    Code.FACTOR_LOCKED: 409,
    Code.CERTIFICATE_NOT_FOUND: 404,
    Code.CERTIFICATE_LIMIT: 409,
    Code.WEBHOOK_INVALID: 422,
    Code.WEBHOOK_TAKEN: 409,
    Code.WEBHOOK_NOT_FOUND: 404,
    Code.WEBHOOK_STATE_WRONG: 409,
    Code.WEBHOOK_LIMIT: 409,
    Code.ACCOUNT_CODE_UNKNOWN: 404,
    Code.ACCOUNT_NOT_FOUND: 404,
    Code.ACCOUNT_CLOSED: 409,
    Code.ACCOUNT_FROZEN: 409,
    Code.ACCOUNT_NOT_EMPTY: 409,
    Code.BALANCE_INSUFFICIENT: 409,
    Code.LEDGER_FULL: 409,
    Code.HOLD_NOT_FOUND: 404,
    Code.HOLD_EXISTS: 409,
    Code.HOLD_LIMIT: 409,
    Code.AUTHORITY_ORDER_NOT_FOUND: 404,
    Code.AUTHORITY_ORDER_EXISTS: 409,
    Code.AUTHORITY_ORDER_STATE_WRONG: 409,
    Code.AUTHORITY_ORDER_INVALID: 422,
    Code.AUTHORITY_ORDER_LIMIT: 409,
    Code.DEDUCTION_NOT_FOUND: 404,
    Code.DEDUCTION_EXISTS: 409,
    Code.DEDUCTION_STATE_WRONG: 409,
    Code.DEDUCTION_BEYOND: 409,
    Code.LIST_INVALID: 422,
    Code.LIST_VERSION_TAKEN: 409,
    Code.LIST_MATCH_NOT_FOUND: 404,
    Code.LIST_MATCH_STATE_WRONG: 409,
    Code.ENTRY_UNBALANCED: 422,
    Code.ENTRY_ALREADY_REVERSED: 409,
    Code.ENTRY_NOT_FOUND: 404,
    Code.ENTRY_NOT_REVERSIBLE: 409,
    Code.DAY_NOT_OPEN: 409,
    Code.DAY_ALREADY_OPEN: 409,
    Code.DAY_NOT_THE_OPEN_ONE: 409,
    Code.DAY_NOT_BEGUN: 409,
    Code.CALENDAR_UNPUBLISHED: 409,
    Code.CALENDAR_VERSION_TAKEN: 409,
    Code.ORDER_EXISTS: 409,
    Code.ORDER_NOT_FOUND: 404,
    Code.ORDER_NOT_PAYABLE: 409,
    Code.ORDER_LINES_INVALID: 422,
    Code.PAYMENT_IN_PROGRESS: 409,
    Code.PAYMENT_EXISTS: 409,
    Code.PAYMENT_NOT_FOUND: 404,
    Code.PAYMENT_STATE_WRONG: 409,
    Code.METHOD_UNKNOWN: 422,
    Code.LEGS_INVALID: 422,
    Code.SESSION_EXISTS: 409,
    Code.SESSION_NOT_FOUND: 404,
    Code.SESSION_OVER: 409,
    Code.SESSION_STATE_WRONG: 409,
    Code.LINK_INVALID: 403,
    Code.WALLET_CAP: 409,
    Code.PROOF_MISSING: 409,
    Code.PROOF_INVALID: 422,
    Code.PROOF_UNFIT: 409,
    Code.PROOF_EXPIRED: 409,
    Code.SUSPENSE_NOT_FOUND: 404,
    Code.SUSPENSE_STATE_WRONG: 409,
    Code.CHANNEL_UNKNOWN: 404,
    Code.CHANNEL_NOT_REGISTERED: 409,
    Code.CHANNEL_UNAVAILABLE: 409,
    Code.MAINTENANCE_INVALID: 422,
    Code.MAINTENANCE_NOT_FOUND: 404,
    Code.MAINTENANCE_OVER: 409,
    Code.REPORT_NOT_FOUND: 404,
    Code.REPORT_SETTLED: 409,
    Code.INSTRUCTION_EXISTS: 409,
    Code.INSTRUCTION_NOT_FOUND: 404,
    Code.INSTRUCTION_ALREADY_ENDED: 409,
    Code.INSTRUCTION_NOT_CLOSABLE: 409,
    Code.TRANSACTION_NOT_FOUND: 404,
    Code.TRANSACTION_NOT_PAID: 409,
    Code.TRANSACTION_CLOSED: 409,
    Code.CONFIRMATION_TOO_EARLY: 409,
    Code.REFUND_EXISTS: 409,
    Code.REFUND_NOT_FOUND: 404,
    Code.REFUND_TOO_LATE: 409,
    Code.REFUND_EXCEEDS_PAID: 409,
    Code.REFUND_STATE_WRONG: 409,
    Code.REFUND_REJECTED: 409,
    Code.TRANSFER_EXISTS: 409,
    Code.WITHDRAWAL_EXISTS: 409,
    Code.WITHDRAWAL_NOT_FOUND: 404,
    Code.WITHDRAWAL_STATE_WRONG: 409,
    Code.WITHDRAWAL_NOT_DUE: 409,
    Code.WITHDRAWAL_LIMIT: 409,
    Code.FEE_DIFFERS: 409,
    Code.BATCH_NOT_FOUND: 404,
    Code.BATCH_NOT_COLLECTING: 409,
    Code.BATCH_STATE_WRONG: 409,
    Code.BATCH_NOT_DUE: 409,
    Code.CHECKER_IS_MAKER: 409,
    Code.PAYOUT_NOT_FOUND: 404,
    Code.RESERVE_NOT_FOUND: 404,
    Code.RESERVE_NOT_DUE: 409,
    Code.DEPOSIT_EXISTS: 409,
    Code.DEPOSIT_NOT_FOUND: 404,
    Code.OWN_MOVEMENT_EXISTS: 409,
    Code.OWN_MOVEMENT_NOT_FOUND: 404,
    Code.OWN_MOVEMENT_STATE_WRONG: 409,
    Code.TOP_UP_NOT_FOUND: 404,
    Code.TOP_UP_STATE_WRONG: 409,
    Code.RESERVE_PROOF_WRONG: 409,
    Code.BILL_INVALID: 422,
    Code.BILL_MAP_INVALID: 422,
    Code.BILL_LIMIT: 409,
    Code.BILL_HAS_LINES: 409,
    Code.DIFFERENCE_NOT_FOUND: 404,
    Code.DIFFERENCE_STATE_WRONG: 409,
    Code.RESOLUTION_UNFIT: 422,
    Code.RESOLUTION_FINAL: 409,
    Code.CHARGEBACK_NOT_FOUND: 404,
    Code.CHARGEBACK_STATE_WRONG: 409,
    Code.CHARGEBACK_EXCEEDS_PAID: 409,
    Code.RECONCILIATION_STALE: 409,
    Code.BILL_SOURCE_MISSING: 409,
    Code.BILL_NOT_READY: 409,
    Code.BILL_UNREACHABLE: 503,
    Code.APPROVAL_NOT_FOUND: 404,
    Code.APPROVAL_EXISTS: 409,
    Code.PERSON_UNKNOWN: 403,
    Code.APPROVAL_STATE_WRONG: 409,
    Code.APPROVAL_EXPIRED: 409,
    Code.PAYOUT_UNCONFIRMED: 409,
    Code.BUSY: 503,
}

LONGEST = 1_000  # Characters of a detail: what a caller sent may be quoted in it.
LONGEST_FIELD = 200
# The words of RFC 9110, with the older name of 422. The library's own change with Python.
PHRASE: dict[int, str] = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    422: "Unprocessable Entity",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

_log = logging.getLogger("zhangfang.api")


class Problem(Exception):
    """A refusal on its way out, with what HTTP adds: another status, headers, more members."""

    def __init__(
        self,
        refused: Refused,
        *,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(str(refused))
        self.refused = refused
        self.status = STATUS[refused.code] if status is None else status
        self.headers = headers or {}
        self.more = more or {}


def problem_response(problem: Problem) -> Response:
    """The problem document: type, title, status, code, field, detail, and whatever was added."""
    refused = problem.refused
    headers = dict(problem.headers)
    if refused.code is Code.NOT_AUTHENTICATED:
        headers["WWW-Authenticate"] = 'Bearer realm="zhangfang"'
    if refused.code is Code.BUSY:
        headers.setdefault("Retry-After", "1")
    body = {
        "type": f"{REFUSALS_PAGE}#{refused.code}",
        "title": MEANING[refused.code],
        "status": problem.status,
        "code": refused.code,
        "field": cut(refused.field, LONGEST_FIELD),
        "detail": cut(refused.detail, LONGEST),
        **problem.more,
    }
    return Response(msgspec.json.encode(body), problem.status, headers, media_type=PROBLEM)


def printable(text: str) -> str:
    """Text that any encoder takes: what a caller sent may hold half of a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def cut(text: str, longest: int) -> str:
    """Text that any encoder takes, and no more of it than anybody reads."""
    return printable(text if len(text) <= longest else text[:longest] + "…")


async def on_refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return problem_response(Problem(error))


async def on_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error)


async def on_http_exception(_request: Request, error: Exception) -> Response:
    """What the router itself refuses: an unknown path, a method the path does not have."""
    assert isinstance(error, HTTPException)
    field = {404: "path", 405: "method"}.get(error.status_code, "")
    detail = {404: "There is nothing at this path.", 405: "The path does not take this method."}
    refused = Refused(Code.REQUEST_INVALID, field, detail.get(error.status_code, error.detail))
    headers = dict(error.headers or {})
    return problem_response(Problem(refused, status=error.status_code, headers=headers))


async def on_disconnect(_request: Request, _error: Exception) -> Response:
    """Nobody reads this answer; it only keeps the log free of what is no failure of ours."""
    return problem_response(Problem(Refused(Code.REQUEST_INVALID, "body", "the body broke off")))


async def on_database_away(request: Request, error: Exception) -> Response:
    """Nothing is lost: under its number the request may be repeated, whatever became of it."""
    _log.warning("%s %s: the database is away: %s", request.method, _route(request), error)
    detail = "the database does not take it now; repeat the request under the same number"
    return problem_response(Problem(Refused(Code.BUSY, "database", detail)))


async def on_failure(request: Request, error: Exception) -> Response:
    """A defect: logged whole under an incident number; the answer shows the number alone."""
    incident = secrets.token_hex(8)
    _log.error("incident %s: %s %s", incident, request.method, _route(request), exc_info=error)
    body = {
        "type": f"{REFUSALS_PAGE}#{INTERNAL_ERROR}",
        "title": PHRASE[500],
        "status": 500,
        "code": INTERNAL_ERROR,
        "field": "",
        "detail": INTERNAL_MEANING,
        "incident": incident,
    }
    return Response(msgspec.json.encode(body), 500, media_type=PROBLEM)


def _route(request: Request) -> str:
    """Which path it is, without what stands in it: that may be somebody's."""
    return getattr(request.scope.get("route"), "path", "") or "-"


Handler = Callable[[Request, Exception], Coroutine[Any, Any, Response]]
HANDLERS: dict[type[Exception], Handler] = {
    Refused: on_refused,
    Problem: on_problem,
    HTTPException: on_http_exception,
    ClientDisconnect: on_disconnect,
    **dict.fromkeys((*AWAY, OperationalError, InterfaceError), on_database_away),
    Exception: on_failure,
}


def handler_of(error: Exception) -> Handler:
    """Who answers for a failure."""
    return next(handler for kind, handler in HANDLERS.items() if isinstance(error, kind))


def refusals_page() -> str:
    """docs/refusals.md: a section per code, so that a problem's `type` leads to its meaning."""
    lines = [
        "# Refusals",
        "",
        "Every no of the system, in order of precedence. REST answers a refusal with the status",
        "below and a problem document (RFC 9457, `application/problem+json`) that has `type`,",
        "`title`, `status`, `code`, `field`, `detail`. A `request_conflict` also has `digest` and",
        "`recorded_digest`: SHA-256 of this command and of the one its number stands for. What",
        "does not get as far as a command is `request_invalid` with a status of its own: 404",
        "unknown path, 405 wrong method, 408 not here in time, 413 body too large, 414 path too",
        "long, 415 wrong content type, 431 headers too large. A key that asks too often gets",
        "`busy` with 429. `Retry-After` says when to come back, in seconds.",
        "",
        "This page is written from `domain/refusals.py` and `api/http/errors.py` by `make golden`.",
    ]
    for code in Code:
        status = STATUS[code]
        lines += ["", f"## {code}", "", f"{status} {PHRASE[status]}. {MEANING[code]}"]
    lines += ["", f"## {INTERNAL_ERROR}", "", f"500 {PHRASE[500]}. {INTERNAL_MEANING}"]
    return "\n".join(lines) + "\n"
