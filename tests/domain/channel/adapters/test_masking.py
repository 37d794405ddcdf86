"""Nothing secret and nothing personal is kept of what went over the wire."""

import json

import pytest

from domain.channel.adapters.masking import FIELDS, OPEN, PATTERNS, TEXT_BYTES, masked

CARD = "6222021234567890123"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"party": {"kind": "card", "id": CARD}}, {"party": {"kind": "card", "id": "***0123"}}),
        ({"party": {"id": "u1"}}, {"party": {"id": "***"}}),
        ({"party": {"id": "1234", "name": "王小明"}}, {"party": {"id": "***", "name": "***"}}),
        ({"id": "EV-1", "event": "ORDER"}, {"id": "EV-1", "event": "ORDER"}),
        ({"payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}}, {"payer": {"openid": "***eS6o"}}),
        ({"user_received_account": "招商银行信用卡0403"}, {"user_received_account": "***"}),
        ({"Card_No": int(CARD)}, {"Card_No": "***0123"}),
        ({"phone": None}, {"phone": None}),
        (
            {"name": ["a"], "x": [{"mobile": "13912345678"}]},
            {"name": ["***"], "x": [{"mobile": "***"}]},
        ),
        ({"message": f"card {CARD} refused"}, {"message": "card *** refused"}),
        ({"message": "card 6222 0212 3456 7890 123 refused"}, {"message": "card *** refused"}),
        ({"message": "call 139 1234 5678 or a.b@c.cn"}, {"message": "call *** or ***"}),
        ({"message": "id 11010519491231002X"}, {"message": "id ***"}),
        ({"other": int(CARD)}, {"other": "***"}),
        ({CARD: 1}, {"***": 1}),
        ({"x": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"}, {"x": "***"}),
        ({"x": "Bearer abc.def"}, {"x": "***"}),
        # Business numbers look like cards and stay.
        (
            {"out_trade_no": CARD, "transaction_id": "4200000000000000000000000000"},
            {"out_trade_no": CARD, "transaction_id": "4200000000000000000000000000"},
        ),
        ({"amount": 10**12, "at": "2026-11-28"}, {"amount": 10**12, "at": "2026-11-28"}),
        ({"number": "13912345678"}, {"number": "13912345678"}),
        ({"created": "2026-11-28T10:00:00+08:00"}, {"created": "2026-11-28T10:00:00+08:00"}),
        ({"ok": True, "none": None}, {"ok": True, "none": None}),
    ],
)
def test_json_keeps_its_fields_and_loses_what_is_personal(value: object, kept: object) -> None:
    assert json.loads(masked(json.dumps(value).encode())) == kept


@pytest.mark.parametrize("field", [field for field in FIELDS if not field.under])
def test_every_field_of_the_table_loses_its_value(field: object) -> None:
    name = getattr(field, "name")  # noqa: B009
    value = "Kx-secretvalue-9"
    assert b"secretvalue" not in masked(json.dumps({"a": [{name: value}]}).encode())


def test_no_field_is_both_open_and_masked() -> None:
    assert not OPEN & {field.name for field in FIELDS if not field.under}
    assert len(PATTERNS) == 5


@pytest.mark.parametrize(
    "body", [f"<p>card {CARD}, 13912345678</p>".encode(), b"\xff" + CARD.encode()]
)
def test_any_other_text_is_searched(body: bytes) -> None:
    assert CARD.encode() not in masked(body)
    assert b"***" in masked(body)


def test_of_any_other_text_the_beginning_is_kept() -> None:
    assert len(masked(b"x" * 100_000)) == TEXT_BYTES
    assert masked(b"[" * 200_000)[:2] == b"[["
    assert masked(b"") == b""
