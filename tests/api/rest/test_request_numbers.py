"""Request numbers of different callers never meet, whatever a merchant is called."""

from itertools import product

from starlette.requests import Request as HttpRequest

from api.http.keys import Caller
from api.rest.body import build
from api.rest.routes import ENDPOINTS, request_number

PREFIXES = {endpoint.number[0] for endpoint in ENDPOINTS if endpoint.number}
NAMES = sorted({"key", "by", "confirm", "outcome", *(p for p in PREFIXES if p.isalnum())})


def http(key: str | None) -> HttpRequest:
    headers = [(b"idempotency-key", key.encode())] if key else []
    return HttpRequest({"type": "http", "headers": headers})


def test_no_two_callers_share_a_number() -> None:
    callers = [Caller("operator", None, "0123456789abcdef")]
    callers += [Caller("merchant", name, f"id-{name}") for name in NAMES]
    made: dict[str, object] = {}
    for endpoint, caller in product(ENDPOINTS, callers):
        command = build(
            endpoint.asked, dict(endpoint.body), dict(endpoint.sample), **endpoint.defaults
        )
        if endpoint.number:
            own = (caller, endpoint.number[0], getattr(command, endpoint.number[1]))
            assert (
                made.setdefault(request_number(http(None), caller, endpoint, command), own) == own
            )
        for first, second in product([*NAMES, ""], NAMES):
            given = f"{first}:{second}:1"
            whose = (caller.member or caller.key_id, given)
            assert (
                made.setdefault(request_number(http(given), caller, endpoint, command), whose)
                == whose
            )


def test_words_that_begin_a_callers_number_begin_no_other() -> None:
    assert PREFIXES.isdisjoint({"key", "by"})
