"""Ledgers to measure on: opened books, members, and requests under fixed numbers."""

from collections.abc import Sequence
from datetime import date, datetime

from domain.clearing.commands import OpenBooks
from domain.kernel import SHANGHAI, Command, Request, to_us
from domain.ledger.answer import Answer
from domain.ledger.ledger import Ledger
from domain.member.agreement import STANDARD
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.payment.payment import instruction_id

FIRST_DAY = date(2025, 11, 11)
OPENED_US = to_us(datetime(2025, 11, 11, 10, tzinfo=SHANGHAI))
ACTOR = "system:bench"
METHOD = "JD_PAY"
WALLET_FEN = 10**12
FEE = FeeRule(rate_bps=60)


def request(number: str, command: Command, at_us: int = OPENED_US, actor: str = ACTOR) -> Request:
    return Request(number, at_us, actor, command)


def submit(ledger: Ledger, requests: Sequence[Request]) -> list[Answer]:
    """One commit; every request must be accepted. Raises Refused."""
    answers = ledger.submit_all(requests)
    for answer in answers:
        answer.unwrap()
    return answers


def open_books(ledger: Ledger) -> None:
    submit(ledger, [request("books", OpenBooks(FIRST_DAY))])


def open_wallets(ledger: Ledger, count: int) -> list[str]:
    """Personal members, each with money enough for any benchmark in the wallet; their ids."""
    members = [f"WALLET{index}" for index in range(count)]
    registered = [request(f"register:{m}", RegisterMember(m, "personal", m)) for m in members]
    charges = [(m, RechargeWallet(f"R{m}", m, METHOD, WALLET_FEN)) for m in members]
    recharged = [request(f"recharge:{m}", command) for m, command in charges]
    outcomes = [
        request(f"outcome:{m}", RecordOutcome(instruction_id(f"R{m}"), succeeded=f"SIM-{m}"))
        for m in members
    ]
    submit(ledger, registered + recharged + outcomes)
    return members


def open_market(ledger: Ledger, merchants: int, buyers: int) -> tuple[list[str], list[str]]:
    """Merchants who are settled on the day itself, and buyers; their ids."""
    shops = [f"SHOP{index}" for index in range(merchants)]
    people = [f"BUYER{index}" for index in range(buyers)]
    requests = [
        request(
            f"register:{shop}",
            RegisterMember(
                shop, "enterprise", shop, fee_rule=FEE, settlement_cycle="D+0", agreement=STANDARD
            ),
        )
        for shop in shops
    ]
    requests += [request(f"register:{one}", RegisterMember(one, "personal", one)) for one in people]
    submit(ledger, requests)
    return shops, people
