"""Pages of other origins: none by default; those that are named, for what a client needs."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings, load_settings
from domain.refusals import Refused
from tests.api.conftest import Server, problem

PAGE, OTHER = "https://books.example.com", "https://evil.example.com"
ASKED = "authorization,content-type,idempotency-key"
PATHS = ["/v1/orders", "/v1/accounts/2241.01.xiaoming/holds/H1", "/graphql"]


@pytest.fixture
def shared(server: Server) -> Iterator[TestClient]:
    """The same ledger behind an application that one origin may call."""
    settings = Settings(cors_origins=(PAGE, "http://localhost:5173"))
    client = TestClient(create_app(server.context, settings), raise_server_exceptions=False)
    yield client


def preflight(client: Any, path: str, origin: str, method: str = "POST", names: str = ASKED) -> Any:
    headers = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": names,
    }
    return client.options(path, headers=headers)


@pytest.mark.parametrize("path", PATHS)
def test_by_default_no_other_origin_may_ask(server: Server, path: str) -> None:
    answer = preflight(server.client, path, PAGE)
    assert answer.status_code == 405
    asked = server.client.get("/health", headers={"origin": PAGE})
    for one in (answer, asked):
        assert not [name for name in one.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", [PAGE, "http://localhost:5173"])
def test_a_named_origin_is_told_what_it_may_send(
    shared: TestClient, path: str, origin: str
) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = preflight(shared, path, origin, method)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == origin
        assert method in answer.headers["access-control-allow-methods"].split(", ")
        allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
        assert set(ASKED.split(",")) <= set(allowed)
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["vary"] == "Origin"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("origin", "method", "names", "field"),
    [
        (OTHER, "POST", ASKED, "Origin"),
        ("null", "POST", ASKED, "Origin"),
        ("*", "POST", ASKED, "Origin"),
        (f"{PAGE}.evil.com", "POST", ASKED, "Origin"),
        (f"{PAGE}:444", "POST", ASKED, "Origin"),
        (PAGE.replace("https", "http"), "POST", ASKED, "Origin"),
        (PAGE.upper(), "POST", ASKED, "Origin"),
        (PAGE, "PUT", ASKED, "Access-Control-Request-Method"),
        (PAGE, "POST", "authorization,x-other", "Access-Control-Request-Headers"),
    ],
)
def test_everything_else_is_refused(
    shared: TestClient, origin: str, method: str, names: str, field: str
) -> None:
    for path in PATHS:
        answer = preflight(shared, path, origin, method, names)
        problem(answer, 403, "not_allowed", field)
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["vary"] == "Origin"


def test_an_answer_may_be_read_by_the_named_origin_alone(
    server: Server, shared: TestClient
) -> None:
    key = {"authorization": f"Bearer {server.keys['auditor']}"}
    query = {"query": "{ ledger { position } }"}
    for origin in (PAGE, OTHER, None):
        sent = key | ({"origin": origin} if origin else {})
        read = shared.post("/graphql", json=query, headers=sent)
        refused = shared.post("/v1/orders", json={}, headers=sent)
        assert (read.status_code, refused.status_code) == (200, 403)
        for one in (read, refused, shared.get("/nowhere", headers=sent)):
            assert one.headers["vary"] == "Origin"
            assert one.headers.get("access-control-allow-origin") == (
                PAGE if origin == PAGE else None
            )
            assert "access-control-allow-credentials" not in one.headers
    shown = shared.get("/health", headers={"origin": PAGE}).headers["access-control-expose-headers"]
    assert {"Idempotent-Replayed", "Retry-After"} <= set(shown.split(", "))


def test_two_origins_are_none(shared: TestClient) -> None:
    answer = shared.get("/health", headers=[("origin", PAGE), ("origin", PAGE)])
    assert "access-control-allow-origin" not in answer.headers


def test_the_setting_takes_exact_origins_and_nothing_else() -> None:
    given = f" {PAGE} ,http://localhost:5173,http://[::1]:8000"
    assert load_settings({"ZHANGFANG_CORS_ORIGINS": given}).cors_origins == (
        PAGE,
        "http://localhost:5173",
        "http://[::1]:8000",
    )
    for wrong in (
        "*",
        "null",
        f"{PAGE},*",
        f"{PAGE}/",
        f"{PAGE}/path",
        f"{PAGE}:443",
        "http://books.example.com:80",
        "books.example.com",
        "https://*.example.com",
        "https://Books.example.com",
        "ftp://books.example.com",
        "https://a b",
        f"{PAGE},,",
        "https://user@books.example.com",
    ):
        with pytest.raises(Refused) as no:
            load_settings({"ZHANGFANG_CORS_ORIGINS": wrong})
        assert no.value.field == "ZHANGFANG_CORS_ORIGINS"
