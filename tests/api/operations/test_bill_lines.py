"""Lines of bills that are on record, on both databases: read again, out of their kept bytes."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from api.context import AppContext, open_context
from api.operations.bills.importing import Importer, Wanted
from api.operations.bills.reading import BillChanged, lines_of
from domain.channel.adapters.simulated import SimulatedChannel
from domain.reconciliation import bill
from domain.reconciliation.bill import Read
from domain.reconciliation.bills.formats import FORMATS, Format, mapped_format, shipped
from tests.domain.reconciliation.rendering import (
    DAY,
    USUAL,
    alipay_bill,
    jd_bill,
    wechat_bill,
    zm_bill,
)
from tests.examples import PAID_AT

AT = PAID_AT + 60 * 86_400_000_000
BILLS = [
    ("WECHAT_PAY", FORMATS["wechat_trade"], wechat_bill(USUAL)),
    ("CLOUD_QUICKPASS", FORMATS["unionpay_zm"], zm_bill(USUAL)),
    ("JD_PAY", FORMATS["jd_pay"], jd_bill(USUAL)),
    ("JD_PAY", mapped_format(shipped("alipay_trade")), alipay_bill(USUAL)),
]


@pytest.fixture
def context(migrated_url: str) -> Iterator[AppContext]:
    opened = open_context(migrated_url, SimulatedChannel())
    yield opened
    opened.close()


def imported(context: AppContext, path: Path, channel: str, format_: Format, raw: bytes) -> Read:
    path.write_bytes(raw)
    importer = Importer(context.ledger, context.writes, "operator:lin")
    importer.import_file(path, Wanted(channel, DAY, "trade", format_), AT)
    newest = context.ledger.state(bill.stream(channel, "trade", DAY)).newest
    assert newest is not None and newest.read is not None
    return newest.read


@pytest.mark.parametrize(("channel", "format_", "raw"), BILLS, ids=[b[1].name for b in BILLS])
def test_the_lines_are_read_again_as_they_were(
    context: AppContext, tmp_path: Path, channel: str, format_: Format, raw: bytes
) -> None:
    read = imported(context, tmp_path / "bill", channel, format_, raw)
    lines = list(lines_of(context.engine, read, DAY))
    assert len(lines) == read.lines == 3
    other = replace(read, digest="00" * 32)
    with pytest.raises(BillChanged, match="other lines"):
        list(lines_of(context.engine, other, DAY))


def test_bytes_or_a_mapping_that_are_gone(context: AppContext, tmp_path: Path) -> None:
    read = imported(context, tmp_path / "bill", *BILLS[0])
    for gone in (replace(read, blob="00" * 32), replace(read, mapping="00" * 32)):
        with pytest.raises(BillChanged):
            list(lines_of(context.engine, gone, date(2011, 1, 10)))
