"""Small feeds to test with: one good row of each kind, and a writer of directories."""

from pathlib import Path

from api.operations.feed import Feed, FeedOrder, RefundRow, Reject, read_feed

MERCHANTS = "merchant,name,fee_bps,settlement_cycle\nSHOP1,Shop 1,60,T+1\nSHOP2,Shop 2,38,D+1\n"
ORDERS = "order_no,placed_at,buyer,merchant,amount,items,subject,method\n"
REFUNDS = "refund_no,requested_at,order_no,merchant,amount\n"
NUTS = "A1,2011-01-04T10:00:00+08:00,C1,SHOP1,1530,1,NUTS,WECHAT_PAY"
TEA = "A2,2011-01-04T11:00:00+08:00,C2,SHOP2,2000,2,TEA,JD_PAY"
BACK = "R1,2011-01-04T12:00:00+08:00,A1,SHOP1,500"


def write(directory: Path, **files: str | bytes) -> Path:
    """A feed's directory; files by stem, good ones by default, text as UTF-8."""
    given = {"merchants": MERCHANTS, "orders": ORDERS, "refunds": REFUNDS} | files
    for stem, content in given.items():
        data = content if isinstance(content, bytes) else content.encode()
        (directory / f"{stem}.csv").write_bytes(data)
    return directory


def orders(*rows: str) -> str:
    return ORDERS + "".join(f"{row}\n" for row in rows)


def refunds(*rows: str) -> str:
    return REFUNDS + "".join(f"{row}\n" for row in rows)


def read(directory: Path) -> tuple[Feed, list[FeedOrder | RefundRow]]:
    """A feed, used to its end."""
    feed = read_feed(directory)
    return feed, list(feed.actions())


def accepted_lines(actions: list[FeedOrder | RefundRow]) -> list[int]:
    """The lines of orders that count."""
    return [row.line for one in actions if isinstance(one, FeedOrder) for row in one.lines]


def rejected(feed: Feed) -> list[Reject]:
    """Every refused row, by file and line."""
    return list(feed.rejects)


def reasons(feed: Feed) -> list[tuple[str, int, str, str]]:
    return [(one.file, one.line, one.code.value, one.field) for one in feed.rejects]
