"""The outbox over a real ledger of each database, with channels that are played by a script."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from anyio import to_thread

from api.operations.asked_for import AskedFor
from api.operations.desk import Desk
from api.operations.outbox import NO_ACCOUNT, Outbox
from domain.channel.network import AwaitingPayer, NotFound, Order, Pace, Processing, Said
from domain.channel.port import Declined, Succeeded, Unknown
from domain.clearing.commands import CutOffDay, OpenBooks
from domain.eventstore import blobs
from domain.kernel import Request
from domain.ledger.proof import verify_log
from domain.ledger.states import fold_stream
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment import contradiction, instruction
from domain.payment.asking import AskChannel, ClosePayment
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.payment.rhythm import HOUR, MINUTE, SECOND
from domain.settlement.commands import ReviewBatch, SealBatch, SettleBatch
from domain.transaction.commands import ConfirmReceipt
from projections.models.instruction_attempts import attempts, known_by
from projections.models.instructions import instruction as row_of
from tests.api.operations.scripted import ScriptedNetwork
from tests.examples import BUYER, BUYER_NAME, PAID_AT, PAY_DAY
from tests.shops import shop
from tests.stories.books import open_books


class Office:
    """An open ledger with an outbox, and a clock that goes on when it is told to."""

    def __init__(self, desk: Desk, *adapters: ScriptedNetwork) -> None:
        self.desk = desk
        self.adapters = {one.channel: one for one in adapters}
        self.now_us = PAID_AT
        self.count = 0
        self.do(OpenBooks(PAY_DAY))
        self.do(RegisterMember(BUYER, "personal", BUYER_NAME))

    def do(self, command: Any, actor: str = "operator:lin") -> dict[str, Any]:
        self.count += 1
        request = Request(f"test-{self.count}", self.now_us, actor, command)
        return self.desk.ledger.submit(request).unwrap()

    def recharge(self, *numbers: str, method: str = "JD_PAY") -> None:
        for number in numbers:
            self.do(RechargeWallet(number, BUYER, method, 500))

    def outbox(self, **options: Any) -> Outbox:
        desk = self.desk
        return Outbox(
            desk.ledger,
            desk.engine,
            self.adapters,
            lambda: self.now_us,
            wall=lambda: self.now_us,
            **options,
        )

    def step(self, outbox: Outbox | None = None) -> int:
        """Everything that is due now, made and recorded: how many attempts."""
        return asyncio.run(self.stepped(outbox or self.outbox()))

    async def stepped(self, outbox: Outbox) -> int:
        made = 0
        while True:
            self.desk.catch_up()
            begun = await outbox.turn()
            await outbox.idle()
            if not begun:
                return made
            made += begun

    def state(self, number: str) -> instruction.State:
        stream = instruction.stream(f"pay-{number}")
        return fold_stream(self.desk.ledger.recorder, stream)[1]

    def status(self, number: str) -> str:
        return self.state(number).status

    def wait(self) -> None:
        """Until P1 is due."""
        due_us = self.state("P1").due_us
        assert due_us is not None
        self.now_us = max(self.now_us, due_us)


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    with open_books(database_url) as opened:
        yield opened


def says(*answers: Said) -> Callable[[str, Order, int], Said]:
    """Each once, the last again and again."""
    return lambda _kind, _order, asked: answers[min(asked, len(answers) - 1)]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.002)


def test_what_is_committed_is_sent_and_asked_about_until_it_ends(desk: Desk) -> None:
    jd = ScriptedNetwork("JD_PAY")
    office = Office(desk, jd)
    office.recharge("P1")
    assert office.step() == 1
    assert (office.status("P1"), office.state("P1").tried.url) == (
        "awaiting_payer",
        "weixin://pay/payP1",
    )
    assert office.step() == 0  # Not before it is due.
    office.wait()
    assert office.step() == 1
    assert office.status("P1") == "succeeded"
    assert jd.asked == [("send", "payP1"), ("query", "payP1")]
    office.now_us += 10 * HOUR
    assert office.step() == 0
    desk.catch_up()
    with desk.engine.connect() as view:
        row = row_of(view, "pay-P1")
        assert row is not None
        assert (row.state, row.number, row.attempts, row.due_us) == ("succeeded", "payP1", 2, None)
        made = [(one.attempt, one.kind, one.outcome) for one in attempts(view, "pay-P1")]
        assert made == [(2, "query", "succeeded"), (1, "send", "awaiting_payer")]
        assert known_by(view, "payP1") == ["pay-P1"]


def test_raw_requests_and_answers_are_kept_under_their_hash(desk: Desk) -> None:
    office = Office(desk, ScriptedNetwork("JD_PAY"))
    office.recharge("P1")
    office.step()
    desk.catch_up()
    with desk.engine.connect() as view:
        name = attempts(view, "pay-P1")[0].exchange
        assert name is not None
        content = blobs.read(view, name)
        assert content is not None
        assert blobs.wrong(view, [name, "00" * 32]) == [("00" * 32, "is not in the blob store")]
    assert blobs.name_of(content) == name
    [exchange] = msgspec.json.decode(content)
    assert (exchange["sent"], exchange["status"]) == ("asked", 200)


def test_the_back_off_comes_from_the_facts_whoever_asks(desk: Desk) -> None:
    office = Office(desk, ScriptedNetwork("JD_PAY", says(Unknown("no answer"))))
    office.recharge("P1")
    waited = []
    for _ in range(7):
        assert office.step() == 1  # Another outbox each time: a restart neither forgets
        assert office.step() == 0  # nor hammers.
        before = office.now_us
        office.wait()
        waited.append((office.now_us - before) // SECOND)
    assert waited[:5] == [5, 30, 120, 600, 3600]
    assert sum(waited[:6]) == 2 * 3600  # When the payment is over it is closed at its channel.
    assert waited[6] == 5  # And asked about as often as ever.


@pytest.mark.parametrize(("repeatable", "kind"), [(True, "send"), (False, "query")])
def test_killed_between_claim_and_answer_it_is_asked_about(
    desk: Desk, repeatable: bool, kind: str
) -> None:
    jd = ScriptedNetwork("JD_PAY", repeatable=frozenset({"payment"} if repeatable else ()))
    office = Office(desk, jd)
    office.recharge("P1")

    async def killed() -> None:
        jd.gate = asyncio.Event()
        outbox = office.outbox()
        desk.catch_up()
        await outbox.turn()
        await until(lambda: bool(jd.asked))
        for task in outbox._tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await outbox.idle()

    asyncio.run(killed())
    jd.gate = None
    assert office.status("P1") == "sent"
    assert office.step() == 0
    office.now_us += MINUTE
    assert office.step() == 1
    assert jd.asked == [("send", "payP1"), (kind, "payP1")]


def test_two_outboxes_at_once_make_each_attempt_once(desk: Desk) -> None:
    jd = ScriptedNetwork("JD_PAY")
    office = Office(desk, jd)
    numbers = [f"P{number}" for number in range(40)]
    office.recharge(*numbers)
    desk.catch_up()

    async def both() -> int:
        one, other = office.outbox(), office.outbox()
        begun = sum(await asyncio.gather(one.turn(), other.turn()))
        await asyncio.gather(one.idle(), other.idle())
        return begun

    assert asyncio.run(both()) == 40
    assert sorted(jd.asked) == sorted(("send", f"pay{number}") for number in numbers)


def test_that_there_was_no_instruction_is_not_remembered(desk: Desk, database_url: str) -> None:
    """This process has looked for an instruction in vain; then another one issues it."""
    office = Office(desk)
    nothing = Request("early", office.now_us, "operator:lin", RecordOutcome("pay-P1", "S1"))
    assert desk.ledger.submit(nothing).refused is not None
    assert desk.ledger.remembered(instruction.stream("pay-P1")) is None
    with open_books(database_url) as other:
        asked = RechargeWallet("P1", BUYER, "JD_PAY", 500)
        other.ledger.submit(Request("one", office.now_us, "operator:lin", asked)).unwrap()
    (wanted,) = asyncio.run(AskedFor(desk.ledger, to_thread.run_sync).orders(["pay-P1"]))
    assert wanted.order is not None and wanted.order.amount_fen == 500


def test_a_slow_channel_slows_no_other_and_is_asked_by_so_many_at_once(desk: Desk) -> None:
    slow, quick = ScriptedNetwork("JD_PAY"), ScriptedNetwork("WECHAT_PAY")
    office = Office(desk, slow, quick)
    office.recharge(*(f"S{number}" for number in range(5)))
    office.recharge(*(f"Q{number}" for number in range(5)), method="WECHAT_PAY")
    desk.catch_up()

    async def served() -> None:
        slow.gate = asyncio.Event()
        outbox = office.outbox(paces={"JD_PAY": Pace(at_once=2)})
        running = asyncio.create_task(outbox.run())
        await until(lambda: office.status("Q4") == "awaiting_payer")
        assert (len(slow.asked), slow.most_at_once) == (2, 2)
        slow.gate.set()
        while office.status("S4") != "awaiting_payer":
            desk.catch_up()
            await asyncio.sleep(0.002)
        assert len(slow.asked) == 5
        assert slow.most_at_once == 2
        assert outbox._stopping is not None
        outbox._stopping.set()
        await running

    asyncio.run(served())
    assert slow.closed and quick.closed
    assert len(quick.asked) == 5


def test_a_channels_rate_is_kept(desk: Desk) -> None:
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    office = Office(desk, ScriptedNetwork("JD_PAY"))
    office.recharge("P1", "P2", "P3")
    office.step(office.outbox(paces={"JD_PAY": Pace(per_second=1)}, pause=pause))
    assert [round(one) for one in paused] == [1, 2]


def test_whatever_goes_wrong_with_an_adapter_is_unknown_and_the_others_go_on(desk: Desk) -> None:
    def script(_kind: str, order: Order, _asked: int) -> Said:
        if order.number == "payP1":
            raise ConnectionError("reset by peer")
        return Succeeded("S2", 500)

    office = Office(desk, ScriptedNetwork("JD_PAY", script))
    office.recharge("P1", "P2")
    assert office.step() == 2
    assert (office.status("P1"), office.status("P2")) == ("unknown", "succeeded")
    assert office.state("P1").answer == "the adapter failed: ConnectionError"


def test_a_channel_that_does_not_answer_in_time_is_given_up(desk: Desk) -> None:
    jd = ScriptedNetwork("JD_PAY")
    office = Office(desk, jd)
    office.recharge("P1")

    async def late() -> None:
        jd.gate = asyncio.Event()
        await office.stepped(office.outbox(paces={"JD_PAY": Pace(deadline_s=0)}))

    asyncio.run(late())
    assert (office.status("P1"), office.state("P1").answer) == ("unknown", "no answer within 0 s")


def test_an_operator_has_a_channel_asked_and_a_payment_closed(desk: Desk) -> None:
    jd = ScriptedNetwork("JD_PAY", says(AwaitingPayer("u"), Processing(), Declined("closed")))
    office = Office(desk, jd)
    office.recharge("P1")
    office.step()
    office.do(AskChannel("pay-P1"))
    assert office.step() == 1
    office.do(ClosePayment("pay-P1", "the buyer left"))
    assert office.step() == 1
    assert [kind for kind, _ in jd.asked] == ["send", "query", "close"]
    assert (office.status("P1"), office.state("P1").answer) == ("declined", "the buyer left")


def test_no_such_order_is_closed_before_it_is_declined(desk: Desk) -> None:
    jd = ScriptedNetwork("JD_PAY", says(Unknown("lost"), NotFound("none"), Declined("closed")))
    office = Office(desk, jd)
    office.recharge("P1")
    for _ in range(3):
        office.step()
        if office.state("P1").due_us:
            office.wait()
    assert [kind for kind, _ in jd.asked] == ["send", "query", "close"]
    assert office.status("P1") == "declined"


def test_a_success_that_comes_after_the_close_is_on_record(desk: Desk) -> None:
    jd = ScriptedNetwork("JD_PAY", says(Declined("no money"), Succeeded("S9", 500)))
    office = Office(desk, jd)
    office.recharge("P1")
    office.step()
    office.do(AskChannel("pay-P1"))
    assert office.step() == 1
    stream = contradiction.stream("pay-P1")
    [item] = fold_stream(desk.ledger.recorder, stream)[1].items
    assert (item.kind, item.serial, item.stage) == ("late", "S9", "ended")
    assert office.step() == 0


def test_a_payout_to_nobodys_account_waits_and_says_why(desk: Desk) -> None:
    bank = ScriptedNetwork("BANK_TRANSFER", says(Processing()))
    office = Office(desk, bank)
    stream = office_payout(office)
    office.step()
    assert bank.asked == []
    state: Any = fold_stream(desk.ledger.recorder, stream)[1]
    assert (state.status, state.due_us, state.tried.withheld) == ("issued", None, NO_ACCOUNT)
    office.now_us += 10 * HOUR
    assert office.step() == 0
    office.do(AskChannel("payout-TEA-2010-12-01-1"))
    assert office.step(office.outbox(payees={"TEA": "6228480001"})) == 1
    assert bank.asked == [("send", "payoutTEA-2010-12-01-1")]
    assert [order.party for order in bank.orders] == ["6228480001"]


def test_a_payout_is_not_sent_again_to_an_account_that_is_gone(desk: Desk) -> None:
    script = says(Unknown("lost"), Succeeded("S1", 9_900))
    bank = ScriptedNetwork("BANK_TRANSFER", script, repeatable=frozenset({"payout"}))
    office = Office(desk, bank)
    office_payout(office)
    assert office.step(office.outbox(payees={"TEA": "6228480001"})) == 1
    office.now_us += MINUTE
    assert office.step() == 1
    assert [order.party for order in bank.orders] == ["6228480001"]
    office.now_us += MINUTE
    assert office.step(office.outbox(payees={"TEA": "6228480001"})) == 1
    assert [order.party for order in bank.orders] == ["6228480001"] * 2


def office_payout(office: Office) -> Any:
    """A merchant's batch, settled on the day of its sale: its payout is issued."""
    office.do(shop("TEA", "Tea", FeeRule(100), "D+0"))
    office.do(Checkout("O1", BUYER, (OrderLine("TEA", 10_000, "tea"),)))
    office.do(PayOrder("PO1", "O1", "JD_PAY"))
    office.do(RecordOutcome("pay-PO1", succeeded="S1"))
    office.do(ConfirmReceipt("TEA-O1", "buyer"))
    office.do(CutOffDay(PAY_DAY))
    batch_id = f"TEA-{PAY_DAY}"
    office.do(SealBatch(batch_id))
    office.do(ReviewBatch(batch_id), actor="operator:zhao")
    [payout] = office.do(SettleBatch(batch_id))["instruction_ids"]
    return instruction.stream(payout)


def test_what_facts_name_is_hashed_again(desk: Desk) -> None:
    office = Office(desk, ScriptedNetwork("JD_PAY"))
    office.recharge("P1")
    office.step()
    recorder = desk.ledger.recorder

    def checked(names: list[str]) -> list[tuple[str, str]]:
        with desk.engine.connect() as view:
            return blobs.wrong(view, names)

    assert verify_log(recorder, blobs=checked) == []
    [finding] = verify_log(recorder, blobs=lambda names: [(one, "is gone") for one in names])
    assert (finding.check, finding.detail[64:]) == ("blobs", " is gone")
