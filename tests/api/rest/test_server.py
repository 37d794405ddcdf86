"""Settings, health, and what runs beside the server."""

import time

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.context import open_context
from api.operations.desk import operating
from api.settings import Settings, load_settings
from domain.channel.adapters.simulated import SimulatedChannel
from domain.refusals import Code, Refused
from projections.registry import READ_MODELS
from tests.api.conftest import Server
from tests.projections.example import reach


def test_settings_have_defaults_and_follow_the_environment() -> None:
    assert load_settings({}) == Settings(
        database="sqlite:///zhangfang.db", host="127.0.0.1", port=8000, background=True
    )
    given = {
        "ZHANGFANG_DATABASE": "postgresql://a@b/c?schema=cell_0",
        "ZHANGFANG_HOST": "0.0.0.0",
        "ZHANGFANG_PORT": "8080",
        "ZHANGFANG_BACKGROUND": "off",
        "ZHANGFANG_REFUND_ALONE": "off",
        "ZHANGFANG_APPROVAL_HOURS": "24",
    }
    wanted = Settings(
        database="postgresql://a@b/c?schema=cell_0",
        host="0.0.0.0",
        port=8080,
        background=False,
        refund_alone=None,
        approval_hours=24,
    )
    assert load_settings({"ZHANGFANG_REFUND_ALONE": "0"}).refund_alone == 0
    assert load_settings(given) == wanted
    assert load_settings(dict.fromkeys(given, "")) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("ZHANGFANG_DATABASE", "mysql://a/b", "database"),
        ("ZHANGFANG_DATABASE", "nonsense", "database"),
        ("ZHANGFANG_PORT", "0", "ZHANGFANG_PORT"),
        ("ZHANGFANG_PORT", "65536", "ZHANGFANG_PORT"),
        ("ZHANGFANG_PORT", "８０", "ZHANGFANG_PORT"),
        ("ZHANGFANG_PORT", "http", "ZHANGFANG_PORT"),
        ("ZHANGFANG_BACKGROUND", "true", "ZHANGFANG_BACKGROUND"),
        ("ZHANGFANG_REFUND_ALONE", "-1", "ZHANGFANG_REFUND_ALONE"),
        ("ZHANGFANG_REFUND_ALONE", "1.5", "ZHANGFANG_REFUND_ALONE"),
        ("ZHANGFANG_APPROVAL_HOURS", "0", "ZHANGFANG_APPROVAL_HOURS"),
    ],
)
def test_a_setting_that_is_not_understood_is_named(name: str, value: str, field: str) -> None:
    with pytest.raises(Refused) as caught:
        load_settings({name: value})
    assert (caught.value.code, caught.value.field) == (Code.REQUEST_INVALID, field)


def test_health_needs_no_key_and_tells_how_far_read_models_are(market: Server) -> None:
    market.context.projector.catch_up()
    market.sell("JD1")
    response = market.send("GET", "/health", role=None)
    body = response.json()
    assert response.status_code == 200
    assert (body["status"], body["position"]) == ("ok", market.context.ledger.head().position)
    assert body["worker"] == "none here"
    assert {one["name"] for one in body["projections"]} == set(READ_MODELS)
    assert all(one["lag_events"] > 0 for one in body["projections"])
    market.context.projector.catch_up()
    body = market.send("GET", "/health", role=None).json()
    assert all(one["lag_events"] == 0 for one in body["projections"])


def test_health_says_so_when_the_database_is_gone(server: Server) -> None:
    with server.context.writes.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE commit_log RENAME TO elsewhere")
    response = server.client.get("/health")
    assert (response.status_code, response.json()) == (503, {"status": "database unreachable"})
    with server.context.writes.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO commit_log")
    assert server.client.get("/health").status_code == 200


def test_graphql_and_the_documentation_are_there(server: Server) -> None:
    headers = {"accept": "text/html"}
    assert server.client.get("/graphql", headers=headers).status_code == 200
    assert server.client.get("/docs").status_code == 200
    assert server.client.get("/openapi.json").json()["info"]["title"] == "Zhangfang"


def test_projections_and_worker_run_beside_the_server(market: Server) -> None:
    """Another server on the same ledger, with both: what is paid here is carried out there."""
    clock = market.clock
    other = open_context(market.url, SimulatedChannel(), clock=clock, projections=True, worker=True)
    other.start()
    app = TestClient(create_app(other))
    try:
        with operating(other.desk):
            while other.worker.status.state != "waiting":
                time.sleep(0.01)
            assert app.get("/health").json()["worker"] == "waiting"
        market.sell("JD1")
        body = {"payment_no": "P1", "method": "JD_PAY"}
        market.ok("POST", "/v1/orders/JD1/payments", body)
        deadline = time.monotonic() + 30
        while market.context.ledger.state("order-JD1").status != "paid":
            assert time.monotonic() < deadline, "the worker did not carry the payment out"
            time.sleep(0.05)
        position = market.context.ledger.head().position
        assert reach(other.engine, position, ["transactions"], 30_000)
    finally:
        other.close()
        other.close()  # Closing what is closed does nothing.
