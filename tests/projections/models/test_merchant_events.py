"""Facts in; what members hear out: an example of every kind, which is what docs/events.md shows."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, select

from domain.accounting.reversal import Reversed
from domain.accounting.rules.deduction import deduction_asked
from domain.authority import deduction
from domain.clearing import day
from domain.kernel import Fact, Recorded
from domain.member.member import Registered
from domain.member.webhook import KINDS, PING
from domain.order import order
from domain.payment import suspense
from domain.settlement import batch
from domain.transaction import refund
from projections.heard import HEARD, MOVES
from projections.models import merchant_events as model
from projections.models import merchant_statements
from projections.models.merchant_events import MODEL, Event
from tests.examples import (
    BATCH_ID,
    BUYER,
    BUYER_NAME,
    EXAMPLES,
    MERCHANT,
    MERCHANT_NAME,
    ORDER_NO,
    PAY_DAY,
    SUBJECT,
    TRANSACTION_ID,
    log,
)
from tests.projections.applied import apply

TEA = "TEAHOUSE"


def at(stream: str, name: str) -> tuple[str, Fact]:
    return stream, EXAMPLES[name]


BATCH = f"settlement-{BATCH_ID}"
FACTS = log(
    at(f"order-{ORDER_NO}", "order.placed.1"),
    at(f"order-{ORDER_NO}", "order.payment_declined.1"),
    at(f"transaction-{TRANSACTION_ID}", "transaction.paid.2"),
    at("refund-R1", "refund.requested.2"),
    at("refund-R1", "refund.succeeded.1"),
    at("refund-R2", "refund.requested.2"),
    at("refund-R2", "refund.failed.1"),
    at("refund-R3", "refund.approval_requested.1"),
    at("refund-R3", "refund.rejected.1"),
    at("withdrawal-W1", "withdrawal.requested.1"),
    at("withdrawal-W1", "withdrawal.succeeded.1"),
    at("withdrawal-W1", "withdrawal.returned.1"),
    at("withdrawal-W2", "withdrawal.requested.1"),
    at("withdrawal-W2", "withdrawal.failed.1"),
    at("withdrawal-W3", "withdrawal.requested.1"),
    at("withdrawal-W3", "withdrawal.turned_down.1"),
    at(BATCH, "settlement.batch_closed.1"),
    at(BATCH, "settlement.payout_failed.1"),
    at(BATCH, "settlement.payout_succeeded.1"),
    at(BATCH, "settlement.batch_settled.1"),
    at(BATCH, "settlement.payout_returned.1"),
    at(f"settlement-{TEA}-2010-12-02", "settlement.batch_carried_forward.1"),
    at("chargeback-JD_PAY-C1", "chargeback.received.1"),
    at("chargeback-JD_PAY-C1", "chargeback.won.1"),
    at("chargeback-JD_PAY-C2", "chargeback.lost.1"),
    at("chargeback-JD_PAY-C3", "chargeback.accepted.1"),
    at("day-books", "clearing.day_closed.1"),
    at(f"webhooks-{MERCHANT}", "webhook.pinged.1"),
)


def heard(connection: Connection, member: str = MERCHANT) -> list[Event]:
    return model.events(connection, member, 0, 1_000)


def kinds(connection: Connection, member: str = MERCHANT) -> list[str]:
    return [one.kind for one in heard(connection, member)]


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_every_kind_is_heard_by_whom_it_concerns(books: Connection, size: int) -> None:
    apply(books, MODEL, FACTS, size)
    assert kinds(books) == [
        "payment.failed",
        "payment.succeeded",
        "refund.succeeded",
        "refund.failed",
        "refund.rejected",
        "settlement_batch.sealed",
        "payout.failed",
        "payout.succeeded",
        "settlement_batch.settled",
        "payout.returned",
        "chargeback.received",
        "chargeback.won",
        "chargeback.lost",
        "chargeback.lost",
        "statement.ready",
        PING,
    ]
    assert kinds(books, BUYER) == [
        "withdrawal.succeeded",
        "withdrawal.returned",
        "withdrawal.failed",
        "withdrawal.turned_down",
    ]
    assert kinds(books, TEA) == ["settlement_batch.carried_forward"]
    events = heard(books)
    assert [one.sequence for one in events] == list(range(1, len(events) + 1))
    for one in events:
        body = json.loads(one.body)
        assert (body["position"], body["sequence"]) == (one.position, one.sequence)
        assert (body["id"], body["type"]) == (f"evt_{one.position}_{MERCHANT}", one.kind)
        assert (body["member_id"], body["object"]) == (MERCHANT, one.object)


def test_an_order_of_several_merchants_tells_each_its_own_part(books: Connection) -> None:
    lines = (
        order.OrderLine(MERCHANT, 700, SUBJECT, 1),
        order.OrderLine(TEA, 300, SUBJECT, 1),
    )
    placed = order.Placed(BUYER, "escrow", lines, 1_000)
    apply(books, MODEL, log(("order-N1", placed), at("order-N1", "order.payment_declined.1")), 1)
    for merchant, amount_fen in ((MERCHANT, 700), (TEA, 300)):
        (event,) = heard(books, merchant)
        data = json.loads(event.body)["data"]
        assert data["transaction_id"] == f"{merchant}-N1"
        assert (data["amount_fen"], data["state"]) == (amount_fen, "failed")


@pytest.mark.parametrize("size", [1, 100])
def test_a_refund_in_parts_is_heard_of_once_when_the_last_has_ended(
    books: Connection, size: int
) -> None:
    part: Any = EXAMPLES["refund.part_succeeded.1"]
    facts: list[tuple[str, Fact]] = [
        at("refund-R1", "refund.requested.2"),
        ("refund-R1", part),
        ("refund-R1", replace(part, part=1, amount_fen=400, whole="succeeded")),
        at("refund-R2", "refund.requested.2"),
        ("refund-R2", part),
        at("refund-R2", "refund.part_failed.1"),
    ]
    apply(books, MODEL, log(*facts), size)
    assert kinds(books) == ["refund.succeeded", "refund.failed"]
    assert json.loads(heard(books)[0].body)["data"]["amount_fen"] == 1_000
    assert isinstance(facts[0][1], refund.Requested)


def test_a_statement_is_ready_for_who_moved_on_that_date(books: Connection) -> None:
    closed: Any = EXAMPLES["clearing.day_closed.1"]
    moved = at(f"transaction-{TRANSACTION_ID}", "transaction.paid.2")
    quiet = ("day-books", replace(closed, date=day.Closed(closed.date, ()).date.replace(day=9)))
    apply(books, MODEL, log(moved, ("day-books", closed), quiet), 1)
    assert kinds(books) == ["payment.succeeded", "statement.ready"]
    data = json.loads(heard(books)[-1].body)["data"]
    assert data == {"date": closed.date.isoformat(), "state": "ready"}


def test_nothing_of_a_person_is_in_what_is_sent(books: Connection) -> None:
    apply(books, MODEL, FACTS)
    for member in (MERCHANT, TEA, BUYER):
        for one in heard(books, member):
            told = one.body.replace(MERCHANT, "")
            for word in (BUYER_NAME, MERCHANT_NAME, "insufficient", "looks odd", "closed", "6222"):
                assert word not in told
            if member != BUYER:
                assert BUYER not in told, "who bought is not said"
            assert "." not in str(json.loads(one.body)["data"].get("amount_fen", 0)), "whole fen"


def test_whose_statement_moves_is_what_the_statements_say() -> None:
    assert set(MOVES) == set(merchant_statements.MODEL.folds) - {Registered, Reversed}


def on(account: str, of: type[Fact]) -> Any:
    """An entry that takes from an account, in a fact of a kind."""
    entry = deduction_asked(PAY_DAY, account, 5)
    found = next(one for one in EXAMPLES.values() if type(one) is of)
    return replace(cast(Any, found), entry=entry)


HELD, SAID = f"reserve-{MERCHANT}-2011-01-07", f"2241.03.{MERCHANT}"


@pytest.mark.parametrize(
    ("stream", "fact", "members"),
    [
        (HELD, EXAMPLES["reserve.released.1"], [MERCHANT]),
        ("deposit-B1", EXAMPLES["deposit.taken.1"], [MERCHANT]),
        ("deposit-B1", EXAMPLES["deposit.returned.1"], [MERCHANT]),
        *(
            (stream, on(account, of), members)
            for stream, of in (
                ("deduction-K1", deduction.Asked),
                ("deduction-K1", deduction.Failed),
                ("deduction-K1", deduction.Returned),
                ("suspense-a-late-b", suspense.Opened),
                (BATCH, batch.PayoutSucceeded),
            )
            for account, members in ((SAID, [MERCHANT]), (f"2241.01.{BUYER}", []))
        ),
    ],
)
def test_a_day_on_which_other_money_moved_has_a_statement(
    books: Connection, stream: str, fact: Any, members: list[str]
) -> None:
    """Whose lines the statement gets, hears that it is ready; nobody else does."""
    closed = replace(cast(Any, EXAMPLES["clearing.day_closed.1"]), date=fact.entry.date)
    facts = log((f"member-{MERCHANT}", EXAMPLES["member.registered.1"]), (stream, fact))
    apply(books, merchant_statements.MODEL, facts)
    ends = select(merchant_statements.DAYS.c.merchant)
    assert list(books.execute(ends).scalars()) == members
    apply(books, MODEL, log((stream, fact), ("day-books", closed)), 1)
    ready = [one for one in (MERCHANT, TEA, BUYER) if "statement.ready" in kinds(books, one)]
    assert ready == members


def test_the_pages_of_events_go_on_where_the_last_ended(books: Connection) -> None:
    apply(books, MODEL, FACTS)
    events, after, pages = heard(books), 0, []
    while page := model.events(books, MERCHANT, after, 5):
        pages += page
        after = page[-1].position
    assert pages == events
    assert model.events(books, MERCHANT, 0, 9, ["payout.failed"]) == [events[6]]
    assert model.event_at(books, MERCHANT, events[3].position) == events[3]
    assert model.event_at(books, MERCHANT, 1) is None


SAYS = {
    "payment.succeeded": "A transaction of yours is paid.",
    "payment.failed": "A payment was declined; the order may be paid anew.",
    "refund.succeeded": "A refund has reached the buyer, all parts of it.",
    "refund.failed": "A channel did not take a refund; the money is in the buyer's wallet.",
    "refund.rejected": "An operator has rejected a refund that needed an approval.",
    "withdrawal.succeeded": "A withdrawal was paid, less its fee.",
    "withdrawal.failed": "A withdrawal was not paid; the wallet has the money again.",
    "withdrawal.turned_down": "An operator did not approve a withdrawal; likewise.",
    "withdrawal.returned": "The bank returned a withdrawal; likewise.",
    "payout.succeeded": "A transfer of a settlement batch was paid.",
    "payout.failed": "A transfer was not paid; it can be tried again.",
    "payout.returned": "A transfer that was paid came back, days later.",
    "settlement_batch.sealed": "A batch is fixed: what it comes to, and when it is due.",
    "settlement_batch.settled": "All transfers of a batch were paid.",
    "settlement_batch.carried_forward": "A batch had nothing to pay: its sum is in a later one.",
    "chargeback.received": "A payer's bank disputes a payment, or wants evidence of it.",
    "chargeback.won": "A chargeback was decided for you: the money is yours again.",
    "chargeback.lost": "A chargeback was lost, or accepted: the payer keeps the money.",
    "statement.ready": "A business day is closed: your statement of it does not change any more.",
    PING: "A test that somebody asked for. It goes to that endpoint alone, whatever its kinds.",
}


def test_every_kind_has_an_example_in_the_docs(
    books: Connection, golden: Callable[[str, str], None]
) -> None:
    """The examples are what the code makes of the golden facts: a change is a diff for review."""
    apply(books, MODEL, FACTS)
    found = {one.kind: one for member in (MERCHANT, TEA, BUYER) for one in heard(books, member)}
    assert list(SAYS) == [*KINDS, PING]
    assert set(found) == set(SAYS)
    parts = [
        "# Events\n",
        "What members hear, and the very bytes of an example of each, without the line breaks. How",
        "they are sent, and how to check them: [webhooks.md](webhooks.md). Amounts are whole fen,",
        "times are of the business, with their offset. This page is written by a test.\n",
    ]
    for kind, what in SAYS.items():
        body = json.dumps(json.loads(found[kind].body), ensure_ascii=False, indent=2)
        parts += [f"## `{kind}`\n", f"{what}\n", f"```json\n{body}\n```\n"]
    golden("docs/events.md", "\n".join(parts))


def test_the_story_is_heard_the_same_however_it_is_told(
    told: Connection, story_facts: list[Recorded]
) -> None:
    """Every fact that says something of one member says it once, in order."""
    with_events = {type(one.fact) for one in story_facts} & set(HEARD)
    assert len(with_events) > 12
    for member in (MERCHANT, TEA, BUYER):
        positions = [one.position for one in heard(told, member)]
        assert positions == sorted(set(positions))
