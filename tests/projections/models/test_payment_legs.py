"""Legs, steps and parts: what the read models say is what the aggregates say, in any batches."""

from typing import Any

import pytest
from sqlalchemy import Connection

from domain.kernel import Fact, Recorded, key
from domain.payment import payment
from domain.payment.plan import Leg, Share, through
from domain.transaction import refund
from projections.models import orders, payment_legs, payments, refund_parts, refunds
from tests.examples import BUYER, EXAMPLES, MAKER, MERCHANT, PAID_AT, TRANSACTION_ID, log
from tests.projections.applied import apply

ENTRY = EXAMPLES["payment.leg_succeeded.1"].entry  # type: ignore[attr-defined]
LEGS = (
    Leg("channel", "JD_PAY", "JD_PAY", 500),
    Leg("wallet", "WALLET_BALANCE", "", 300),
    Leg("channel", "BANK_CARD", "NETSUNION_CARD", 200),
)
CARD = (Leg("channel", "BANK_CARD", "UNIONPAY_CARD", 900),)
PLACED = EXAMPLES["order.placed.1"]


def started(legs: tuple[Leg, ...]) -> payment.Started:
    return payment.Started("order", "A1", BUYER, sum(leg.amount_fen for leg in legs), legs)


def back(leg: int) -> payment.SendBackStarted:
    return payment.SendBackStarted(leg, LEGS[leg].amount_fen, f"back {leg}", ENTRY)


def rerouted(legs: tuple[Leg, ...], place: int, named: str) -> payment.LegRerouted:
    plan = through(legs, place, "CLOUD_QUICKPASS")
    return payment.LegRerouted(place, plan, named.format("b"), named.format(""), "it is busy")


STORIES: dict[str, list[Fact]] = {
    "TAKEN": [
        started(LEGS),
        payment.BecameUnknown("no answer"),
        payment.LegSucceeded(2, 200, ENTRY),
        payment.Succeeded("order", "A1", 1_000, 0),
        payment.Captured(),
    ],
    "GIVENUP": [
        started(LEGS),
        payment.LegSucceeded(0, 500, ENTRY),
        payment.LegDeclined(2, "no money"),
        payment.SendBackStarted(0, 500, "no money", None),
        payment.Declined("order", "A1", "no money"),
        payment.SendBackFailed(0, 500, "card closed", "", ENTRY),
        payment.Reopened(2, "S9"),
        back(2),
        payment.SentBack(2, 200, "", ENTRY),
    ],
    "TOOLATE": [
        started(LEGS),
        payment.LegSucceeded(0, 500, ENTRY),
        payment.Succeeded("order", "A1", 1_000, 2),
        back(0),
        back(2),
        payment.SentBack(2, 200, "", ENTRY),
        payment.SentBack(0, 500, "sent_back", ENTRY),
    ],
    "WAITS": [started(LEGS), payment.BecameUnknown("no answer"), payment.BecameKnown()],
    "CARD": [started(CARD), payment.Succeeded("order", "A1", 900, 0)],
    "LATE": [
        started(CARD),
        payment.Declined("order", "A1", "no money"),
        payment.Reopened(0, "S1"),
        payment.Succeeded("order", "A1", 900, 0),
        payment.SendBackStarted(0, 900, "the order is closed", ENTRY),
    ],
    "OTHERCARD": [
        started(CARD),
        payment.BecameUnknown("no answer"),
        rerouted(CARD, 0, "pay{}-OTHERCARD"),
        payment.Succeeded("order", "A1", 900, 0),
    ],
    "CHANGED": [
        started(LEGS),
        payment.LegSucceeded(2, 200, ENTRY),
        rerouted(LEGS, 0, "pay{}1-CHANGED"),
    ],
    "WALLET": [
        started((Leg("wallet", "WALLET_BALANCE", "", 900),)),
        payment.Succeeded("order", "A1", 900, None),
    ],
}
STATES = {
    "TAKEN": ["captured"] * 3,
    "GIVENUP": ["kept", "released", "sent_back"],
    "TOOLATE": ["sent_back", "released", "sent_back"],
    "WAITS": ["waiting", "held", "waiting"],
    "CARD": ["captured"],
    "LATE": ["sending_back"],
    "OTHERCARD": ["captured"],
    "CHANGED": ["waiting", "held", "in"],
    "WALLET": ["captured"],
}
FACTS: list[tuple[str, Fact, int]] = [("order-A1", PLACED, PAID_AT)]
for turn in range(10):  # One fact of each in turn, so that batches cut them everywhere.
    FACTS += [
        (f"payment-{no}", facts[turn], PAID_AT + turn)
        for no, facts in STORIES.items()
        if turn < len(facts)
    ]
NUMBERS = list(STORIES)


@pytest.mark.parametrize("size", [1, 2, 5, 11, None])
def test_legs_stand_where_the_payment_says(books: Connection, size: int | None) -> None:
    apply(books, orders.MODEL, log(*FACTS), size)
    found = payment_legs.legs(books, NUMBERS)
    assert {no: [leg.state for leg in legs] for no, legs in found.items()} == STATES
    assert found["WAITS"] == [
        payment_legs.PaymentLeg("WAITS", place, leg.kind, leg.code, leg.channel, leg.amount_fen,
                                state, "", instruction_id)
        for place, (leg, state, instruction_id) in enumerate(
            zip(LEGS, STATES["WAITS"], ["pay1-WAITS", "", "pay3-WAITS"], strict=True)
        )
    ]  # fmt: skip
    assert [(leg.reason, leg.instruction_id) for leg in found["GIVENUP"]] == [
        ("card closed", "pay1-GIVENUP"),
        ("", ""),
        ("back 2", "pay3-GIVENUP"),
    ]
    (card,), (wallet,), (late,) = found["CARD"], found["WALLET"], found["LATE"]
    assert (card.kind, card.code, card.channel) == ("channel", "BANK_CARD", "UNIONPAY_CARD")
    assert (card.amount_fen, card.reason, card.instruction_id) == (900, "", "pay-CARD")
    assert (wallet.kind, wallet.code) == ("wallet", "WALLET_BALANCE")
    assert (wallet.channel, wallet.instruction_id) == ("", "")
    assert late.reason == "the order is closed"
    (other,), (changed, _, _) = found["OTHERCARD"], found["CHANGED"]
    assert (other.channel, other.instruction_id) == ("CLOUD_QUICKPASS", "payb-OTHERCARD")
    assert (changed.channel, changed.instruction_id) == ("CLOUD_QUICKPASS", "payb1-CHANGED")
    rows = {no: payments.payment(books, no) for no in ("OTHERCARD", "CHANGED", "CARD")}
    assert {no: row and row.channel for no, row in rows.items()} == {
        "OTHERCARD": "CLOUD_QUICKPASS",
        "CHANGED": "CLOUD_QUICKPASS",
        "CARD": "UNIONPAY_CARD",
    }


@pytest.mark.parametrize("size", [1, 2, 5, 11, None])
def test_steps_are_the_facts(books: Connection, size: int | None) -> None:
    facts = log(*FACTS)
    apply(books, orders.MODEL, facts, size)
    found = payment_legs.steps(books, NUMBERS)
    for no in NUMBERS:
        told = [(one.position, one.at_us) for one in facts if one.stream == f"payment-{no}"]
        assert [(step.position, step.at_us) for step in found[no]] == told, no
    assert [(step.what, step.leg) for step in found["GIVENUP"]] == [
        ("started", None),
        ("leg_succeeded", 0),
        ("leg_declined", 2),
        ("sending_back", 0),
        ("declined", None),
        ("kept", 0),
        ("reopened", 2),
        ("sending_back", 2),
        ("sent_back", 2),
    ]
    assert [step.what for step in found["LATE"]] == [
        "started", "declined", "reopened", "succeeded", "sending_back",
    ]  # fmt: skip
    assert {step.what for steps in found.values() for step in steps} == set(payment_legs.STEPS)


def test_a_payment_of_one_leg_has_no_rows_of_its_own(books: Connection) -> None:
    """The import of a year has a hundred thousand of them."""
    ordinary = [one for one in FACTS if one[0] in ("order-A1", "payment-CARD", "payment-WALLET")]
    apply(books, orders.MODEL, log(*ordinary))
    for table in (payment_legs.LEGS_TABLE, payment_legs.STEPS_TABLE):
        assert books.execute(table.select()).all() == []


PARTS = (
    Share(1, "channel", "JD_PAY", 400),
    Share(2, "channel", "NETSUNION_CARD", 200),
    Share(0, "wallet", "", 100),
)
ONE = (Share(2, "channel", "NETSUNION_CARD", 700),)
BY_WALLET = (Share(1, "wallet", "", 700),)


def requested(parts: tuple[Share, ...]) -> refund.Requested:
    return refund.Requested(TRANSACTION_ID, BUYER, 700, parts)


ASKED = refund.ApprovalRequested(TRANSACTION_ID, BUYER, "JD_PAY", 700, 9, 8, MAKER)
REFUNDS: dict[str, list[Fact]] = {
    "SEVERAL": [
        requested(PARTS),
        refund.PartSucceeded(2, 100, "", ENTRY),
        refund.BecameUnknown("no answer"),
        refund.PartFailed(0, 400, "card closed", "", ENTRY),
    ],
    "ONE": [requested(ONE), refund.BecameUnknown("no answer")],
    "KNOWN": [requested(ONE), refund.BecameUnknown("no answer"), refund.BecameKnown("")],
    "WELL": [
        requested(PARTS),
        refund.BecameUnknown("no answer"),
        refund.PartSucceeded(2, 100, "", ENTRY),
        refund.PartSucceeded(0, 400, "", ENTRY),
        refund.PartSucceeded(1, 200, "succeeded", ENTRY),
    ],
    "ILL": [
        requested(PARTS),
        refund.PartFailed(0, 400, "card closed", "", ENTRY),
        refund.BecameUnknown("no answer"),
        refund.PartSucceeded(2, 100, "", ENTRY),
        refund.PartSucceeded(1, 200, "failed", ENTRY, "card closed"),
    ],
    "ILLBEFORE": [  # As it was stored before it said why.
        requested(PARTS),
        refund.PartSucceeded(2, 100, "", ENTRY),
        refund.PartFailed(0, 400, "card closed", "", ENTRY),
        refund.PartSucceeded(1, 200, "failed", ENTRY),
    ],
    "WALLET": [requested(BY_WALLET), refund.Failed("the wallet is closed", ENTRY)],
    "ASKED": [ASKED],
    "REJECTED": [ASKED, refund.Rejected("no", "checker")],
    "APPROVED": [ASKED, refund.Approved(700, "checker", PARTS)],
    "OTHER": [ASKED, refund.Approved(700, "checker", ONE), refund.Succeeded(ENTRY)],
    "OLD": [ASKED, refund.Approved(700, "checker", ())],
}


@pytest.mark.parametrize("size", [1, 2, 5, None])
def test_parts_of_refunds(books: Connection, size: int | None) -> None:
    facts = [
        (f"refund-{no}", those[turn], PAID_AT + turn)
        for turn in range(5)
        for no, those in REFUNDS.items()
        if turn < len(those)
    ]
    apply(books, refunds.MODEL, log(*facts), size)
    rows = {one.refund_no: one for one in refunds.refunds(books, refunds.Wanted()).items}
    told = {no: (rows[no].state, rows[no].reason) for no in ("ONE", "KNOWN", "WELL")}
    assert told == {
        "ONE": ("unknown", "no answer"),
        "KNOWN": ("processing", ""),
        "WELL": ("succeeded", ""),
    }
    for no in ("ILL", "ILLBEFORE"):
        assert (rows[no].state, rows[no].reason) == ("failed", "card closed")
    found = refunds.parts(books, list(REFUNDS))
    several = [(part.state, part.reason, part.instruction_id) for part in found["SEVERAL"]]
    assert several == [
        ("failed", "card closed", "refund1-SEVERAL"),
        ("processing", "", "refund2-SEVERAL"),
        ("succeeded", "", ""),
    ]
    assert found["ONE"] == [
        refund_parts.RefundPart("ONE", 0, 2, "channel", "NETSUNION_CARD", 700, "processing",
                                "no answer", "refund-ONE")
    ]  # fmt: skip
    (wallet,) = found["WALLET"]
    assert (wallet.leg, wallet.kind, wallet.channel, wallet.instruction_id) == (1, "wallet", "", "")
    assert (wallet.state, wallet.reason) == ("failed", "the wallet is closed")
    assert [part.leg for part in found["APPROVED"]] == [1, 2, 0]
    (other,), (old,) = found["OTHER"], found["OLD"]
    assert (other.leg, other.channel, other.state) == (2, "NETSUNION_CARD", "succeeded")
    assert (old.leg, old.channel, old.state) == (0, "JD_PAY", "processing")
    assert found.keys() == REFUNDS.keys() - {"ASKED", "REJECTED"}


# Over the whole story, which has every way a payment can go.


def states(facts: list[Recorded], module: Any, category: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in facts:
        if one.stream.startswith(f"{category}-"):
            number = key(one.stream)
            found[number] = module.evolve(found.get(number, module.State()), one.fact)
    return found


def test_the_story_agrees_with_the_aggregates(
    books: Connection, story_facts: list[Recorded]
) -> None:
    apply(books, orders.MODEL, story_facts, 7)
    told = states(story_facts, payment, "payment")
    shown = payment_legs.legs(books, list(told))
    several = 0
    for number, state in told.items():
        kept = [one.status for one in state.legs]
        if len(kept) == 1 and kept[0] == "in":  # Whatever takes it does so in the same commit.
            kept = ["captured"]
        several += len(kept) > 1
        assert [one.state for one in shown[number]] == kept, number
        assert [one.amount_fen for one in shown[number]] == [
            leg.amount_fen for leg in state.started.legs
        ]
    assert several
    apply(books, refunds.MODEL, story_facts, 7)
    back = states(story_facts, refund, "refund")
    given = refunds.parts(books, list(back))
    for number, state in back.items():
        amounts = [part.amount_fen for part in given.get(number, [])]
        assert amounts == [part.amount_fen for part in getattr(state.requested, "parts", ())]
    assert MERCHANT in {one.merchant for one in refunds.refunds(books, refunds.Wanted()).items}
