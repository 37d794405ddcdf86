"""Bills made of a feed's CSV files alone, with differences put in by seed, and what must come out.

It knows the layouts that channels publish and the feed's own columns. It uses nothing of the
system: not its readers, its numbers or its fees.

    python tests/reconciliation/bill_oracle.py FEED DIRECTORY [SEED]
"""

import csv
import gzip
import hashlib
import io
import json
import random
import sys
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

PER_MILLION = {"WECHAT_PAY": 2000, "CLOUD_QUICKPASS": 2300, "JD_PAY": 1800}
CHANNELS = tuple(PER_MILLION)
POOL = 3


@dataclass(frozen=True)
class Row:
    """A payment or refund as the channel has it. Fen, fees in thousandths of a fen."""

    channel: str
    refund: bool
    number: str
    serial: str
    fen: int
    milli: int
    at: datetime
    paid: str = ""  # A refund's payment.
    failed: bool = False
    currency: str = "CNY"


@dataclass
class Expected:
    """What a verdict must say: by channel and day."""

    lines: int = 0
    count: int = 0
    paid_fen: int = 0
    refunded_fen: int = 0
    milli: int = 0
    differences: list[tuple[str, str, int, int]] = field(default_factory=list)


def serial(number: str, more: str = "") -> str:
    return "42" + str(int(hashlib.md5((number + more).encode()).hexdigest()[:12], 16)).zfill(15)


def fee(channel: str, fen: int) -> int:
    """Half a fen is rounded up."""
    return (2 * fen * PER_MILLION[channel] + 1_000_000) // 2_000_000


def named(channel: str, kind: str, number: str) -> str:
    dash = "" if channel == "CLOUD_QUICKPASS" else "-"
    return f"{kind}{dash}{number}"


def feed_rows(feed: Path) -> list[Row]:
    """Every payment and refund of a feed, as its channel has it."""
    paid: dict[str, tuple[str, datetime, int]] = {}
    for row in read(feed, "orders"):
        channel, at, fen = paid.get(
            row["order_no"], (row["method"], datetime.fromisoformat(row["placed_at"]), 0)
        )
        paid[row["order_no"]] = (channel, at, fen + int(row["amount"]))
    rows = []
    for order, (channel, at, fen) in paid.items():
        number = named(channel, "pay", order)
        rows.append(Row(channel, False, number, serial(number), fen, fee(channel, fen) * 1000, at))
    for row in read(feed, "refunds"):
        channel, _, _ = paid[row["order_no"]]
        number, fen = named(channel, "refund", row["refund_no"]), int(row["amount"])
        at, of = datetime.fromisoformat(row["requested_at"]), named(channel, "pay", row["order_no"])
        milli = -fee(channel, fen) * 1000
        rows.append(Row(channel, True, number, serial(number), fen, milli, at, of))
    return sorted(rows, key=lambda one: (one.at, one.number))


def read(feed: Path, name: str) -> list[dict[str, str]]:
    plain = feed / f"{name}.csv"
    if plain.exists():
        return list(csv.DictReader(plain.open(encoding="utf-8")))
    with gzip.open(feed / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


Bills = dict[tuple[str, date], list[Row]]
Verdicts = dict[tuple[str, date], Expected]


def seeded(rows: list[Row], last: date, seed: int, share: float = 0.04) -> tuple[Bills, Verdicts]:
    """Bills of every channel and day up to `last`, with differences put in, and the verdicts that
    must come out when all of them are in."""
    chance = random.Random(seed)
    bills: Bills = defaultdict(list)
    verdicts: Verdicts = defaultdict(Expected)
    first = rows[0].at.date()
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    for channel in CHANNELS:
        for day in days:
            bills[channel, day] = []
            verdicts[channel, day] = Expected()
    for row in rows:
        if row.at.date() <= last:
            what = chance.choice(FAULTS) if chance.random() < share else _plain
            what(chance, row, last, bills, verdicts)
    for channel, day in list(bills):
        if chance.random() < 0.25:
            _stranger(chance, channel, day, bills, verdicts)
    for key, lines in bills.items():
        lines.sort(key=lambda one: (one.at, one.number, one.serial))
        verdicts[key].lines = len(lines)
        verdicts[key].milli = sum(one.milli for one in lines)
    return bills, verdicts


def _put(bills: Bills, row: Row, day: date | None = None) -> None:
    bills[row.channel, day or row.at.date()].append(row)


def _match(verdicts: Verdicts, row: Row, fen: int, day: date | None = None) -> None:
    one = verdicts[row.channel, day or row.at.date()]
    one.count += 1
    if row.refund:
        one.refunded_fen += fen
    else:
        one.paid_fen += fen


def _differ(
    verdicts: Verdicts, row: Row, kind: str, ours: int, bill: int, day: date | None = None
) -> None:
    key = (row.channel, day or row.at.date())
    verdicts[key].differences.append((kind, row.number, ours, bill))


def _plain(_chance, row, _last, bills, verdicts):  # type: ignore[no-untyped-def]
    _put(bills, row)
    _match(verdicts, row, row.fen)


def _lost(_chance, row, _last, _bills, verdicts):  # type: ignore[no-untyped-def]
    kind = "refund_missing_at_channel" if row.refund else "missing_at_channel"
    _differ(verdicts, row, kind, row.fen, 0)


def _cut_off(chance, row, last, bills, verdicts):  # type: ignore[no-untyped-def]
    """The channel's clock was another: it stands in the bill of a later day."""
    day = row.at.date() + timedelta(days=chance.randint(1, POOL))
    if day > last:
        _lost(chance, row, last, bills, verdicts)
        return
    _put(bills, replace(row, at=datetime.fromisoformat(f"{day}T00:00:20+08:00")))
    _match(verdicts, row, row.fen, day)


def _amount(chance, row, last, bills, verdicts):  # type: ignore[no-untyped-def]
    wrong = row.fen + chance.choice((-1, 1)) * max(1, row.fen // chance.randint(3, 30))
    if wrong <= 0:
        _plain(chance, row, last, bills, verdicts)
        return
    sign = -1 if row.refund else 1
    _put(bills, replace(row, fen=wrong, milli=sign * fee(row.channel, wrong) * 1000))
    _match(verdicts, row, min(row.fen, wrong))
    _differ(verdicts, row, "amount", row.fen, wrong)


def _fee(chance, row, _last, bills, verdicts):  # type: ignore[no-untyped-def]
    more = chance.randint(1, 50) * 1000
    # UnionPay's file tells by the settled amount which way a fee went.
    wrong = row.milli + (-more if row.refund else more)
    _put(bills, replace(row, milli=wrong))
    _match(verdicts, row, row.fen)
    _differ(verdicts, row, "fee", row.milli, wrong)


def _rounded_fee(_chance, row, _last, bills, verdicts):  # type: ignore[no-untyped-def]
    """WeChat Pay writes five decimals: less than a fen is no difference."""
    milli = row.milli
    if row.channel == "WECHAT_PAY":
        exact = row.fen * PER_MILLION[row.channel] // 1000
        milli = -exact if row.refund else exact
    _put(bills, replace(row, milli=milli))
    _match(verdicts, row, row.fen)


def _double(_chance, row, _last, bills, verdicts):  # type: ignore[no-untyped-def]
    _put(bills, row)
    _put(bills, row)
    _match(verdicts, row, row.fen)
    _differ(verdicts, row, "duplicate", 0, row.fen)


def _second_charge(_chance, row, _last, bills, verdicts):  # type: ignore[no-untyped-def]
    _put(bills, row)
    later = row.at + timedelta(seconds=1)
    _put(bills, replace(row, serial=serial(row.number, "again"), at=later), row.at.date())
    _match(verdicts, row, row.fen)
    _differ(verdicts, row, "duplicate", 0, row.fen)


def _split(chance, row, last, bills, verdicts):  # type: ignore[no-untyped-def]
    if row.refund or row.fen < 10:
        _plain(chance, row, last, bills, verdicts)
        return
    part = chance.randint(1, row.fen - 1)
    for number, fen in enumerate((part, row.fen - part)):
        milli = fee(row.channel, fen) * 1000
        _put(bills, replace(row, fen=fen, milli=milli, serial=serial(row.number, str(number))))
        _match(verdicts, row, fen)


def _failed(chance, row, last, bills, verdicts):  # type: ignore[no-untyped-def]
    """Only WeChat Pay's bill says that a refund failed."""
    if not (row.refund and row.channel == "WECHAT_PAY"):
        _plain(chance, row, last, bills, verdicts)
        return
    _put(bills, replace(row, failed=True, milli=0))
    _differ(verdicts, row, "status", row.fen, 0)


def _currency(chance, row, last, bills, verdicts):  # type: ignore[no-untyped-def]
    if row.channel != "WECHAT_PAY":
        _plain(chance, row, last, bills, verdicts)
        return
    _put(bills, replace(row, currency="HKD"))
    _differ(verdicts, row, "currency", row.fen, row.fen)


def _stranger(chance, channel, day, bills, verdicts):  # type: ignore[no-untyped-def]
    """A line that nobody here knows."""
    number = named(channel, "pay", f"9{chance.randint(10**6, 10**7)}")
    at = datetime.fromisoformat(f"{day}T12:00:00+08:00")
    fen = chance.randint(100, 100_000)
    row = Row(channel, False, number, serial(number), fen, fee(channel, fen) * 1000, at)
    refund = chance.random() < 0.3
    if refund:
        back = number.replace("pay", "refund")
        row = replace(row, refund=True, number=back, milli=-row.milli, paid=number)
    _put(bills, row)
    kind = "refund_missing_here" if refund else "missing_here"
    _differ(verdicts, row, kind, 0, fen)


FAULTS = (
    _lost, _cut_off, _amount, _fee, _rounded_fee, _double, _second_charge, _split, _failed,
    _currency,
)  # fmt: skip


# The files.


def yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def yuan5(milli: int) -> str:
    return f"{'-' if milli < 0 else ''}{abs(milli) // 100_000}.{abs(milli) % 100_000:05d}"


WECHAT_HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,"
    "退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
WECHAT_END = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)


def wechat(rows: list[Row], variant: int) -> bytes:
    """`variant`: headers with back-ticks or none, a byte order mark or none."""
    tick = "`" if variant & 1 else ""
    out = [",".join(tick + one for one in WECHAT_HEADER.split(","))]
    for row in rows:
        at = row.at.strftime("%Y-%m-%d %H:%M:%S")
        paid, back = ("0.00", yuan(row.fen)) if row.refund else (yuan(row.fen), "0.00")
        cells = [
            at, "wx00", "1900000109", "0", "", serial(row.paid) if row.refund else row.serial,
            row.paid if row.refund else row.number, "oUpF8u", "NATIVE",
            "REFUND" if row.refund else "SUCCESS", "OTHERS", row.currency, paid, "0.00",
            row.serial if row.refund else "0", row.number if row.refund else "0", back, "0.00",
            "ORIGINAL" if row.refund else "",
            ("FAIL" if row.failed else "SUCCESS") if row.refund else "", "nuts", "",
            yuan5(row.milli), "0.20%", paid, back, "",
        ]  # fmt: skip
        out.append(",".join("`" + cell for cell in cells))
    out.append(",".join(tick + one for one in WECHAT_END.split(",")))
    paid = yuan(sum(one.fen for one in rows if not one.refund))
    back = yuan(sum(one.fen for one in rows if one.refund))
    fees = yuan5(sum(one.milli for one in rows))
    out.append(",".join(f"`{one}" for one in (len(rows), paid, back, "0.00", fees, paid, back)))
    return (b"\xef\xbb\xbf" if variant & 2 else b"") + ("\r\n".join(out) + "\r\n").encode()


ZM = [3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21,
      15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98]  # fmt: skip


def zm(rows: list[Row], _variant: int) -> bytes:
    out = io.BytesIO()
    for row in rows:
        charged = abs(row.milli) // 1000
        mine, its = ("D", "C") if row.refund else ("C", "D")
        cells = {
            0: "S30" if row.refund else "S22", 4: row.at.strftime("%m%d%H%M%S"),
            6: str(row.fen).zfill(12), 9: row.serial, 11: row.number,
            15: its + str(charged).zfill(12), 16: mine + str(row.fen - charged).zfill(12),
            27: "777290058110048", 40: row.paid,
        }  # fmt: skip
        fields = [cells.get(n, "").encode("gbk").ljust(width) for n, width in enumerate(ZM)]
        out.write(b" ".join(fields) + b"\r\n")
    return out.getvalue()


def jd(rows: list[Row], _variant: int) -> bytes:
    header = "交易时间,商户订单号,商户退款单号,交易类型,交易状态,金额(元),手续费(元),平台流水号"
    out = ["京东支付商户对账单", "商户号：110000", "账单日期", "单位：元", header]
    for row in reversed(rows):
        number, back = (row.paid, row.number) if row.refund else (row.number, "")
        cells = (
            row.at.strftime("%Y-%m-%d %H:%M:%S"), number, back, "退款" if row.refund else "支付",
            "成功", yuan(row.fen), yuan(row.milli // 1000), row.serial,
        )  # fmt: skip
        out.append(",".join(cells))
    net = sum(-one.fen if one.refund else one.fen for one in rows)
    fees = sum(one.milli for one in rows) // 1000
    out.append(f"合计,{len(rows)},,,,{yuan(net)},{yuan(fees)},")
    return ("\r\n".join(out) + "\r\n").encode("gbk")


WRITERS = {"WECHAT_PAY": wechat, "CLOUD_QUICKPASS": zm, "JD_PAY": jd}


def render(channel: str, day: date, rows: list[Row]) -> bytes:
    return WRITERS[channel](rows, day.day)


def main() -> None:
    feed, out = Path(sys.argv[1]), Path(sys.argv[2])
    rows = feed_rows(feed)
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    last = rows[-1].at.date() + timedelta(days=POOL)
    bills, verdicts = seeded(rows, last, seed)
    out.mkdir(parents=True, exist_ok=True)
    said = []
    for (channel, day), lines in sorted(bills.items()):
        (out / f"{channel}.{day}").write_bytes(render(channel, day, lines))
        one = verdicts[channel, day]
        said.append({"channel": channel, "date": str(day), **vars(one)})
    (out / "expected.json").write_text(json.dumps(said, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
