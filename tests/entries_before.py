"""Entries as they were stored before fees were accrued and own funds went by 1122.06: facts that
have them are in older ledgers, and their golden files stay as they are."""

from datetime import date

from domain.accounting.entry import balanced, credit, debit
from domain.kernel import Entry

OWN_IN, OWN_OUT = "1001.01", "1001.02"


def released(on: date, merchant: str, gross_fen: int, fee_fen: int, withheld_fen: int = 0) -> Entry:
    return balanced(
        "release_with_reserve.1" if withheld_fen else "release.1",
        on,
        debit(f"2241.04.{merchant}", gross_fen),
        credit(f"2241.02.{merchant}", gross_fen - fee_fen - withheld_fen),
        credit(f"2241.06.{merchant}", withheld_fen),
        credit("2202.09", fee_fen),
    )


def refunded(
    on: date, merchant: str, whole_fen: int, *, paid: tuple[int, int, int, int, int]
) -> Entry:
    """`paid`: from the deposit, pending, available, advanced, the fee."""
    from_deposit_fen, pending_fen, available_fen, advanced_fen, fee_fen = paid
    return balanced(
        "refund_with_reserve.1" if from_deposit_fen else "refund_after_release.1",
        on,
        debit(f"2241.06.{merchant}", from_deposit_fen),
        debit(f"2241.02.{merchant}", pending_fen),
        debit(f"2241.03.{merchant}", available_fen),
        debit(f"1122.03.{merchant}", advanced_fen),
        debit("2202.09", fee_fen),
        credit("2241.07", whole_fen),
        debit(OWN_IN, advanced_fen),
        credit(OWN_OUT, advanced_fen),
    )


def reserve_released(on: date, merchant: str, amount_fen: int, recovered_fen: int) -> Entry:
    return _recovered("reserve_released.1", on, merchant, "2241.06", amount_fen, recovered_fen)


def deposit_returned(on: date, merchant: str, amount_fen: int, recovered_fen: int) -> Entry:
    return _recovered("deposit_returned.1", on, merchant, "2241.06", amount_fen, recovered_fen)


def settlement_matured(on: date, merchant: str, amount_fen: int, recovered_fen: int) -> Entry:
    return _recovered("settlement_matured.1", on, merchant, "2241.02", amount_fen, recovered_fen)


def withdrawal_succeeded(on: date, channel: str, amount_fen: int, fee_fen: int) -> Entry:
    return _withdrawn("withdrawal_succeeded.1", on, "2241.05", channel, amount_fen, fee_fen)


def succeeded_late_kept(on: date, channel: str, amount_fen: int, fee_fen: int) -> Entry:
    kept, rule = f"2241.08.{channel}", "withdrawal_succeeded_late_kept.1"
    return _withdrawn(rule, on, kept, channel, amount_fen, fee_fen)


def withdrawal_returned(
    on: date, channel: str, member: str, amount_fen: int, *, fee_earned_fen: int, fee_own_fen: int
) -> Entry:
    return balanced(
        "withdrawal_returned.1",
        on,
        debit(f"1122.01.{channel}", amount_fen),
        debit("2202.09", fee_earned_fen),
        credit(f"2241.01.{member}", amount_fen + fee_earned_fen + fee_own_fen),
        debit("6001.02", fee_own_fen),
        debit(OWN_IN, fee_own_fen),
        credit(OWN_OUT, fee_own_fen),
    )


def _recovered(
    rule: str, on: date, merchant: str, source: str, amount_fen: int, recovered_fen: int
) -> Entry:
    """A debt was taken out of what became available, and own funds had it back at once."""
    return balanced(
        rule,
        on,
        debit(f"{source}.{merchant}", amount_fen),
        credit(f"2241.03.{merchant}", amount_fen - recovered_fen),
        credit(f"1122.03.{merchant}", recovered_fen),
        debit(OWN_OUT, recovered_fen),
        credit(OWN_IN, recovered_fen),
    )


def _withdrawn(rule: str, on: date, source: str, channel: str, amount_fen: int, fee: int) -> Entry:
    return balanced(
        rule,
        on,
        debit(source, amount_fen + fee),
        credit(f"2202.01.{channel}", amount_fen),
        credit("2202.09", fee),
    )
