"""`zhangfang drill cashier`: a few payers on each database, and proof that it can fail."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.databases import databases
from benchmarks.drills.cashier import judging
from benchmarks.drills.cashier.browser import read
from benchmarks.drills.cashier.drill import drill
from benchmarks.drills.cashier.judging import Books, checked_back, judged, named, unexplained
from benchmarks.drills.cashier.payers import Case, drawn
from benchmarks.drills.channels.comparing import Ours
from domain.cashier.session import Attempted
from domain.kernel import Recorded
from domain.payment.payment import BecameUnknown, Declined
from projections.models.contradictions import Contradiction
from projections.models.instructions import Instruction
from tests.api.cli.terminal import Terminal

SEED, FACTOR = 1, 600


def test_a_dozen_payers_on_sqlite(tmp_path: Path) -> None:
    """As the command does it."""
    words = ("--seed", str(SEED), "--sessions", "12", "--kills", "1", "--factor", str(FACTOR))
    ran = Terminal(f"sqlite:///{tmp_path / 'not-used.db'}")("drill", "cashier", *words, "--json")
    check(json.loads(ran.out), "sqlite", 12)
    assert ran.code == 0
    assert not (tmp_path / "not-used.db").exists()


@pytest.mark.postgresql
def test_a_few_payers_on_postgresql(postgres_url: str) -> None:
    with databases(["postgresql"], postgres_url) as made, made.empty("postgresql") as url:
        found = drill(url, lambda _: None, seed=SEED, sessions=6, kills=1, factor=FACTOR)
        check(found, "postgresql", 6)


def check(found: dict[str, Any], backend: str, sessions: int) -> None:
    print(json.dumps(found, ensure_ascii=False, indent=1))  # Shown when it fails.
    again = f"zhangfang drill cashier --backend {backend} --seed {SEED} --sessions {sessions}"
    assert found["again"].startswith(again)
    for name in ("wrong", "twice", "overtaken", "untrue", "strayed", "differences", "stranded"):
        assert found[name] == [], (name, again)
    assert found["at_rest"] and found["books_equal"] and found["verify"] == "clean", again
    assert found["passed"], again
    assert found["kills"] == {"server": 1, "simulator": 1}
    assert found["ends"].get("paid", 0) >= sessions // 3
    assert sum(found["ends"].values()) == sessions
    assert sum(fen for _, fen in found["totals"].values()) > 0
    assert found["choices"] > sessions // 2 and found["pages"] > sessions


def test_what_is_played_has_all_there_is_to_play() -> None:
    orders, cases = drawn(7, 200)
    assert len({one.session_no for one in cases}) == 200
    wallets = [one for one in cases if not one.order_no]
    assert any("amount_fen" in one.wish() for one in wallets)
    assert any(one.says_fen is not None for one in wallets)
    rivals = len(cases) - len(wallets) - len({one.order_no for one in cases if one.order_no})
    assert rivals > 5
    assert len({one.seconds for one in cases}) == 2
    assert max(len(one.lines) for one in orders) == 3
    assert drawn(7, 200) == (orders, cases)


# The judge.

CASE = Case("S1", "O1", "buyer1", 100, None, 60)
RIVAL = Case("S2", "O1", "buyer1", 100, None, 60)
FILLED = Case("S3", "", "buyer1", 50, None, 60)


def theirs(number: str, *amounts: int, back: int = 0, refunded: int = 0) -> dict[str, Any]:
    return {
        "kind": "payment", "number": number, "whole": None,
        "charges": [{"amount": fen} for fen in amounts],
        "reversals": [{"amount": back}] if back else [],
        "refunds": [{"amount": refunded, "state": "SUCCEEDED"}, {"amount": 1, "state": "DECLINED"}],
    }  # fmt: skip


def paid(*numbers: str, order: str = "O1") -> Books:
    return Books({order: list(numbers)}, {order}, [])


@pytest.mark.parametrize(
    ("books", "book"),
    [
        pytest.param(paid("S1-1"), [theirs("pay-S1-1", 100)], id="paid"),
        pytest.param(paid("S2-1"), [theirs("pay-S2-1", 100)], id="paid by the other session"),
        pytest.param(Books({}, set(), []), [theirs("pay-S1-1")], id="not paid"),
        pytest.param(
            paid("S1-2"),
            [theirs("pay-S1-1", 100, refunded=100), theirs("pay-S1-2", 100)],
            id="two, of which one went back",
        ),
        pytest.param(Books({}, set(), []), [theirs("pay-S1-1", 100, back=100)], id="taken back"),
    ],
)
def test_an_order_that_is_paid_once_or_not(books: Books, book: list[dict[str, Any]]) -> None:
    twice, strayed, kinds = judged([CASE, RIVAL], books, book)
    assert (twice, strayed) == ([], {})
    assert set(kinds.values()) == {"paid" if books.paid else "over"}


@pytest.mark.parametrize(
    ("books", "book", "counted", "strays"),
    [
        pytest.param(
            paid("S1-1", "S2-1"),
            [theirs("pay-S1-1", 100), theirs("pay-S2-1", 100)],
            True,
            True,
            id="two count",
        ),
        pytest.param(
            paid("S1-2"),
            [theirs("pay-S1-1", 100), theirs("pay-S1-2", 100)],
            False,
            True,
            id="two are held, one counts",
        ),
        pytest.param(
            Books({}, set(), []), [theirs("pay-S1-1", 100)], False, True, id="held for nothing"
        ),
        pytest.param(paid("S1-1"), [], False, True, id="paid with nothing"),
        pytest.param(
            paid("S1-1"), [theirs("pay-S1-1", 100, refunded=40)], False, True, id="some went back"
        ),
    ],
)
def test_what_an_order_may_not_come_to(
    books: Books, book: list[dict[str, Any]], counted: bool, strays: bool
) -> None:
    twice, strayed, _ = judged([CASE, RIVAL], books, book)
    assert (bool(twice), bool(strayed)) == (counted, strays)
    nowhere, there = unexplained(strayed, [CASE, RIVAL], {})
    assert (len(nowhere), there) == (1, [])
    fen = strayed["O1"]
    for known in ({"S9": [fen]}, {"S1": [fen + 1]}, {"S1": [fen * 2], "S2": [-fen * 3]}):
        assert unexplained(strayed, [CASE, RIVAL], known) == (nowhere, [])
    for known in ({"S1": [7, fen]}, {"S1": [fen - 3], "S2": [3]}):
        assert unexplained(strayed, [CASE, RIVAL], known) == ([], nowhere)


def said(name: str, kind: str, fen: int) -> Contradiction:
    return Contradiction(name, kind, "X", "certain", fen, "", 0, 1, None, 1)


def asked(name: str, purpose: str = "payment") -> Instruction:
    return Instruction(
        name, purpose, "payment-S1-1", "JD_PAY", 100, "buyer1", 0, 1, "succeeded", "S1", 2
    )


@pytest.mark.parametrize(
    ("one", "kind", "fen", "signed"),
    [
        (asked("pay-S1-1"), "second", 100, 100),
        (asked("pay-S1-1"), "late", 100, 100),
        (asked("pay-S1-1"), "more", 103, 3),
        (asked("pay-S1-1"), "less", 90, -10),
        (asked("pay-S1-1"), "declined", 100, -100),
        (asked("back-S1-1", "refund"), "late", 100, -100),
    ],
)
def test_what_a_contradiction_moves(one: Instruction, kind: str, fen: int, signed: int) -> None:
    heard = {one.instruction_id: [said(one.instruction_id, kind, fen)]}
    ours = Ours({one.instruction_id: one}, {}, heard, [], {}, [])
    assert named(ours, []) == {"S1": [signed]}


def test_a_wallet_that_one_session_fills_twice() -> None:
    books = Books({"S3": ["S3-1", "S3-2"]}, set(), [])
    twice, strayed, kinds = judged([FILLED], books, [theirs("pay-S3-1", 50)])
    assert len(twice) == 1 and not strayed and kinds == {"S3": "paid"}


def fact(position: int, stream: str, what: Any) -> Recorded:
    return Recorded(position, stream, 1, "", 0, "", "", "", what)


def chosen(attempt: int) -> Recorded:
    number = f"S1-{attempt}"
    return fact(attempt, "cashier-S1", Attempted(attempt, number, "JD_PAY", (), 100))


@pytest.mark.parametrize(
    ("between", "overtaken"),
    [
        pytest.param([fact(9, "payment-S1-1", Declined("order", "O1", "no"))], 0, id="declined"),
        pytest.param([fact(9, "payment-S1-1", BecameUnknown("?"))], 1, id="unknown"),
        pytest.param(
            [fact(9, "payment-S2-1", Declined("order", "O1", "no"))], 1, id="another's was declined"
        ),
        pytest.param([], 1, id="nothing"),
    ],
)
def test_a_choice_while_the_one_before_may_take_money(
    between: Sequence[Recorded], overtaken: int
) -> None:
    assert len(judging._overtaken([chosen(1), *between, chosen(2)])) == overtaken


def test_a_page_is_read_as_a_browser_reads_it() -> None:
    seen = read(
        '<div id="scene" class="scene choose"><form method="post" action="/pay/S1">'
        '<input type="hidden" name="token" value="t"><input name="amount">'
        '<input type="radio" name="method" value="JD_PAY">'
        '<input type="radio" name="method" value="WECHAT_PAY" disabled></form></div>'
    )
    assert (seen.kind, seen.action, seen.hidden) == ("choose", "/pay/S1", {"token": "t"})
    assert seen.methods == ["JD_PAY"] and seen.asks_amount and not seen.waits
    assert read('<div class="scene odd">').kind == ""


def test_the_way_back_is_checked_as_a_shop_does() -> None:
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    keys = {"1": urlsafe_b64encode(raw).decode().rstrip("=")}
    signature = urlsafe_b64encode(key.sign(b"S1\npaid\n5")).decode().rstrip("=")
    address = f"https://shop.example/?session_no=S1&state=paid&at=5&key=1&signature={signature}"
    assert checked_back(address, keys, "S1", "paid") == ""
    assert checked_back(address, keys, "S1", "over")
    assert checked_back(address, keys, "S2", "paid")
    assert checked_back(address.replace("state=paid", "state=over"), keys, "S1", "over")
    assert checked_back(address.replace("key=1", "key=2"), keys, "S1", "paid")
