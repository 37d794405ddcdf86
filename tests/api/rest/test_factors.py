"""Passwords, codes, certificates, proofs over REST, on both databases: what they let be paid.

Nothing of a secret may stand anywhere but sealed in the vault.
"""

import re
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import text

from api.operations.codes import BETWEEN_US, GOOD_FOR_US
from domain.kernel import DAY_US
from domain.member import certificate, member
from domain.payment import spending, wallet_use
from domain.payment.proof import Kind, Out, digest_of
from domain.vault.backup import write
from domain.vault.factors import LOCKED_US, TRIES
from tests.api.conftest import Server, problem
from tests.api.rest.test_cards import ANN, bind

ME, FRIEND = "xiaoming", "xiaohong"
PASSWORD, OTHER, THIRD = "271828", "314159", "161803"
PAY = {"kind": "payment", "number": "P1", "payee": "JD1", "amount_fen": 8_900}
TRANSFER = {"kind": "transfer", "number": "X1", "payee": FRIEND, "amount_fen": 400_000}


def of(path: str, who: str = ME) -> str:
    return f"/v1/members/{who}/{path}"


@pytest.fixture
def payer(market: Server) -> Server:
    """A person of class 3 with a card, a payment password and 100,000.00."""
    bind(market)
    certify(market, ME)
    market.ok("POST", of("payment-password"), {"payment_password": PASSWORD})
    recharge(market, ME, 10_000_000)
    return market


def certify(server: Server, who: str, level: int = 3) -> None:
    shown = {"name": ANN["name"], "identity": ANN["identity"]}
    how = {"level": level, "effective_from": "2026-11-23", "sources": ["in_person"]}
    server.ok("POST", of("certifications", who), {**shown, **how}, key=f"c-{who}-{level}")


def recharge(server: Server, who: str, fen: int) -> None:
    body = {"payment_no": f"R{who}", "member_id": who, "method": "JD_PAY", "amount_fen": fen}
    server.ok("POST", "/v1/recharges", body)
    outcome = f"/v1/instructions/pay-R{who}/outcome"
    server.ok("POST", outcome, {"succeeded": f"S{who}"}, key=f"r-{who}")


def code_for(server: Server, about: dict[str, Any], who: str = ME) -> str:
    server.ok("POST", of("codes", who), about)
    phone, words = server.bank.messages[-1]
    assert phone == ANN["phone"]
    found = re.search(r"[0-9]{6}", words)
    assert found is not None
    return found[0]


def proof(server: Server, about: dict[str, Any], who: str = ME, **given: Any) -> str:
    answer = server.ok("POST", of("proofs", who), {**about, **given})
    assert set(answer) == {"member_id", "proof", "factors", "band", "expires_at"}
    return str(answer["proof"])


def transfer(server: Server, number: str, fen: int, **more: Any) -> Any:
    body = {"transfer_no": number, "payer": ME, "payee": FRIEND, "amount_fen": fen, **more}
    return server.send("POST", "/v1/transfers", body)


def used(server: Server, kind: Any, number: str) -> wallet_use.State:
    return server.context.ledger.state(wallet_use.stream(kind, number))


def wrong_of(password: str) -> str:
    return f"{(int(password) + 1) % 1_000_000:06}"


def test_an_order_is_paid_by_two_factors_and_they_are_on_record(payer: Server) -> None:
    payer.sell("JD1")
    code = code_for(payer, PAY)
    assert "JD1" in payer.bank.messages[-1][1] and "89.00" in payer.bank.messages[-1][1]
    given = proof(payer, PAY, payment_password=PASSWORD, code=code)
    body = {"payment_no": "P1", "method": "WALLET_BALANCE", "proof": given}
    first = payer.ok("POST", "/v1/orders/JD1/payments", body)
    again = payer.ok("POST", "/v1/orders/JD1/payments", body)
    assert (again["replayed"], again["position"]) == (True, first["position"])
    payer.now_us += DAY_US  # However late: the proof is over, the receipt is not.
    payer.restart()
    assert payer.ok("POST", "/v1/orders/JD1/payments", body)["replayed"] is True
    counted = used(payer, "payment", "P1").counted
    assert counted is not None
    assert (counted.factors, counted.band, counted.level) == (("password", "code"), "two", 3)
    assert counted.proof == given.rpartition(".")[2]


def test_what_may_be_paid_in_a_day_follows_from_the_factors(payer: Server) -> None:
    problem(transfer(payer, "X0", 100_001), 409, "wallet_cap", "amount_fen")
    assert transfer(payer, "X0b", 100_000).status_code == 201
    one = proof(payer, TRANSFER, payment_password=PASSWORD)
    problem(transfer(payer, "X1", 400_000, proof=one), 409, "wallet_cap", "amount_fen")
    two = proof(payer, {**TRANSFER, "number": "X2"}, payment_password=PASSWORD,
                code=code_for(payer, {**TRANSFER, "number": "X2"}))  # fmt: skip
    assert transfer(payer, "X2", 400_000, proof=two).status_code == 201
    payer.now_us += BETWEEN_US
    more = {**TRANSFER, "number": "X3", "amount_fen": 100_001}
    two = proof(payer, more, payment_password=PASSWORD, code=code_for(payer, more))
    problem(transfer(payer, "X3", 100_001, proof=two), 409, "wallet_cap", "amount_fen")


def test_a_code_that_does_not_change_lets_little_be_paid(payer: Server) -> None:
    assert transfer(payer, "X1", 50_000, static=True).status_code == 201
    problem(transfer(payer, "X2", 1, static=True), 409, "wallet_cap", "amount_fen")
    assert transfer(payer, "X3", 1).status_code == 201


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"number": "X2"}, "number"),
        ({"payee": "xiaolan"}, "payee"),
        ({"amount_fen": 400_001}, "amount_fen"),
        ({"kind": "payment"}, "kind"),
    ],
)
def test_a_proof_is_for_one_movement(payer: Server, change: dict[str, Any], field: str) -> None:
    given = proof(payer, {**TRANSFER, **change}, payment_password=PASSWORD)
    refused = transfer(payer, "X1", 400_000, proof=given)
    assert field in problem(refused, 409, "proof_unfit", "proof")["detail"]


def test_a_proof_is_good_once_for_a_short_time_and_for_its_member(payer: Server) -> None:
    about = {**TRANSFER, "amount_fen": 1_000}
    given = proof(payer, about, payment_password=PASSWORD)
    assert transfer(payer, "X1", 1_000, proof=given).status_code == 201
    other = payer.send("POST", "/v1/transfers", {
        "transfer_no": "X1", "payer": ME, "payee": FRIEND, "amount_fen": 1_000, "proof": given,
    }, key="another-request")  # fmt: skip
    assert other.status_code == 201  # The same transfer again: nothing happened.
    assert used(payer, "transfer", "X1").left_fen == 1_000
    payer.now_us += 1
    late = proof(payer, {**about, "number": "X2"}, payment_password=PASSWORD)
    payer.now_us += GOOD_FOR_US
    problem(transfer(payer, "X2", 1_000, proof=late), 409, "proof_expired", "proof")
    changed = f"{'A' if given[0] != 'A' else 'B'}{given[1:]}"
    for wrong in (changed, given[:-1] + ("0" if given[-1] != "0" else "1"), "x", "é." * 8):
        problem(transfer(payer, "X3", 1_000, proof=wrong), 422, "proof_invalid", "proof")
    body = {"transfer_no": "X4", "payer": FRIEND, "payee": ME, "amount_fen": 1, "proof": given}
    problem(payer.send("POST", "/v1/transfers", body), 422, "proof_invalid", "proof")


def test_a_proof_without_a_leg_of_the_wallet_is_a_mistake(payer: Server) -> None:
    payer.sell("JD1")
    given = proof(payer, PAY, payment_password=PASSWORD)
    body = {"payment_no": "P1", "method": "JD_PAY", "proof": given}
    problem(payer.send("POST", "/v1/orders/JD1/payments", body), 409, "proof_unfit", "proof")


def test_a_password_is_set_once_changed_by_itself_and_reset_by_who_one_is(payer: Server) -> None:
    path = of("payment-password")
    taken = payer.send("POST", path, {"payment_password": OTHER})
    problem(taken, 409, "factor_already_set", "payment_password")
    wrong = {"payment_password": OTHER, "new_payment_password": THIRD}
    problem(payer.send("POST", f"{path}/change", wrong), 409, "factor_wrong", "payment_password")
    payer.ok(
        "POST", f"{path}/change", {"payment_password": PASSWORD, "new_payment_password": OTHER}
    )
    old = payer.send("POST", of("proofs"), {**PAY, "payment_password": PASSWORD})
    problem(old, 409, "factor_wrong", "payment_password")
    for field, value in (("number", "P1"), ("payee", "JD1"), ("amount_fen", 1)):
        wrong = payer.send("POST", of("codes"), {"kind": "reset", field: value})
        problem(wrong, 400, "request_invalid", field)
    code = code_for(payer, {"kind": "reset"})
    who = {"name": ANN["name"], "identity": ANN["identity"], "code": code}
    stranger = {**who, "identity": "110105200001010008", "new_payment_password": THIRD}
    problem(payer.send("POST", f"{path}/reset", stranger), 409, "identity_differs", "identity")
    payer.ok("POST", f"{path}/reset", {**who, "new_payment_password": THIRD})
    used_up = payer.send("POST", f"{path}/reset", {**who, "new_payment_password": OTHER})
    problem(used_up, 409, "factor_missing", "code")
    proof(payer, PAY, payment_password=THIRD)


@pytest.mark.parametrize(
    "password", ["12345", "1234567", "27182a", "２７１８２８", "111111", "654321"]
)
def test_what_is_no_password(market: Server, password: str) -> None:
    refused = market.send("POST", of("payment-password"), {"payment_password": password})
    problem(refused, 422, "particulars_invalid", "payment_password")
    assert password not in refused.text


def test_five_wrong_tries_lock_for_a_time_or_until_a_reset(payer: Server) -> None:
    asked = {**PAY, "payment_password": wrong_of(PASSWORD)}
    for _ in range(TRIES):
        refused = payer.send("POST", of("proofs"), asked)
        problem(refused, 409, "factor_wrong", "payment_password")
    right = {**PAY, "payment_password": PASSWORD}
    problem(payer.send("POST", of("proofs"), right), 409, "factor_locked", "payment_password")
    payer.restart()
    problem(payer.send("POST", of("proofs"), right), 409, "factor_locked", "payment_password")
    payer.now_us += LOCKED_US
    proof(payer, PAY, payment_password=PASSWORD)
    for _ in range(TRIES):
        payer.send("POST", of("proofs"), asked)
    who = {"name": ANN["name"], "identity": ANN["identity"]}
    code = code_for(payer, {"kind": "reset"})
    payer.ok(
        "POST", of("payment-password/reset"), {**who, "code": code, "new_payment_password": OTHER}
    )
    proof(payer, PAY, payment_password=OTHER)


def test_many_guesses_at_once_are_five(payer: Server) -> None:
    def guess(n: int) -> str:
        asked = {**PAY, "payment_password": f"90000{n % 8 + 1}"}
        return str(payer.send("POST", of("proofs"), asked).json()["code"])

    with ThreadPoolExecutor(8) as pool:
        told = sorted(pool.map(guess, range(16)))
    assert told == ["factor_locked"] * (16 - TRIES) + ["factor_wrong"] * TRIES


def test_a_code_is_for_one_movement_once_for_a_short_time(payer: Server) -> None:
    code = code_for(payer, PAY)
    soon = payer.send("POST", of("codes"), PAY)
    problem(soon, 409, "factor_locked", "code")
    other = payer.send("POST", of("proofs"), {**PAY, "amount_fen": 8_901, "code": code})
    problem(other, 409, "factor_wrong", "code")
    assert proof(payer, PAY, code=code)
    problem(payer.send("POST", of("proofs"), {**PAY, "code": code}), 409, "factor_missing", "code")
    payer.now_us += BETWEEN_US
    code = code_for(payer, PAY)
    payer.now_us += GOOD_FOR_US
    problem(payer.send("POST", of("proofs"), {**PAY, "code": code}), 409, "code_expired", "code")
    none = payer.send("POST", of("codes", FRIEND), {**PAY})
    problem(none, 409, "factor_missing", "code")
    nothing = payer.send("POST", of("proofs"), PAY)
    problem(nothing, 409, "factor_missing", "payment_password")


def test_a_new_code_does_not_begin_the_tries_anew(payer: Server) -> None:
    for _ in range(TRIES):
        wrong = wrong_of(code_for(payer, PAY))
        refused = payer.send("POST", of("proofs"), {**PAY, "code": wrong})
        problem(refused, 409, "factor_wrong", "code")
        payer.now_us += BETWEEN_US
    problem(payer.send("POST", of("codes"), PAY), 409, "factor_locked", "code")


def test_one_code_makes_one_proof_however_many_ask(payer: Server) -> None:
    code = code_for(payer, PAY)

    def ask(_: int) -> int:
        return int(payer.send("POST", of("proofs"), {**PAY, "code": code}).status_code)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ask, range(4))) == [200, 409, 409, 409]


class Signer:
    """A payer's own keys."""

    def __init__(self, algorithm: str) -> None:
        self.ed25519 = algorithm == "ed25519"
        self.key: Any = (
            Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
            if self.ed25519
            else ec.derive_private_key(2**200 + 7, ec.SECP256R1())
        )

    @property
    def public_key(self) -> str:
        content = self.key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return b64encode(content).decode()

    def sign(self, about: dict[str, Any], who: str = ME) -> str:
        kind: Kind = about["kind"]
        digest = digest_of(Out(kind, who, about["number"], about["payee"], about["amount_fen"]))
        how = () if self.ed25519 else (ec.ECDSA(SHA256()),)
        return b64encode(self.key.sign(digest, *how)).decode()


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa_p256"])
def test_a_certificate_and_a_password_pay_what_was_agreed(payer: Server, algorithm: str) -> None:
    signer = Signer(algorithm)
    shown = {"public_key": signer.public_key}
    made = payer.ok("POST", of("certificates"), shown, key="k")["result"]
    assert made["algorithm"] == algorithm
    about = {**TRANSFER, "amount_fen": 4_000_000}
    signed = {"certificate": made["certificate"], "signature": signer.sign(about)}
    alone = proof(payer, about, **signed)
    problem(transfer(payer, "X1", 4_000_000, proof=alone), 409, "wallet_cap", "amount_fen")
    about = {**about, "number": "X2"}
    unfit = payer.send("POST", of("proofs"), {**about, **signed})
    problem(unfit, 409, "factor_wrong", "signature")
    whose = payer.send("POST", of("proofs"), {**about, "signature": signed["signature"]})
    problem(whose, 409, "factor_missing", "certificate")
    signed["signature"] = signer.sign(about)
    given = proof(payer, about, **signed, payment_password=PASSWORD)
    assert transfer(payer, "X2", 4_000_000, proof=given).status_code == 201
    counted = used(payer, "transfer", "X2").counted
    assert counted is not None and counted.band == "signed"
    payer.ok("POST", of(f"certificates/{made['certificate']}/revoke"), {"reason": "lost"}, key="r")
    gone = payer.send("POST", of("proofs"), {**about, **signed})
    problem(gone, 404, "certificate_not_found", "certificate")
    vault = payer.context.personal.vault
    assert vault.read(ME, "certificate", made["certificate"]) is None


def test_what_is_no_key_and_one_too_many(payer: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "MOST", 1)
    for wrong in ("", "AAAA", "=", "é é"):
        refused = payer.send(
            "POST", of("certificates"), {"public_key": wrong}, key=f"w{len(wrong)}"
        )
        problem(refused, 422, "particulars_invalid", "public_key")
    for n, algorithm in enumerate(("ed25519", "ed25519", "ecdsa_p256")):
        shown = {"public_key": Signer(algorithm).public_key}
        answer = payer.send("POST", of("certificates"), shown, key=f"k{n}")
        if algorithm == "ed25519":
            assert answer.status_code == 201
        else:
            problem(answer, 409, "certificate_limit", "member_id")
    assert len(payer.context.ledger.state(certificate.stream(ME)).certificates) == 1


def test_two_payments_at_once_cannot_pass_a_cap_together(payer: Server) -> None:
    def pay(n: int) -> int:
        return int(transfer(payer, f"X{n}", 30_000).status_code)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(pay, range(8))) == [201] * 3 + [409] * 5


def test_two_wallets_of_one_person_have_one_count(payer: Server) -> None:
    """The second is certified later: what it has used counts with the first."""
    recharge(payer, FRIEND, 1_000_000)
    there = {"transfer_no": "Y1", "payer": FRIEND, "payee": ME, "amount_fen": 60_000}
    payer.ok("POST", "/v1/transfers", there)
    assert transfer(payer, "X1", 70_000).status_code == 201
    certify(payer, FRIEND)
    state = payer.context.ledger.state
    one, other = (state(member.stream(who)) for who in (ME, FRIEND))
    assert one.customer and one.customer == other.customer
    sums = state(spending.stream(spending.customer_of(one))).sums
    assert (sums.few_fen, sums.year_fen, sums.opening_fen) == (130_000,) * 3
    problem(transfer(payer, "X2", 1), 409, "wallet_cap", "amount_fen")
    more = {**there, "transfer_no": "Y2", "amount_fen": 1}
    problem(payer.send("POST", "/v1/transfers", more), 409, "wallet_cap", "amount_fen")
    payer.now_us += DAY_US
    assert transfer(payer, "X3", 100_000).status_code == 201


def test_nothing_of_a_secret_stands_anywhere(payer: Server, tmp_path: Path) -> None:
    code = code_for(payer, PAY)
    payer.sell("JD1")
    given = proof(payer, PAY, payment_password=PASSWORD, code=code)
    body = {"payment_no": "P1", "method": "WALLET_BALANCE", "proof": given}
    payer.ok("POST", "/v1/orders/JD1/payments", body)
    rows = payer.context.ledger.recorder.read_log(0, 10_000)
    stored = b"".join(bytes(row.state) for row in rows)
    assert PASSWORD.encode() not in stored and b"argon2" not in stored
    assert f'"{code}"'.encode() not in stored
    backup = tmp_path / "vault.jsonl"
    write(payer.context.personal.vault._engine, backup)
    assert b"argon2" not in backup.read_bytes()


def test_who_is_forgotten_has_no_factor(payer: Server) -> None:
    shown = {"public_key": Signer("ed25519").public_key}
    name = payer.ok("POST", of("certificates"), shown, key="k")["result"]["certificate"]
    vault = payer.context.personal.vault
    vault.forget(ME, payer.now_us)
    with vault.writing(ME) as connection:
        assert connection.execute(text("SELECT count(*) FROM factors")).scalar_one() == 0
    assert vault.read(ME, "certificate", name) is None
    gone = payer.send("POST", of("proofs"), {**PAY, "payment_password": PASSWORD})
    problem(gone, 409, "member_forgotten", "member_id")
