"""What is wrong is named: the code, the argument, a sentence; and a defect shows only a number."""

import logging
import threading
from typing import Any

import anyio
import pytest
from sqlalchemy import text

from api.graphql.app import GraphQLReads
from api.graphql.asked import Asked
from api.http.keys import Caller
from domain.clearing.commands import OpenBooks
from domain.member.commands import RegisterMember
from projections.engine import checkpoints
from tests.api.graphql.conftest import Books
from tests.examples import BUYER, BUYER_NAME, MERCHANT, PAY_DAY

AUDITOR = Caller("auditor", None, "key")
NODES = "{ edges { cursor } }"


@pytest.mark.parametrize(
    ("call", "code", "field"),
    [
        (f"transactions(first: 0) {NODES}", "request_invalid", "first"),
        (f"transactions(first: 101) {NODES}", "request_invalid", "first"),
        (f"accounts(first: -1) {NODES}", "request_invalid", "first"),
        (f"members(first: 2147483648) {NODES}", "request_invalid", "first"),
        (f"members(first: null) {NODES}", "request_invalid", "first"),
        (f'journal(account: "1001.01", first: "9") {NODES}', "request_invalid", "first"),
        (f"settlementBatches(first: 1.5) {NODES}", "request_invalid", "first"),
        (f'transactions(after: "rubbish") {NODES}', "request_invalid", "after"),
        (f'members(after: "") {NODES}', "request_invalid", "after"),
        (f'accounts(after: "坚果") {NODES}', "request_invalid", "after"),
        (f'journal(account: "1001.01", after: "{"A" * 5000}") {NODES}', "request_invalid", "after"),
        (f'settlementBatches(from: "2010-13-01") {NODES}', "date_invalid", "from"),
        (f'settlementBatches(from: "20101201") {NODES}', "date_invalid", "from"),
        (f'transactions(to: "2010-12-01T00:00:00Z") {NODES}', "date_invalid", "to"),
        (f"transactions(to: 20101201) {NODES}", "date_invalid", "to"),
        (f'transactions(to: "0000-01-01") {NODES}', "date_invalid", "to"),
        (f'transactions(from: "2010-12-02", to: "2010-12-01") {NODES}', "date_invalid", "to"),
        ('clearingPositions(date: "yesterday") { channel }', "date_invalid", "date"),
        ('clearingSessions(from: "9999-12-31", to: "9999-12-31") { id }', "date_invalid", "from"),
        ("clearingPositions { channel }", "request_invalid", "clearingPositions"),
        ('trialBalance(asOf: "１９９９-01-01") { balanced }', "date_invalid", "asOf"),
        (f'transactions(state: "lost") {NODES}', "request_invalid", "state"),
        (f'members(kind: "robot") {NODES}', "request_invalid", "kind"),
        ('member(id: "a\\u0000b") { id }', "identifier_invalid", "id"),
        ('account(id: "a\\u200bb") { id }', "identifier_invalid", "id"),
        (f'transaction(id: "{"x" * 201}") {{ id }}', "identifier_invalid", "id"),
        ('accounts(codePrefix: "\\n") { edges { cursor } }', "identifier_invalid", "codePrefix"),
        ("member(id: true) { id }", "request_invalid", "id"),
        ('trialBalance(atLeast: "many") { balanced }', "request_invalid", "atLeast"),
        ("trialBalance(atLeast: 1.0) { balanced }", "request_invalid", "atLeast"),
        (f'trialBalance(atLeast: "{2**63}") {{ balanced }}', "request_invalid", "atLeast"),
        ("trialBalance(atLeast: true) { balanced }", "request_invalid", "atLeast"),
        ("trialBalance(asIf: 1) { balanced }", "request_invalid", "asIf"),
    ],
)
def test_a_wrong_argument_is_named(books: Books, call: str, code: str, field: str) -> None:
    assert books.refused(f"{{ {call} }}") == (code, field)


@pytest.mark.parametrize(
    ("declared", "value", "call", "code", "field"),
    [
        ("$x: Date", "2010-02-30", f"transactions(from: $x) {NODES}", "date_invalid", "x"),
        ("$x: Date", 5, f"transactions(from: $x) {NODES}", "date_invalid", "x"),
        ("$x: Date", ["2010-02-01"], f"transactions(from: $x) {NODES}", "date_invalid", "x"),
        ("$x: Int!", 2**31, f"transactions(first: $x) {NODES}", "request_invalid", "x"),
        ("$x: Int!", 10**400, f"transactions(first: $x) {NODES}", "request_invalid", "x"),
        ("$x: ID!", None, "member(id: $x) { id }", "request_invalid", "x"),
        ("$x: ID!", {"a": 1}, "member(id: $x) { id }", "request_invalid", "x"),
        ("$x: BigInt", "1" * 30, "trialBalance(atLeast: $x) {balanced}", "request_invalid", "x"),
        ("$x: BigInt", "٣", "trialBalance(atLeast: $x) {balanced}", "request_invalid", "x"),
    ],
)
def test_a_wrong_variable_is_named(
    books: Books, declared: str, value: object, call: str, code: str, field: str
) -> None:
    assert books.refused(f"query({declared}) {{ {call} }}", x=value) == (code, field)


@pytest.mark.parametrize("call", ['"\\ud800"', '"\\u{D800}"', '"\\uDEAD\\uD800"'])
def test_half_a_surrogate_is_a_syntax_error(books: Books, call: str) -> None:
    assert books.refused(f"{{ member(id: {call}) {{ id }} }}") == ("request_invalid", "query")


def test_one_field_that_is_refused_leaves_the_others(books: Books) -> None:
    answer = books.ask(
        f'{{ ledger {{ position }} a: merchantStatement(merchantId: "{MERCHANT}") '
        "{ merchantId lines(first: 1000) { edges { cursor } } } }"
    )
    assert answer["data"]["ledger"]["position"]
    assert answer["data"]["a"] is None
    (error,) = answer["errors"]
    assert error["path"] == ["a", "lines"]
    assert error["extensions"]["field"] == "first"


def test_a_query_reads_its_own_write(own_books: Books) -> None:
    position = own_books.do(OpenBooks(PAY_DAY), RegisterMember(BUYER, "personal", BUYER_NAME))
    later = threading.Timer(0.2, own_books.catch_up)
    later.start()
    query = 'query($p: BigInt) { member(id: "LILEI", atLeast: $p) { name } }'
    assert own_books.read(query)["member"] is None
    assert own_books.read(query, p=str(position))["member"] == {"name": BUYER_NAME}
    later.join()


def answer(books: Books, query: str, wait_ms: int) -> Any:
    return anyio.run(GraphQLReads(books.context, wait_ms).answer, AUDITOR, Asked(query))


def test_a_read_model_that_does_not_get_there_in_time_is_busy(own_books: Books) -> None:
    position = own_books.do(OpenBooks(PAY_DAY))
    found = answer(own_books, f'{{ account(id: "1001.01", atLeast: {position}) {{ id }} }}', 120)
    (error,) = found["errors"]
    assert error["extensions"]["code"] == "busy"
    assert error["extensions"]["field"] == "atLeast"
    assert "balances is at 0" in error["extensions"]["detail"]


def test_a_paused_read_model_is_not_waited_for(own_books: Books) -> None:
    position = own_books.do(OpenBooks(PAY_DAY))
    own_books.context.projector.prepare()
    with own_books.context.writes.begin() as connection:
        at = checkpoints.load(connection, ["balances"])["balances"]
        checkpoints.pause(connection, at, 1, "a fact it does not know")
    query = f'{{ account(id: "1001.01", atLeast: {position}) {{ id }} }}'
    (error,) = answer(own_books, query, 600_000)["errors"]
    assert error["extensions"]["code"] == "busy"
    listed = own_books.read("{ projections { name state reason lagEvents } }")["projections"]
    assert {
        "name": "balances",
        "state": "paused",
        "reason": "a fact it does not know",
        "lagEvents": str(position),
    } in listed


def test_a_defect_shows_a_number_and_is_logged_whole(
    own_books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    with own_books.context.writes.begin() as connection:
        connection.execute(text("DROP TABLE trial_days"))
    with caplog.at_level(logging.ERROR, "zhangfang.api"):
        found = own_books.ask("{ trialBalance { balanced } }")
    (error,) = found["errors"]
    assert found["data"] is None
    assert (error["message"], error["extensions"]["code"]) == ("internal_error", "internal_error")
    assert "trial_days" not in str(found)
    incident = error["extensions"]["incident"]
    (record,) = caplog.records
    assert incident in record.getMessage()
    assert "trial_days" in caplog.text
