"""`zhangfang import`, and the figures that come out of it."""

import csv
import gzip
import json
import signal
from datetime import date
from pathlib import Path

import pytest

from api.operations.feed import generate
from domain.eventstore.database import parse_database_url
from domain.eventstore.opening import open_recorder
from tests.api.cli.terminal import Terminal
from tests.api.operations.feed import feeds
from tests.feed_expectation import expected_books
from tests.servers import wait_until

THROUGH = ("--settle-through", "2011-02-15")


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty checkouts over three days and five merchants."""
    directory = tmp_path_factory.mktemp("feed")
    generate(directory, orders=60, merchants=5, days=3, seed=11)
    return directory


def test_statements_come_out_right_and_a_second_import_changes_nothing(
    terminal: Terminal, feed: Path, tmp_path: Path
) -> None:
    rejected = tmp_path / "rejected.csv"
    words = ("import", feed, *THROUGH, "--rejected", rejected, "--json")
    report = terminal(*words).json()
    assert (report["checkouts"], report["rejected"], report["hindrances"]) == (60, 0, [])
    assert report["rejected_file"] == str(rejected)
    assert rejected.read_text() == "\ufefffile,line,code,field,detail,row\n"
    for merchant, right in expected_books(feed).items():
        mine = terminal("statement", merchant, "--json").json()
        assert mine["sales"] - mine["refunds"] == right.sales_less_refunds
        assert mine["fees"] == right.fees
        assert mine["settled"] + mine["closing"] == right.settled_and_closing
        assert mine["in_escrow"] == 0
        for kind in ("sales", "refunds", "fees", "settled", "recovered"):
            amounts = [line["amount"] for line in mine["lines"] if line["kind"] == kind]
            assert mine[kind] == sum(amounts), (merchant, kind)
    balance = terminal("trial-balance", "--json").json()
    assert balance["balanced"] and balance["debits"] == balance["credits"] > 0
    assert terminal("verify", "--json").json()["clean"]
    again = terminal(*words).json()
    assert (again["new"], again["facts"], again["position"]) == (0, 0, report["position"])
    assert "Nothing was new" in terminal(*words[:-1]).out


def test_refused_rows_are_written_and_counted_and_strict_says_so(
    lone: Terminal, tmp_path: Path
) -> None:
    feeds.write(
        tmp_path,
        orders=feeds.orders(feeds.NUTS, feeds.TEA.replace("2000", "NaN")),
        refunds=feeds.refunds(feeds.BACK, feeds.BACK.replace("R1", "R2").replace("500", "9999")),
    )
    rejected = tmp_path / "rejected.csv"
    words = ("import", tmp_path, "--rejected", rejected)
    loose = lone(*words)
    assert loose.code == 0
    assert f"2 rows were refused; lines and reasons: {rejected}" in loose.out
    assert [(row["file"], row["line"], row["code"], row["field"]) for row in listed(rejected)] == [
        ("orders.csv", "3", "amount_invalid", "amount"),
        ("refunds.csv", "3", "refund_exceeds_paid", "amount_fen"),
    ]
    strict = lone(*words, "--strict", "--json")
    assert strict.code == 1
    answer = json.loads(strict.out)
    assert answer["rejected_file"] != str(rejected), "no list is overwritten"
    assert len(listed(rejected)) == len(listed(Path(answer["rejected_file"]))) == 2
    assert lone("statement", "SHOP1", "--json").json()["in_escrow"] == 1_030


def listed(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("name", "content", "field"),
    [
        pytest.param("merchants.csv", b"", "merchants.csv", id="an empty file"),
        pytest.param("orders.csv.gz", b"no gzip", "orders.csv", id="both forms"),
        pytest.param("orders.csv", b"a,b,c\n1,2,3\n", "orders.csv", id="other columns"),
    ],
)
def test_a_feed_that_cannot_be_used_is_refused_whole(
    lone: Terminal, tmp_path: Path, name: str, content: bytes, field: str
) -> None:
    feeds.write(tmp_path, orders=feeds.orders(feeds.NUTS))
    (tmp_path / name).write_bytes(content)
    words = ("import", tmp_path, "--rejected", tmp_path / "rejected.csv", "--json")
    error = lone(*words).refused()
    assert (error["code"], error["field"]) == ("request_invalid", field)
    assert lone("trial-balance", "--json").json()["rows"] == []


def test_ctrl_c_ends_an_import_that_the_same_command_finishes(
    lone: Terminal, tmp_path: Path
) -> None:
    generate(tmp_path / "feed", orders=500, merchants=5, days=10, seed=3)
    words = ("import", tmp_path / "feed", *THROUGH, "--rejected", tmp_path / "r.csv")
    lone("init")
    recorder = open_recorder(parse_database_url(lone.url))
    with lone.process(*words) as process:
        begun = wait_until(lambda: recorder.head().position > 1_000 or process.poll(), 60)
        assert begun and process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    reached = recorder.head().position
    recorder.close()
    assert process.returncode == 130
    assert "goes on where this one stopped" in said
    assert "Traceback" not in said
    assert lone(*words).code == 0
    whole = Terminal(f"sqlite:///{tmp_path / 'whole.db'}")
    assert whole(*words).code == 0
    for merchant in expected_books(tmp_path / "feed"):
        mine = lone("statement", merchant, "--json").json()
        assert mine == whole("statement", merchant, "--json").json()
    assert lone("verify", "--json").json()["ledger"]["facts"] > reached


def test_a_feed_is_generated_the_same_from_the_same_seed(lone: Terminal, tmp_path: Path) -> None:
    sizes = ("--orders", "30", "--merchants", "3", "--days", "2", "--seed", "5")
    answer = lone("feed", "generate", tmp_path / "a", *sizes, "--json").json()
    assert answer["files"] == ["merchants.csv.gz", "orders.csv.gz", "refunds.csv.gz"]
    assert "30 checkouts" in lone("feed", "generate", tmp_path / "b", *sizes).out
    for name in answer["files"]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    with gzip.open(tmp_path / "a" / "orders.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    assert len({row["order_no"] for row in rows}) == 30
    first = min(date.fromisoformat(row["placed_at"][:10]) for row in rows)
    assert first == date(2011, 1, 4)


def test_terms_told_beside_the_merchants_file_are_what_merchants_are_settled_by(
    lone: Terminal, feed: Path, tmp_path: Path
) -> None:
    with gzip.open(next(feed.glob("merchants.csv*")), "rt", encoding="utf-8") as file:
        merchant = next(csv.DictReader(file))["merchant"]
    terms = tmp_path / "terms.toml"
    terms.write_text(f"[{merchant}]\nreserve_bps = 1000\nreserve_days = 30\n")
    words = ("import", feed, *THROUGH, "--terms", terms, "--json")
    assert lone(*words).json()["hindrances"] == []
    mine = lone("statement", merchant, "--json").json()
    assert mine["withheld"] > 0
    kept = sum(line["amount"] for line in mine["lines"] if line["kind"] == "withheld")
    assert (mine["withheld"], mine["closing"]) == (kept, kept - mine["released"])
    assert lone("verify", "--json").json()["clean"]
    assert lone(*words).json()["facts"] == 0
    without = lone("import", feed, *THROUGH, "--json").json()
    assert without["facts"] == 0, "the merchants file says the cycle alone"
    terms.write_text("[NOBODY]\nreserve_bps = 1000\nreserve_days = 30\n")
    refused = lone(*words)
    assert refused.code != 0 and "terms.NOBODY" in refused.out + refused.err
