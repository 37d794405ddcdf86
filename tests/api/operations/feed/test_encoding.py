"""Every file is read to its end before a row of it is used: whole, and in an encoding we know."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from api.operations.feed import read_feed
from api.operations.feed.encoding import ENCODINGS, checked_encoding, inspect
from domain.refusals import Code, Refused
from tests.api.operations.feed.feeds import MERCHANTS, NUTS, orders, read, rejected, write

SHOP = "老字号点心铺"
NAMED = MERCHANTS.replace("Shop 1", SHOP)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(NAMED.encode(), "utf-8", id="UTF-8"),
        pytest.param(NAMED.encode("utf-8-sig"), "utf-8", id="with a byte order mark"),
        pytest.param(MERCHANTS.encode("ascii"), "utf-8", id="ASCII"),
        pytest.param(NAMED.encode("gbk"), "gb18030", id="GBK"),
        pytest.param(NAMED.replace("号", "𠮷").encode("gb18030"), "gb18030", id="four bytes"),
        pytest.param(
            (MERCHANTS + "SHOP3,café,60,T+1\n").encode("gb18030"), "gb18030", id="an accent"
        ),
    ],
)
def test_the_encoding_is_found_out(tmp_path: Path, content: bytes, found: str) -> None:
    feed = read_feed(write(tmp_path, merchants=content))
    assert feed.encodings == ({} if found == "utf-8" else {"merchants.csv": found})
    assert rejected(feed) == []
    name = content.decode(found).split("\n")[1].split(",")[1]
    assert feed.merchants[0].name == name.removeprefix("\ufeff")


@pytest.mark.parametrize("name", ENCODINGS)
def test_an_encoding_may_be_asked_for(tmp_path: Path, name: str) -> None:
    text = NAMED.replace("号", "號").replace("点", "點").replace("铺", "鋪")
    if name == "gb2312":
        text = NAMED
    write(tmp_path, merchants=text.encode(name))
    for stem, content in (("orders", orders(NUTS)), ("refunds", "")):
        path = tmp_path / f"{stem}.csv"
        path.write_bytes(content.encode(name)) if content else path.unlink()
    feed = read_feed(tmp_path, encoding=checked_encoding(name.upper()))
    assert feed.merchants[0].name == text.split("\n")[1].split(",")[1]
    assert [one.order_no for one in feed.actions()] == ["A1"]


@pytest.mark.parametrize("name", ["", "utf-7", "rot13", "idna", "latin-1", "base64", "ｕｔｆ-8"])
def test_other_encodings_are_refused(name: str) -> None:
    with pytest.raises(Refused) as no:
        checked_encoding(name)
    assert (no.value.code, no.value.field) == (Code.REQUEST_INVALID, "encoding")


def damaged(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        whole = gzip.compress(path.read_bytes() * 50, mtime=0)
        path.with_name(f"{path.name}.gz").write_bytes(change(whole))
        path.unlink()

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(damaged(lambda zipped: zipped[: len(zipped) // 2]), "ends before", id="cut"),
        pytest.param(damaged(lambda zipped: zipped[:-1]), "ends before", id="its last byte gone"),
        pytest.param(damaged(lambda zipped: zipped[:-8]), "ends before", id="no checksum"),
        pytest.param(
            damaged(lambda zipped: zipped[:-8] + b"\0\0\0\0" + zipped[-4:]), "CRC", id="checksum"
        ),
        pytest.param(damaged(lambda zipped: zipped + b"more"), "gzip", id="something after it"),
        pytest.param(damaged(lambda zipped: b"plain"), "gzip", id="not zipped"),
        pytest.param(damaged(lambda zipped: b""), "no header", id="nothing at all"),
        pytest.param(
            lambda path: path.write_bytes(path.read_bytes() + b"\xff\n"),
            "byte 1 of line 4 is neither UTF-8 nor GB18030",
            id="in no encoding",
        ),
        pytest.param(
            lambda path: path.write_bytes(
                NAMED.encode() + NAMED.split("\n")[1].replace("SHOP1", "S9").encode("gbk")
            ),
            "line 4 is not UTF-8 and others are",
            id="in two encodings",
        ),
        pytest.param(
            lambda path: path.write_bytes(path.read_bytes().decode().encode("utf-16")),
            "--encoding utf-16",
            id="UTF-16",
        ),
    ],
)
@pytest.mark.parametrize("stem", ["merchants", "orders", "refunds"])
def test_a_file_that_is_not_right_as_a_whole_is_refused_whole(
    tmp_path: Path, stem: str, spoil: Callable[[Path], None], said: str
) -> None:
    write(tmp_path, **{stem: (write(tmp_path) / "merchants.csv").read_bytes()})
    spoil(tmp_path / f"{stem}.csv")
    with pytest.raises(Refused) as no:
        read(tmp_path)
    assert no.value.code is Code.REQUEST_INVALID
    assert no.value.field in (f"{stem}.csv", f"{stem}.csv.gz")
    assert said in no.value.detail


def test_what_is_wrong_at_the_very_end_is_found_before_the_first_row(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    rows = [NUTS.replace("A1", f"A{n}") for n in range(3_000)]
    path.write_bytes(orders(*rows).encode() + b"A9,\xff")
    with pytest.raises(Refused, match="3002"):
        inspect(path, None)
    with pytest.raises(Refused, match="line 3002"):
        inspect(path, "utf-8")
