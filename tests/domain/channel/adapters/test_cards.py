"""Cards at the simulator's bank through our adapter, another process and program; its faults."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from domain.channel.adapters.loading import load_card_bank
from domain.channel.adapters.signed.cards import SignedCardBank
from domain.channel.cards import Particulars, Reply
from tests.domain.channel.adapters.outside_process import Simulator, wall_us
from tests.vault.needles import found

ANN = Particulars("personal", "6222021234567894", "韩梅梅儿", "11010519491231002X", "13812349678")
PERSONAL = [ANN.account, ANN.name, ANN.identity, ANN.phone]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    directory: Path = tmp_path_factory.mktemp("outside")
    made = Simulator(directory, "--payer", "manual", "--seed", "1")
    yield made
    made.stop()


def bank_of(simulator: Simulator) -> SignedCardBank:
    bank = load_card_bank(simulator.keys)
    assert isinstance(bank, SignedCardBank)
    return bank


def ask(simulator: Simulator, *steps: tuple[Any, ...]) -> list[Any]:
    """Each step is a method of the bank and its arguments, in one loop."""

    async def told() -> list[Any]:
        bank = bank_of(simulator)
        try:
            return [await getattr(bank, name)(*given, wall_us()) for name, *given in steps]
        finally:
            await bank.aclose()

    return asyncio.run(told())


def code_of(simulator: Simulator, number: str, phone: str = ANN.phone) -> str:
    with urlopen(f"{simulator.url}/book/telephone?phone={phone}", timeout=20) as answer:
        messages = json.load(answer)["messages"]
    return next(str(one["code"]) for one in messages if one["number"] == number)


def test_a_card_from_the_request_to_its_end(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        (sent,) = ask(simulator, ("sign", "sign-ANN-1", ANN))
        assert (sent.kind, sent.card_kind) == ("code_sent", "DEBIT")
        assert sent.expires_us > wall_us()
        right = code_of(simulator, "sign-ANN-1")
        wrong = "000000" if right != "000000" else "111111"
        told = ask(
            simulator,
            ("confirm", "sign-ANN-1", 1, wrong),
            ("confirm", "sign-ANN-1", 2, right),
            ("confirm", "sign-ANN-1", 2, right),
            ("end", "sign-ANN-1"),
            ("end", "sign-ANN-9"),
        )
    assert (told[0].kind, told[0].tries_left) == ("code_wrong", 2)
    assert told[1].kind == "signed"
    assert told[1] == told[2]
    assert told[3].kind == "ended"
    assert (told[4].kind, told[4].reason) == ("refused", "NO_SUCH_SIGNING")
    assert found(PERSONAL, [("log", caplog.text.encode())]) == []
    assert repr(ANN) == "Particulars(…)"


def test_a_bank_that_refuses_and_one_that_is_away(simulator: Simulator) -> None:
    ask(simulator, ("sign", "sign-ANN-2", ANN))
    other = Particulars("personal", ANN.account, "李雷", ANN.identity, ANN.phone)
    assert ask(simulator, ("sign", "sign-ANN-3", other)) == [Reply("refused", reason="NAME_WRONG")]
    simulator.does("maintenance", network="bank", on=True)
    (away,) = ask(simulator, ("sign", "sign-ANN-4", ANN))
    assert away == Reply("unknown", reason="NO_ANSWER")
    assert ask(simulator, ("identify", "韩梅梅儿", ANN.identity)) == [None]
    simulator.does("maintenance", network="bank", on=False)
    known = ask(
        simulator,
        ("identify", "韩梅梅儿", ANN.identity),
        ("identify", "李雷", ANN.identity),
    )
    assert known == [True, False]


def test_lost_answers_are_asked_again_and_count_once(simulator: Simulator) -> None:
    """Whatever the wire loses, the n-th code is looked at once."""
    simulator.does("conduct", faults="lost_answer=500,error_after=200,lost_request=200")
    try:
        for turn in range(6):
            number = f"sign-BOB-{turn}"
            what = Particulars(
                "personal", f"622200000000{turn:04}", "李雷", "310101198703081232", "13600000000"
            )
            assert until(simulator, "sign", number, what).kind == "code_sent"
            right = code_of(simulator, number, "13600000000")
            wrong = "000000" if right != "000000" else "111111"
            assert until(simulator, "confirm", number, 1, wrong).tries_left == 2
            assert until(simulator, "confirm", number, 2, right).kind == "signed"
            assert until(simulator, "end", number).kind == "ended"
    finally:
        simulator.does("conduct", faults="none")


def until(simulator: Simulator, *step: Any) -> Reply:
    for _ in range(60):
        (reply,) = ask(simulator, step)
        if reply.kind != "unknown":
            assert isinstance(reply, Reply)
            return reply
    raise AssertionError("nothing was heard")
