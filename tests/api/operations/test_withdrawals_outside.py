"""Money that really leaves: withdrawals and payouts to cards and accounts at the simulator's banks,
over HTTP, by token until the wire; and back, days later. Nothing personal is left anywhere."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.operations.outbox import Outbox
from api.operations.payees import GONE, LOCKED, NO_ACCOUNT
from domain.accounting import account
from domain.channel.adapters.loading import load
from domain.channel.adapters.simulated_cards import CODE
from domain.eventstore.database import parse_database_url
from domain.kernel import DAY_US
from domain.ledger.proof import verify_log
from domain.member import card
from domain.payment import instruction
from domain.payment.rhythm import MINUTE
from domain.vault.place import vault_database
from tests.api.conftest import NOON, Server
from tests.api.operations.test_payouts_outside import NOBODY, OPENING_FEN
from tests.domain.channel.adapters.outside_process import Simulator, wall_us
from tests.vault.needles import everything, found

ANN = {
    "number": "6222021234567894",
    "name": "韩梅梅儿",
    "identity": "11010519491231002X",
    "phone": "13812349678",
}
COMPANY = {
    "number": "1100012345678901234567",
    "name": "SQUIRRELS Ltd",
    "identity": "91110000600037341L",
    "phone": "13900001111",
}
CARD, ACCOUNT = f"card:{ANN['number']}", f"account:{COMPANY['number']}"
WALLET = "2241.01.xiaoming"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    made = Simulator(tmp_path, "--payer", "manual", "--epoch", str(NOON))
    yield made
    made.stop()


class Institution:
    """The application, and an outbox to the simulator's banks beside it."""

    def __init__(self, server: Server, simulator: Simulator) -> None:
        self.server = server
        self.simulator = simulator
        self.personal: Any = server.context.personal

    def bind(self, member_id: str, body: dict[str, str]) -> str:
        server, path = self.server, f"/v1/members/{member_id}/cards"
        token: str = server.ok("POST", path, body, key=f"bind-{member_id}")["result"]["card"]
        server.ask_banks()
        server.ok("POST", f"{path}/{token}/confirm", {"code": CODE}, key=f"code-{member_id}")
        server.ask_banks()
        return token

    def recharge(self, fen: int) -> None:
        body = {"payment_no": "P1", "member_id": "xiaoming", "method": "JD_PAY", "amount_fen": fen}
        self.server.ok("POST", "/v1/recharges", body)
        outcome = "/v1/instructions/pay-P1/outcome"
        self.server.ok("POST", outcome, {"succeeded": "S1"}, key="recharged")

    def withdraw(self, number: str, fen: int, fee: int = 0) -> Any:
        body = {"withdrawal_no": number, "member_id": "xiaoming", "amount_fen": fen}
        return self.server.ok("POST", "/v1/withdrawals", {**body, "fee_fen": fee})["result"]

    async def _stepped(self) -> None:
        context = self.server.context
        adapters = load(self.simulator.keys, notify_url=NOBODY)
        outbox = Outbox(
            context.ledger,
            context.engine,
            adapters,
            lambda: self.server.now_us,
            wall=wall_us,
            personal=self.personal,
        )
        begun = 1
        while begun:
            context.projector.catch_up()
            begun = await outbox.turn()
            await outbox.idle()
        context.projector.catch_up()
        outbox.stop()
        for adapter in adapters.values():
            await adapter.aclose()

    def asked(self, instruction_id: str) -> instruction.State:
        """The instruction, once the bank was asked about it."""
        self.server.now_us += MINUTE
        path = f"/v1/instructions/{instruction_id}/ask"
        self.server.ok("POST", path, {}, key=f"ask-{self.server.now_us}")
        asyncio.run(self._stepped())
        return self.server.context.ledger.state(instruction.stream(instruction_id))

    def balance(self, leaf: str) -> int:
        return int(self.server.context.ledger.state(account.stream(leaf)).balance_fen)


@pytest.fixture
def ours(market: Server, simulator: Simulator) -> Institution:
    return Institution(market, simulator)


def test_a_withdrawal_arrives_and_one_that_returns_is_in_the_wallet_again(
    ours: Institution, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        ours.bind("xiaoming", ANN)
        ours.recharge(50_000)
        assert ours.withdraw("X1", 20_000)["state"] == "instructed"
        assert ours.balance(WALLET) == 30_000
        assert ours.asked("withdraw-X1").status == "succeeded"
        assert ours.simulator.balance(CARD) == OPENING_FEN + 20_000
        ours.withdraw("X2", 7_000)
        sent = ours.asked("withdraw-X2")
        assert ours.simulator.balance(CARD) == OPENING_FEN + 27_000

        ours.server.now_us += 3 * DAY_US
        ours.simulator.does("clock", seconds=3 * 86_400)
        ours.simulator.does("return", network="bank", kind="payout", number=sent.number)
        ours.asked("withdraw-X2")
        assert ours.simulator.balance(CARD) == OPENING_FEN + 20_000
        assert ours.balance(WALLET) == 30_000
    query = "{ withdrawals(first: 9) { edges { node { no state card instructions { state } } } } }"
    answer = ours.server.client.post(
        "/graphql",
        json={"query": query},
        headers={"authorization": f"Bearer {ours.server.keys['auditor']}"},
    ).json()
    shown = [edge["node"] for edge in answer["data"]["withdrawals"]["edges"]]
    assert [(one["no"], one["state"], len(one["instructions"])) for one in shown] == [
        ("X1", "succeeded", 1),
        ("X2", "returned", 1),
    ]
    assert all(one["card"].endswith("7894") for one in shown)
    assert verify_log(ours.server.context.ledger.recorder) == []
    place = parse_database_url(ours.server.url)
    where = [("log", caplog.text.encode()), *everything([place, vault_database(place)])]
    assert found([*ANN.values(), "韩梅梅儿"], where) == []


def test_a_bank_that_knows_another_name_does_not_take_it(ours: Institution) -> None:
    ours.bind("xiaoming", ANN)
    ours.recharge(50_000)
    name = {"kind": "card", "id": ANN["number"], "name": "李四", "state": "open"}
    ours.simulator.does("account", **name)
    ours.withdraw("X1", 20_000)
    assert ours.asked("withdraw-X1").status == "declined"
    assert (ours.balance(WALLET), ours.balance("2241.05")) == (50_000, 0)


def test_a_payout_goes_to_the_account_that_its_merchant_has_bound(ours: Institution) -> None:
    server = ours.server
    bound = ours.bind("SQUIRRELS", COMPANY)
    payout = settled(server)
    state = server.context.ledger.state(instruction.stream(payout))
    assert state.asked is not None and state.asked.to is not None
    assert (state.asked.to.card, state.asked.to.tail) == (bound, "4567")
    assert ours.asked(payout).status == "succeeded"
    assert ours.simulator.balance(ACCOUNT) == OPENING_FEN + 9_940


def test_without_an_account_or_the_key_it_is_withheld_and_goes_when_there_is_one(
    ours: Institution,
) -> None:
    server = ours.server
    payout = settled(server)
    assert ours.asked(payout).tried.withheld == NO_ACCOUNT
    ours.bind("SQUIRRELS", COMPANY)
    ours.bind("xiaoming", ANN)
    ours.recharge(50_000)
    ours.withdraw("X1", 20_000)
    open_vault, ours.personal = ours.personal, None
    assert ours.asked("withdraw-X1").tried.withheld == LOCKED
    ours.personal = open_vault
    assert ours.asked("withdraw-X1").status == "succeeded"
    assert ours.asked(payout).status == "succeeded"
    assert ours.simulator.balance(ACCOUNT) == OPENING_FEN + 9_940


def test_what_the_vault_has_lost_is_withheld(ours: Institution) -> None:
    ours.bind("xiaoming", ANN)
    ours.recharge(50_000)
    ours.withdraw("X1", 20_000)
    (bound,) = ours.server.context.ledger.state(card.stream("xiaoming")).bindings
    ours.personal.vault.drop("xiaoming", "card", bound.particulars)
    assert ours.asked("withdraw-X1").tried.withheld == GONE
    assert ours.balance("2241.05") == 20_000


def settled(server: Server) -> str:
    """A sale that was confirmed, its batch sealed, reviewed and settled: the payout."""
    server.sell("JD1", amount_fen=10_000)
    server.pay("JD1", "PJD1")
    server.ok("POST", "/v1/transactions/SQUIRRELS-JD1/confirm", {"by": "buyer"}, key="c")
    server.ok("POST", "/v1/business-days/2026-11-23/cut-off", {}, key="cut")
    server.ok("POST", "/v1/business-days/2026-11-23/close", {}, key="close")
    server.next_day()
    batch = "/v1/settlement-batches/SQUIRRELS-2026-11-23"
    server.ok("POST", f"{batch}/seal", {}, key="seal")
    server.ok("POST", f"{batch}/review", {}, role="checker", key="review")
    answer = server.ok("POST", f"{batch}/settle", {}, key="settle")["result"]
    (payout,) = answer["instruction_ids"]
    return str(payout)
