"""The tables of resolutions are whole, and the documentation says the same."""

from datetime import date, timedelta
from pathlib import Path
from typing import get_args

import pytest

from domain.accounting.chart import CHART
from domain.reconciliation.carried import DOES
from domain.reconciliation.difference import Kind, Resolution
from domain.reconciliation.resolutions import (
    AGES,
    DEADLINES,
    FITS,
    SENSES,
    WAYS,
    age_of,
    due_on,
    is_overdue,
)
from projections.models.aging import since_of
from projections.tables.paging import day_start_us

PAGE = Path(__file__).parents[3] / "docs/reconciliation.md"
TO = {"": "-", "member": "a member", "difference": "the other difference, or chargebacks"}
FOUND = date(2010, 12, 1)


def test_every_kind_has_a_resolution_and_every_resolution_a_kind() -> None:
    assert set(FITS) == set(DEADLINES) == set(get_args(Kind))
    assert set(WAYS) == set(DOES) == set(get_args(Resolution))
    for kind, fits in FITS.items():
        assert len(set(fits)) == len(fits) > 1, kind
        assert {sense for one in fits for sense in WAYS[one].of} >= {"nothing"}
    assert {one for fits in FITS.values() for one in fits} == set(WAYS)
    assert all(0 < one.propose_days <= one.resolve_days for one in DEADLINES.values())


def test_no_way_leads_from_a_surplus_to_income() -> None:
    income = [code for code, line in CHART.items() if line.type == "income"]
    for way in WAYS.values():
        assert not any(code in way.credit for code in income), way.title


def test_the_page_has_the_tables_of_the_code() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for kind, fits in FITS.items():
        named = ", ".join(f"`{one}`" for one in fits)
        deadline = DEADLINES[kind]
        row = f"| `{kind}` | {named} | {deadline.propose_days} | {deadline.resolve_days} |"
        assert lines.count(row) == 1, row
    for name, way in WAYS.items():
        cells = (
            f"`{name}`",
            way.title,
            ", ".join(SENSES[sense] for sense in way.of),
            way.debit,
            way.credit,
            TO[way.to],
            way.until or "at once",
            f"no: {way.final}" if way.final else "yes",
        )
        row = f"| {' | '.join(cells)} |"
        assert lines.count(row) == 1, row


@pytest.mark.parametrize(
    ("days", "age"),
    [(-1, "0-1"), (0, "0-1"), (1, "0-1"), (2, "2-3"), (3, "2-3"), (4, "4-7"), (7, "4-7"),
     (8, "8-30"), (30, "8-30"), (31, ">30"), (400, ">30")],
)  # fmt: skip
def test_an_age_has_one_bucket(days: int, age: str) -> None:
    assert age_of(days) == age
    on = FOUND + timedelta(days=days)
    at_us = day_start_us(FOUND) + 3_600_000_000
    inside = []
    for name, _ in AGES:
        from_, to = since_of(name, on)
        if (from_ is None or at_us >= from_) and (to is None or at_us < to):
            inside.append(name)
    assert inside == [age]


def test_what_is_past_its_day_is_overdue() -> None:
    deadline = DEADLINES["missing_here"]
    last = FOUND + timedelta(days=deadline.propose_days)
    assert due_on("missing_here", "confirmed", FOUND) == last
    assert not is_overdue("missing_here", "confirmed", FOUND, last)
    assert is_overdue("missing_here", "confirmed", FOUND, last + timedelta(days=1))
    assert not is_overdue("missing_here", "proposed", FOUND, last + timedelta(days=1))
    late = FOUND + timedelta(days=deadline.resolve_days + 1)
    assert is_overdue("missing_here", "proposed", FOUND, late)
    assert is_overdue("missing_here", "approved", FOUND, late)
    for status in ("suspected", "resolved", "reversed"):
        assert not is_overdue("missing_here", status, FOUND, late)
