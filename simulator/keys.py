"""Keys of both sides, made at the first start and kept in DIR/keys.json (mode 0600).

The file is what the institution is given: its private keys and the public keys of the outside.
The outside's private keys stand in DIR/outside.json, which nobody else needs.
"""

import base64
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID
from msgspec import Struct

NETWORKS = ("unionpay", "netsunion", "jdpay", "quickpass", "bank")


class Network(Struct, frozen=True):
    """The institution's membership of one network. Keys: 32 raw bytes, base64."""

    merchant: str
    our_private: str
    our_key_id: str
    their_public: str
    their_key_id: str


class WeChat(Struct, frozen=True):
    """The institution's membership of WeChat Pay; as a partner it acts for any `sub_mchid`."""

    mchid: str
    appid: str
    merchant_serial: str
    merchant_private_pem: str
    public_key_id: str
    public_key_pem: str
    platform_serial: str
    platform_certificate_pem: str
    apiv3_key: str


class Keys(Struct, frozen=True):
    """keys.json."""

    base_url: str
    networks: dict[str, Network]
    wechat: WeChat


class Outside(Struct, frozen=True):
    """outside.json: the simulator's private keys; of WeChat Pay both that it may sign by."""

    networks: dict[str, str]
    wechat_public_key_pem: str
    wechat_platform_pem: str


def load_or_make(directory: Path, base_url: str) -> tuple[Keys, Outside]:
    """The keys of a directory; made when there are none. The address is always the present one."""
    outside_path, keys_path = directory / "outside.json", directory / "keys.json"
    if outside_path.exists() and keys_path.exists():
        outside = msgspec.json.decode(outside_path.read_bytes(), type=Outside)
        keys = msgspec.json.decode(keys_path.read_bytes(), type=Keys)
        if keys.base_url != base_url:
            keys = msgspec.structs.replace(keys, base_url=base_url)
            _write(keys_path, keys)
        return keys, outside
    keys, outside = _make(base_url)
    _write(outside_path, outside)
    _write(keys_path, keys)  # Last: whoever sees it can start.
    return keys, outside


def earlier_port(directory: Path) -> int:
    """The port of the start before this one, 0 if there was none."""
    path = directory / "keys.json"
    if not path.exists():
        return 0
    return int(msgspec.json.decode(path.read_bytes(), type=Keys).base_url.rpartition(":")[2])


def _write(path: Path, value: Struct) -> None:
    """Whole or not at all, and readable by its owner alone."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    content = msgspec.json.format(msgspec.json.encode(value), indent=2)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _make(base_url: str) -> tuple[Keys, Outside]:
    networks, private = {}, {}
    for place, name in enumerate(NETWORKS, start=1):
        ours, theirs = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        private[name] = _base64(theirs.private_bytes_raw())
        networks[name] = Network(
            merchant=f"8{place}0310{secrets.randbelow(10**9):09d}",
            our_private=_base64(ours.private_bytes_raw()),
            our_key_id=f"zf-{name}-1",
            their_public=_base64(theirs.public_key().public_bytes_raw()),
            their_key_id=f"{name}-1",
        )
    wechat, by_public_key, by_platform = _wechat()
    return Keys(base_url, networks, wechat), Outside(private, by_public_key, by_platform)


def _wechat() -> tuple[WeChat, str, str]:
    merchant, public, platform = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3)
    )
    mchid = f"16{secrets.randbelow(10**8):08d}"
    certificate, serial = _certificate(platform)
    member = WeChat(
        mchid=mchid,
        appid=f"wx{secrets.token_hex(8)}",
        merchant_serial=secrets.token_hex(20).upper(),
        merchant_private_pem=_pem(merchant),
        public_key_id=f"PUB_KEY_ID_01{mchid}{secrets.randbelow(10**18):018d}",
        public_key_pem=public.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        platform_serial=serial,
        platform_certificate_pem=certificate,
        apiv3_key=secrets.token_hex(16),
    )
    return member, _pem(public), _pem(platform)


def _certificate(key: rsa.RSAPrivateKey) -> tuple[str, str]:
    """A platform certificate for five years, and its serial number as WeChat Pay writes it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Simulated Tenpay.com sign")])
    now = datetime.now(UTC)
    serial = int.from_bytes(b"\x5f" + secrets.token_bytes(19), "big")
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1826))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), f"{serial:040X}"


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
