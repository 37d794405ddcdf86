"""`zhangfang desk`: what an operator has to look at."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from sqlalchemy import Connection

from api.cli.approvals import approval_json, say_approvals
from api.cli.authorities import deduction_json, match_json, order_json, say_matches, say_orders
from api.cli.bills import awaited_json, say_awaited
from api.cli.opening import open_desk
from api.cli.output import DatabaseOption, JsonOption, Say, answering
from api.cli.webhooks import endpoint_json, say_endpoints
from api.cli.withdrawals import say_withdrawals, withdrawal_json
from api.operations import attention
from api.operations.attention import MOST, Hindrance, OpenInstruction, Some, Suspense
from domain.kernel import iso_time
from domain.ledger.answer import Refusal
from domain.money import decimal_text
from projections.models.business_days import BusinessDay, latest_day
from projections.models.channels import UnknownNumber
from projections.models.contradictions import Contradiction
from projections.models.refunds import Refund
from projections.models.settlement_payouts import Payout
from projections.models.suspense_items import SuspenseItem
from projections.rebuilding.digest import snapshot
from projections.registry import READ_MODELS


def desk(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """What waits for a person: hindrances, open instructions, failed payouts, refunds, withdrawals
    and proposals to approve, webhooks that are paused, bills that are awaited, suspense, paused
    read models."""
    with answering(database, as_json) as say, open_desk(say.database_url) as context:
        context.projector.catch_up()  # One that is paused is what is told, and no reason to stop.
        tables = [table for model in READ_MODELS.values() for table in model.tables]
        with snapshot(context.engine, tables) as view:
            found = Found(view)
        if say.as_json:
            say.json(found.json())
        found.say(say)


class Found:
    """Everything on the desk, read in one view."""

    def __init__(self, view: Connection) -> None:
        self.day = latest_day(view)
        self.hindrances = attention.hindrances(view)
        self.instructions = attention.open_instructions(view)
        self.contradictions = attention.contradicting(view)
        self.suspense_items = attention.suspense_items(view)
        self.unknown_numbers = attention.unknown_numbers(view)
        self.bills = attention.awaited_bills(view)
        self.payouts = attention.payouts(view)
        self.refunds = attention.refunds(view)
        self.withdrawals = attention.withdrawals(view)
        self.approvals = attention.approvals(view)
        self.deductions = attention.deductions(view)
        self.ending_orders = attention.ending_orders(view)
        self.list_matches = attention.list_matches(view)
        self.webhooks = attention.webhooks(view)
        self.suspense = attention.suspense(view)
        self.paused = attention.paused(view)

    def json(self) -> dict[str, Any]:
        """The desk as the command line gives it: fen, times in Shanghai."""
        return {
            "day": _day_json(self.day),
            "hindrances": _some_json(self.hindrances, _hindrance_json),
            "instructions": _some_json(self.instructions, _instruction_json),
            "contradictions": _some_json(self.contradictions, _contradiction_json),
            "suspense_items": _some_json(self.suspense_items, _suspense_item_json),
            "unknown_numbers": _some_json(self.unknown_numbers, _unknown_number_json),
            "bills": _some_json(self.bills, awaited_json),
            "payouts": _some_json(self.payouts, _payout_json),
            "refunds": _some_json(self.refunds, _refund_json),
            "withdrawals": _some_json(self.withdrawals, withdrawal_json),
            "approvals": _some_json(self.approvals, approval_json),
            "deductions": _some_json(self.deductions, deduction_json),
            "ending_orders": _some_json(self.ending_orders, order_json),
            "list_matches": _some_json(self.list_matches, match_json),
            "webhooks": _some_json(self.webhooks, endpoint_json),
            "suspense": [_suspense_json(one) for one in self.suspense],
            "paused_read_models": [
                {"name": one.name, "position": one.position, "reason": one.reason}
                for one in self.paused
            ],
        }

    def say(self, say: Say) -> None:
        """The desk for people, in yuan."""
        _say_day(say, self.day)
        _table(
            say,
            "What should be done already",
            ("step", "of", "since", "why not"),
            [
                (one.step, one.subject, str(one.since), _why(one.refusal, "not tried"))
                for one in self.hindrances.items
            ],
            self.hindrances.more,
        )
        _table(
            say,
            "Instructions without an outcome",
            ("instruction", "state", "issued", "channel", "why", "CNY"),
            [_instruction_row(one) for one in self.instructions.items],
            self.instructions.more,
        )
        _say_contradictions(say, self.contradictions)
        _say_suspense_items(say, self.suspense_items)
        _say_unknown_numbers(say, self.unknown_numbers)
        say_awaited(say, self.bills, _table)
        _table(
            say,
            "Payouts to retry",
            ("payout", "state", "reason", "CNY"),
            [
                (one.payout_no, one.status, one.reason, decimal_text(one.amount_fen))
                for one in self.payouts.items
            ],
            self.payouts.more,
        )
        _say_refunds(say, self.refunds)
        say_withdrawals(say, self.withdrawals, _table)
        say_approvals(say, self.approvals, _table)
        say_orders(say, self.deductions, self.ending_orders, _table)
        say_matches(say, self.list_matches, _table)
        say_endpoints(say, self.webhooks, _table)
        for one in self.suspense:
            _say_suspense(say, one)
        rows = [(one.name, str(one.position), one.reason or "") for one in self.paused]
        _table(say, "Paused read models", ("name", "at", "why"), rows, False)
        lists: tuple[Some[Any], ...] = (self.hindrances, self.instructions, self.contradictions)
        lists = (*lists, self.suspense_items, self.unknown_numbers, self.payouts, self.refunds)
        lists = (*lists, self.withdrawals, self.approvals, self.deductions, self.ending_orders)
        lists = (*lists, self.list_matches, self.webhooks, self.bills)
        if not any((*(one.items for one in lists), self.suspense, self.paused)):
            say.line("Nothing waits for anybody.")


def _say_day(say: Say, day: BusinessDay | None) -> None:
    if day is None:
        say.line("The books are not open yet.", "bold")
        return
    cut_off = f", cut off {iso_time(day.cut_off_at_us)}" if day.cut_off_at_us else ""
    say.line(f"Open day: {day.accounting_date}{cut_off}", "bold")


def _say_contradictions(say: Say, found: Some[Contradiction]) -> None:
    columns = ("instruction", "what", "serial", "stage", "told", "why", "CNY")
    rows = [_contradiction_row(one) for one in found.items]
    _table(say, "What channels contradict", columns, rows, found.more)


def _say_suspense_items(say: Say, found: Some[SuspenseItem]) -> None:
    columns = ("item", "what", "of", "waits on", "opened", "why", "CNY")
    rows = [
        (
            one.item,
            one.kind,
            one.instruction_id,
            one.account,
            iso_time(one.opened_at_us),
            one.reason,
            decimal_text(one.waits_fen),
        )
        for one in found.items
    ]
    _table(say, "Surplus and shortage to be placed", columns, rows, found.more)


def _say_unknown_numbers(say: Say, found: Some[UnknownNumber]) -> None:
    columns = ("channel", "report", "number", "of a", "said", "serial", "told", "why", "CNY")
    rows = [
        (
            one.channel,
            str(one.report),
            one.number,
            one.purpose,
            one.said,
            one.serial,
            iso_time(one.at_us),
            one.reason,
            "" if one.amount_fen is None else decimal_text(one.amount_fen),
        )
        for one in found.items
    ]
    _table(say, "Numbers that nobody here knows", columns, rows, found.more)


def _say_suspense(say: Say, held: Suspense) -> None:
    account = held.account
    rows = [
        (
            iso_time(line.at_us),
            line.reference,
            line.rule,
            decimal_text(line.debit_fen),
            decimal_text(line.credit_fen),
        )
        for line in held.lines.items
    ]
    title = f"Suspense {account.account}: {decimal_text(account.balance_fen)} CNY"
    _table(
        say, title, ("at", "reference", "rule", "debit CNY", "credit CNY"), rows, held.lines.more
    )


def _table(
    say: Say, title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], more: bool
) -> None:
    if not rows:
        return
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, justify="right" if name.endswith("CNY") else "left")
    for row in rows:
        table.add_row(*row)
    say.table(table)
    if more:
        say.line(f"These are the first {MOST}; there are more.")


def _why(refusal: Refusal | None, otherwise: str) -> str:
    return otherwise if refusal is None else f"{refusal.code}: {refusal.detail}"


def _instruction_row(one: OpenInstruction) -> tuple[str, ...]:
    asked = one.instruction
    return (
        asked.instruction_id,
        asked.state,
        iso_time(asked.issued_at_us),
        asked.channel,
        _why(one.refusal, asked.withheld or asked.answer),
        decimal_text(asked.amount_fen),
    )


def _say_refunds(say: Say, found: Some[Refund]) -> None:
    _table(
        say,
        "Refunds to approve or reject",
        ("refund", "of", "asked by", "amount CNY", "debt with it CNY", "limit CNY"),
        [_refund_row(one) for one in found.items],
        found.more,
    )


def _refund_row(one: Refund) -> tuple[str, ...]:
    return (
        one.refund_no,
        one.transaction_id,
        one.maker or "",
        decimal_text(one.amount_fen),
        decimal_text(one.debt_fen or 0),
        decimal_text(one.limit_fen or 0),
    )


def _contradiction_row(one: Contradiction) -> tuple[str, ...]:
    fen = "" if one.amount_fen is None else decimal_text(one.amount_fen)
    told = iso_time(one.at_us)
    return (one.instruction_id, one.kind, one.serial, one.stage, told, one.detail, fen)


def _some_json(some: Some[Any], each: Any) -> dict[str, Any]:
    return {"items": [each(one) for one in some.items], "more": some.more}


def _refusal_json(refusal: Refusal | None) -> dict[str, str] | None:
    if refusal is None:
        return None
    return {"code": refusal.code, "field": refusal.field, "detail": refusal.detail}


def _day_json(day: BusinessDay | None) -> dict[str, Any] | None:
    if day is None:
        return None
    cut_off = day.cut_off_at_us
    return {
        "accounting_date": day.accounting_date,
        "opened_at": iso_time(day.opened_at_us),
        "cut_off_at": None if cut_off is None else iso_time(cut_off),
    }


def _hindrance_json(one: Hindrance) -> dict[str, Any]:
    return {
        "step": one.step,
        "subject": one.subject,
        "merchant": one.merchant,
        "since": one.since,
        "refusal": _refusal_json(one.refusal),
    }


def _instruction_json(one: OpenInstruction) -> dict[str, Any]:
    asked = one.instruction
    return {
        "instruction_id": asked.instruction_id,
        "purpose": asked.purpose,
        "state": asked.state,
        "channel": asked.channel,
        "amount_fen": asked.amount_fen,
        "issued_at": iso_time(asked.issued_at_us),
        "answer": asked.answer,
        "withheld": asked.withheld,
        "refusal": _refusal_json(one.refusal),
    }


def _contradiction_json(one: Contradiction) -> dict[str, Any]:
    return {
        "instruction_id": one.instruction_id,
        "kind": one.kind,
        "serial": one.serial,
        "stage": one.stage,
        "amount_fen": one.amount_fen,
        "detail": one.detail,
        "at": iso_time(one.at_us),
    }


def _suspense_item_json(one: SuspenseItem) -> dict[str, Any]:
    return {
        "item": one.item,
        "kind": one.kind,
        "instruction_id": one.instruction_id,
        "serial": one.serial,
        "channel": one.channel,
        "party": one.party,
        "amount_fen": one.amount_fen,
        "waits_fen": one.waits_fen,
        "account": one.account,
        "reason": one.reason,
        "opened_at": iso_time(one.opened_at_us),
    }


def _unknown_number_json(one: UnknownNumber) -> dict[str, Any]:
    return {
        "channel": one.channel,
        "report": one.report,
        "number": one.number,
        "purpose": one.purpose,
        "said": one.said,
        "serial": one.serial,
        "amount_fen": one.amount_fen,
        "reason": one.reason,
        "exchange": one.exchange,
        "at": iso_time(one.at_us),
    }


def _payout_json(one: Payout) -> dict[str, Any]:
    return {
        "payout_no": one.payout_no,
        "batch_id": one.batch_id,
        "status": one.status,
        "amount_fen": one.amount_fen,
        "reason": one.reason,
    }


def _refund_json(one: Refund) -> dict[str, Any]:
    return {
        "refund_no": one.refund_no,
        "transaction_id": one.transaction_id,
        "merchant": one.merchant,
        "amount_fen": one.amount_fen,
        "debt_fen": one.debt_fen,
        "limit_fen": one.limit_fen,
        "asked_by": one.maker,
        "requested_at": iso_time(one.requested_at_us),
    }


def _suspense_json(one: Suspense) -> dict[str, Any]:
    return {
        "account": one.account.account,
        "balance_fen": one.account.balance_fen,
        "lines": [
            {
                "at": iso_time(line.at_us),
                "reference": line.reference,
                "rule": line.rule,
                "debit_fen": line.debit_fen,
                "credit_fen": line.credit_fen,
            }
            for line in one.lines.items
        ],
        "more": one.lines.more,
    }
