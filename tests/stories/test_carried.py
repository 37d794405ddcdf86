"""Money that a batch cannot pay is paid by later ones, through the ends of real days; and whatever
shows batches shows those that are there for a carry alone."""

from datetime import date, timedelta
from typing import Any

from starlette.testclient import TestClient

from api.app import create_app
from api.context import AppContext, open_context
from api.http.keys import create_key
from api.operations.end_of_day import end_of_day
from domain.accounting.commands import HoldMoney, ReleaseHold
from domain.channel.adapters.simulated import SimulatedChannel
from domain.clearing.commands import OpenBooks
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.kernel import Command, Request, day_end_us
from domain.ledger.proof import verify_log
from domain.member.commands import RegisterMember, SignAgreement
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from projections.rebuilding.comparison import check
from projections.registry import READ_MODELS
from tests.shops import shop

FIRST = date(2025, 11, 11)
DAYS = [FIRST + timedelta(days=n) for n in range(6)]
PENDING = "2241.02.TEA"
NET, HELD, MOST = 297_000, 50_000, 25 * 4_000
QUERY = """{
  settlementBatches(merchantId: "TEA") { edges { node {
    id state count carryIn { minor } due { minor } carryOut { minor } paid { minor }
    digest dueDate sealedBy reviewedBy payouts { amount { minor } }
  } } }
  merchantStatement(merchantId: "TEA", from: "2025-11-11", to: "2025-12-01") {
    sales { minor } settled { minor } closing { minor }
  }
}"""


def send(context: AppContext, on: date, *commands: Command) -> None:
    for command in commands:
        number = f"n-{context.ledger.head().number}"
        request = Request(number, day_end_us(on) - 7_200_000_000, "operator:1", command)
        context.ledger.submit(request).unwrap()


def auditor(url: str) -> str:
    engine = sqlalchemy_engine(parse_database_url(url))
    try:
        return create_key(engine, "auditor", None, lambda: day_end_us(DAYS[-1]))
    finally:
        engine.dispose()


def asked(context: AppContext, key: str) -> Any:
    """The answer of the application, which closes the ledger when it ends."""
    with TestClient(create_app(context)) as client:
        headers = {"authorization": f"Bearer {key}"}
        answer = client.post("/graphql", json={"query": QUERY}, headers=headers).json()
    assert "errors" not in answer, answer
    return answer["data"]


def fen(money: dict[str, str]) -> int:
    return int(money["minor"])


def test_a_carry_is_paid_day_by_day(migrated_url: str) -> None:
    key, clock = auditor(migrated_url), day_end_us(DAYS[-1])
    context = open_context(migrated_url, SimulatedChannel(), clock=lambda: clock)
    desk = context.desk
    send(
        context,
        FIRST,
        OpenBooks(FIRST),
        RegisterMember("ANN", "personal", "Ann"),
        shop("TEA", "Tea", FeeRule(100), "D+0", 4_000),
        SignAgreement("TEA", "instant", FIRST),
        Checkout("1", "ANN", (OrderLine("TEA", 300_000, "tea"),), "instant"),
        PayOrder("P1", "1", "JD_PAY"),
        RecordOutcome("pay-P1", succeeded="S1"),
        HoldMoney(PENDING, "H1", HELD, "dispute"),
    )
    for day in DAYS:
        if day == DAYS[4]:
            send(context, day, ReleaseHold(PENDING, "H1"))
        report = end_of_day(desk, day)
        assert report.hindrances == []
        assert (report.sealed, report.settled) == ((1, 1) if day <= DAYS[4] else (0, 0))
    desk.catch_up()
    assert verify_log(context.ledger.recorder) == []
    assert check(context.ledger.recorder, context.engine, list(READ_MODELS.values())) == []
    data = asked(context, key)
    batches = [edge["node"] for edge in data["settlementBatches"]["edges"]]
    left = NET - HELD - 2 * MOST
    told = [(one["count"], fen(one["due"]), fen(one["carryOut"]), one["state"]) for one in batches]
    assert told == [
        ("1", MOST, NET - MOST, "settled"),
        ("0", MOST, HELD + left, "settled"),
        ("0", left, HELD, "settled"),
        ("0", 0, HELD, "carried_forward"),
        ("0", HELD, 0, "settled"),
    ]
    assert [fen(one["carryIn"]) for one in batches] == [0, NET - MOST, HELD + left, HELD, HELD]
    assert all(fen(one["paid"]) == fen(one["due"]) for one in batches)
    amounts = [fen(payout["amount"]) for one in batches for payout in one["payouts"]]
    assert sum(amounts) == NET and max(amounts) == 4_000
    for day, one in zip(DAYS, batches, strict=False):
        assert (one["id"], one["dueDate"]) == (f"TEA-{day}", str(day))
        assert one["sealedBy"] and one["reviewedBy"]
        assert bool(one["digest"]) == (one["count"] == "1")
    statement = data["merchantStatement"]
    assert [fen(statement[name]) for name in ("sales", "settled", "closing")] == [300_000, NET, 0]
