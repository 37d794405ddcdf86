"""Every root field of the schema, asked by the right caller, the wrong one, and by nobody.

The fields come from the schema itself: one that is added without a line here fails the first test.
"""

from typing import Any, NamedTuple

import pytest
import strawberry
from graphql import GraphQLSchema

from api.graphql.access import ACCESS, root
from api.graphql.schema import graphql_schema
from api.http.access import PERMISSIONS
from api.http.keys import create_key
from domain.clearing.commands import OpenBooks
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.payment.commands import RechargeWallet, RecordOutcome
from tests.api.graphql.conftest import STAFF, TEA, Books
from tests.examples import BATCH_ID, BUYER, MERCHANT, PAY_DAY
from tests.shops import shop


class Probe(NamedTuple):
    """How to ask a field for what is `MERCHANT`'s; and what another merchant gets for the same, or
    None where only the institution may ask."""

    call: str
    stranger: object = None
    institution: bool = False
    there: bool = True  # False: these books have none; a test of its own reads some.


OWN_ORDER = "JD1002"  # Of `MERCHANT` alone.
EMPTY_PAGE: dict[str, Any] = {"edges": []}

PROBES: dict[str, Probe] = {
    "merchantStatement": Probe(f'merchantStatement(merchantId: "{MERCHANT}") {{ merchantId }}'),
    "account": Probe(f'account(id: "2241.02.{MERCHANT}") {{ id }}'),
    "accounts": Probe(f'accounts(owner: "{MERCHANT}") {{ edges {{ node {{ id }} }} }}', EMPTY_PAGE),
    "journal": Probe(
        f'journal(account: "2241.02.{MERCHANT}") {{ edges {{ node {{ reference }} }} }}', EMPTY_PAGE
    ),
    "transaction": Probe(f'transaction(id: "{MERCHANT}-JD1001") {{ id }}'),
    "transactions": Probe(
        f'transactions(merchantId: "{MERCHANT}") {{ edges {{ node {{ id }} }} }}', EMPTY_PAGE
    ),
    "order": Probe(f'order(no: "{OWN_ORDER}") {{ no }}'),
    "orders": Probe(
        f'orders(merchantId: "{MERCHANT}") {{ edges {{ node {{ no }} }} }}', EMPTY_PAGE
    ),
    "payment": Probe(f'payment(no: "P-{OWN_ORDER}") {{ no }}'),
    "payments": Probe(
        f'payments(merchantId: "{MERCHANT}") {{ edges {{ node {{ no }} }} }}', EMPTY_PAGE
    ),
    "refund": Probe('refund(no: "R1") { no }'),
    "refunds": Probe(
        f'refunds(merchantId: "{MERCHANT}") {{ edges {{ node {{ no }} }} }}', EMPTY_PAGE
    ),
    "wallet": Probe(f'wallet(memberId: "{BUYER}") {{ memberId }}', institution=True),
    "channels": Probe("channels { name registered }", institution=True),
    "instruction": Probe('instruction(id: "pay-P-JD1001") { id }', institution=True),
    "instructions": Probe("instructions { edges { node { id } } }", institution=True),
    "settlementBatch": Probe(f'settlementBatch(id: "{BATCH_ID}") {{ id }}'),
    "settlementBatches": Probe(
        f'settlementBatches(merchantId: "{MERCHANT}") {{ edges {{ node {{ id }} }} }}', EMPTY_PAGE
    ),
    "member": Probe(f'member(id: "{MERCHANT}") {{ id }}'),
    "withdrawal": Probe('withdrawal(no: "X1") { no }', institution=True, there=False),
    "withdrawals": Probe("withdrawals { edges { node { no } } }", institution=True, there=False),
    "authorityOrders": Probe(
        "authorityOrders { edges { node { no } } }", institution=True, there=False
    ),
    "listMatches": Probe(
        "listMatches { edges { node { entryNo } } }", institution=True, there=False
    ),
    "reserves": Probe(
        f'reserves(memberId: "{MERCHANT}") {{ edges {{ node {{ id }} }} }}',
        EMPTY_PAGE,
        there=False,
    ),
    "deposits": Probe(
        f'deposits(memberId: "{MERCHANT}") {{ edges {{ node {{ no }} }} }}',
        EMPTY_PAGE,
        there=False,
    ),
    "deposit": Probe('deposit(no: "B1") { no }', institution=True, there=False),
    "reserveProof": Probe(
        'reserveProof(date: "2010-12-08") { headHash }', institution=True, there=False
    ),
    "bills": Probe("bills { edges { node { id } } }", institution=True, there=False),
    "moneyTimeline": Probe(
        f'moneyTimeline(transactionId: "{MERCHANT}-1") {{ what }}', institution=True, there=False
    ),
    "transitAccounts": Probe("transitAccounts { account }", institution=True),
    "ownMovements": Probe("ownMovements { edges { node { no } } }", institution=True, there=False),
    "topUps": Probe("topUps { edges { node { reference } } }", institution=True, there=False),
    "reserveQuotas": Probe("reserveQuotas { clearing }", institution=True, there=False),
    "clearingSessions": Probe(
        'clearingSessions(from: "2010-12-01", to: "2010-12-31") { id }',
        institution=True,
        there=False,
    ),
    "differences": Probe("differences { edges { node { id } } }", institution=True, there=False),
    "suspense": Probe("suspense { edges { node { item } } }", institution=True, there=False),
    "suspenseAging": Probe("suspenseAging { rows { account } }", institution=True),
    "chargebacks": Probe(
        f'chargebacks(memberId: "{MERCHANT}") {{ edges {{ node {{ id }} }} }}',
        EMPTY_PAGE,
        there=False,
    ),
    "reconciliation": Probe(
        'reconciliation(date: "2010-12-08", channel: "JD_PAY") { digest }',
        institution=True,
        there=False,
    ),
    "members": Probe("members { edges { node { id } } }", institution=True),
    "clearingPositions": Probe(
        'clearingPositions(date: "2010-12-08") { channel }', institution=True
    ),
    "agreements": Probe(f'agreements(memberId: "{MERCHANT}") {{ effectiveFrom }}', []),
    "cards": Probe(f'cards(memberId: "{MERCHANT}") {{ number }}', []),
    "desk": Probe("desk { day { accountingDate } }", institution=True),
    "trialBalance": Probe("trialBalance { balanced }", institution=True),
    "projections": Probe("projections { name }", institution=True),
    "ledger": Probe("ledger { position }"),
    "approvals": Probe(
        f'approvals(merchantId: "{MERCHANT}") {{ edges {{ node {{ id }} }} }}', EMPTY_PAGE
    ),
    "webhookEndpoints": Probe(f'webhookEndpoints(merchantId: "{MERCHANT}") {{ id url }}', []),
    "permissions": Probe("permissions { capacity commands fields }"),
}

fields = pytest.mark.parametrize("field", PROBES)


def root_fields(schema: GraphQLSchema) -> set[str]:
    query = schema.query_type
    assert query is not None
    assert schema.mutation_type is None
    return set(query.fields)


def test_every_field_has_a_rule_and_is_walked_here() -> None:
    assert root_fields(graphql_schema()) == set(ACCESS) == set(PROBES)


def test_a_field_without_a_rule_cannot_be_built() -> None:
    async def all_secrets() -> str:
        return "everything"

    with pytest.raises(TypeError, match="secrets has no line"):

        @strawberry.type
        class Query:
            secrets = root(all_secrets)

        strawberry.Schema(Query)


@fields
def test_nobody_gets_an_answer_without_a_key(books: Books, field: str) -> None:
    response = books.post({"query": f"{{ {PROBES[field].call} }}"}, role=None)
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "not_authenticated"
    wrong = {"authorization": "Bearer zf_aaaaaaaaaaaa_" + "A" * 43}
    response = books.post({"query": f"{{ {PROBES[field].call} }}"}, role=None, headers=wrong)
    assert response.status_code == 401


@fields
@pytest.mark.parametrize("role", ["auditor", "operator"])
def test_auditors_and_operators_read_everything(books: Books, field: str, role: str) -> None:
    found = books.read(f"{{ {PROBES[field].call} }}", role)[field]
    assert bool(found and found != EMPTY_PAGE) == PROBES[field].there


@fields
def test_a_merchant_reads_its_own_and_nothing_of_the_institution(books: Books, field: str) -> None:
    query = f"{{ {PROBES[field].call} }}"
    if PROBES[field].institution:
        assert books.refused(query, "merchant") == ("not_allowed", field)
        return
    found = books.read(query, "merchant")[field]
    assert bool(found and found != EMPTY_PAGE) == PROBES[field].there


@fields
@pytest.mark.parametrize(
    ("office", "of_merchant"),
    [
        *((one, False) for one in ("cashier", "reviewer", "risk", "inspector")),
        *((one, True) for one in ("owner", "finance", "viewer")),
    ],
)
def test_persons_read_what_keys_of_their_side_read(
    books: Books, field: str, office: str, of_merchant: bool
) -> None:
    """Whoever may ask by the table, and nobody else, also where a query is compiled by role."""
    query = f"{{ {PROBES[field].call} }}"
    capacity = "auditor" if office == "inspector" else office
    if capacity not in ACCESS[field].roles:
        assert of_merchant and PROBES[field].institution
        assert books.refused(query, office) == ("not_allowed", field)
        return
    side = "merchant" if of_merchant else "auditor"
    assert ("merchant" if of_merchant else "operator") in ACCESS[field].roles
    if field not in ("permissions", "ledger", "projections"):
        assert books.read(query, office) == books.read(query, side)


def test_permissions_say_what_the_tables_say(books: Books) -> None:
    query = """{ permissions { capacity actor operatorId merchantId commands fields
      staff { operatorId office } apiCommands { effectiveFrom commands } } }"""
    for key, capacity, actor in (
        ("cashier", "cashier", "staff:lin"),
        ("inspector", "auditor", "staff:sun"),
        ("viewer", "viewer", f"merchant:{MERCHANT}/CHEN"),
        ("merchant", "merchant", f"merchant:{MERCHANT}"),
    ):
        found = books.read(query, key)["permissions"]
        assert (found["capacity"], found["actor"]) == (capacity, actor)
        roles = {name: permission.roles for name, permission in PERMISSIONS.items()}
        assert found["commands"] == [name for name, able in roles.items() if capacity in able]
        assert found["fields"] == [name for name, one in ACCESS.items() if capacity in one.roles]
        ours = [{"operatorId": one, "office": office} for one, office in sorted(STAFF.items())]
        assert found["staff"] == (None if "merchant" in actor else ours)
    given = {"effectiveFrom": "2011-01-01", "commands": ["order.checkout", "order.close"]}
    assert found["apiCommands"] == [given]


def test_a_proposal_is_read_by_who_made_it_and_by_the_institution(books: Books) -> None:
    query = """{ approvals(state: "proposed") { totalCount edges { node { kind subject command
      amount { minor } maker merchantId state checker expiresAt } } }
      desk { approvals { more items { subject } } } }"""
    whole = books.read(query)
    [node] = [edge["node"] for edge in whole["approvals"]["edges"]]
    assert node["kind"] == "refund" and node["amount"] == {"minor": "4000"}
    assert node["maker"] == f"merchant:{MERCHANT}" and node["merchantId"] == MERCHANT
    assert '"refund_no":"R9"' in node["command"]
    assert whole["desk"]["approvals"] == {"more": False, "items": [{"subject": "R9"}]}
    own = query.partition("desk")[0] + "}"
    assert books.read(own, "viewer")["approvals"] == whole["approvals"]
    assert books.read(own, "stranger")["approvals"] == {"totalCount": "0", "edges": []}
    assert books.refused('{ approvals(state: "open") { totalCount } }') == (
        "request_invalid",
        "state",
    )


@fields
def test_another_merchants_things_look_like_nothing(books: Books, field: str) -> None:
    probe = PROBES[field]
    query = f"{{ {probe.call} }}"
    if probe.institution:
        assert books.refused(query, "stranger") == ("not_allowed", field)
    elif ACCESS[field].scope == "own":
        assert books.read(query, "stranger")[field] == probe.stranger
        unknown = query.replace(MERCHANT, "NOBODY_HERE")
        unknown = unknown.replace(OWN_ORDER, "NO_SUCH").replace('"R1"', '"R99"')
        assert unknown != query
        assert books.ask(unknown, "stranger") == books.ask(query, "stranger")


def test_lists_without_a_name_are_the_merchants_own(books: Books) -> None:
    answer = books.read(
        """{ transactions(first: 100) { edges { node { merchantId } } }
             settlementBatches { edges { node { merchantId } } }
             accounts { edges { node { owner } } } }""",
        "stranger",
    )
    owners = {
        value
        for page in answer.values()
        for edge in page["edges"]
        for value in edge["node"].values()
    }
    assert owners == {TEA}


SHARED = """
query($order: ID!, $payment: ID!) {
  order(no: $order) { buyerId total { minor } reason
    lines { merchantId transactionId subject amount { minor } } }
  orders(first: 100) { totalCount edges { node { no total { minor } lines { merchantId } } } }
  payment(no: $payment) { payerId orderNo channel amount { minor } reason
    legs { amount { minor } } lines { merchantId transactionId amount { minor } } }
  payments(first: 100) { totalCount edges { node { no amount { minor } lines { merchantId } } } }
}"""


def test_of_what_merchants_share_each_sees_its_own_line(books: Books) -> None:
    """JD1001 is over two merchants: neither learns of the other, nor what it took."""
    asked = {"order": "JD1001", "payment": "P-JD1001"}
    whole = books.read(SHARED, "operator", **asked)
    assert whole["order"]["total"] == whole["payment"]["amount"] == {"minor": "13000"}
    for role, own, other, fen in (
        ("merchant", MERCHANT, TEA, "10000"),
        ("stranger", TEA, MERCHANT, "3000"),
    ):
        answer = books.read(SHARED, role, **asked)
        for shared in (answer["order"], answer["payment"]):
            assert [(line["merchantId"], line["amount"]["minor"]) for line in shared["lines"]] == [
                (own, fen)
            ]
            assert shared.get("total", shared.get("amount")) is None and shared["reason"] is None
            assert shared.get("legs") is None
        text = str(answer)
        assert other not in text and "13000" not in text
        for name in ("orders", "payments"):
            nodes = [edge["node"] for edge in answer[name]["edges"]]
            assert answer[name]["totalCount"] == str(len(nodes))
            alone = [node for node in nodes if "JD1001" not in node["no"]]
            assert alone and all(node.get("total", node.get("amount")) for node in alone)


def test_no_merchant_reads_a_recharge_or_anothers_order_by_its_number(own_books: Books) -> None:
    own_books.do(
        OpenBooks(PAY_DAY),
        RegisterMember(BUYER, "personal", "Li Lei"),
        shop(MERCHANT, "Nuts", FeeRule(60), "T+1"),
        shop(TEA, "Tea", FeeRule(60), "T+1"),
        RechargeWallet("W1", BUYER, "JD_PAY", 500),
        RecordOutcome("pay-W1", succeeded="S1"),
    )
    own_books.sell("A1", (TEA, 700))
    own_books.catch_up()
    query = """{ recharge: payment(no: "W1") { no } other: payment(no: "P-A1") { no }
      order(no: "A1") { no } payments { edges { node { no } } }
      tried: payments(orderNo: "A1") { edges { node { no } } } }"""
    assert own_books.read(query, "merchant") == {
        "recharge": None,
        "other": None,
        "order": None,
        "payments": EMPTY_PAGE,
        "tried": EMPTY_PAGE,
    }
    found = own_books.read(query, "auditor")
    assert found["recharge"] == {"no": "W1"} and len(found["payments"]["edges"]) == 2


@pytest.mark.parametrize(
    "account", ["1001.01", "1122.01.JD_PAY", f"2241.01.{BUYER}", "9999.99", ""]
)
def test_a_merchant_reads_no_account_of_others(books: Books, account: str) -> None:
    query = f"""{{ account(id: "{account}") {{ id }}
      journal(account: "{account}") {{ edges {{ cursor }} }} }}"""
    assert books.read(query, "merchant") == {"account": None, "journal": EMPTY_PAGE}


def test_pages_do_not_lead_out_of_what_is_ones_own(books: Books) -> None:
    """A cursor is no secret: one that points at another's row only says where to go on."""
    page = books.read("{ transactions(first: 1) { pageInfo { endCursor } } }")
    after = page["transactions"]["pageInfo"]["endCursor"]
    query = """query($after: String) { transactions(after: $after, first: 100) {
      edges { node { merchantId } } } }"""
    edges = books.read(query, "stranger", after=after)["transactions"]["edges"]
    assert {edge["node"]["merchantId"] for edge in edges} == {TEA}


def test_a_merchant_named_like_a_channel_does_not_read_the_channel(own_books: Books) -> None:
    own_books.do(OpenBooks(PAY_DAY), shop("JD_PAY", "Jade", FeeRule(60), "T+1"))
    own_books.catch_up()
    own_books.keys["jade"] = create_key(
        own_books.context.writes, "merchant", "JD_PAY", own_books.context.clock
    )
    query = """{ accounts { edges { node { id } } } account(id: "1122.01.JD_PAY") { id }
      journal(account: "1122.01.JD_PAY") { edges { cursor } } }"""
    answer = own_books.read(query, "jade")
    assert answer["account"] is None and answer["journal"] == EMPTY_PAGE
    assert [edge["node"]["id"] for edge in answer["accounts"]["edges"]] == [
        f"{code}.JD_PAY" for code in ("1122.03", "2241.02", "2241.03", "2241.04")
    ]
    channel = own_books.read('{ account(id: "1122.01.JD_PAY") { id } }', "auditor")
    assert channel["account"] == {"id": "1122.01.JD_PAY"}
