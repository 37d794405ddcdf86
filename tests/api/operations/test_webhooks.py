"""Webhooks end to end: a merchant's endpoint, the deliverer, and a receiver that misbehaves."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from api.operations.webhooks.deliverer import AT_ONCE_EACH
from api.operations.webhooks.plan import DELAYS_S, MOST_TRIES
from domain.kernel import MICROSECONDS
from tests.api.operations.hooked import SHOP, Hooks, decline
from tests.api.operations.receiver import CLOSE, ENDLESS, HANG, Receiver


def test_one_payment_is_heard_of_with_a_signature_that_is_right(hooks: Hooks) -> None:
    with Receiver() as receiver:
        secret = hooks.add(receiver.url)
        about = hooks.paid()
        assert hooks.step() == 1
        (event,) = receiver.verified(secret)
        assert (event["type"], event["object"]) == ("payment.succeeded", about)
        assert event["data"]["amount_fen"] == 8_900
        assert receiver.got[0].path == "/hooks?shop=1"
        assert receiver.got[0].headers["webhook-id"] == event["id"]
        (attempt,) = hooks.attempts()
        assert (attempt["result"], attempt["status"], attempt["attempt"]) == ("delivered", 204, 1)
        raw = hooks.server.send("GET", "/v1/events", role="merchant").content
        assert receiver.got[0].body in raw, "the same bytes, to the last one"
        assert hooks.step(60) == 0


def test_the_plan_is_kept_and_then_the_endpoint_pauses_and_goes_on_from_there(
    hooks: Hooks,
) -> None:
    """On a clock that a test moves: the first at once, then 15 more within 24 h 4 min."""
    with Receiver(lambda got: 500) as receiver:
        secret = hooks.add(receiver.url)
        hooks.paid()
        began_us = hooks.server.now_us
        assert hooks.step() == 1
        for delay_s in DELAYS_S:
            assert hooks.step(delay_s - 1) == 0
            assert hooks.step(1) == 1
        assert len(receiver.got) == MOST_TRIES == 16
        assert sum(DELAYS_S) == 24 * 3600 + 4 * 60
        attempts = hooks.attempts()
        assert [one["attempt"] for one in attempts] == list(range(1, 17))
        assert {(one["status"], one["result"]) for one in attempts} == {(500, "answered")}
        assert attempts[-1]["at_us"] - began_us == sum(DELAYS_S) * MICROSECONDS
        assert len({one.headers["webhook-id"] for one in receiver.got}) == 1
        paused = hooks.endpoint()
        assert (paused["state"], paused["why"], paused["waiting"]) == ("paused", "tries", 1)
        about = hooks.paid()
        assert hooks.step(100_000) == 0, "paused, nothing is sent, however long"
        receiver.answers = lambda got: 204
        hooks.server.ok("POST", f"{SHOP}/resume", role="merchant", key="resume")
        assert hooks.step(16) == 2
        events = receiver.verified(secret)
        assert events[-1]["object"] == about
        assert events[-2]["id"] == events[0]["id"]
        assert hooks.endpoint()["waiting"] == 0


def test_events_of_one_object_are_in_order_and_others_go_on(hooks: Hooks) -> None:
    """A receiver takes no payment of one transaction; its refund waits for it, others do not."""
    poison = ""
    with Receiver(lambda got: 500 if got.event["object"] == poison else 204) as receiver:
        hooks.add(receiver.url, ["payment.succeeded", "payment.failed"])
        server = hooks.server
        server.sell("N90")
        decline(server, "N90", "PN90a")
        server.pay("N90", "PN90b")
        poison = "transaction-SQUIRRELS-N90"
        others = [hooks.paid() for _ in range(5)]
        hooks.step()
        hooks.step(2)
        arrived = [one.event["object"] for one in receiver.got if one.event["object"] != poison]
        assert sorted(arrived) == others
        refused = [one.event["type"] for one in receiver.got if one.event["object"] == poison]
        assert refused == ["payment.failed"], "the second waits for the first"
        poison = ""
        hooks.step(15)
        of_one = [one.event for one in receiver.got if one.event["object"].endswith("N90")]
        kinds = [one["type"] for one in of_one]
        assert kinds == ["payment.failed", "payment.failed", "payment.succeeded"]


def faulty() -> dict[str, Callable[[Receiver], Any]]:
    return {
        "500": lambda receiver: 500,
        "429": lambda receiver: 429,
        "hangs": lambda receiver: HANG,
        "closes": lambda receiver: CLOSE,
        "redirects": lambda receiver: f"http://127.0.0.1:{receiver.port}/elsewhere",
    }


RESULTS = {
    "500": ("answered", 500),
    "429": ("answered", 429),
    "hangs": ("timed_out", 0),
    "closes": ("broken", 0),
    "redirects": ("redirected", 302),
}


@pytest.mark.parametrize("fault", RESULTS)
def test_whatever_a_receiver_does_wrong_every_event_arrives_in_the_end(
    hooks: Hooks, fault: str
) -> None:
    hooks.deadline_s = 0.3
    hooks.deliverer = hooks.new()
    with Receiver() as receiver:
        secret = hooks.add(receiver.url)
        receiver.answers = lambda got: faulty()[fault](receiver)
        hooks.paid()
        assert hooks.step() == 1
        (attempt,) = hooks.attempts()
        assert (attempt["result"], attempt["status"]) == RESULTS[fault]
        assert all(one.path != "/elsewhere" for one in receiver.got), "no redirect is followed"
        receiver.answers = lambda got: 204
        assert hooks.step(15) == 1
        assert len(receiver.verified(secret)) == 2
        assert hooks.endpoint()["waiting"] == 0


def test_an_answer_without_end_fills_nothing(hooks: Hooks) -> None:
    with Receiver(lambda got: ENDLESS) as receiver:
        hooks.add(receiver.url)
        hooks.paid()
        assert hooks.step() == 1
        assert hooks.attempts()[0]["result"] == "delivered", "the status is all that counts"


def test_a_receiver_that_vanishes_and_comes_back_gets_everything(hooks: Hooks) -> None:
    with Receiver() as receiver:
        port = receiver.port
        secret = hooks.add(receiver.url)
        hooks.paid()
        hooks.step()
    for _ in range(3):
        hooks.paid()
    hooks.step()
    assert hooks.attempts()[-1]["result"] == "not_connected"
    with Receiver(port=port) as again:
        hooks.step(16)
        hooks.step(16)
        hooks.step(31)
        # They are of three payments: only what is of one object has an order.
        assert sorted(one["sequence"] for one in again.verified(secret)) == [2, 3, 4]


def test_a_receiver_that_is_gone_for_good_is_paused_at_once(hooks: Hooks) -> None:
    with Receiver(lambda got: 410) as receiver:
        hooks.add(receiver.url)
        hooks.paid()
        hooks.paid()
        hooks.step()
        hooks.step(60)
        paused = hooks.endpoint()
        assert (paused["state"], paused["why"]) == ("paused", "gone")
        assert len(receiver.got) <= 2, "those under way at that moment"


def test_a_slow_endpoint_only_slows_itself(hooks: Hooks) -> None:
    """Of two endpoints one never answers: the other has all of it before the first gives up."""
    hooks.deadline_s = 60.0
    hooks.deliverer = hooks.new()
    with Receiver(lambda got: HANG) as slow, Receiver() as quick:
        hooks.add(slow.url, name="slow")
        hooks.add(quick.url, name="quick")
        for _ in range(12):
            hooks.paid()
        hooks.server.context.projector.catch_up()

        async def beside() -> int:
            while len(quick.got) < 12:
                await hooks.deliverer.turn()
                await asyncio.sleep(0.005)
            given_up = hooks.deliverer.status.failed
            slow.let_go()
            await hooks.deliverer.idle()
            return given_up

        assert hooks.runner.run(beside()) == 0
        assert len(slow.got) <= AT_ONCE_EACH


def test_what_was_sent_and_not_recorded_is_sent_again(hooks: Hooks) -> None:
    """As after kill -9 between the two: at least once, under the same id."""
    with Receiver() as receiver:
        secret = hooks.add(receiver.url)
        hooks.paid()
        hooks.server.context.projector.catch_up()
        dying = hooks.new()
        dying._write = _dies  # type: ignore[assignment,method-assign]

        async def once() -> None:
            await dying.turn()
            await dying.idle()

        hooks.runner.run(once())
        assert len(receiver.got) == 1
        assert hooks.attempts() == []
        assert hooks.step() == 1
        first, second = receiver.verified(secret)
        assert first == second
        assert receiver.got[0].body == receiver.got[1].body


def _dies(_made: Any) -> None:
    raise KeyError("the process is gone")
