"""How a payer proves himself: payment password, one-time code, certificate; and the proof of it.

    secrets ──▶ verified here, against the vault ──▶ a proof: a text that the payment carries

A proof is sealed, not kept: its text says for what movement it was given, by which factors and
until when, with a digest under the member's own key. Whoever repeats a payment sends the same text,
so the same command. No secret goes further than this file: none stands in a command, a fact, a
receipt or a log.
"""

import hmac
import secrets
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import anyio.to_thread
import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from msgspec import Struct

from api.operations.personal import Personal
from api.operations.wishes import (
    CodeWanted,
    KeyShown,
    PasswordChanged,
    PasswordForgotten,
    PasswordWanted,
    ProofWanted,
)
from domain.fields import checked_member_id
from domain.kernel import MICROSECONDS, iso_time
from domain.member import card, certificate, member
from domain.member.certifying import RegisterCertificate
from domain.member.particulars import (
    checked_code,
    checked_identity,
    checked_name,
    masked_phone,
)
from domain.payment.caps import Factor, band_of
from domain.payment.proof import Kind, Out, Proof, checked_out, digest_of
from domain.refusals import Code, Refused
from domain.vault import factors
from domain.vault.passwords import checked_password, hashed, is_right
from domain.vault.vault import MemberKey

PASSWORD: factors.Kind = "password"
CODE: factors.Kind = "code"
CERTIFICATE = "certificate"  # A kind of items in the vault.
GOOD_FOR_US = 5 * 60 * MICROSECONDS  # A code, and a proof.
BETWEEN_US = 60 * MICROSECONDS  # Two codes.
DIGITS = 6
LONGEST_PROOF = 500
RESET = "reset"
WORDS = {
    "payment": "验证码{code}：从钱包向订单{payee}支付{yuan}元，5分钟内有效，请勿告诉他人。",
    "transfer": "验证码{code}：从钱包向{payee}转账{yuan}元，5分钟内有效，请勿告诉他人。",
    "withdrawal": "验证码{code}：从钱包提现{yuan}元（含手续费），5分钟内有效，请勿告诉他人。",
    RESET: "验证码{code}：重置支付密码，5分钟内有效，请勿告诉他人。",
}


class Sent(Struct, frozen=True):
    """A code as it is kept, sealed, while it is good: for `about`, a movement or a reset. Printed,
    it shows nothing."""

    code: str
    about: str
    sent_us: int

    def __repr__(self) -> str:
        return "Sent(…)"


# Passwords.


def set_password(personal: Personal, wish: PasswordWanted, _now_us: int) -> dict[str, object]:
    """The first one. Raises Refused: PARTICULARS_INVALID, FACTOR_ALREADY_SET, and what `_person`
    raises."""
    password = checked_password(wish.payment_password, "payment_password")
    _, key = _person(personal, wish.member_id)
    if not factors.put(personal.vault, key, PASSWORD, hashed(password), instead=None):
        raise Refused(Code.FACTOR_ALREADY_SET, "payment_password")
    return {"member_id": wish.member_id, "payment_password": "set"}


def change_password(personal: Personal, wish: PasswordChanged, now_us: int) -> dict[str, object]:
    """Raises Refused: PARTICULARS_INVALID, and what `_try_password` raises."""
    password = checked_password(wish.new_payment_password, "new_payment_password")
    _, key = _person(personal, wish.member_id)
    kept = _try_password(personal, key, wish.payment_password, now_us)
    if not factors.put(personal.vault, key, PASSWORD, hashed(password), instead=kept):
        raise Refused(Code.FACTOR_WRONG, "payment_password", "it was changed meanwhile")
    return {"member_id": wish.member_id, "payment_password": "changed"}


def reset_password(personal: Personal, wish: PasswordForgotten, now_us: int) -> dict[str, object]:
    """By who is certified as the member, and has its telephone. Tries begin anew.

    Raises Refused: PARTICULARS_INVALID, IDENTITY_DIFFERS, and what `_try_code` raises.
    """
    password = checked_password(wish.new_payment_password, "new_payment_password")
    name, identity = checked_name(wish.name), checked_identity(wish.identity)
    owner, key = _person(personal, wish.member_id)
    holder = key.token("holder", name, identity)
    if not any(hmac.compare_digest(one.holder, holder) for one in owner.certified):
        raise Refused(Code.IDENTITY_DIFFERS, "identity", "the member is not certified as that")
    sent = _try_code(personal, key, wish.code, RESET, now_us)
    _use_up(personal, key, sent)
    factors.replace(personal.vault, key, PASSWORD, hashed(password), unlock=True)
    return {"member_id": wish.member_id, "payment_password": "reset"}


def _try_password(personal: Personal, key: MemberKey, given: str, now_us: int) -> str:
    """The hash that it fits. Raises Refused: FACTOR_MISSING, FACTOR_LOCKED, FACTOR_WRONG."""
    field = "payment_password"
    kept = factors.begin(personal.vault, key, PASSWORD, now_us, field)
    if not is_right(given, kept) or not factors.right(personal.vault, key, PASSWORD, kept):
        raise Refused(Code.FACTOR_WRONG, field, "it is not the member's payment password")
    return kept


# Codes.


async def send_code(personal: Personal, wish: CodeWanted, now_us: int) -> dict[str, object]:
    """A new code to the telephone of a card that is bound in the member's own name; the one before
    is over. Raises Refused: FACTOR_MISSING where no telephone is known, FACTOR_LOCKED, BUSY when
    the message was not taken on, and what `_out` and `_person` raise."""
    sent, phone = await anyio.to_thread.run_sync(_new_code, personal, wish, now_us)
    words = WORDS[wish.kind].format(
        code=sent.code,
        payee=wish.payee,
        yuan=f"{wish.amount_fen // 100}.{wish.amount_fen % 100:02}",
    )
    number = f"text-{secrets.token_hex(12)}"
    if not await personal.text(number, phone, words):
        await anyio.to_thread.run_sync(_not_sent, personal, wish.member_id, sent)
        raise Refused(Code.BUSY, "code", "the message was not taken on; ask again")
    until = iso_time(sent.sent_us + GOOD_FOR_US * personal.factor)
    return {"member_id": wish.member_id, "sent_to": masked_phone(phone), "expires_at": until}


def _new_code(personal: Personal, wish: CodeWanted, now_us: int) -> tuple[Sent, str]:
    _, key = _person(personal, wish.member_id)
    about = _reset(wish) if wish.kind == RESET else _about(_out(wish))
    phone = _phone(personal, wish.member_id)
    before = factors.look(personal.vault, key, CODE, now_us, "code")
    if before is not None and now_us < _sent(before).sent_us + BETWEEN_US * personal.factor:
        raise Refused(Code.FACTOR_LOCKED, "code", "a code was sent less than a minute ago")
    sent = Sent(f"{secrets.randbelow(10**DIGITS):0{DIGITS}}", about, now_us)
    factors.replace(personal.vault, key, CODE, _text(sent), unlock=False)
    return sent, phone


def _not_sent(personal: Personal, member_id: str, sent: Sent) -> None:
    """As far as anybody knows: another one may be asked for at once, and this one goes."""
    _, key = _person(personal, member_id)
    factors.withdraw(personal.vault, key, CODE, _text(sent))


def _phone(personal: Personal, member_id: str) -> str:
    """Of the default card, or another one, in the member's own name."""
    state = personal.ledger.state(card.stream(member_id))
    bound = [one for one in state.bindings if one.status == "bound" and not one.relation]
    bound.sort(key=lambda one: one.card != state.default)
    for one in bound:
        known = personal.particulars(member_id, one.particulars)
        if known is not None:
            return known.phone
    raise Refused(Code.FACTOR_MISSING, "code", "no telephone is known: bind a card")


def _try_code(personal: Personal, key: MemberKey, given: str, about: str, now_us: int) -> str:
    """The code as it is kept. Raises Refused: FACTOR_MISSING, FACTOR_LOCKED, FACTOR_WRONG,
    CODE_EXPIRED, PARTICULARS_INVALID."""
    code = checked_code(given)
    kept = factors.begin(personal.vault, key, CODE, now_us, "code")
    sent = _sent(kept)
    if not hmac.compare_digest(sent.code.encode(), code.encode()):
        raise Refused(Code.FACTOR_WRONG, "code", "it is not the code that was sent")
    if sent.about != about:
        raise Refused(Code.FACTOR_WRONG, "code", "it was sent for something else")
    if now_us >= sent.sent_us + GOOD_FOR_US * personal.factor:
        raise Refused(Code.CODE_EXPIRED, "code")
    return kept


def _use_up(personal: Personal, key: MemberKey, kept: str) -> None:
    if not factors.right(personal.vault, key, CODE, kept, used_up=True):
        raise Refused(Code.FACTOR_WRONG, "code", "it was used before")


def _sent(kept: str) -> Sent:
    return msgspec.json.decode(kept, type=Sent)


def _text(sent: Sent) -> str:
    return msgspec.json.encode(sent).decode()


# Certificates.


async def register(personal: Personal, wish: Any) -> RegisterCertificate:
    """The key goes into the vault, its name into the command."""
    return await anyio.to_thread.run_sync(_register, personal, wish)


def _register(personal: Personal, wish: KeyShown) -> RegisterCertificate:
    """Raises Refused: PARTICULARS_INVALID, and what `_person` raises."""
    content = _base64(wish.public_key, "public_key")
    algorithm, content = _read_key(content)
    _, key = _person(personal, wish.member_id)
    name = _sha256(content).hex()
    plain = {"public_key": content.hex()}
    personal.vault.keep(key, CERTIFICATE, name, plain)
    return RegisterCertificate(wish.member_id, name, algorithm)


def settled(personal: Personal, member_id: str, name: str) -> None:
    """A key that belongs to no certificate goes."""
    state = personal.ledger.state(certificate.stream(member_id))
    if state.algorithm_of(name) is None and personal.is_open:
        personal.vault.drop(member_id, CERTIFICATE, name)


def _read_key(content: bytes) -> tuple[certificate.Algorithm, bytes]:
    """What kind of key it is, and its one spelling. Raises Refused(PARTICULARS_INVALID)."""
    try:
        key = load_der_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise Refused(Code.PARTICULARS_INVALID, "public_key", "it is no public key") from None
    plain = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if isinstance(key, Ed25519PublicKey):
        return "ed25519", plain
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return "ecdsa_p256", plain
    raise Refused(Code.PARTICULARS_INVALID, "public_key", "Ed25519 or ECDSA P-256 is needed")


def _verify(personal: Personal, wish: ProofWanted, out: Out) -> None:
    """Raises Refused: CERTIFICATE_NOT_FOUND, FACTOR_WRONG."""
    name = certificate.checked_certificate(wish.certificate)
    state = personal.ledger.state(certificate.stream(wish.member_id))
    found = personal.vault.read(wish.member_id, CERTIFICATE, name)
    if state.algorithm_of(name) is None or found is None:
        raise Refused(Code.CERTIFICATE_NOT_FOUND, "certificate")
    content = bytes.fromhex(found["public_key"])
    if _sha256(content).hex() != name:
        raise Refused(Code.VAULT_DAMAGED, "certificate", "it is another key than was registered")
    signature, key = _base64(wish.signature, "signature"), load_der_public_key(content)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, digest_of(out))
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest_of(out), ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise Refused(Code.FACTOR_WRONG, "signature", "it is none of this movement") from None


def _sha256(content: bytes) -> bytes:
    digest = Hash(SHA256())
    digest.update(content)
    return digest.finalize()


def _base64(value: str, field: str) -> bytes:
    try:
        return b64decode(value, validate=True)
    except ValueError:
        raise Refused(Code.PARTICULARS_INVALID, field, "Base64 is needed") from None


# Proofs.


def prove(personal: Personal, wish: ProofWanted, now_us: int) -> dict[str, object]:
    """All that is given must be right; a code is used up when the rest is.

    Raises Refused: FACTOR_MISSING, FACTOR_LOCKED, FACTOR_WRONG, CODE_EXPIRED,
    CERTIFICATE_NOT_FOUND, and what `_out` and `_person` raise.
    """
    out = _out(wish)
    _, key = _person(personal, wish.member_id)
    given: list[Factor] = []
    if wish.payment_password:
        _try_password(personal, key, wish.payment_password, now_us)
        given.append("password")
    if wish.signature and not wish.certificate:
        raise Refused(Code.FACTOR_MISSING, "certificate", "whose signature is it?")
    if wish.certificate:
        _verify(personal, wish, out)
        given.append("certificate")
    if wish.code:
        _use_up(personal, key, _try_code(personal, key, wish.code, _about(out), now_us))
        given.append("code")
    if not given:
        detail = "a payment_password, a code, or a certificate with its signature"
        raise Refused(Code.FACTOR_MISSING, "payment_password", detail)
    until_us = now_us + GOOD_FOR_US * personal.factor
    return {
        "member_id": wish.member_id,
        "proof": _sealed(key, out, tuple(given), until_us),
        "factors": given,
        "band": band_of(given),
        "expires_at": iso_time(until_us),
    }


def proof_of(personal: Personal, member_id: str, text: str) -> Proof:
    """What a proof's text says. Raises Refused: PROOF_INVALID, and what `_person` raises."""
    _, key = _person(personal, member_id)
    body, _, seal = text.partition(".")
    if len(text) > LONGEST_PROOF or not hmac.compare_digest(
        key.token("proof", body).encode(), seal.encode()
    ):
        raise Refused(Code.PROOF_INVALID, "proof")
    kind, number, payee, amount_fen, given, until_us, _ = msgspec.json.decode(
        urlsafe_b64decode(body + "=" * (-len(body) % 4)),
        type=tuple[Kind, str, str, int, tuple[Factor, ...], int, str],
    )
    return Proof(seal, Out(kind, member_id, number, payee, amount_fen), given, until_us)


def _sealed(key: MemberKey, out: Out, given: tuple[Factor, ...], until_us: int) -> str:
    said = (out.kind, out.number, out.payee, out.amount_fen, given, until_us, secrets.token_hex(8))
    body = urlsafe_b64encode(msgspec.json.encode(said)).decode().rstrip("=")
    return f"{body}.{key.token('proof', body)}"


def _out(wish: CodeWanted | ProofWanted) -> Out:
    """Raises Refused as `checked_out` does."""
    kind: Kind = "payment" if wish.kind == "reset" else wish.kind
    return checked_out(kind, wish.member_id, wish.number, wish.payee, wish.amount_fen)


def _reset(wish: CodeWanted) -> str:
    """A reset is of no movement. Raises Refused(REQUEST_INVALID) naming what says otherwise."""
    for field in ("number", "payee", "amount_fen"):
        if getattr(wish, field):
            raise Refused(Code.REQUEST_INVALID, field, "a reset has none")
    return RESET


def _about(out: Out) -> str:
    return digest_of(out).hex()


def _person(personal: Personal, member_id: str) -> tuple[member.State, MemberKey]:
    """Raises Refused: VAULT_LOCKED, MEMBER_NOT_FOUND, MEMBER_FORGOTTEN, MEMBER_KIND_WRONG."""
    owner, key = personal.known(checked_member_id(member_id))
    if owner.kind != "personal":
        raise Refused(Code.MEMBER_KIND_WRONG, "member_id", "only personal members have a wallet")
    return owner, key
