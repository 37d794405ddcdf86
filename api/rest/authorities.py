"""Orders of authorities: placed, extended, lifted; money taken by them, and returned by the bank.

All of it needs two persons: who has the document proposes, another one who has read it approves.
"""

from typing import Any

import anyio.to_thread

from api.operations.ordered import DeductionWanted, deduct
from api.operations.personal import Personal
from api.rest.endpoint import Endpoint
from domain.authority.commands import DeductMoney, ExtendOrder, LiftOrder, PlaceOrder
from domain.authority.outcomes import ReturnDeduction
from domain.kernel import Command

ORDER = "/v1/authority-orders/{order_no}"
SHOWN = {
    "order_no": "F1001",
    "state": "in_force",
    "account": "2241.01.xiaohong",
    "amount_fen": 500,
    "stopped_fen": 500,
    "ends": "2027-05-22",
}


async def _deduct(personal: Personal, wish: Any) -> Command:
    return await anyio.to_thread.run_sync(deduct, personal, wish)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/authority-orders",
        command=PlaceOrder,
        summary="Stop an amount of an account, or all of it (null), for an authority, until a date",
        sample={},
        body={
            "order_no": "F1001",
            "authority": "COURT",
            "document": "(2026)京0105执123号",
            "account": "2241.01.xiaohong",
            "amount_fen": 500,
            "ends": "2027-05-22",
        },
        result=SHOWN,
        number=("authority", "order_no"),
        created=True,
    ),
    Endpoint(
        method="POST",
        path=f"{ORDER}/extend",
        command=ExtendOrder,
        summary="Keep the money stopped until a later date, by a new document",
        sample={"order_no": "F1001"},
        body={"document": "(2026)京0105执123号之一", "ends": "2027-11-22"},
        result={**SHOWN, "ends": "2027-11-22"},
    ),
    Endpoint(
        method="POST",
        path=f"{ORDER}/deductions",
        command=DeductMoney,
        wish=DeductionWanted,
        tokenised=_deduct,
        summary="Pay stopped money to the account that the authority's document names",
        sample={"order_no": "F1001"},
        body={
            "deduction_no": "K1001",
            "document": "(2026)京0105执123号之二",
            "amount_fen": 200,
            "payee_number": "1100012345678901234567",
            "payee_name": "北京市朝阳区人民法院",
        },
        result={
            "deduction_no": "K1001",
            "order_no": "F1001",
            "state": "instructed",
            "amount_fen": 200,
            "payee_tail": "4567",
        },
        number=("deduction", "deduction_no"),
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/deductions/{deduction_no}/return",
        command=ReturnDeduction,
        summary="Record that the statement shows a deduction that the bank returned",
        sample={"deduction_no": "K1001"},
        body={"reason": "the account is closed"},
        result={"deduction_no": "K1001", "state": "returned"},
    ),
    Endpoint(
        method="POST",
        path=f"{ORDER}/lift",
        command=LiftOrder,
        summary="Let the money go, by the authority's document",
        sample={"order_no": "F1001"},
        body={"document": "(2026)京0105执123号之三"},
        result={
            **SHOWN,
            "state": "lifted",
            "stopped_fen": 0,
            "ends": "2027-11-22",
        },
    ),
)
