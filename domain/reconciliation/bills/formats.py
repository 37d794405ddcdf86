"""The formats of bills as data: each by name, what it is for, and who reads it.

A format's version goes up when it reads the same bytes otherwise than before; the fact of an import
names it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from domain.reconciliation.bills import wechat_trade
from domain.reconciliation.bills.line import BillKind, Item
from domain.refusals import Code, Refused

Reader = Callable[[Iterable[bytes]], Iterator[Item]]


class Format(NamedTuple):
    """`read` makes lines of a file's bytes, which come in pieces; `member` is a text that stands in
    the name of the wanted file of an archive, "" for the only one."""

    name: str
    version: int
    kind: BillKind
    read: Reader
    member: str = ""


FORMATS: dict[str, Format] = {
    one.name: one
    for one in (Format(wechat_trade.NAME, wechat_trade.VERSION, "trade", wechat_trade.read),)
}

# What a channel's bill of a kind is written in, where nothing else is said.
USUAL: dict[tuple[str, BillKind], str] = {("WECHAT_PAY", "trade"): wechat_trade.NAME}


def format_for(channel: str, kind: BillKind, name: str | None) -> Format:
    """The format of a name, or the usual one. Raises Refused(REQUEST_INVALID)."""
    wanted = name if name is not None else USUAL.get((channel, kind))
    if wanted is None:
        detail = f"{channel} has no usual format for {kind}; name one of {', '.join(FORMATS)}"
        raise Refused(Code.REQUEST_INVALID, "format", detail)
    found = FORMATS.get(wanted)
    if found is None:
        known = ", ".join(FORMATS)
        raise Refused(Code.REQUEST_INVALID, "format", f"{wanted[:40]!r} is none of {known}")
    if found.kind != kind:
        detail = f"{found.name} is a {found.kind} bill, not {kind}"
        raise Refused(Code.REQUEST_INVALID, "format", detail)
    return found
