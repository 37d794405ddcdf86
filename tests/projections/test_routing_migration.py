"""An older ledger is brought along: what its attempts say of channels is what a rebuild says."""

from importlib import import_module

from sqlalchemy import text

from api.context import open_context
from domain.channel.adapters.simulated import SimulatedChannel
from domain.clearing.commands import OpenBooks
from domain.kernel import Request
from domain.member.commands import RegisterMember
from domain.payment.asking import ClaimAttempt, RecordAnswer
from domain.payment.commands import RechargeWallet
from projections.models import instruction_attempts
from tests.examples import BUYER, BUYER_NAME, MAKER, PAID_AT, PAY_DAY
from tests.projections.applied import connected

QUOTED = 'said "by_channel":true'  # In a payer's decline: the text is no field.


def test_attempts_say_what_a_rebuild_says(migrated_url: str) -> None:
    commands = [OpenBooks(PAY_DAY), RegisterMember(BUYER, "personal", BUYER_NAME)]
    answers = [
        {"said": "unknown", "reason": "no answer"},
        {"said": "declined", "reason": "busy", "by_channel": True},
        {"said": "declined", "reason": QUOTED},
        {"said": "succeeded", "serial": "S"},
        {},
    ]
    for number, answer in enumerate(answers):
        one = f"pay-W{number}"
        commands += [
            RechargeWallet(f"W{number}", BUYER, "JD_PAY", 100),
            ClaimAttempt(one, 1, False, one, f"{one}x"),
        ]
        commands += [RecordAnswer(one, attempt=1, **answer)] if answer else []  # type: ignore[arg-type]
    context = open_context(migrated_url, SimulatedChannel(), clock=lambda: PAID_AT)
    try:
        for number, command in enumerate(commands):
            context.ledger.submit(Request(f"r{number}", PAID_AT, MAKER, command)).unwrap()
        context.projector.catch_up()
    finally:
        context.close()
    table = instruction_attempts.TABLE
    query = table.select().order_by(table.c.instruction_id)
    with connected(migrated_url) as books:
        rows = books.execute(query).all()
        assert [row.well for row in rows] == [0, 0, 1, 1, None]
        books.execute(text("UPDATE instruction_attempts SET well = NULL"))
        import_module("migrations.versions.0013_routing").fill(books)
        assert books.execute(query).all() == rows
