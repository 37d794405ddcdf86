"""Steps that tests of withdrawals begin with: a card is bound, a wallet has money."""

from domain.member import card
from domain.member.binding import BindCard, ClaimBinding, ConfirmCard, RecordBinding
from domain.member.signing import Relation, Said
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.settlement.withdrawing import RequestWithdrawal
from tests.books import Books
from tests.examples import BUYER, CARD, HOLDER, PARTICULARS

WALLET, TRANSIT, FEES = f"2241.01.{BUYER}", "2241.05", "2202.09"
PAYABLE, OWED = "2202.01.BANK_TRANSFER", "1122.01.BANK_TRANSFER"
SHORT, KEPT = "1122.04.BANK_TRANSFER", "2241.08.BANK_TRANSFER"


def bind(
    books: Books,
    token: str = CARD,
    member_id: str = BUYER,
    particulars: str = PARTICULARS,
    relation: Relation = "",
) -> None:
    """A card bound by its bank; the first one is the default."""
    document = "D1" if relation else ""
    holder = "0a" * 16 if relation else HOLDER
    books.do(
        BindCard(
            member_id, token, particulars, holder, "7894", relation=relation, document=document
        )
    )
    number = books.state(card.stream(member_id)).requested
    until_us = books.at_us + 300_000_000
    for attempt, said in enumerate(
        (Said("code_sent", "ICBC", "DEBIT", until_us), Said("signed", agreement="A1")), 1
    ):
        if attempt > 1:
            books.do(ConfirmCard(member_id, token, "c0" * 16))
        books.do(ClaimBinding(member_id, number, attempt))
        books.do(RecordBinding(member_id, number, attempt, said))


def recharge(books: Books, amount_fen: int, number: str = "W1", member_id: str = BUYER) -> None:
    books.do(RechargeWallet(number, member_id, "JD_PAY", amount_fen))
    books.do(RecordOutcome(f"pay-{number}", succeeded=f"S{number}"))


def ready(books: Books, amount_fen: int) -> Books:
    """A bound card and money in the wallet; the free withdrawals of the month are used up."""
    bind(books)
    recharge(books, amount_fen + 300)
    for n in range(3):
        books.do(RequestWithdrawal(f"FREE{n}", BUYER, 100, 0))
        books.do(RecordOutcome(f"withdraw-FREE{n}", succeeded=f"F{n}"))
    assert books.balance(WALLET) == amount_fen
    return books
