"""The reserve proof of every business day, recomputed by hand from the stored bytes alone."""

import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import text

from api.operations import reserve_proof
from api.operations.desk import Desk
from api.operations.end_of_day import end_of_day
from api.operations.feed.generator import generate
from domain.accounting.owning import InstructSweep, PostOwnFunds, PostSweep
from domain.clearing import certificate, day
from domain.clearing.certificate import Section, Total
from domain.clearing.commands import CertifyReserve, CloseDay
from domain.kernel import Command, Request, day_end_us
from domain.ledger.proof import verify_log
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.refusals import Code, Refused
from domain.transaction.commands import RefundTransaction
from projections.models import reserve_certificates
from tests.api.cli.terminal import Terminal
from tests.fresh import Filled
from tests.stories.books import import_feed, open_books

THERE = ("1001.01", "1122.01", "1122.02", "1122.04", "1122.06", "2202.01")
OWED = ("2202.09", "2241.")
DEBIT_NORMAL = ("1", "64", "67")
BANDS = ("0", "1", "2-3", "4-7", "8-30", "31+")


def write(url: str) -> None:
    """A feed, its days ended; and money that waits: a refund nobody has answered, a sweep."""
    with TemporaryDirectory() as directory, open_books(url) as opened:
        generate(Path(directory), orders=60, merchants=4, days=8, seed=11)
        import_feed(opened, Path(directory), date(2010, 12, 20))
        on = opened.ledger.state(day.STREAM).open_date
        assert on is not None
        at_us = day_end_us(on) - 3_600_000_000
        [sold] = [
            one.stream.partition("-")[2]
            for one in opened.ledger.facts(0, 100_000)
            if one.name == "transaction.completed.1"
        ][:1]
        merchant = sold.partition("-")[0]
        for number, command in enumerate(
            (
                PostOwnFunds("B1", "buffer", 500, "L1"),
                RefundTransaction("PROOF1", sold, 5),
                Checkout("PROOF2", _payer(opened), (OrderLine(merchant, 700, "x"),)),
                PayOrder("PPROOF2", "PROOF2", "JD_PAY"),
                RecordOutcome("pay-PPROOF2", succeeded="S"),
                InstructSweep("S1", 300, "fees"),
                PostSweep("S1", 300, "L2"),
            )
        ):
            _do(opened, f"proof-{number}", command, at_us)
        end_of_day(opened, on)
        end_of_day(opened, on + timedelta(days=1))


@pytest.fixture
def desk(filled: Filled) -> Iterator[Desk]:
    with open_books(filled(write)) as opened:
        yield opened


def _payer(desk: Desk) -> str:
    placed = (one for one in desk.ledger.facts(0, 100_000) if one.name == "order.placed.1")
    return str(next(placed).fact.buyer)


def _do(desk: Desk, number: str, command: Command, at_us: int) -> dict[str, Any]:
    answer: dict[str, Any] = desk.ledger.submit(
        Request(number, at_us, "operator:lin", command)
    ).unwrap()
    return answer


# By hand: nothing of ours but the stored rows.


def raw(desk: Desk) -> list[tuple[int, str, str, dict[str, Any]]]:
    rows = desk.ledger.recorder.read_log(0, 1_000_000)
    return [(row[0], row[1], row[3], json.loads(row[4])["fact"]) for row in rows]


def code_of(account: str) -> str:
    return ".".join(account.split(".")[:2])


def by_hand(desk: Desk, on: str) -> tuple[int, dict[str, int], dict[tuple[str, str], int]]:
    """The closing position of a date, the totals there, and the ages of what channels owe."""
    debits: Counter[str] = Counter()
    lots: defaultdict[str, deque[list[Any]]] = defaultdict(deque)
    closed_at = 0
    for position, _stream, name, fact in raw(desk):
        entry: dict[str, Any] = fact.get("entry") or {}
        for account, debit, credit in entry.get("lines", ()):
            debits[code_of(account)] += debit - credit
            if code_of(account) in ("1122.01", "1122.02", "2202.01"):
                came, went = (debit, credit) if account.startswith("1") else (credit, debit)
                queue = lots[account]
                if came:
                    queue.append([date.fromisoformat(entry["date"]), came])
                while went:  # What came first goes first.
                    took = min(went, queue[0][1])
                    queue[0][1] -= took
                    went -= took
                    if not queue[0][1]:
                        queue.popleft()
        if name == "clearing.day_closed.1" and fact["date"] == on:
            closed_at = position
            break
    ages: Counter[tuple[str, str]] = Counter()
    for account, queue in lots.items():
        for since, fen in queue:
            ages[code_of(account), band(date.fromisoformat(on) - since)] += fen
    normal = {
        code: fen if code.startswith(DEBIT_NORMAL) else -fen for code, fen in debits.items() if fen
    }
    return closed_at, normal, dict(ages)


def band(waited: timedelta) -> str:
    days = waited.days
    return BANDS[0 if days < 1 else 1 if days < 2 else 2 if days < 4 else 3 if days < 8 else
                 4 if days < 31 else 5]  # fmt: skip


def certified(desk: Desk) -> list[tuple[str, dict[str, Any]]]:
    return [
        (stream.partition("-")[2], fact)
        for _, stream, name, fact in raw(desk)
        if name == "clearing.reserve_certified.1"
    ]


def test_every_closed_day_is_certified_and_every_figure_is_that_of_the_entries(desk: Desk) -> None:
    closed = [fact["date"] for _, _, name, fact in raw(desk) if name == "clearing.day_closed.1"]
    said = certified(desk)
    assert [on for on, _ in said] == closed and len(said) > 10
    hashes = {
        (one.first_position, one.last_position): one.hash.hex()
        for one in desk.ledger.recorder.read_commits(0, 1_000_000)
    }
    for on, fact in said:
        position, totals, ages = by_hand(desk, on)
        assert fact["position"] == position
        [head] = [hash_ for (first, last), hash_ in hashes.items() if first <= position <= last]
        assert fact["head_hash"] == head
        assert dict(fact["totals"]) == totals, on
        there = sum(fen * (-1 if code == "2202.01" else 1) for code, fen in totals.items()
                    if code in THERE)  # fmt: skip
        owed = sum(fen for code, fen in totals.items() if code.startswith(OWED))
        assert there == owed
        assert totals.get("2202.09", 0) == totals.get("1122.05", 0)
        unmatched, suspense = fact["sections"]
        assert (unmatched["name"], suspense["name"]) == ("unmatched", "suspense")
        assert {(code, days): fen for code, days, _, fen in unmatched["rows"]} == ages


def test_what_waits_is_listed_by_age(desk: Desk) -> None:
    """A refund that nobody answered: 0.05 on the day, and a day later it has waited for one."""
    before, after = (fact["sections"][1]["rows"] for _, fact in certified(desk)[-2:])
    assert ["2241.07", "0", 1, 5] in before
    assert ["2241.07", "1", 1, 5] in after


def test_the_facts_agree_and_verify_has_nothing_to_say(desk: Desk) -> None:
    assert verify_log(desk.ledger.recorder) == []
    for on in (one for one, _ in certified(desk)[-3:]):
        with desk.engine.connect() as connection:
            found = reserve_proof.proof_of(desk.ledger.recorder, connection, date.fromisoformat(on))
        assert found.certified
        assert reserve_proof.checked(desk.ledger.recorder, found).differences == ()


def test_the_command_prints_it_and_a_wrong_read_model_is_found(
    desk: Desk, database_url: str
) -> None:
    terminal = Terminal(database_url)
    on, fact = certified(desk)[-1]
    said = terminal("reserve", "proof", "--date", on, "--json").json()
    assert (said["position"], said["head_hash"]) == (fact["position"], fact["head_hash"])
    assert said["certified"] and said["agrees"] and said["there_fen"] == said["owed_fen"]
    assert "The facts give the same." in terminal("reserve", "proof", "--date", on).out
    open_day = desk.ledger.state(day.STREAM).open_date
    now = terminal("reserve", "proof", "--date", f"{open_day}", "--json").json()
    assert not now["certified"] and now["agrees"]
    assert now["position"] == desk.ledger.head().position
    assert terminal("reserve", "proof", "--date", "2009-01-01", "--json").refused() == {
        "code": "day_not_the_open_one",
        "field": "date",
        "detail": "2009-01-01 was never open",
    }
    with desk.engine.begin() as connection:
        connection.execute(text("UPDATE trial_days SET debit_fen = debit_fen + 1"))
    wrong = terminal("reserve", "proof", "--date", f"{open_day}", "--json")
    assert wrong.code == 1
    assert "fen said, the facts give" in json.loads(wrong.out)["differences"][0]


def test_commits_of_receipts_only_are_not_those_of_the_position(
    desk: Desk, database_url: str
) -> None:
    """A refusal and a repetition are commits without a fact, with hashes of their own: before a day
    is certified, after it, and last in the ledger."""
    terminal, on = Terminal(database_url), desk.ledger.state(day.STREAM).open_date
    assert on is not None
    at_us = day_end_us(on) - 1

    def nothing(number: str, when_us: int) -> None:
        before = desk.ledger.head()
        refused = desk.ledger.submit(
            Request(number, when_us, "operator:lin", RefundTransaction("R-NONE", "NONE-1", 5))
        )
        again = Request(f"{number}-again", when_us, "operator:lin", PostSweep("S1", 300, "L2"))
        assert refused.refused is not None and desk.ledger.submit(again).refused is None
        after = desk.ledger.head()
        assert after.position == before.position and after.hash != before.hash

    def proved(date_: date, *, is_certified: bool) -> None:
        shown = terminal("reserve", "proof", "--date", f"{date_}", "--json").json()
        assert shown["agrees"] and shown["certified"] is is_certified
        position = shown["position"]
        [held] = [
            one.hash.hex()
            for one in desk.ledger.recorder.read_commits(0, 1_000_000)
            if one.first_position <= position <= one.last_position
        ]
        assert shown["head_hash"] == held

    nothing("nothing-1", at_us)
    proved(on, is_certified=False)
    _do(desk, "close-then", CloseDay(on), at_us)
    nothing("nothing-2", day_end_us(on) + 1)
    proved(on, is_certified=False)
    end_of_day(desk, on)
    nothing("nothing-3", day_end_us(on) + 1)
    proved(on, is_certified=True)
    proved(on + timedelta(days=1), is_certified=False)
    assert verify_log(desk.ledger.recorder) == []


def test_what_is_committed_while_it_is_read_is_not_of_it(desk: Desk) -> None:
    """The position is that of the read models, and not the head's."""
    on = desk.ledger.state(day.STREAM).open_date
    assert on is not None
    desk.catch_up()
    before = desk.ledger.head()
    _do(desk, "meanwhile", PostOwnFunds("B2", "buffer", 700, "L9"), day_end_us(on) - 1)
    assert desk.ledger.head().position > before.position
    with desk.engine.connect() as connection:
        found = reserve_proof.proof_of(desk.ledger.recorder, connection, on)
    assert found.position == before.position
    assert reserve_proof.checked(desk.ledger.recorder, found).differences == ()


def test_one_that_names_a_position_nobody_has_is_found(desk: Desk) -> None:
    """And none is made while one read model is behind the others."""
    on = desk.ledger.state(day.STREAM).open_date
    assert on is not None
    desk.catch_up()
    recorder, head = desk.ledger.recorder, desk.ledger.head().position
    with desk.engine.connect() as connection:
        found = reserve_proof.proof_of(recorder, connection, on)
    wrong = reserve_proof.checked(recorder, structs.replace(found, position=head + 1_000))
    assert wrong.differences == (f"no commit has position {head + 1_000}",)
    behind = "UPDATE projection_checkpoints SET position = 1 WHERE name = 'open_items'"
    with desk.engine.begin() as connection:
        connection.execute(text(behind))
    with desk.engine.connect() as connection, pytest.raises(Refused) as no:
        reserve_proof.proof_of(recorder, connection, on)
    assert (no.value.code, no.value.field) == (Code.BUSY, "projections")


def test_a_certificate_of_other_figures_is_found(desk: Desk, database_url: str) -> None:
    """Whoever writes one that balances, and is wrong, is found by the facts."""
    on = desk.ledger.state(day.STREAM).open_date
    assert on is not None
    at_us = day_end_us(on) - 1
    _do(desk, "close", CloseDay(on), at_us)
    wrong = CertifyReserve(
        on, 7, "00" * 32, (Total("1001.01", 5), Total("2241.07", 5)), (Section("unmatched", ()),)
    )
    for totals, said in (
        ((Total("1001.01", 5),), "the books are off by 5 fen"),
        ((Total("1001.02", 5), Total("2241.07", 5)), "the reserve identity is off by -5 fen"),
        (
            (Total("1001.01", 5), Total("2202.09", 5)),
            "2202.09 is at 5 fen, 1122.05 at 0",
        ),
    ):
        broken = CertifyReserve(on, 7, "00" * 32, totals, ())
        refused = desk.ledger.submit(Request(said, at_us, "system:worker", broken)).refused
        assert refused is not None
        assert (refused.code, refused.detail) == (Code.RESERVE_PROOF_WRONG, said)
    _do(desk, "certify", wrong, at_us)
    checks = {(one.check, "position" in one.detail) for one in verify_log(desk.ledger.recorder)}
    assert checks == {("certificates", True), ("certificates", False)}
    shown = Terminal(database_url)("reserve", "proof", "--date", f"{on}", "--json")
    assert shown.code == 1


def test_a_run_that_was_killed_before_it_certified_goes_on(desk: Desk) -> None:
    on = desk.ledger.state(day.STREAM).open_date
    assert on is not None
    _do(desk, "close", CloseDay(on), day_end_us(on) - 1)
    assert not desk.ledger.state(certificate.stream(on)).certified
    end_of_day(desk, on)
    assert desk.ledger.state(certificate.stream(on)).certified
    head = desk.ledger.head()
    end_of_day(desk, on)
    assert desk.ledger.head() == head
    following = on + timedelta(days=1)
    _do(desk, "close-2", CloseDay(following), day_end_us(following) - 1)
    end_of_day(desk, following + timedelta(days=1))  # The day before is certified first.
    assert desk.ledger.state(certificate.stream(following)).certified
    assert verify_log(desk.ledger.recorder) == []


def test_the_read_model_has_what_was_certified(desk: Desk) -> None:
    desk.projector.catch_up()
    for on, fact in certified(desk)[-2:]:
        with desk.engine.connect() as connection:
            found = reserve_certificates.certificate(connection, date.fromisoformat(on))
        assert found is not None
        assert (found.position, found.head_hash) == (fact["position"], fact["head_hash"])
        assert [[one.code, one.balance_fen] for one in found.totals] == fact["totals"]
