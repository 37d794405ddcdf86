"""The adapters of a settings file: JSON, the simulator's `keys.json` or one of the same form.

    {
      "base_url": "https://…",        where the channels are; each may name its own
      "notify_url": "https://…/",     where they call us: the channel's name is put behind it
      "allow_http": false,            true: http also to another machine (a network of one's own)
      "networks": {"unionpay": {"merchant", "our_private", "our_key_id", "their_public",
                                "their_key_id", …}, …},
      "wechat": {"mchid", "appid", "merchant_serial", "merchant_private_pem",
                 "public_key_id", "public_key_pem", "platform_serial", "platform_certificate_pem",
                 "apiv3_key", "sub_mchid", "sub_mchids", "partner", …},
      "payees": {"<member id>": "<account at the bank>", …}    to whom payouts go
    }

Each channel may have `base_url`, `connect_ms`, `request_ms` and `connections` of its own, and how
it may be asked: `at_once` (64), `per_second` (0: no limit), given up after `deadline_s` (15). A
channel that is not in the file has no adapter. What is wrong with a file is `SettingsInvalid`,
which names the field and the reason, and never shows a key.
"""

import re
from base64 import b64decode
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import Certificate, load_pem_x509_certificate
from msgspec import Struct

from domain.channel.adapters.signed.adapter import SignedChannel, SignedSettings
from domain.channel.adapters.signed.bills import SignedBills
from domain.channel.adapters.signed.cards import SignedCardBank
from domain.channel.adapters.signed.networks import NETWORKS
from domain.channel.adapters.signed.signing import Keys as SignedKeys
from domain.channel.adapters.wechat.adapter import WeChatPay
from domain.channel.adapters.wechat.bills import WeChatBills
from domain.channel.adapters.wechat.keys import Keys as WeChatKeys
from domain.channel.adapters.wechat.keys import TheirKey, us
from domain.channel.adapters.wechat.settings import WeChatSettings
from domain.channel.adapters.wire import Limits
from domain.channel.bills import BillSource
from domain.channel.cards import CardBank
from domain.channel.network import Adapter, Pace

T = TypeVar("T")
FILE_BYTES = 1024 * 1024
RSA_BITS = 2048
LOOPBACK = frozenset(("127.0.0.1", "localhost", "[::1]"))

_url_parts = re.compile(
    r"(?P<scheme>https?)://(?P<host>[0-9A-Za-z.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?"
    r"(/[0-9A-Za-z._~-]+)*/?",
    re.ASCII,
).fullmatch
_is_name = re.compile(r"[0-9A-Za-z_.-]{1,64}", re.ASCII).fullmatch
_is_account = re.compile(r"[!-~]{1,64}", re.ASCII).fullmatch


# Field, least, most.
_BOUNDS = (
    ("connect_ms", 1, 60_000),
    ("request_ms", 1, 60_000),
    ("connections", 1, 1024),
    ("at_once", 1, 1024),
    ("per_second", 0, 10_000),
    ("deadline_s", 1, 60),
)


class SettingsInvalid(Exception):
    """A settings file that cannot be used: which field, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class _Channel(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    base_url: str = ""
    connect_ms: int = Limits().connect_ms
    request_ms: int = Limits().request_ms
    connections: int | None = None  # None: as many as may be asked at once.
    at_once: int = Pace().at_once
    per_second: int = Pace().per_second
    deadline_s: int = Pace().deadline_s


class _Network(_Channel, frozen=True, forbid_unknown_fields=True, kw_only=True):
    merchant: str
    our_key_id: str
    our_private: str
    their_key_id: str
    their_public: str


class _WeChat(_Channel, frozen=True, forbid_unknown_fields=True, kw_only=True):
    mchid: str
    appid: str
    merchant_serial: str
    merchant_private_pem: str
    apiv3_key: str
    public_key_id: str = ""
    public_key_pem: str = ""
    platform_serial: str = ""
    platform_certificate_pem: str = ""
    sub_mchid: str = ""
    sub_mchids: dict[str, str] | Literal["any"] = {}  # The simulator takes any.
    partner: bool = False  # Agreements say the numbers.


class _File(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    base_url: str = ""
    notify_url: str = ""
    allow_http: bool = False
    networks: dict[str, msgspec.Raw] = {}
    wechat: msgspec.Raw = msgspec.Raw()  # Empty: not in the file.
    payees: dict[str, str] = {}


def load(path: Path, *, notify_url: str = "") -> dict[str, Adapter]:
    """The adapters of a file, by channel. `notify_url` goes before the file's own.

    Raises SettingsInvalid.
    """
    return adapters_of(_read(path), notify_url=notify_url)


def load_card_bank(path: Path) -> CardBank | None:
    """The bank that signs cards; None where the file does not name network `bank`. Raises
    SettingsInvalid."""
    file = _decoded(_read(path), _File, "")
    part = file.networks.get("bank")
    if part is None:
        return None
    row = _decoded(part, _Network, "networks.bank")
    settings = _signed(file, row, "networks.bank", file.notify_url, "BANK_TRANSFER")
    return SignedCardBank(settings)


def load_bills(path: Path) -> dict[str, BillSource]:
    """Where each channel's bills are fetched, by channel. Raises SettingsInvalid."""
    file = _decoded(_read(path), _File, "")
    sources: dict[str, BillSource] = {}
    for network in NETWORKS:
        if (part := file.networks.get(network.name)) is not None:
            field = f"networks.{network.name}"
            row = _decoded(part, _Network, field)
            settings = _signed(file, row, field, file.notify_url, network.channel)
            sources[network.channel] = SignedBills(network, settings)
    if bytes(file.wechat):
        wechat = _decoded(file.wechat, _WeChat, "wechat")
        sources[WeChatBills.channel] = WeChatBills(_wechat(file, wechat, file.notify_url))
    return sources


def load_payees(path: Path) -> dict[str, str]:
    """Merchants' accounts at the bank, by member. Raises SettingsInvalid."""
    return payees_of(_read(path))


def payees_of(raw: bytes) -> dict[str, str]:
    """The same of a file's bytes. Raises SettingsInvalid, which shows no account."""
    payees = _decoded(raw, _File, "").payees
    for member, account in payees.items():
        if not _is_name(member):
            raise SettingsInvalid("payees", "a member's id is 1 to 64 of A-Z a-z 0-9 _ - .")
        if not _is_account(account):
            raise SettingsInvalid(f"payees.{member}", "an account is 1 to 64 ASCII characters")
    return payees


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise SettingsInvalid("the file", error.strerror or "cannot be read") from None
    if len(raw) > FILE_BYTES:
        raise SettingsInvalid("the file", f"above {FILE_BYTES} bytes")
    return raw


def adapters_of(raw: bytes, *, notify_url: str = "") -> dict[str, Adapter]:
    """The adapters of a file's bytes, by channel. Raises SettingsInvalid."""
    if len(raw) > FILE_BYTES:
        raise SettingsInvalid("the file", f"above {FILE_BYTES} bytes")
    file = _decoded(raw, _File, "")
    notify = notify_url or file.notify_url
    _url("notify_url", notify, allow_http=file.allow_http)
    adapters: dict[str, Adapter] = {}
    for network in NETWORKS:
        if (part := file.networks.get(network.name)) is not None:
            field = f"networks.{network.name}"
            row = _decoded(part, _Network, field)
            settings = _signed(file, row, field, notify, network.channel)
            adapters[network.channel] = SignedChannel(network, settings)
    known = {network.name for network in NETWORKS}
    if unknown := sorted(file.networks.keys() - known):
        raise SettingsInvalid(f"networks.{unknown[0][:40]}", f"none of {', '.join(sorted(known))}")
    if bytes(file.wechat):
        wechat = _decoded(file.wechat, _WeChat, "wechat")
        adapters[WeChatPay.channel] = WeChatPay(_wechat(file, wechat, notify))
    if not adapters:
        raise SettingsInvalid("networks", "the file names no channel")
    return adapters


def _decoded(raw: bytes | msgspec.Raw, kind: type[T], field: str) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        reason, _, at = str(error).partition(" - at `$")
        names = [name for name in (field, at.strip("`.")) if name]
        raise SettingsInvalid(".".join(names) or "the file", reason) from None
    except (ValueError, RecursionError):
        raise SettingsInvalid(field or "the file", "not JSON") from None


def _signed(
    file: _File, row: _Network, field: str, notify_url: str, channel: str
) -> SignedSettings:
    _name(f"{field}.merchant", row.merchant)
    _name(f"{field}.our_key_id", row.our_key_id)
    _name(f"{field}.their_key_id", row.their_key_id)
    private = _ed25519(f"{field}.our_private", row.our_private)
    public = _ed25519(f"{field}.their_public", row.their_public)
    keys = SignedKeys(
        row.our_key_id,
        Ed25519PrivateKey.from_private_bytes(private),
        row.their_key_id,
        Ed25519PublicKey.from_public_bytes(public),
    )
    return SignedSettings(
        merchant=row.merchant,
        keys=keys,
        base_url=_base(file, row, field),
        notify_url=f"{notify_url.rstrip('/')}/{channel}",
        limits=_limits(row, field),
        pace=Pace(row.at_once, row.per_second, row.deadline_s),
    )


def _wechat(file: _File, row: _WeChat, notify_url: str) -> WeChatSettings:
    for name in ("mchid", "appid", "merchant_serial"):
        _name(f"wechat.{name}", getattr(row, name))
    subs = {} if row.sub_mchids == "any" else row.sub_mchids
    for merchant, sub in subs.items():
        _name(f"wechat.sub_mchids.{merchant[:40]}", sub)
    if row.sub_mchid:
        _name("wechat.sub_mchid", row.sub_mchid)
    return WeChatSettings(
        mchid=row.mchid,
        appid=row.appid,
        keys=_wechat_keys(row),
        base_url=_base(file, row, "wechat"),
        notify_url=f"{notify_url.rstrip('/')}/{WeChatPay.channel}",
        sub_mchid=row.sub_mchid,
        sub_mchids=subs,
        by_agreement=row.partner,
        limits=_limits(row, "wechat"),
        pace=Pace(row.at_once, row.per_second, row.deadline_s),
    )


def _wechat_keys(row: _WeChat) -> WeChatKeys:
    theirs: dict[str, TheirKey] = {}
    if row.platform_certificate_pem:
        certificate = _certificate(row.platform_certificate_pem, row.platform_serial)
        theirs[row.platform_serial] = certificate
    if row.public_key_pem:
        if not row.public_key_id.startswith("PUB_KEY_ID_") or not _is_name(row.public_key_id):
            raise SettingsInvalid("wechat.public_key_id", "begins with PUB_KEY_ID_")
        theirs[row.public_key_id] = TheirKey(_public(row.public_key_pem))
    if not theirs:
        reason = "a public key or a platform certificate of WeChat Pay is needed"
        raise SettingsInvalid("wechat.public_key_pem", reason)
    if len(row.apiv3_key.encode()) != 32:
        raise SettingsInvalid("wechat.apiv3_key", "32 bytes are needed")
    return WeChatKeys(
        merchant_serial=row.merchant_serial,
        merchant_private=_private(row.merchant_private_pem),
        theirs=theirs,
        named=row.public_key_id if row.public_key_pem else row.platform_serial,
        resource=AESGCM(row.apiv3_key.encode()),
    )


def _private(pem: str) -> RSAPrivateKey:
    field = "wechat.merchant_private_pem"
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SettingsInvalid(field, "no private key in PEM without a password") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < RSA_BITS:
        raise SettingsInvalid(field, f"an RSA key of at least {RSA_BITS} bits is needed")
    return key


def _public(pem: str) -> RSAPublicKey:
    try:
        return _rsa("wechat.public_key_pem", load_pem_public_key(pem.encode()))
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsInvalid("wechat.public_key_pem", "no public key in PEM") from None


def _certificate(pem: str, serial: str) -> TheirKey:
    field = "wechat.platform_certificate_pem"
    try:
        certificate: Certificate = load_pem_x509_certificate(pem.encode())
        public = _rsa(field, certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsInvalid(field, "no certificate in PEM") from None
    if f"{certificate.serial_number:X}" != serial.lstrip("0"):
        raise SettingsInvalid("wechat.platform_serial", "not the serial of the certificate, in hex")
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return TheirKey(public, us(begin), us(end))


def _rsa(field: str, key: object) -> RSAPublicKey:
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS:
        raise SettingsInvalid(field, f"an RSA key of at least {RSA_BITS} bits is needed")
    return key


def _ed25519(field: str, text: str) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        raise SettingsInvalid(field, "not Base64") from None
    if len(raw) != 32:
        raise SettingsInvalid(field, "a raw Ed25519 key of 32 bytes is needed")
    return raw


def _base(file: _File, row: _Channel, field: str) -> str:
    own = f"{field}.base_url" if row.base_url else "base_url"
    base_url = row.base_url or file.base_url
    _url(own, base_url, allow_http=file.allow_http)
    return base_url


def _url(field: str, text: str, *, allow_http: bool) -> None:
    found = _url_parts(text)
    if found is None:
        reason = "http(s)://host[:port][/path] is needed, without a password and a query"
        raise SettingsInvalid(field, reason)
    if found["scheme"] == "http" and found["host"] not in LOOPBACK and not allow_http:
        raise SettingsInvalid(field, "http only to this machine, unless allow_http is true")


def _limits(row: _Channel, field: str) -> Limits:
    for name, least, most in _BOUNDS:
        given = getattr(row, name)
        if given is not None and not least <= given <= most:
            raise SettingsInvalid(f"{field}.{name}", f"not from {least} to {most}")
    connections = row.at_once if row.connections is None else row.connections
    return Limits(row.connect_ms, row.request_ms, connections)


def _name(field: str, text: str) -> None:
    if not _is_name(text):
        raise SettingsInvalid(field, "1 to 64 of A-Z a-z 0-9 _ - . are needed")
