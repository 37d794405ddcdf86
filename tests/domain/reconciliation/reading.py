"""Reading bytes as a bill, in pieces of any size."""

from collections.abc import Iterator
from datetime import date

import pytest

from domain.kernel import to_us
from domain.reconciliation.bills.fault import Fault, FaultCode
from domain.reconciliation.bills.formats import FORMATS
from domain.reconciliation.bills.line import Balance, Item, Line
from tests.domain.reconciliation.rendering import DAY, NOON, Sale

NOON_US = to_us(NOON)


def pieces(raw: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


def read(name: str, raw: bytes, size: int = 1 << 20, day: date = DAY) -> list[Item]:
    return list(FORMATS[name].read(pieces(raw, size), day))


def lines(name: str, raw: bytes, size: int = 1 << 20) -> list[Line]:
    return [one for one in read(name, raw, size) if isinstance(one, Line)]


def balances(name: str, raw: bytes) -> dict[str, int]:
    found = [one for one in read(name, raw) if isinstance(one, Balance)]
    return {one.which: one.amount_fen for one in found}


def told(line: Line) -> Sale:
    """A line of a trade bill as the test's own words."""
    assert line.at_us is not None and line.currency == "CNY"
    assert line.kind in ("payment", "refund")
    return Sale(
        line.number,
        line.amount_fen,
        line.fee_milli_fen,
        line.original,
        line.serial,
        (line.at_us - NOON_US) // 1_000_000,
        line.state,
    )


def sales(name: str, raw: bytes, size: int = 1 << 20) -> list[Sale]:
    return [told(one) for one in lines(name, raw, size)]


def refused(name: str, raw: bytes, code: FaultCode, line: int | None = None) -> Fault:
    with pytest.raises(Fault) as no:
        read(name, raw)
    assert no.value.code is code, no.value
    assert line in (None, no.value.line), no.value
    return no.value
