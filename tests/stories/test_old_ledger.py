"""A ledger that was made before payments had legs: kept for ever, and it goes on.

`tests/ledgers/one-leg.db.gz` was written by the last version without plans of legs: a story with
every fact of its time, and at its end money that is still on its way. It keeps its bytes and its
hash; opened by this version it verifies, is rebuilt, and takes payments of today.
"""

import gzip
import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg import sql

from api.cli.opening import open_desk
from api.context import AppContext
from api.operations.end_of_day import end_of_day
from api.operations.upgrade import bring_up_to_date
from domain.accounting import account
from domain.accounting.owning import InstructSweep, OpenMirror, PostSweep
from domain.eventstore.database import IMMEDIATE, parse_database_url, sqlalchemy_engine
from domain.kernel import Request, shanghai_date
from domain.ledger.proof import verify_log
from domain.member.agreement import Method, Terms
from domain.member.commands import EndMerchantAgreement, SignMerchantAgreement
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import LegAsked, RecordOutcome, SendBackRecharge
from domain.refusals import Code, Refused
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from migrations.run import _config, migrate
from projections.models.business_days import days
from projections.models.trial_balance import trial_balance
from projections.rebuilding.rebuild import rebuild
from projections.registry import READ_MODELS
from tests.api.cli.terminal import Terminal
from tests.examples import BUYER, MERCHANT, SUBJECT
from tests.projections.story import TEA

KEPT = Path(__file__).parents[1] / "ledgers" / "one-leg.db.gz"
HASH = "4160aa76efb1f24624ecb9b3412ffa94e621f1a6f071b7d0fbcb8c9c3aa06a3e"
POSITION, COMMIT, REVISION = 520, 137, "0007"
AT_US = 1_292_000_000_000_000
HISTORY = ("events", "commit_log", "receipts")


@pytest.fixture
def old(database_url: str, tmp_path: Path) -> str:
    """The kept ledger, on each database."""
    database = parse_database_url(database_url)
    kept = tmp_path / "kept.db"
    kept.write_bytes(gzip.decompress(KEPT.read_bytes()))
    if database.dialect == "sqlite":
        Path(database.path).write_bytes(kept.read_bytes())
        return database_url
    engine = sqlalchemy_engine(database)
    with engine.connect().execution_options(**{IMMEDIATE: True}) as connection, connection.begin():
        connection.exec_driver_sql(f'CREATE SCHEMA "{database.schema}"')
        command.upgrade(_config(connection, database, ()), REVISION)
    engine.dispose()
    source = sqlite3.connect(kept)
    with psycopg.connect(**database.connection_arguments) as server:
        for table in HISTORY:
            rows = source.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # noqa: S608
            names = [one[1] for one in source.execute(f"PRAGMA table_info({table})")]
            _insert(server, database.schema, table, names, rows)
    source.close()
    return database_url


def _insert(
    server: psycopg.Connection[Any], schema: str, table: str, names: list[str], rows: list[Any]
) -> None:
    into = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(schema, table),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(sql.Placeholder() * len(names)),
    )
    with server.cursor() as cursor:
        cursor.executemany(into, rows)


@pytest.fixture
def desk(old: str) -> Iterator[AppContext]:
    bring_up_to_date(old)
    with open_desk(old) as context:
        yield context


def do(desk: AppContext, wanted: Any) -> dict[str, Any]:
    do.count += 1  # type: ignore[attr-defined]
    number = f"today-{do.count}"  # type: ignore[attr-defined]
    answer: dict[str, Any] = desk.ledger.submit(
        Request(number, AT_US + do.count, "operator:lin", wanted)  # type: ignore[attr-defined]
    ).unwrap()
    return answer


do.count = 0  # type: ignore[attr-defined]


def sound(desk: AppContext) -> None:
    assert verify_log(desk.ledger.recorder) == []
    desk.projector.catch_up()
    swapped = rebuild(desk.ledger.recorder, desk.writes, list(READ_MODELS.values()))
    assert all(one.swapped and one.equal is not False for one in swapped)
    with desk.engine.connect() as connection:
        assert trial_balance(connection).balanced


def test_it_keeps_its_hash_and_is_rebuilt(old: str) -> None:
    migrate(old)
    bring_up_to_date(old)
    with open_desk(old) as desk:
        [before] = desk.ledger.recorder.read_commits(COMMIT - 1, 1)
        assert (before.last_position, before.hash.hex()) == (POSITION, HASH)
        assert desk.ledger.head().number == COMMIT + 1  # The opening set, once.
        sound(desk)


def test_it_gets_one_opening_set_and_accrues_from_then_on(desk: AppContext) -> None:
    def balances() -> list[int]:
        accounts = ("2202.09", "1122.05", "6001.01", "1122.06", "4001")
        states = [desk.ledger.state(account.stream(one)) for one in accounts]
        assert {one.status for one in states} == {"open"}
        return [one.balance_fen for one in states]

    facts = [one for one in desk.ledger.facts(POSITION, 100) if one.name == "mirror.opened.1"]
    inside, mirror, income, *rest = balances()
    assert [one.fact.amount_fen for one in facts] == [inside]
    assert (mirror, income, rest) == (inside, inside, [0, 0]) and inside > 0
    do(desk, Checkout("ACC1", BUYER, (OrderLine(MERCHANT, 1_000, SUBJECT),)))
    do(desk, PayOrder("PACC1", "ACC1", "JD_PAY"))
    do(desk, RecordOutcome("pay-PACC1", succeeded="S"))
    do(desk, ConfirmReceipt(f"{MERCHANT}-ACC1", "buyer"))
    assert balances()[:3] == [inside + 6, inside + 6, inside + 6]
    do(desk, InstructSweep("S1", inside + 6, "fees"))
    do(desk, PostSweep("S1", inside + 6, "LINE"))
    do(desk, RefundTransaction("RACC1", f"{MERCHANT}-ACC1", 1_000))
    assert balances()[:4] == [0, 0, inside, 6]
    again = desk.ledger.submit(
        Request("open-again", AT_US + 900, "operator:lin", OpenMirror())
    ).unwrap()
    assert again == {"amount_fen": 0}
    sound(desk)


def test_verify_says_what_is_to_be_made_first_without_sql(old: str) -> None:
    """Read models that were never made here are no damage: before `init`, and after it where a
    command came before it."""
    terminal = Terminal(old)

    def refused() -> dict[str, str]:
        error = terminal("verify", "--json").refused()
        assert (error["code"], error["field"]) == ("request_invalid", "projections")
        assert "`zhangfang init`, then `zhangfang projections rebuild --all`" in error["detail"]
        return error

    assert "were not made yet: " in refused()["detail"]
    assert terminal("trial-balance").code == 2  # It looks for read models, and pauses them.
    bring_up_to_date(old)
    refused()
    assert "SELECT" not in terminal("projections", "status", "--json").out
    assert terminal("projections", "rebuild", "--all").code == 0
    assert "Clean" in terminal("verify").out


def test_days_from_before_the_opening_set_have_no_mirror_to_prove(
    desk: AppContext, old: str
) -> None:
    """Both sides of the identity are equal there; that 1122.05 is empty is no fault. From the day
    of the opening set on it is asked, and that day is the first to be certified."""
    terminal = Terminal(old)
    desk.projector.catch_up()
    rebuild(desk.ledger.recorder, desk.writes, list(READ_MODELS.values()))
    with desk.engine.connect() as connection:
        known = [one.accounting_date for one in days(connection)]
    *closed, on = known
    assert closed

    def proof(date_: date) -> dict[str, Any]:
        said: dict[str, Any] = terminal("reserve", "proof", "--date", f"{date_}", "--json").json()
        return said

    inside = 0
    for one in closed:
        said = proof(one)
        totals = {row["code"]: row["balance_fen"] for row in said["totals"]}
        assert said["agrees"] and not said["certified"] and said["there_fen"] == said["owed_fen"]
        assert "1122.05" not in totals and said["mirror_since"] == f"{on}"
        inside = totals.get("2202.09", 0)
    assert inside > 0  # A day on which the mirror would be wrong is among them.
    last = terminal("reserve", "proof", "--date", f"{closed[-1]}").out
    assert f"1122.05 mirrors 2202.09 from {on} on; before that it is not asked." in last
    before = desk.ledger.head()
    end_of_day(desk.desk, closed[-1])  # Over: it is not certified, and nothing is recorded.
    assert desk.ledger.head() == before
    now = proof(on)
    assert now["agrees"] and now["mirror_since"] == f"{on}"
    assert "not asked" not in terminal("reserve", "proof", "--date", f"{on}").out
    end_of_day(desk.desk, on)
    assert proof(on)["certified"] and proof(on)["agrees"]
    assert not proof(closed[-1])["certified"] and proof(closed[-1])["agrees"]
    sound(desk)


def test_what_was_on_its_way_arrives(desk: AppContext) -> None:
    for instruction_id in ("refund-RZ1", "pay-PZ2", "pay-WZ2"):
        do(desk, RecordOutcome(instruction_id, succeeded=f"S-{instruction_id}"))
    do(desk, RecordOutcome("refund-RZ2", declined="card closed"))
    sound(desk)


def test_what_was_paid_then_is_refunded_now(desk: AppContext) -> None:
    asked = do(desk, RefundTransaction("RNEW", f"{MERCHANT}-Z1", 2_000))
    assert asked["instruction_id"] == "refund-RNEW"
    do(desk, RecordOutcome("refund-RNEW", succeeded="S"))
    with pytest.raises(Refused) as no:
        do(desk, RefundTransaction("RMORE", f"{MERCHANT}-Z1", 1))
    assert no.value.code is Code.REFUND_EXCEEDS_PAID
    sound(desk)


def test_a_recharge_of_then_goes_back_unless_it_was_reversed(desk: AppContext) -> None:
    """An operator could turn a recharge round, once."""
    do(desk, SendBackRecharge("WZ1", "the wrong wallet"))
    do(desk, RecordOutcome("back-WZ1", succeeded="S"))
    with pytest.raises(Refused) as no:
        do(desk, SendBackRecharge("W2", "the wrong wallet"))
    assert no.value.code is Code.PAYMENT_STATE_WRONG
    sound(desk)


def test_it_takes_a_payment_of_several_legs(desk: AppContext) -> None:
    lines = (OrderLine(MERCHANT, 1_000, SUBJECT), OrderLine(TEA, 500, SUBJECT))
    do(desk, Checkout("NEW1", BUYER, lines))
    legs = (
        LegAsked("WALLET_BALANCE", 300),
        LegAsked("JD_PAY", 700),
        LegAsked("CLOUD_QUICKPASS", 500),
    )
    do(desk, PayOrder("PNEW1", "NEW1", legs=legs))
    do(desk, RecordOutcome("pay2-PNEW1", succeeded="S2"))
    do(desk, RecordOutcome("pay3-PNEW1", succeeded="S3"))
    do(desk, RefundTransaction("RNEW1", f"{TEA}-NEW1", 400))
    sound(desk)


def test_its_merchants_go_on_until_they_sign_and_then_as_they_have_signed(desk: AppContext) -> None:
    """No agreement was ever recorded for them: that they registered without says what they may."""
    for order_no in ("SIGN1", "SIGN2"):
        do(desk, Checkout(order_no, BUYER, (OrderLine(TEA, 500, SUBJECT),)))
    do(desk, PayOrder("PSIGN1", "SIGN1", "WECHAT_PAY"))
    terms = Terms(("ESCROW_PURCHASE",), (Method("JD_PAY"),))
    do(desk, SignMerchantAgreement(TEA, shanghai_date(AT_US), terms))
    with pytest.raises(Refused) as no:
        do(desk, PayOrder("PSIGN2", "SIGN2", "WECHAT_PAY"))
    assert (no.value.code, no.value.field) == (Code.AGREEMENT_MISSING, "method")
    do(desk, PayOrder("PSIGN2", "SIGN2", "JD_PAY"))
    for number in ("PSIGN1", "PSIGN2"):
        do(desk, RecordOutcome(f"pay-{number}", succeeded=f"S-{number}"))
    do(desk, EndMerchantAgreement(TEA, shanghai_date(AT_US)))
    with pytest.raises(Refused) as no:
        do(desk, Checkout("SIGN3", BUYER, (OrderLine(TEA, 500, SUBJECT),)))
    assert (no.value.code, no.value.field) == (Code.AGREEMENT_MISSING, "mode")
    do(desk, RefundTransaction("RSIGN1", f"{TEA}-SIGN1", 500))
    sound(desk)
