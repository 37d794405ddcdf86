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

from api.operations import codes
from api.operations.codes import GOOD_FOR_US, person, try_code, use_up
from api.operations.personal import Personal
from api.operations.wishes import (
    CodeWanted,
    KeyShown,
    PasswordChanged,
    PasswordForgotten,
    PasswordWanted,
    ProofWanted,
)
from domain.kernel import iso_time
from domain.member import certificate
from domain.member.certifying import RegisterCertificate
from domain.member.particulars import (
    checked_identity,
    checked_name,
)
from domain.payment.caps import Factor, band_of
from domain.payment.proof import Kind, Out, Proof, checked_out, digest_of
from domain.refusals import Code, Refused
from domain.vault import factors
from domain.vault.passwords import checked_password, hashed, is_right
from domain.vault.vault import MemberKey

PASSWORD: factors.Kind = "password"
CERTIFICATE = "certificate"  # A kind of items in the vault.
LONGEST_PROOF = 500
RESET, LOOK = "reset", "cashier"
WORDS = {
    "payment": "验证码{code}：向{payee}支付{yuan}元，5分钟内有效，请勿告诉他人。",
    "transfer": "验证码{code}：从钱包向{payee}转账{yuan}元，5分钟内有效，请勿告诉他人。",
    "withdrawal": "验证码{code}：从钱包提现{yuan}元（含手续费），5分钟内有效，请勿告诉他人。",
    RESET: "验证码{code}：重置支付密码，5分钟内有效，请勿告诉他人。",
    LOOK: "验证码{code}：在收银台使用钱包或银行卡，5分钟内有效，请勿告诉他人。",
}


# Passwords.


def set_password(personal: Personal, wish: PasswordWanted, _now_us: int) -> dict[str, object]:
    """The first one. Raises Refused: PARTICULARS_INVALID, FACTOR_ALREADY_SET, and what `person`
    raises."""
    password = checked_password(wish.payment_password, "payment_password")
    _, key = person(personal, wish.member_id)
    if not factors.put(personal.vault, key, PASSWORD, hashed(password), instead=None):
        raise Refused(Code.FACTOR_ALREADY_SET, "payment_password")
    return {"member_id": wish.member_id, "payment_password": "set"}


def change_password(personal: Personal, wish: PasswordChanged, now_us: int) -> dict[str, object]:
    """Raises Refused: PARTICULARS_INVALID, and what `_try_password` raises."""
    password = checked_password(wish.new_payment_password, "new_payment_password")
    _, key = person(personal, wish.member_id)
    kept = _try_password(personal, key, wish.payment_password, now_us)
    if not factors.put(personal.vault, key, PASSWORD, hashed(password), instead=kept):
        raise Refused(Code.FACTOR_WRONG, "payment_password", "it was changed meanwhile")
    return {"member_id": wish.member_id, "payment_password": "changed"}


def reset_password(personal: Personal, wish: PasswordForgotten, now_us: int) -> dict[str, object]:
    """By who is certified as the member, and has its telephone. Tries begin anew.

    Raises Refused: PARTICULARS_INVALID, IDENTITY_DIFFERS, and what `codes.try_code` raises.
    """
    password = checked_password(wish.new_payment_password, "new_payment_password")
    name, identity = checked_name(wish.name), checked_identity(wish.identity)
    owner, key = person(personal, wish.member_id)
    holder = key.token("holder", name, identity)
    if not any(hmac.compare_digest(one.holder, holder) for one in owner.certified):
        raise Refused(Code.IDENTITY_DIFFERS, "identity", "the member is not certified as that")
    sent = try_code(personal, key, wish.code, RESET, now_us)
    use_up(personal, key, sent)
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
    """For one movement, or a reset. Raises Refused: what `_out` and `codes.send` raise."""
    about = _reset(wish) if wish.kind == RESET else _about(_out(wish))

    def words(code: str) -> str:
        yuan = f"{wish.amount_fen // 100}.{wish.amount_fen % 100:02}"
        return WORDS[wish.kind].format(code=code, payee=wish.payee, yuan=yuan)

    return await codes.send(personal, wish.member_id, about, words, now_us)


async def send_look(
    personal: Personal, member_id: str, session_no: str, now_us: int
) -> dict[str, object]:
    """By which a payer shows himself to a cashier session. Raises what `codes.send` does."""
    about, words = f"{LOOK} {session_no}", lambda code: WORDS[LOOK].format(code=code)
    return await codes.send(personal, member_id, about, words, now_us)


# Certificates.


async def register(personal: Personal, wish: Any) -> RegisterCertificate:
    """The key goes into the vault, its name into the command."""
    return await anyio.to_thread.run_sync(_register, personal, wish)


def _register(personal: Personal, wish: KeyShown) -> RegisterCertificate:
    """Raises Refused: PARTICULARS_INVALID, and what `person` raises."""
    content = _base64(wish.public_key, "public_key")
    algorithm, content = _read_key(content)
    _, key = person(personal, wish.member_id)
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
    CERTIFICATE_NOT_FOUND, and what `_out` and `person` raise.
    """
    out = _out(wish)
    _, key = person(personal, wish.member_id)
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
        use_up(personal, key, try_code(personal, key, wish.code, _about(out), now_us))
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


def proved(personal: Personal, wish: ProofWanted, now_us: int) -> Proof:
    """The proof itself, for a page that uses it at once. Raises Refused as `prove` does."""
    return proof_of(personal, wish.member_id, str(prove(personal, wish, now_us)["proof"]))


def recognised(
    personal: Personal, member_id: str, session_no: str, password: str, code: str, now_us: int
) -> None:
    """Who opened a cashier session is its payer, by one factor. Nothing can be paid by that.

    Raises Refused: FACTOR_MISSING, FACTOR_LOCKED, FACTOR_WRONG, CODE_EXPIRED, PARTICULARS_INVALID,
    and what `person` raises.
    """
    _, key = person(personal, member_id)
    if not (password or code):
        raise Refused(Code.FACTOR_MISSING, "payment_password", "a payment password, or a code")
    if password:
        _try_password(personal, key, password, now_us)
    if code:
        about = f"{LOOK} {session_no}"
        use_up(personal, key, try_code(personal, key, code, about, now_us))


def proof_of(personal: Personal, member_id: str, text: str) -> Proof:
    """What a proof's text says. Raises Refused: PROOF_INVALID, and what `person` raises."""
    _, key = person(personal, member_id)
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
