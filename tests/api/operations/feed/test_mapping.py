"""A map of other columns, times and amounts: the example of the page, and maps with slips."""

import re
from pathlib import Path

import pytest

from api.operations.feed import rows
from api.operations.feed.mapping import read_map
from domain.refusals import Code, Refused

EXAMPLE = Path(__file__).parents[4] / "docs/feed-map.md"


def toml_of_the_page() -> str:
    """The first block is the map; the other one has terms of settlement."""
    blocks = re.findall(r"```toml\n(.*?)```", EXAMPLE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    return str(blocks[0])


def written(tmp_path: Path, text: str, name: str = "map.toml") -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def test_the_example_of_the_page_reads_the_rows_it_is_for(tmp_path: Path) -> None:
    table = read_map(written(tmp_path, toml_of_the_page())).orders
    theirs = ["订单号", "下单时间", "买家", "商户", "金额", "商品", "支付方式", "备注"]
    assert table.wrong_columns(theirs, rows.ORDER_COLUMNS) == ""
    places = table.places(theirs, rows.ORDER_COLUMNS)
    fields = ["A1", "2011/3/1 10:05", "B1", "M1", "100.5", "坚果", "微信", "急"]
    found = table.converted(rows.ORDER_COLUMNS, fields, places)
    row = rows.parse_order(2, found, "")
    assert (row.order_no, row.amount_fen, row.method, row.items) == ("A1", 10_050, "WECHAT_PAY", 1)
    assert found[rows.ORDER_COLUMNS.index("placed_at")] == "2011-03-01T10:05:00+08:00"


def test_a_column_nobody_knows_is_not_dropped_unseen(tmp_path: Path) -> None:
    table = read_map(written(tmp_path, toml_of_the_page())).orders
    theirs = ["订单号", "下单时间", "买家", "商户", "金额", "商品", "支付方式", "运费"]
    assert table.wrong_columns(theirs, rows.ORDER_COLUMNS) == "column '运费' is unknown"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        pytest.param('surprise = "x"', "map.orders", id="an unknown field"),
        pytest.param('[orders.columns]\nprice = "p"', "map.orders.columns", id="no such column"),
        pytest.param('time_format = "YYYY-MM-DD"', "map.orders.time_format", id="no time of day"),
        pytest.param('time_format = "YYYY-MM-DD HH:mm"', "map.orders.time_format", id="a slip"),
        pytest.param('amount_unit = "dollar"', "map.orders.amount_unit", id="another unit"),
        pytest.param('delimiter = "::"', "map.orders.delimiter", id="two characters"),
        pytest.param('encoding = "klingon"', "map.orders.encoding", id="an unknown encoding"),
        pytest.param("[orders", "map", id="no TOML"),
    ],
)
def test_a_map_with_a_slip_is_refused_by_its_field(tmp_path: Path, line: str, field: str) -> None:
    text = line if line == "[orders" else f"[orders]\n{line}\n"
    with pytest.raises(Refused) as no:
        read_map(written(tmp_path, text))
    assert no.value.code is Code.REQUEST_INVALID
    assert no.value.field.startswith(field)


@pytest.mark.parametrize("amount", ["1,50", "1.505", "-1", "", "１.00", "1e2", "NaN"])
def test_an_amount_in_yuan_that_is_none_is_refused(tmp_path: Path, amount: str) -> None:
    table = read_map(written(tmp_path, '[orders]\namount_unit = "yuan"\n')).orders
    fields = ["A1", "2011-03-01T10:00:00+08:00", "B1", "M1", amount, "1", "nuts", "JD_PAY"]
    with pytest.raises(Refused) as no:
        table.converted(rows.ORDER_COLUMNS, fields, list(range(8)))
    assert no.value.field == "amount"
