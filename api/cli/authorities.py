"""Orders of authorities that end soon, and deductions that came back, as the desk shows them."""

from collections.abc import Callable
from typing import Any

from api.cli.output import Say
from api.operations.attention import Some
from domain.money import decimal_text
from projections.models.authority_orders import AuthorityOrder, Deduction
from projections.models.list_matches import ListMatch

COLUMNS = ("deduction", "order", "state", "reason", "amount CNY")
MATCHES = ("member", "list", "entry", "by", "action")
ENDING = ("order", "authority", "document", "account", "last date", "amount CNY")


def say_orders(
    say: Say,
    back: Some[Deduction],
    ending: Some[AuthorityOrder],
    table: Callable[..., None],
) -> None:
    """Two tables; `table` is how the desk prints one."""
    rows = [
        (one.deduction_no, one.order_no, one.state, one.reason, decimal_text(one.amount_fen))
        for one in back.items
    ]
    table(say, "Deductions that came back", COLUMNS, rows, back.more)
    lines = [
        (
            one.order_no,
            one.authority,
            one.last_document or one.document,
            one.account,
            str(one.ends),
            "all" if one.left_fen is None else decimal_text(one.left_fen),
        )
        for one in ending.items
    ]
    table(say, "Orders of authorities that end within a week", ENDING, lines, ending.more)


def say_matches(say: Say, found: Some[ListMatch], table: Callable[..., None]) -> None:
    """Members whom no person has looked at: of the entry its number alone."""
    rows = [
        (one.member_id, one.list_name, one.entry_no, one.matched_by, one.action)
        for one in found.items
    ]
    table(say, "Members that match a list", MATCHES, rows, found.more)


def match_json(one: ListMatch) -> dict[str, Any]:
    """One of them."""
    return {
        "member": one.member_id,
        "list_name": one.list_name,
        "entry_no": one.entry_no,
        "matched_by": one.matched_by,
        "action": one.action,
    }


def deduction_json(one: Deduction) -> dict[str, Any]:
    """One of them: fen."""
    return {
        "deduction_no": one.deduction_no,
        "order_no": one.order_no,
        "state": one.state,
        "reason": one.reason,
        "amount_fen": one.amount_fen,
    }


def order_json(one: AuthorityOrder) -> dict[str, Any]:
    """One of them: fen, dates in Shanghai; null for all there is."""
    return {
        "order_no": one.order_no,
        "authority": one.authority,
        "document": one.last_document or one.document,
        "account": one.account,
        "member": one.member_id,
        "left_fen": one.left_fen,
        "ends": one.ends.isoformat() if one.ends else None,
    }
