"""Entries of differences and chargebacks, with the figures of sections 5a and 5b."""

import inspect
from typing import get_args

import pytest

from domain.accounting.chart import RESERVE_IDENTITY, split_id
from domain.accounting.entry import imbalance_of, reversed_entry
from domain.accounting.rules import chargeback, differences
from domain.accounting.rules.own import taken_out, topped_up
from domain.kernel import Entry
from tests.domain.accounting.test_rules import written
from tests.examples import PAY_DAY

JD, BANK, SHOP = "JD_PAY", "BANK_TRANSFER", "SHOP22"
KEPT, SHORT = f"2241.08.{JD}", f"1122.04.{JD}"

RESOLVED: list[tuple[str, Entry, str]] = [
    (
        "the bill has a payment that the books have not",
        differences.difference_confirmed(PAY_DAY, JD, "payment", "here", 10_000),
        "Dr 1122.02.JD_PAY 10_000 / Cr 2241.08.JD_PAY 10_000",
    ),
    (
        "a surplus is a named member's",
        differences.surplus_to_wallet(PAY_DAY, KEPT, "LILEI", 10_000),
        "Dr 2241.08.JD_PAY 10_000 / Cr 2241.01.LILEI 10_000",
    ),
    (
        "a payout that never left is the merchant's again",
        differences.surplus_to_merchant(PAY_DAY, f"2241.08.{BANK}", SHOP, 9_000),
        "Dr 2241.08.BANK_TRANSFER 9_000 / Cr 2241.03.SHOP22 9_000",
    ),
    (
        "a surplus goes back to the payer",
        differences.surplus_to_refund(PAY_DAY, KEPT, 10_000),
        "Dr 2241.08.JD_PAY 10_000 / Cr 2241.07 10_000",
    ),
    (
        "a payout is issued again",
        differences.surplus_to_payout(PAY_DAY, f"2241.08.{BANK}", 9_000),
        "Dr 2241.08.BANK_TRANSFER 9_000 / Cr 2241.05 9_000",
    ),
    (
        "the channel has taken it",
        differences.sent(PAY_DAY, "2241.07", JD, 10_000),
        "Dr 2241.07 10_000 / Cr 2202.01.JD_PAY 10_000",
    ),
    (
        "… and takes its success back",
        differences.sent_withdrawn(PAY_DAY, JD, 10_000),
        "Dr 2202.01.JD_PAY 10_000 / Cr 2241.08.JD_PAY 10_000",
    ),
    (
        "… or it came back days later",
        differences.sent_returned(PAY_DAY, JD, 10_000),
        "Dr 1122.01.JD_PAY 10_000 / Cr 2241.08.JD_PAY 10_000",
    ),
    (
        "a shortage is written off",
        differences.written_off(PAY_DAY, SHORT, 10_000),
        "Dr 6711 10_000 / Cr 1122.04.JD_PAY 10_000 / Dr 1122.06 10_000 / Cr 1001.02 10_000",
    ),
    (
        "a surplus and a shortage are one",
        differences.linked(PAY_DAY, KEPT, f"1122.04.{BANK}", 500),
        "Dr 2241.08.JD_PAY 500 / Cr 1122.04.BANK_TRANSFER 500",
    ),
    (
        "the channel took a fee of 2 fen above the agreed one",
        differences.fee_corrected(PAY_DAY, JD, 2),
        "Dr 2202.02.JD_PAY 2 / Cr 6401.01 2",
    ),
    (
        "… or below it",
        differences.fee_corrected(PAY_DAY, JD, -2),
        "Dr 6401.01 2 / Cr 2202.02.JD_PAY 2",
    ),
    (
        "a chargeback in escrow",
        chargeback.charged_back(
            PAY_DAY, JD, SHOP, escrow_fen=10_000, pending_fen=0, available_fen=0, advanced_fen=0
        ),
        "Dr 2241.04.SHOP22 10_000 / Cr 1122.02.JD_PAY 10_000",
    ),
    (
        "a chargeback after release: 20 + 30 + 50 debt",
        chargeback.charged_back(
            PAY_DAY,
            JD,
            SHOP,
            escrow_fen=0,
            pending_fen=2_000,
            available_fen=3_000,
            advanced_fen=5_000,
        ),
        "Dr 2241.02.SHOP22 2_000 / Dr 2241.03.SHOP22 3_000 / Dr 1122.03.SHOP22 5_000 / "
        "Cr 1122.02.JD_PAY 10_000 / Dr 1122.06 5_000 / Cr 1001.02 5_000",
    ),
    (
        "… won back, debt first",
        chargeback.won_back(
            PAY_DAY,
            JD,
            SHOP,
            escrow_fen=0,
            pending_fen=2_000,
            available_fen=3_000,
            recovered_fen=5_000,
        ),
        "Dr 1122.02.JD_PAY 10_000 / Cr 1122.03.SHOP22 5_000 / Cr 2241.02.SHOP22 2_000 / "
        "Cr 2241.03.SHOP22 3_000 / Dr 1001.02 5_000 / Cr 1122.06 5_000",
    ),
    (
        "… the channel took it off a session that another leads",
        chargeback.met(PAY_DAY, "1122.04.WECHAT_PAY", JD, 10_000, "off"),
        "Dr 1122.02.JD_PAY 10_000 / Cr 1122.04.WECHAT_PAY 10_000",
    ),
    (
        "… and gave it back",
        chargeback.met(PAY_DAY, "2241.08.WECHAT_PAY", JD, 10_000, "back"),
        "Dr 2241.08.WECHAT_PAY 10_000 / Cr 1122.02.JD_PAY 10_000",
    ),
]


@pytest.mark.parametrize(
    ("entry", "lines"), [r[1:] for r in RESOLVED], ids=[r[0] for r in RESOLVED]
)
def test_a_step_posts_these_lines(entry: Entry, lines: str) -> None:
    assert written(entry) == lines
    for one in (entry, reversed_entry(entry, PAY_DAY)):
        assert imbalance_of([one]) == ""
        assert sum(
            line.debit_fen - line.credit_fen
            for line in one.lines
            if split_id(line.account)[0] in RESERVE_IDENTITY
        ) == 0  # fmt: skip


def test_every_rule_stands_in_the_table() -> None:
    rules = {
        name
        for module in (differences, chargeback)
        for name, one in inspect.getmembers(module, inspect.isfunction)
        if one.__module__ == module.__name__ and inspect.signature(one).return_annotation is Entry
    }
    public = {name for name in rules if not name.startswith("_")}
    made = {entry.rule for _, entry, _ in RESOLVED}
    assert len(made) == len(public) == 14


@pytest.mark.parametrize("flow", get_args(differences.Flow))
@pytest.mark.parametrize("lacks", get_args(differences.Lacks))
@pytest.mark.parametrize("gross", [False, True])
def test_a_confirmation_waits_on_suspense_and_keeps_the_identity(
    flow: differences.Flow, lacks: differences.Lacks, gross: bool
) -> None:
    try:
        entry = differences.difference_confirmed(PAY_DAY, JD, flow, lacks, 700, gross=gross)
    except differences.NoSuchDifference:
        assert (flow, lacks) in (("receipt", "there"), ("receipt", "there_no_more"))
        return
    assert imbalance_of([entry]) == ""
    assert differences.waits_on(flow, lacks, JD) in [line.account for line in entry.lines]


def test_own_funds_go_in_and_come_back() -> None:
    there, back = topped_up(5), taken_out(5)
    assert sum(line.debit_fen - line.credit_fen for line in (*there, *back)) == 0
    assert [(line.debit_fen, line.credit_fen) for line in there] == [(5, 0), (0, 5)]
    assert {line.account for line in there} == {line.account for line in back}
