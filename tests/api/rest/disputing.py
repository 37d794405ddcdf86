"""What differences and chargebacks there are before their examples play."""

from datetime import date
from typing import Any

from msgspec.structs import replace

from api.rest import chargebacks
from domain.kernel import Command, Request
from domain.reconciliation.commands import ImportBill
from domain.reconciliation.difference import About
from domain.reconciliation.judging import Finding, RecordDifferences
from tests.api.conftest import Server
from tests.bill_examples import READ

_DIFFERENCE, _CHARGEBACK = "POST /v1/differences/{difference}", "POST /v1/chargebacks/{chargeback}"
# Whose it is to ask for each example, in an order in which they make sense.
DISPUTES = {
    f"{_DIFFERENCE}/propose": "operator",
    f"{_DIFFERENCE}/approve": "checker",
    f"{_DIFFERENCE}/undo": "operator",
    f"{_DIFFERENCE}/turn-down": "checker",
    "POST /v1/chargebacks": "operator",
    f"{_CHARGEBACK}/represent": "operator",
    f"{_CHARGEBACK}/end": "operator",
    f"{_CHARGEBACK}/accept": "operator",
}


def dispute(server: Server, merchant: str = "WALNUTS") -> list[tuple[str, str]]:
    """The bill of yesterday lacks a payment; and a payer's bank takes two payments back. Then these
    examples play, each by its role."""
    server.sell("JD4001", merchant, 10_000)
    server.pay("JD4001", "P7004")
    day = date(2026, 11, 22)
    about = About(
        kind="missing_at_channel",
        channel="JD_PAY",
        number="payP1001",
        on=day,
        flow="payment",
        lacks="there",
        ours_fen=600,
        bill_fen=0,
        amount_fen=600,
    )
    steps: tuple[Command, ...] = (
        ImportBill("JD_PAY", "trade", day, replace(READ, format="jd_pay")),
        RecordDifferences("JD_PAY", day, 1, 0, (Finding(about, "", True),)),
    )
    for number, command in enumerate(steps):
        asked = Request(f"dispute-{number}", server.now_us, "system:worker", command)
        server.context.ledger.submit(asked).unwrap()
    server.ok("POST", "/v1/chargebacks", case("C1002", merchant), key="C1002")
    return list(DISPUTES.items())


def case(number: str, merchant: str = "WALNUTS", amount_fen: int = 5_000) -> dict[str, Any]:
    """What a channel says of a sale of the merchant."""
    told = {"number": number, "transaction_id": f"{merchant}-JD4001", "amount_fen": amount_fen}
    return {**chargebacks.ENDPOINTS[0].body, **told}
