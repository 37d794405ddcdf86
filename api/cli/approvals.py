"""Proposals that wait for a second person, as the desk shows them."""

from collections.abc import Callable
from typing import Any

from api.cli.output import Say
from api.operations.attention import Some
from domain.kernel import iso_time
from domain.money import decimal_text
from projections.models.approvals import Approval

COLUMNS = ("approval", "what", "of", "proposed by", "until", "CNY")


def say_approvals(say: Say, found: Some[Approval], table: Callable[..., None]) -> None:
    """A table of them; `table` is how the desk prints one."""
    rows = [
        (
            one.approval_id,
            one.kind,
            one.subject,
            one.maker,
            iso_time(one.expires_us),
            "" if one.amount_fen is None else decimal_text(one.amount_fen),
        )
        for one in found.items
    ]
    table(say, "Proposals to approve or refuse", COLUMNS, rows, found.more)


def approval_json(one: Approval) -> dict[str, Any]:
    return {
        "approval_id": one.approval_id,
        "kind": one.kind,
        "subject": one.subject,
        "command": one.body,
        "amount_fen": one.amount_fen,
        "proposed_by": one.maker,
        "merchant": one.member or None,
        "proposed_at": iso_time(one.proposed_at_us),
        "expires_at": iso_time(one.expires_us),
    }
