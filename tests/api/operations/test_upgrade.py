"""An older ledger: its merchants keep mode instant, and `zhangfang init` may be killed half-way."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import text

from api.operations import upgrade
from domain.clearing.commands import OpenBooks
from domain.eventstore import opening
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.eventstore.opening import NoLedger, UnfinishedUpgrade, open_recorder
from domain.kernel import DAY_US, Command, Request
from domain.ledger.ledger import Ledger
from domain.ledger.proof import verify_log
from domain.member.commands import RegisterMember, SignAgreement
from domain.money import FeeRule
from domain.order.commands import Checkout
from domain.order.order import OrderLine
from domain.refusals import Code
from tests.api.cli.terminal import Terminal
from tests.eventstore.test_sealing_began import migrate_to
from tests.examples import BUYER, MAKER, PAID_AT, PAY_DAY
from tests.shops import shop

SHOPS = [f"SHOP{n}" for n in range(7)]


def instant(merchant: str) -> Checkout:
    return Checkout(f"O{merchant}", BUYER, (OrderLine(merchant, 100, "x"),), "instant")


def send(ledger: Ledger, *commands: tuple[int, Command]) -> list[Any]:
    """Each under a number of its own."""
    start = ledger.head().number
    return [
        ledger.submit(Request(f"n{start}-{n}", at_us, MAKER, command))
        for n, (at_us, command) in enumerate(commands)
    ]


@pytest.fixture
def old_url(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Books of the version before, with seven merchants registered on seven days."""
    migrate_to(database_url, "0004")
    with monkeypatch.context() as patched:
        patched.setattr(opening, "_refuse_unfinished", lambda *_, **__: None)  # It knew no such.
        ledger = Ledger.open(database_url)
    shops = [
        (PAID_AT + n * DAY_US, shop(one, one, FeeRule(60), "T+1")) for n, one in enumerate(SHOPS)
    ]
    opened = [(PAID_AT, OpenBooks(PAY_DAY)), (PAID_AT, RegisterMember(BUYER, "personal", "Li"))]
    with closing(ledger):
        assert not [one for one in send(ledger, *opened, *shops) if one.refused]
    yield database_url


def signings(url: str) -> list[tuple[str, Any, str, int]]:
    with closing(Ledger.open(url)) as ledger:
        return [
            (one.stream, one.fact.effective_from.isoformat(), one.actor, one.at_us)
            for one in ledger.facts(0, 10_000)
            if one.name == "member.agreement_signed.1"
        ]


def test_an_older_version_s_ledger_is_not_opened_before_init(old_url: str) -> None:
    with pytest.raises(NoLedger):
        open_recorder(parse_database_url(old_url))
    migrate_to(old_url, "0006")
    with pytest.raises(UnfinishedUpgrade, match="instant_agreements"):
        open_recorder(parse_database_url(old_url))


@pytest.mark.parametrize(
    "words",
    [("serve", "--port", "0"), ("import", "."), ("verify",), ("desk",), ("trial-balance",)],
    ids=" ".join,
)
def test_every_command_says_to_run_init(
    old_url: str, words: tuple[str, ...], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    migrate_to(old_url, "0006")
    error = Terminal(old_url)(*words, "--json").refused()
    assert error["field"] == "database"
    assert "run `zhangfang init`" in error["detail"]


def test_merchants_of_an_older_ledger_keep_mode_instant(old_url: str) -> None:
    terminal = Terminal(old_url)
    assert terminal("init", "--json").json()["upgrades"] == ["instant_agreements", "own_books"]
    signed = signings(old_url)
    assert signed == [
        (f"member-SHOP{n}", f"2010-12-0{n + 1}", "system:upgrade", PAID_AT + n * DAY_US)
        for n in range(7)
    ]
    assert terminal("init", "--json").json()["upgrades"] == []
    assert signings(old_url) == signed
    with closing(Ledger.open(old_url)) as ledger:
        late = PAID_AT + 9 * DAY_US
        new = shop("NEW", "New", FeeRule(60), "T+1")
        wanted = [(late, instant("SHOP6")), (late, new), (late, instant("NEW"))]
        kept, registered, refused = send(ledger, *wanted)
        assert kept.refused is None and registered.refused is None
        assert refused.refused.code is Code.AGREEMENT_MISSING
        assert verify_log(ledger.recorder) == []
    assert terminal("verify", "--json").json()["clean"]


class Killed(BaseException):
    """The process ends here."""


def test_init_that_was_killed_goes_on(old_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of three facts, killed after each of them in turn; each signs once."""
    monkeypatch.setattr(upgrade, "PAGE", 3)

    def killing(what: str, done: int, _total: int | None) -> None:
        if what == "agreements" and done > reached[-1]:
            reached.append(done)
            raise Killed

    reached = [0]
    while True:
        try:
            upgrade.bring_up_to_date(old_url, killing)
        except Killed:
            with pytest.raises(UnfinishedUpgrade):
                open_recorder(parse_database_url(old_url))
            continue
        break
    assert len(reached) > 10
    assert [stream for stream, *_ in signings(old_url)] == [f"member-{shop}" for shop in SHOPS]


def test_killed_after_the_last_signature_it_still_finishes(
    old_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(upgrade, "finish", dies)
        with pytest.raises(Killed):
            upgrade.bring_up_to_date(old_url)
    assert upgrade.bring_up_to_date(old_url) == ["instant_agreements", "own_books"]
    assert len(signings(old_url)) == len(SHOPS)
    assert upgrade.bring_up_to_date(old_url) == []


def test_an_upgraded_ledger_has_the_same_bytes_however_it_was_killed(old_url: str) -> None:
    """What is signed depends on the ledger alone, not on when init ran."""
    upgrade.bring_up_to_date(old_url)
    with closing(Ledger.open(old_url)) as ledger:
        requests = [
            upgrade._signing(one.fact, one.at_us)
            for one in ledger.facts(0, 10_000)
            if one.name == "member.registered.1" and one.fact.kind == "enterprise"
        ]
        answers = ledger.submit_all(requests)
        assert all(answer.replayed and answer.refused is None for answer in answers)
        assert all(isinstance(one.command, SignAgreement) for one in requests)


def test_a_new_ledger_has_nothing_to_finish(database_url: str) -> None:
    assert upgrade.bring_up_to_date(database_url) == []
    engine = sqlalchemy_engine(parse_database_url(database_url))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM upgrades")).scalar() == 0
    engine.dispose()


def test_an_upgrade_of_a_newer_version_is_said_to_be_one(old_url: str) -> None:
    upgrade.bring_up_to_date(old_url)
    engine = sqlalchemy_engine(parse_database_url(old_url))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO upgrades VALUES ('from_the_future', 1, FALSE)"))
    engine.dispose()
    error = Terminal(old_url)("init", "--json").refused()
    assert "from_the_future" in error["detail"]
