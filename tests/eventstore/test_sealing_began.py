"""A ledger from before there were seals: what it has is sealed as it stands, and it goes on."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from alembic import command
from sqlalchemy import text

from api.http.keys import create_key, list_keys, revoke_key, wrong_keys
from domain.eventstore.database import IMMEDIATE, parse_database_url, sqlalchemy_engine
from domain.eventstore.guards import broken_guards
from domain.eventstore.opening import open_recorder
from domain.eventstore.recorder import GENESIS, Append, LedgerRecorder, commit_row
from domain.eventstore.seals import NO_SEAL
from domain.ledger.proof import Finding, verify_log
from domain.refusals import Refused
from migrations import run
from migrations.run import migrate
from tests.eventstore.rows import RECORDED_AT_US, commit, receipt

INSERT = """
    INSERT INTO commit_log
        (number, first_position, last_position, receipts, recorded_at_us, digest, hash)
    VALUES (:number, 1, 0, 1, :at, :digest, :hash)"""


def migrate_to(url: str, version: str) -> None:
    """As an older version of the software did it."""
    database = parse_database_url(url)
    engine = sqlalchemy_engine(database)
    options = {IMMEDIATE: True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        if database.dialect == "postgresql":
            run._prepare_schema(connection, database)
        command.upgrade(run._config(connection, database, ()), version)
    engine.dispose()


@pytest.fixture
def old_url(database_url: str) -> str:
    """Three commits, a key, and a revoked one, written by that version."""
    migrate_to(database_url, "0002")
    engine = sqlalchemy_engine(parse_database_url(database_url))
    head = GENESIS
    with engine.begin() as connection:
        for number in (1, 2, 3):
            kept = receipt(f"n{number}")
            row = commit_row(head, Append((), (kept,), (), RECORDED_AT_US + number), NO_SEAL)
            sql = "INSERT INTO receipts VALUES (:number, :digest, :outcome, :commit)"
            connection.execute(text(sql), {**kept._asdict(), "commit": number})
            values = {"number": number, "at": row.recorded_at_us, "digest": row.digest}
            connection.execute(text(INSERT), values | {"hash": row.hash})
            head = head._replace(number=number, hash=row.hash)
        for key, revoked in (("a", None), ("b", 9)):
            sql = "INSERT INTO api_keys VALUES (:id, :digest, 'auditor', NULL, 'note', 5, :revoked)"
            values = {"id": key, "digest": key.encode() * 32, "revoked": revoked}
            connection.execute(text(sql), values)
    engine.dispose()
    return database_url


def test_a_ledger_that_was_not_migrated_yet_is_refused_and_told_what_to_do(old_url: str) -> None:
    with pytest.raises(Refused, match="holds no ledger that can be read"):
        open_recorder(parse_database_url(old_url))


@pytest.fixture
def recorder(old_url: str) -> Iterator[LedgerRecorder]:
    migrate(old_url)
    with closing(open_recorder(parse_database_url(old_url))) as recorder:
        yield recorder


def tampered(url: str, *statements: str) -> None:
    engine = sqlalchemy_engine(parse_database_url(url))
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER commit_log_refuse_UPDATE"))
        else:
            connection.execute(text("DROP TRIGGER commit_log_append_only ON commit_log"))
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_it_goes_on_under_the_same_hashes_and_each_new_commit_has_a_seal(
    recorder: LedgerRecorder, old_url: str
) -> None:
    assert [row.seal_number for row in recorder.read_commits(0, 9)] == [0, 0, 0]
    assert len(recorder.read_changes(0, 9)) == 4  # The beginning, two keys, one revoked.
    head = commit(recorder, receipts=[receipt("n4")])
    assert head.number == 4
    assert recorder.newest()[1].number == 5
    assert verify_log(recorder) == []
    engine = sqlalchemy_engine(parse_database_url(old_url))
    create_key(engine, "auditor", None, lambda: 77)
    made = next(key for key in list_keys(engine) if key.created_at_us == 77)
    assert revoke_key(engine, made.id, lambda: 78)
    assert (wrong_keys(engine), broken_guards(engine)) == ([], [])
    assert verify_log(recorder) == []
    engine.dispose()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_time_from_before_is_sealed_as_it_stood(
    recorder: LedgerRecorder, old_url: str, number: int
) -> None:
    change = "UPDATE commit_log SET recorded_at_us = recorded_at_us + 1 WHERE number = "
    tampered(old_url, change + str(number))
    said = "their times are not the ones that were sealed"
    assert verify_log(recorder) == [Finding("seals", "commits 1 to 3", said)]


def test_the_end_from_before_cannot_be_cut_off(recorder: LedgerRecorder, old_url: str) -> None:
    for table in ("commit_log", "receipts"):
        engine = sqlalchemy_engine(parse_database_url(old_url))
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                connection.execute(text(f"DROP TRIGGER {table}_refuse_DELETE"))
            else:
                connection.execute(text(f"DROP TRIGGER {table}_append_only ON {table}"))
            column = "number" if table == "commit_log" else "commit_number"
            connection.execute(text(f"DELETE FROM {table} WHERE {column} = 3"))  # noqa: S608
        engine.dispose()
    assert "seals" in {one.check for one in verify_log(recorder)}
