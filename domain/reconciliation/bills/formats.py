"""The formats of bills as data: each by name, what it is for, and who reads it.

A format's version goes up when it reads the same bytes otherwise than before; the fact of an import
names it. Some are mappings that ship beside this file; one that is given is a format like them.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from importlib.resources import files
from typing import NamedTuple

from domain.reconciliation.bills import (
    camt053,
    mapped,
    mapping,
    unionpay_zm,
    wechat_fund,
    wechat_trade,
)
from domain.reconciliation.bills.line import BillKind, Item
from domain.refusals import Code, Refused

Reader = Callable[[Iterable[bytes], date], Iterator[Item]]


class Format(NamedTuple):
    """`read` makes lines of a file's bytes, which come in pieces; it is told the bill's day. One of
    `members` stands in the name of the wanted file of an archive; () for the only one. `mapping` is
    that of a mapping that was given, as bytes."""

    name: str
    version: int
    kind: BillKind
    read: Reader
    members: tuple[str, ...] = ()
    mapping: bytes = b""


def mapped_format(raw: bytes, *, given: bool = True) -> Format:
    """A mapping's file as a format. Raises Refused(BILL_MAP_INVALID)."""
    found = mapping.read_mapping(raw)
    kept = raw if given else b""
    reader = mapped.reader(found)
    return Format(found.name, found.version, found.kind, reader, found.archive_members, kept)


SHIPPED = ("jd_pay", "alipay_trade", "alipay_fund")


def shipped(name: str) -> bytes:
    """The file of a mapping that ships."""
    return files("domain.reconciliation").joinpath("bills", "maps", f"{name}.toml").read_bytes()


FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Format(wechat_trade.NAME, wechat_trade.VERSION, "trade", wechat_trade.read),
        Format(wechat_fund.NAME, wechat_fund.VERSION, "fund", wechat_fund.read),
        Format(unionpay_zm.NAME, unionpay_zm.VERSION, "trade", unionpay_zm.read, ("ZM_",)),
        Format(camt053.NAME, camt053.VERSION, "bank", camt053.read),
        *(mapped_format(shipped(name), given=False) for name in SHIPPED),
    )
}

# What a channel's bill of a kind is written in, where nothing else is said; a bank's is camt.053.
USUAL: dict[tuple[str, BillKind], str] = {
    ("WECHAT_PAY", "trade"): "wechat_trade",
    ("WECHAT_PAY", "fund"): "wechat_fund",
    ("CLOUD_QUICKPASS", "trade"): "unionpay_zm",
    ("UNIONPAY_CARD", "trade"): "unionpay_zm",
    ("JD_PAY", "trade"): "jd_pay",
}


def format_for(channel: str, kind: BillKind, name: str | None) -> Format:
    """The format of a name, or the usual one. Raises Refused(REQUEST_INVALID)."""
    wanted = name if name is not None else USUAL.get((channel, kind), _of_banks(kind))
    if wanted is None:
        detail = f"{channel} has no usual format for {kind}; name one of {', '.join(FORMATS)}"
        raise Refused(Code.REQUEST_INVALID, "format", detail)
    found = FORMATS.get(wanted)
    if found is None:
        known = ", ".join(FORMATS)
        raise Refused(Code.REQUEST_INVALID, "format", f"{wanted[:40]!r} is none of {known}")
    return fitting(found, kind)


def fitting(found: Format, kind: BillKind) -> Format:
    """The format itself, if it is one of such bills. Raises Refused(REQUEST_INVALID)."""
    if found.kind != kind:
        detail = f"{found.name} is a {found.kind} bill, not {kind}"
        raise Refused(Code.REQUEST_INVALID, "format", detail)
    return found


def _of_banks(kind: BillKind) -> str | None:
    return camt053.NAME if kind == "bank" else None
