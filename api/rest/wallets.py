"""Wallets of personal members: recharge, send a recharge back, transfer."""

from typing import Any

import anyio.to_thread
from msgspec import Struct

from api.operations.factors import proof_of
from api.operations.personal import Personal
from api.rest.endpoint import Endpoint
from domain.kernel import Command
from domain.payment.commands import RechargeWallet, SendBackRecharge, TransferMoney


class TransferWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """`proof`: how the payer agreed; `static`: by reading a code that does not change."""

    transfer_no: str
    payer: str
    payee: str
    amount_fen: int
    proof: str = ""
    static: bool = False


async def _proved(personal: Personal, wish: Any) -> Command:
    return await anyio.to_thread.run_sync(_with_proof, personal, wish)


def _with_proof(personal: Personal, wish: TransferWanted) -> TransferMoney:
    """Raises what `proof_of` raises."""
    proof = proof_of(personal, wish.payer, wish.proof) if wish.proof else None
    parties = (wish.transfer_no, wish.payer, wish.payee, wish.amount_fen)
    return TransferMoney(*parties, proof, wish.static)


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
        wish=TransferWanted,
        tokenised=_proved,
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
