"""Requests for the ledger's tests: an open day, members with money in their wallets."""

import itertools
from collections.abc import Sequence

from domain.clearing.commands import OpenBooks
from domain.kernel import Command, Request
from domain.ledger.ledger import Ledger
from domain.member.commands import RegisterMember
from domain.payment.commands import RechargeWallet, RecordOutcome, TransferMoney
from domain.transaction.commands import ConfirmReceipt
from tests.examples import BUYER, FRIEND, MAKER, PAID_AT, PAY_DAY

_numbers = itertools.count(1)
WALLET, FRIENDS = f"2241.01.{BUYER}", f"2241.01.{FRIEND}"


def request(command: Command, number: str = "", at_us: int = PAID_AT) -> Request:
    """A request under its own number unless one is given."""
    return Request(number or f"request-{next(_numbers)}", at_us, MAKER, command)


def transfer(transfer_no: str, fen: int = 1, number: str = "") -> Request:
    """From the buyer to the friend."""
    return request(TransferMoney(transfer_no, BUYER, FRIEND, fen), number or f"n-{transfer_no}")


def opening(wallet_fen: int = 10_000) -> Sequence[Request]:
    """Books open, two members, the first with money: always the same requests."""
    commands = (
        OpenBooks(PAY_DAY),
        RegisterMember(BUYER, "personal", "李雷"),
        RegisterMember(FRIEND, "personal", "韩梅梅"),
        RechargeWallet("W1", BUYER, "JD_PAY", wallet_fen),
        RecordOutcome("pay-W1", succeeded="S1"),
    )
    return [request(command, f"opening-{n}") for n, command in enumerate(commands)]


def open_wallets(ledger: Ledger, wallet_fen: int = 10_000) -> None:
    for answer in ledger.submit_all(opening(wallet_fen)):
        answer.unwrap()


def balance(ledger: Ledger, account: str) -> int:
    return int(ledger.state(f"account-{account}").balance_fen)


def confirm(transaction_id: str) -> Command:
    """By the buyer."""
    return ConfirmReceipt(transaction_id, "buyer")
