"""The files there are, in one table: by network and kind, who writes them and in what order."""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from simulator.bills import jd_pay, unionpay_zm, wechat_trade
from simulator.bills.head import Head
from simulator.bills.lines import BillLine

Writer = Callable[[Head, Iterable[BillLine]], Iterator[bytes]]


class TradeBill(Struct, frozen=True):
    """How a network writes its trade bill. `name`: of the file, with merchant and day put in;
    `totals`: whether it says what its lines add up to."""

    write: Writer
    name: str
    newest_first: bool = False
    totals: bool = True


TRADE: dict[str, TradeBill] = {
    "wechat": TradeBill(wechat_trade.write, "{merchant}All{day}_{compact}.csv"),
    "jdpay": TradeBill(jd_pay.write, "jdpay_{merchant}_{compact}.csv", newest_first=True),
    # Where nothing is published it is written as JD Pay's is.
    "netsunion": TradeBill(jd_pay.write, "netsunion_{merchant}_{compact}.csv", newest_first=True),
    "quickpass": TradeBill(unionpay_zm.write, "INN{short}88ZM_{merchant}", totals=False),
    "unionpay": TradeBill(unionpay_zm.write, "INN{short}88ZM_{merchant}", totals=False),
}
