"""Entries and the chart: what balances, what does not, and who owns which leaf."""

import pytest

from domain.accounting.chart import (
    CHART,
    RESERVE_IDENTITY,
    account_id,
    chart_account,
    split_id,
)
from domain.accounting.entry import balanced, credit, debit, imbalance_of
from domain.kernel import Entry, Line
from domain.refusals import Code, Refused
from tests.examples import PAY_DAY


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([debit("2241.01.A", 5)], id="one side alone"),
        pytest.param([debit("2241.01.A", 5), credit("2241.01.B", 4)], id="a fen off"),
        pytest.param([debit("2241.01.A", 0), credit("2241.01.B", 0)], id="nothing"),
        pytest.param([], id="no lines"),
        pytest.param([debit("2241.01.A", -5), credit("2241.01.B", -5)], id="negative"),
        pytest.param([Line("2241.01.A", 5, 5)], id="both sides in one line"),
    ],
)
def test_an_entry_that_does_not_balance_is_refused(lines: list[Line]) -> None:
    with pytest.raises(Refused) as no:
        balanced("rule.1", PAY_DAY, *lines)
    assert no.value.code is Code.ENTRY_UNBALANCED


def test_lines_of_nothing_are_left_out() -> None:
    entry = balanced(
        "rule.1", PAY_DAY, debit("2241.01.A", 5), credit("2202.09", 0), credit("2241.07", 5)
    )
    assert entry.lines == (debit("2241.01.A", 5), credit("2241.07", 5))


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        pytest.param([Line("2241.01.A", 5, 0), Line("2241.01.B", 0, 5)], "", id="sound"),
        pytest.param(
            [Line("2241.01.A", 5, 0), Line("2241.01.B", 0, 4)],
            "entry rule.1 is off by 1 fen",
            id="money from nowhere",
        ),
        pytest.param(
            [Line("1122.03.A", 5, 0), Line("2241.07", 0, 5)],
            "the reserve identity is off by -5 fen CNY",
            id="an advance without own funds",
        ),
    ],
)
def test_conservation_is_proved_again_from_the_lines(lines: list[Line], wrong: str) -> None:
    assert imbalance_of([Entry("rule.1", PAY_DAY, "CNY", tuple(lines))]) == wrong


def test_the_reserve_identity_is_the_one_of_the_domain_notes() -> None:
    """1001.01 + 1122.01 + 1122.02 + 1122.04 + 1122.06 − 2202.01 = Σ 2241.* + 2202.09."""
    customers = {f"2241.0{n}" for n in range(1, 10)}
    others = {"1001.01", "1122.01", "1122.02", "1122.04", "1122.06", "2202.01", "2202.09"}
    assert customers | others == RESERVE_IDENTITY


@pytest.mark.parametrize(
    ("account", "parts"),
    [
        ("2241.02.SHOP22", ("2241.02", "SHOP22")),
        ("1122.01.JD_PAY", ("1122.01", "JD_PAY")),
        ("2241.05", ("2241.05", "")),
        ("6711", ("6711", "")),
    ],
)
def test_an_account_id_is_a_code_and_an_owner(account: str, parts: tuple[str, str]) -> None:
    assert split_id(account) == parts
    assert account_id(*parts) == account
    assert chart_account(account) is CHART[parts[0]]


@pytest.mark.parametrize(
    "account",
    ["", ".", "2241", "2241.", "2241.01.", "2241.02.A.B", "2241.05.A", "2241.01", "x" * 9_999],
)
def test_what_the_chart_does_not_have_is_refused(account: str) -> None:
    with pytest.raises(Refused) as no:
        chart_account(account)
    assert no.value.code is Code.ACCOUNT_CODE_UNKNOWN
    assert len(no.value.detail) < 200


def test_customers_money_and_debts_never_go_below_zero() -> None:
    unfloored = {code for code, line in CHART.items() if not line.floored}
    assert unfloored == {
        "1001.01",
        "1001.02",
        "1122.01",
        "1122.02",
        "1122.05",
        "1122.06",
        "2202.01",
        "2202.02",
        "2202.09",
        "4001",
        "6011",
        "6001.01",
        "6001.02",
        "6401.01",
    } | {"6711"}
    assert {CHART[code].debit_normal for code in ("1122.03", "6711")} == {True}
    assert {CHART[code].debit_normal for code in ("2241.02", "2202.09", "4001", "6001.01")} == {
        False
    }
