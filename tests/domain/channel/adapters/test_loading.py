"""A settings file makes adapters, or says which field is wrong and why; it never shows a key."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.channel.adapters.loading import (
    SettingsInvalid,
    adapters_of,
    load,
    load_payees,
    payees_of,
)
from tests.domain.channel.adapters.outside import (
    APIV3_KEY,
    Json,
    SignedSide,
    WeChatSide,
    private_pem,
    public_pem,
)

URL = "http://127.0.0.1:8700"
NOTIFY = "https://pay.example/callbacks"


def whole() -> Json:
    """As the simulator writes it: no notify_url, and sub_mchids "any"."""
    names = ("unionpay", "netsunion", "jdpay", "quickpass", "bank")
    return {
        "base_url": URL,
        "networks": {name: SignedSide.settings() for name in names},
        "wechat": WeChatSide.settings() | {"sub_mchids": "any"},
    }


def made(file: Json, notify_url: str = NOTIFY) -> set[str]:
    return set(adapters_of(json.dumps(file).encode(), notify_url=notify_url))


def test_a_file_makes_an_adapter_for_each_channel_it_names(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(whole()))
    adapters = load(path, notify_url=NOTIFY)
    assert set(adapters) == {
        "WECHAT_PAY",
        "JD_PAY",
        "CLOUD_QUICKPASS",
        "UNIONPAY_CARD",
        "NETSUNION_CARD",
        "BANK_TRANSFER",
    }
    assert all(adapter.channel == name for name, adapter in adapters.items())
    only = whole() | {"networks": {"bank": SignedSide.settings()}}
    del only["wechat"]
    assert made(only) == {"BANK_TRANSFER"}


def test_wechat_pay_may_have_one_key_or_two() -> None:
    for missing in (("public_key_id", "public_key_pem"), ("platform_serial",)):
        wechat = WeChatSide.settings()
        if missing == ("platform_serial",):
            missing += ("platform_certificate_pem",)
        for name in missing:
            del wechat[name]
        assert "WECHAT_PAY" in made(whole() | {"wechat": wechat})


def network(**changed: object) -> Callable[[Json], Json]:
    return lambda file: file | {"networks": {"jdpay": SignedSide.settings() | changed}}


def wechat(**changed: object) -> Callable[[Json], Json]:
    return lambda file: file | {"wechat": WeChatSide.settings() | changed}


def top(**changed: object) -> Callable[[Json], Json]:
    return lambda file: file | changed


SHORT = base64.b64encode(b"x" * 31).decode()


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        (lambda _: {}, "networks", "names no channel"),
        (top(network={}), "the file", "unknown field `network`"),
        (top(networks=[]), "networks", "Expected `object`, got `array`"),
        (top(networks={"alipay": SignedSide.settings()}), "networks.alipay", "none of bank, jdpay"),
        (top(base_url="ftp://x"), "base_url", "http(s)://"),
        (top(base_url="http://pay.example"), "base_url", "http only to this machine"),
        (top(base_url="https://u:p@x"), "base_url", "without a password"),
        (network(base_url="ws://x"), "networks.jdpay.base_url", "http(s)://"),
        (top(base_url="https://x:port"), "base_url", "http(s)://"),
        (top(base_url="https://x/a b"), "base_url", "http(s)://"),
        (top(base_url="https://x/?a=1"), "base_url", "without a password"),
        (top(base_url=""), "base_url", "http(s)://"),
        (top(base_url="https://[x"), "base_url", "http(s)://"),
        (top(base_url=7), "base_url", "Expected `str`, got `int`"),
        (network(base_url="http://pay.example"), "networks.jdpay.base_url", "only to this"),
        (network(merchant=""), "networks.jdpay.merchant", "1 to 64"),
        (network(merchant="a&b"), "networks.jdpay.merchant", "1 to 64"),
        (network(our_private="?"), "networks.jdpay.our_private", "not Base64"),
        (network(our_private=SHORT), "networks.jdpay.our_private", "32 bytes"),
        (network(their_public=SHORT), "networks.jdpay.their_public", "32 bytes"),
        (network(their_key_id="a b"), "networks.jdpay.their_key_id", "1 to 64"),
        (network(request_ms=0), "networks.jdpay.request_ms", "not from 1 to 60000"),
        (network(connect_ms=10**9), "networks.jdpay.connect_ms", "not from 1 to 60000"),
        (network(connections=0), "networks.jdpay.connections", "not from 1 to 1024"),
        (network(connections=1.5), "networks.jdpay.connections", "got `float`"),
        (network(at_once=1025), "networks.jdpay.at_once", "not from 1 to 1024"),
        (network(per_second=-1), "networks.jdpay.per_second", "not from 0 to 10000"),
        (network(deadline_s=61), "networks.jdpay.deadline_s", "not from 1 to 60"),
        (network(secret="x"), "networks.jdpay", "unknown field `secret`"),
        (wechat(mchid=""), "wechat.mchid", "1 to 64"),
        (wechat(merchant_private_pem="x"), "wechat.merchant_private_pem", "no private key"),
        (wechat(public_key_pem="x"), "wechat.public_key_pem", "no public key"),
        (wechat(public_key_pem="", platform_certificate_pem=""), "wechat.public_key_pem", "needed"),
        (wechat(public_key_id="5F00"), "wechat.public_key_id", "PUB_KEY_ID_"),
        (wechat(platform_certificate_pem="x"), "wechat.platform_certificate_pem", "no certificate"),
        (wechat(platform_serial="5F00"), "wechat.platform_serial", "not the serial"),
        (wechat(apiv3_key="short"), "wechat.apiv3_key", "32 bytes"),
        (wechat(sub_mchids={"SHOP22": "a b"}), "wechat.sub_mchids.SHOP22", "1 to 64"),
        (wechat(sub_mchid="?"), "wechat.sub_mchid", "1 to 64"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(
    change: Callable[[Json], Json], field: str, reason: str
) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        made(change(whole()))
    assert refused.value.field == field
    assert reason in refused.value.reason
    assert APIV3_KEY not in str(refused.value)


def test_merchants_accounts_are_in_the_file_too(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(whole() | {"payees": {"SHOP22": "6228480001"}}))
    assert load_payees(path) == {"SHOP22": "6228480001"}
    assert payees_of(json.dumps(whole()).encode()) == {}
    assert "BANK_TRANSFER" in load(path, notify_url=NOTIFY)


@pytest.mark.parametrize(
    ("payees", "field"),
    [
        ({"SHOP 22": "6228480001"}, "payees"),
        ({"SHOP22": ""}, "payees.SHOP22"),
        ({"SHOP22": "622848 0001"}, "payees.SHOP22"),
        ({"SHOP22": "6" * 65}, "payees.SHOP22"),
        ({"SHOP22": 6228480001}, "payees[...]"),
    ],
)
def test_what_is_wrong_with_an_account_is_said_without_showing_it(payees: Json, field: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        payees_of(json.dumps(whole() | {"payees": payees}).encode())
    assert refused.value.field == field
    assert "622848" not in str(refused.value)


def test_keys_must_be_strong_enough() -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    weak = generate_private_key(65537, 1024)
    pem = weak.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(SettingsInvalid, match="at least 2048 bits"):
        made(wechat(merchant_private_pem=pem)(whole()))
    with pytest.raises(SettingsInvalid, match="an RSA key"):
        made(wechat(public_key_pem=_ed25519_pem())(whole()))


def _ed25519_pem() -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return SignedSide.theirs.public_key().public_bytes(*form).decode()


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b"[" * 200_000, b" " * 1_048_577])
def test_what_is_not_a_file_of_settings_is_refused(raw: bytes) -> None:
    with pytest.raises(SettingsInvalid, match="the file"):
        adapters_of(raw, notify_url=NOTIFY)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.json"):
        with pytest.raises(SettingsInvalid, match="the file: "):
            load(path, notify_url=NOTIFY)


def test_callbacks_come_to_an_address_of_ours() -> None:
    with pytest.raises(SettingsInvalid, match="notify_url: "):
        made(whole(), notify_url="")
    assert made(whole() | {"notify_url": NOTIFY}, notify_url="")
    assert made(whole() | {"base_url": "http://sim:80", "allow_http": True})


def test_settings_show_no_key_when_they_are_printed() -> None:
    adapters = adapters_of(json.dumps(whole()).encode(), notify_url=NOTIFY)
    for adapter in adapters.values():
        shown = repr(adapter._settings)  # type: ignore[attr-defined]
        assert "1600000001" in shown or "M-1" in shown
        for secret in (APIV3_KEY, str(SignedSide.settings()["our_private"])):
            assert secret not in shown
        assert private_pem("merchant")[40:90] not in shown
        assert public_pem("wechat")[40:90] not in shown
