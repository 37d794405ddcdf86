"""The story over HTTP: the same books as in this process, and the outside's own book agrees."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from api.cli.opening import open_desk
from api.context import AppContext
from api.operations.desk import outcomes
from api.operations.outbox import OUTBOX
from api.operations.outside import PAYEES, Outside
from api.operations.script import Carry
from api.operations.staging import NETWORK_OF, Stage, staged
from api.operations.story import BEGINS, END, STORY, Told, play, scripted_channel, standing
from domain.accounting import account
from domain.channel.adapters.loading import load
from domain.channel.network import AwaitingPayer
from domain.kernel import Request, to_us
from domain.ledger.ledger import utc_us
from domain.ledger.proof import verify_log
from domain.payment import instruction
from domain.payment.asking import ClaimAttempt
from domain.payment.orders import network_order
from domain.refusals import Refused
from migrations.run import migrate
from projections.models import journal
from projections.models.statements import statement
from projections.models.trial_balance import trial_balance

ALL = [step for chapter in STORY for step in chapter.steps]
STEPS = len(ALL)


def before(instruction_id: str, asked: int = 0) -> int:
    """How many steps there are before an instruction is carried out, or asked about."""
    (place,) = [
        place
        for place, one in enumerate(ALL)
        if isinstance(one, Carry) and (one.instruction_id, one.query) == (instruction_id, asked)
    ]
    return place


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    with Outside(tmp_path / "outside", epoch_us=to_us(BEGINS)) as running:
        yield running


def told(stage: Stage, steps: int = STEPS) -> list[Told]:
    return list(islice(play(stage.desk, stage), steps))


def books(context: AppContext) -> dict[str, Any]:
    """What the story left, without when and how often a channel was asked."""
    assert verify_log(context.ledger.recorder) == []
    context.desk.catch_up()
    with context.engine.connect() as view:
        lines = journal.lines_between(view, 0, journal.last_position(view), 1_000)
        entries = sorted((one.rule, one.account, one.debit_fen, one.credit_fen) for one in lines)
        statements = [
            statement(view, merchant, BEGINS.date(), END)
            for merchant in ("SANZHI", "LONGJING", "SHUFANG")
        ]
        return {
            "entries": entries,
            "statements": [
                (one.sales_fen, one.refunds_fen, one.fees_fen, one.settled_fen, one.in_escrow_fen)
                for one in statements
                if one is not None
            ],
            "trial balance": trial_balance(view).rows,
        }


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The books of the story in this process."""
    url = f"sqlite:///{tmp_path_factory.mktemp('here') / 'ledger.db'}"
    migrate(url)
    with open_desk(url, channel=scripted_channel()) as context:
        assert standing(context.ledger) == "empty"
        assert len(list(play(context.desk))) == STEPS
        assert standing(context.ledger) == "told"
        return books(context)


def moved(outside: Outside) -> dict[str, int]:
    """What each account outside has more than it was opened with, in fen."""
    return {one["id"]: one["balance"] - one["opening"] for one in outside.accounts()}


def _owed(context: AppContext, channel: str) -> int:
    """What a channel owes us by our books, less what we owe it, in fen."""
    codes = ("1122.01", "2202.01")
    accounts = [account.stream(f"{code}.{channel}") for code in codes]
    received, paid = (context.ledger.state(one).balance_fen for one in accounts)
    return received - paid


def test_its_payments_refunds_and_payouts_are_in_both_books(
    migrated_url: str, outside: Outside, here: dict[str, Any]
) -> None:
    with staged(migrated_url, outside) as stage:
        first = told(stage)
        assert books(stage.context) == here
        again = told(stage)
        assert [one.facts for one in again] == [one.facts for one in first]
    with open_desk(migrated_url, channel=scripted_channel()) as context:  # And told without it.
        assert [one.facts for one in play(context.desk)] == [one.facts for one in first]
        facts = [one for step in first for one in step.facts]
        issued = [one.fact for one in facts if isinstance(one.fact, instruction.Issued)]
        channels = {one.channel: NETWORK_OF[one.channel] for one in issued}
        owed = {name: _owed(context, channel) for channel, name in channels.items()}
    there = moved(outside)
    # Merchants have their payouts, a buyer who was refunded has the rest taken; the declined refund
    # of 67.00 went to a wallet of ours, and was not given back outside.
    assert [there[f"account:{PAYEES[one]}"] for one in ("SANZHI", "SHUFANG", "LONGJING")] == [
        42_494,
        16_490,
        48_515,
    ]
    assert (there["user:laowang"], there["user:xiaoli"]) == (-(25_600 - 5_600), -6_700)
    institution = {name.split(":")[1]: fen for name, fen in there.items() if "institution" in name}
    assert institution == owed
    assert {"instruction.attempted.1", "instruction.answered.1", "instruction.unknown.1"} <= {
        one.name for one in facts
    }
    assert {"channel:callback", "system:outbox"} <= {one.actor for one in facts}
    assert outside.get("/book/totals")["balanced"]
    assert outside.get("/faults")["counts"] == {
        "callback_never": 1,
        "lost_answer": 2,
        "refund_declined": 1,
    }


def test_broken_off_anywhere_it_goes_on_to_the_same_books(
    tmp_path: Path, outside: Outside, here: dict[str, Any]
) -> None:
    url = f"sqlite:///{tmp_path / 'parts.db'}"
    migrate(url)
    for instruction_id, killed in (("pay-PNUTS1", _claimed), ("pay-PM01", _sent)):
        with staged(url, outside) as stage:
            told(stage, before(instruction_id))
            assert standing(stage.desk.ledger) == "begun"
            killed(stage, instruction_id)
        with open_desk(url, channel=scripted_channel()) as context:  # Here nobody knows of it.
            assert outcomes(context.desk, [instruction_id]) == []
            with pytest.raises(Refused, match=f"{instruction_id} was sent over HTTP"):
                list(play(context.desk))
    last = before("payout-LONGJING-2025-11-11-2")
    for steps in (before("pay-PM08", 1), before("pay-PM08", 2), last - 1, last):
        with staged(url, outside) as stage:
            told(stage, steps)
    with staged(url, outside) as stage:
        first = told(stage)
        assert books(stage.context) == here
        assert [one.facts for one in told(stage)] == [one.facts for one in first]
    assert moved(outside)["account:6222000000000002"] == 48_515
    assert moved(outside)["user:laowang"] == -20_000


def _claimed(stage: Stage, instruction_id: str) -> None:
    """What a process leaves that is killed before it has sent."""
    at_us = to_us(ALL[before(instruction_id)].at)  # type: ignore[union-attr]
    stage.outside.advance_to(at_us)
    claim = ClaimAttempt(instruction_id, 1, True, instruction_id, f"z{instruction_id}")
    stage.desk.ledger.submit(Request(f"claim:{instruction_id}", at_us, OUTBOX, claim)).unwrap()
    assert stage.desk.ledger.state(instruction.stream(instruction_id)).status == "sent"


def _sent(stage: Stage, instruction_id: str) -> None:
    """What one leaves that is killed before it has the answer; it was to be called elsewhere."""
    _claimed(stage, instruction_id)
    path = stage.outside.channels("http://127.0.0.1:1/elsewhere")

    async def send() -> None:
        adapter = load(path)["WECHAT_PAY"]
        state = stage.desk.ledger.state(instruction.stream(instruction_id))
        answer = await adapter.send(network_order(instruction_id, state), utc_us())
        assert isinstance(answer.said, AwaitingPayer)
        await adapter.aclose()

    stage.runner.run(send())
