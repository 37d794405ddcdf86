"""Channels: one that is new to a ledger is registered, and its maintenance published; an operator
has one asked, or a payment closed there, and gives what lies in suspense to its owner."""

from api.rest.endpoint import Endpoint
from domain.channel.commands import (
    PlanMaintenance,
    RegisterChannel,
    SettleReport,
    WithdrawMaintenance,
)
from domain.order.surplus import PlaceSurplus
from domain.payment.asking import AskChannel, ClosePayment

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/channels/{channel}/register",
        command=RegisterChannel,
        summary="Register a channel: its accounts are opened, and payments may go through it",
        sample={"channel": "JD_PAY"},
        body={},
        result={"channel": "JD_PAY", "network": "NETSUNION"},
        number=None,
    ),
    Endpoint(
        method="POST",
        path="/v1/channels/{channel}/maintenance",
        command=PlanMaintenance,
        summary="Plan a time of maintenance: from it to its end no payment is begun there",
        sample={"channel": "JD_PAY"},
        body={
            "begins_at": "2098-11-23T22:00:00+08:00",
            "ends_at": "2098-11-24T02:00:00+08:00",
            "reason": "a new release of the network",
        },
        result={"channel": "JD_PAY", "window": 1},
        number=None,
    ),
    Endpoint(
        method="POST",
        path="/v1/channels/{channel}/maintenance/withdraw",
        command=WithdrawMaintenance,
        summary="Withdraw a time of maintenance by its number: it is put off, or done with",
        sample={"channel": "JD_PAY"},
        body={"window": 1, "reason": "done early"},
        result={"channel": "JD_PAY", "window": 1},
        number=None,
    ),
    Endpoint(
        method="POST",
        path="/v1/channels/{channel}/unknown-numbers/settle",
        command=SettleReport,
        summary="Settle a channel's report of a number that nobody here knows, once it is found "
        "out what it was about",
        sample={"channel": "JD_PAY"},
        body={"report": 1, "reason": "an order of the test system"},
        result={"channel": "JD_PAY", "report": 1},
        number=None,
    ),
    Endpoint(
        method="POST",
        path="/v1/instructions/{instruction_id}/ask",
        command=AskChannel,
        summary="Have a channel asked now, or an instruction sent that was withheld",
        sample={"instruction_id": "pay-P2001"},
        body={},
        result={"instruction_id": "pay-P2001", "status": "issued"},
        number=None,
    ),
    Endpoint(
        method="POST",
        path="/v1/instructions/{instruction_id}/close",
        command=ClosePayment,
        summary="Close a payment that is not paid: at its channel first",
        sample={"instruction_id": "pay-P2002"},
        body={"reason": "the buyer left"},
        result={"instruction_id": "pay-P2002", "status": "declined"},
        number=None,
    ),
    Endpoint(
        method="POST",
        path="/v1/suspense-items/{item}/place",
        command=PlaceSurplus,
        summary="Give money that lies in suspense to the wallet of the payer whose it is, or "
        "through the wallet to an order of that payer",
        sample={"item": "1666e424af166b8276ea3d02"},
        body={},
        result={"item": "1666e424af166b8276ea3d02", "status": "placed"},
        also=(
            {
                "item": "1666e424af166b8276ea3d02",
                "status": "placed",
                "order_no": "JD1002",
                "payment_no": "surplus1666e424af166b8276ea3d02",
            },
        ),
        number=None,
    ),
)
