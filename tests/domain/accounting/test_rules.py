"""Posting rules: each business fact and the lines it posts, with the figures of the domain notes:
a sale of 100.00, a fee of 0.60."""

import inspect
from datetime import date
from types import ModuleType
from typing import Any

import pytest
from hypothesis import assume
from hypothesis import given as examples
from hypothesis import strategies as st

from domain.accounting.chart import RESERVE_IDENTITY, split_id
from domain.accounting.entry import imbalance_of, reversed_entry
from domain.accounting.rules import (
    composite,
    deduction,
    own,
    purchase,
    refund,
    release,
    reserve,
    settlement,
    suspense,
    transfer,
    withdrawal,
)
from domain.kernel import Entry
from domain.refusals import Code, Refused
from tests.domain.accounting.deductions import DEDUCTIONS
from tests.domain.accounting.in_flight import IN_FLIGHT
from tests.domain.accounting.own import OWN
from tests.domain.accounting.withdrawals import WITHDRAWALS
from tests.examples import PAY_DAY

MODULES: tuple[ModuleType, ...] = (
    composite,
    deduction,
    own,
    purchase,
    refund,
    release,
    reserve,
    settlement,
    suspense,
    transfer,
    withdrawal,
)
SHORT_OF_30 = {
    "from_pending_fen": 0,
    "from_available_fen": 7_000,
    "advanced_fen": 3_000,
    "fee_returned_fen": 0,
}
FEE_RETURNED = {
    "from_pending_fen": 9_940,
    "from_available_fen": 0,
    "advanced_fen": 0,
    "fee_returned_fen": 60,
}
FEE_KEPT = {
    "from_pending_fen": 0,
    "from_available_fen": 10_000,
    "advanced_fen": 0,
    "fee_returned_fen": 0,
}
EVERYWHERE = {
    "from_pending_fen": 5_000,
    "from_available_fen": 3_000,
    "advanced_fen": 1_940,
    "fee_returned_fen": 60,
}
WITH_RESERVE = {**FEE_RETURNED, "from_pending_fen": 8_946, "reserve_returned_fen": 994}


def written(entry: Entry) -> str:
    """An entry as a bookkeeper writes it down."""
    return " / ".join(
        f"{'Dr' if line.debit_fen else 'Cr'} {line.account} {line.debit_fen or line.credit_fen:_}"
        for line in entry.lines
    )


TABLE: list[tuple[str, Entry, str]] = [
    *IN_FLIGHT,
    (
        "recharge succeeded at the channel",
        purchase.recharge(PAY_DAY, "JD_PAY", "LILEI", 10_000),
        "Dr 1122.01.JD_PAY 10_000 / Cr 2241.01.LILEI 10_000",
    ),
    (
        "purchase through a channel, into escrow",
        purchase.escrow_purchase(PAY_DAY, "JD_PAY", "SHOP22", 10_000),
        "Dr 1122.01.JD_PAY 10_000 / Cr 2241.04.SHOP22 10_000",
    ),
    (
        "a payment succeeded that nothing can take",
        purchase.payment_to_send_back(PAY_DAY, "JD_PAY", 10_000),
        "Dr 1122.01.JD_PAY 10_000 / Cr 2241.07 10_000",
    ),
    (
        "the buyer confirms: release and fee",
        release.release(PAY_DAY, "SHOP22", 10_000, 60),
        "Dr 2241.04.SHOP22 10_000 / Cr 2241.02.SHOP22 9_940 / Cr 2202.09 60"
        " / Dr 1122.05 60 / Cr 6001.01 60",
    ),
    (
        "release without a fee",
        release.release(PAY_DAY, "SHOP22", 83, 0),
        "Dr 2241.04.SHOP22 83 / Cr 2241.02.SHOP22 83",
    ),
    (
        "release that is all fee",
        release.release(PAY_DAY, "SHOP22", 5, 5),
        "Dr 2241.04.SHOP22 5 / Cr 2202.09 5 / Dr 1122.05 5 / Cr 6001.01 5",
    ),
    (
        "release of which a tenth is withheld for the reserve",
        release.release(PAY_DAY, "SHOP22", 10_000, 60, 994),
        "Dr 2241.04.SHOP22 10_000 / Cr 2241.02.SHOP22 8_946 / Cr 2241.06.SHOP22 994"
        " / Cr 2202.09 60 / Dr 1122.05 60 / Cr 6001.01 60",
    ),
    (
        "the reserve's date has come",
        reserve.reserve_released(PAY_DAY, "SHOP22", 994, 0),
        "Dr 2241.06.SHOP22 994 / Cr 2241.03.SHOP22 994",
    ),
    (
        "the reserve's date has come, and the merchant owes 3.00",
        reserve.reserve_released(PAY_DAY, "SHOP22", 994, 300),
        "Dr 2241.06.SHOP22 994 / Cr 2241.03.SHOP22 694 / Cr 1122.03.SHOP22 300"
        " / Dr 1001.02 300 / Cr 1122.06 300",
    ),
    (
        "a deposit is taken",
        reserve.deposit_taken(PAY_DAY, "SHOP22", 5_000),
        "Dr 2241.03.SHOP22 5_000 / Cr 2241.06.SHOP22 5_000",
    ),
    (
        "a deposit is paid in",
        reserve.deposit_paid_in(PAY_DAY, "SHOP22", 5_000),
        "Dr 1001.01 5_000 / Cr 2241.06.SHOP22 5_000",
    ),
    (
        "a deposit is given back to a merchant who owes 3.00",
        reserve.deposit_returned(PAY_DAY, "SHOP22", 5_000, 300),
        "Dr 2241.06.SHOP22 5_000 / Cr 2241.03.SHOP22 4_700 / Cr 1122.03.SHOP22 300"
        " / Dr 1001.02 300 / Cr 1122.06 300",
    ),
    (
        "refund of a sale of which a tenth is in the reserve",
        refund.refund_after_release(PAY_DAY, "SHOP22", **WITH_RESERVE),
        "Dr 2241.06.SHOP22 994 / Dr 2241.02.SHOP22 8_946 / Dr 2202.09 60 / Cr 1122.05 60"
        " / Dr 6001.01 60 / Cr 2241.07 10_000",
    ),
    (
        "refund before release",
        refund.refund_from_escrow(PAY_DAY, "SHOP22", 10_000),
        "Dr 2241.04.SHOP22 10_000 / Cr 2241.07 10_000",
    ),
    (
        "refund after release, not settled, fee returned",
        refund.refund_after_release(PAY_DAY, "SHOP22", **FEE_RETURNED),
        "Dr 2241.02.SHOP22 9_940 / Dr 2202.09 60 / Cr 1122.05 60 / Dr 6001.01 60"
        " / Cr 2241.07 10_000",
    ),
    (
        "refund after release, of the fee 0.60 only 0.25 still in the reserve",
        refund.refund_after_release(PAY_DAY, "SHOP22", **FEE_RETURNED, fee_own_fen=35),
        "Dr 2241.02.SHOP22 9_940 / Dr 2202.09 25 / Cr 1122.05 25 / Dr 6001.01 60"
        " / Cr 2241.07 10_000 / Dr 1122.06 35 / Cr 1001.02 35",
    ),
    (
        "refund after settlement, balance enough, fee kept",
        refund.refund_after_release(PAY_DAY, "SHOP22", **FEE_KEPT),
        "Dr 2241.03.SHOP22 10_000 / Cr 2241.07 10_000",
    ),
    (
        "refund after settlement, balance short of 30.00",
        refund.refund_after_release(PAY_DAY, "SHOP22", **SHORT_OF_30),
        "Dr 2241.03.SHOP22 7_000 / Dr 1122.03.SHOP22 3_000 / Cr 2241.07 10_000"
        " / Dr 1122.06 3_000 / Cr 1001.02 3_000",
    ),
    (
        "refund out of everything there is",
        refund.refund_after_release(PAY_DAY, "SHOP22", **EVERYWHERE),
        "Dr 2241.02.SHOP22 5_000 / Dr 2241.03.SHOP22 3_000 / Dr 1122.03.SHOP22 1_940"
        " / Dr 2202.09 60 / Cr 1122.05 60 / Dr 6001.01 60 / Cr 2241.07 10_000"
        " / Dr 1122.06 1_940 / Cr 1001.02 1_940",
    ),
    (
        "refund succeeded at the channel",
        refund.refund_succeeded(PAY_DAY, "JD_PAY", 10_000),
        "Dr 2241.07 10_000 / Cr 2202.01.JD_PAY 10_000",
    ),
    (
        "refund the channel could not pay",
        refund.refund_to_wallet(PAY_DAY, "LILEI", 10_000),
        "Dr 2241.07 10_000 / Cr 2241.01.LILEI 10_000",
    ),
    (
        "refund the channel could not pay, and the wallet is closed",
        refund.refund_to_suspense(PAY_DAY, "JD_PAY", 10_000),
        "Dr 2241.07 10_000 / Cr 2241.08.JD_PAY 10_000",
    ),
    (
        "cycle due",
        settlement.matured(PAY_DAY, "SHOP22", 9_940, 0),
        "Dr 2241.02.SHOP22 9_940 / Cr 2241.03.SHOP22 9_940",
    ),
    (
        "cycle due, a debt of 30.00 recovered",
        settlement.matured(PAY_DAY, "SHOP22", 9_940, 3_000),
        "Dr 2241.02.SHOP22 9_940 / Cr 2241.03.SHOP22 6_940 / Cr 1122.03.SHOP22 3_000"
        " / Dr 1001.02 3_000 / Cr 1122.06 3_000",
    ),
    (
        "cycle due, all of it recovered",
        settlement.matured(PAY_DAY, "SHOP22", 9_940, 9_940),
        "Dr 2241.02.SHOP22 9_940 / Cr 1122.03.SHOP22 9_940 / Dr 1001.02 9_940 / Cr 1122.06 9_940",
    ),
    (
        "payout instructed",
        settlement.payout_instructed(PAY_DAY, "SHOP22", 9_940),
        "Dr 2241.03.SHOP22 9_940 / Cr 2241.05 9_940",
    ),
    (
        "payout succeeded at the channel",
        settlement.payout_succeeded(PAY_DAY, "BANK_TRANSFER", 9_940),
        "Dr 2241.05 9_940 / Cr 2202.01.BANK_TRANSFER 9_940",
    ),
    (
        "payout failed",
        settlement.payout_failed(PAY_DAY, "SHOP22", 9_940),
        "Dr 2241.05 9_940 / Cr 2241.03.SHOP22 9_940",
    ),
    (
        "payout failed, and the merchant's accounts are closed",
        settlement.payout_failed_to_suspense(PAY_DAY, "BANK_TRANSFER", 9_940),
        "Dr 2241.05 9_940 / Cr 2241.08.BANK_TRANSFER 9_940",
    ),
    (
        "payout returned, and the merchant's accounts are closed",
        settlement.payout_returned_to_suspense(PAY_DAY, "BANK_TRANSFER", 9_940),
        "Dr 1001.01 9_940 / Cr 2241.08.BANK_TRANSFER 9_940",
    ),
    (
        "payout returned days later",
        settlement.payout_returned(PAY_DAY, "SHOP22", 9_940),
        "Dr 1001.01 9_940 / Cr 2241.03.SHOP22 9_940",
    ),
    *WITHDRAWALS,
    *DEDUCTIONS,
    *OWN,
    (
        "internal transfer",
        transfer.internal_transfer(PAY_DAY, "LILEI", "HANMEIMEI", 10_000),
        "Dr 2241.01.LILEI 10_000 / Cr 2241.01.HANMEIMEI 10_000",
    ),
    (
        "reversal of a transfer",
        reversed_entry(transfer.internal_transfer(PAY_DAY, "LILEI", "HANMEIMEI", 10), PAY_DAY),
        "Cr 2241.01.LILEI 10 / Dr 2241.01.HANMEIMEI 10",
    ),
]


def rules() -> dict[str, Any]:
    """Every rule there is: the functions of the rule modules that make an entry."""
    return {
        name: function
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
        if function.__annotations__["return"] is Entry
    }


def identity(entry: Entry) -> int:
    """Debits less credits over the accounts of the reserve identity, computed once more."""
    return sum(
        line.debit_fen - line.credit_fen
        for line in entry.lines
        if split_id(line.account)[0] in RESERVE_IDENTITY
    )


def mirror(entry: Entry) -> int:
    """What own money in the reserve and its mirror differ by after an entry."""
    sides = [line for line in entry.lines if line.account in ("1122.05", "2202.09")]
    return sum(line.debit_fen - line.credit_fen for line in sides)


@pytest.mark.parametrize(("entry", "lines"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE])
def test_a_fact_posts_these_lines(entry: Entry, lines: str) -> None:
    assert written(entry) == lines
    assert (entry.date, entry.currency) == (PAY_DAY, "CNY")
    assert imbalance_of([entry]) == ""


def test_every_rule_stands_in_the_table_under_a_name_of_its_own() -> None:
    names = {entry.rule.rpartition(".")[0] or entry.rule for _, entry, _ in TABLE}
    special = {"matured": "settlement_matured"}
    assert {special.get(name, name) for name in rules()} <= names
    others = {"reversal_of_internal_transfer", "release_with_reserve", "refund_with_reserve"}
    assert names - set(special.values()) - set(rules()) == others


amount = st.one_of(st.integers(0, 5), st.integers(0, 10**15))


@pytest.mark.parametrize("name", sorted(rules()))
@examples(data=st.data())
def test_a_rule_balances_and_keeps_the_reserve_whatever_the_amounts(
    name: str, data: st.DataObject
) -> None:
    function = rules()[name]
    arguments: dict[str, Any] = {}
    whole = [p for p in inspect.signature(function).parameters if p.endswith("_fen")]
    for parameter in inspect.signature(function).parameters:
        arguments[parameter] = "2241.01.SHOP22" if parameter == "account" else "SHOP22"
        if parameter == "on":
            arguments[parameter] = date(2010, 12, 1)
        if parameter in whole:
            arguments[parameter] = data.draw(amount, label=parameter)
    parts = [("fee_fen", "gross_fen"), ("recovered_fen", "due_fen")]
    parts.append(("fee_own_fen", "fee_returned_fen"))
    if name in ("reserve_released", "deposit_returned"):
        parts.append(("recovered_fen", "amount_fen"))
    for part, total in parts:
        if part in arguments and total in arguments:  # A part of the other amount.
            arguments[part] = min(arguments[part], arguments[total])
    if "withheld_fen" in arguments:
        net_fen = arguments["gross_fen"] - arguments["fee_fen"]
        arguments["withheld_fen"] = min(arguments["withheld_fen"], net_fen)
    assume(any(arguments[parameter] for parameter in whole))
    entry = function(**arguments)
    assert sum(line.debit_fen - line.credit_fen for line in entry.lines) == 0
    assert identity(entry) == 0
    assert mirror(entry) == 0 or name == "mirror_opened"
    assert all((line.debit_fen > 0) != (line.credit_fen > 0) for line in entry.lines)
    assert all(min(line.debit_fen, line.credit_fen) == 0 for line in entry.lines)


@pytest.mark.parametrize("name", sorted(rules()))
def test_a_rule_posts_nothing_on_nothing(name: str) -> None:
    function = rules()[name]
    arguments: dict[str, Any] = {
        parameter: 0 if parameter.endswith("_fen") else "SHOP22"
        for parameter in inspect.signature(function).parameters
    }
    arguments["on"] = PAY_DAY
    with pytest.raises(Refused) as no:
        function(**arguments)
    assert no.value.code is Code.ENTRY_UNBALANCED
