"""Whatever is done in whatever order: after every step the books equal a simple model of them.

The model knows sales, refunds, fees and payouts as a merchant would count them; it shares no code
with the ledger. What the ledger refuses must have changed nothing.
"""

import sqlite3
import tempfile
from contextlib import closing
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from domain.accounting.chart import CHART
from domain.accounting.commands import (
    FreezeAccount,
    HoldMoney,
    ReleaseHold,
    ReverseEntry,
    UnfreezeAccount,
)
from domain.clearing.commands import CloseDay, CutOffDay, OpenBooks
from domain.kernel import DAY_US, Command, Request
from domain.ledger.ledger import Ledger
from domain.ledger.states import fold_streams
from domain.member.commands import RegisterMember, SignAgreement
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RechargeWallet, RecordOutcome, TransferMoney
from domain.refusals import Code
from domain.settlement.commands import (
    RetryPayout,
    ReturnPayout,
    ReviewBatch,
    SealBatch,
    SettleBatch,
)
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from migrations.run import migrate
from tests.examples import BUYER, CHECKER, FRIEND, MAKER, PAID_AT, PAY_DAY
from tests.shops import shop

MERCHANTS = {"NUTS": (60, 0, "T+1", None), "TEA": (100, 5, "D+0", 600)}
PEOPLE = (BUYER, FRIEND)
CHANNELS = ("JD_PAY", "WECHAT_PAY", "CLOUD_QUICKPASS", "BANK_TRANSFER")
IDENTITY = ("1001.01", "1122.01", "1122.02", "1122.04", "1122.06", "2202.01", "2202.09", "2241.")
picks = st.integers(0, 10**6)
amounts = st.integers(1, 20_000)
answers = st.sampled_from(["succeeded", "declined", "unknown"])


def fee(merchant: str, fen: int) -> int:
    rate_bps, fixed_fen, _, _ = MERCHANTS[merchant]
    return min((fen * rate_bps + 5_000) // 10_000 + fixed_fen, fen) if fen else 0


def accounts() -> list[str]:
    owners = {"none": ("",), "channel": CHANNELS}
    leaves = [f"{c}.{o}".rstrip(".") for c, a in CHART.items() for o in owners.get(a.owner, ())]
    shops = [f"{c}.{m}" for m in MERCHANTS for c in ("1122.03", "2241.02", "2241.03", "2241.04")]
    return leaves + shops + [f"2241.01.{p}" for p in PEOPLE]


class Sale:
    """A transaction as its merchant counts it, in fen."""

    def __init__(self, merchant: str, fen: int) -> None:
        self.merchant, self.fen = merchant, fen
        self.before = self.after = 0  # Refunded before and after release.
        self.released = False


@cache
def template() -> bytes:
    """An empty ledger, migrated once."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "books.db"
        migrate(f"sqlite:///{file}")
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return file.read_bytes()


class Market(RuleBasedStateMachine):
    """A market that anything may happen to, and the model of what it ought to be."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name) / "books.db"
        file.write_bytes(template())
        self.ledger = Ledger.open(f"sqlite:///{file}", clock=lambda: PAID_AT)
        self.at_us, self.count, self.today, self.cut = PAID_AT, 0, PAY_DAY, False
        self.sales: dict[str, Sale] = {}
        self.refunds: dict[str, tuple[str, int]] = {}  # In transit.
        self.payouts: dict[str, tuple[str, str, int, str]] = {}  # batch, merchant, fen, status
        self.batches: set[str] = set()
        self.wallets = dict.fromkeys(PEOPLE, 0)
        self.moved: dict[str, tuple[str, str, int]] = {}  # Transfers by reference, fen.
        self.recharged: dict[str, tuple[str, int]] = {}
        self.do(OpenBooks(PAY_DAY))
        for person in PEOPLE:
            self.do(RegisterMember(person, "personal", person))
        for name, (rate_bps, fixed_fen, cycle, most) in MERCHANTS.items():
            terms = FeeRule(rate_bps, fixed_fen)
            self.do(shop(name, name, terms, cycle, most))
            self.do(SignAgreement(name, "instant", PAY_DAY))

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.folder.cleanup()

    def ask(self, command: Command, actor: str = MAKER) -> Any:
        self.count += 1
        return self.ledger.submit(Request(f"n{self.count}", self.at_us, actor, command))

    def do(self, command: Command, actor: str = MAKER) -> Any:
        return self.ask(command, actor).unwrap()

    def read(self, stream: str) -> Any:
        """A state of those read together for a check."""
        return self.found[stream][1]

    # What may happen.

    @rule(
        merchants=st.sampled_from([("NUTS",), ("TEA",), ("TEA", "NUTS")]),
        fen=amounts,
        mode=st.sampled_from(["escrow", "instant"]),
        channel=picks,
    )
    def buy(self, merchants: tuple[str, ...], fen: int, mode: Any, channel: int) -> None:
        order_no = f"O{self.count}"
        lines = tuple(OrderLine(merchant, fen + n, "x") for n, merchant in enumerate(merchants))
        self.do(Checkout(order_no, BUYER, lines, mode))
        self.do(PayOrder(order_no, order_no, CHANNELS[channel % 3]))
        if self.ask(RecordOutcome(f"pay-{order_no}", succeeded="S")).refused:
            return  # Frozen: nobody's money moved.
        for line in lines:
            self.sales[f"{line.merchant}-{order_no}"] = sale = Sale(line.merchant, line.amount_fen)
            sale.released = mode == "instant"
            self.note_batch(sale)

    def note_batch(self, sale: Sale) -> None:
        self.batches.add(f"{sale.merchant}-{self.clearing_date()}")

    def clearing_date(self) -> date:
        return self.today + timedelta(days=1) if self.cut else self.today

    @precondition(lambda self: self.sales)
    @rule(pick=picks)
    def confirm(self, pick: int) -> None:
        name = sorted(self.sales)[pick % len(self.sales)]
        sale = self.sales[name]
        answer = self.ask(ConfirmReceipt(name, "buyer"))
        if answer.refused is None and not sale.released:
            sale.released = True
            self.note_batch(sale)

    @precondition(lambda self: self.sales)
    @rule(pick=picks, fen=st.one_of(amounts, st.just(0)))
    def refund(self, pick: int, fen: int) -> None:
        name = sorted(self.sales)[pick % len(self.sales)]
        sale = self.sales[name]
        left = sale.fen - sale.before - sale.after
        fen = fen or max(left, 1)  # Often all of it.
        refund_no = f"R{self.count}"
        answer = self.ask(RefundTransaction(refund_no, name, fen))
        if fen > left:
            assert answer.refused.code is Code.REFUND_EXCEEDS_PAID
        if answer.refused is not None:
            return
        self.refunds[refund_no] = (name, fen)
        if sale.released:
            sale.after += fen
            self.note_batch(sale)
        else:
            sale.before += fen

    @precondition(lambda self: self.refunds)
    @rule(pick=picks, answer=answers)
    def refund_ends(self, pick: int, answer: str) -> None:
        refund_no = sorted(self.refunds)[pick % len(self.refunds)]
        self.do(RecordOutcome(f"refund-{refund_no}", **{answer: "x"}))
        if answer != "unknown":
            _, fen = self.refunds.pop(refund_no)
            self.wallets[BUYER] += fen if answer == "declined" else 0

    @rule()
    def cut_off(self) -> None:
        """What is released from now on clears with the next day, while this one still settles."""
        self.do(CutOffDay(self.today))
        self.cut = True

    @rule(days=st.integers(1, 3), answer=answers)
    def days_go_by(self, days: int, answer: str) -> None:
        """Days end and settle what is due; the channel answers payouts as told, or not yet."""
        for _ in range(days):
            self.cut_off()
            for batch_id in sorted(self.batches):
                if self.ask(SealBatch(batch_id)).refused is None:
                    self.do(ReviewBatch(batch_id), CHECKER)
            self.settle()
            self.do(CloseDay(self.today))
            self.today += timedelta(days=1)
            self.at_us += DAY_US
            self.cut = False
        for payout_no, payout in sorted(self.payouts.items()):
            if payout[-1] == "instructed" and answer != "unknown":
                self.payout_ends_with(payout_no, answer)

    def settle(self) -> None:
        for batch_id in sorted(self.batches):
            if self.ask(SettleBatch(batch_id)).refused is None:
                state = self.ledger.state(f"settlement-{batch_id}")
                for one in state.payouts:
                    known = (batch_id, state.merchant, one.amount_fen, "instructed")
                    self.payouts.setdefault(one.payout_no, known)
                    assert one.amount_fen <= (state.max_transfer_fen or one.amount_fen)
                self.note_carry_batch(state)

    def note_carry_batch(self, settled: Any) -> None:
        """What is carried has a batch that tries again, always."""
        later = f"{settled.merchant}-{self.clearing_date()}"
        if self.ledger.version(f"settlement-{later}"):
            self.batches.add(later)
        open_ = ("collecting", "closed", "reviewed")
        waiting = [self.ledger.state(f"settlement-{batch_id}") for batch_id in self.batches]
        mine = [one for one in waiting if one.merchant == settled.merchant]
        carry_fen = self.ledger.state(f"carry-{settled.merchant}").carry_fen
        assert carry_fen <= 0 or any(one.status in open_ for one in mine)

    @precondition(lambda self: self.payouts)
    @rule(pick=picks, answer=answers)
    def payout_ends(self, pick: int, answer: str) -> None:
        self.payout_ends_with(sorted(self.payouts)[pick % len(self.payouts)], answer)

    def payout_ends_with(self, payout_no: str, answer: str) -> None:
        batch_id, merchant, fen, status = self.payouts[payout_no]
        said = self.ask(RecordOutcome(payout_no, **{answer: "x"}))
        if said.refused is None and status == "instructed" and answer != "unknown":
            status = "succeeded" if answer == "succeeded" else "failed"
            self.payouts[payout_no] = (batch_id, merchant, fen, status)

    @precondition(lambda self: self.payouts)
    @rule(pick=picks)
    def payout_comes_back(self, pick: int) -> None:
        payout_no = sorted(self.payouts)[pick % len(self.payouts)]
        batch_id, merchant, fen, status = self.payouts[payout_no]
        answer = self.ask(ReturnPayout(batch_id, payout_no, "closed"))
        if answer.refused is None:
            assert status in ("succeeded", "returned")
            self.payouts[payout_no] = (batch_id, merchant, fen, "returned")

    @precondition(lambda self: self.payouts)
    @rule(pick=picks)
    def payout_again(self, pick: int) -> None:
        payout_no = sorted(self.payouts)[pick % len(self.payouts)]
        batch_id, merchant, fen, status = self.payouts[payout_no]
        answer = self.ask(RetryPayout(batch_id, payout_no))
        if answer.refused is not None:
            return
        again = str(answer.result["payout_no"])
        if status == "retried":  # It answers as it did then, and pays nobody twice.
            assert self.payouts[again][:3] == (batch_id, merchant, fen)
            return
        assert status in ("failed", "returned")
        self.payouts[payout_no] = (batch_id, merchant, fen, "retried")
        self.payouts[again] = (batch_id, merchant, fen, "instructed")

    @rule(person=st.sampled_from(PEOPLE), fen=amounts)
    def recharge(self, person: str, fen: int) -> None:
        number = f"W{self.count}"
        self.do(RechargeWallet(number, person, "WECHAT_PAY", fen))
        if self.ask(RecordOutcome(f"pay-{number}", succeeded="S")).refused is None:
            self.wallets[person] += fen
            self.recharged[f"payment-{number}#3"] = (person, fen)

    @rule(payer=st.sampled_from(PEOPLE), fen=amounts)
    def transfer(self, payer: str, fen: int) -> None:
        payee = FRIEND if payer == BUYER else BUYER
        number = f"X{self.count}"
        answer = self.ask(TransferMoney(number, payer, payee, fen))
        assert (answer.refused is None) == (self.wallets[payer] >= fen)
        if answer.refused is None:
            self.wallets[payer] -= fen
            self.wallets[payee] += fen
            self.moved[f"transfer-{number}#1"] = (payer, payee, fen)

    @rule(
        code=st.sampled_from(["2241.02", "2241.03", "2241.04"]),
        merchant=st.sampled_from(sorted(MERCHANTS)),
        direction=st.sampled_from(["in", "out", "both"]),
        answer=answers,
    )
    def a_frozen_day(self, code: str, merchant: str, direction: Any, answer: str) -> None:
        """What an account's freeze refuses stays as it was, and goes on when it is lifted."""
        self.do(FreezeAccount(f"{code}.{merchant}", direction, "x"))
        self.days_go_by(1, answer)
        self.books_are_right()
        self.do(UnfreezeAccount(f"{code}.{merchant}", "x"))

    @rule(merchant=st.sampled_from(sorted(MERCHANTS)), fen=amounts, answer=answers)
    def a_held_day(self, merchant: str, fen: int, answer: str) -> None:
        """What is on hold is not paid, and is carried until it is."""
        pending = f"2241.02.{merchant}"
        held = self.ask(HoldMoney(pending, "H", fen, "x")).refused is None
        self.days_go_by(1, answer)
        self.books_are_right()
        if held:
            self.do(ReleaseHold(pending, "H"))

    @rule(pick=picks)
    def reverse(self, pick: int) -> None:
        """Any entry of the books, of whatever kind."""
        facts = [f for f in self.ledger.facts(0, 10_000) if getattr(f.fact, "entry", None)]
        if not facts:
            return
        chosen = facts[pick % len(facts)]
        answer = self.ask(ReverseEntry(chosen.reference, "by mistake"))
        own = chosen.reference in self.moved or chosen.reference in self.recharged
        if not own:  # A reversal of it would leave a sale, a refund or a batch without its money.
            assert answer.refused.code is Code.ENTRY_NOT_REVERSIBLE
        if answer.refused is not None:
            return
        made = str(answer.result["reversed_by"])
        if chosen.reference in self.moved:
            payer, payee, fen = self.moved[chosen.reference]
            self.wallets[payer] += fen
            self.wallets[payee] -= fen
            if chosen.stream.startswith("transfer-"):  # Its reversal may be turned round as well.
                self.moved[made] = (payee, payer, fen)
        else:
            person, fen = self.recharged[chosen.reference]
            self.wallets[person] -= fen
            if chosen.stream.startswith("payment-"):
                self.recharged[made] = (person, -fen)

    # What must be true after each of it.

    @invariant()
    def books_are_right(self) -> None:
        if not hasattr(self, "ledger"):
            return
        streams = [f"account-{name}" for name in accounts()]
        streams += [f"settlement-{batch_id}" for batch_id in self.batches]
        streams += [f"carry-{merchant}" for merchant in MERCHANTS]
        self.found = fold_streams(self.ledger.recorder, streams)
        states = {name: self.read(f"account-{name}") for name in accounts()}
        sums = {name: state.debit_fen - state.credit_fen for name, state in states.items()}
        assert sum(sums.values()) == 0
        assert sum(fen for name, fen in sums.items() if name.startswith(IDENTITY)) == 0
        assert sums["1122.05"] == -sums["2202.09"], "own money in the reserve has its mirror"
        for name, state in states.items():
            assert state.available_fen >= 0 or not state.floored, name
        assert {p: states[f"2241.01.{p}"].balance_fen for p in PEOPLE} == self.wallets
        assert states["2241.07"].balance_fen == sum(fen for _, fen in self.refunds.values())
        going_out = [fen for _, _, fen, status in self.payouts.values() if status == "instructed"]
        assert states["2241.05"].balance_fen == sum(going_out)
        for merchant in MERCHANTS:
            self.merchant_is_right(merchant, {n: s.balance_fen for n, s in states.items()})

    def merchant_is_right(self, merchant: str, balances: dict[str, int]) -> None:
        sales = [sale for sale in self.sales.values() if sale.merchant == merchant]
        escrow = sum(sale.fen - sale.before for sale in sales if not sale.released)
        assert balances[f"2241.04.{merchant}"] == escrow
        position = 0
        for sale in sales:
            if sale.released:
                kept = sale.fen - sale.before - sale.after
                position += kept - fee(merchant, kept)
        for _, owner, fen, status in self.payouts.values():
            position -= fen if owner == merchant and status in ("instructed", "succeeded") else 0
        pending = balances[f"2241.02.{merchant}"]
        debt = balances[f"1122.03.{merchant}"]
        assert pending + balances[f"2241.03.{merchant}"] - debt == position
        open_fen = sum(
            state.net_fen
            for batch_id in self.batches
            if (state := self.read(f"settlement-{batch_id}")).merchant == merchant
            and state.status in ("collecting", "closed", "reviewed")
        )
        assert open_fen + self.read(f"carry-{merchant}").carry_fen == pending
