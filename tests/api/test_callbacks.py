"""Callbacks over HTTP: verified, taken once, as good as a query's answer, and never a 500."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.testclient import TestClient

from api.app import create_app
from api.callbacks import routes
from domain.channel import channel
from domain.channel.network import Answer, Charge, Exchange, Heard, Said
from domain.channel.numbers import narrow_number
from domain.channel.port import Declined, Purpose, Succeeded, Unknown
from domain.eventstore import blobs
from domain.kernel import Request
from domain.payment import contradiction, instruction
from domain.payment.asking import ClaimAttempt
from domain.refusals import Code, Refused
from projections.models.contradictions import listed
from tests.api.conftest import Server, problem
from tests.api.operations.scripted import ScriptedNetwork

SIGNED = {"x-signature": "true"}


class Calls:
    """The market with a channel that calls; its numbers are not the instructions' ids."""

    def __init__(self, market: Server) -> None:
        self.server = market
        self.jd = ScriptedNetwork("JD_PAY")
        context = replace(market.context, callbacks={"JD_PAY": self.jd})
        self.client = TestClient(create_app(context), raise_server_exceptions=False)
        body = {"payment_no": "P1", "member_id": "xiaoming", "method": "JD_PAY", "amount_fen": 500}
        market.ok("POST", "/v1/recharges", body)
        claim = ClaimAttempt("pay-P1", 1, False, "payP1", "zP1")
        request = Request("claim", market.now_us, "system:outbox", claim)
        market.context.ledger.submit(request).unwrap()
        market.context.projector.catch_up()

    def tell(
        self,
        said: Said,
        event: str = "E1",
        number: str = "payP1",
        purpose: Purpose = "payment",
        *charges: Charge,
        wire: bytes = b"told",
    ) -> bytes:
        """The body of a callback that says this."""
        body = f"{event}/{wire!r}/{said}".encode()
        exchange = Exchange("POST", "/callbacks/JD_PAY", wire, 0, b"")
        answer = Answer(said, charges, exchange)
        self.jd.will_hear(body, Heard(event, number, purpose, answer))
        return body

    def call(self, body: bytes, headers: Any = SIGNED, channel: str = "JD_PAY") -> Any:
        return self.client.post(f"/callbacks/{channel}", content=body, headers=headers)

    def state(self) -> instruction.State:
        return self.server.context.ledger.state(instruction.stream("pay-P1"))

    def version(self) -> int:
        return self.server.context.ledger.version(instruction.stream("pay-P1"))


@pytest.fixture
def calls(market: Server) -> Iterator[Calls]:
    yield Calls(market)


def test_a_callback_is_as_good_as_the_answer_to_a_query(calls: Calls) -> None:
    answer = calls.call(calls.tell(Succeeded("S1", 500)))
    assert (answer.status_code, answer.content) == (200, b'{"code":"OK"}')
    assert (calls.state().status, calls.state().answer) == ("succeeded", "S1")
    wallet: Any = calls.server.context.ledger.state("account-2241.01.xiaoming")  # type: ignore[arg-type]
    assert wallet.balance_fen == 500


def test_a_repetition_is_taken_and_changes_nothing(calls: Calls) -> None:
    body = calls.tell(Succeeded("S1", 500))
    before = calls.version()
    assert [calls.call(body).status_code for _ in range(3)] == [200, 200, 200]
    # The same event in another envelope, and the same word under another event.
    calls.call(calls.tell(Succeeded("S1", 500), wire=b"sealed anew"))
    calls.call(calls.tell(Succeeded("S1", 500), "E2"))
    assert calls.version() == before + 1


@pytest.mark.parametrize("headers", [{}, {"x-signature": "forged"}])
def test_what_is_forged_is_told_nothing(calls: Calls, headers: dict[str, str]) -> None:
    before = calls.version()
    answer = calls.call(calls.tell(Succeeded("S1", 500)), headers)
    assert (answer.status_code, answer.content) == (401, b'{"code":"FAIL"}')
    assert calls.call(b"\xff\x00 nonsense").status_code == 401
    assert calls.version() == before


def test_a_channel_nobody_has_is_not_there_and_only_post_is_taken(calls: Calls) -> None:
    body = calls.tell(Succeeded("S1", 500))
    assert calls.call(body, channel="NONE").status_code == 404
    assert calls.client.get("/callbacks/JD_PAY").status_code == 405
    assert calls.call(b"x" * (1024 * 1024 + 1)).status_code == 413


@pytest.mark.parametrize(
    ("number", "purpose"), [("payP9", "payment"), ("payP1", "refund"), ("\x00", "payment")]
)
def test_what_nobody_asked_for_is_not_taken(calls: Calls, number: str, purpose: Purpose) -> None:
    answer = calls.call(calls.tell(Succeeded("S1", 500), "E1", number, purpose))
    assert (answer.status_code, answer.content) == (503, b'{"code":"FAIL"}')


def test_a_late_success_and_a_second_charge_are_on_record_and_listed(calls: Calls) -> None:
    assert calls.call(calls.tell(Declined("no money"))).status_code == 200
    assert calls.call(calls.tell(Succeeded("S1", 500), "E2")).status_code == 200
    assert calls.call(calls.tell(Succeeded("S2", 500), "E3")).status_code == 200
    context = calls.server.context
    context.projector.catch_up()
    with context.engine.connect() as view:
        told = [(one.kind, one.serial, one.stage) for one in listed(view, 10)]
    assert told == [("second", "S2", "suspected")]  # What was late has its place: the wallet.
    assert contradiction.is_doubted(context.ledger.state(contradiction.stream("pay-P1")))
    assert calls.state().due_us == calls.server.now_us  # It is asked about.


def test_what_cannot_be_taken_now_is_not_and_can_come_again(calls: Calls) -> None:
    body = calls.tell(Succeeded("S1", 500))
    freeze = {"direction": "in", "reason": "a court order"}
    calls.server.agreed("POST", "/v1/accounts/2241.01.xiaoming/freeze", freeze, key="f")
    assert calls.call(body).status_code == 503
    assert calls.call(body).status_code == 503
    thaw = {"reason": "lifted"}
    calls.server.agreed("POST", "/v1/accounts/2241.01.xiaoming/unfreeze", thaw, key="u")
    calls.server.now_us += 61_000_000
    assert calls.call(body).status_code == 200
    assert calls.state().status == "succeeded"


def test_a_defect_or_a_ledger_that_is_slow_is_no_500(calls: Calls) -> None:
    class Broken(ScriptedNetwork):
        def heard(self, *_given: Any) -> Heard:
            raise ZeroDivisionError("a defect")

    context = replace(calls.server.context, callbacks={"JD_PAY": Broken("JD_PAY")})
    client = TestClient(create_app(context), raise_server_exceptions=False)
    answer = client.post("/callbacks/JD_PAY", content=b"x", headers=SIGNED)
    assert (answer.status_code, answer.content) == (503, b'{"code":"FAIL"}')


def test_what_came_is_kept_for_operators_and_auditors_alone(calls: Calls) -> None:
    calls.call(calls.tell(Succeeded("S1", 500), wire=b"the raw body"))
    [*_, last] = calls.server.context.ledger.history(instruction.stream("pay-P1"))
    path = f"/v1/blobs/{last.fact.exchange}"
    for role in ("operator", "auditor"):
        answer = calls.server.send("GET", path, role=role)
        assert answer.status_code == 200
        assert b"the raw body" in answer.content
        assert blobs.name_of(answer.content) == last.fact.exchange
    assert calls.server.send("GET", path, role="merchant").status_code == 403
    assert calls.server.send("GET", path, role=None).status_code == 401
    assert calls.server.send("GET", f"/v1/blobs/{'0' * 64}").status_code == 404
    assert calls.server.send("GET", "/v1/blobs/nonsense").status_code == 422


def test_an_operator_asks_and_closes(calls: Calls) -> None:
    calls.call(calls.tell(Unknown("?")))
    told = calls.server.ok("POST", "/v1/instructions/pay-P1/ask", key="a")
    assert told["result"]["status"] == "sent"
    body = {"reason": "the buyer left"}
    calls.server.ok("POST", "/v1/instructions/pay-P1/close", body, key="c")
    assert calls.state().tried.closing == "the buyer left"
    with pytest.raises(Refused) as no:
        instruction.close(instruction.State(), "x", 0)
    assert no.value.code is Code.INSTRUCTION_NOT_FOUND


UNKNOWN = """{ desk { unknownNumbers { more items {
  channel report number purpose said serial amount { minor } reason exchange at } } } }"""


def unknown(calls: Calls) -> list[Any]:
    """What the desk lists, after the read models have gone on."""
    calls.server.context.projector.catch_up()
    answer = calls.server.ok("POST", "/graphql", {"query": UNKNOWN}, role="auditor")
    found: list[Any] = answer["data"]["desk"]["unknownNumbers"]["items"]
    return found


def test_a_number_that_nobody_knows_is_listed_with_what_came(calls: Calls) -> None:
    told = calls.tell(Succeeded("S9", 8_900), number="pay9", wire=b"the raw body")
    assert calls.call(told).status_code == 503, "it may call again: the number may be known then"
    (one,) = unknown(calls)
    assert (one["channel"], one["report"], one["number"]) == ("JD_PAY", "1", "pay9")
    assert (one["purpose"], one["said"], one["serial"]) == ("payment", "succeeded", "S9")
    assert (one["amount"], one["at"][:10]) == ({"minor": "8900"}, "2026-11-23")
    blob = calls.server.send("GET", f"/v1/blobs/{one['exchange']}", role="auditor")
    assert b"the raw body" in blob.content
    # Again, under another event, in another envelope: the same. Another serial: another.
    calls.call(told)
    calls.call(calls.tell(Succeeded("S9", 8_900), "E2", "pay9", wire=b"sealed anew"))
    assert len(unknown(calls)) == 1
    calls.call(calls.tell(Succeeded("S10", 8_900), "E3", "pay9"))
    assert [two["serial"] for two in unknown(calls)] == ["S9", "S10"]
    calls.call(calls.tell(Declined("no money"), "E4", "\x00\u202e"))
    assert [two["said"] for two in unknown(calls)][2:] == ["declined"]
    assert calls.server.context.ledger.state(channel.stream("JD_PAY")).reported == 3


def test_an_operator_settles_what_it_was_about(calls: Calls) -> None:
    calls.call(calls.tell(Succeeded("S9", 8_900), number="pay9"))
    path = "/v1/channels/JD_PAY/unknown-numbers/settle"
    body = {"report": 1, "reason": "an order of the test system"}
    assert calls.server.send("POST", path, body, role="auditor", key="a").status_code == 403
    assert calls.server.ok("POST", path, body, key="s")["result"]["report"] == 1
    assert unknown(calls) == []
    calls.server.ok("POST", path, body, key="again")
    calls.call(calls.tell(Succeeded("S9", 8_900), "E2", "pay9"))
    assert unknown(calls) == [], "settled is settled, however often the channel calls"
    other = calls.server.send("POST", path, body | {"reason": "it was fraud"}, key="o")
    assert problem(other, 409, "report_settled", "report")["detail"].endswith(body["reason"])
    none = calls.server.send("POST", path, body | {"report": 2}, key="n")
    problem(none, 404, "report_not_found", "report")


def test_a_number_that_the_read_model_does_not_know_yet_is_nobodys_mystery(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "WAIT_MS", 200)
    body = {"payment_no": "P2", "member_id": "xiaoming", "method": "JD_PAY", "amount_fen": 500}
    market = calls.server
    market.ok("POST", "/v1/recharges", body)
    claim = ClaimAttempt("pay-P2", 1, False, "payP2", "zP2")
    market.context.ledger.submit(Request("c", market.now_us, "system:outbox", claim)).unwrap()
    told = calls.tell(Succeeded("S2", 500), "E2", "payP2")
    assert calls.call(told).status_code == 503
    assert unknown(calls) == []
    assert calls.call(told).status_code == 200


def test_a_number_without_its_dash_is_known_before_the_read_model_is(
    market: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """UnionPay takes no dash. Nothing has to be read, or waited for, to know whose such a number
    is: the callback is there before the read models are."""
    quickpass = ScriptedNetwork("CLOUD_QUICKPASS")
    context = replace(market.context, callbacks={"CLOUD_QUICKPASS": quickpass})
    body = {"payment_no": "536365", "member_id": "xiaoming", "amount_fen": 500}
    market.ok("POST", "/v1/recharges", body | {"method": "CLOUD_QUICKPASS"})
    number = narrow_number("pay-536365")
    claim = ClaimAttempt("pay-536365", 1, False, number, "z536365")
    ledger = market.context.ledger
    ledger.submit(Request("claim", market.now_us, "system:outbox", claim)).unwrap()

    def nothing(*_: object) -> None:
        raise AssertionError("something was read")

    monkeypatch.setattr(routes, "_found", nothing)
    monkeypatch.setattr(routes, "_caught_up", nothing)
    exchange = Exchange("POST", "/callbacks/CLOUD_QUICKPASS", b"told", 0, b"")
    quickpass.will_hear(
        b"paid", Heard("E1", number, "payment", Answer(Succeeded("S1", 500), (), exchange))
    )
    client = TestClient(create_app(context), raise_server_exceptions=False)
    told = client.post("/callbacks/CLOUD_QUICKPASS", content=b"paid", headers=SIGNED)
    assert told.status_code == 200, told.content
    assert ledger.state(instruction.stream("pay-536365")).status == "succeeded"
