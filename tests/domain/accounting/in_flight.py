"""Entries of money in flight, with the figures of section 5a of the domain notes."""

from domain.accounting.rules import composite, settlement, suspense
from domain.kernel import Entry
from tests.examples import PAY_DAY

JD, BANK = "JD_PAY", "BANK_TRANSFER"

IN_FLIGHT: list[tuple[str, Entry, str]] = [
    (
        "a channel leg is in, the plan is not complete",
        composite.leg_received(PAY_DAY, JD, 4_000),
        "Dr 1122.01.JD_PAY 4_000 / Cr 2241.09 4_000",
    ),
    (
        "the plan is complete: 60 wallet, 40 that waited",
        composite.composite_purchase(
            PAY_DAY,
            "SHOP22",
            "LILEI",
            wallet_fen=6_000,
            waiting_fen=4_000,
            channel="",
            channel_fen=0,
        ),
        "Dr 2241.01.LILEI 6_000 / Dr 2241.09 4_000 / Cr 2241.04.SHOP22 10_000",
    ),
    (
        "the plan was given up, the channel took its leg back",
        composite.leg_sent_back(PAY_DAY, JD, 4_000),
        "Dr 2241.09 4_000 / Cr 2202.01.JD_PAY 4_000",
    ),
    (
        "… and could not: the payer has it",
        composite.leg_to_wallet(PAY_DAY, "LILEI", 4_000),
        "Dr 2241.09 4_000 / Cr 2241.01.LILEI 4_000",
    ),
    (
        "… whose wallet is closed",
        composite.leg_to_suspense(PAY_DAY, JD, 4_000),
        "Dr 2241.09 4_000 / Cr 2241.08.JD_PAY 4_000",
    ),
    (
        "a recharge is undone",
        composite.recharge_to_send_back(PAY_DAY, "LILEI", 500),
        "Dr 2241.01.LILEI 500 / Cr 2241.07 500",
    ),
    (
        "a second charge, verified",
        suspense.second_charge(PAY_DAY, JD, 10_000),
        "Dr 1122.01.JD_PAY 10_000 / Cr 2241.07 10_000",
    ),
    (
        "paid 103 instead of 100",
        suspense.amount_differs(PAY_DAY, JD, 300),
        "Dr 1122.01.JD_PAY 300 / Cr 2241.08.JD_PAY 300",
    ),
    (
        "… the excess back",
        suspense.surplus_to_send_back(PAY_DAY, JD, 300),
        "Dr 2241.08.JD_PAY 300 / Cr 2241.07 300",
    ),
    (
        "… or to the payer's wallet",
        suspense.surplus_to_wallet(PAY_DAY, JD, "LILEI", 300),
        "Dr 2241.08.JD_PAY 300 / Cr 2241.01.LILEI 300",
    ),
    (
        "a payment declined after its success",
        suspense.payment_withdrawn(PAY_DAY, JD, 10_000),
        "Dr 1122.04.JD_PAY 10_000 / Cr 1122.01.JD_PAY 10_000",
    ),
    (
        "a payout declined after its success",
        suspense.payout_withdrawn(PAY_DAY, BANK, 9_000),
        "Dr 2202.01.BANK_TRANSFER 9_000 / Cr 2241.08.BANK_TRANSFER 9_000",
    ),
    (
        "a payout paid twice",
        suspense.paid_above(PAY_DAY, BANK, 9_000),
        "Dr 1122.04.BANK_TRANSFER 9_000 / Cr 2202.01.BANK_TRANSFER 9_000",
    ),
    (
        "a refund succeeds after it was credited to the wallet, 30 are left there",
        suspense.refund_succeeded_late(PAY_DAY, JD, "LILEI", wallet_fen=3_000, missing_fen=7_000),
        "Dr 2241.01.LILEI 3_000 / Dr 1122.04.JD_PAY 7_000 / Cr 2202.01.JD_PAY 10_000",
    ),
    (
        "a refund came back",
        suspense.refund_returned(PAY_DAY, JD, "LILEI", 10_000),
        "Dr 1122.01.JD_PAY 10_000 / Cr 2241.01.LILEI 10_000",
    ),
    (
        "… whose wallet is closed",
        suspense.refund_returned_to_suspense(PAY_DAY, JD, 10_000),
        "Dr 1122.01.JD_PAY 10_000 / Cr 2241.08.JD_PAY 10_000",
    ),
    (
        "a payout succeeds after it was declined",
        settlement.payout_succeeded_late(PAY_DAY, BANK, "SHOP22", 9_000),
        "Dr 2241.03.SHOP22 9_000 / Cr 2202.01.BANK_TRANSFER 9_000",
    ),
    (
        "a payout came back, as the channel tells it",
        settlement.payout_returned_by_channel(PAY_DAY, BANK, "SHOP22", 9_000),
        "Dr 1122.01.BANK_TRANSFER 9_000 / Cr 2241.03.SHOP22 9_000",
    ),
    (
        "… to a merchant whose accounts are closed",
        settlement.payout_returned_by_channel_to_suspense(PAY_DAY, BANK, 9_000),
        "Dr 1122.01.BANK_TRANSFER 9_000 / Cr 2241.08.BANK_TRANSFER 9_000",
    ),
]
