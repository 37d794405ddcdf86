"""Entries of what authorities take, with the figures of section 5a of the domain notes."""

from domain.accounting.rules import deduction
from domain.kernel import Entry
from tests.examples import PAY_DAY

BANK = "BANK_TRANSFER"

DEDUCTIONS: list[tuple[str, Entry, str]] = [
    (
        "deduction of 100.00 by an authority, out of a wallet",
        deduction.deduction_asked(PAY_DAY, "2241.01.LILEI", 10_000),
        "Dr 2241.01.LILEI 10_000 / Cr 2241.05 10_000",
    ),
    (
        "deduction paid",
        deduction.deduction_succeeded(PAY_DAY, BANK, 10_000),
        "Dr 2241.05 10_000 / Cr 2202.01.BANK_TRANSFER 10_000",
    ),
    (
        "deduction not paid, back to a merchant's pending money",
        deduction.deduction_given_back(PAY_DAY, "2241.02.SHOP22", 10_000),
        "Dr 2241.05 10_000 / Cr 2241.02.SHOP22 10_000",
    ),
    (
        "deduction not paid, the account is closed",
        deduction.deduction_kept(PAY_DAY, BANK, 10_000),
        "Dr 2241.05 10_000 / Cr 2241.08.BANK_TRANSFER 10_000",
    ),
    (
        "deduction paid after its decline, 30.00 left there",
        deduction.deduction_succeeded_late(
            PAY_DAY, BANK, "2241.01.LILEI", there_fen=3_000, missing_fen=7_000
        ),
        "Dr 2241.01.LILEI 3_000 / Dr 1122.04.BANK_TRANSFER 7_000 / Cr 2202.01.BANK_TRANSFER 10_000",
    ),
    (
        "deduction paid after its decline, kept in suspense",
        deduction.deduction_succeeded_late_kept(PAY_DAY, BANK, 10_000),
        "Dr 2241.08.BANK_TRANSFER 10_000 / Cr 2202.01.BANK_TRANSFER 10_000",
    ),
    (
        "deduction returned, told by the channel",
        deduction.deduction_returned(PAY_DAY, BANK, "2241.01.LILEI", 10_000),
        "Dr 1122.01.BANK_TRANSFER 10_000 / Cr 2241.01.LILEI 10_000",
    ),
    (
        "deduction returned, told by the channel, the account closed",
        deduction.deduction_returned_kept(PAY_DAY, BANK, 10_000),
        "Dr 1122.01.BANK_TRANSFER 10_000 / Cr 2241.08.BANK_TRANSFER 10_000",
    ),
    (
        "deduction returned, by the statement alone",
        deduction.deduction_returned_by_statement(PAY_DAY, "2241.01.LILEI", 10_000),
        "Dr 1001.01 10_000 / Cr 2241.01.LILEI 10_000",
    ),
    (
        "deduction returned, by the statement alone, the account closed",
        deduction.deduction_returned_by_statement_kept(PAY_DAY, BANK, 10_000),
        "Dr 1001.01 10_000 / Cr 2241.08.BANK_TRANSFER 10_000",
    ),
]
