"""Bringing a ledger up to date: its tables by migrations, then what an older ledger has to record.

What is recorded goes in by ordinary commands under numbers of their own. Killed half-way, it goes
on: what was recorded is answered from the receipts.
"""

from collections.abc import Callable
from contextlib import closing

from api.operations.desk import in_chunks
from domain.accounting.owning import OpenMirror
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.eventstore.opening import open_recorder
from domain.eventstore.upgrades import finish, unfinished
from domain.kernel import Request, shanghai_date
from domain.ledger import codec
from domain.ledger.ledger import Ledger
from domain.member import member
from domain.member.commands import SignAgreement
from domain.refusals import Code, Refused
from migrations.run import migrate

ACTOR = "system:upgrade"
PAGE = 10_000
REGISTERED = "member.registered."

# Told what is done, how much of it, of how much.
Told = Callable[[str, int, int | None], None]


def bring_up_to_date(database_url: str, told: Told = lambda *_: None) -> list[str]:
    """Create or migrate the ledger and finish its upgrades; the names of those finished now.

    Nothing happens when it is up to date. Raises what `migrate` and `open_recorder` raise, and
    Refused(REQUEST_INVALID, "database") for an upgrade of a newer version.
    """
    migrate(database_url)
    database = parse_database_url(database_url)
    engine = sqlalchemy_engine(database)
    try:
        upgrades = unfinished(engine)
        for one in upgrades:
            step = STEPS.get(one.name)
            if step is None:
                detail = f"this version does not know the upgrade {one.name!r}"
                raise Refused(Code.REQUEST_INVALID, "database", detail)
            with closing(Ledger(database, open_recorder(database, upgrading=True))) as ledger:
                step(ledger, one.until_position, told)
            finish(engine, one.name)
        return [one.name for one in upgrades]
    finally:
        engine.dispose()


def sign_instant(ledger: Ledger, until_position: int, told: Told) -> None:
    """Sign for mode instant with every merchant registered up to a position, from the day of its
    registration on: before there were agreements each of them had it."""
    after = 0
    while after < until_position:
        rows = ledger.recorder.read_log(after, min(PAGE, until_position - after))
        requests = []
        for row in rows:
            if row.name.startswith(REGISTERED):
                recorded = codec.decode(row)
                if recorded.fact.kind == "enterprise":
                    requests.append(_signing(recorded.fact, recorded.at_us))
        for answer in in_chunks(ledger, requests):
            answer.unwrap()
        after = rows[-1].position
        told("agreements", after, until_position)


def _signing(registered: member.Registered, at_us: int) -> Request:
    whose = registered.member_id
    command = SignAgreement(whose, "instant", shanghai_date(at_us))
    return Request(f"upgrade:instant:{whose}", at_us, ACTOR, command)


def open_own_books(ledger: Ledger, _until_position: int, _told: Told) -> None:
    """Open what the chart has since, and post the opening set of fees that were earned before, at
    the instant of the last fact: the same ledger gets the same bytes, whenever it is upgraded."""
    at_us = max((one.at_us for one in ledger.facts(ledger.head().position - 1, 1)), default=0)
    ledger.submit(Request("upgrade:own_books", at_us, ACTOR, OpenMirror())).unwrap()


# The name that a migration noted -> what the ledger has to record, in their order.
STEPS: dict[str, Callable[[Ledger, int, Told], None]] = {
    "instant_agreements": sign_instant,
    "own_books": open_own_books,
}
