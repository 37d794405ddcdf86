"""Terms told beside a feed's merchants file: what is read, and what is refused, by its field."""

from pathlib import Path

import pytest

from api.operations.feed.rows import MerchantRow
from api.operations.feed.terms import MerchantTerms, read_terms
from domain.member.terms import SettlementTerms
from domain.refusals import Code, Refused

ROW = MerchantRow("SHOP22", "Shop 22", 60, "D+1")


def told(tmp_path: Path, text: str, name: str = "terms.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_not_said_is_not_there_and_the_cycle_is_that_of_the_file(tmp_path: Path) -> None:
    path = told(tmp_path, "[SHOP22]\nreserve_bps = 1000\nreserve_days = 30\n")
    assert read_terms(path)["SHOP22"].of(ROW) == SettlementTerms("D+1", None, 0, 1_000, 30)


def test_json_says_the_same(tmp_path: Path) -> None:
    text = '{"SHOP22": {"settlement_cycle": "weekly:mon", "min_payout_fen": 5}}'
    found = read_terms(told(tmp_path, text, "terms.json"))
    assert found == {"SHOP22": MerchantTerms("weekly:mon", None, 5)}
    assert found["SHOP22"].of(ROW) == SettlementTerms("weekly:mon", None, 5)


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ('[SHOP22]\nsettlement_cycle = "weekly"', Code.TERMS_INVALID, ".settlement_cycle"),
        ('[SHOP22]\nsettlement_cycle = ""', Code.TERMS_INVALID, ".settlement_cycle"),
        ("[SHOP22]\nreserve_bps = 1000", Code.TERMS_INVALID, ".reserve_days"),
        ("[SHOP22]\nreserve_days = 30", Code.TERMS_INVALID, ".reserve_bps"),
        (
            "[SHOP22]\nreserve_bps = 10001\nreserve_days = 1",
            Code.TERMS_INVALID,
            ".reserve_bps",
        ),
        ("[SHOP22]\nmin_payout_fen = -1", Code.TERMS_INVALID, ".min_payout_fen"),
        ("[SHOP22]\nmax_transfer_fen = 0", Code.TERMS_INVALID, ".max_transfer_fen"),
    ],
)
def test_terms_that_may_not_be_are_refused_by_their_field(
    tmp_path: Path, text: str, code: Code, field: str
) -> None:
    with pytest.raises(Refused) as no:
        read_terms(told(tmp_path, text))
    assert (no.value.code, no.value.field) == (code, f"terms.SHOP22{field}")


@pytest.mark.parametrize(
    "text",
    [
        "[SHOP22]\nreserve = 1000",
        "[SHOP22]\nreserve_bps = 10.5",
        "[SHOP22]\nreserve_bps = true",
        '[SHOP22]\nreserve_bps = "1000"',
        "SHOP22 = 1",
        "[SHOP22",
    ],
)
def test_what_is_no_file_of_terms_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refused) as no:
        read_terms(told(tmp_path, text))
    assert no.value.code is Code.REQUEST_INVALID
    assert no.value.field.startswith("terms")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for name in ("none.toml", "terms.yaml"):
        with pytest.raises(Refused) as no:
            read_terms(tmp_path / name)
        assert (no.value.code, no.value.field) == (Code.REQUEST_INVALID, "terms")
