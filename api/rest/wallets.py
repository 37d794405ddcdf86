"""Wallets of personal members: recharge, send a recharge back, transfer."""

from api.rest.endpoint import Endpoint
from domain.payment.commands import RechargeWallet, SendBackRecharge, TransferMoney

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/recharges",
        command=RechargeWallet,
        summary="Recharge a personal member's wallet through a channel",
        sample={},
        body={
            "payment_no": "P2001",
            "member_id": "xiaoming",
            "method": "WECHAT_PAY",
            "amount_fen": 50_000,
        },
        result={"payment_no": "P2001", "instruction_id": "pay-P2001"},
        number=("recharge", "payment_no"),
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/recharges/{payment_no}/send-back",
        command=SendBackRecharge,
        summary="Undo a recharge: its money leaves the wallet, and goes back through its channel",
        sample={"payment_no": "P2003"},
        body={"reason": "the wrong wallet"},
        result={"payment_no": "P2003", "instruction_id": "back-P2003"},
    ),
    Endpoint(
        method="POST",
        path="/v1/transfers",
        command=TransferMoney,
        summary="Transfer money from one wallet to another, at once",
        sample={},
        body={
            "transfer_no": "X3001",
            "payer": "xiaoming",
            "payee": "xiaohong",
            "amount_fen": 12_000,
        },
        result={"transfer_no": "X3001"},
        number=("transfer", "transfer_no"),
        created=True,
    ),
)
