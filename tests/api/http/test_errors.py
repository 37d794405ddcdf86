"""Every code has a status and a documented meaning; every answer that is a no is a problem."""

import logging
from collections.abc import Callable
from typing import Any

import eventsourcing.persistence as library
import pytest
import sqlalchemy.exc

from api.http.errors import PHRASE, STATUS, refusals_page
from api.http.keys import create_key
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.eventstore.recorder import CommitUnknown
from domain.refusals import MEANING, Code
from tests.api.conftest import NOON, Server, problem


def test_every_code_has_a_status_and_a_meaning() -> None:
    assert list(STATUS) == list(Code), "STATUS follows the order of precedence, code for code"
    assert set(MEANING) == set(Code)
    assert all(400 <= status < 500 or status == 503 for status in STATUS.values())
    assert set(PHRASE) == {*STATUS.values(), 500}


def test_every_code_is_documented(golden: Callable[[str, str], None]) -> None:
    page = refusals_page()
    for code in Code:
        assert f"\n## {code}\n\n{STATUS[code]} " in page
        assert MEANING[code] in page
    golden("docs/refusals.md", page)


def test_the_page_a_problem_points_to_is_served(server: Server) -> None:
    body = problem(server.send("GET", "/v1/nothing"), 404, "request_invalid", "path")
    page, _, anchor = body["type"].partition("#")
    served = server.client.get(page)
    assert served.status_code == 200
    assert f"\n## {anchor}\n" in served.text


@pytest.mark.parametrize(
    ("method", "path", "status", "field"),
    [
        ("GET", "/v2", 404, "path"),
        ("POST", "/v1", 404, "path"),
        ("POST", "/v1/orders/", 404, "path"),
        ("POST", "/v1/orders/a/b/payments", 404, "path"),
        ("POST", "/v1/accounts/%2e%2e%2f%2e%2e/freeze", 404, "path"),
        ("GET", "/v1/orders", 405, "method"),
        ("PUT", "/v1/members", 405, "method"),
        ("POST", "/health", 405, "method"),
    ],
)
def test_what_the_router_refuses_is_a_problem_too(
    server: Server, method: str, path: str, status: int, field: str
) -> None:
    problem(server.send(method, path), status, "request_invalid", field)


@pytest.mark.parametrize(
    "header", [None, "Bearer nobody", "Bearer zf_" + "a" * 12 + "_" + "b" * 43, "Basic eDp5"]
)
def test_without_a_good_key_nothing_is_done(server: Server, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    response = server.send("POST", "/v1/members", {"x": 1}, role=None, headers=headers)
    problem(response, 401, "not_authenticated", "Authorization")
    assert response.headers["www-authenticate"].startswith("Bearer")


def broken_clock() -> int:
    raise RuntimeError("the clock stopped")


def test_a_defect_shows_a_number_and_nothing_else(
    migrated_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(migrated_url)
    try:
        server.ok("POST", "/v1/business-days/2026-11-23/open", key="open")
        server.clock = broken_clock
        body = {"member_id": "xiaoming", "kind": "personal", "name": "x"}
        with caplog.at_level(logging.ERROR, logger="zhangfang.api"):
            response = server.send("POST", "/v1/members", body)
        shown: dict[str, Any] = problem(response, 500, "internal_error", "")
        assert "clock" not in response.text and "Traceback" not in response.text
        logged = [record for record in caplog.records if shown["incident"] in record.message]
        assert len(logged) == 1 and logged[0].exc_info
        server.clock = lambda: NOON
        server.ok("POST", "/v1/members", body)  # And the next request goes well.
    finally:
        server.close()


def test_a_database_that_does_not_answer_is_a_503(server: Server) -> None:
    engine = sqlalchemy_engine(parse_database_url(server.url))
    server.keys["operator"] = create_key(engine, "operator", None, lambda: NOON)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE api_keys RENAME TO elsewhere")
    engine.dispose()
    response = server.send("POST", "/v1/members", {})
    problem(response, 503, "busy", "database")
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "error",
    [
        library.OperationalError("disk full"),
        library.InterfaceError("closed"),
        CommitUnknown("lost"),
        sqlalchemy.exc.OperationalError("SELECT 1", {}, Exception("gone")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_database_that_takes_no_commit_is_a_503(
    server: Server, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    server.ok("POST", "/v1/business-days/2026-11-23/open", key="open")
    monkeypatch.setattr(server.context.ledger._committer, "commit", fail)
    body = {"member_id": "xiaoming", "kind": "personal", "name": "x"}
    response = server.send("POST", "/v1/members", body)
    problem(response, 503, "busy", "database")
    assert "same number" in response.json()["detail"]
    monkeypatch.undo()
    server.ok("POST", "/v1/members", body)


def test_the_root_leads_to_the_documentation(server: Server) -> None:
    response = server.client.get("/", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, "/docs")
