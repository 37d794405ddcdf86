"""The same over the network: cards bound at the simulator's bank, while the wire loses answers."""

import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from domain.channel.adapters.loading import load_card_bank
from domain.channel.cards import CardBank, Particulars, Reply
from domain.eventstore.database import parse_database_url
from domain.kernel import MICROSECONDS
from domain.member import card
from domain.vault.place import vault_database
from tests.api.conftest import Server
from tests.domain.channel.adapters.outside_process import Simulator, wall_us
from tests.vault.needles import everything, found

ANN = {
    "number": "6222021234567894",
    "name": "韩梅梅儿",
    "identity": "11010519491231002X",
    "phone": "13812349678",
}
CARDS = "/v1/members/xiaoming/cards"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """For one test alone: its bank remembers what it has signed."""
    made = Simulator(tmp_path / "outside", "--payer", "manual", "--seed", "7", "--factor", "1")
    yield made
    made.stop()


class Fresh:
    """The adapter, opened for each request: every turn of a test has a loop of its own."""

    def __init__(self, simulator: Simulator) -> None:
        self._keys = simulator.keys

    async def _asked(self, ask: Callable[[CardBank], Awaitable[Any]]) -> Any:
        bank = load_card_bank(self._keys)
        assert bank is not None
        try:
            return await ask(bank)
        finally:
            await bank.aclose()

    async def sign(self, number: str, what: Particulars, now_us: int) -> Reply:
        said: Reply = await self._asked(lambda bank: bank.sign(number, what, now_us))
        return said

    async def confirm(self, number: str, entry: int, code: str, now_us: int) -> Reply:
        said: Reply = await self._asked(lambda bank: bank.confirm(number, entry, code, now_us))
        return said

    async def end(self, number: str, now_us: int) -> Reply:
        said: Reply = await self._asked(lambda bank: bank.end(number, now_us))
        return said

    async def identify(self, name: str, identity: str, now_us: int) -> bool | None:
        said: bool | None = await self._asked(lambda bank: bank.identify(name, identity, now_us))
        return said

    async def aclose(self) -> None:
        pass


def test_cards_over_a_wire_that_loses_answers_are_bound_once_and_leave_nothing(
    market: Server, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    market.clock = wall_us
    market.bank = Fresh(simulator)  # type: ignore[assignment]
    market.restart()
    simulator.does("conduct", faults="lost_answer=300,error_after=200,lost_request=100")
    with caplog.at_level(logging.DEBUG):
        token = market.ok("POST", CARDS, ANN, key="a")["result"]["card"]
        until(market, token, "code_sent")
        url = f"{simulator.url}/book/telephone?phone={ANN['phone']}"
        with urlopen(url, timeout=20) as answer:
            (message,) = json.load(answer)["messages"]
        wrong = "000000" if message["code"] != "000000" else "111111"
        market.ok("POST", f"{CARDS}/{token}/confirm", {"code": wrong}, key="c1")
        until(market, token, "code_sent")
        market.ok("POST", f"{CARDS}/{token}/confirm", {"code": message["code"]}, key="c2")
        until(market, token, "bound")
        said = caplog.text.encode()
    simulator.does("conduct", faults="none")
    place = parse_database_url(market.url)
    where = [("log", said), *everything([place, vault_database(place)])]
    assert b"bank" in said  # It was heard of the trouble, and of nobody's particulars.
    assert found(ANN.values(), where) == []
    assert found([message["code"]], [("log", said)]) == []


def until(market: Server, token: str, status: str) -> None:
    """Whatever was lost is asked again; how long that would wait is skipped by the clock, which
    then shows the wall's time again."""
    for _ in range(40):
        market.ask_banks()
        state = market.context.ledger.state(card.stream("xiaoming"))
        (mine,) = [one for one in state.bindings if one.card == token]
        if mine.status == status:
            market.clock = wall_us
            return
        ahead_us = max(0, mine.due_us - market.clock()) + MICROSECONDS
        market.clock = partial(_later, market.clock, ahead_us)
    raise AssertionError(f"not {status}: {state}")


def _later(clock: Callable[[], int], ahead_us: int) -> int:
    return clock() + ahead_us
