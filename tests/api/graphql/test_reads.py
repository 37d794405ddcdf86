"""What the schema answers about the books of the story, figure by figure."""

from typing import Any

import pytest

from projections.registry import READ_MODELS
from tests.api.graphql.conftest import TEA, TEA_ORDERS, Books
from tests.examples import BATCH_ID, BUYER, MERCHANT, MERCHANT_NAME, PAYOUT_NO, SUBJECT

FIGURES = ["opening", "sales", "refunds", "fees", "settled", "recovered", "closing", "inEscrow"]
MONEY = "{minor currency decimal}"


def fen(money: dict[str, str]) -> int:
    """The minor units of a Money, checked to be one."""
    minor, decimal = money["minor"], money["decimal"]
    assert isinstance(minor, str) and money["currency"] == "CNY"
    assert decimal.replace(".", "").lstrip("-").lstrip("0") == minor.lstrip("-").lstrip("0")
    assert decimal[-3] == "."
    return int(minor)


def figures(answer: dict[str, Any]) -> dict[str, int]:
    return {name: fen(answer[name]) for name in FIGURES}


STATEMENT = f"""
query($m: ID!, $from: Date, $to: Date) {{
  merchantStatement(merchantId: $m, from: $from, to: $to) {{
    merchantId from to
    {" ".join(name + MONEY for name in FIGURES)}
    lines {{
      edges {{ cursor node {{ at accountingDate kind reference amount{MONEY} balance{MONEY} }} }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}"""


def test_a_merchants_statement_adds_up(books: Books) -> None:
    variables = {"m": MERCHANT, "from": "2010-12-01", "to": "2010-12-10"}
    statement = books.read(STATEMENT, "merchant", **variables)["merchantStatement"]
    assert (statement["merchantId"], statement["from"], statement["to"]) == tuple(
        variables.values()
    )
    assert figures(statement) == {
        "opening": 0,
        "sales": 9_000,  # 10,000 paid, 1,000 refunded before release
        "refunds": 2_000,
        "fees": 42,  # 54 on the release, 12 of it given back
        "settled": 6_958,
        "recovered": 0,
        "closing": 0,
        "inEscrow": 5_000,
    }
    lines = [edge["node"] for edge in statement["lines"]["edges"]]
    for kind in ("sales", "refunds", "fees", "settled"):
        total = sum(fen(line["amount"]) for line in lines if line["kind"] == kind)
        assert total == fen(statement[kind])
    assert [line["kind"] for line in lines] == ["sales", "fees", "refunds", "fees", "settled"]
    assert lines[0]["at"] == "2010-12-08T02:00:00Z"
    assert lines[0]["accountingDate"] == "2010-12-08"
    assert lines[0]["reference"].startswith(f"transaction-{MERCHANT}-JD1001#")
    assert fen(lines[-1]["balance"]) == 0
    assert statement["lines"]["pageInfo"]["hasNextPage"] is False


def test_a_statements_interval_is_half_open(books: Books) -> None:
    before = {"m": MERCHANT, "from": "2010-12-01", "to": "2010-12-09"}
    statement = books.read(STATEMENT, **before)["merchantStatement"]
    assert fen(statement["closing"]) == 6_958
    after = books.read(STATEMENT, m=MERCHANT, **{"from": "2010-12-09"})["merchantStatement"]
    assert (fen(after["opening"]), fen(after["settled"]), fen(after["closing"])) == (
        6_958,
        6_958,
        0,
    )
    assert after["to"] is None
    nothing = {"m": MERCHANT, "from": "2010-12-09", "to": "2010-12-09"}
    empty = books.read(STATEMENT, **nothing)["merchantStatement"]
    assert (fen(empty["opening"]), empty["lines"]["edges"]) == (6_958, [])


def test_statement_lines_come_in_pages(books: Books) -> None:
    query = """
    query($after: String) { merchantStatement(merchantId: "SQUIRRELS") {
      lines(first: 2, after: $after) {
        edges { cursor node { kind amount { minor } } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""
    seen: list[str] = []
    after = None
    while True:
        page = books.read(query, after=after)["merchantStatement"]["lines"]
        seen += [edge["node"]["kind"] for edge in page["edges"]]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        assert len(page["edges"]) == 2
        after = page["pageInfo"]["endCursor"]
    assert seen == ["sales", "fees", "refunds", "fees", "settled"]


def test_an_account_has_its_balance(books: Books) -> None:
    query = f"""{{ account(id: "2241.04.{MERCHANT}") {{ id code title owner type currency
      status frozen balance{MONEY} debit{MONEY} credit{MONEY} held{MONEY} available{MONEY}
      postings }} }}"""
    account = books.read(query)["account"]
    assert (account["code"], account["owner"], account["type"]) == (
        "2241.04",
        MERCHANT,
        "liability",
    )
    assert (account["title"], account["status"], account["frozen"]) == (
        "担保交易中间户",
        "open",
        "",
    )
    assert (fen(account["balance"]), fen(account["available"])) == (5_000, 5_000)
    assert (fen(account["credit"]), fen(account["debit"])) == (15_000, 10_000)
    assert account["postings"] == "4"


def test_accounts_by_owner_and_code(books: Books) -> None:
    query = """query($owner: ID, $prefix: String) {
      accounts(owner: $owner, codePrefix: $prefix, first: 100) { edges { node { id } } } }"""

    def ids(**variables: Any) -> list[str]:
        edges = books.read(query, **variables)["accounts"]["edges"]
        return [edge["node"]["id"] for edge in edges]

    own = [f"{code}.{MERCHANT}" for code in ("1122.03", "2241.02", "2241.03", "2241.04")]
    assert ids(owner=MERCHANT) == own
    assert ids(owner=MERCHANT, prefix="2241") == own[1:]
    assert ids(prefix="2241.04") == [f"2241.04.{MERCHANT}", f"2241.04.{TEA}"]
    assert ids(owner="NOBODY_AT_ALL") == []
    assert "1001.01" in ids()


TRANSACTION = f"""
  id orderNo merchantId buyerId subject items mode state channel paymentNo feeRateBps
  amount{MONEY} refunded{MONEY} released{MONEY} fee{MONEY}
  createdAt paidAt completedAt confirmBy clearingDate settlementBatchId
  entries {{ reference rule accountingDate at
    lines {{ account title debit{MONEY} credit{MONEY} }} }}
"""


def test_a_transaction_shows_the_entries_that_moved_its_money(books: Books) -> None:
    query = f'{{ transaction(id: "{MERCHANT}-JD1001") {{ {TRANSACTION} }} }}'
    found = books.read(query, "merchant")["transaction"]
    assert (found["merchantId"], found["buyerId"], found["subject"]) == (MERCHANT, BUYER, SUBJECT)
    assert (found["state"], found["mode"], found["items"]) == ("completed", "escrow", "2")
    assert (fen(found["amount"]), fen(found["refunded"])) == (10_000, 3_000)
    assert (fen(found["released"]), fen(found["fee"])) == (7_000, 42)
    assert found["createdAt"] == "2010-12-01T02:00:00Z"
    assert found["confirmBy"] == found["completedAt"] == "2010-12-08T02:00:00Z"
    assert (found["clearingDate"], found["settlementBatchId"]) == ("2010-12-08", BATCH_ID)
    entries = found["entries"]
    assert len(entries) == 4  # paid, refunded out of escrow, released, refunded after release
    for entry in entries:
        debits = sum(fen(line["debit"]) for line in entry["lines"])
        assert debits == sum(fen(line["credit"]) for line in entry["lines"]) > 0
    assert [line["account"] for line in entries[0]["lines"]] == [
        "1122.01.JD_PAY",
        f"2241.04.{MERCHANT}",
    ]


def test_transactions_by_merchant_date_and_state(books: Books) -> None:
    query = """query($m: ID, $from: Date, $to: Date, $state: String) {
      transactions(merchantId: $m, from: $from, to: $to, state: $state, first: 100) {
        edges { node { id state } } } }"""

    def ids(**variables: Any) -> list[str]:
        edges = books.read(query, **variables)["transactions"]["edges"]
        return [edge["node"]["id"] for edge in edges]

    assert ids(m=MERCHANT) == [f"{MERCHANT}-JD1001", f"{MERCHANT}-JD1002"]
    assert ids(m=MERCHANT, state="paid") == [f"{MERCHANT}-JD1002"]
    assert ids(**{"from": "2010-12-01", "to": "2010-12-02"}) == [
        f"{MERCHANT}-JD1001",
        f"{TEA}-JD1001",
    ]
    assert len(ids()) == TEA_ORDERS + 3


def test_pages_of_transactions_meet_without_gap(books: Books) -> None:
    query = """query($after: String) { transactions(first: 7, after: $after) {
      edges { node { id } } pageInfo { hasNextPage endCursor } } }"""
    seen: list[str] = []
    after = None
    while True:
        page = books.read(query, after=after)["transactions"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) == TEA_ORDERS + 3


def test_clearing_positions_of_a_day(books: Books) -> None:
    query = f"""query($day: Date!, $channel: ID) {{ clearingPositions(date: $day, channel: $channel)
      {{ accountingDate channel network received{MONEY} receivedCount refunded{MONEY}
         paidOut{MONEY} net{MONEY} closed sealedNet{MONEY} }} }}"""
    (jd,) = books.read(query, day="2010-12-08", channel="JD_PAY")["clearingPositions"]
    assert (jd["network"], jd["receivedCount"], jd["closed"]) == ("NETSUNION", "1", True)
    assert (fen(jd["received"]), fen(jd["refunded"]), fen(jd["net"])) == (5_000, 2_000, 3_000)
    assert fen(jd["sealedNet"]) == 3_000
    today = books.read(query, day="2010-12-09")["clearingPositions"]
    assert [row["channel"] for row in today] == ["BANK_TRANSFER", "CLOUD_QUICKPASS"]
    assert fen(today[0]["paidOut"]) == 6_958
    assert (today[1]["closed"], today[1]["sealedNet"]) == (False, None)


def test_a_settlement_batch_with_its_payouts(books: Books) -> None:
    query = f"""query($id: ID!) {{ settlementBatch(id: $id) {{ id merchantId clearingDate dueDate
      cycle state count gross{MONEY} fee{MONEY} refund{MONEY} net{MONEY} due{MONEY} paid{MONEY}
      maxTransfer{MONEY} sealedBy reviewedBy
      payouts {{ payoutNo number amount{MONEY} status reason }} }} }}"""
    batch = books.read(query, "merchant", id=BATCH_ID)["settlementBatch"]
    assert (batch["state"], batch["cycle"], batch["dueDate"]) == ("settled", "T+1", "2010-12-09")
    assert (fen(batch["gross"]), fen(batch["fee"]), fen(batch["refund"])) == (9_000, 42, 2_000)
    assert (fen(batch["net"]), fen(batch["paid"]), batch["maxTransfer"]) == (6_958, 6_958, None)
    assert (batch["sealedBy"], batch["reviewedBy"]) == ("operator:lin", "operator:zhao")
    (payout,) = batch["payouts"]
    assert (payout["payoutNo"], payout["number"], payout["status"]) == (PAYOUT_NO, 1, "succeeded")
    query = """{ settlementBatches(from: "2010-12-08", to: "2010-12-09") {
      edges { node { id payouts { payoutNo } } } } }"""
    edges = books.read(query)["settlementBatches"]["edges"]
    assert [edge["node"]["id"] for edge in edges] == [BATCH_ID, f"{TEA}-2010-12-08"]


def test_the_journal_of_an_account(books: Books) -> None:
    query = f"""query($a: ID!, $from: Date) {{ journal(account: $a, from: $from) {{ edges {{ node {{
      reference position lineNo fact rule at accountingDate account actor
      debit{MONEY} credit{MONEY} }} }} }} }}"""
    edges = books.read(query, "merchant", a=f"2241.02.{MERCHANT}")["journal"]["edges"]
    lines = [edge["node"] for edge in edges]
    moves = [fen(line["credit"]) - fen(line["debit"]) for line in lines]
    assert moves == [8_946, -1_988, -6_958]
    assert lines[0]["fact"] == "transaction.cleared.1"
    later = {"a": f"2241.02.{MERCHANT}", "from": "2010-12-09"}
    assert len(books.read(query, **later)["journal"]["edges"]) == 1


def test_the_trial_balance_balances(books: Books) -> None:
    query = f"""query($d: Date) {{ trialBalance(asOf: $d) {{ asOf balanced debits{MONEY}
      credits{MONEY} rows {{ code title type debit{MONEY} credit{MONEY} }} }} }}"""
    for day in (None, "2010-12-01", "2010-12-08"):
        trial = books.read(query, d=day)["trialBalance"]
        assert trial["balanced"] is True and trial["asOf"] == day
        assert fen(trial["debits"]) == fen(trial["credits"]) > 0
        assert sum(fen(row["debit"]) for row in trial["rows"]) == fen(trial["debits"])
    first = books.read(query, d="2010-12-01")["trialBalance"]["rows"]
    balances = {row["code"]: fen(row["credit"]) - fen(row["debit"]) for row in first}
    assert (balances["2241.04"], balances["1122.01"]) == (12_000, -13_000)


def test_members_with_their_terms(books: Books) -> None:
    query = f"""{{ id kind name registeredAt feeRules {{ effectiveFrom rateBps fixed{MONEY}
      min{MONEY} cap{MONEY} }} settlementTerms {{ effectiveFrom cycle maxTransfer{MONEY} }}
      operators {{ id role }} }}"""
    member = books.read(f'{{ member(id: "{MERCHANT}") {query} }}', "merchant")["member"]
    assert (member["name"], member["kind"]) == (MERCHANT_NAME, "enterprise")
    assert [(rule["rateBps"], rule["cap"]) for rule in member["feeRules"]] == [(60, None)]
    assert [terms["cycle"] for terms in member["settlementTerms"]] == ["T+1"]
    assert member["operators"] == [
        {"id": "CHEN", "role": "viewer"},
        {"id": "LIAO", "role": "owner"},
        {"id": "ZHANG", "role": "finance"},
    ]
    listed = books.read(f'{{ members(kind: "enterprise") {{ edges {{ node {query} }} }} }}')
    assert [edge["node"]["id"] for edge in listed["members"]["edges"]] == [MERCHANT, TEA]


def test_the_ledgers_head_and_its_projections(books: Books) -> None:
    head = books.context.ledger.head()
    answer = books.read(
        "{ ledger { position recordedAt hash }"
        "  projections { name position head lagEvents state reason } }"
    )
    assert answer["ledger"] == {
        "position": str(head.position),
        "recordedAt": "2010-12-01T02:00:00Z",
        "hash": head.hash.hex(),
    }
    assert len(answer["projections"]) == len(READ_MODELS)
    for projection in answer["projections"]:
        assert projection["position"] == projection["head"] == str(head.position)
        assert (projection["lagEvents"], projection["state"]) == ("0", "running")


@pytest.mark.parametrize(
    "field",
    [
        'account(id: "2241.02.NOBODY"){id}',
        'transaction(id: "x"){id}',
        'member(id: "x"){id}',
        'settlementBatch(id: "x"){id}',
        'merchantStatement(merchantId: "x"){merchantId}',
        f'merchantStatement(merchantId: "{BUYER}"){{merchantId}}',
    ],
)
def test_what_does_not_exist_is_null(books: Books, field: str) -> None:
    assert list(books.read(f"{{ {field} }}").values()) == [None]


def test_an_empty_ledger_answers_too(own_books: Books) -> None:
    answer = own_books.read("{ ledger{position} trialBalance{balanced rows{code}} }")
    assert answer == {"ledger": None, "trialBalance": {"balanced": True, "rows": []}}
