"""`zhangfang bill` at the terminal, on both databases: what outsiders rely on."""

import hashlib
import json
from pathlib import Path

import pytest

from domain.reconciliation.bills.formats import shipped
from tests.api.cli.terminal import Terminal
from tests.domain.reconciliation.camt import ENTRIES, statement
from tests.domain.reconciliation.rendering import (
    MOVES,
    USUAL,
    alipay_bill,
    fund_bill,
    jd_bill,
    wechat_bill,
    zm_bill,
)

WHO = ("--operator", "lin")


@pytest.fixture
def ledger(migrated_url: str) -> Terminal:
    return Terminal(migrated_url)


def options(channel: str, kind: str = "trade") -> tuple[str, ...]:
    return ("--channel", channel, "--date", "2011-01-10", "--kind", kind, *WHO)


BILLS: list[tuple[bytes, tuple[str, ...], tuple[int, int, int, int]]] = [
    (wechat_bill(USUAL), options("WECHAT_PAY"), (3, 12_970, 970, 24_000)),
    (fund_bill(MOVES), options("WECHAT_PAY", "fund"), (3, 2_970, 970, 6_000)),
    (zm_bill(USUAL), options("CLOUD_QUICKPASS"), (3, 12_970, 970, 24_000)),
    (jd_bill(USUAL), options("JD_PAY"), (3, 12_970, 970, 24_000)),
    (alipay_bill(USUAL), (*options("JD_PAY"), "--format", "alipay_trade"),
     (3, 12_970, 970, 24_000)),
    (statement(ENTRIES), options("BANK_TRANSFER", "bank"), (3, 106_946, 8_946, 0)),
]  # fmt: skip


def test_a_bill_of_each_format_is_imported(ledger: Terminal, tmp_path: Path) -> None:
    for place, (raw, words, sums) in enumerate(BILLS):
        file = tmp_path / f"{place}"
        file.write_bytes(raw)
        found = ledger("bill", "import", file, *words, "--json").json()
        assert list(found) == [
            "channel", "date", "kind", "version", "sha256", "lines", "paid_fen", "refunded_fen",
            "fee_milli_fen", "refused",
        ]  # fmt: skip
        assert (found["channel"], found["kind"]) == (words[1], words[5])
        assert found["sha256"] == hashlib.sha256(raw).hexdigest()
        figures = (found["lines"], found["paid_fen"], found["refunded_fen"], found["fee_milli_fen"])
        assert figures == sums
        assert found["refused"] == []
    assert ledger("verify").code == 0


def test_the_same_file_is_the_same_version_and_a_re_issue_the_next(
    ledger: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "jd.csv"
    file.write_bytes(jd_bill(USUAL))
    first = ledger("bill", "import", file, *options("JD_PAY"), "--json").json()
    assert ledger("bill", "import", file, *options("JD_PAY"), "--json").json() == first
    file.write_bytes(jd_bill(USUAL[:1]))
    assert ledger("bill", "import", file, *options("JD_PAY"), "--json").json()["version"] == 2
    said = ledger("bill", "import", file, *options("JD_PAY"))
    assert "version 2: 1 lines" in said.out and "fees 0.00005" not in said.out
    none = ("bill", "no-trade", *options("JD_PAY"), "--json")
    assert ledger(*none).refused()["field"] == "replaces"
    told = ledger(*none, "--replaces", "2").json()
    assert (told["version"], told["lines"], told["replaces"], told["refused"]) == (3, 0, 2, [])
    shown = ledger(*none[:-1], "--replaces", "2").out
    assert "replaces version 2" in shown


def test_a_bill_that_cannot_be_read_is_refused_whole(ledger: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "w.csv"
    raw = wechat_bill(USUAL, totals={"订单总金额": "1.00"})
    file.write_bytes(raw)
    ran = ledger("bill", "import", file, *options("WECHAT_PAY"), "--json")
    assert ran.code == 2
    found = json.loads(ran.out)
    assert (found["version"], found["lines"], found["paid_fen"]) == (0, 0, 0)
    assert found["sha256"] == hashlib.sha256(raw).hexdigest()
    (refused,) = found["refused"]
    assert (refused["line"], refused["code"]) == (6, "total_wrong")
    assert "订单总金额" in refused["detail"]
    error = json.loads(ran.err)["error"]
    assert (error["code"], error["field"]) == ("bill_invalid", "file")


def test_a_bill_by_a_mapping_of_ones_own(ledger: Terminal, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_bytes(shipped("jd_pay"))
    file = tmp_path / "jd.csv"
    file.write_bytes(jd_bill(USUAL))
    words = ("bill", "import", file, *options("WECHAT_PAY"), "--map", tmp_path / "map.toml")
    assert ledger(*words, "--json").json()["lines"] == 3
    assert ledger("verify").code == 0
    ran = ledger(*words, "--format", "jd_pay", "--json")
    assert json.loads(ran.err)["error"]["field"] == "map"


@pytest.mark.parametrize(
    ("words", "code", "field"),
    [
        (("--channel", "NOBODY", "--date", "2011-01-10"), "channel_unknown", "channel"),
        (("--channel", "JD_PAY", "--date", "2011-1-10"), "date_invalid", "date"),
        (("--channel", "JD_PAY", "--date", "2099-01-10"), "day_not_begun", "date"),
        (("--channel", "JD_PAY", "--date", "1999-01-10"), "date_invalid", "date"),
        (("--channel", "JD_PAY", "--date", "9999-12-31"), "date_invalid", "date"),
        ((*options("JD_PAY")[:4], "--kind", "paper"), "request_invalid", "kind"),
        ((*options("JD_PAY")[:4], "--kind", "fund"), "request_invalid", "format"),
        ((*options("JD_PAY")[:4], "--format", "excel"), "request_invalid", "format"),
        ((*options("JD_PAY")[:4], "--format", "camt053"), "request_invalid", "format"),
        ((*options("JD_PAY")[:4], "--map", "nowhere.toml"), "request_invalid", "map"),
        ((*options("JD_PAY")[:4], "--operator", "a b"), "identifier_invalid", "operator"),
        (("--channel", "UNIONPAY_CARD", "--date", "2011-01-10"), "channel_not_registered",
         "channel"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_refused_by_name(
    lone: Terminal, tmp_path: Path, words: tuple[str, ...], code: str, field: str
) -> None:
    assert lone("init").code == 0
    file = tmp_path / "zm"
    file.write_bytes(zm_bill(USUAL))
    ran = lone("--json", "bill", "import", file, *(() if "--operator" in words else WHO), *words)
    assert ran.code == 2
    error = json.loads(ran.err)["error"]
    assert (error["code"], error["field"]) == (code, field)


def test_a_file_that_is_not_there_is_named(lone: Terminal, tmp_path: Path) -> None:
    assert lone("init").code == 0
    ran = lone("--json", "bill", "import", tmp_path / "none.csv", *options("JD_PAY"))
    error = json.loads(ran.err)["error"]
    assert (ran.code, error["field"]) == (2, "file") and "none.csv" in error["detail"]
    ran = lone("--json", "bill", "import", tmp_path, *options("JD_PAY"))
    assert ran.code == 2 and "irectory" in json.loads(ran.err)["error"]["detail"]
