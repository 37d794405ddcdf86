"""WeChat Pay's fund bill (资金账单) of the basic account: each movement, with the balance after it.

What a day brought leaves at ten the next day with the session, so a day begins with what the one
before it came to. A payment and its fee are two movements.
"""

import heapq
import sqlite3
from collections.abc import Callable, Iterator

from msgspec import Struct

from simulator.bills.chance import Chance
from simulator.bills.days import READY, after, spelled, start_us
from simulator.bills.head import Head, joined, yuan
from simulator.bills.lines import WECHAT, lines_of
from simulator.bills.settling import owed, restored

COLUMNS = (
    "记账时间", "微信支付业务单号", "资金流水单号", "业务名称", "业务类型", "收支类型",
    "收支金额(元)", "账户结余(元)", "资金变更提交申请人", "备注", "业务凭证号",
)  # fmt: skip
SUMMARY = ("资金流水总笔数", "收入笔数", "收入金额", "支出笔数", "支出金额")
PAID, FEE = ("交易", "交易"), ("扣除交易手续费", "扣除交易手续费")
REFUND, FEE_BACK = ("退款", "退款"), ("退还交易手续费", "退还交易手续费")
RESTORED, SETTLED = ("退款退回", "退款退回"), ("结算", "提现")


class Movement(Struct, frozen=True, gc=False):
    """`amount` in fen: above zero in, below zero out. `named`: its name and its type."""

    at_us: int
    amount: int
    named: tuple[str, str]
    serial: str
    number: str


def write(
    db: sqlite3.Connection, chance: Chance, head: Head, count: Callable[[], None]
) -> Iterator[bytes]:
    """The file, in pieces. `count` is told of each movement."""
    return joined(_rows(db, chance, head, count), "utf-8")


def _rows(
    db: sqlite3.Connection, chance: Chance, head: Head, count: Callable[[], None]
) -> Iterator[str]:
    tick, counts, sums = "`" if head.style & 2 else "", [0, 0], [0, 0]
    yesterday = owed(db, chance, WECHAT, after(head.day, -1)).net(WECHAT)
    balance, draws = yesterday, chance.of(head.day)
    mark = "\ufeff" if head.style & 1 else ""
    yield mark + ",".join(tick + one for one in COLUMNS)
    for move in _movements(db, chance, head, yesterday):
        count()
        balance += move.amount
        counts[move.amount < 0] += 1
        sums[move.amount < 0] += abs(move.amount)
        flow = draws.digits(19, "flow", f"{move.named[0]}/{move.serial}")
        cells = (
            spelled(move.at_us), move.serial, flow, *move.named,
            "收入" if move.amount > 0 else "支出", yuan(abs(move.amount)), yuan(balance),
            "system", "", move.number,
        )  # fmt: skip
        yield ",".join("`" + one for one in cells)
    sums[0] += head.wrong_fen
    yield ",".join(tick + one for one in SUMMARY)
    said = (str(sum(counts)), str(counts[0]), yuan(sums[0]), str(counts[1]), yuan(sums[1]))
    yield ",".join("`" + one for one in said)


def _movements(
    db: sqlite3.Connection, chance: Chance, head: Head, yesterday: int
) -> Iterator[Movement]:
    """By time."""
    at_us = start_us(head.day) + READY
    number = f"NETSUNION-{after(head.day, -1):%Y%m%d}-1"
    leaves = [Movement(at_us, -yesterday, SETTLED, number, number)] if yesterday else []
    return heapq.merge(
        _of_lines(db, chance, head),
        _of_restored(db, head),
        iter(leaves),
        key=lambda move: move.at_us,
    )


def _of_lines(db: sqlite3.Connection, chance: Chance, head: Head) -> Iterator[Movement]:
    for line in lines_of(db, chance, WECHAT, head.day):
        if line.net:
            named, fee = (REFUND, FEE_BACK) if line.refund else (PAID, FEE)
            yield Movement(line.at_us, line.net, named, line.serial, line.number)
            if line.fee:
                yield Movement(line.at_us, -line.fee, fee, line.serial, line.number)


def _of_restored(db: sqlite3.Connection, head: Head) -> Iterator[Movement]:
    for one in restored(db, head.day):
        yield Movement(one.at_us, one.amount, RESTORED, one.serial, one.number)
        if one.fee:
            yield Movement(one.at_us, -one.fee, FEE, one.serial, one.number)
