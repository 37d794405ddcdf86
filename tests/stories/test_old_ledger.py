"""A ledger that was made before payments had legs: kept for ever, and it goes on.

`tests/ledgers/one-leg.db.gz` was written by the last version without plans of legs: a story with
every fact of its time, and at its end money that is still on its way. It keeps its bytes and its
hash; opened by this version it verifies, is rebuilt, and takes payments of today.
"""

import gzip
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg import sql

from api.cli.opening import open_desk
from api.context import AppContext
from api.operations.upgrade import bring_up_to_date
from domain.eventstore.database import IMMEDIATE, parse_database_url, sqlalchemy_engine
from domain.kernel import Request, shanghai_date
from domain.ledger.proof import verify_log
from domain.member.agreement import Method, Terms
from domain.member.commands import EndMerchantAgreement, SignMerchantAgreement
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import LegAsked, RecordOutcome, SendBackRecharge
from domain.refusals import Code, Refused
from domain.transaction.commands import RefundTransaction
from migrations.run import _config, migrate
from projections.models.trial_balance import trial_balance
from projections.rebuilding.rebuild import rebuild
from projections.registry import READ_MODELS
from tests.examples import BUYER, MERCHANT, SUBJECT
from tests.projections.story import TEA

KEPT = Path(__file__).parents[1] / "ledgers" / "one-leg.db.gz"
HASH = "4160aa76efb1f24624ecb9b3412ffa94e621f1a6f071b7d0fbcb8c9c3aa06a3e"
POSITION, REVISION = 520, "0007"
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
        head = desk.ledger.head()
        assert (head.position, head.hash.hex()) == (POSITION, HASH)
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
