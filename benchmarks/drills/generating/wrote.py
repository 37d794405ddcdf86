"""What generated requests wrote, by who asked for it: nothing by an auditor; by a merchant only
what is its own."""

from collections.abc import Iterator
from typing import Any

from api.cli.opening import open_desk
from benchmarks.drills.generating.market import MERCHANT, Market
from domain.kernel import Recorded
from domain.ledger.ledger import Ledger

PAGE = 5_000
# What a merchant may bring about: sales and refunds of its own, which its batches collect, sessions
# of the cashier for them, its own staff, cards and endpoints; and it may ask for what needs two.
STREAMS = (
    "order-",
    "transaction-",
    "payment-",
    "refund-",
    "instruction-",
    "account-",
    "member-",
    "settlement-",
    "cashier-",
    "cards-",
    "webhooks-",
    "approval-",
)


def wrongly_written(url: str, market: Market) -> list[str]:
    """Facts since the market was opened that their actor must not have brought about."""
    with open_desk(url) as context:
        return [
            f"{one.actor.partition(':')[0]}: {one.reference} {one.name}: {wrong}"
            for one in _facts(context.ledger, market.position)
            if (wrong := _wrong(one, market))
        ]


def _facts(ledger: Ledger, after: int) -> Iterator[Recorded]:
    while page := ledger.facts(after, PAGE):
        yield from page
        after = page[-1].position


def _wrong(recorded: Recorded, market: Market) -> str:
    role = recorded.actor.partition(":")[0]
    if role == "auditor":
        return "an auditor changes nothing"
    if role != "merchant":
        return ""
    if recorded.actor != f"merchant:{MERCHANT}":
        return "not the key's merchant"
    if not recorded.stream.startswith(STREAMS):
        return "not a merchant's to write"
    about = [recorded.stream, *_accounts(recorded.fact)]
    for stranger in market.strangers:
        if any(stranger in one.replace(".", "-").split("-") for one in about):
            return f"it is {stranger}'s"
    return ""


def _accounts(fact: Any) -> list[str]:
    entry = getattr(fact, "entry", None)
    return [line.account for line in entry.lines] if entry else []
