"""What a payer of a session pays from wallet and card needs a proof of this very charge."""

from typing import Any

import pytest
from msgspec.structs import replace

from domain.accounting import account
from domain.cashier import session
from domain.cashier.commands import OpenSession, PaySession
from domain.cashier.own import ONE_FACTOR_CARD_FEN
from domain.channel.commands import RegisterChannel
from domain.kernel import MICROSECONDS, shanghai_date
from domain.member.commands import CertifyMember
from domain.payment import instruction, wallet_use
from domain.payment.asking import ClaimAttempt, RecordAnswer
from domain.payment.caps import Factor
from domain.payment.commands import LegAsked, RecordOutcome
from domain.payment.proof import Out, Proof
from domain.refusals import Code
from domain.transaction.commands import ConfirmReceipt
from tests.books import Books, refusal
from tests.domain.withdrawing import bind, recharge
from tests.examples import BUYER, CARD, FRIEND, HOLDER, MERCHANT, PARTICULARS
from tests.examples import PROOF as NAME

OTHERS = "d4" * 16
AT_US = 1_535_767_200_000_000  # 2018-09-01T10:00:00+08:00: there are caps.
WALLET, METHOD = "WALLET_BALANCE", "BANK_CARD"
SPLIT = (LegAsked(WALLET, 6_000), LegAsked(METHOD, 4_000))


@pytest.fixture
def paying(books: Books) -> Books:
    """An order of 100.00 with a session; its buyer has a card and 200.00."""
    books.at_us = AT_US
    books.do(RegisterChannel("UNIONPAY_CARD"))
    bind(books)
    recharge(books, 20_000)
    books.place("O1", (MERCHANT, 10_000))
    books.do(OpenSession("S1", "O1"))
    return books


def proof(
    amount_fen: int = 10_000, given: tuple[Factor, ...] = ("password",), **other: Any
) -> Proof:
    out = Out("payment", BUYER, "S1-1", "O1", amount_fen)
    return Proof(NAME, replace(out, **other), given, AT_US + 300 * MICROSECONDS)


def wish(**more: Any) -> PaySession:
    return PaySession("S1", 1, **{"method": WALLET, "proof": proof(), **more})


def test_the_wallet_pays_what_was_agreed_to(paying: Books) -> None:
    paying.do(wish())
    assert paying.state("order-O1").status == "paid"
    made = paying.state(session.stream("S1")).last
    assert (made.proof, made.factors, made.card) == (NAME, ("password",), "")
    assert paying.state(wallet_use.stream("payment", "S1-1")).counted.proof == NAME
    assert paying.do(wish()) == {"session_no": "S1", "attempt": 1, "payment_no": "S1-1"}
    assert paying.balance(f"2241.01.{BUYER}") == 10_000


def test_one_proof_is_for_wallet_and_card_together(paying: Books) -> None:
    paying.do(wish(method="", legs=SPLIT, card=CARD))
    asked = paying.state(instruction.stream("pay2-S1-1")).asked
    assert (asked.amount_fen, asked.by.card, asked.by.tail) == (4_000, CARD, "7894")
    assert paying.state(wallet_use.stream("payment", "S1-1")).counted.amount_fen == 6_000
    wallet: account.State = paying.state(account.stream(f"2241.01.{BUYER}"))
    assert wallet.available_fen == 14_000
    paying.do(RecordOutcome("pay2-S1-1", declined="no money"))
    wallet = paying.state(account.stream(f"2241.01.{BUYER}"))
    assert wallet.available_fen == 20_000
    assert paying.state(wallet_use.stream("payment", "S1-1")).left_fen == 0


def test_a_rerouted_charge_is_of_the_same_card(paying: Books) -> None:
    paying.do(RegisterChannel("NETSUNION_CARD"))
    paying.do(wish(method=METHOD, card=CARD))
    first = paying.state(instruction.stream("pay-S1-1"))
    assert first.channel == "UNIONPAY_CARD"
    paying.do(ClaimAttempt("pay-S1-1", 1, True, "n1", "n2"))
    paying.do(RecordAnswer("pay-S1-1", "declined", reason="down", by_channel=True, attempt=1))
    second = paying.state(instruction.stream("payb-S1-1")).asked
    assert (second.channel, second.by.card) == ("NETSUNION_CARD", CARD)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"proof": None}, Code.PROOF_MISSING),
        ({"proof": None, "method": METHOD, "card": CARD}, Code.PROOF_MISSING),
        ({"proof": None, "method": "", "legs": SPLIT, "card": CARD}, Code.PROOF_MISSING),
        ({"proof": proof(1)}, Code.PROOF_UNFIT),
        ({"proof": proof(9_999)}, Code.PROOF_UNFIT),
        ({"proof": proof(10_001)}, Code.PROOF_UNFIT),
        ({"proof": proof(6_000), "method": "", "legs": SPLIT, "card": CARD}, Code.PROOF_UNFIT),
        ({"proof": proof(number="S2-1")}, Code.PROOF_UNFIT),
        ({"proof": proof(number="S1-2")}, Code.PROOF_UNFIT),
        ({"proof": proof(payee="O2")}, Code.PROOF_UNFIT),
        ({"proof": proof(member_id=FRIEND)}, Code.PROOF_UNFIT),
        ({"proof": proof(kind="transfer")}, Code.PROOF_UNFIT),
        ({"method": "JD_PAY"}, Code.PROOF_UNFIT),
        ({"proof": replace(proof(), expires_us=AT_US)}, Code.PROOF_EXPIRED),
        ({"proof": proof(given=())}, Code.FACTOR_MISSING),
        ({"method": METHOD}, Code.CARD_NOT_FOUND),
        ({"method": METHOD, "card": "e5" * 16}, Code.CARD_NOT_FOUND),
        ({"method": METHOD, "card": OTHERS}, Code.CARD_NOT_FOUND),
        ({"card": CARD}, Code.REQUEST_INVALID),
        ({"method": "", "legs": (LegAsked(WALLET, 10_001),)}, Code.PROOF_UNFIT),
        ({"amount_fen": 1}, Code.REQUEST_INVALID),
    ],
)
def test_what_was_not_agreed_to_is_not_charged(
    paying: Books, more: dict[str, Any], code: Code
) -> None:
    bind(paying, OTHERS, FRIEND, relation="")
    assert refusal(paying, wish(**more)) is code
    paying.do(wish())  # And the attempt is not used up.


def test_a_card_in_another_name_pays_nothing(paying: Books) -> None:
    token = "f6" * 16
    bind(paying, token, relation="guardian")
    code = refusal(paying, wish(method=METHOD, card=token))
    assert code is Code.CARD_NOT_FOUND


@pytest.mark.parametrize(
    ("amount_fen", "given", "code"),
    [
        (ONE_FACTOR_CARD_FEN, ("password",), None),
        (ONE_FACTOR_CARD_FEN + 1, ("password",), Code.FACTOR_MISSING),
        (ONE_FACTOR_CARD_FEN + 1, ("code",), Code.FACTOR_MISSING),
        (ONE_FACTOR_CARD_FEN + 1, ("password", "code"), None),
    ],
)
def test_a_card_above_a_small_amount_needs_two_factors(
    paying: Books, amount_fen: int, given: tuple[Factor, ...], code: Code | None
) -> None:
    paying.place("O2", (MERCHANT, amount_fen))
    paying.do(OpenSession("S2", "O2"))
    agreed = proof(amount_fen, given, number="S2-1", payee="O2")
    command = PaySession("S2", 1, METHOD, card=CARD, proof=agreed)
    if code is None:
        paying.do(command)
    else:
        assert refusal(paying, command) is code


def test_a_wallet_beyond_what_one_factor_may_pay_in_a_day_needs_two(paying: Books) -> None:
    today = shanghai_date(AT_US)
    paying.do(CertifyMember(BUYER, 3, today, ("in_person",), HOLDER, PARTICULARS))
    recharge(paying, 500_000, "W2")
    paying.place("O2", (MERCHANT, 100_001))
    paying.do(OpenSession("S2", "O2"))
    one = proof(100_001, number="S2-1", payee="O2")
    command = PaySession("S2", 1, WALLET, proof=one)
    assert refusal(paying, command) is Code.FACTOR_MISSING
    paying.do(replace(command, proof=replace(one, factors=("password", "code"))))
    paying.do(wish())  # The band of one factor is as it was.
    paying.do(ConfirmReceipt(f"{MERCHANT}-O2", "buyer"))


def test_a_wallet_is_filled_from_a_card_by_a_proof(paying: Books) -> None:
    paying.do(OpenSession("S2", member_id=BUYER, amount_fen=5_000))
    command = PaySession("S2", 1, METHOD, card=CARD)
    assert refusal(paying, command) is Code.PROOF_MISSING
    agreed = proof(5_000, number="S2-1", payee=BUYER)
    assert refusal(paying, replace(command, proof=proof(1, number="S2-1", payee=BUYER))) is (
        Code.PROOF_UNFIT
    )
    paying.do(replace(command, proof=agreed))
    asked = paying.state(instruction.stream("pay-S2-1")).asked
    assert (asked.by.card, asked.product) == (CARD, "RECHARGE")
    paying.do(OpenSession("S3", member_id=BUYER, amount_fen=5_000))
    own = PaySession("S3", 1, WALLET, proof=proof(5_000, number="S3-1", payee=BUYER))
    assert refusal(paying, own) is Code.METHOD_UNKNOWN
