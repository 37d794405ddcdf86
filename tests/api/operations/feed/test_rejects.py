"""rejected.csv: every refusal, by file and line, the row as it stood."""

import csv
from pathlib import Path

from api.operations.feed import Reject, write_rejected
from domain.refusals import Code

ROWS = [
    Reject("refunds.csv", 3, Code.AMOUNT_INVALID, "amount", "'NaN' is none", "R1,NaN"),
    Reject("orders.csv", 10, Code.REQUEST_INVALID, "", "broken", 'a,"b\nc",\rd'),
    Reject("orders.csv", 9, Code.REQUEST_INVALID, "", "byte 1 is not UTF-8", "\udcff=1+1"),
]
WRITTEN = """file,line,code,field,detail,row
orders.csv,9,request_invalid,,byte 1 is not UTF-8,\\udcff=1+1
orders.csv,10,request_invalid,,broken,"a,""b
c"",\rd"
refunds.csv,3,amount_invalid,amount,'NaN' is none,"R1,NaN"
"""


def test_rejects_are_written_in_order_and_exactly(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    write_rejected(path, ROWS)
    assert path.read_bytes() == WRITTEN.encode()
    with path.open(encoding="utf-8", newline="") as file:
        assert [row["row"] for row in csv.DictReader(file)][1:] == ['a,"b\nc",\rd', "R1,NaN"]


def test_nothing_refused_leaves_no_old_reasons_behind(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    write_rejected(path, ROWS)
    write_rejected(path, [])
    assert path.read_text() == "file,line,code,field,detail,row\n"
    assert [file.name for file in tmp_path.iterdir()] == ["rejected.csv"]
