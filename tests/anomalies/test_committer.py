"""What the group committer does when the database breaks, or one of its callers does."""

import asyncio
import threading

import pytest
from eventsourcing.persistence import IntegrityError, OperationalError

from domain.clearing import day
from domain.eventstore.recorder import CommitUnknown
from domain.kernel import Request
from domain.ledger.committer import Committer
from domain.ledger.ledger import Ledger, utc_us
from domain.payment.commands import TransferMoney
from domain.refusals import Code, Refused
from tests.anomalies.faults import Fault, breakable
from tests.anomalies.market import (
    CASHIER,
    assert_sound,
    buyer,
    count,
    kept,
    opened,
    request,
    transfer,
)
from tests.examples import PAID_AT
from tests.servers import wait_until

pytestmark = pytest.mark.timeout(60)


def done(ledger: Ledger) -> int:
    return count(ledger, "transfer.done.1")


def test_a_commit_that_stood_though_its_answer_was_lost_is_answered_from_the_books(
    market: str,
) -> None:
    with breakable(market) as (ledger, recorder):
        recorder.faults = [Fault(CommitUnknown("the answer was lost"), stands=True)]
        answer = ledger.submit(transfer("a", 1))
        assert answer.refused is None and answer.replayed
        assert ledger.submit(transfer("a", 1)) == answer
        assert ledger.submit(transfer("a", 2)).replayed is False
        assert done(ledger) == 2
        assert_sound(ledger)


def test_a_commit_that_did_not_stand_is_decided_anew(market: str) -> None:
    with breakable(market) as (ledger, recorder):
        recorder.faults = [Fault(CommitUnknown("lost")), Fault(OperationalError("lost again"))]
        answer = ledger.submit(transfer("a", 1))
        assert answer.refused is None and not answer.replayed
        assert done(ledger) == 1


@pytest.mark.parametrize("stands", [True, False])
@pytest.mark.parametrize("then", [OperationalError("away"), Refused(Code.BUSY)])
def test_unknown_stays_unknown_when_the_database_stays_away(
    market: str, stands: bool, then: Exception
) -> None:
    """It must not end as an error that says "nothing was recorded": something may have been."""
    with breakable(market) as (ledger, recorder):
        recorder.faults = [Fault(CommitUnknown("lost"), stands), Fault(then), Fault(then)]
        with pytest.raises(CommitUnknown):
            ledger.submit(transfer("a", 1))
        recorder.faults = []
        assert ledger.submit(transfer("a", 1)).replayed is stands
        assert done(ledger) == 1


def test_a_connection_lost_before_the_commit_costs_the_caller_nothing(market: str) -> None:
    with breakable(market) as (ledger, recorder):
        gone = Fault(OperationalError("gone"))
        recorder.faults = [gone, Fault(IntegrityError("not what was in memory"))]
        assert ledger.submit(transfer("a", 1)).refused is None
        assert recorder.commits == 3
        recorder.faults = [gone, gone, gone]
        with pytest.raises(OperationalError):
            ledger.submit(transfer("a", 2))
        assert ledger.submit(transfer("a", 2)).replayed is False
        assert done(ledger) == 2
        assert_sound(ledger)


def test_a_handler_that_failed_between_two_commits_of_others_is_asked_again(market: str) -> None:
    """What it read did not belong together; under the lock it does."""
    with opened(market) as other, breakable(market) as (ledger, recorder):

        def torn(streams: list[str]) -> None:
            if day.STREAM in streams:
                recorder.before_read = lambda _streams: None
                other.submit(transfer("other", 1)).unwrap()
                raise RuntimeError("a read between two commits")

        recorder.before_read = torn
        assert ledger.submit(transfer("a", 1)).refused is None
        assert done(ledger) == 2


def test_a_defect_is_its_own_callers_alone(market: str) -> None:
    with breakable(market) as (ledger, recorder):

        def defect(streams: list[str]) -> None:
            if streams == [day.STREAM]:
                raise RuntimeError("a defect")

        recorder.before_read = defect
        with pytest.raises(RuntimeError, match="a defect"):
            ledger.submit(transfer("a", 1))
        recorder.before_read = lambda _streams: None
        assert ledger.submit(transfer("a", 1)).refused is None
        assert done(ledger) == 1


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(Request("\0", PAID_AT, CASHIER, transfer("b", 1).command), id="NUL number"),
        pytest.param(Request("n" * 5_000, PAID_AT, CASHIER, transfer("b", 1).command), id="long"),
        pytest.param(Request("b", PAID_AT, "\ud800", transfer("b", 1).command), id="actor"),
        pytest.param(request("b", TransferMoney("a\0", buyer(0), buyer(1), 1)), id="NUL inside"),
        pytest.param(request("b", TransferMoney("\ud800", buyer(0), buyer(1), 1)), id="surrogate"),
        pytest.param(request("b", TransferMoney("b", buyer(0), buyer(1), object())), id="object"),  # type: ignore[arg-type]
        pytest.param(request("b", object()), id="no command"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_stored_is_refused_and_hurts_no_other_of_its_commit(
    market: str, broken: Request
) -> None:
    with opened(market) as ledger:
        first, second, third = ledger.submit_all([transfer("a", 1), broken, transfer("a", 2)])
        assert first.refused is None and third.refused is None
        assert second.refused is not None and second.refused.code is Code.REQUEST_INVALID
        assert done(ledger) == 2
        assert_sound(ledger)


def test_the_same_request_twice_in_one_commit_is_done_once(market: str) -> None:
    with opened(market) as ledger:
        other = request("transfer:ax1", TransferMoney("ax1", buyer(1), buyer(2), 5))
        first, second, third = ledger.submit_all([transfer("a", 1), transfer("a", 1), other])
        assert first.result == second.result and (first.replayed, second.replayed) == (False, True)
        assert third.refused is not None and third.refused.code is Code.REQUEST_CONFLICT
        assert done(ledger) == 1


def test_closing_answers_what_is_queued_and_refuses_what_comes_after(market: str) -> None:
    ledger = Ledger.open(market)
    requests = [[transfer(f"c{caller}", i) for i in range(20)] for caller in range(8)]
    answered: list[str] = []
    refused: list[Code] = []

    def call(mine: list[Request]) -> None:
        for one in mine:
            try:
                ledger.submit(one).unwrap()
                answered.append(one.number)
            except Refused as no:
                refused.append(no.code)

    threads = [threading.Thread(target=call, args=(mine,)) for mine in requests]
    for thread in threads:
        thread.start()
    assert wait_until(lambda: len(answered) >= 8, 30)
    ledger.close()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    ledger.close()  # Again, without effect.
    assert len(answered) + len(refused) == 160 and set(refused) <= {Code.BUSY}
    with pytest.raises(Refused) as no:
        ledger.submit(transfer("late", 1))
    assert no.value.code is Code.BUSY
    with opened(market) as again:
        assert done(again) == len(answered)
        by_number = {one.number: one for mine in requests for one in mine}
        answers = kept(again, [by_number[number] for number in answered])
        assert all(answer.refused is None for answer in answers)
        assert_sound(again)


def test_a_coroutine_is_told_that_the_ledger_is_closed(market: str) -> None:
    ledger = Ledger.open(market)

    async def ask() -> None:
        ledger.close()
        with pytest.raises(Refused) as no:
            await asyncio.wait_for(ledger.submit_async(transfer("a", 1)), 20)
        assert no.value.code is Code.BUSY

    asyncio.run(ask())


def test_a_cancelled_coroutine_loses_nothing(market: str) -> None:
    requests = [transfer("a", index) for index in range(60)]

    async def ask(ledger: Ledger) -> list[object]:
        tasks = [asyncio.create_task(ledger.submit_async(one)) for one in requests]
        await asyncio.sleep(0)  # Every task has asked by now.
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    with opened(market) as ledger:
        outcomes = asyncio.run(ask(ledger))
        assert [isinstance(one, asyncio.CancelledError) for one in outcomes] == [True, False] * 30
        answers = ledger.submit_all(requests)
        assert all(answer.replayed and answer.refused is None for answer in answers)
        assert done(ledger) == 60
        assert_sound(ledger)


def test_an_event_loop_that_is_gone_does_not_stop_the_committer(market: str) -> None:
    with opened(market) as ledger:
        loop = asyncio.new_event_loop()
        task = loop.create_task(ledger.submit_async(transfer("a", 1)))
        while not ledger.recorder.read_receipts(["transfer:ax1"]):
            loop.run_until_complete(asyncio.sleep(0.001))
            if task.done():
                break
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        task = loop.create_task(ledger.submit_async(transfer("a", 2)))
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()
        assert ledger.submit(transfer("a", 3)).refused is None
        assert done(ledger) == 3


def test_a_listener_that_fails_costs_nobody_an_answer(
    market: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[int] = []

    def fails(_position: int) -> None:
        raise RuntimeError("a listener's defect")

    with opened(market) as ledger:
        ledger.on_commit(fails)
        ledger.on_commit(heard.append)
        positions = [ledger.submit(transfer("a", index)).position for index in range(2)]
        assert heard == positions
    assert "a listener of commits failed" in caplog.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_states_in_memory_are_bounded_however_many_streams_there_are(market: str) -> None:
    size, chunk, chunks = 400, 500, 40
    with opened(market) as ledger:
        committer = Committer(ledger.recorder, utc_us, cache_size=size)
        most = 0
        for start in range(0, chunk * chunks, chunk):
            requests = [transfer("m", index) for index in range(start, start + chunk)]
            answers = committer.commit(requests)
            assert not any(isinstance(one, BaseException) or one.refused for one in answers)
            most = max(most, committer.cached)
        assert size < most <= 2 * size
        assert done(ledger) == chunk * chunks
        assert_sound(ledger)
