"""What is kept of merchants' money: reserves released before their date, deposits."""

from api.rest.endpoint import Endpoint
from domain.settlement.reserving import ReleaseReserveEarly, ReturnDeposit, TakeDeposit

_DEPOSIT = {"deposit_no": "B1001"}
_RESERVE = {"member_id": "WALNUTS", "release_on": "2026-12-23"}

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/reserves/{release_on}/release",
        command=ReleaseReserveEarly,
        summary="Release what is withheld of a merchant until a date, before that date",
        sample=_RESERVE,
        body={"reason": "a year without a complaint"},
        result={**_RESERVE, "released_fen": 994},
    ),
    Endpoint(
        method="POST",
        path="/v1/deposits",
        command=TakeDeposit,
        summary="Take a deposit: of what is available, or paid in as the bank statement shows",
        sample={},
        body={
            **_DEPOSIT,
            "member_id": "WALNUTS",
            "amount_fen": 500_000,
            "source": "statement",
            "reason": "agreed on 2026-11-20",
        },
        result={**_DEPOSIT, "status": "held"},
        number=("deposit", "deposit_no"),
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/deposits/{deposit_no}/return",
        command=ReturnDeposit,
        summary="Give a deposit back, whole; a debt of the merchant is taken out of it first",
        sample=_DEPOSIT,
        body={"reason": "the merchant leaves"},
        result={**_DEPOSIT, "status": "returned"},
    ),
)
