"""Whatever is done in whatever order, the books are right: in short lives of any shape, that shrink
to the few steps that break them, and in long ones that come to debts, carries and returns."""

import random

import pytest
from hypothesis import settings

from domain.ledger import promised
from domain.ledger.proof import verify_log
from domain.settlement import batch
from tests.ledger.market import MERCHANTS, PEOPLE, Market

TestMarket = Market.TestCase
TestMarket.settings = settings(max_examples=20, stateful_step_count=30)


def walk(market: Market, dice: random.Random, steps: int) -> None:
    """Far into a market's life, where short examples do not come."""
    for _ in range(steps):
        pick, fen = dice.randrange(10**6), dice.randint(1, 20_000)
        answer = dice.choice(["succeeded", "succeeded", "declined", "unknown"])
        person, merchant = dice.choice(PEOPLE), dice.choice(sorted(MERCHANTS))
        sold = dice.choice([(merchant,), tuple(MERCHANTS)])
        step = dice.choices(range(12), (20, 10, 16, 6, 4, 8, 10, 6, 4, 2, 2, 2))[0]
        if step == 0:
            market.buy(sold, fen, dice.choice(["escrow", "instant"]), pick)
        elif step == 1 and market.sales:
            market.confirm(pick)
        elif step == 2 and market.sales:
            market.refund(pick, dice.choice([0, fen]))
        elif step == 3 and market.refunds:
            market.refund_ends(pick, answer)
        elif step == 4:
            market.cut_off()
        elif step == 5:
            market.days_go_by(1, answer)
        elif step == 6 and market.payouts:
            dice.choice([market.payout_comes_back, market.payout_again])(pick)
        elif step == 7 and market.payouts:
            market.payout_ends(pick, answer)
        elif step == 8:
            dice.choice([market.recharge, market.transfer])(person, fen)
        elif step == 9:
            code = dice.choice(["2241.02", "2241.03", "2241.04"])
            market.a_frozen_day(code, merchant, dice.choice(["in", "out", "both"]), answer)
        elif step == 10:
            market.reverse(pick)
        elif step == 11:
            market.a_held_day(merchant, fen, answer)
        market.books_are_right()


@pytest.mark.parametrize("seed", range(3))
def test_a_long_life_of_a_market(seed: int) -> None:
    market = Market()
    market.open()
    try:
        walk(market, random.Random(seed), 250)
        facts = [fact.fact for fact in market.ledger.facts(0, 100_000)]
        assert {batch.PayoutReturned, batch.PayoutRetried, batch.CarriedForward} <= {
            type(fact) for fact in facts
        }
        assert any(getattr(fact, "advanced_fen", 0) for fact in facts)
        assert any(getattr(fact, "recovered_fen", 0) for fact in facts)
        assert any(getattr(fact, "carry_out_fen", 0) > 0 for fact in facts)
        assert any(isinstance(fact, batch.Sealed) and not fact.count for fact in facts)
        recorder = market.ledger.recorder
        assert verify_log(recorder) == [], "more was posted than had been promised, for one"
        at = recorder.head().position
        assert promised.read(recorder, at) == market.ledger._committer._promised
    finally:
        market.teardown()
