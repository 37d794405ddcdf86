"""Composite payments (组合支付): all or nothing for the order, every fen explained, in any order of
answers; refunds by legs, the wallet last."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.accounting.commands import CloseAccount, FreezeAccount
from domain.channel.commands import RegisterChannel
from domain.order.commands import CloseOrder, PayOrder
from domain.payment import instruction, payment
from domain.payment.asking import RecordAnswer
from domain.payment.commands import LegAsked, RechargeWallet, RecordOutcome
from domain.payment.plan import place_of
from domain.refusals import Code, Refused
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import TEA, Books, names, refusal
from tests.domain.test_open_items import items_of
from tests.examples import BUYER, MERCHANT

WALLET = f"2241.01.{BUYER}"
WAITING, BACK = "2241.09", "2241.07"


@pytest.fixture
def rich(books: Books) -> Books:
    """A buyer with 60.00 in the wallet, and an order over 70.00 and 30.00."""
    books.do(RechargeWallet("W1", BUYER, "WECHAT_PAY", 6_000))
    books.do(RecordOutcome("pay-W1", succeeded="S1"))
    books.place("O1", (MERCHANT, 7_000), (TEA, 3_000))
    return books


def pay(*legs: tuple[str, int], no: str = "P1") -> PayOrder:
    return PayOrder(no, "O1", legs=tuple(LegAsked(method, fen) for method, fen in legs))


def held(books: Books) -> int:
    return int(books.state(f"account-{WALLET}").held_fen)


def yes(books: Books, instruction_id: str) -> None:
    books.do(RecordOutcome(instruction_id, succeeded="S"))


def no(books: Books, instruction_id: str) -> None:
    books.do(RecordOutcome(instruction_id, declined="no money"))


def test_sixty_from_the_wallet_and_forty_from_a_channel(rich: Books) -> None:
    """The example of section 5a."""
    asked = rich.do(pay(("WALLET_BALANCE", 6_000), ("JD_PAY", 4_000)))
    assert asked == {"payment_no": "P1", "instruction_ids": ["pay2-P1"]}
    assert (held(rich), rich.balance(WALLET)) == (6_000, 6_000)
    yes(rich, "pay2-P1")
    assert (held(rich), rich.balance(WALLET), rich.balance(WAITING)) == (0, 0, 0)
    assert rich.balance(f"2241.04.{MERCHANT}") == 7_000
    assert rich.balance(f"2241.04.{TEA}") == 3_000
    assert rich.balance("1122.01.JD_PAY") == 4_000
    assert rich.state("order-O1").status == "paid"


def test_a_leg_that_is_in_waits_for_the_others(rich: Books) -> None:
    rich.do(pay(("JD_PAY", 4_000), ("CLOUD_QUICKPASS", 6_000)))
    yes(rich, "pay1-P1")
    assert (rich.balance(WAITING), rich.balance("1122.01.JD_PAY")) == (4_000, 4_000)
    assert rich.state("order-O1").status == "paying"
    assert items_of(rich) == {WAITING: 4_000}
    yes(rich, "pay2-P1")
    assert rich.balance(WAITING) == 0
    assert rich.state("order-O1").status == "paid"
    assert items_of(rich) == {}


def test_a_declined_leg_undoes_the_others(rich: Books) -> None:
    rich.do(pay(("WALLET_BALANCE", 1_000), ("JD_PAY", 4_000), ("CLOUD_QUICKPASS", 5_000)))
    yes(rich, "pay2-P1")
    no(rich, "pay3-P1")
    assert held(rich) == 0
    assert rich.state("payment-P1").status == "declined"
    assert rich.state("order-O1").status == "placed"
    assert items_of(rich) == {WAITING: 4_000}
    yes(rich, "back2-P1")
    assert (rich.balance(WAITING), rich.balance("2202.01.JD_PAY")) == (0, 4_000)
    assert items_of(rich) == {}


def test_while_a_leg_is_unknown_nobody_may_pay_anew(rich: Books) -> None:
    rich.do(pay(("JD_PAY", 4_000), ("CLOUD_QUICKPASS", 6_000)))
    rich.do(RecordOutcome("pay1-P1", unknown="no answer"))
    no(rich, "pay2-P1")
    assert rich.state("payment-P1").status == "giving_up"
    assert refusal(rich, pay(("JD_PAY", 10_000), no="P2")) is Code.PAYMENT_IN_PROGRESS
    yes(rich, "pay1-P1")  # It came after all: the plan was given up, so it goes back.
    assert rich.state("payment-P1").status == "declined"
    assert items_of(rich) == {BACK: 4_000}
    no(rich, "back1-P1")
    assert rich.balance(WALLET) == 6_000 + 4_000
    rich.do(pay(("WALLET_BALANCE", 10_000), no="P2"))
    assert rich.state("order-O1").status == "paid"


def test_a_wallet_alone_pays_at_once(rich: Books) -> None:
    rich.place("O2", (MERCHANT, 6_000))
    paid = rich.do(PayOrder("P2", "O2", "WALLET_BALANCE"))
    assert paid == {"payment_no": "P2", "instruction_ids": []}
    assert rich.state("order-O2").status == "paid"
    assert (rich.balance(WALLET), held(rich)) == (0, 0)
    assert rich.facts_of(PayOrder("P2", "O2", "WALLET_BALANCE")) == []
    rich.do(RefundTransaction("R1", f"{MERCHANT}-O2", 1_000))
    assert rich.balance(WALLET) == 1_000
    assert rich.state("refund-R1").status == "succeeded"
    assert items_of(rich) == {}


def test_a_refund_takes_the_channel_first_and_the_wallet_last(rich: Books) -> None:
    rich.place("O2", (MERCHANT, 10_000))
    legs = (LegAsked("WALLET_BALANCE", 6_000), LegAsked("JD_PAY", 4_000))
    rich.do(PayOrder("P2", "O2", legs=legs))
    yes(rich, "pay2-P2")
    rich.do(RefundTransaction("R1", f"{MERCHANT}-O2", 3_000))
    assert rich.state("refund-R1").requested.parts[0].channel == "JD_PAY"
    asked = rich.do(RefundTransaction("R2", f"{MERCHANT}-O2", 5_000))
    assert asked == {"refund_no": "R2", "instruction_ids": ["refund1-R2"]}
    assert (rich.balance(WALLET), rich.balance(BACK)) == (4_000, 3_000 + 1_000)
    yes(rich, "refund1-R2")
    assert rich.state("refund-R2").status == "succeeded"
    no(rich, "refund-R1")
    assert rich.state("refund-R1").status == "failed"
    assert rich.balance(WALLET) == 4_000 + 3_000
    assert refusal(rich, RefundTransaction("R3", f"{MERCHANT}-O2", 2_001)) is (
        Code.REFUND_EXCEEDS_PAID
    )
    rich.do(RefundTransaction("R3", f"{MERCHANT}-O2", 2_000))
    assert rich.balance(WALLET) == 9_000
    assert items_of(rich) == {}


def test_a_refund_into_a_closed_wallet_is_kept(rich: Books) -> None:
    rich.do(pay(("WALLET_BALANCE", 6_000), ("JD_PAY", 4_000)))
    yes(rich, "pay2-P1")
    rich.do(CloseAccount(WALLET))
    rich.do(RefundTransaction("R1", f"{MERCHANT}-O1", 7_000))
    yes(rich, "refund1-R1")
    assert rich.state("refund-R1").status == "failed"
    assert items_of(rich) == {"2241.08.JD_PAY": 3_000}
    assert rich.balance("2202.01.JD_PAY") == 4_000


@pytest.mark.parametrize(
    ("legs", "code"),
    [
        pytest.param([("JD_PAY", 9_999)], Code.LEGS_INVALID, id="too little"),
        pytest.param([("JD_PAY", 10_001)], Code.LEGS_INVALID, id="too much"),
        pytest.param([("JD_PAY", 5_000), ("JD_PAY", 5_000)], Code.LEGS_INVALID, id="twice"),
        pytest.param([("JD_PAY", 10_000), ("WECHAT_PAY", 0)], Code.AMOUNT_INVALID, id="nothing"),
        pytest.param(
            [("JD_PAY", 10_001), ("WECHAT_PAY", -1)], Code.AMOUNT_INVALID, id="below nothing"
        ),
        pytest.param([("CASH", 10_000)], Code.METHOD_UNKNOWN, id="unknown"),
        pytest.param([("BANK_CARD", 10_000)], Code.CHANNEL_NOT_REGISTERED, id="not here"),
        pytest.param(
            [("WALLET_BALANCE", 6_001), ("JD_PAY", 3_999)], Code.BALANCE_INSUFFICIENT, id="poor"
        ),
    ],
)
def test_a_plan_that_cannot_be_is_refused_and_leaves_nothing(
    rich: Books, legs: list[tuple[str, int]], code: Code
) -> None:
    assert refusal(rich, pay(*legs)) is code


def test_a_frozen_wallet_pays_nothing(rich: Books) -> None:
    rich.do(FreezeAccount(WALLET, "out", "court order"))
    wanted = pay(("WALLET_BALANCE", 6_000), ("JD_PAY", 4_000))
    assert refusal(rich, wanted) is Code.ACCOUNT_FROZEN


def test_a_method_and_legs_are_one_too_many(rich: Books) -> None:
    both = PayOrder("P1", "O1", "JD_PAY", (LegAsked("JD_PAY", 10_000),))
    assert refusal(rich, both) is Code.REQUEST_INVALID


def test_a_plan_of_one_leg_needs_no_account_to_wait_on(rich: Books) -> None:
    assert "payment.captured.1" not in names(rich, pay(("JD_PAY", 10_000)))
    assert refusal(rich, pay(("JD_PAY", 10_000), no="P2")) is Code.PAYMENT_IN_PROGRESS
    told = names(rich, RecordOutcome("pay-P1", succeeded="S"))
    assert "payment.captured.1" not in told


def test_a_composite_payment_whose_order_was_closed_goes_back_whole(rich: Books) -> None:
    rich.do(pay(("WALLET_BALANCE", 1_000), ("JD_PAY", 4_000), ("CLOUD_QUICKPASS", 5_000)))
    rich.do(CloseAccount(f"2241.04.{TEA}"))
    yes(rich, "pay2-P1")
    yes(rich, "pay3-P1")
    assert rich.state("order-O1").status == "closed"
    assert held(rich) == 0
    assert items_of(rich) == {WAITING: 4_000, BACK: 5_000}
    yes(rich, "back2-P1")
    assert rich.state("payment-P1").status == "sending_back"
    no(rich, "back3-P1")
    assert rich.state("payment-P1").status == "kept"
    assert rich.balance(WALLET) == 6_000 + 5_000
    assert items_of(rich) == {}


class Composite(RuleBasedStateMachine):
    """Payments by any plan, and answers in any order."""

    @initialize()
    def begin(self) -> None:
        self.books = Books().open()
        self.books.do(RegisterChannel("UNIONPAY_CARD"))
        self.books.do(RegisterChannel("NETSUNION_CARD"))
        self.made = 0
        self.recharged_fen = 0
        self.open: list[str] = []

    def _new(self, prefix: str) -> str:
        self.made += 1
        return f"{prefix}{self.made}"

    def _do(self, command: Any) -> dict[str, Any]:
        try:
            answer = self.books.do(command)
        except Refused:
            return {}
        ids = answer.get("instruction_ids") or [answer.get("instruction_id")]
        self.open += [one for one in ids if one and one not in self.open]  # type: ignore[union-attr]
        return answer

    @rule(fen=st.integers(1, 50_000))
    def recharges(self, fen: int) -> None:
        self._do(RechargeWallet(self._new("W"), BUYER, "WECHAT_PAY", fen))

    @rule(
        amounts=st.lists(st.integers(1, 9_000), min_size=1, max_size=2),
        cuts=st.lists(st.integers(1, 99), max_size=2),
        methods=st.permutations(["WALLET_BALANCE", "JD_PAY", "BANK_CARD", "WECHAT_PAY"]),
    )
    def buys(self, amounts: list[int], cuts: list[int], methods: list[str]) -> None:
        order_no = self._new("O")
        self.books.place(order_no, *zip((MERCHANT, TEA), amounts, strict=False))
        total = sum(amounts)
        ends = [0, *sorted({total * cut // 100 for cut in cuts} - {0, total}), total]
        parts = [end - start for start, end in pairwise(ends)]
        legs = tuple(map(LegAsked, methods, parts))
        self._do(PayOrder(self._new("P"), order_no, legs=legs))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), answer=st.sampled_from(["succeeded", "declined", "unknown"]))
    def hears(self, data: st.DataObject, answer: str) -> None:
        one = data.draw(st.sampled_from(self.open))
        self.books.do(RecordOutcome(one, **{answer: "said"}))
        if answer != "unknown":
            self.open.remove(one)
        self._find_sent_back()

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def hears_that_a_channel_will_not(self, data: st.DataObject) -> None:
        """For reasons of its own: another may be asked."""
        one = data.draw(st.sampled_from(self.open))
        self.books.do(RecordAnswer(one, "declined", reason="busy", by_channel=True))
        self.open.remove(one)
        self._find_sent_back()

    @rule(data=st.data())
    def hears_of_a_payment_late(self, data: st.DataObject) -> None:
        """It succeeded after it was declined, whatever else was asked for the leg since."""
        declined = [
            name.removeprefix("instruction-")
            for name, (_, state, _) in self.books.states.items()
            if name.startswith("instruction-pay") and state.status == "declined"
        ]
        if declined:
            one = data.draw(st.sampled_from(declined))
            self.books.do(RecordAnswer(one, "succeeded", serial=f"late-{one}"))
            self._find_sent_back()

    def _find_sent_back(self) -> None:
        for stream, (_, state, _) in self.books.states.items():
            if stream.startswith("instruction-") and state.status in ("issued", "unknown"):
                name = stream.removeprefix("instruction-")
                if name not in self.open:
                    self.open.append(name)

    @rule(data=st.data(), share=st.integers(1, 100))
    def refunds(self, data: st.DataObject, share: int) -> None:
        sold = [name for name in self.books.states if name.startswith("transaction-")]
        if not sold:
            return
        name = data.draw(st.sampled_from(sold))
        fen = max(1, self.books.state(name).refundable_fen * share // 100)
        self._do(RefundTransaction(self._new("R"), name.removeprefix("transaction-"), fen))
        self._find_sent_back()

    @rule(data=st.data())
    def confirms_or_closes(self, data: st.DataObject) -> None:
        known = [name for name in self.books.states if name.startswith(("transaction-", "order-"))]
        if known:
            kind, _, number = data.draw(st.sampled_from(known)).partition("-")
            confirm = kind == "transaction"
            self._do(
                ConfirmReceipt(number, "buyer") if confirm else CloseOrder(number, "no longer")
            )

    @invariant()
    def open_items_are_their_accounts(self) -> None:
        items = items_of(self.books)
        for leaf in (WAITING, BACK):
            account = self.books.states.get(f"account-{leaf}")
            assert (account[1].balance_fen if account else 0) == items.get(leaf, 0)

    @invariant()
    def a_leg_has_one_instruction_in_flight_at_most(self) -> None:
        flying = Counter(
            (state.reference, place_of(name.removeprefix("instruction-")))
            for name, (_, state, _) in self.books.states.items()
            if name.startswith("instruction-pay") and state.status in instruction.OPEN
        )
        assert all(count == 1 for count in flying.values()), flying

    def teardown(self) -> None:
        while self.open:
            one = self.open.pop()
            self.books.do(RecordOutcome(one, declined="at the end"))
            self._find_sent_back()
        self._at_rest()

    def _at_rest(self) -> None:
        holds = self.books.state(f"account-{WALLET}").holds
        assert holds == ()
        assert all(
            fen == 0 or leaf.startswith("2241.08") for leaf, fen in items_of(self.books).items()
        )
        refunded: Counter[tuple[str, int]] = Counter()
        for stream, (_, state, _) in self.books.states.items():
            if stream.startswith("payment-"):
                self._whole_or_nothing(state)
                self._paid_as_its_plan_says(stream, state)
            elif stream.startswith("refund-") and state.requested:
                sold = self.books.state(f"transaction-{state.requested.transaction_id}")
                for part in state.requested.parts:
                    refunded[state.requested.transaction_id, part.leg] += part.amount_fen
                assert (
                    sum(p.amount_fen for p in state.requested.parts) == state.requested.amount_fen
                )
                assert sold.created.amount_fen >= sold.refunded_fen
        for (transaction_id, leg), fen in refunded.items():
            paid = [f for s, f in self.books.log if s == f"transaction-{transaction_id}"][1]
            assert fen <= sum(one.amount_fen for one in paid.legs if one.leg == leg)  # type: ignore[attr-defined]

    def _paid_as_its_plan_says(self, stream: str, state: Any) -> None:
        """The legs of what was taken name the channels whose instructions brought it."""
        if state.status != "succeeded":
            return
        for place, leg in enumerate(state.started.legs):
            if leg.kind == "channel":
                one = payment.asks(state, payment.number_of(stream), place)
                asked = self.books.state(f"instruction-{one}")
                known = self.books.state(f"contradiction-{one}").word or asked.status
                assert (known, asked.channel) == ("succeeded", leg.channel)

    def _whole_or_nothing(self, state: Any) -> None:
        legs = {leg.status for leg in state.legs}
        assert sum(leg.amount_fen for leg in state.started.legs) == state.started.amount_fen
        if state.status == "succeeded" and len(state.legs) > 1:
            assert legs == {"captured"}
        if state.status == "declined":
            assert legs <= {"declined", "released", "sent_back", "kept"}
        assert state.status not in ("paying", "unknown", "giving_up", "sending_back")


TestComposite = Composite.TestCase
TestComposite.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
