"""Lists and look-ups of what was traded, the items of batches, and balances as of a date."""

from enum import Enum
from typing import Any, get_args

import pytest
from graphql import GraphQLEnumType

from api.graphql import enums
from api.graphql.instructions import STATES as INSTRUCTION_STATES
from api.graphql.schema import graphql_schema
from domain.accounting import account, chart, deposit
from domain.channel.port import Purpose
from domain.member import member
from domain.payment import payment, plan, tried
from domain.reconciliation.bills import line
from domain.settlement import payouts
from domain.transaction import transaction
from projections.engine import checkpoints
from projections.models import (
    authority_orders,
    cards,
    deposits,
    list_matches,
    merchant_statements,
    orders,
    payment_legs,
    payments,
    refund_parts,
    refunds,
    reserves,
    settlement_batches,
    settlement_items,
    transactions,
    withdrawals,
)
from tests.api.graphql.conftest import TEA, TEA_ORDERS, Books
from tests.examples import BATCH_ID, BUYER, MERCHANT, SUBJECT

BATCH = f'settlementBatch(id: "{BATCH_ID}")'


def nodes(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [edge["node"] for edge in page["edges"]]


def numbers(page: dict[str, Any], name: str = "no") -> list[str]:
    return [node[name] for node in nodes(page)]


def test_an_order_with_its_lines_and_what_paid_it(books: Books) -> None:
    found = books.read("""{ order(no: "JD1001") { no buyerId mode state paymentNo placedAt paidAt
      reason lastPosition total { minor decimal }
      lines { merchantId transactionId subject items amount { minor } } }
      payment(no: "P-JD1001") { no purpose state orderNo memberId payerId channel reason startedAt
      endedAt lastPosition amount { minor } lines { merchantId transactionId amount { minor } } }
      tried: payments(orderNo: "JD1001") { totalCount edges { node { no } } } }""")
    order = found["order"]
    del order["lastPosition"]
    assert order == {
        "no": "JD1001",
        "buyerId": BUYER,
        "mode": "escrow",
        "state": "paid",
        "paymentNo": "P-JD1001",
        "placedAt": "2010-12-01T02:00:00Z",
        "paidAt": "2010-12-01T02:00:00Z",
        "reason": None,
        "total": {"minor": "13000", "decimal": "130.00"},
        "lines": [
            {
                "merchantId": merchant,
                "transactionId": f"{merchant}-JD1001",
                "subject": SUBJECT,
                "items": "2",
                "amount": {"minor": fen},
            }
            for merchant, fen in ((MERCHANT, "10000"), (TEA, "3000"))
        ],
    }
    paid = found["payment"]
    assert (paid["purpose"], paid["state"], paid["orderNo"]) == ("order", "succeeded", "JD1001")
    assert (paid["memberId"], paid["payerId"], paid["channel"]) == (None, BUYER, "JD_PAY")
    assert (paid["amount"], paid["reason"]) == ({"minor": "13000"}, None)
    assert [line["amount"]["minor"] for line in paid["lines"]] == ["10000", "3000"]
    assert found["tried"] == {"totalCount": "1", "edges": [{"node": {"no": "P-JD1001"}}]}


def test_refunds_say_where_their_money_came_from(books: Books) -> None:
    query = """query($m: ID, $t: ID) { refunds(merchantId: $m, transactionId: $t) { totalCount
      edges { node { no transactionId merchantId buyerId channel state stage reason requestedAt
      endedAt amount { minor } feeReturned { minor } fromPending { minor }
      fromAvailable { minor } advanced { minor } } } } }"""
    first, second = nodes(books.read(query, "merchant", t=f"{MERCHANT}-JD1001")["refunds"])
    money = ("amount", "feeReturned", "fromPending", "fromAvailable", "advanced")
    assert (first["no"], first["stage"], first["state"]) == ("R1", "escrow", "succeeded")
    assert [first[name]["minor"] for name in money] == ["1000", "0", "0", "0", "0"]
    assert (second["no"], second["stage"]) == ("R2", "released")
    assert [second[name]["minor"] for name in money] == ["2000", "12", "1988", "0", "0"]
    assert books.read(query, m=TEA)["refunds"] == {"totalCount": "0", "edges": []}
    assert books.read('{ refund(no: "R2") { no } }', "stranger") == {"refund": None}


def test_instructions_by_state_and_by_who_asked(books: Books) -> None:
    query = """query($s: String, $r: String) { instructions(state: $s, reference: $r, first: 100) {
      totalCount edges { node { id purpose reference channel partyId state answer issuedAt
      amount { minor } } } } }"""
    (paid,) = nodes(books.read(query, r="payment-P-JD1001")["instructions"])
    assert (paid["id"], paid["purpose"], paid["state"]) == ("pay-P-JD1001", "payment", "succeeded")
    assert (paid["partyId"], paid["answer"], paid["amount"]) == (
        BUYER,
        "S-JD1001",
        {"minor": "13000"},
    )
    every = books.read(query)["instructions"]
    assert every["totalCount"] == str(2 + TEA_ORDERS + 2 + 1)
    assert books.read(query, s="succeeded")["instructions"] == every
    assert books.read(query, s="unknown")["instructions"]["edges"] == []
    assert books.refused(query, s="lost") == ("request_invalid", "state")


TRANSACTIONS = """
query($merchant: ID, $buyer: ID, $order: ID, $text: String, $state: String,
      $newest: Boolean! = false, $first: Int! = 100, $after: String) {
  transactions(merchantId: $merchant, buyerId: $buyer, orderNo: $order, text: $text, state: $state,
               newestFirst: $newest, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } edges { cursor node { id } } } }"""


def test_transactions_by_order_buyer_and_text(books: Books) -> None:
    def found(role: str = "auditor", **asked: Any) -> list[str]:
        return numbers(books.read(TRANSACTIONS, role, **asked)["transactions"], "id")

    both = [f"{MERCHANT}-JD1001", f"{TEA}-JD1001"]
    assert found(order="JD1001") == both
    assert found("stranger", order="JD1001") == both[1:]
    assert found(order="NONE") == found(buyer="NOBODY") == []
    assert len(found(buyer=BUYER)) == TEA_ORDERS + 3
    assert found(buyer=BUYER, merchant=MERCHANT, state="paid") == [f"{MERCHANT}-JD1002"]
    assert len(found(text=SUBJECT[2:6], merchant=TEA)) == TEA_ORDERS + 1
    assert found(text=SUBJECT + "!") == found(text="%") == []
    assert found(text="") == found()


def test_a_list_reads_from_either_end(books: Books) -> None:
    forth = books.read(TRANSACTIONS)["transactions"]
    assert forth["totalCount"] == str(TEA_ORDERS + 3)
    backwards: list[str] = []
    after = None
    while True:
        page = books.read(TRANSACTIONS, newest=True, first=10, after=after)["transactions"]
        backwards += numbers(page, "id")
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert backwards == numbers(forth, "id")[::-1]
    for name in ("orders", "payments", "refunds", "instructions"):
        number = "id" if name == "instructions" else "no"
        query = f"""{{ a: {name}(first: 100) {{ edges {{ node {{ {number} }} }} }}
          b: {name}(first: 100, newestFirst: true) {{ edges {{ node {{ {number} }} }} }} }}"""
        both = books.read(query)
        assert numbers(both["a"], number) == numbers(both["b"], number)[::-1] != []


def test_a_batch_shows_its_items(books: Books) -> None:
    query = f"""query($first: Int! = 20, $after: String) {{ {BATCH} {{ count net {{ minor }}
      items(first: $first, after: $after) {{ totalCount pageInfo {{ hasNextPage endCursor }}
        edges {{ node {{ kind transactionId refundNo clearingDate reference at position
          gross {{ minor }} fee {{ minor }} refund {{ minor }} net {{ minor }} }} }} }} }} }}"""
    batch_ = books.read(query, "merchant")["settlementBatch"]
    sale, refund = nodes(batch_["items"])
    assert batch_["items"]["totalCount"] == batch_["count"] == "2"
    assert (sale["kind"], sale["transactionId"], sale["refundNo"]) == (
        "sale",
        f"{MERCHANT}-JD1001",
        None,
    )
    assert (refund["kind"], refund["refundNo"]) == ("refund", "R2")
    net = [int(item["net"]["minor"]) for item in (sale, refund)]
    assert sum(net) == int(batch_["net"]["minor"])
    page = books.read(query, first=1)["settlementBatch"]["items"]
    assert page["pageInfo"]["hasNextPage"]
    rest = books.read(query, after=page["pageInfo"]["endCursor"])["settlementBatch"]["items"]
    assert nodes(rest) == [refund]
    assert books.refused(query, first=101) == ("request_invalid", "first")
    assert books.refused(query, after="x") == ("request_invalid", "after")


def test_batches_by_state_and_their_items_in_one_query(books: Books) -> None:
    query = """query($s: String, $m: ID) { settlementBatches(state: $s, merchantId: $m) { totalCount
      edges { node { id state items(first: 1) { totalCount edges { node { kind } } } } } } }"""
    settled = books.read(query, s="settled")["settlementBatches"]
    assert (settled["totalCount"], numbers(settled, "id")) == ("1", [BATCH_ID])
    every = books.read(query)["settlementBatches"]
    assert len(nodes(every)) == 2 and all(len(nodes(one["items"])) == 1 for one in nodes(every))
    assert numbers(books.read(query, s="settled", m=TEA)["settlementBatches"], "id") == []
    assert books.refused(query, s="none") == ("request_invalid", "state")


def test_an_account_as_of_a_date(books: Books) -> None:
    query = f"""query($d: Date) {{ account(id: "2241.04.{MERCHANT}", asOf: $d) {{
      balance {{ minor }} available {{ minor }} postings status }} }}"""
    balances = {
        day: books.read(query, "merchant", d=day)["account"]["balance"]["minor"]
        for day in ("2010-12-01", "2010-12-02", "2010-12-07", "2010-12-08", "2011-06-30")
    }
    assert list(balances.values()) == ["9000", "9000", "9000", "5000", "5000"]
    assert books.read(query, d="2011-06-30") == books.read(query)
    assert books.read(query, "stranger", d="2010-12-01") == {"account": None}
    assert books.read(query, d="2010-11-30") == {"account": None}, "it was not open then"
    trial = books.read('{ trialBalance(asOf: "2010-12-01") { rows { code credit { minor } } } }')
    escrow = {row["code"]: row["credit"]["minor"] for row in trial["trialBalance"]["rows"]}
    assert escrow["2241.04"] == str(9_000 + 3_000)


WORDS: dict[type[Enum], tuple[str, ...]] = {
    enums.AccountType: get_args(chart.Type),
    enums.AccountStatus: tuple(
        one for one in get_args(account.State.__annotations__["status"]) if one != "none"
    ),
    enums.MemberKind: get_args(member.Kind),
    enums.CardState: get_args(cards.CardState),
    enums.OperatorRole: get_args(member.Role),
    enums.Product: get_args(member.Product),
    enums.TransactionMode: get_args(transaction.Mode),
    enums.TransactionState: get_args(transactions.TransactionState),
    enums.OrderState: get_args(orders.OrderState),
    enums.PaymentPurpose: get_args(payment.Purpose),
    enums.PaymentState: payments.STATES,
    enums.LegKind: get_args(plan.LegKind),
    enums.LegState: get_args(payment_legs.LegState),
    enums.PaymentStepKind: payment_legs.STEPS,
    enums.PartState: get_args(refund_parts.PartState),
    enums.AttemptKind: get_args(tried.AttemptKind),
    enums.RefundState: get_args(refunds.RefundState),
    enums.WithdrawalState: get_args(withdrawals.WithdrawalState),
    enums.AuthorityOrderState: get_args(authority_orders.OrderState),
    enums.DeductionState: get_args(authority_orders.DeductionState),
    enums.ListMatchState: get_args(list_matches.MatchState),
    enums.BillKind: get_args(line.BillKind),
    enums.RefundStage: get_args(transaction.Stage),
    enums.InstructionPurpose: get_args(Purpose),
    enums.InstructionState: INSTRUCTION_STATES,
    enums.BatchState: settlement_batches.STATES,
    enums.PayoutStatus: get_args(payouts.PayoutStatus),
    enums.ReserveState: get_args(reserves.ReserveState),
    enums.DepositState: get_args(deposits.DepositState),
    enums.DepositSource: get_args(deposit.Source),
    enums.ItemKind: get_args(settlement_items.ItemKind),
    enums.StatementKind: merchant_statements.KINDS,
    enums.DeskStep: ("seal", "review", "settle", "confirm", "release"),
    enums.ProjectionState: (checkpoints.RUNNING, checkpoints.PAUSED),
}


@pytest.mark.parametrize("enum", WORDS)
def test_an_enum_has_the_words_of_the_domain(enum: type[Enum]) -> None:
    assert {(one.name, one.value) for one in enum} == {(word, word) for word in WORDS[enum]}
    in_schema = graphql_schema().get_type(enum.__name__)
    assert isinstance(in_schema, GraphQLEnumType)
    assert set(in_schema.values) == set(WORDS[enum])


def test_every_enum_of_the_schema_is_walked_here() -> None:
    found = {
        name
        for name, type_ in graphql_schema().type_map.items()
        if isinstance(type_, GraphQLEnumType) and not name.startswith("__")
    }
    assert found == {enum.__name__ for enum in WORDS}
