"""The books for other programs: what is written is read back, by hledger too where it is there."""

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from api.cli import export_csv
from api.cli.export_hledger import hledger
from projections.models.journal import JournalLine
from tests.api.cli.terminal import PROGRAM, ROOT, Terminal
from tests.examples import MERCHANT, PAID_AT, PAY_DAY

HLEDGER = shutil.which("hledger")


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_journal_as_plain_text_is_the_golden_one(books: Terminal, tmp_path: Path) -> None:
    chapters = ("story", "story_bills")
    parts = [(ROOT / f"tests/golden/{one}.journal").read_text("utf-8") for one in chapters]
    golden = "\n".join(parts)
    assert books("export", "journal").out == golden
    file = tmp_path / "books.journal"
    told = books("export", "journal", "--output", file, "--json").json()
    assert told == {"output": str(file), "bytes": len(golden.encode())}
    assert file.read_text("utf-8") == golden
    assert [one.name for one in tmp_path.glob("*.journal*")] == ["books.journal"]


def test_the_journal_as_csv_adds_up_to_the_trial_balance(books: Terminal) -> None:
    lines = read_csv(books("export", "journal", "--format", "csv").out)
    trial = read_csv(books("export", "trial-balance").out)
    nets: dict[str, int] = {}
    for line in lines:
        moved = int(line["debit_fen"]) - int(line["credit_fen"])
        nets[line["code"]] = nets.get(line["code"], 0) + moved
    assert nets == {row["code"]: int(row["debit_fen"]) - int(row["credit_fen"]) for row in trial}
    assert sum(nets.values()) == 0
    positions = [(int(line["position"]), int(line["line_no"])) for line in lines]
    assert positions == sorted(set(positions))
    for name in (*export_csv.JOURNAL, *export_csv.TRIAL_BALANCE, *export_csv.POSITIONS):
        assert not re.search(r"(debit|credit|received|refunded|paid|paid_out|net|at_utc)$", name), (
            f"{name} has no unit"
        )


def test_a_span_has_its_days_and_spans_make_up_the_whole(books: Terminal) -> None:
    whole = read_csv(books("export", "journal", "--format", "csv").out)
    dates = sorted({line["accounting_date"] for line in whole})
    assert len(dates) > 2
    middle = dates[1]
    before = read_csv(books("export", "journal", "--format", "csv", "--to", middle).out)
    after = read_csv(books("export", "journal", "--format", "csv", "--from", middle).out)
    assert before + after == whole
    assert {line["accounting_date"] for line in before} == set(dates[:1])
    one = books("export", "journal", "--format", "csv", "--from", middle, "--to", middle)
    assert read_csv(one.out) == []
    assert books("export", "journal", "--to", "2001-01-01").out == ""


def test_positions_are_those_of_the_days(books: Terminal) -> None:
    rows = read_csv(books("export", "positions").out)
    days = sorted({row["accounting_date"] for row in rows})
    for day in days:
        told = books("positions", "--date", day, "--json").json()["channels"]
        mine = [row for row in rows if row["accounting_date"] == day]
        assert [(one["channel"], str(one["net"])) for one in told] == [
            (row["channel"], row["net_fen"]) for row in mine
        ]
    some = read_csv(books("export", "positions", "--from", days[1]).out)
    assert some == [row for row in rows if row["accounting_date"] >= days[1]]


@pytest.mark.skipif(
    HLEDGER is None, reason="hledger is not installed (Debian: apt install hledger)"
)
def test_hledger_reads_the_journal_and_comes_to_the_same_balances(books: Terminal) -> None:
    assert HLEDGER is not None
    journal = books("export", "journal").out

    def run(*words: str) -> str:
        ran = subprocess.run(
            [HLEDGER, "-f", "-", *words],
            input=journal,
            capture_output=True,
            text=True,
            check=True,
            env={"LANG": "C.UTF-8"},
        )
        return ran.stdout

    run("check")
    found: dict[str, int] = {}
    for row in read_csv(run("balance", "--flat", "-N", "-O", "csv")):
        code = row["account"].partition(":")[2].partition(" ")[0]
        fen = int(row["balance"].removesuffix(" CNY").replace(".", ""))
        found[code] = found.get(code, 0) + fen
    trial = read_csv(books("export", "trial-balance").out)
    expected = {row["code"]: int(row["debit_fen"]) - int(row["credit_fen"]) for row in trial}
    assert found == {code: fen for code, fen in expected.items() if fen}


def line(actor: str, command: str, account: str = f"2241.04.{MERCHANT}") -> JournalLine:
    return JournalLine(
        7, 1, account, PAY_DAY, 5, 0, "CNY", "r.1", "s-1#2", "s-1", "f.1", PAID_AT, actor, command
    )


EVIL = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "'=1", '=HYPERLINK("http://x")')


@pytest.mark.parametrize("text", EVIL)
def test_no_cell_is_a_formula_and_every_text_can_be_had_back(text: str) -> None:
    written = "".join(export_csv.journal([line(text, text)]))
    (row,) = csv.DictReader(io.StringIO(written, newline=""))
    assert row["command"] == row["actor"] == f"'{text}"
    assert (row["debit_fen"], row["at_utc_us"]) == ("5", str(PAID_AT))


def test_numbers_below_zero_are_numbers_and_no_formulas() -> None:
    assert [export_csv.safe_cell(value) for value in (-5, 0, None, "", "5", "a=b")] == [
        "-5",
        "0",
        "",
        "",
        "5",
        "a=b",
    ]


def test_nothing_of_a_comment_becomes_an_entry() -> None:
    text = "".join(hledger([line("x\n2020-01-01 evil\n    a  1 CNY", "y\r\n")]))
    assert len(text.splitlines()) == 3
    assert text.splitlines()[1].startswith("    ; ")


WRONG: list[tuple[tuple[str, ...], str, str]] = [
    (("journal", "--format", "xlsx"), "request_invalid", "format"),
    (("journal", "--from", "2010-13-01"), "date_invalid", "from"),
    (("journal", "--from", "2011-01-02", "--to", "2011-01-01"), "date_invalid", "to"),
    (("positions", "--from", "2011-01-02", "--to", "2011-01-01"), "date_invalid", "to"),
    (("trial-balance", "--as-of", "tomorrow"), "date_invalid", "as-of"),
    (("trial-balance",), "request_invalid", "json"),
    (("journal", "--output", "/"), "request_invalid", "output"),
    (("journal", "--output", "/no/such/folder/x"), "request_invalid", "output"),
]


@pytest.mark.parametrize(("words", "code", "field"), WRONG)
def test_what_cannot_be_exported_is_refused(
    lone: Terminal, words: tuple[str, ...], code: str, field: str
) -> None:
    assert lone("init").code == 0
    error = lone("export", *words, "--json").refused()
    assert error["code"] == code and error["field"] == field


def test_a_byte_order_mark_for_those_who_need_one(books: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "trial.csv"
    assert books("export", "trial-balance", "--bom", "--output", file).code == 0
    assert file.read_bytes().startswith(b"\xef\xbb\xbfcode,title")
    assert not books("export", "trial-balance").out.startswith("\ufeff")


def test_what_is_exported_is_utf_8_whatever_the_terminal_is(lone_books: Terminal) -> None:
    ran = subprocess.run(
        [*PROGRAM, "--database", lone_books.url, "export", "trial-balance"],
        capture_output=True,
        cwd=ROOT,
        env={"LANG": "C", "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert "担保交易中间户" in ran.stdout.decode("utf-8")
    assert ran.stderr == b""
