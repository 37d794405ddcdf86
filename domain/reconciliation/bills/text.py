"""Reading text of bills, in bounded memory: lines out of pieces of bytes, cells, amounts, times.

What differs between real files of one format is taken (line ends, a byte order mark, back-ticks,
brackets of either width); what is money is read by a grammar, digit for digit.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from domain.kernel import MICROSECONDS, SHANGHAI, to_us
from domain.money import CURRENCY, MAX_FEN, round_half_up
from domain.reconciliation.bills.fault import Fault, FaultCode
from domain.reconciliation.bills.line import MILLI
from domain.texts import quoted

LONGEST_LINE = 64 << 10  # Bytes; the longest lines of real bills have some hundreds.
BOM = b"\xef\xbb\xbf"
SHOWN = 40  # Characters of a wrong value that a message shows.

_is_yuan = re.compile(r"([+-]?)([0-9]{1,13})(?:[.]([0-9]{1,5})0*)?", re.ASCII).fullmatch
_is_fen = re.compile(r"([+-]?)([0-9]{1,15})(?:[.]([0-9]{1,3})0*)?", re.ASCII).fullmatch
_is_time = re.compile(
    r"(20[0-9]{2})[-/]?([0-9]{2})[-/]?([0-9]{2})[ T]?([0-9]{2}):?([0-9]{2}):?([0-9]{2})", re.ASCII
).fullmatch
_is_number = re.compile(r"[0-9A-Za-z_|*@.:/-]{1,64}", re.ASCII).fullmatch
_PLAIN = str.maketrans("（）　", "() ")
YUAN = (CURRENCY, "RMB", "156", "人民币")
_is_currency = re.compile(r"[A-Z]{3}", re.ASCII).fullmatch


def lines_of(chunks: Iterable[bytes], longest: int = LONGEST_LINE) -> Iterator[tuple[int, bytes]]:
    """Each line with its number from 1, without its end, which is LF, CRLF or CR; what follows the
    last end is a line if there is anything. Raises Fault(LINE_TOO_LONG)."""
    number, rest = 0, b""
    for chunk in chunks:
        text = rest + chunk
        rest = b""
        if text.endswith(b"\r"):  # Its LF may be the next chunk's first byte.
            text, rest = text[:-1], b"\r"
        whole = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest = whole.pop() + rest
        for line in whole:
            number += 1
            if len(line) > longest:
                raise _too_long(number, longest)
            yield number, line
        if len(rest) > longest + 1:
            raise _too_long(number + 1, longest)
    rest = rest.removesuffix(b"\r")
    if rest:
        if len(rest) > longest:
            raise _too_long(number + 1, longest)
        yield number + 1, rest


def _too_long(number: int, longest: int) -> Fault:
    return Fault(number, FaultCode.LINE_TOO_LONG, f"it is longer than {longest} bytes")


def decoded(
    lines: Iterable[tuple[int, bytes]], encoding: str = "utf-8"
) -> Iterator[tuple[int, str]]:
    """The same as text; a byte order mark of UTF-8 is passed over. Raises ENCODING_INVALID."""
    for number, raw in lines:
        if number == 1 and encoding == "utf-8":
            raw = raw.removeprefix(BOM)
        try:
            yield number, raw.decode(encoding)
        except UnicodeDecodeError as error:
            detail = f"byte {error.start + 1} of the line is not {encoding}"
            raise Fault(number, FaultCode.ENCODING_INVALID, detail) from None


def title(cell: str) -> str:
    """A column's title as it is compared: brackets of either width, spaces and marks around."""
    return cell.translate(_PLAIN).strip(" \t`\"'﻿")


def columns_in(number: int, titles: Sequence[str], needed: Sequence[str]) -> dict[str, int]:
    """Where each column stands. Raises COLUMN_MISSING, COLUMN_DOUBLED."""
    places: dict[str, int] = {}
    for place, one in enumerate(map(title, titles)):
        if one in places and one:
            detail = f"{quoted(one[:SHOWN])} is there twice"
            raise Fault(number, FaultCode.COLUMN_DOUBLED, detail)
        places[one] = place
    for one in needed:
        if one not in places:
            raise Fault(number, FaultCode.COLUMN_MISSING, f"{quoted(one)} is not there")
    return places


def milli_fen(number: int, text: str, what: str, most: int | None = MAX_FEN) -> int:
    """Yuan with up to five decimals, a sign allowed, as milli-fen: exact. `most` fen, None for a
    sum. Raises AMOUNT_INVALID, AMOUNT_TOO_LARGE."""
    found = _is_yuan(text)
    if found is None:
        shown = quoted(text[:SHOWN])
        raise Fault(number, FaultCode.AMOUNT_INVALID, f"{what}: {shown} is no amount in yuan")
    milli = int(found[2]) * 100 * MILLI + int((found[3] or "").ljust(5, "0"))
    if most is not None and milli > most * MILLI:
        raise Fault(number, FaultCode.AMOUNT_TOO_LARGE, f"{what}: above {most} fen")
    return -milli if found[1] == "-" else milli


def milli_of_fen(number: int, text: str, what: str, most: int | None = MAX_FEN) -> int:
    """Fen with up to three decimals, a sign allowed, as milli-fen. Raises as `milli_fen`."""
    found = _is_fen(text)
    if found is None:
        shown = quoted(text[:SHOWN])
        raise Fault(number, FaultCode.AMOUNT_INVALID, f"{what}: {shown} is no amount in fen")
    milli = int(found[2]) * MILLI + int((found[3] or "").ljust(3, "0"))
    if most is not None and milli > most * MILLI:
        raise Fault(number, FaultCode.AMOUNT_TOO_LARGE, f"{what}: above {most} fen")
    return -milli if found[1] == "-" else milli


def same_rounded(said_milli: int, milli: int, decimals: int) -> bool:
    """Whether a sum, rounded half up to so many decimals of a yuan, is what is said."""
    unit: int = 10 ** (5 - decimals)
    rounded = round_half_up(abs(milli), unit) * unit
    return said_milli == (rounded if milli >= 0 else -rounded)


def fen(number: int, text: str, what: str, most: int | None = MAX_FEN) -> int:
    """Yuan with whole fen, a sign allowed, as fen. Raises as `milli_fen`."""
    milli = milli_fen(number, text, what, most)
    if milli % MILLI:
        shown = quoted(text[:SHOWN])
        raise Fault(number, FaultCode.AMOUNT_INVALID, f"{what}: {shown} has parts of a fen")
    return milli // MILLI


def above_zero(number: int, amount_fen: int, what: str) -> int:
    """The amount itself. Raises AMOUNT_INVALID."""
    if amount_fen <= 0:
        detail = f"{what}: an amount above zero is needed, not {amount_fen} fen"
        raise Fault(number, FaultCode.AMOUNT_INVALID, detail)
    return amount_fen


def moment(number: int, text: str, what: str) -> int:
    """A time of Shanghai's clock, 2026-11-29 14:00:00 (also with slashes, or digits alone), as UTC
    µs. Raises TIME_INVALID."""
    found = _is_time(text)
    if found is not None:
        hour, minute, second = int(found[4]), int(found[5]), int(found[6])
        midnight = _midnight_us(int(found[1]), int(found[2]), int(found[3]))
        if midnight is not None and hour < 24 and minute < 60 and second < 60:
            return midnight + (hour * 3600 + minute * 60 + second) * MICROSECONDS
    shown = quoted(text[:SHOWN])
    raise Fault(number, FaultCode.TIME_INVALID, f"{what}: {shown} is no time YYYY-MM-DD hh:mm:ss")


@lru_cache(maxsize=64)  # A bill's lines are of one day, or of few.
def _midnight_us(year: int, month: int, day: int) -> int | None:
    """When a day begins in Shanghai, UTC µs; None for the 30th of February."""
    try:
        return to_us(datetime(year, month, day, tzinfo=SHANGHAI))
    except ValueError:
        return None


def reference(number: int, text: str, what: str, *, needed: bool = True) -> str:
    """A number or serial: 1 to 64 of what channels take. Raises NUMBER_INVALID."""
    if not text and not needed:
        return ""
    if not _is_number(text):
        shown = quoted(text[:SHOWN])
        detail = f"{what}: {shown}: 1 to 64 of 0-9 A-Z a-z _ | * @ . : / - are needed"
        raise Fault(number, FaultCode.NUMBER_INVALID, detail)
    return text


def loose_reference(text: str) -> str:
    """A number of somebody else's making: itself if it can be one of ours, else "". Such columns
    hold free text, too."""
    return text if _is_number(text) else ""


def one_of(number: int, text: str, what: str, known: Mapping[str, str], code: FaultCode) -> str:
    """What a word means. Raises Fault(code)."""
    found = known.get(text)
    if found is None:
        detail = f"{what}: {quoted(text[:SHOWN])} is none of {', '.join(known)}"
        raise Fault(number, code, detail)
    return found


def currency(number: int, text: str, what: str) -> str:
    """A currency by its code, CNY also by its other names. Raises CURRENCY_UNKNOWN."""
    if text in YUAN:
        return CURRENCY
    if not _is_currency(text):
        shown = quoted(text[:SHOWN])
        raise Fault(number, FaultCode.CURRENCY_UNKNOWN, f"{what}: {shown} is no currency")
    return text


def yuan_only(number: int, text: str, what: str) -> str:
    """CNY, the one currency of the ledger. Raises CURRENCY_UNKNOWN."""
    if text not in YUAN:
        shown = quoted(text[:SHOWN])
        raise Fault(number, FaultCode.CURRENCY_UNKNOWN, f"{what}: {shown} is not {CURRENCY}")
    return CURRENCY
