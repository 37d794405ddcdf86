"""UnionPay's detail file (全渠道 ZM): 42 fields of fixed width, 607 bytes a line, GBK, no header
and no total. Between two fields stands a space. C: money for the merchant, D: money from it."""

from collections.abc import Iterable, Iterator

from simulator.bills.days import local
from simulator.bills.head import Head, plain
from simulator.bills.lines import BillLine

WIDTHS = (
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21,
    15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98,
)  # fmt: skip
MOST_FEN = 10**12 - 1  # Of a field of twelve digits.
NOTHING = f"C{0:012d}"


def write(head: Head, lines: Iterable[BillLine]) -> Iterator[bytes]:
    """The file, a line to a piece."""
    for line in lines:
        yield _line(head, line)


def _line(head: Head, line: BillLine) -> bytes:
    fields = _fields(head, line)
    cells = []
    for place, width in enumerate(WIDTHS, 1):
        raw = fields.get(place, "").encode("gbk", "replace")[:width]
        cells.append(raw.ljust(width))
    return b" ".join(cells) + b"\r\n"


def _fields(head: Head, line: BillLine) -> dict[int, str]:
    """By their number in the layout, from 1."""
    refund, fee = line.refund, abs(line.fee)
    ours, theirs = ("D", "C") if refund else ("C", "D")
    settled = f"{ours}{line.amount - fee:012d}"
    card = line.party if line.party.isdigit() and len(line.party) >= 12 else ""
    return {
        1: "S30" if refund else "S22",
        2: "00010000",
        3: "00010000",
        4: line.serial[-6:],
        5: _short(line.at_us),
        6: f"{card[:6]}{'*' * (len(card) - 10)}{card[-4:]}"[:19] if card else "",
        7: f"{line.amount:012d}",
        8: "5411",
        9: "07",
        10: line.serial,
        12: line.number,
        13: "01",
        14: line.original_serial[-6:],
        15: _short(line.original_us) if line.original_us else "",
        16: f"{theirs}{fee:012d}",
        17: settled,
        18: "0001",
        20: "04" if refund else "01",
        21: "00" if refund else "01",
        22: "000201",
        23: "01",
        27: line.original_serial,
        28: head.merchant,
        29: "0",
        31: plain(line.subject)[:16],
        32: NOTHING,
        33: settled,
        36: NOTHING,
        37: NOTHING,
        41: line.original,
    }


def _short(at_us: int) -> str:
    """MMDDhhmmss: it has no year."""
    return local(at_us).strftime("%m%d%H%M%S")
