"""Withdrawals that wait for a second person, as the desk shows them."""

from collections.abc import Callable
from typing import Any

from api.cli.output import Say
from api.operations.attention import Some
from domain.kernel import iso_time
from domain.money import decimal_text
from projections.models.withdrawals import Withdrawal

COLUMNS = ("withdrawal", "member", "asked by", "amount CNY")


def say_withdrawals(say: Say, found: Some[Withdrawal], table: Callable[..., None]) -> None:
    """A table of them; `table` is how the desk prints one."""
    rows = [
        (one.withdrawal_no, one.member_id, one.maker, decimal_text(one.amount_fen))
        for one in found.items
    ]
    table(say, "Withdrawals to approve or turn down", COLUMNS, rows, found.more)


def withdrawal_json(one: Withdrawal) -> dict[str, Any]:
    """One of them: fen, times in Shanghai."""
    return {
        "withdrawal_no": one.withdrawal_no,
        "member": one.member_id,
        "amount_fen": one.amount_fen,
        "asked_by": one.maker,
        "requested_at": iso_time(one.requested_at_us),
    }
