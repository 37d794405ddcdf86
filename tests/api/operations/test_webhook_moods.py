"""A receiver that fails, hangs, vanishes, is given up, and comes back, all of it in one life: every
event arrives, in order for each object, and none is forged."""

import random
from collections import defaultdict

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from api.operations.webhooks.plan import DELAYS_S
from tests.api.operations.hooked import SHOP, Hooks, decline
from tests.api.operations.receiver import CLOSE, HANG, Answer, Got, Receiver

MOODS: tuple[Answer, ...] = (204, 204, 200, 500, 503, 404, HANG, CLOSE)
PATIENCE = 60  # Steps of a quarter of an hour, until all that waits must have arrived.


class Life:
    """A receiver at one port, which may be away; what it got, and what it has answered for."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self.taken: list[Got] = []
        self.got: list[Got] = []
        self.well = False
        self._receiver: Receiver | None = Receiver(self._answer)
        self.port = self._receiver.port
        self.url = self._receiver.url

    def _answer(self, got: Got) -> Answer:
        answer = 204 if self.well else self._draw.choice(MOODS)
        if answer in (200, 204):
            self.taken.append(got)
        return answer

    def vanish(self) -> None:
        if self._receiver is not None:
            self.got += self._receiver.got
            self._receiver.close()
            self._receiver = None

    def come_back(self) -> None:
        self._receiver = Receiver(self._answer, self.port)

    def end(self) -> list[Got]:
        """All that ever came, in the order in which it came."""
        self.vanish()
        return self.got


def trade(hooks: Hooks, number: int) -> None:
    """An order whose first payment is declined and whose second succeeds, then a refund: three
    events of one object, and the refund's."""
    server, order_no = hooks.server, f"M{number}"
    server.sell(order_no)
    decline(server, order_no, f"PM{number}a")
    server.pay(order_no, f"PM{number}b")
    body = {"refund_no": f"RM{number}", "amount_fen": 1_000}
    server.ok("POST", f"/v1/transactions/SQUIRRELS-{order_no}/refunds", body)
    server.ok(
        "POST",
        f"/v1/instructions/refund-RM{number}/outcome",
        {"succeeded": f"B{number}"},
        key=f"back-{number}",
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_receiver_of_every_mood_gets_every_event_in_order(hooks: Hooks, seed: int) -> None:
    hooks.deadline_s = 0.2
    hooks.deliverer = hooks.new()
    life = Life(seed)
    secret = hooks.add(life.url)
    for number in range(4):
        trade(hooks, number)
        hooks.step(random.Random(seed + number).choice((0, 1, 20)))
    life.vanish()
    trade(hooks, 4)
    for delay_s in (0, *DELAYS_S, 40_000):
        hooks.step(delay_s)
    assert (hooks.endpoint()["state"], hooks.endpoint()["why"]) == ("paused", "tries")
    life.come_back()
    trade(hooks, 5)
    before = len(life.got)
    assert hooks.step(100_000) == 0 and len(life.got) == before, "paused, nothing is sent"
    hooks.server.ok("POST", f"{SHOP}/resume", role="merchant", key="resume")
    hooks.step(16)
    life.well = True
    for _ in range(PATIENCE):
        if hooks.endpoint()["waiting"] == 0:
            break
        hooks.step(900)
    assert hooks.endpoint()["waiting"] == 0 and hooks.endpoint()["state"] == "active"
    check(life.end(), life.taken, secret, hooks)


def check(got: list[Got], taken: list[Got], secret: str, hooks: Hooks) -> None:
    events = hooks.events("?limit=100")
    told = {one["id"] for one in events}
    assert len(told) >= 6 * 3
    assert {one.headers["webhook-id"] for one in taken} == told, "each at least once, and no other"
    of: dict[str, list[int]] = defaultdict(list)
    arrived: set[str] = set()
    for one in got:
        assert Webhook(secret).verify(one.body, dict(one.headers)) == one.event
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(one.body + b" ", dict(one.headers))
        of[one.event["object"]].append(one.position)
        earlier = {
            event["id"]
            for event in events
            if event["object"] == one.event["object"] and event["position"] < one.position
        }
        assert earlier <= arrived, "sent while an earlier one of its object had not arrived"
        if any(one is other for other in taken):
            arrived.add(one.event["id"])
    assert all(positions == sorted(positions) for positions in of.values())
    assert max(len(set(positions)) for positions in of.values()) >= 2
