"""Bytes that a request names are kept by the commit that keeps its answer, on both databases."""

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from domain.eventstore import blobs
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.eventstore.recorder import Append, LedgerRecorder
from domain.kernel import Request
from domain.ledger.ledger import Ledger
from domain.refusals import Code, Refused
from tests.eventstore.rows import RECORDED_AT_US, receipt
from tests.ledger.conftest import LedgerOpener
from tests.ledger.requests import FRIENDS, balance, request, transfer
from tests.ledger.test_ledger_defects import Homeless

SAID, MORE = b'{"said":"\xe8\xb4\xa6"}\0\xff\\', b""


def naming(one: Request, *contents: bytes) -> Request:
    return replace(one, blobs=contents)


def kept(url: str) -> set[bytes]:
    engine = sqlalchemy_engine(parse_database_url(url))
    try:
        with engine.connect() as connection:
            count = connection.execute(select(func.count()).select_from(blobs.BLOBS)).scalar()
            found = {row.bytes for row in connection.execute(select(blobs.BLOBS))}
            assert len(found) == count
            assert all(blobs.read(connection, blobs.name_of(one)) == one for one in found)
            return found
    finally:
        engine.dispose()


@pytest.mark.parametrize("together", [False, True])
def test_what_is_answered_keeps_its_bytes_once(
    ledger: Ledger, migrated_url: str, *, together: bool
) -> None:
    accepted = naming(transfer("X1", 7), SAID, MORE)
    refused = naming(transfer("X2", 1_000_000), SAID, b"no")
    wanted = [accepted, refused, naming(transfer("X3", 1), SAID), accepted]
    answers = ledger.submit_all(wanted) if together else [ledger.submit(one) for one in wanted]
    assert [answer.refused is None for answer in answers] == [True, False, True, True]
    assert answers[-1].replayed
    assert balance(ledger, FRIENDS) == 8
    assert kept(migrated_url) == {SAID, MORE, b"no"}


def test_bytes_that_are_there_are_no_hindrance(
    ledger: Ledger, open_ledger: LedgerOpener, migrated_url: str
) -> None:
    engine = sqlalchemy_engine(parse_database_url(migrated_url))
    blobs.put(engine, [SAID])
    engine.dispose()
    ledger.submit(naming(transfer("X1"), SAID)).unwrap()
    open_ledger().submit(naming(transfer("X2"), SAID, MORE)).unwrap()
    ledger.submit(naming(transfer("X3"), MORE)).unwrap()  # Decided anew: another has written.
    assert kept(migrated_url) == {SAID, MORE}


def test_of_what_is_not_recorded_nothing_is_kept(ledger: Ledger, migrated_url: str) -> None:
    ledger.submit(naming(transfer("X1", 7), SAID)).unwrap()
    conflict = naming(transfer("X1", 8), b"of a conflict")
    malformed = naming(transfer("X9", 0), b"of no amount")
    nobodys = naming(request(Homeless()), b"of no command")
    for one, code in (
        (conflict, Code.REQUEST_CONFLICT),
        (malformed, Code.AMOUNT_INVALID),
        (nobodys, Code.REQUEST_INVALID),
    ):
        answer = ledger.submit(one)
        assert answer.refused is not None
        assert answer.refused.code is code
    assert kept(migrated_url) == {SAID}


def test_bytes_go_with_the_commit_that_fails(recorder: LedgerRecorder, migrated_url: str) -> None:
    with pytest.raises(Refused), recorder.writing() as session:
        session.append(Append((), (receipt("n1"),), (), RECORDED_AT_US, (SAID,)))
        raise Refused(Code.BUSY)
    assert recorder.read_receipts(["n1"]) == []
    assert kept(migrated_url) == set()
