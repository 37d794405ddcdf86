"""Rows of the table in test_rules.py: withdrawals, with the figures of the domain notes."""

from domain.accounting.rules import withdrawal
from domain.kernel import Entry
from tests.examples import PAY_DAY

BANK = "BANK_TRANSFER"

WITHDRAWALS: list[tuple[str, Entry, str]] = [
    (
        "withdrawal of 100.00 asked for, fee 1.00",
        withdrawal.withdrawal_requested(PAY_DAY, "LILEI", 10_000, 100),
        "Dr 2241.01.LILEI 10_100 / Cr 2241.05 10_100",
    ),
    (
        "withdrawal succeeded",
        withdrawal.withdrawal_succeeded(PAY_DAY, BANK, 10_000, 100),
        "Dr 2241.05 10_100 / Cr 2202.01.BANK_TRANSFER 10_000 / Cr 2202.09 100"
        " / Dr 1122.05 100 / Cr 6001.02 100",
    ),
    (
        "withdrawal failed",
        withdrawal.withdrawal_given_back(PAY_DAY, "LILEI", 10_000, 100),
        "Dr 2241.05 10_100 / Cr 2241.01.LILEI 10_100",
    ),
    (
        "withdrawal failed, the wallet is closed",
        withdrawal.withdrawal_kept(PAY_DAY, BANK, 10_000, 100),
        "Dr 2241.05 10_100 / Cr 2241.08.BANK_TRANSFER 10_100",
    ),
    (
        "withdrawal succeeded after its decline, 30.00 left in the wallet",
        withdrawal.withdrawal_succeeded_late(
            PAY_DAY, BANK, "LILEI", wallet_fen=3_000, missing_fen=7_000, fee_fen=0
        ),
        "Dr 2241.01.LILEI 3_000 / Dr 1122.04.BANK_TRANSFER 7_000 / Cr 2202.01.BANK_TRANSFER 10_000",
    ),
    (
        "withdrawal succeeded after its decline, kept in suspense",
        withdrawal.withdrawal_succeeded_late_kept(PAY_DAY, BANK, 10_000, 100),
        "Dr 2241.08.BANK_TRANSFER 10_100 / Cr 2202.01.BANK_TRANSFER 10_000 / Cr 2202.09 100"
        " / Dr 1122.05 100 / Cr 6001.02 100",
    ),
    (
        "withdrawal returned, told by the channel, the fee given back and 0.30 of it swept",
        withdrawal.withdrawal_returned(
            PAY_DAY, BANK, "LILEI", 10_000, fee_earned_fen=70, fee_own_fen=30
        ),
        "Dr 1122.01.BANK_TRANSFER 10_000 / Cr 2241.01.LILEI 10_100 / Dr 2202.09 70"
        " / Cr 1122.05 70 / Dr 6001.02 100 / Dr 1122.06 30 / Cr 1001.02 30",
    ),
    (
        "withdrawal returned, told by the channel, the wallet closed",
        withdrawal.withdrawal_returned_kept(PAY_DAY, BANK, 10_000, fee_earned_fen=0, fee_own_fen=0),
        "Dr 1122.01.BANK_TRANSFER 10_000 / Cr 2241.08.BANK_TRANSFER 10_000",
    ),
    (
        "withdrawal returned, by the statement alone",
        withdrawal.withdrawal_returned_by_statement(
            PAY_DAY, "LILEI", 10_000, fee_earned_fen=100, fee_own_fen=0
        ),
        "Dr 1001.01 10_000 / Cr 2241.01.LILEI 10_100 / Dr 2202.09 100 / Cr 1122.05 100"
        " / Dr 6001.02 100",
    ),
    (
        "withdrawal returned, by the statement alone, the wallet closed",
        withdrawal.withdrawal_returned_by_statement_kept(
            PAY_DAY, BANK, 10_000, fee_earned_fen=0, fee_own_fen=0
        ),
        "Dr 1001.01 10_000 / Cr 2241.08.BANK_TRANSFER 10_000",
    ),
]
