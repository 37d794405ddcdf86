"""The list of refused rows: all of them, by file and line, safe to open, and never overwritten."""

import csv
from datetime import datetime
from pathlib import Path

import pytest

from api.operations.feed import Reject, Rejects
from api.operations.feed.rejects import FORMULA, HEADER, free_name, safe_cell, write_list
from domain.kernel import SHANGHAI, to_us
from domain.refusals import Code

ROWS = [
    Reject("refunds.csv", 3, Code.AMOUNT_INVALID, "amount", "'NaN' is none", "R1,NaN"),
    Reject("orders.csv", 10, Code.REQUEST_INVALID, "", "broken", 'a,"b\nc",\rd'),
    Reject("orders.csv", 9, Code.REQUEST_INVALID, "", "half a pair", "三只=1+1"),
]
WRITTEN = """\ufefffile,line,code,field,detail,row
orders.csv,9,request_invalid,,half a pair,三只=1+1
orders.csv,10,request_invalid,,broken,"a,""b
c"",\rd"
refunds.csv,3,amount_invalid,amount,''NaN' is none,"R1,NaN"
"""
NOON_US = to_us(datetime(2026, 11, 25, 12, 30, 1, tzinfo=SHANGHAI))


def written(path: Path, *rows: Reject) -> Path:
    rejects = Rejects()
    for one in rows:
        rejects.add(one)
    write_list(path, HEADER, (one.cells() for one in rejects))
    return path


def test_rejects_are_written_in_order_and_exactly(tmp_path: Path) -> None:
    path = written(tmp_path / "rejected.csv", *ROWS)
    assert path.read_bytes() == WRITTEN.encode()
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert [row["row"] for row in csv.DictReader(file)][1:] == ['a,"b\nc",\rd', "R1,NaN"]
    assert [file.name for file in tmp_path.iterdir()] == ["rejected.csv"]


@pytest.mark.parametrize("first", FORMULA)
def test_no_cell_is_a_formula(tmp_path: Path, first: str) -> None:
    row = f"{first}HYPERLINK(A1),SHOP1"
    path = written(tmp_path / "a.csv", Reject("=f.csv", 2, Code.TEXT_INVALID, first, first, row))
    with path.open(encoding="utf-8-sig", newline="") as file:
        (cells,) = list(csv.reader(file))[1:]
    assert not any(cell.startswith(FORMULA[:-1]) for cell in cells)
    assert cells[-1] == f"'{row}", "what stands there is told by taking our apostrophe away"


@pytest.mark.parametrize("text", ["", "1530", "NUTS", "a=b", "A1,-5", "三只松鼠"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert safe_cell(text) == text


def test_a_list_never_takes_the_place_of_another(tmp_path: Path) -> None:
    wanted = tmp_path / "rejected.csv"
    names = []
    for _ in range(3):
        path = free_name(wanted, NOON_US, always_timed=False)
        names.append(written(path, ROWS[0]).name)
    timed = ["rejected-20261125T123001.csv", "rejected-20261125T123001-2.csv"]
    assert names == ["rejected.csv", *timed]
    assert free_name(tmp_path / "late.csv", NOON_US).name == "late-20261125T123001.csv"
    with pytest.raises(FileExistsError):
        written(wanted, ROWS[1])
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(names)


def test_rejects_are_counted_by_file_and_reason() -> None:
    rejects = Rejects()
    for one in [*ROWS, ROWS[0]]:
        rejects.add(one)
    assert len(rejects) == 4
    assert rejects.counts == {
        ("refunds.csv", Code.AMOUNT_INVALID): 2,
        ("orders.csv", Code.REQUEST_INVALID): 2,
    }
    assert rejects.of("refunds.csv") == 2
