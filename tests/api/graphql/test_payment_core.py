"""Payments by several legs, their refunds, instructions and attempts: both executors, each role."""

from typing import Any

import pytest

from api.graphql.plan.books import PostgresBooks, SqliteBooks
from api.graphql.schema import SCHEMA
from domain.channel.commands import PlanMaintenance, RegisterChannel, WithdrawMaintenance
from domain.channel.network import Charge
from domain.clearing.commands import OpenBooks
from domain.kernel import Command
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.asking import AskChannel, ClaimAttempt, RecordAnswer
from domain.payment.commands import LegAsked, RechargeWallet, RecordOutcome
from domain.transaction.commands import RefundTransaction
from tests.api.graphql.conftest import TEA, Books
from tests.examples import BUYER, MERCHANT, PAY_DAY, SUBJECT
from tests.shops import shop

LEGS = (
    LegAsked("WALLET_BALANCE", 800),
    LegAsked("JD_PAY", 1_500),
    LegAsked("CLOUD_QUICKPASS", 600),
)
EXCHANGE = "ab" * 32
STEPS: tuple[Command, ...] = (
    OpenBooks(PAY_DAY),
    RegisterMember(BUYER, "personal", "Li Lei"),
    shop(MERCHANT, "Nuts", FeeRule(60), "T+1"),
    shop(TEA, "Tea", FeeRule(60), "T+1"),
    RechargeWallet("W1", BUYER, "WECHAT_PAY", 2_000),
    RecordOutcome("pay-W1", succeeded="W"),
    # Nuts alone, by three legs; refunded by two of them, and by one.
    Checkout("A1", BUYER, (OrderLine(MERCHANT, 2_900, SUBJECT),)),
    PayOrder("PA1", "A1", legs=LEGS),
    ClaimAttempt("pay2-PA1", 1, True, "pay2PA1", "pay2PA1x"),
    RecordAnswer("pay2-PA1", "unknown", reason="no answer", attempt=1, exchange=EXCHANGE),
    RecordOutcome("pay2-PA1", succeeded="J"),
    RecordOutcome("pay3-PA1", succeeded="C"),
    RefundTransaction("R1", f"{MERCHANT}-A1", 1_700),
    RefundTransaction("R2", f"{MERCHANT}-A1", 500),
    RecordOutcome("refund1-R1", declined="card closed"),
    # Both, by one leg; nuts, given up.
    Checkout("A2", BUYER, (OrderLine(MERCHANT, 600, SUBJECT), OrderLine(TEA, 400, SUBJECT))),
    PayOrder("PA2", "A2", "JD_PAY"),
    RecordOutcome("pay-PA2", succeeded="S2"),
    Checkout("A3", BUYER, (OrderLine(MERCHANT, 2_900, SUBJECT),)),
    PayOrder("PA3", "A3", legs=LEGS),
    RecordOutcome("pay2-PA3", succeeded="J3"),
)
DECLINED = RecordOutcome("pay3-PA3", declined="no money")


@pytest.fixture
def paid(own_books: Books) -> Books:
    own_books.do(*STEPS)
    own_books.do(DECLINED)
    own_books.catch_up()
    return own_books


FIELDS = """no state channel amount { minor } reason
  legs { number kind code channel amount { minor decimal currency } state reason instructionId
         __typename }
  instructions { id channelNumber state purpose channel amount { minor }
                 attempts { number at kind outcome detail exchange answeredAt position } }
  timeline { at what leg position }"""
ONE = f"query($no: ID!) {{ payment(no: $no) {{ {FIELDS} }} }}"
MANY = f"{{ payments(first: 10) {{ edges {{ node {{ {FIELDS} }} }} }} }}"
REFUND = """query($no: ID!) { refund(no: $no) { no state
  parts { number leg kind channel amount { minor } state reason instructionId }
  instructions { id purpose attempts { kind } } } }"""


def payment(books: Books, no: str, role: str = "auditor") -> Any:
    return books.read(ONE, role, no=no)["payment"]


def test_a_payment_tells_its_legs_instructions_and_steps(paid: Books) -> None:
    found = payment(paid, "PA1")
    assert (found["state"], found["channel"]) == ("succeeded", "JD_PAY")
    legs = [
        (one["number"], one["kind"], one["code"], one["channel"], one["amount"]["minor"],
         one["state"], one["instructionId"])
        for one in found["legs"]
    ]  # fmt: skip
    assert legs == [
        (1, "wallet", "WALLET_BALANCE", None, "800", "captured", None),
        (2, "channel", "JD_PAY", "JD_PAY", "1500", "captured", "pay2-PA1"),
        (3, "channel", "CLOUD_QUICKPASS", "CLOUD_QUICKPASS", "600", "captured", "pay3-PA1"),
    ]
    asked = found["instructions"]
    assert [one["id"] for one in asked] == ["pay2-PA1", "pay3-PA1"]
    (attempt,) = asked[0]["attempts"]
    assert (attempt["number"], attempt["kind"], attempt["exchange"]) == (1, "send", EXCHANGE)
    assert attempt["outcome"] and asked[1]["attempts"] == []
    told = [(one["what"], one["leg"]) for one in found["timeline"]]
    assert told == [
        ("started", None),
        ("unknown", None),
        ("leg_succeeded", 2),
        ("known", None),
        ("succeeded", None),
        ("captured", None),
    ]
    positions = [int(one["position"]) for one in found["timeline"]]
    assert positions == sorted(positions) and len(set(positions)) == 6


def test_one_leg_has_the_same_shape(paid: Books) -> None:
    found = payment(paid, "PA2")
    (leg,) = found["legs"]
    assert (leg["number"], leg["kind"], leg["code"], leg["state"]) == (
        1, "channel", "JD_PAY", "captured",
    )  # fmt: skip
    assert leg["instructionId"] == found["instructions"][0]["id"] == "pay-PA2"
    assert [one["what"] for one in found["timeline"]] == ["started", "succeeded"]


def test_a_plan_that_is_given_up(paid: Books) -> None:
    found = payment(paid, "PA3")
    assert [one["state"] for one in found["legs"]] == ["released", "sending_back", "declined"]
    assert [one["id"] for one in found["instructions"]] == ["pay2-PA3", "pay3-PA3", "back2-PA3"]
    wallet = paid.read(f'{{ wallet(memberId: "{BUYER}") {{ held {{ minor }} }} }}')["wallet"]
    assert wallet["held"]["minor"] == "0"


def test_while_it_is_given_up_it_can_be_read(own_books: Books) -> None:
    """One leg is declined, another not known yet."""
    own_books.do(*STEPS[:-1], DECLINED)
    own_books.catch_up()
    found = payment(own_books, "PA3")
    assert found["state"] == "giving_up"
    assert [one["state"] for one in found["legs"]] == ["released", "waiting", "declined"]


def _answers(instruction_id: str, attempt: int, word: Any, **more: Any) -> tuple[Command, ...]:
    """The next request, long after the one before, and what is answered."""
    claim = ClaimAttempt(instruction_id, attempt, True, instruction_id, f"{instruction_id}x")
    asked = AskChannel(instruction_id)
    return (asked, claim, RecordAnswer(instruction_id, word, attempt=attempt, **more))


def test_what_was_unknown_and_is_answered_again_goes_on(own_books: Books) -> None:
    """A payment is unknown as long as one of its legs is, a refund as long as one of its parts."""

    def standing() -> tuple[str, str | None]:
        own_books.catch_up()
        found = payment(own_books, "PA1")
        return found["state"], found["reason"]

    own_books.do(*STEPS[:8])
    own_books.do(*_answers("pay2-PA1", 1, "unknown", reason="time is up"))
    own_books.do(*_answers("pay3-PA1", 1, "unknown", reason="no answer"))
    assert standing() == ("unknown", "time is up")
    own_books.do(*_answers("pay2-PA1", 2, "not_found", reason="no such order"))
    own_books.do(*_answers("pay3-PA1", 2, "awaiting_payer", url="https://pay"))
    assert standing() == ("unknown", "time is up")
    own_books.do(*_answers("pay2-PA1", 3, "processing"))
    assert standing() == ("paying", None)
    own_books.do(*_answers("pay2-PA1", 4, "unknown", reason="down"))
    assert standing() == ("unknown", "down")
    told = [one["what"] for one in payment(own_books, "PA1")["timeline"]]
    assert told == ["started", "unknown", "known", "unknown"]
    own_books.do(RecordOutcome("pay2-PA1", succeeded="J"), RecordOutcome("pay3-PA1", succeeded="C"))
    assert standing() == ("succeeded", None)

    def refunded() -> tuple[str, str | None]:
        own_books.catch_up()
        found = own_books.read('{ refund(no: "R1") { state reason } }')["refund"]
        return found["state"], found["reason"]

    own_books.do(RefundTransaction("R1", f"{MERCHANT}-A1", 1_700))
    own_books.do(*_answers("refund1-R1", 1, "unknown", reason="time is up"))
    own_books.do(*_answers("refund2-R1", 1, "processing"))
    assert refunded() == ("unknown", "time is up")
    own_books.do(*_answers("refund1-R1", 2, "processing"))
    assert refunded() == ("processing", None)
    own_books.do(*_answers("refund1-R1", 3, "unknown", reason="down"))
    own_books.do(RecordOutcome("refund1-R1", succeeded="B1"))
    assert refunded() == ("processing", None)
    own_books.do(*_answers("refund2-R1", 2, "unknown", reason="down"))
    own_books.do(RecordOutcome("refund2-R1", succeeded="B2"))
    assert refunded() == ("succeeded", None)


SECOND = """query($no: ID!) { payment(no: $no) {
  suspenseItems { item kind serial instructionId amount { minor } waits { minor } state account }
  instructions { id attempts { outcome detail }
                 contradictions { kind serial stage amount { minor } detail } } } }"""


def test_a_second_charge_that_went_back_is_on_the_payment(own_books: Books) -> None:
    own_books.do(*STEPS[:4], RegisterMember("ANN", "personal", "Ann"))
    own_books.do(RechargeWallet("W2", BUYER, "JD_PAY", 700))
    own_books.do(*_answers("pay-W2", 1, "succeeded", serial="S1", amount_fen=700))
    both = (Charge("S1", 700, 1), Charge("S2", 700, 2))
    own_books.do(*_answers("pay-W2", 2, "succeeded", serial="S1", amount_fen=700, charges=both))
    own_books.catch_up()
    found = own_books.read(SECOND, no="W2")["payment"]
    (item,) = found["suspenseItems"]
    assert (item["kind"], item["serial"], item["state"]) == ("second", "S2", "sending_back")
    assert item["amount"] == item["waits"] == {"minor": "700"}
    (asked,) = found["instructions"]
    assert [(one["kind"], one["serial"], one["stage"]) for one in asked["contradictions"]] == [
        ("second", "S2", "ended")
    ]
    own_books.do(RecordOutcome(f"extra-{item['item']}", succeeded="B1"))
    own_books.do(*_answers("pay-W2", 3, "declined", reason="reversed"))
    own_books.catch_up()
    found = own_books.read(SECOND, "operator", no="W2")["payment"]
    assert [(one["kind"], one["state"], one["account"]) for one in found["suspenseItems"]] == [
        ("second", "sent_back", ""), ("declined", "waiting", "1122.04.JD_PAY"),
    ]  # fmt: skip
    told = [(one["outcome"], one["detail"]) for one in found["instructions"][0]["attempts"]]
    assert told == [("succeeded", "S1"), ("confirmed", None), ("declined", "reversed")]


def test_what_channels_contradict_is_not_the_merchants(paid: Books) -> None:
    assert paid.read(SECOND, "merchant", no="PA1")["payment"] == {
        "suspenseItems": None, "instructions": None,
    }  # fmt: skip
    query = "query($no: ID!) { refund(no: $no) { suspenseItems { item } } }"
    assert paid.read(query, no="R1")["refund"] == {"suspenseItems": []}
    assert paid.read(query, "merchant", no="R1")["refund"] == {"suspenseItems": None}


def test_refunds_tell_their_parts(paid: Books) -> None:
    first = paid.read(REFUND, no="R1")["refund"]
    parts = [
        (one["number"], one["leg"], one["channel"], one["amount"]["minor"], one["state"],
         one["reason"], one["instructionId"])
        for one in first["parts"]
    ]  # fmt: skip
    assert parts == [
        (1, 2, "JD_PAY", "1500", "failed", "card closed", "refund1-R1"),
        (2, 3, "CLOUD_QUICKPASS", "200", "processing", None, "refund2-R1"),
    ]
    assert [one["id"] for one in first["instructions"]] == ["refund1-R1", "refund2-R1"]
    second = paid.read(REFUND, no="R2")["refund"]
    assert [(one["leg"], one["kind"]) for one in second["parts"]] == [
        (3, "channel"), (1, "wallet"),
    ]  # fmt: skip


def test_a_merchant_sees_its_own_and_never_what_channels_said(paid: Books) -> None:
    own, shared = payment(paid, "PA1", "merchant"), payment(paid, "PA2", "merchant")
    assert len(own["legs"]) == 3 and own["amount"] == {"minor": "2900"}
    assert shared["legs"] is None and shared["amount"] is None
    assert own["instructions"] is shared["instructions"] is None
    assert EXCHANGE not in str(paid.read(MANY, "merchant"))
    refund = paid.read(REFUND, "merchant", no="R1")["refund"]
    assert len(refund["parts"]) == 2 and refund["instructions"] is None
    assert payment(paid, "PA1", "stranger") is None
    assert paid.read(REFUND, "stranger", no="R1") == {"refund": None}
    (node,) = [one["node"] for one in paid.read(MANY, "stranger")["payments"]["edges"]]
    assert (node["no"], node["legs"]) == ("PA2", None)
    ids = paid.read("{ payments { edges { node { no legs { code } } } } }", "merchant")
    found = {one["node"]["no"]: one["node"]["legs"] for one in ids["payments"]["edges"]}
    assert {no: legs is None for no, legs in found.items()} == {
        "PA1": False, "PA2": True, "PA3": False,
    }  # fmt: skip


def test_a_wallet_and_the_channels(paid: Books) -> None:
    query = """query($m: ID!) { wallet(memberId: $m) { memberId accountId status frozen
      balance { minor } held { minor } available { minor } } }"""
    assert paid.read(query, m=BUYER)["wallet"] == {
        "memberId": BUYER,
        "accountId": f"2241.01.{BUYER}",
        "status": "open",
        "frozen": "",
        "balance": {"minor": "2800"},  # 2,000 − 800 + 1,500 that a card did not take + 100 back.
        "held": {"minor": "0"},
        "available": {"minor": "2800"},
    }
    for nobody in (MERCHANT, "NOBODY", "", f"{BUYER}.x"):
        answer = paid.ask(query, m=nobody)
        assert answer.get("data") == {"wallet": None}, answer
    found = paid.read("{ channels { name network paysIn paysOut registered } }")["channels"]
    assert {one["name"] for one in found if one["registered"]} == {
        "WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS", "BANK_TRANSFER",
    }  # fmt: skip
    (bank,) = [one for one in found if one["name"] == "BANK_TRANSFER"]
    assert (bank["network"], bank["paysIn"], bank["paysOut"]) == ("NETSUNION", False, True)


BUSY = {"reason": "CHANNEL_BUSY", "by_channel": True, "attempt": 1}
ROUTED: tuple[Command, ...] = (
    *STEPS[:4],
    RegisterChannel("UNIONPAY_CARD"),
    RegisterChannel("NETSUNION_CARD"),
    PlanMaintenance("JD_PAY", "2098-12-01T01:00:00+08:00", "2098-12-01T02:00:00+08:00", "new"),
    WithdrawMaintenance("JD_PAY", 1, "put off"),
    PlanMaintenance("JD_PAY", "2098-12-02T01:00:00+08:00", "2098-12-02T02:00:00+08:00", "again"),
    RechargeWallet("W1", BUYER, "BANK_CARD", 500),
    ClaimAttempt("pay-W1", 1, False, "payW1", "payW1x"),
    RecordAnswer("pay-W1", "declined", **BUSY),  # type: ignore[arg-type]
    ClaimAttempt("payb-W1", 1, False, "paybW1", "paybW1x"),
    RecordAnswer("payb-W1", "succeeded", serial="N1", attempt=1),
)
ALL_OF_CHANNELS = """query($first: Int = 20) { channels {
  name registered least { minor } most { minor }
  health { requests answeredBps medianUs well reachable configured }
  maintenance { window beginsAt endsAt reason withdrawn }
  choices: routingDecisions(first: $first) {
    instruction at position chosen reason rejected { channel reason } } } }"""


def test_how_channels_are_doing_and_why_they_were_chosen(own_books: Books) -> None:
    own_books.do(*ROUTED)
    own_books.catch_up()
    found = {one["name"]: one for one in own_books.read(ALL_OF_CHANNELS)["channels"]}
    union, nets, jd = (found[name] for name in ("UNIONPAY_CARD", "NETSUNION_CARD", "JD_PAY"))
    assert union["health"] == {
        "requests": 1, "answeredBps": 0, "medianUs": "0", "well": True, "reachable": True,
        "configured": True,
    }  # fmt: skip
    assert (nets["health"]["requests"], nets["health"]["answeredBps"]) == (1, 10_000)
    assert (jd["health"]["requests"], jd["choices"]) == (0, [])
    assert (nets["most"], union["most"]) == ({"minor": "5000000"}, None)
    assert [(one["window"], one["withdrawn"]) for one in jd["maintenance"]] == [
        ("2", None), ("1", "put off"),
    ]  # fmt: skip
    assert jd["maintenance"][0]["beginsAt"].startswith("2098-12-0")
    told = [(one["instruction"], one["chosen"], one["rejected"]) for one in union["choices"]]
    assert told == [
        ("payb-W1", "NETSUNION_CARD",
         [{"channel": "UNIONPAY_CARD", "reason": "declined it: CHANNEL_BUSY"}]),
        ("pay-W1", "UNIONPAY_CARD",
         [{"channel": "NETSUNION_CARD", "reason": "comes later in order"}]),
    ]  # fmt: skip
    assert union["choices"] == nets["choices"]
    newest = {one["name"]: one for one in own_books.read(ALL_OF_CHANNELS, first=1)["channels"]}
    assert [one["instruction"] for one in newest["UNIONPAY_CARD"]["choices"]] == ["payb-W1"]
    for few in (0, 201):
        assert own_books.ask(ALL_OF_CHANNELS, first=few)["errors"]
    legs = payment(own_books, "W1")["legs"]
    assert [(one["channel"], one["instructionId"]) for one in legs] == [
        ("NETSUNION_CARD", "payb-W1")
    ]


@pytest.mark.parametrize("role", ["operator", "merchant"])
def test_plans_answer_all_of_it(paid: Books, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    async def refused(*_given: Any, **_how: Any) -> None:
        raise AssertionError("the stock executor was asked")

    monkeypatch.setattr(SCHEMA, "execute", refused)
    monkeypatch.setattr(Books, "check_stock", lambda *_given, **_how: None)
    assert paid.read(MANY, role)["payments"]["edges"]
    assert payment(paid, "PA1", role)["legs"]
    assert paid.read(REFUND, role, no="R1")["refund"]["parts"]
    if role == "operator":
        assert paid.read(f'{{ wallet(memberId: "{BUYER}") {{ memberId }} }}', role)["wallet"]
        assert paid.read(ALL_OF_CHANNELS, role)["channels"]
        assert paid.read('{ instruction(id: "pay2-PA1") { attempts { kind } } }', role)


NARROW = """{ payments { edges { node { legs { state } timeline { what } instructions {
  attempts { kind } } } } } refunds { edges { node { parts { state } } } } }"""


def test_no_plan_goes_through_a_table(paid: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where few columns are asked for: what below an object is read is found by its key."""
    told: list[tuple[str, Any]] = []
    for kind in (SqliteBooks, PostgresBooks):
        rows = kind.rows

        def spied(self: Any, statement: Any, values: Any, rows: Any = rows) -> Any:
            told.append((statement, values))
            return rows(self, statement, values)

        monkeypatch.setattr(kind, "rows", spied)
    paid.read(NARROW)
    assert len(told) >= 6
    for statement, values in told:
        below = "keys" in values
        plan = explained(paid, statement, values)
        assert not below or not any(word in plan for word in ("SCAN payment", "SCAN refund",
            "SCAN instruction", "Seq Scan")), plan  # fmt: skip


def explained(books: Books, statement: Any, values: Any) -> str:
    engine = books.context.engine
    how = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.begin() as connection:
        cursor = connection.connection.cursor()
        if engine.dialect.name != "sqlite":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"{how} {statement.text}", statement.parameters(values))
        return "\n".join(str(row) for row in cursor.fetchall())
