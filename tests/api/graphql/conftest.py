"""The books of one small market on each database, read through the whole HTTP application.

    1 December   JD1001: nuts 100.00 and tea 30.00 in one checkout, paid by JD_PAY;
                 10.00 of the nuts refunded out of escrow
    8 December   JD1001 confirmed; 20.00 of the nuts refunded after release;
                 JD1002 (nuts, 50.00) paid, stays in escrow; the nuts' batch sealed and reviewed
    9 December   the batch settled and paid out; 25 small orders of tea, paid by CLOUD_QUICKPASS

Reading changes nothing, so every test of a run reads the same books.
"""

import json
import os
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from starlette.testclient import TestClient

from api.app import create_app
from api.context import AppContext, open_context
from api.graphql.app import GraphQLReads
from api.http.keys import create_key
from domain.approval.commands import proposal
from domain.approval.kinds import HOUR_US
from domain.channel.adapters.simulated import SimulatedChannel
from domain.clearing.commands import CloseDay, CutOffDay, OpenBooks
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.kernel import DAY_US, Command, Request
from domain.member.binding import BindCard
from domain.member.commands import AddOperator, RegisterMember, SetApiCommands
from domain.member.hooking import AddEndpoint
from domain.member.staff import Office
from domain.member.staffing import AppointOperator
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.settlement.commands import ReviewBatch, SealBatch, SettleBatch
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from migrations.run import migrate
from tests.examples import (
    BATCH_ID,
    BUYER,
    BUYER_NAME,
    CARD,
    CHECKER,
    HOLDER,
    MAKER,
    MERCHANT,
    MERCHANT_NAME,
    PAID_AT,
    PARTICULARS,
    PAY_DAY,
    PAYOUT_NO,
    RELEASE_DAY,
    SUBJECT,
)
from tests.servers import with_query
from tests.shops import shop

TEA = "TEASHOP"
TEA_ORDERS = 25


class Books:
    """A ledger that is written day by day, and the application that reads it, with its keys."""

    def __init__(self, url: str) -> None:
        migrate(url)
        self.keys = _keys(url)
        self.context: AppContext = open_context(url, SimulatedChannel(), clock=lambda: PAID_AT)
        self.client = TestClient(create_app(self.context), raise_server_exceptions=False)
        self.client.__enter__()
        self.day = PAY_DAY
        self.count = 0

    def close(self) -> None:
        self.client.__exit__(None, None, None)

    def do(self, *commands: Command, actor: str = MAKER) -> int:
        """Submit commands on the current day; the position of their commit."""
        at_us = PAID_AT + (self.day - PAY_DAY).days * DAY_US
        requests = []
        for command in commands:
            self.count += 1
            requests.append(Request(f"books-{self.count}", at_us, actor, command))
        answers = self.context.ledger.submit_all(requests)
        for answer in answers:
            answer.unwrap()
        return answers[-1].position

    def sell(self, order_no: str, *lines: tuple[str, int], method: str = "JD_PAY") -> None:
        sold = tuple(OrderLine(merchant, fen, SUBJECT, 2) for merchant, fen in lines)
        self.do(
            Checkout(order_no, BUYER, sold),
            PayOrder(f"P-{order_no}", order_no, method),
            RecordOutcome(f"pay-P-{order_no}", succeeded=f"S-{order_no}"),
        )

    def refund(self, refund_no: str, transaction_id: str, amount_fen: int) -> None:
        self.do(
            RefundTransaction(refund_no, transaction_id, amount_fen),
            RecordOutcome(f"refund-{refund_no}", succeeded=f"S-{refund_no}"),
        )

    def close_days(self, until: date) -> None:
        while self.day < until:
            self.do(CloseDay(self.day))
            self.day += timedelta(days=1)

    def catch_up(self) -> None:
        self.context.projector.catch_up()

    def post(self, body: object, role: str | None = "auditor", **how: Any) -> Any:
        """A POST to /graphql as a role (None: without a key)."""
        headers = {"content-type": "application/json"} | how.pop("headers", {})
        if role is not None:
            headers["authorization"] = f"Bearer {self.keys[role]}"
        content = how.pop("raw", None)
        sent = json.dumps(body) if content is None else content
        response = self.client.post("/graphql", content=sent, headers=headers, **how)
        self.check_stock(response, sent, headers, **how)
        return response

    @property
    def graphql(self) -> GraphQLReads:
        """What answers /graphql."""
        app: Any = self.client.app
        reads: GraphQLReads = app.state.graphql
        return reads

    def check_stock(self, response: Any, sent: Any, headers: Any, **how: Any) -> None:
        """The stock executor must give the same answer, byte for byte."""
        if b'"incident"' in response.content:
            return
        reads = self.graphql
        if not reads.planning:
            return
        reads.planning = False
        try:
            stock = self.client.post("/graphql", content=sent, headers=headers, **how)
        finally:
            reads.planning = True
        assert (stock.status_code, stock.content) == (response.status_code, response.content)

    def ask(self, query: str, role: str = "auditor", **variables: Any) -> dict[str, Any]:
        """The whole GraphQL answer to a query."""
        response = self.post({"query": query, "variables": variables}, role)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def read(self, query: str, role: str = "auditor", **variables: Any) -> Any:
        """The data of a query that must have no errors."""
        answer = self.ask(query, role, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def refused(self, query: str, role: str = "auditor", **variables: Any) -> tuple[str, str]:
        """The code and the field of the one error that a query must have."""
        answer = self.ask(query, role, **variables)
        (error,) = answer["errors"]
        assert error["message"] and error["extensions"]["detail"], error
        return error["extensions"]["code"], error["extensions"]["field"]


def _keys(url: str) -> dict[str, str]:
    engine = sqlalchemy_engine(parse_database_url(url))
    members = {"merchant": MERCHANT, "stranger": TEA, "auditor": None, "operator": None}
    keys = {
        name: create_key(engine, "merchant" if member else name, member, lambda: PAID_AT)
        for name, member in members.items()
    }
    for name, operator in (("cashier", "lin"), ("reviewer", "zhao"), ("risk", "wu")):
        keys[name] = create_key(engine, "operator", None, lambda: PAID_AT, operator=operator)
    keys["inspector"] = create_key(engine, "operator", None, lambda: PAID_AT, operator="sun")
    for name, operator in (("owner", "LIAO"), ("finance", "ZHANG"), ("viewer", "CHEN")):
        keys[name] = create_key(engine, "merchant", MERCHANT, lambda: PAID_AT, operator=operator)
    engine.dispose()
    return keys


STAFF: dict[str, Office] = {"lin": "cashier", "zhao": "reviewer", "wu": "risk", "sun": "auditor"}


def write_persons(books: Books) -> None:
    """Operators of both sides, and what one of the merchant's keys has proposed."""
    books.do(*(AppointOperator(one, office) for one, office in STAFF.items()))
    books.do(AddOperator(MERCHANT, "LIAO", "owner"), AddOperator(MERCHANT, "CHEN", "viewer"))
    books.do(SetApiCommands(MERCHANT, date(2011, 1, 1), ("order.checkout", "order.close")))
    wished = proposal("n9", RefundTransaction("R9", f"{MERCHANT}-JD1002", 4_000), HOUR_US, MERCHANT)
    books.do(wished, actor=f"merchant:{MERCHANT}")
    hears = ("payment.succeeded", "refund.succeeded")
    books.do(AddEndpoint(MERCHANT, "shop", "https://squirrels.example/hooks", hears))


def write_books(books: Books) -> None:
    """The story of this file's first lines."""
    books.do(
        OpenBooks(PAY_DAY),
        RegisterMember(BUYER, "personal", BUYER_NAME),
        shop(MERCHANT, MERCHANT_NAME, FeeRule(60), "T+1"),
        shop(TEA, "茶叶店", FeeRule(100, 5), "D+1"),
        AddOperator(MERCHANT, "ZHANG", "finance"),
        BindCard(MERCHANT, CARD, PARTICULARS, HOLDER, "7894"),
    )
    books.sell("JD1001", (MERCHANT, 10_000), (TEA, 3_000))
    books.refund("R1", f"{MERCHANT}-JD1001", 1_000)
    books.close_days(RELEASE_DAY)
    for merchant in (MERCHANT, TEA):
        books.do(ConfirmReceipt(f"{merchant}-JD1001", "buyer"))
    books.refund("R2", f"{MERCHANT}-JD1001", 2_000)
    books.sell("JD1002", (MERCHANT, 5_000))
    books.do(CutOffDay(RELEASE_DAY), SealBatch(BATCH_ID))
    books.do(ReviewBatch(BATCH_ID), actor=CHECKER)
    books.close_days(RELEASE_DAY + timedelta(days=1))
    books.do(SettleBatch(BATCH_ID), RecordOutcome(PAYOUT_NO, succeeded="B1"))
    for number in range(1, TEA_ORDERS + 1):
        books.sell(f"T{number:02d}", (TEA, 100 + number), method="CLOUD_QUICKPASS")
    write_persons(books)


@pytest.fixture(
    scope="session", params=["sqlite", pytest.param("pg", marks=pytest.mark.postgresql)]
)
def books(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Books]:
    """The books of the story, read models at the head. Tests that read share them."""
    for url in _urls(request, tmp_path_factory, "books"):
        written = Books(url)
        write_books(written)
        written.catch_up()
        yield written
        written.close()


@pytest.fixture
def own_books(migrated_url: str) -> Iterator[Books]:
    """Books of one test alone, with nothing in them."""
    opened = Books(migrated_url)
    yield opened
    opened.close()


def _urls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, name: str
) -> Iterator[str]:
    """One URL, good until the generator goes on."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp(name) / 'ledger.db'}"
        return
    server = request.getfixturevalue("postgres_url")
    schema = f"graphql_{name}_{os.getpid()}"
    _drop(server, schema)
    yield with_query(server, schema=schema)
    _drop(server, schema)


def _drop(server: str, schema: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        statement = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema))
        connection.execute(statement)
