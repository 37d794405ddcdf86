"""A hot merchant and its buyers: what many threads and processes do to one ledger at once.

Everything is numbered, so that a purchase, its four requests and its amount follow from its name
alone: whoever counts afterwards needs no list of what was done.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date

from domain.accounting import account
from domain.clearing.commands import OpenBooks
from domain.kernel import Command, Request
from domain.ledger.answer import Answer, digest_of, replay
from domain.ledger.ledger import Ledger
from domain.ledger.proof import verify_log
from domain.member.commands import RegisterMember
from domain.money import FeeRule, fee_fen
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RechargeWallet, RecordOutcome, TransferMoney
from domain.transaction.commands import ConfirmReceipt
from migrations.run import migrate
from tests.examples import MERCHANT, MERCHANT_NAME, PAID_AT, SUBJECT
from tests.shops import shop

BUYERS = 16
FEE = FeeRule(60)
OPENED = date(2010, 12, 1)
WALLET_FEN = 1_000_000_000
CASHIER = "system:anomalies"


def request(number: str, command: Command) -> Request:
    return Request(number, PAID_AT, CASHIER, command)


def buyer(index: int) -> str:
    return f"BUYER{index % BUYERS}"


def open_market(url: str) -> None:
    """An open day, the hot merchant, and buyers with full wallets."""
    migrate(url)
    commands: list[tuple[str, Command]] = [
        ("books", OpenBooks(OPENED)),
        ("merchant", shop(MERCHANT, MERCHANT_NAME, FEE, "T+1")),
    ]
    for index in range(BUYERS):
        name = buyer(index)
        commands += [
            (f"member-{index}", RegisterMember(name, "personal", name)),
            (f"recharge-{index}", RechargeWallet(f"W{index}", name, "JD_PAY", WALLET_FEN)),
            (f"money-{index}", RecordOutcome(f"pay-W{index}", succeeded=f"S{index}")),
        ]
    with closing(Ledger.open(url)) as ledger:
        for answer in ledger.submit_all([request(*one) for one in commands]):
            answer.unwrap()


def amount_fen(index: int) -> int:
    return 1_000 + 7 * index


def purchase(name: str, index: int) -> list[Request]:
    """Purchase `index` of a caller: checkout, pay, the channel's answer, the buyer's receipt."""
    order_no = f"{name}x{index}"
    lines = (OrderLine(MERCHANT, amount_fen(index), SUBJECT, 1),)
    return [
        request(f"checkout:{order_no}", Checkout(order_no, buyer(index), lines)),
        request(f"pay:{order_no}", PayOrder(f"P{order_no}", order_no, "JD_PAY")),
        request(f"paid:{order_no}", RecordOutcome(f"pay-P{order_no}", succeeded=f"J{order_no}")),
        request(f"confirm:{order_no}", ConfirmReceipt(f"{MERCHANT}-{order_no}", "buyer")),
    ]


def transfer(name: str, index: int) -> Request:
    """A small wallet transfer from one buyer to the next."""
    number = f"{name}x{index}"
    command = TransferMoney(number, buyer(index), buyer(index + 1), 1 + index % 9)
    return request(f"transfer:{number}", command)


def net_fen(count: int) -> int:
    """What the merchant is owed for the first `count` purchases of a caller."""
    return sum(amount_fen(i) - fee_fen(FEE, amount_fen(i)) for i in range(count))


def in_threads(work: Iterable[Callable[[], None]]) -> None:
    """Run each in a thread of its own; the first failure is raised here."""
    failures: list[BaseException] = []

    def guarded(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@contextmanager
def opened(url: str) -> Iterator[Ledger]:
    with closing(Ledger.open(url)) as ledger:
        yield ledger


def merchant_fen(ledger: Ledger) -> int:
    """What the merchant is owed, by its account pending settlement."""
    state = ledger.state(account.stream(f"2241.02.{MERCHANT}"))
    return state.balance_fen


def kept(ledger: Ledger, requests: Sequence[Request]) -> list[Answer]:
    """The kept answers of requests; every one of them must have exactly one."""
    by_number = {
        receipt.number: receipt
        for receipt in ledger.recorder.read_receipts([one.number for one in requests])
    }
    return [replay(by_number[one.number], digest_of(one.command)) for one in requests]


def count(ledger: Ledger, name: str) -> int:
    """How many facts of a stored name the log has."""
    return sum(row.name == name for row in log_rows(ledger))


def log_rows(ledger: Ledger) -> Iterator:  # type: ignore[type-arg]
    after = 0
    while page := ledger.recorder.read_log(after, 5_000):
        yield from page
        after = page[-1].position


def assert_sound(ledger: Ledger) -> None:
    assert verify_log(ledger.recorder) == []
