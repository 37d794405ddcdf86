"""WeChat Pay's fund bill (资金账单): each movement of one account there, with its balance.

The balances are a chain: each is the one before, plus what came in or less what went out. It is
followed from the first row to the last, or the other way round where the newest stands first.
"""

from collections.abc import Iterable, Iterator
from datetime import date

from domain.reconciliation.bills.chain import Chain
from domain.reconciliation.bills.fault import FaultCode
from domain.reconciliation.bills.line import MILLI, Item, Line
from domain.reconciliation.bills.text import (
    above_zero,
    decoded,
    fen,
    lines_of,
    loose_reference,
    moment,
    one_of,
    reference,
)
from domain.reconciliation.bills.wechat_cells import Row, header, rows, same_count, same_sum

NAME, VERSION = "wechat_fund", 1

NEEDED = (
    "记账时间",
    "微信支付业务单号",
    "资金流水单号",
    "业务类型",
    "收支类型",
    "收支金额(元)",
    "账户结余(元)",
    "业务凭证号",
)
END = "资金流水总笔数"
DIRECTIONS = {"收入": "in", "支出": "out"}
FEE = "手续费"  # Stands in the type of what the channel takes for itself, or gives back of it.


def read(chunks: Iterable[bytes], _day: date) -> Iterator[Item]:
    """The lines, in the file's order, then its balances; at the end its totals are compared.

    Raises Fault with the first thing that is wrong.
    """
    lines = decoded(lines_of(chunks))
    places = header(lines, NEEDED[0], NEEDED)
    counts = {"收入": 0, "支出": 0}
    sums = {"收入": 0, "支出": 0}
    chain = Chain()

    def check(number: int, said: dict[str, str]) -> None:
        same_count(number, said, END, sum(counts.values()))
        for way in counts:
            same_count(number, said, f"{way}笔数", counts[way])
            same_sum(number, said, f"{way}金额", sums[way] * MILLI)

    for row in rows(lines, places, END, check):
        number, way = row.number, row.text("收支类型")
        line = _line(row, way)
        counts[way] += 1
        sums[way] += line.amount_fen
        assert line.at_us is not None
        balance = fen(number, row.text("账户结余(元)"), "账户结余(元)", most=None)
        signed = line.amount_fen if way == "收入" else -line.amount_fen
        chain.take(number, line.at_us, balance, signed)
        yield line
    yield from chain.ends()


def _line(row: Row, way: str) -> Line:
    number = row.number
    kind = one_of(number, way, "收支类型", DIRECTIONS, FaultCode.KIND_UNKNOWN)
    amount = above_zero(
        number, fen(number, row.text("收支金额(元)"), "收支金额(元)"), "收支金额(元)"
    )
    is_fee = FEE in row.text("业务类型")
    return Line(
        number,
        "fee" if is_fee else ("in" if kind == "in" else "out"),
        loose_reference(row.text("业务凭证号")),
        reference(number, row.text("资金流水单号"), "资金流水单号"),
        amount,
        (amount if kind == "out" else -amount) * MILLI if is_fee else 0,
        at_us=moment(number, row.text("记账时间"), "记账时间"),
        original=loose_reference(row.text("微信支付业务单号")),
    )
