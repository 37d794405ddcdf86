"""Commands that one process of a server passes on to the first, and what if it does not answer."""

import asyncio
import pickle
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from api.http.passing import MOST_BYTES, Deciding, PassedOn, pair
from api.http.shared import BEAT_NS, Figures, Place
from domain.ledger.ledger import Ledger
from domain.refusals import Code, Refused
from tests.examples import PAID_AT
from tests.ledger.requests import FRIENDS, balance, open_wallets, transfer


class Two:
    """Two processes of a server, as far as commands go."""

    def __init__(self, url: str) -> None:
        figures = Figures(2)
        self.ends = pair()
        self.first = Ledger.open(url, clock=lambda: PAID_AT)
        self.second = Ledger.open(url, clock=lambda: PAID_AT)
        self.first_place = Place(figures, 0, ends=[self.ends[0]])
        self.second_place = Place(figures, 1, ends=[self.ends[1]])
        self.passed = PassedOn(self.second, self.second_place, self.ends[1])

    @asynccontextmanager
    async def deciding(self) -> AsyncIterator[Deciding]:
        deciding = Deciding(self.first, self.first_place, [self.ends[0]])
        await deciding.start()
        yield deciding
        await deciding.close()

    def decided(self) -> tuple[int, int]:
        """How many commits each has made."""
        return self.first._committer.commits, self.second._committer.commits


@pytest.fixture
def two(migrated_url: str) -> Iterator[Two]:
    both = Two(migrated_url)
    open_wallets(both.first)
    yield both
    for one in (both.first, both.second):
        one.close()
    for end in both.ends:
        end.close()


def test_the_first_process_decides_and_the_other_hears_the_answer(two: Two) -> None:
    async def ask() -> None:
        async with two.deciding():
            await two.passed.start()
            answers = await asyncio.gather(
                *(two.passed.submit(transfer(f"X{n}", 10)) for n in range(300))
            )
            assert all(answer.refused is None for answer in answers)
            assert [answer.result["transfer_no"] for answer in answers if answer.result] == [
                f"X{n}" for n in range(300)
            ]
            again = await two.passed.submit(transfer("X7", 10))
            assert again.replayed and again.position == answers[7].position
            large = await two.passed.submit(transfer("L", 9_999_999))
            assert large.refused is not None
            assert large.refused.code is Code.BALANCE_INSUFFICIENT
            two.first.close()
            with pytest.raises(Refused) as caught:
                await two.passed.submit(transfer("Y", 1))
            assert caught.value.code is Code.BUSY
            await two.passed.close()

    asyncio.run(ask())
    assert two.decided()[1] == 0
    assert balance(two.second, FRIENDS) == 3_000


def test_whoever_has_a_request_decides_it_while_the_first_is_away(two: Two) -> None:
    async def ask() -> None:
        await two.passed.start()
        before = two.first._committer.commits
        assert (await two.passed.submit(transfer("X1", 1))).refused is None
        async with two.deciding():
            assert (await two.passed.submit(transfer("X2", 1))).refused is None
            two.first_place.row[BEAT_NS] -= 10**11  # It was not heard of for long.
            assert (await two.passed.submit(transfer("X3", 1))).refused is None
        assert (await two.passed.submit(transfer("X4", 1))).refused is None
        await two.passed.close()
        assert two.first._committer.commits == before + 1
        assert two.second._committer.commits == 3

    asyncio.run(ask())
    assert balance(two.first, FRIENDS) == 4


def test_a_request_whose_answer_never_came_is_decided_once(two: Two) -> None:
    """The first process decides it and dies before it says so."""

    async def ask() -> None:
        await two.passed.start()
        two.first_place.decide(True)  # It says so, and reads nothing yet.
        asked = asyncio.create_task(two.passed.submit(transfer("X1", 5)))
        await asyncio.sleep(0.05)
        two.first.submit(transfer("X1", 5)).unwrap()
        two.first_place.figures.gone(0)
        answer = await asyncio.wait_for(asked, 10)
        assert answer.refused is None and answer.replayed
        # Its successor finds the request where it was left, and answers nobody.
        async with two.deciding():
            assert (await two.passed.submit(transfer("X2", 5))).refused is None
        await two.passed.close()

    asyncio.run(ask())
    assert balance(two.second, FRIENDS) == 10


def test_what_is_too_large_to_be_passed_on_is_decided_here(two: Two) -> None:
    async def ask() -> None:
        async with two.deciding():
            await two.passed.start()
            large = transfer("X" * MOST_BYTES, 1, number="large")
            assert len(pickle.dumps(large)) > MOST_BYTES
            answer = await two.passed.submit(large)
            assert answer.refused is not None and answer.refused.field == "transfer_no"
            await two.passed.close()

    asyncio.run(ask())
