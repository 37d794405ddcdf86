"""The books that generated requests are sent to, and the names that stand in them.

A request whose numbers nobody has ever used is refused by the first look-up. So the story of the
demo is in the books, and what came after it, with keys for its merchant and others, and a generated
request takes its numbers from them half of the time.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from sqlalchemy import select

from api.cli.opening import open_desk
from api.context import AppContext
from api.http.keys import Role, create_key
from api.operations import story
from benchmarks.drills.generating.wares import lay_out
from domain.kernel import Request
from domain.ledger.ledger import utc_us
from domain.member.staff import Office
from domain.member.staffing import AppointOperator
from projections.models.balances import TABLE as BALANCES
from projections.models.instructions import TABLE as INSTRUCTIONS
from projections.models.orders import ORDERS
from projections.models.payments import PAYMENTS
from projections.models.refunds import TABLE as REFUNDS
from projections.models.settlement_batches import TABLE as BATCHES
from projections.models.transactions import TABLE as TRANSACTIONS

MERCHANT = story.MERCHANT
OFFICES: tuple[Office, ...] = ("cashier", "reviewer")
ROLES: tuple[Role, ...] = ("auditor", "merchant", "operator")


class Market(Struct, frozen=True):
    """A key per role, and of two persons of the institution, one of whom decides what the other
    proposes; what stands in the books, by the names that fields have; other merchants; how far the
    books were when it was opened."""

    keys: Mapping[Role, str]
    known: Mapping[str, Sequence[str]]
    strangers: Sequence[str]
    position: int
    cashier: str
    reviewer: str


def open_market(url: str) -> Market:
    """Play the story on an empty ledger that has its tables."""
    with open_desk(url, channel=story.scripted_channel()) as context:
        for _ in story.play(context.desk):
            pass
        cashier, reviewer = (_person(context, office) for office in OFFICES)
        wares = lay_out(context.ledger, MERCHANT, f"staff:{OFFICES[0]}")
        context.desk.catch_up()
        keys = {
            role: create_key(
                context.writes, role, MERCHANT if role == "merchant" else None, utc_us, "drill"
            )
            for role in ROLES
        }
        known = _known(context)
        for name, values in wares.items():
            known[name] = [*known.get(name, ()), *values]
        position = context.ledger.head().position
    strangers = [one for one in known["merchant"] if one != MERCHANT]
    return Market(keys, known, strangers, position, cashier, reviewer)


def _person(context: AppContext, office: Office) -> str:
    """The key of a person who is appointed to an office and has its name."""
    appoint = AppointOperator(office, office)
    context.ledger.submit(Request(f"drill-{office}", utc_us(), "system:drill", appoint)).unwrap()
    return create_key(context.writes, "operator", None, utc_us, "drill", operator=office)


def _known(context: AppContext) -> dict[str, list[str]]:
    """Values by field. The read models say what is in the books."""
    columns = {
        "account": BALANCES.c.account,
        "order_no": ORDERS.c.order_no,
        "buyer": ORDERS.c.buyer,
        "payment_no": PAYMENTS.c.payment_no,
        "refund_no": REFUNDS.c.refund_no,
        "transaction_id": TRANSACTIONS.c.transaction_id,
        "merchant": TRANSACTIONS.c.merchant,
        "batch_id": BATCHES.c.batch_id,
        "instruction_id": INSTRUCTIONS.c.instruction_id,
    }
    with context.engine.connect() as connection:
        found = {
            name: sorted(connection.execute(select(column).distinct()).scalars())
            for name, column in columns.items()
        }
    members = sorted({*found["buyer"], *found["merchant"]})
    days = [str(story.TRADE_DAY), str(story.SETTLEMENT_DAY), str(story.DAY_AFTER), str(story.END)]
    return {
        **found,
        **dict.fromkeys(("member_id", "payer", "payee"), members),
        **dict.fromkeys(("date", "first_date", "effective_from"), days),
        "payout_no": [one for one in found["instruction_id"] if one.startswith("payout-")],
        "reference": [f"payment-{found['payment_no'][0]}#2", "transfer-X1#1"],
        "hold_id": ["H1", "H2"],
        "operator_id": ["ZHANG"],
        "transfer_no": ["X1", "X2"],
    }
