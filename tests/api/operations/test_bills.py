"""Bills into a ledger, on both databases: kept, recorded, again; and files that mean harm."""

import gzip
import struct
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from api.cli.verifying import _wrong_blobs
from api.context import AppContext, open_context
from api.operations.bills import files
from api.operations.bills.importing import BillRefused, Importer, Wanted
from domain.channel.adapters.simulated import SimulatedChannel
from domain.eventstore import blobs
from domain.reconciliation import bill
from domain.reconciliation.bills.fault import FaultCode
from domain.reconciliation.bills.formats import FORMATS, mapped_format, shipped
from domain.refusals import Code, Refused
from tests.domain.reconciliation.rendering import (
    BACK,
    DAY,
    ONE,
    TWO,
    USUAL,
    Sale,
    alipay_bill,
    alipay_csv,
    archive,
    jd_bill,
    wechat_bill,
    zm_bill,
)
from tests.examples import PAID_AT

AT = PAID_AT + 60 * 86_400_000_000
WECHAT = Wanted("WECHAT_PAY", DAY, "trade", FORMATS["wechat_trade"])
JD = Wanted("JD_PAY", DAY, "trade", FORMATS["jd_pay"])
ALIPAY = Wanted("JD_PAY", DAY, "trade", FORMATS["alipay_trade"])


@pytest.fixture
def context(migrated_url: str) -> Iterator[AppContext]:
    opened = open_context(migrated_url, SimulatedChannel())
    yield opened
    opened.close()


@pytest.fixture
def importer(context: AppContext) -> Importer:
    return Importer(context.ledger, context.writes, "operator:lin")


def put(path: Path, raw: bytes) -> Path:
    path.write_bytes(raw)
    return path


def facts(context: AppContext) -> int:
    return context.ledger.recorder.head().position


def test_versions_of_a_bill(context: AppContext, importer: Importer, tmp_path: Path) -> None:
    first = put(tmp_path / "first.csv", wechat_bill(USUAL))
    result = importer.import_file(first, WECHAT, AT)
    assert {**result, "sha256": ""} == {
        "channel": "WECHAT_PAY",
        "date": "2011-01-10",
        "kind": "trade",
        "version": 1,
        "sha256": "",
        "lines": 3,
        "paid_fen": 12_970,
        "refunded_fen": 970,
        "fee_milli_fen": 24_000,
    }
    assert result["sha256"] == blobs.name_of(first.read_bytes())
    again = put(tmp_path / "again.csv", wechat_bill([ONE, TWO]))
    assert importer.import_file(again, WECHAT, AT + 1)["version"] == 2
    before = facts(context)
    assert importer.import_file(again, WECHAT, AT + 2)["version"] == 2
    assert facts(context) == before
    # The correction is taken back: the first file is in force again.
    assert importer.import_file(first, WECHAT, AT + 3) == result | {"version": 3}
    state = context.ledger.state(bill.stream("WECHAT_PAY", "trade", DAY))
    assert [one.number for one in state.versions] == [1, 2, 3]
    before = facts(context)
    assert importer.import_file(first, WECHAT, AT + 4) == result | {"version": 3}
    assert facts(context) == before
    with context.engine.connect() as view:
        assert blobs.read(view, result["sha256"]) == first.read_bytes()


def test_no_trade_and_an_empty_bill_are_two_things(
    context: AppContext, importer: Importer, tmp_path: Path
) -> None:
    told = importer.tell_no_trade("WECHAT_PAY", "trade", DAY, "NO_STATEMENT_EXIST", AT)
    assert (told["version"], told["lines"], told["sha256"]) == (1, 0, "")
    assert importer.tell_no_trade("WECHAT_PAY", "trade", DAY, "again", AT + 5)["version"] == 1
    empty = importer.import_file(put(tmp_path / "w.csv", wechat_bill([])), WECHAT, AT)
    assert (empty["version"], empty["lines"]) == (2, 0)
    assert facts(context) == 2


def test_a_mapping_that_was_given_is_kept(
    context: AppContext, importer: Importer, tmp_path: Path
) -> None:
    raw = shipped("jd_pay").replace(b'name = "jd_pay"', b'name = "ours"')
    wanted = JD._replace(format=mapped_format(raw))
    result = importer.import_file(put(tmp_path / "jd.csv", jd_bill(USUAL)), wanted, AT)
    (version,) = context.ledger.state(bill.stream("JD_PAY", "trade", DAY)).versions
    assert version.read is not None
    assert (version.read.format, version.read.mapping) == ("ours", blobs.name_of(raw))
    with context.engine.connect() as view:
        assert blobs.read(view, version.read.mapping) == raw
    by_ours = importer.import_file(tmp_path / "jd.csv", JD, AT)
    assert (result["version"], by_ours["version"]) == (1, 2)
    assert _wrong_blobs(context.engine, [version.read.mapping, result["sha256"]]) == []


def test_nothing_is_kept_of_a_file_that_is_no_bill(
    context: AppContext, importer: Importer, tmp_path: Path
) -> None:
    raw = wechat_bill(USUAL, totals={"手续费总金额": "9"})
    with pytest.raises(BillRefused) as no:
        importer.import_file(put(tmp_path / "w.csv", raw), WECHAT, AT)
    assert (no.value.fault.line, no.value.fault.code) == (6, FaultCode.TOTAL_WRONG)
    assert no.value.sha256 == blobs.name_of(raw)
    assert facts(context) == 0
    with context.engine.connect() as view:
        assert blobs.read(view, no.value.sha256) is None


def test_nothing_is_kept_of_a_bill_that_cannot_be_recorded(
    context: AppContext, importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bill, "MOST_VERSIONS", 1)
    importer.import_file(put(tmp_path / "w.csv", wechat_bill(USUAL)), WECHAT, AT)
    unionpay = Wanted("UNIONPAY_CARD", DAY, "trade", FORMATS["unionpay_zm"])
    for wanted, raw, code in (
        (WECHAT, wechat_bill(USUAL[:1]), Code.BILL_LIMIT),
        (unionpay, zm_bill(USUAL), Code.CHANNEL_NOT_REGISTERED),
    ):
        with pytest.raises(Refused) as no:
            importer.import_file(put(tmp_path / "no", raw), wanted, AT)
        assert no.value.code is code
        with context.engine.connect() as view:
            assert blobs.read(view, blobs.name_of(raw)) is None


def test_another_days_bill_is_refused(importer: Importer, tmp_path: Path) -> None:
    file = put(tmp_path / "w.csv", wechat_bill(USUAL))
    for day in (date(2011, 1, 9), date(2011, 1, 11)):
        assert importer.import_file(file, WECHAT._replace(date=day), AT)["version"] == 1
    with pytest.raises(BillRefused) as no:
        importer.import_file(file, WECHAT._replace(date=date(2011, 1, 12)), AT)
    assert (no.value.fault.line, no.value.fault.code) == (2, FaultCode.DATE_DIFFERS)


def test_a_day_that_is_yet_to_come_has_no_bill(importer: Importer, tmp_path: Path) -> None:
    file = put(tmp_path / "w.csv", wechat_bill([]))
    with pytest.raises(Refused) as no:
        importer.import_file(file, WECHAT._replace(date=date(2031, 1, 12)), AT)
    assert no.value.code is Code.DAY_NOT_BEGUN


def test_a_large_bill_lies_in_pieces_and_verify_sees_one_that_is_wrong(
    context: AppContext, importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "PIECE", 1_000)
    monkeypatch.setattr(blobs, "AT_ONCE", 2)
    sold = [Sale(f"pay-{place}", 100, 200, serial=f"42{place}") for place in range(40)]
    raw = wechat_bill(sold)
    result = importer.import_file(put(tmp_path / "w.csv", raw), WECHAT, AT)
    name = result["sha256"]
    with context.engine.connect() as view:
        assert blobs.read(view, name) is None
        kept = list(blobs.pieces(view, name))
        assert b"".join(kept) == raw and {len(one) for one in kept[:-1]} == {1_000}
    assert _wrong_blobs(context.engine, [name, "00" * 32]) == [
        ("00" * 32, "is not in the blob store")
    ]
    with context.writes.begin() as connection:
        connection.execute(text(_UNGUARDED[connection.dialect.name]))
        connection.execute(text("UPDATE blob_pieces SET bytes = :b WHERE number = 3"), {"b": b"x"})
    assert _wrong_blobs(context.engine, [name]) == [(name, "is other bytes than it was")]


_UNGUARDED = {
    "sqlite": "DROP TRIGGER blob_pieces_refuse_UPDATE",
    "postgresql": "DROP TRIGGER blob_pieces_append_only ON blob_pieces",
}


def test_keeping_goes_on_where_it_stopped(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "PIECE", 10)
    monkeypatch.setattr(blobs, "AT_ONCE", 2)
    raw = bytes(range(95))
    name = blobs.name_of(raw)

    def stopped() -> Iterator[bytes]:
        yield raw[:47]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        blobs.keep(context.writes, name, stopped())
    assert _wrong_blobs(context.engine, [name]) == [(name, "is other bytes than it was")]
    blobs.keep(context.writes, name, iter([raw[:50], raw[50:]]))
    blobs.keep(context.writes, name, iter([raw]))
    assert _wrong_blobs(context.engine, [name]) == []


@pytest.mark.parametrize("raw", [b"", b"x"])
def test_what_fits_into_a_row_is_one(context: AppContext, raw: bytes) -> None:
    blobs.keep(context.writes, blobs.name_of(raw), iter([raw] if raw else []))
    with context.engine.connect() as view:
        assert blobs.read(view, blobs.name_of(raw)) == raw


# What follows needs no database.


def content(tmp_path: Path, raw: bytes, members: tuple[str, ...] = ()) -> bytes:
    with files.opened(put(tmp_path / "file", raw)) as file:
        return b"".join(file.content(members))


def test_a_bill_comes_plain_gzipped_or_in_an_archive(tmp_path: Path) -> None:
    raw = zm_bill([ONE, BACK])
    assert content(tmp_path, raw) == raw
    assert content(tmp_path, gzip.compress(raw)) == raw
    zipped = archive({"INN11010188ZM_777290058110048": raw, "INN11010188ZME_777290058110048": b""})
    assert content(tmp_path, zipped, ("ZM_",)) == raw
    assert content(tmp_path, alipay_bill(USUAL), ("业务明细.csv",)) == alipay_csv(USUAL)
    assert content(tmp_path, archive({"renamed": raw}), ("ZM_",)) == raw


MANY = archive({f"{place}.csv": b"" for place in range(files.MOST_MEMBERS + 1)})
BOMB = archive({"a.csv": b"0" * (64 << 20)})
NESTED = archive({"a.zip": BOMB})


def locked(raw: bytes) -> bytes:
    """An archive whose member says that it is encrypted."""
    at = raw.index(b"PK\x01\x02") + 8
    (flags,) = struct.unpack_from("<H", raw, at)
    return raw[:at] + struct.pack("<H", flags | 1) + raw[at + 2 :]


def crowded() -> bytes:
    """An archive whose end says one file, and whose second end, of ZIP64, very many."""
    rows = archive({f"{place}.csv": b"" for place in range(60_000)})
    place, end = rows.index(b"PK\x01\x02"), len(rows) - 22
    second = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 60_000, 60_000, end - place, place
    )
    leads = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    return (
        rows[:end] + second + leads + struct.pack("<4s4HLLH", b"PK\x05\x06", 0, 0, 1, 1, 50, 0, 0)
    )


def led_astray(place: int) -> bytes:
    """An archive that says its table of contents is elsewhere."""
    return archive({"a": b"1"})[:-6] + struct.pack("<LH", place, 0)


def nameless() -> bytes:
    """An archive whose only file has no name."""
    raw = bytearray(archive({"a": b"1"}).replace(b"\x01\x00\x00\x00a", b"\x00\x00\x00\x00a"))
    struct.pack_into("<H", raw, raw.index(b"PK\x01\x02") + 28, 0)
    return bytes(raw)


ARCHIVES = [
    ("a bomb", BOMB, FaultCode.TOO_LARGE),
    ("a gzipped bomb", gzip.compress(b"0" * (64 << 20)), FaultCode.TOO_LARGE),
    ("two files", archive({"a": b"1", "b": b"2"}), FaultCode.ARCHIVE_INVALID),
    ("none", archive({}) + b"", None),
    ("too many", MANY, FaultCode.ARCHIVE_INVALID),
    ("cut off", BOMB[:-40], FaultCode.ARCHIVE_INVALID),
    ("cut off, gzipped", gzip.compress(b"abc" * 500)[:-9], FaultCode.ARCHIVE_INVALID),
    ("more behind the end", gzip.compress(b"abc") + b"more", FaultCode.ARCHIVE_INVALID),
    ("damaged", BOMB[:60] + b"\xff\xff\xff" + BOMB[63:], FaultCode.ARCHIVE_INVALID),
    ("encrypted", locked(archive({"a": b"1"})), FaultCode.ARCHIVE_INVALID),
    ("very many by a second end", crowded(), FaultCode.ARCHIVE_INVALID),
    ("led outside", led_astray(1 << 30), FaultCode.ARCHIVE_INVALID),
    ("without a name", nameless(), FaultCode.ARCHIVE_INVALID),
    ("packed strangely", archive({"a": b"1" * 99}, zipfile.ZIP_LZMA), FaultCode.ARCHIVE_INVALID),
]


@pytest.mark.parametrize(
    ("raw", "code"), [one[1:] for one in ARCHIVES], ids=[one[0] for one in ARCHIVES]
)
def test_an_archive_that_means_harm_is_refused(
    tmp_path: Path, raw: bytes, code: FaultCode | None
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(files.Fault) as no, files.opened(put(tmp_path / "a", raw)) as file:
            for _ in file.content():
                pass
            raise files.Fault(0, FaultCode.XML_INVALID, "it was taken") if code else no_bill(file)
        assert no.value.code is (code or FaultCode.HEADER_MISSING)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def no_bill(file: files.BillFile) -> files.Fault:
    """What no archive's mark is at the beginning of is read as it is: an empty archive is no
    bill."""
    with pytest.raises(files.Fault) as no:
        list(FORMATS["wechat_trade"].read(file.content(), DAY))
    return no.value


def test_memory_stays_bounded_while_a_long_bill_is_read(tmp_path: Path) -> None:
    sold = [Sale(f"pay-{place}", 100, 200, serial=f"42{place}") for place in range(20_000)]
    path = put(tmp_path / "w.csv", wechat_bill(sold))
    assert path.stat().st_size > 4 << 20
    del sold
    tracemalloc.start()
    try:
        with files.opened(path) as file:
            count = sum(1 for _ in FORMATS["wechat_trade"].read(file.content(), DAY))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 3 << 20


def test_a_line_without_end_is_refused_before_it_fills_memory() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"0" * (64 << 10)

    for name in ("wechat_trade", "wechat_fund", "unionpay_zm", "jd_pay", "alipay_trade"):
        with pytest.raises(files.Fault) as no:
            list(FORMATS[name].read(endless(), DAY))
        assert no.value.code is FaultCode.LINE_TOO_LONG
